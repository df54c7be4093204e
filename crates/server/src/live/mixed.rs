//! The newest news of all tasks in one ring, bounded in count and bytes, and
//! the names of the tasks whose older news are gone.
//!
//! News are numbered as they come: their places. Who is so far behind that news
//! are gone learns which tasks they were about.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::update::Update;

/// Tasks whose lost news are remembered by name.
pub(super) const NAMES: usize = 8192;
/// What news take beside their update, bytes, about.
const NEWS_BYTES: usize = 128;

/// Something happened to a task.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) task_id: Arc<str>,
    /// The events behind this one are what happened...
    pub(crate) after: u64,
    /// ...up to this one.
    pub(crate) to: u64,
    /// The event itself, for those who are told of it here. Without: it is in
    /// the log, or is gone from there, too.
    pub(crate) update: Option<Arc<Update>>,
}

/// What a follower is given.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Everything up to here was taken.
    pub(crate) at: u64,
    /// What was lost, once for each task, as far as it is known.
    pub(crate) lost: Vec<News>,
    /// Whether more was lost, nobody knows of which tasks.
    pub(crate) lost_more: bool,
    pub(crate) news: Vec<News>,
}

impl Taken {
    /// Whether nothing came.
    pub(crate) fn is_empty(&self) -> bool {
        self.news.is_empty() && self.lost.is_empty() && !self.lost_more
    }
}

/// A gapless run of news that ends at `head`.
#[derive(Debug)]
pub(crate) struct Mixed {
    limit: usize,
    byte_limit: usize,
    news: VecDeque<News>,
    head: u64,
    bytes: usize,
    /// What is gone, by the place of each task's newest.
    gone: BTreeMap<u64, News>,
    /// Key of a task in `gone`.
    gone_of: HashMap<Arc<str>, u64>,
    /// Up to this place what is gone is forgotten, too.
    forgotten: u64,
}

impl Mixed {
    pub(crate) fn new(limit: usize, byte_limit: usize) -> Mixed {
        Mixed {
            limit,
            byte_limit,
            news: VecDeque::new(),
            head: 0,
            bytes: 0,
            gone: BTreeMap::new(),
            gone_of: HashMap::new(),
            forgotten: 0,
        }
    }

    /// Place of the newest.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn push(&mut self, news: News) {
        self.head += 1;
        self.bytes += news.bytes();
        self.news.push_back(news);
        while self.news.len() > self.limit || (self.bytes > self.byte_limit && self.news.len() > 1) {
            self.drop_oldest();
        }
    }

    /// What came behind place `at`, at most `limit` of it.
    pub(crate) fn take(&self, at: u64, limit: usize) -> Taken {
        let oldest = self.head - self.news.len() as u64;
        if at >= oldest {
            // What is held is counted by a number of this size.
            let skipped = usize::try_from(at - oldest).unwrap_or(usize::MAX).min(self.news.len());
            let news: Vec<News> = self.news.range(skipped..).take(limit).cloned().collect();
            return Taken { at: at + news.len() as u64, news, ..Taken::default() };
        }
        let lost = self.gone.range(at + 1..).map(|(_, news)| news.clone()).collect();
        Taken { at: oldest, lost, lost_more: at < self.forgotten, news: Vec::new() }
    }

    fn drop_oldest(&mut self) {
        let place = self.head + 1 - self.news.len() as u64;
        let Some(oldest) = self.news.pop_front() else { return };
        self.bytes -= oldest.bytes();
        let before = self.gone_of.insert(oldest.task_id.clone(), place);
        let after = match before.and_then(|place| self.gone.remove(&place)) {
            Some(older) => older.after.min(oldest.after),
            None => oldest.after,
        };
        self.gone.insert(place, News { after, update: None, ..oldest });
        if self.gone.len() > NAMES
            && let Some((place, news)) = self.gone.pop_first()
        {
            self.gone_of.remove(&news.task_id);
            self.forgotten = place;
        }
    }
}

impl News {
    fn bytes(&self) -> usize {
        NEWS_BYTES + self.update.as_ref().map_or(0, |update| update.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(task: usize, seq: u64) -> News {
        News { task_id: format!("t{task}").into(), after: seq - 1, to: seq, update: None }
    }

    fn seqs(taken: &Taken) -> Vec<u64> {
        taken.news.iter().map(|news| news.to).collect()
    }

    #[test]
    fn who_keeps_up_gets_all_and_who_does_not_gets_the_names_once_and_then_the_rest() {
        let mut mixed = Mixed::new(3, usize::MAX);
        assert_eq!(mixed.take(0, 9).at, 0);
        (1..=3).for_each(|seq| mixed.push(news(0, seq)));
        let taken = mixed.take(0, 2);
        assert_eq!((taken.at, seqs(&taken), taken.lost.len()), (2, vec![1, 2], 0));
        assert_eq!(seqs(&mixed.take(2, 2)), [3]);
        // Gone are 1 and 2 of t0 and 5 of t1.
        for (task, seq) in [(1, 5), (0, 4), (1, 6), (1, 7)] {
            mixed.push(news(task, seq));
        }
        for (at, expected) in [(0, vec![("t0", 0, 3), ("t1", 4, 5)]), (3, vec![("t1", 4, 5)])] {
            let taken = mixed.take(at, 9);
            let lost: Vec<_> = taken.lost.iter().map(|news| (&*news.task_id, news.after, news.to)).collect();
            assert_eq!((lost, taken.at, taken.lost_more), (expected, 4, false));
            assert_eq!(seqs(&mixed.take(taken.at, 9)), [4, 6, 7]);
        }
        assert_eq!(seqs(&mixed.take(4, 9)), [4, 6, 7]);
    }

    #[test]
    fn names_are_bounded_and_what_is_forgotten_is_known_to_be_lost() {
        let mut mixed = Mixed::new(1, usize::MAX);
        (0..NAMES + 3).for_each(|task| mixed.push(news(task, 1)));
        // Held is the last one; the two before the names that fit are forgotten.
        for (at, lost, lost_more) in
            [(0, NAMES, true), (1, NAMES, true), (2, NAMES, false), (3, NAMES - 1, false)]
        {
            let taken = mixed.take(at, 9);
            assert_eq!((taken.lost.len(), taken.lost_more), (lost, lost_more), "at {at}");
        }
        assert_eq!(mixed.gone_of.len(), NAMES);
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_stays() {
        let mut mixed = Mixed::new(100, 2 * NEWS_BYTES);
        (1..=5).for_each(|seq| mixed.push(news(0, seq)));
        assert_eq!((mixed.news.len(), mixed.bytes), (2, 2 * NEWS_BYTES));
        let mut mixed = Mixed::new(100, 1);
        mixed.push(news(0, 1));
        assert_eq!(seqs(&mixed.take(0, 9)), [1]);
    }
}
