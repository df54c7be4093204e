use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use crate::clock::TaskIds;
use crate::error::Error;
use crate::event::{Event, NewEvent};
use crate::settings::{EngineSettings, Surroundings};
use crate::store::{AppendError, Author, Claim, Claimant, Entry, Input, Lease, Store};
use crate::store::{count_open, events_after, request_cancel};
use crate::task::{Status, Task};

/// Live events that a watcher may be behind before it has to read the log.
const LIVE_EVENTS: usize = 4096;

/// The log of all tasks: every change is one transaction here, and only after
/// it is committed are the watchers told.
pub(crate) struct Log {
    pub(crate) store: Store,
    live: broadcast::Sender<Arc<Event>>,
    surroundings: Surroundings,
    ids: TaskIds,
    /// Who claims, as written into the store for people to read.
    owner: String,
}

/// What a worker's append led to.
pub(crate) struct Committed {
    pub(crate) head_seq: u64,
    pub(crate) cancel_requested: bool,
}

impl Log {
    pub(crate) fn new(store: Store, surroundings: Surroundings) -> Log {
        let (live, _) = broadcast::channel(LIVE_EVENTS);
        let owner = format!("process {} {}", std::process::id(), uuid::Uuid::now_v7());
        Log { store, live, surroundings, ids: TaskIds::new(), owner }
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// Makes a task with its first event, unless the queue is full.
    pub(crate) async fn submit(&self, input: Input, max_queued: usize) -> Result<Task, Error> {
        let _turn = self.store.turn().await;
        let mut tx = self.store.begin().await?;
        let queued = usize::try_from(count_open(&mut tx).await?).unwrap_or(usize::MAX);
        if queued >= max_queued {
            return Err(Error::QueueFull { queued, limit: max_queued });
        }
        let now_ms = self.now_ms();
        let task_id = self.ids.next(now_ms);
        let mut entry = Entry::create(&mut tx, &task_id, &input).await?;
        let first = vec![NewEvent::status(Status::Pending, &self.surroundings.messages.pending)];
        let appended = entry
            .append(&mut tx, self.store.dialect(), Author::Engine, first, None, now_ms)
            .await
            .map_err(|error| refused(error, &entry.task, "creating it"))?;
        tx.commit().await?;
        self.announce(appended);
        Ok(Task { config: input.config, ..entry.task })
    }

    /// Takes a task for a worker, with the event that it now runs.
    pub(crate) async fn claim(&self, settings: &EngineSettings) -> Result<Claim, sqlx::Error> {
        let _turn = self.store.turn().await;
        let mut claim = self
            .store
            .claim(&Claimant {
                owner: &self.owner,
                lease: settings.lease,
                max_attempts: settings.max_attempts,
                messages: &self.surroundings.messages,
                now_ms: self.now_ms(),
            })
            .await?;
        match &mut claim {
            Claim::Nothing => {}
            Claim::Taken(claimed) => self.announce(std::mem::take(&mut claimed.appended)),
            Claim::Exhausted(appended) => self.announce(std::mem::take(appended)),
        }
        Ok(claim)
    }

    /// Appends a worker's events. `head_seq` is where the worker left the log:
    /// when it asks again because an answer got lost, what it had stored
    /// already is recognized and not stored twice.
    pub(crate) async fn append_leased(
        &self,
        lease: &Lease,
        head_seq: u64,
        events: &[NewEvent],
        checkpoint: Option<&[u8]>,
    ) -> Result<Committed, AppendError> {
        self.append_as_worker(lease, head_seq, checkpoint, |_| events.to_vec()).await
    }

    /// Ends a task with what its job gave back: cancelled when a client has
    /// asked for that by now, else completed.
    pub(crate) async fn finish_leased(
        &self,
        lease: &Lease,
        head_seq: u64,
        message: &str,
        result: Option<&Value>,
    ) -> Result<Committed, AppendError> {
        let messages = &self.surroundings.messages;
        self.append_as_worker(lease, head_seq, None, |cancel_requested| {
            vec![match (cancel_requested, result) {
                (true, Some(result)) => {
                    NewEvent::ended(Status::Cancelled, &messages.cancelled, result.clone())
                }
                (true, None) => NewEvent::status(Status::Cancelled, &messages.cancelled),
                (false, result) => {
                    NewEvent::ended(Status::Completed, message, result.cloned().unwrap_or_default())
                }
            }]
        })
        .await
    }

    /// Ends a task as failed.
    pub(crate) async fn fail_leased(
        &self,
        lease: &Lease,
        head_seq: u64,
        code: &str,
        error: &str,
    ) -> Result<Committed, AppendError> {
        let failure = NewEvent::failure(&self.surroundings.messages.failed, code, error);
        self.append_as_worker(lease, head_seq, None, |_| failure.clone()).await
    }

    /// Cancels a task that no worker holds, or notes the wish for its worker.
    pub(crate) async fn cancel(&self, task_id: &str) -> Result<Status, Error> {
        let _turn = self.store.turn().await;
        let mut tx = self.store.begin().await?;
        let entry = Entry::lock(&mut tx, self.store.dialect(), task_id).await?;
        let mut entry = entry.ok_or_else(|| Error::UnknownTask { task_id: task_id.to_owned() })?;
        let mut appended = Vec::new();
        match entry.task.status {
            Status::Completed | Status::Failed | Status::Cancelled => {
                return Err(conflict(&entry.task, "cancel", "a task that is not finished"));
            }
            Status::Running => request_cancel(&mut tx, task_id).await?,
            Status::Pending | Status::Paused => {
                let last = vec![NewEvent::status(Status::Cancelled, &self.surroundings.messages.cancelled)];
                appended = entry
                    .append(&mut tx, self.store.dialect(), Author::Engine, last, None, self.now_ms())
                    .await
                    .map_err(|error| refused(error, &entry.task, "cancel"))?;
            }
        }
        tx.commit().await?;
        self.announce(appended);
        Ok(entry.task.status)
    }

    async fn append_as_worker(
        &self,
        lease: &Lease,
        head_seq: u64,
        checkpoint: Option<&[u8]>,
        events: impl FnOnce(bool) -> Vec<NewEvent>,
    ) -> Result<Committed, AppendError> {
        let _turn = self.store.turn().await;
        let mut tx = self.store.begin().await?;
        let dialect = self.store.dialect();
        let entry = Entry::lock(&mut tx, dialect, &lease.task_id).await?;
        let mut entry = entry.ok_or(AppendError::LeaseLost)?;
        if entry.lease_epoch != lease.epoch {
            return Err(AppendError::LeaseLost);
        }
        let appended = if entry.task.head_seq == head_seq {
            let events = events(entry.cancel_requested);
            entry.append(&mut tx, dialect, Author::Worker(lease), events, checkpoint, self.now_ms()).await?
        } else {
            // Only the holder of the lease appends to a running task, so this
            // is what an earlier try of the same append has stored.
            events_after(&mut tx, &lease.task_id, head_seq, usize::MAX).await?
        };
        tx.commit().await?;
        self.announce(appended);
        Ok(Committed { head_seq: entry.task.head_seq, cancel_requested: entry.cancel_requested })
    }

    fn announce(&self, appended: Vec<Event>) {
        for event in appended {
            // Nobody watching is not an error: the log has it.
            let _ = self.live.send(Arc::new(event));
        }
    }

    fn now_ms(&self) -> i64 {
        (self.surroundings.clock)()
    }
}

fn conflict(task: &Task, request: &'static str, needs: &'static str) -> Error {
    Error::Conflict { task_id: task.id.clone(), status: task.status, request, needs }
}

fn refused(error: AppendError, task: &Task, request: &'static str) -> Error {
    match error {
        AppendError::Store(error) => Error::Store(error),
        AppendError::Finished | AppendError::LeaseLost => {
            conflict(task, request, "a task that nobody else changes")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{Claimed, Details, Released};

    /// A log of its own, and settings to claim with.
    async fn open() -> (tempfile::TempDir, Log, EngineSettings) {
        let directory = tempfile::tempdir().unwrap();
        let settings = EngineSettings::sqlite(&directory.path().join("tasks.db"));
        let store = Store::open(&settings.store_url).await.unwrap();
        (directory, Log::new(store, Surroundings::default()), settings)
    }

    async fn claimed(log: &Log, settings: &EngineSettings) -> Claimed {
        log.submit(Input { config: json!({}), spec: json!({}), notes: None }, 10).await.unwrap();
        match log.claim(settings).await.unwrap() {
            Claim::Taken(claimed) => *claimed,
            _ => panic!("a task waits"),
        }
    }

    fn progress(percent: u64) -> Vec<NewEvent> {
        vec![NewEvent::progress(json!({ "progress_percent": percent }))]
    }

    async fn events(log: &Log, task_id: &str) -> Vec<Event> {
        log.store.page(task_id, 0, 100, Details::Left).await.unwrap().unwrap().events
    }

    async fn seqs(log: &Log, task_id: &str) -> Vec<u64> {
        events(log, task_id).await.iter().map(|event| event.seq).collect()
    }

    #[tokio::test]
    async fn an_append_repeated_because_its_answer_got_lost_is_stored_once() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease, head_seq, .. } = claimed(&log, &settings).await;
        let first = log.append_leased(&lease, head_seq, &progress(1), Some(b"one")).await.unwrap();
        let again = log.append_leased(&lease, head_seq, &progress(1), Some(b"one")).await.unwrap();
        assert_eq!((first.head_seq, again.head_seq), (3, 3));
        let next = log.append_leased(&lease, again.head_seq, &progress(2), None).await.unwrap();
        assert_eq!(next.head_seq, 4);
        log.finish_leased(&lease, 4, "done", None).await.unwrap();
        log.finish_leased(&lease, 4, "done", None).await.unwrap();
        assert_eq!(seqs(&log, &lease.task_id).await, [1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn a_finished_task_accepts_nothing() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease, head_seq, .. } = claimed(&log, &settings).await;
        let end = log.fail_leased(&lease, head_seq, "test", "over").await.unwrap().head_seq;
        let refused = [
            log.append_leased(&lease, end, &progress(1), None).await.err(),
            log.append_leased(&lease, end, &[], Some(b"late")).await.err(),
            log.finish_leased(&lease, end, "done", None).await.err(),
            log.fail_leased(&lease, end, "test", "again").await.err(),
        ];
        assert!(refused.iter().all(|error| matches!(error, Some(AppendError::Finished))), "{refused:?}");
        assert_eq!(log.store.renew(&lease).await.unwrap(), None);
        assert!(matches!(log.claim(&settings).await.unwrap(), Claim::Nothing));
        assert_eq!(seqs(&log, &lease.task_id).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn an_old_lease_can_do_nothing_at_all() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease: old, head_seq, .. } = claimed(&log, &settings).await;
        log.store.release(&old, Released::OnRequest).await.unwrap();
        let Claim::Taken(taken) = log.claim(&settings).await.unwrap() else { panic!("the task waits") };
        assert_eq!(taken.head_seq, head_seq, "a takeover appends nothing");
        assert_eq!(taken.lease.epoch, old.epoch + 1);
        let refused = [
            log.append_leased(&old, head_seq, &progress(1), Some(b"old")).await.err(),
            log.finish_leased(&old, head_seq, "done", None).await.err(),
            log.fail_leased(&old, head_seq, "test", "old").await.err(),
        ];
        assert!(refused.iter().all(|error| matches!(error, Some(AppendError::LeaseLost))), "{refused:?}");
        assert_eq!(log.store.renew(&old).await.unwrap(), None);
        log.store.release(&old, Released::OnRequest).await.unwrap();
        assert!(matches!(log.claim(&settings).await.unwrap(), Claim::Nothing), "the new lease still holds");
        assert_eq!(log.store.renew(&taken.lease).await.unwrap(), Some(false));
        assert_eq!(seqs(&log, &old.task_id).await, [1, 2]);
    }

    #[tokio::test]
    async fn watchers_hear_of_an_event_in_order_and_only_when_it_is_in_the_log() {
        let (_directory, log, settings) = open().await;
        let mut live = log.watch();
        let Claimed { lease, mut head_seq, .. } = claimed(&log, &settings).await;
        for percent in 0..5 {
            head_seq = log.append_leased(&lease, head_seq, &progress(percent), None).await.unwrap().head_seq;
        }
        log.finish_leased(&lease, head_seq, "done", None).await.unwrap();
        // A refused append is not heard of.
        log.append_leased(&lease, head_seq + 1, &progress(9), None).await.err().unwrap();
        for seq in 1..=8 {
            let heard = live.try_recv().unwrap();
            assert_eq!(heard.seq, seq);
            assert_eq!(events(&log, &heard.task_id).await[seq as usize - 1], *heard);
        }
        assert!(live.try_recv().is_err());
    }
}
