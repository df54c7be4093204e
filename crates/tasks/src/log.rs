use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::clock::{Clock, TaskIds};
use crate::commit::{Append, AppendError, Committed, Committer, Counters, QUEUED_APPENDS, Report, announce};
use crate::error::Error;
use crate::event::{Event, NewEvent};
use crate::hooks::LeaseLoss;
use crate::settings::{EngineSettings, Retention, Surroundings};
use crate::store::{Author, Claim, Claimant, Entry, Lease, Store};
use crate::store::{count_open, request_cancel};
use crate::submission::Submission;
use crate::task::{Status, Task};
use crate::trim::{LongLogs, Trimmer};

/// Live events that a watcher may be behind before it has to read the log.
const LIVE_EVENTS: usize = 4096;

/// The log of all tasks: every change is one transaction here, and only after
/// it is committed are the watchers told.
pub(crate) struct Log {
    pub(crate) store: Arc<Store>,
    appends: mpsc::Sender<Append>,
    pub(crate) counters: Arc<Counters>,
    long_logs: Arc<LongLogs>,
    live: broadcast::Sender<Arc<Event>>,
    surroundings: Surroundings,
    ids: TaskIds,
    /// Who claims, as written into the store for people to read.
    pub(crate) owner: String,
}

impl Log {
    /// The log, and the task that stores what workers append; both end when
    /// the log is dropped. `newest` is the largest id of a task in the store.
    pub(crate) fn new(
        store: Store,
        surroundings: Surroundings,
        retention: &Retention,
        newest: Option<&str>,
    ) -> Log {
        let store = Arc::new(store);
        let (live, _) = broadcast::channel(LIVE_EVENTS);
        let (appends, queue) = mpsc::channel(QUEUED_APPENDS);
        let counters = Arc::new(Counters::default());
        let long_logs = Arc::new(LongLogs::new(retention));
        let committer = Committer {
            store: store.clone(),
            live: live.clone(),
            clock: surroundings.clock.clone(),
            counters: counters.clone(),
            long_logs: long_logs.clone(),
        };
        tokio::spawn(committer.run(queue));
        let owner = format!("process {} {}", std::process::id(), uuid::Uuid::now_v7());
        Log { store, appends, counters, long_logs, live, surroundings, ids: TaskIds::after(newest), owner }
    }

