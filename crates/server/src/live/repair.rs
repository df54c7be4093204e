//! Reads from the log what the feed did not bring.
//!
//! The feed is a hint: it skips events when the pump is behind, and what is
//! committed although the answer got lost is never announced. So the heads of
//! the tasks that somebody listens to are compared with the log at an interval,
//! and at once when the feed says that it skipped some.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tasks::{Error, EventKind, EventPage};
use tokio::time::timeout;

use super::hub::{Hub, Inner, STORE_RETRY};
use super::log::Head;
use super::mixed::News;
use super::update::Update;

/// Pause between comparisons. What was in the log at one and has not come by
/// the next one is read there; what comes sooner is on its way.
pub(super) const COMPARE: Duration = Duration::from_secs(1);
/// Events read from the log at once.
const PAGE: usize = 256;

/// The heads of all tasks that somebody listens to, as the log has them.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Of tasks that were known.
    known: Vec<Head>,
    /// Of all that have not ended, and of new ones, for those who follow all.
    open: Vec<Head>,
}

impl Hub {
    /// Repairs whatever needs it until the hub is dropped.
    pub(super) async fn keep_up(hub: Weak<Inner>) {
        let Some(holes) = hub.upgrade().map(|inner| inner.holes.clone()) else { return };
        let mut seen = Heads::default();
        let mut pause = COMPARE;
        loop {
            let hole = timeout(pause, holes.notified()).await.is_ok();
            let Some(hub) = hub.upgrade().map(Hub) else { return };
            let outcome = if hole || hub.0.lagged.load(Ordering::Relaxed) {
                hub.repair().await
            } else {
                hub.compare(&mut seen).await
            };
            pause = match outcome {
                Ok(()) => COMPARE,
                Err(failure) => {
                    tracing::error!("live feed: {failure}");
                    STORE_RETRY
                }
            };
        }
    }

    /// After the feed skipped events, or one did not follow the last one of its
    /// task: reads those from the log.
    pub(super) async fn repair(&self) -> Result<(), Error> {
        if !self.0.lagged.swap(false, Ordering::Relaxed) {
            return self.tell_what_is_behind().await;
        }
        // Rings that nobody follows may end in the middle.
        self.topics().forget_lonely();
        let outcome = match self.heads().await {
            Ok(heads) => self.deliver(&heads).await,
            Err(failure) => Err(failure),
        };
        if outcome.is_err() {
            self.0.lagged.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Delivers what was in the log at the last comparison and has not come
    /// since, and compares again.
    pub(super) async fn compare(&self, seen: &mut Heads) -> Result<(), Error> {
        self.deliver(seen).await?;
        *seen = self.heads().await?;
        Ok(())
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let mut task_ids = self.topics().followed();
        let newest = self.tells_of_all().then(|| {
            let ledger = self.ledger();
            task_ids.extend(ledger.open().cloned());
            ledger.newest().to_owned()
        });
        let mut heads = Heads::default();
        if !task_ids.is_empty() {
            task_ids.sort_unstable();
            task_ids.dedup();
            heads.known = self.log().heads(&task_ids).await?;
        }
        if let Some(newest) = newest {
            heads.open = self.log().open_heads(Some(&newest)).await?;
            self.ledger().learn_newest(&heads.open);
        }
        Ok(heads)
    }

    /// Delivers what is missing up to these heads. What cannot be read keeps
    /// nothing else back.
    async fn deliver(&self, heads: &Heads) -> Result<(), Error> {
        let mut outcome = Ok(());
        for head in &heads.known {
            outcome = self.catch_up(head).await.and(outcome);
        }
        if self.tells_of_all() {
            {
                let mut ledger = self.ledger();
                ledger.compare(&heads.known, false);
                ledger.compare(&heads.open, true);
            }
            outcome = self.tell_what_is_behind().await.and(outcome);
        }
        outcome
    }

    /// Brings the followers of one task what the log holds.
    async fn catch_up(&self, Head { task_id, seq }: &Head) -> Result<(), Error> {
        let Some(topic) = self.topics().get(task_id).cloned() else { return Ok(()) };
        let known = topic.ring().head();
        if known >= *seq || topic.is_lonely() {
            return Ok(());
        }
        if known == 0 {
            // Nothing came through here yet; the followers read on themselves.
            self.topics().advance(task_id, *seq);
            topic.tell();
            return Ok(());
        }
        // More than a ring holds is for the followers to read.
        self.metrics().live().gaps_of_tasks.inc();
        let mut after = known.max(seq.saturating_sub(self.limits().updates as u64));
        loop {
            let page = match self.log().page(task_id, after, PAGE, true).await {
                Ok(page) => page,
                Err(Error::UnknownTask { .. }) => return Ok(()),
                Err(failure) => return Err(failure),
            };
            let Some(last) = page.events.last() else { return Ok(()) };
            after = last.seq;
            let full = page.events.len() == PAGE;
            self.publish(page.events.into_iter().map(Arc::new));
            if !full {
                return Ok(());
            }
        }
    }

    /// Tells those who follow all tasks what they were not told.
    async fn tell_what_is_behind(&self) -> Result<(), Error> {
        let behind = self.ledger().behind();
        let mut outcome = Ok(());
        for task_id in behind {
            outcome = self.tell_from_log(&task_id).await.and(outcome);
        }
        outcome
    }

    async fn tell_from_log(&self, task_id: &Arc<str>) -> Result<(), Error> {
        self.metrics().live().gaps_of_all.inc();
        loop {
            let after = self.ledger().told(task_id);
            match self.log().page(task_id, after, PAGE, false).await {
                Ok(page) => {
                    if self.tell_page(task_id, after, page) {
                        return Ok(());
                    }
                    let mut ledger = self.ledger();
                    if ledger.told(task_id) == after {
                        // The same page would come again, and nothing of it be told.
                        ledger.caught_up(task_id, true);
                        return Ok(());
                    }
                }
                Err(Error::UnknownTask { .. }) => {
                    self.ledger().caught_up(task_id, true);
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Tells a page of a task; whether that was all.
    fn tell_page(&self, task_id: &Arc<str>, after: u64, page: EventPage) -> bool {
        let mut ledger = self.ledger();
        if page.extent.is_trimmed_after(after) && ledger.told(task_id) == after {
            let to = page.extent.first_seq - 1;
            ledger.skip(task_id, to);
            let gone = News { task_id: task_id.clone(), after, to, update: None };
            if let Some(everything) = &self.0.everything {
                everything.ring().push(gone.clone());
            }
            self.0.statuses.ring().push(gone);
        }
        let at_end = page.events.is_empty();
        for event in page.events {
            let (seq, ended) = (event.seq, event.is_terminal());
            let is_status = event.event_type == EventKind::StatusChange;
            let status = is_status.then(|| Update::new(Arc::new(event)));
            self.tell(&mut ledger, task_id, seq, ended, status);
        }
        let caught_up = ledger.caught_up(task_id, at_end);
        drop(ledger);
        self.wake_followers_of_all();
        caught_up
    }
}
