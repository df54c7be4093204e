use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast;

use crate::access::Access;
use crate::commit::AppendCounts;
use crate::error::Error;
use crate::event::Event;
use crate::job::JobFunction;
use crate::log::Log;
use crate::page::{EventPage, Extent, Head, HeldTask};
use crate::settings::{EngineSettings, Surroundings};
use crate::store::{Details, Store};
use crate::submission::Submission;
use crate::task::{Status, Task};
use crate::worker::Workers;

/// Owns the store and the workers. Cheap to clone. When the last clone is
/// dropped without [`Engine::shutdown`], jobs are abandoned where they stand,
/// as if the process had been killed; the next engine takes them up.
#[derive(Clone)]
pub struct Engine {
    workers: Arc<Workers>,
    _stop: Arc<StopWhenDropped>,
}

impl Engine {
    /// The most events or tasks that one page holds.
    pub const MAX_PAGE: usize = 10_000;
    /// The most events that one page with their details holds.
    pub const MAX_DETAILED_PAGE: usize = 256;

    /// Opens (and migrates) the store and starts the workers. Tasks that ran
    /// when an earlier process died are taken up at once on SQLite, whose file
    /// one process owns, and when their lease runs out on PostgreSQL.
    pub async fn open(settings: EngineSettings, job: JobFunction) -> Result<Engine, Error> {
        Engine::open_with(settings, Surroundings::default(), job).await
    }

    /// The same, with another clock or other texts.
    pub async fn open_with(
        settings: EngineSettings,
        surroundings: Surroundings,
        job: JobFunction,
    ) -> Result<Engine, Error> {
        let store = Store::open(&settings.store_url).await?.with_hooks(surroundings.hooks.clone());
        let newest = store.newest_id().await?;
        let log = Arc::new(Log::new(store, surroundings, &settings.retention, newest.as_deref()));
        let trimmer = log.trimmer(settings.retention);
        let workers = Arc::new(Workers::new(log, settings, job));
        if workers.settings.workers > 0 {
            tokio::spawn(workers.clone().dispatch());
        }
        if let Some(trimmer) = trimmer {
            tokio::spawn(workers.stopped.clone().run_until_cancelled_owned(trimmer.run()));
        }
        let stop = Arc::new(StopWhenDropped(workers.clone()));
        Ok(Engine { workers, _stop: stop })
    }

    /// Identity of the store's incarnation: a client that holds another one
    /// cannot resume by seq.
    pub fn log_id(&self) -> &str {
        self.log().store.log_id()
    }

    /// The keys of the store that this engine works on.
    pub fn access(&self) -> Access {
        Access::of(&self.log().store, self.log().clock().clone())
    }

    /// Appends `status_change pending` and enqueues, in one transaction.
    /// `config` is what clients see, `spec` what the job gets.
    pub async fn submit(&self, config: Value, spec: Value) -> Result<Task, Error> {
        self.submit_as(Submission { config, spec, ..Submission::default() }).await
    }

    /// The same, with what is to be shown beside the task.
    pub async fn submit_with_notes(&self, config: Value, spec: Value, notes: Value) -> Result<Task, Error> {
        self.submit_as(Submission { config, spec, notes: Some(notes), owner: None }).await
    }

    /// The same, with all that may be said of the task.
    pub async fn submit_as(&self, submission: Submission) -> Result<Task, Error> {
        let workers = self.workers.clone();
        let task = detached(async move {
            let max_queued = workers.settings.max_queued;
            workers.log.submit(submission, max_queued).await
        })
        .await?;
        self.workers.wake();
        Ok(task)
    }

    /// The task as of its newest event.
    pub async fn task(&self, task_id: &str) -> Result<Task, Error> {
        self.log().store.task(task_id).await?.ok_or_else(|| unknown(task_id))
    }

    /// The task, and the notes it was submitted with. A task from a version
    /// that kept no notes has none.
    pub async fn task_and_notes(&self, task_id: &str) -> Result<(Task, Option<Value>), Error> {
        self.log().store.task_and_notes(task_id).await?.ok_or_else(|| unknown(task_id))
    }

    /// Tasks newest first; `before` is the id of the last one of the page
    /// before. At most [`Engine::MAX_PAGE`].
    pub async fn tasks(&self, limit: usize, before: Option<&str>) -> Result<Vec<Task>, Error> {
        Ok(self.log().store.tasks(limit.min(Engine::MAX_PAGE), before, None).await?)
    }