    /// What trims this log, if anything of it may go.
    pub(crate) fn trimmer(&self, retention: Retention) -> Option<Trimmer> {
        (retention != Retention::default()).then(|| Trimmer {
            store: self.store.clone(),
            retention,
            long_logs: self.long_logs.clone(),
            clock: self.surroundings.clock.clone(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.surroundings.clock
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    /// Makes a task with its first event, unless the queue is full.
    pub(crate) async fn submit(&self, submission: Submission, max_queued: usize) -> Result<Task, Error> {
        let _turn = self.store.turn().await;
        let mut tx = self.store.begin().await?;
        let queued = usize::try_from(count_open(&mut tx).await?).unwrap_or(usize::MAX);
        if queued >= max_queued {
            return Err(Error::QueueFull { queued, limit: max_queued });
        }
        let now_ms = self.now_ms();
        let task_id = self.ids.next(now_ms);
        let mut entries = [Entry::create(&mut tx, &task_id, &submission).await?];
        let first = [NewEvent::status(Status::Pending, &self.surroundings.messages.pending)];
        let appended = entries[0]
            .append(Author::Engine, &first, None, now_ms)
            .expect("a new task takes its first event");
        self.store.commit(tx, &mut entries).await?;
        announce(&self.live, appended);
        let [entry] = entries;
        Ok(Task { config: submission.config, ..entry.task })
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
            Claim::Taken(claimed) => announce(&self.live, std::mem::take(&mut claimed.appended)),
            Claim::Exhausted(appended) => announce(&self.live, std::mem::take(appended)),
        }
        Ok(claim)
    }

    /// Appends a worker's events, in one transaction with whatever others
    /// append at that time.
    pub(crate) async fn append(
        &self,
        lease: &Lease,
        head_seq: u64,
        report: Arc<Report>,
    ) -> Result<Committed, AppendError> {
        let (answer, answered) = oneshot::channel();
        let append = Append { lease: lease.clone(), head_seq, report, answer };
        let gone = || AppendError::Store(Arc::new(sqlx::Error::WorkerCrashed));
        let asked = Instant::now();
        self.appends.send(append).await.map_err(|_| gone())?;
        let committed = answered.await.map_err(|_| gone())??;
        self.surroundings.hooks.committed(asked.elapsed());
        Ok(committed)
    }

    /// How a task ends with what its job gave back: cancelled when a client has
    /// asked for that by then, else completed.
    pub(crate) fn finish(&self, message: &str, result: Option<&Value>) -> Report {
        let cancelled = &self.surroundings.messages.cancelled;
        let result_or_null = result.cloned().unwrap_or_default();
        Report {
            events: vec![NewEvent::ended(Status::Completed, message, result_or_null)],
            events_if_cancelled: Some(vec![match result {
                Some(result) => NewEvent::ended(Status::Cancelled, cancelled, result.clone()),
                None => NewEvent::status(Status::Cancelled, cancelled),
            }]),
            checkpoint: None,
        }
    }

    /// How a task ends as failed.
    pub(crate) fn failure(&self, code: &str, error: &str) -> Report {
        Report::of(NewEvent::failure(&self.surroundings.messages.failed, code, error), None)
    }

    /// A worker's lease ended before its job did.
    pub(crate) fn lease_lost(&self, loss: LeaseLoss) {
        self.surroundings.hooks.lease_lost(loss);
    }

    /// Cancels a task that no worker holds, or notes the wish for its worker.
    pub(crate) async fn cancel(&self, task_id: &str) -> Result<Status, Error> {
        let _turn = self.store.turn().await;
        let mut tx = self.store.begin().await?;
        let mut entries = Entry::lock(&mut tx, self.store.dialect(), &[task_id]).await?;
        let entry = entries.first_mut().ok_or_else(|| Error::UnknownTask { task_id: task_id.to_owned() })?;
        let mut appended = Vec::new();
        match entry.task.status {
            Status::Completed | Status::Failed | Status::Cancelled => {
                return Err(conflict(&entry.task, "cancel", "a task that is not finished"));
            }
            Status::Running => request_cancel(&mut tx, task_id).await?,
            Status::Pending | Status::Paused => {
                let last = [NewEvent::status(Status::Cancelled, &self.surroundings.messages.cancelled)];
                appended = entry
                    .append(Author::Engine, &last, None, self.now_ms())
                    .expect("an unfinished task that nobody runs takes its last event");
            }
        }
        let status = entry.task.status;
        self.store.commit(tx, &mut entries).await?;
        announce(&self.live, appended);
        Ok(status)
    }

    fn now_ms(&self) -> i64 {
        (self.surroundings.clock)()
    }
}

fn conflict(task: &Task, request: &'static str, needs: &'static str) -> Error {
    Error::Conflict { task_id: task.id.clone(), status: task.status, request, needs }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use bytes::Bytes;

    use super::*;
    use crate::store::{Claimed, Details, Refusal, Released};

    /// A log of its own, and settings to claim with.
    pub(crate) async fn open() -> (tempfile::TempDir, Log, EngineSettings) {
        let directory = tempfile::tempdir().unwrap();
        let settings = EngineSettings::sqlite(&directory.path().join("tasks.db"));
        let store = Store::open(&settings.store_url).await.unwrap();
        (directory, Log::new(store, Surroundings::default(), &settings.retention, None), settings)
    }

    pub(crate) async fn claimed(log: &Log, settings: &EngineSettings) -> Claimed {
        log.submit(Submission::default(), 10).await.unwrap();
        match log.claim(settings).await.unwrap() {
            Claim::Taken(claimed) => *claimed,
            _ => panic!("a task waits"),
        }
    }

    pub(crate) fn progress(percent: u64, checkpoint: Option<&'static [u8]>) -> Arc<Report> {
        let event = NewEvent::progress(json!({ "progress_percent": percent }));
        Arc::new(Report::of(vec![event], checkpoint.map(Bytes::from_static)))
    }

    async fn events(log: &Log, task_id: &str) -> Vec<Event> {
        log.store.page(task_id, 0, 100, Details::Left).await.unwrap().unwrap().events
    }

    pub(crate) async fn seqs(log: &Log, task_id: &str) -> Vec<u64> {
        events(log, task_id).await.iter().map(|event| event.seq).collect()
    }

    #[tokio::test]
    async fn an_append_repeated_because_its_answer_got_lost_is_stored_once() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease, head_seq, .. } = claimed(&log, &settings).await;
        let first = log.append(&lease, head_seq, progress(1, Some(b"one"))).await.unwrap();
        let again = log.append(&lease, head_seq, progress(1, Some(b"one"))).await.unwrap();
        assert_eq!((first.head_seq, again.head_seq), (3, 3));
        let next = log.append(&lease, again.head_seq, progress(2, None)).await.unwrap();
        assert_eq!(next.head_seq, 4);
        log.append(&lease, 4, Arc::new(log.finish("done", None))).await.unwrap();
        log.append(&lease, 4, Arc::new(log.finish("done", None))).await.unwrap();
        assert_eq!(seqs(&log, &lease.task_id).await, [1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn an_append_whose_answer_got_lost_is_announced_in_full_when_it_is_repeated() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease, head_seq, .. } = claimed(&log, &settings).await;
        let event = NewEvent::iteration_complete(json!({"iteration": 1}))
            .with_detail(&json!({"layout": [1.5]}), vec![Bytes::from_static(b"field")]);
        let report = Arc::new(Report::of(vec![event.clone(), NewEvent::progress(json!({}))], None));
        log.append(&lease, head_seq, report.clone()).await.unwrap();
        let mut live = log.watch();
        log.append(&lease, head_seq, report).await.unwrap();
        let again = live.try_recv().unwrap();
        assert_eq!((again.seq, again.detail.is_some(), &again.detail), (3, true, &event.detail));
        assert_eq!(live.try_recv().unwrap().detail, None);
    }

    #[tokio::test]
    async fn a_finished_task_accepts_nothing() {
        let (_directory, log, settings) = open().await;
        let Claimed { lease, head_seq, .. } = claimed(&log, &settings).await;
        let end = log.append(&lease, head_seq, Arc::new(log.failure("test", "over"))).await.unwrap().head_seq;
        let refused = [
            log.append(&lease, end, progress(1, None)).await.err(),
            log.append(&lease, end, Arc::new(Report::of(Vec::new(), Some(Bytes::from_static(b"late")))))
                .await
                .err(),
            log.append(&lease, end, Arc::new(log.finish("done", None))).await.err(),
            log.append(&lease, end, Arc::new(log.failure("test", "again"))).await.err(),
        ];
        assert!(
            refused.iter().all(|error| matches!(error, Some(AppendError::Refused(Refusal::Finished)))),
            "{refused:?}"
        );
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
            log.append(&old, head_seq, progress(1, Some(b"old"))).await.err(),
            log.append(&old, head_seq, Arc::new(log.finish("done", None))).await.err(),
            log.append(&old, head_seq, Arc::new(log.failure("test", "old"))).await.err(),
        ];
        assert!(
            refused.iter().all(|error| matches!(error, Some(AppendError::Refused(Refusal::LeaseLost)))),
            "{refused:?}"
        );
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
            head_seq = log.append(&lease, head_seq, progress(percent, None)).await.unwrap().head_seq;
        }
        log.append(&lease, head_seq, Arc::new(log.finish("done", None))).await.unwrap();
        // A refused append is not heard of.
        log.append(&lease, head_seq + 1, progress(9, None)).await.err().unwrap();
        for seq in 1..=8 {
            let heard = live.try_recv().unwrap();
            assert_eq!(heard.seq, seq);
            assert_eq!(events(&log, &heard.task_id).await[seq as usize - 1], *heard);
        }
        assert!(live.try_recv().is_err());
    }
}
