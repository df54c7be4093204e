//! Group commit: appends that arrive while a transaction runs share the next
//! one, and with it one wait for the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot};
use tracing::warn;

use crate::clock::Clock;
use crate::event::{Event, NewEvent};
use crate::store::{Author, Entry, Lease, Refusal, Store, events_after};
use crate::trim::LongLogs;

/// Appends that wait for the next transaction; who comes then waits for room.
/// A worker waits for its answer before it appends again, so that this is no
/// limit of its own for fewer workers.
pub(crate) const QUEUED_APPENDS: usize = 1024;
/// Events after which a transaction takes no further append.
const BATCH_EVENTS: usize = 4096;

/// What a worker wants to have appended.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) events: Vec<NewEvent>,
    /// Instead of `events`, when a client has asked for the task's end by now.
    pub(crate) events_if_cancelled: Option<Vec<NewEvent>>,
    pub(crate) checkpoint: Option<Bytes>,
}

impl Report {
    pub(crate) fn of(events: Vec<NewEvent>, checkpoint: Option<Bytes>) -> Report {
        Report { events, events_if_cancelled: None, checkpoint }
    }
}

/// One append on its way to the store.
pub(crate) struct Append {
    pub(crate) lease: Lease,
    /// Where the worker left the log: when it asks again because an answer got
    /// lost, what it had stored already is recognized and not stored twice.
    pub(crate) head_seq: u64,
    pub(crate) report: Arc<Report>,
    pub(crate) answer: oneshot::Sender<Result<Committed, AppendError>>,
}

/// What a worker's append led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) head_seq: u64,
    pub(crate) cancel_requested: bool,
}

/// Why nothing was appended.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("{0}")]
    Refused(Refusal),
    /// Shared by all whose appends were in the transaction that failed.
    #[error("store: {0}")]
    Store(Arc<sqlx::Error>),
}

/// An append that is stored, and the events to tell of.
type Stored = (Committed, Vec<Arc<Event>>);

/// How many appends of workers were stored, for monitoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendCounts {
    /// Events.
    pub events: u64,
    /// Commits of jobs, ends of tasks included.
    pub appends: u64,
    /// Transactions that they shared.
    pub transactions: u64,
}

/// The running [`AppendCounts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    events: AtomicU64,
    appends: AtomicU64,
    transactions: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> AppendCounts {
        AppendCounts {
            events: self.events.load(Ordering::Relaxed),
            appends: self.appends.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
        }
    }

    fn add(&self, stored: &[Result<Stored, Refusal>]) {
        let events = stored.iter().flatten().map(|(_, events)| events.len() as u64).sum();
        self.events.fetch_add(events, Ordering::Relaxed);
        self.appends.fetch_add(stored.iter().flatten().count() as u64, Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes appends from the queue and stores them, until nobody can append any
/// more.
pub(crate) struct Committer {
    pub(crate) store: Arc<Store>,
    pub(crate) live: broadcast::Sender<Arc<Event>>,
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) long_logs: Arc<LongLogs>,
}

impl Committer {
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Append>) {
        while let Some(first) = queue.recv().await {
            // Who was just answered appends again at once: it gets the chance
            // to be in this transaction. Nobody waits for a timer.
            tokio::task::yield_now().await;
            let turn = self.store.turn().await;
            let mut events = first.report.events.len();
            let mut batch = vec![first];
            while events < BATCH_EVENTS
                && let Ok(next) = queue.try_recv()
            {
                events += next.report.events.len();
                batch.push(next);
            }
            self.commit(batch).await;
            drop(turn);
        }
    }

    async fn commit(&self, batch: Vec<Append>) {
        match self.store(&batch).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            // One append that the database does not take must not be the end
            // of its neighbors: each gets a transaction of its own.
            Err(error @ sqlx::Error::Database(_)) if batch.len() > 1 => {
                warn!(%error, appends = batch.len(), "a transaction failed; its appends are tried one by one");
                for append in batch {
                    match self.store(std::slice::from_ref(&append)).await {
                        Ok(outcomes) => self.answer(vec![append], outcomes),
                        Err(error) => fail(vec![append], error),
                    }
                }
            }
            Err(error) => fail(batch, error),
        }
    }

    /// Stores the appends in one transaction. Those that are refused are left
    /// out of it.
    async fn store(&self, batch: &[Append]) -> Result<Vec<Result<Stored, Refusal>>, sqlx::Error> {
        let dialect = self.store.dialect();
        let mut tx = self.store.begin().await?;
        let mut task_ids: Vec<&str> = batch.iter().map(|append| append.lease.task_id.as_str()).collect();
        task_ids.sort_unstable();
        task_ids.dedup();
        let mut entries = Entry::lock(&mut tx, dialect, &task_ids).await?;
        let places: HashMap<String, usize> =
            entries.iter().enumerate().map(|(place, entry)| (entry.task.id.clone(), place)).collect();
        let mut outcomes = Vec::with_capacity(batch.len());
        for Append { lease, head_seq, report, .. } in batch {
            let entry = places.get(&lease.task_id).map(|place| &mut entries[*place]);
            let Some(entry) = entry.filter(|entry| entry.lease_epoch == lease.epoch) else {
                outcomes.push(Err(Refusal::LeaseLost));
                continue;
            };
            let appended = if entry.task.head_seq == *head_seq {
                let events = match &report.events_if_cancelled {
                    Some(events) if entry.cancel_requested => events,
                    _ => &report.events,
                };
                entry.append(Author::Worker(lease), events, report.checkpoint.as_ref(), (self.clock)())
            } else {
                // Only the holder of the lease appends to a running task, so
                // this is what an earlier try of the same append has stored.
                let earlier = events_after(&mut tx, &lease.task_id, *head_seq, usize::MAX).await?;
                Ok(earlier.into_iter().map(Arc::new).collect())
            };
            outcomes.push(appended.map(|events| {
                let (head_seq, cancel_requested) = (entry.task.head_seq, entry.cancel_requested);
                (Committed { head_seq, cancel_requested }, events)
            }));
        }
        if entries.iter().any(Entry::is_changed) {
            self.store.commit(tx, &mut entries).await?;
            self.counters.add(&outcomes);
            for entry in &entries {
                self.long_logs.note(&entry.task.id, entry.events());
            }
        }
        Ok(outcomes)
    }

    /// Tells the watchers, then the workers, in the order of the appends.
    fn answer(&self, batch: Vec<Append>, outcomes: Vec<Result<Stored, Refusal>>) {
        for (append, outcome) in batch.into_iter().zip(outcomes) {
            let outcome = outcome.map_err(AppendError::Refused).map(|(committed, events)| {
                announce(&self.live, events);
                committed
            });
            // A worker that was stopped meanwhile does not want to know.
            let _ = append.answer.send(outcome);
        }
    }
}