    /// The same of one owner.
    pub async fn tasks_of(
        &self,
        owner: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<Task>, Error> {
        Ok(self.log().store.tasks(limit.min(Engine::MAX_PAGE), before, Some(owner)).await?)
    }

    /// Whose the task is; `None` inside: it was made without saying who.
    pub async fn owner(&self, task_id: &str) -> Result<Option<String>, Error> {
        self.log().store.owner(task_id).await?.ok_or_else(|| unknown(task_id))
    }

    /// Number of all tasks.
    pub async fn count(&self) -> Result<u64, Error> {
        Ok(self.log().store.count_by_status().await?.values().sum())
    }

    /// Number of all tasks of one owner.
    pub async fn count_of(&self, owner: &str) -> Result<u64, Error> {
        Ok(self.log().store.count_of(owner).await?)
    }

    /// Number of tasks in each status, for monitoring; every status is there.
    pub async fn count_by_status(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        Ok(self.log().store.count_by_status().await?)
    }

    /// When the task that waits longest for a worker was made, for monitoring.
    pub async fn oldest_pending(&self) -> Result<Option<String>, Error> {
        Ok(self.log().store.oldest_pending().await?)
    }

    /// Running tasks and who holds them, the oldest first and at most
    /// [`Engine::MAX_PAGE`], for monitoring.
    pub async fn held_tasks(&self) -> Result<Vec<HeldTask>, Error> {
        let lease = self.workers.settings.lease;
        let held = self.log().store.held(Engine::MAX_PAGE).await?;
        let with_age = |(task, left_ms): (HeldTask, i64)| {
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            let lease_age = task.worker.is_some().then(|| lease.saturating_sub(left));
            HeldTask { lease_age, ..task }
        };
        Ok(held.into_iter().map(with_age).collect())
    }

    /// By what name the workers of this process hold tasks.
    pub fn worker_name(&self) -> &str {
        &self.log().owner
    }

    /// Jobs that run in this process, for monitoring.
    pub fn running_jobs(&self) -> usize {
        self.workers.running_jobs()
    }

    /// What workers of this process have appended so far, for monitoring.
    pub fn append_counts(&self) -> AppendCounts {
        self.log().counters.read()
    }

    /// Which events the task's log holds.
    pub async fn extent(&self, task_id: &str) -> Result<Extent, Error> {
        self.log().store.extent(task_id).await?.ok_or_else(|| unknown(task_id))
    }

    /// The heads of these tasks, in one look; tasks that there are not are left
    /// out.
    pub async fn heads(&self, task_ids: &[Arc<str>]) -> Result<Vec<Head>, Error> {
        Ok(self.log().store.heads(task_ids).await?)
    }

    /// The heads of all tasks that have not ended, and of those with a larger id
    /// than `newer_than`, which were submitted later; without one, of the task
    /// that was submitted last.
    pub async fn open_heads(&self, newer_than: Option<&str>) -> Result<Vec<Head>, Error> {
        Ok(self.log().store.open_heads(newer_than).await?)
    }

    /// Events with `seq > after`, in order, at most `limit` (0 counts as 1) and
    /// at most [`Engine::MAX_PAGE`]. Where the log was trimmed they start with
    /// the oldest that is left, and the page's extent says so.
    pub async fn page(&self, task_id: &str, after: u64, limit: usize) -> Result<EventPage, Error> {
        let limit = limit.clamp(1, Engine::MAX_PAGE);
        let page = self.log().store.page(task_id, after, limit, Details::Left).await?;
        page.ok_or_else(|| unknown(task_id))
    }

    /// The same with what was stored beside the events; at most
    /// [`Engine::MAX_DETAILED_PAGE`].
    pub async fn detailed_page(&self, task_id: &str, after: u64, limit: usize) -> Result<EventPage, Error> {
        let limit = limit.clamp(1, Engine::MAX_DETAILED_PAGE);
        let page = self.log().store.page(task_id, after, limit, Details::Read).await?;
        page.ok_or_else(|| unknown(task_id))
    }

    /// The events of [`Engine::page`], or [`Error::Trimmed`] when those that
    /// should come first are gone.
    pub async fn events(&self, task_id: &str, after: u64, limit: usize) -> Result<Vec<Event>, Error> {
        let EventPage { events, extent } = self.page(task_id, after, limit).await?;
        if extent.is_trimmed_after(after) {
            return Err(Error::Trimmed { task_id: task_id.to_owned(), extent });
        }
        Ok(events)
    }

    /// Live events of all tasks that run in this process, as a hint: it may lag
    /// or skip, and what was stored although the answer got lost is not told; the
    /// log is the truth, and [`Engine::heads`] tells how far it goes. Who begins to watch and then reads the log
    /// misses nothing; a receiver that lags reads the log again.
    /// Each receiver costs whoever appends a wake-up, so take one and hand on
    /// from there.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.log().watch()
    }

    /// Ends the task: at once when pending or paused, at the next report of the
    /// job when running. Returns the task as it is now.
    pub async fn cancel(&self, task_id: &str) -> Result<Task, Error> {
        let workers = self.workers.clone();
        let id = task_id.to_owned();
        let status = detached(async move { workers.log.cancel(&id).await }).await?;
        if status == Status::Running {
            self.workers.cancel(task_id);
        }
        self.task(task_id).await
    }

    /// Stops taking tasks, lets running jobs yield at their next report, and
    /// releases their leases. Returns when all have, or after `deadline`.
    /// Reading and submitting go on working; a task submitted now waits for
    /// the next process.
    pub async fn shutdown(&self, deadline: Duration) {
        self.workers.drain(deadline).await;
    }

    fn log(&self) -> &Log {
        &self.workers.log
    }
}

struct StopWhenDropped(Arc<Workers>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Lets a change run to its end although the caller may go away, as a dropped
/// connection does: between commit and announcement nothing may stop it.
async fn detached<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Stopped),
        },
    }
}

fn unknown(task_id: &str) -> Error {
    Error::UnknownTask { task_id: task_id.to_owned() }
}
