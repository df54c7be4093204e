use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an event is about; the name on the wire is the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The task has a new status.
    StatusChange,
    /// The job got further.
    Progress,
    /// One iteration of the job is done.
    IterationComplete,
    /// The job failed; a `status_change` to `failed` follows.
    Error,
}

/// One fact about a task as it stands in the log. Serializes to the
/// `task_update` of the contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The task.
    pub task_id: String,
    /// What it is about.
    pub event_type: EventKind,
    /// The kind's own fields.
    pub data: Value,
    /// When it was appended: RFC 3339, UTC with `+00:00`, milliseconds.
    pub timestamp: String,
    /// Place in the task's log: from 1, gapless.
    pub seq: u64,
    /// Version of the event format, 1.
    pub v: u32,
}

/// An event before the log gave it its place and time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What it is about.
    pub kind: EventKind,
    /// The kind's own fields.
    pub data: Value,
}
