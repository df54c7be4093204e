use std::sync::Arc;

use serde_json::Value;

use crate::event::NewEvent;

/// What the engine asks of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// A client cancelled the task: end soon with the best so far.
    Cancel,
    /// A client paused the task, the process drains, or the lease was lost:
    /// return at once; a later run continues from the last checkpoint.
    Yield,
}

/// Runs one task to its end. Called on a blocking thread; a panic fails the
/// task only.
pub type JobFunction = Arc<dyn Fn(&JobContext) -> Result<JobSuccess, JobFailure> + Send + Sync>;

/// What a job gives back when it ran to its end or was cancelled.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSuccess {
    /// `result` of the task object and of the final event.
    pub result: Value,
    /// Message of the final `status_change` when the task completed.
    pub message: String,
}

/// Why a job gives nothing back.
#[derive(Debug, Clone, PartialEq)]
pub enum JobFailure {
    /// It cannot be done; the task fails with this cause, which clients read.
    Failed {
        /// Stable code, such as `experiment.write_failed`.
        code: String,
        /// For people.
        error: String,
    },
    /// The job returned because it was told to [`Control::Yield`].
    Yielded,
}

/// A job's view of its task. The worker makes it; tests may, too.
pub struct JobContext {
    /// The task.
    pub task_id: String,
    /// When the task was created, RFC 3339 UTC (names directories).
    pub created_at: String,
    /// What [`crate::Engine::submit`] was given to run.
    pub spec: Value,
    /// The newest checkpoint, when an earlier run left one.
    pub checkpoint: Option<Vec<u8>>,
    /// Data of the newest `progress` that an earlier run reported, read in the
    /// transaction that leased the task: what clients know already.
    pub progress: Option<Value>,
    /// Data of the newest `iteration_complete` that an earlier run reported.
    pub last_iteration: Option<Value>,
    pub(crate) reporter: Box<dyn Reporter>,
}

impl std::fmt::Debug for JobContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobContext").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}

/// Where a job's reports go: the worker's lease, or a recorder in tests.
pub trait Reporter: Send + Sync {
    /// Stores events and, when given, a checkpoint in one transaction, then
    /// tells the watchers. Blocks until it is durable.
    fn commit(&self, events: Vec<NewEvent>, checkpoint: Option<Vec<u8>>) -> Control;
    /// What the engine wants now, without reporting anything. Cheap.
    fn control(&self) -> Control;
}

impl JobContext {
    /// A context that reports to `reporter`, of a task that has reported
    /// nothing yet.
    pub fn new(
        task_id: String,
        created_at: String,
        spec: Value,
        checkpoint: Option<Vec<u8>>,
        reporter: Box<dyn Reporter>,
    ) -> Self {
        JobContext { task_id, created_at, spec, checkpoint, progress: None, last_iteration: None, reporter }
    }

    /// Stores events and, when given, a checkpoint in one transaction, then
    /// tells the watchers. Returns what the engine wants next; after anything
    /// but `Continue` and `Cancel` nothing was stored if the lease is lost.
    pub fn commit(&self, events: Vec<NewEvent>, checkpoint: Option<Vec<u8>>) -> Control {
        self.reporter.commit(events, checkpoint)
    }

    /// What the engine wants now. Cheap enough for an inner loop.
    pub fn control(&self) -> Control {
        self.reporter.control()
    }
}
