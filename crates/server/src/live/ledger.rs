//! How far those who follow all tasks were told of each one. Pure.
//!
//! They are told every event once and in the order of its task: the ledger
//! passes what comes next, and notes which tasks have to be read from the log.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::log::Head;

/// Ended tasks that are remembered, so that what is announced of them again is
/// not told again.
const ENDED: usize = 4096;

/// One for all who follow all tasks.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    tasks: HashMap<Arc<str>, Told>,
    /// Those of them that have ended, in that order.
    ended: VecDeque<Arc<str>>,
    /// Tasks whose next event did not come through the feed, and how much the
    /// log is known to hold of them.
    behind: HashMap<Arc<str>, u64>,
    /// Largest id of a task when the telling began: those that are not larger
    /// and not known had ended by then.
    begun: Option<String>,
    /// Largest id of a task that the log was seen to hold.
    newest: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// All up to here.
    seq: u64,
    ended: bool,
}

impl Ledger {
    /// Begins anew: these are the tasks that have not ended, and the newest.
    /// What happened up to now counts as told.
    pub(super) fn begin(&mut self, heads: Vec<Head>) {
        *self = Ledger::default();
        self.learn_newest(&heads);
        self.begun = Some(self.newest.clone());
        let told = |Head { task_id, seq }: Head| (task_id.into(), Told { seq, ended: false });
        self.tasks = heads.into_iter().map(told).collect();
    }

    /// Whether that was ever done.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether this event is the next one to be told of its task; it counts as
    /// told then.
    pub(super) fn take(&mut self, task_id: &str, seq: u64, ended: bool) -> Option<Arc<str>> {
        let (task_id, told) = match self.tasks.get_key_value(task_id) {
            Some((task_id, told)) => (task_id.clone(), *told),
            None if self.begun.as_deref().is_some_and(|begun| task_id <= begun) => return None,
            None => (task_id.into(), Told::default()),
        };
        if seq <= told.seq {
            return None;
        }
        if seq > told.seq + 1 {
            self.tasks.insert(task_id.clone(), told);
            self.fall_behind(task_id, seq);
            return None;
        }
        if ended {
            self.ended.push_back(task_id.clone());
        }
        self.tasks.insert(task_id.clone(), Told { seq, ended });
        if self.ended.len() > ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.tasks.remove(&oldest);
        }
        Some(task_id)
    }

    /// Counts all up to `seq` as told: it is gone.
    pub(super) fn skip(&mut self, task_id: &Arc<str>, seq: u64) {
        let told = self.tasks.entry(task_id.clone()).or_default();
        told.seq = told.seq.max(seq);
    }

    /// Up to where a task was told.
    pub(super) fn told(&self, task_id: &str) -> u64 {
        self.tasks.get(task_id).map_or(0, |told| told.seq)
    }

    /// Tasks that are not known to have ended.
    pub(super) fn open(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tasks.iter().filter(|(_, told)| !told.ended).map(|(task_id, _)| task_id)
    }

    /// Largest id of a task that the log was seen to hold.
    pub(super) fn newest(&self) -> &str {
        &self.newest
    }

    /// Learns which tasks the log holds beyond that.
    pub(super) fn learn_newest(&mut self, heads: &[Head]) {
        for Head { task_id, .. } in heads {
            if *task_id > self.newest {
                self.newest.clone_from(task_id);
            }
        }
    }

    /// Notes that these are behind when the log holds more of them than was
    /// told; tasks that are not known when they are `new`.
    pub(super) fn compare(&mut self, heads: &[Head], new: bool) {
        for Head { task_id, seq } in heads {
            match self.tasks.get_key_value(task_id.as_str()) {
                Some((task_id, told)) if told.seq < *seq => self.fall_behind(task_id.clone(), *seq),
                // Whatever its id: nobody was told of it.
                None if new => {
                    let task_id = Arc::<str>::from(task_id.as_str());
                    self.tasks.insert(task_id.clone(), Told::default());
                    self.fall_behind(task_id, *seq);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Tasks that have to be read from the log.
    pub(super) fn behind(&self) -> Vec<Arc<str>> {
        self.behind.keys().cloned().collect()
    }

    /// Whether there are such tasks.
    pub(super) fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Whether a task is behind no more: what the log is known to hold of it was
    /// told, or it holds no more (`at_end`).
    pub(super) fn caught_up(&mut self, task_id: &str, at_end: bool) -> bool {
        let told = self.told(task_id);
        let caught_up = at_end || self.behind.get(task_id).is_none_or(|known| *known <= told);
        if caught_up {
            self.behind.remove(task_id);
        }
        caught_up
    }

    fn fall_behind(&mut self, task_id: Arc<str>, known: u64) {
        let behind = self.behind.entry(task_id).or_default();
        *behind = known.max(*behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(task_id: &str, seq: u64) -> Head {
        Head { task_id: task_id.to_owned(), seq }
    }

    #[test]
    fn each_event_is_told_once_and_what_does_not_follow_is_left_to_the_log() {
        let mut ledger = Ledger::default();
        ledger.begin(vec![head("b", 3), head("c", 1)]);
        assert_eq!(ledger.newest(), "c");
        for (task_id, seq, next) in [
            ("b", 3, false),
            ("b", 4, true),
            ("b", 4, false),
            ("a", 9, false),
            ("d", 1, true),
            ("b", 5, true),
        ] {
            assert_eq!(ledger.take(task_id, seq, false).is_some(), next, "{task_id} {seq}");
        }
        assert!(!ledger.is_behind());
        // 6 of b was lost, and the first of a new task.
        assert!(ledger.take("b", 7, false).is_none() && ledger.take("e", 2, false).is_none());
        let mut behind = ledger.behind();
        behind.sort();
        assert_eq!((behind, ledger.told("b"), ledger.told("e")), (vec!["b".into(), "e".into()], 5, 0));
        assert!(ledger.take("b", 6, false).is_some() && ledger.take("b", 7, true).is_some());
        assert!(ledger.caught_up("b", false) && !ledger.caught_up("e", false));
        let mut open: Vec<&str> = ledger.open().map(|task_id| &**task_id).collect();
        open.sort_unstable();
        assert_eq!((open, ledger.behind()), (vec!["c", "d", "e"], vec!["e".into()]));
    }

    #[test]
    fn what_the_log_holds_beyond_what_was_told_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.begin(vec![head("b", 3)]);
        ledger.compare(&[head("a", 7), head("b", 3)], false);
        assert!(!ledger.is_behind(), "a had ended when the telling began");
        ledger.compare(&[head("b", 4)], false);
        ledger.compare(&[head("c", 1)], true);
        let mut behind = ledger.behind();
        behind.sort();
        assert_eq!(behind, ["b".into(), "c".into()]);
        // Made by a process whose clock was behind.
        ledger.compare(&[head("a2", 1)], true);
        assert!(ledger.take("a2", 1, false).is_some() && ledger.caught_up("a2", false));
        ledger.skip(&"c".into(), 5);
        assert!(ledger.take("c", 5, false).is_none() && ledger.take("c", 6, false).is_some());
    }

    #[test]
    fn ended_tasks_are_remembered_for_a_while() {
        let mut ledger = Ledger::default();
        for task in 0..2 * ENDED {
            assert!(ledger.take(&format!("t{task:05}"), 1, true).is_some());
        }
        assert_eq!((ledger.tasks.len(), ledger.ended.len(), ledger.open().count()), (ENDED, ENDED, 0));
        assert!(ledger.take(&format!("t{:05}", 2 * ENDED - 1), 1, true).is_none());
    }
}
