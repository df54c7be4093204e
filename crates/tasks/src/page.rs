use std::time::Duration;

use crate::event::Event;

/// Some events of one task, and what its log holds, as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// In order, without a gap. When what was asked for has been trimmed, they
    /// start with the oldest that is left.
    pub events: Vec<Event>,
    /// What the log holds.
    pub extent: Extent,
}

/// Which events the log of a task holds: all from `first_seq` to `head_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Seq of the oldest event that is left: 1 unless the log was trimmed.
    pub first_seq: u64,
    /// Seq of the newest event, which is never trimmed.
    pub head_seq: u64,
}

impl Extent {
    /// Whether an event with a larger seq than `after` has been trimmed: who
    /// knows all up to `after` cannot be told all that followed.
    pub fn is_trimmed_after(self, after: u64) -> bool {
        self.first_seq > after.saturating_add(1)
    }
}

/// How far the log of a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The task.
    pub task_id: String,
    /// Seq of its newest event.
    pub seq: u64,
}

/// A running task, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTask {
    /// The task.
    pub task_id: String,
    /// By what name its worker goes; `None` while it waits to be taken over.
    pub worker: Option<String>,
    /// When it was first taken.
    pub started_at: Option<String>,
    /// Runs since its last checkpoint.
    pub attempts: u64,
    /// For how long its worker has given no sign of life.
    pub lease_age: Option<Duration>,
}