/// Tells the watchers of events that are stored.
pub(crate) fn announce(live: &broadcast::Sender<Arc<Event>>, events: Vec<Arc<Event>>) {
    for event in events {
        // Nobody watching is not an error: the log has it.
        let _ = live.send(event);
    }
}

fn fail(batch: Vec<Append>, error: sqlx::Error) {
    let error = Arc::new(error);
    for append in batch {
        let _ = append.answer.send(Err(AppendError::Store(error.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::{claimed, open, progress, seqs};
    use crate::store::{Released, Turn};

    /// Lets the committer go on when those polled before stand in its queue.
    async fn release(turn: Turn<'_>) {
        tokio::task::yield_now().await;
        drop(turn);
    }

    #[tokio::test]
    async fn appends_that_arrive_together_share_a_transaction_and_a_refused_one_harms_nobody() {
        let (_directory, log, settings) = open().await;
        let (one, two) = (claimed(&log, &settings).await, claimed(&log, &settings).await);
        let (old, ended) = (claimed(&log, &settings).await, claimed(&log, &settings).await);
        log.store.release(&old.lease, Released::OnRequest).await.unwrap();
        let retaken = log.claim(&settings).await.unwrap();
        log.append(&ended.lease, 2, Arc::new(log.finish("done", None))).await.unwrap();
        let before = log.counters.read();
        let mut live = log.watch();
        let turn = log.store.turn().await;
        let first = log.append(&one.lease, 2, progress(1, Some(b"one")));
        let refused = log.append(&old.lease, 2, progress(1, Some(b"old")));
        let finished = log.append(&ended.lease, 3, progress(1, None));
        let second = log.append(&two.lease, 2, progress(1, None));
        let (first, refused, finished, second, ()) =
            tokio::join!(first, refused, finished, second, release(turn));
        assert_eq!((first.unwrap().head_seq, second.unwrap().head_seq), (3, 3));
        assert!(matches!(refused, Err(AppendError::Refused(Refusal::LeaseLost))));
        assert!(matches!(finished, Err(AppendError::Refused(Refusal::Finished))));
        drop(retaken);
        let after = log.counters.read();
        assert_eq!(
            (after.transactions - before.transactions, after.appends - before.appends),
            (1, 2),
            "one transaction for both"
        );
        for task in [&one, &two] {
            assert_eq!(live.try_recv().unwrap().task_id, task.lease.task_id);
            assert_eq!(seqs(&log, &task.lease.task_id).await, [1, 2, 3]);
        }
        assert!(live.try_recv().is_err());
        assert_eq!(seqs(&log, &old.lease.task_id).await, [1, 2]);
        assert_eq!(seqs(&log, &ended.lease.task_id).await, [1, 2, 3]);
    }

    #[tokio::test]
    async fn an_append_that_the_database_does_not_take_fails_alone() {
        let (_directory, log, settings) = open().await;
        let mut tx = log.store.begin().await.unwrap();
        sqlx::query(
            "CREATE TRIGGER picky BEFORE INSERT ON events WHEN NEW.data LIKE '%: 66%' OR NEW.data LIKE '%:66%' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let (one, two) = (claimed(&log, &settings).await, claimed(&log, &settings).await);
        let turn = log.store.turn().await;
        let good = log.append(&one.lease, 2, progress(1, None));
        let bad = log.append(&two.lease, 2, progress(66, None));
        let (good, bad, ()) = tokio::join!(good, bad, release(turn));
        assert_eq!(good.unwrap().head_seq, 3);
        assert!(matches!(&bad, Err(AppendError::Store(error)) if error.to_string().contains("not this one")));
        assert_eq!(log.append(&two.lease, 2, progress(2, None)).await.unwrap().head_seq, 3);
    }
}
