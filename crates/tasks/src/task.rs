use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a worker.
    Pending,
    /// A worker holds it.
    Running,
    /// Halted by a client; goes on when resumed.
    Paused,
    /// Ran to its end. Terminal.
    Completed,
    /// Ended by an error. Terminal.
    Failed,
    /// Ended by a client. Terminal.
    Cancelled,
}

impl Status {
    /// Whether nothing more will happen to the task.
    pub fn is_terminal(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Cancelled)
    }
}

/// A task as clients see it: the fold of its events. Serializes to the task
/// object of the contract (`id` and `task_id` are the same).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Identifier (UUID v7).
    pub id: String,
    /// The same again, for clients that look here.
    pub task_id: String,
    /// Where it is in its life.
    pub status: Status,
    /// The request body, verbatim.
    pub config: Value,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// When a worker first took it.
    pub started_at: Option<String>,
    /// When it ended, in whatever way.
    pub completed_at: Option<String>,
    /// What the job gave back; `None` until it ended.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// Newest `progress` numbers: data of the last progress event.
    pub progress: Option<Value>,
    /// Newest metrics: data of the last `iteration_complete` event.
    pub last_iteration: Option<Value>,
    /// Seq of the newest event.
    pub head_seq: u64,
}
