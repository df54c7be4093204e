use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Event, EventKind};

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
    /// Every status.
    pub const ALL: [Status; 6] = [
        Status::Pending,
        Status::Running,
        Status::Paused,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
    ];

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// The status of this name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }

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

impl Task {
    /// A task of which nothing has been told yet: what the first event is
    /// applied to.
    pub fn before_first_event(id: &str, config: Value) -> Task {
        Task {
            id: id.to_owned(),
            task_id: id.to_owned(),
            status: Status::Pending,
            config,
            created_at: String::new(),
            started_at: None,
            completed_at: None,
            result: None,
            error: None,
            progress: None,
            last_iteration: None,
            head_seq: 0,
        }
    }

    /// The fold's one rule. The store's cached row, the server and every test
    /// use this function and no other, so that a task's state and its log
    /// cannot disagree.
    pub fn apply(&mut self, event: &Event) {
        if self.head_seq == 0 {
            self.created_at = event.timestamp.clone();
        }
        self.head_seq = event.seq;
        match event.event_type {
            EventKind::StatusChange => self.apply_status(event),
            EventKind::Progress => self.progress = Some(event.data.clone()),
            EventKind::IterationComplete => self.last_iteration = Some(event.data.clone()),
            // The `status_change` to `failed` that follows changes the task.
            EventKind::Error => {}
        }
    }

    /// The task as of the last of `events`, which start with the first.
    pub fn fold(id: &str, config: Value, events: &[Event]) -> Task {
        let mut task = Task::before_first_event(id, config);
        for event in events {
            task.apply(event);
        }
        task
    }

    fn apply_status(&mut self, event: &Event) {
        // A status that this version does not know leaves the task as it was.
        let Some(status) = event.status() else { return };
        self.status = status;
        if status == Status::Running && self.started_at.is_none() {
            self.started_at = Some(event.timestamp.clone());
        }
        if status.is_terminal() {
            self.completed_at = Some(event.timestamp.clone());
            self.result = event.data.get("result").filter(|result| !result.is_null()).cloned();
            self.error = event.data.get("error").and_then(Value::as_str).map(str::to_owned);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, event_type: EventKind, data: Value) -> Event {
        Event {
            task_id: "t".into(),
            event_type,
            data,
            timestamp: format!("time {seq}"),
            seq,
            v: 1,
            detail: None,
        }
    }

    #[test]
    fn a_completed_life_folds_to_the_contracts_task_object() {
        let task = Task::fold(
            "t",
            json!({"max_iterations": 1}),
            &[
                event(1, EventKind::StatusChange, json!({"status": "pending"})),
                event(2, EventKind::StatusChange, json!({"status": "running"})),
                event(3, EventKind::IterationComplete, json!({"iteration": 1})),
                event(4, EventKind::Progress, json!({"progress_percent": 100})),
                event(5, EventKind::StatusChange, json!({"status": "completed", "result": {"a": 1}})),
            ],
        );
        assert_eq!(
            serde_json::to_value(task).unwrap(),
            json!({
                "id": "t", "task_id": "t", "status": "completed", "config": {"max_iterations": 1},
                "created_at": "time 1", "started_at": "time 2", "completed_at": "time 5",
                "result": {"a": 1}, "error": null, "progress": {"progress_percent": 100},
                "last_iteration": {"iteration": 1}, "head_seq": 5,
            })
        );
    }

    #[test]
    fn the_cases_that_clients_share_fold_alike() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/folds");
        let mut cases = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let mut task: Task = serde_json::from_value(case["task"].clone()).unwrap();
            for event in case["events"].as_array().unwrap() {
                task.apply(&serde_json::from_value(event.clone()).unwrap());
            }
            assert_eq!(serde_json::to_value(task).unwrap(), case["expected"], "{}", path.display());
            cases += 1;
        }
        assert!(cases >= 6, "{cases} cases");
    }

    #[test]
    fn an_error_changes_the_task_only_with_the_status_that_follows_it() {
        let mut task = Task::before_first_event("t", Value::Null);
        task.apply(&event(1, EventKind::StatusChange, json!({"status": "running"})));
        task.apply(&event(2, EventKind::Error, json!({"status": "failed", "error": "disk full"})));
        assert_eq!((task.status, task.error.as_deref()), (Status::Running, None));
        task.apply(&event(3, EventKind::StatusChange, json!({"status": "failed", "error": "disk full"})));
        assert_eq!((task.status, task.error.as_deref()), (Status::Failed, Some("disk full")));
    }

    #[test]
    fn the_name_of_every_status_is_its_serialized_form_and_leads_back() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), json!(status.name()));
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
    }
}
