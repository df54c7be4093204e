use std::time::Duration;

use serde_json::Value;

use crate::{Event, JobFunction, Task};

/// How the engine works.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// `sqlite://PATH` or `postgres://...`.
    pub store_url: String,
    /// Jobs that run at the same time in this process.
    pub workers: usize,
    /// A worker that does not renew its lease for this long has lost it.
    pub lease: Duration,
    /// Runs without a new checkpoint after which a task fails.
    pub max_attempts: u32,
    /// Pending and running tasks beyond which `submit` refuses.
    pub max_queued: usize,
}

/// What can go wrong when asking the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such task.
    #[error("task {task_id} does not exist")]
    UnknownTask {
        /// The id that was asked for.
        task_id: String,
    },
    /// The task is in a status that does not allow the request.
    #[error("task {task_id} is {status:?}; {request} needs {needs}")]
    Conflict {
        /// The task.
        task_id: String,
        /// Its status.
        status: crate::Status,
        /// What was asked.
        request: &'static str,
        /// What the request needs.
        needs: &'static str,
    },
    /// The queue is full.
    #[error("{queued} tasks are queued; the limit is {limit}")]
    QueueFull {
        /// Tasks queued.
        queued: usize,
        /// The limit.
        limit: usize,
    },
    /// The store did not answer.
    #[error("store: {0}")]
    Store(#[from] sqlx::Error),
}

/// Owns the store and the workers. Cheap to clone.
#[derive(Clone)]
pub struct Engine;

#[allow(unused_variables, clippy::todo)]
impl Engine {
    /// Opens (and migrates) the store and starts the workers. Tasks that ran
    /// when an earlier process died are taken up when their lease runs out;
    /// leases of this host's dead processes at once.
    pub async fn open(settings: EngineSettings, job: JobFunction) -> Result<Engine, Error> {
        todo!()
    }

    /// Identity of the store's incarnation: a client that holds another one
    /// cannot resume by seq.
    pub fn log_id(&self) -> &str {
        todo!()
    }

    /// Appends `status_change pending` and enqueues, in one transaction.
    /// `config` is what clients see, `spec` what the job gets.
    pub async fn submit(&self, config: Value, spec: Value) -> Result<Task, Error> {
        todo!()
    }

    /// The task as of its newest event.
    pub async fn task(&self, task_id: &str) -> Result<Task, Error> {
        todo!()
    }

    /// What the job was given.
    pub async fn spec(&self, task_id: &str) -> Result<Value, Error> {
        todo!()
    }

    /// Tasks newest first; `before` is the id of the last one of the page before.
    pub async fn tasks(&self, limit: usize, before: Option<&str>) -> Result<Vec<Task>, Error> {
        todo!()
    }

    /// Number of all tasks.
    pub async fn count(&self) -> Result<u64, Error> {
        todo!()
    }

    /// Events with `seq > after`, in order, at most `limit`.
    pub async fn events(&self, task_id: &str, after: u64, limit: usize) -> Result<Vec<Event>, Error> {
        todo!()
    }

    /// Live events of all tasks, as a hint: it may lag or skip, the log is the
    /// truth. A receiver that lags reads the log.
    pub fn watch(&self) -> tokio::sync::broadcast::Receiver<std::sync::Arc<Event>> {
        todo!()
    }

    /// Ends the task: at once when pending or paused, at the next report of the
    /// job when running. Returns the task as it is now.
    pub async fn cancel(&self, task_id: &str) -> Result<Task, Error> {
        todo!()
    }

    /// Stops taking tasks, lets running jobs yield at their next report, and
    /// releases their leases. Returns when all have, or after `deadline`.
    pub async fn shutdown(&self, deadline: Duration) {
        todo!()
    }
}
