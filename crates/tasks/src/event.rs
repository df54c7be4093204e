use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::task::Status;

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

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 4] =
        [EventKind::StatusChange, EventKind::Progress, EventKind::IterationComplete, EventKind::Error];

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::StatusChange => "status_change",
            EventKind::Progress => "progress",
            EventKind::IterationComplete => "iteration_complete",
            EventKind::Error => "error",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
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
    /// What only some want to have. Live events carry it; from the log it comes
    /// only when asked for. Not part of the `task_update`.
    #[serde(skip)]
    pub detail: Option<Arc<EventDetail>>,
}

/// What is stored with an event for those who ask for it, such as data too
/// large for everybody.
#[derive(Debug, Clone)]
pub struct EventDetail {
    /// Fields to add to the event's own: JSON, kept as the text that is stored
    /// and sent, which takes a tenth of the memory of the values in it.
    pub value: Box<RawValue>,
    /// Binary data that goes with them, in order.
    pub attachments: Vec<Bytes>,
}

impl EventDetail {
    /// A detail with these fields.
    pub fn new(value: &Value, attachments: Vec<Bytes>) -> EventDetail {
        let value = to_raw_value(value).expect("a JSON value has a text");
        EventDetail { value, attachments }
    }

    /// Bytes of its text and its binary data.
    pub fn size(&self) -> usize {
        self.value.get().len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }
}

impl PartialEq for EventDetail {
    fn eq(&self, other: &EventDetail) -> bool {
        (self.value.get(), &self.attachments) == (other.value.get(), &other.attachments)
    }
}

/// Version of the event format that this crate writes.
pub const EVENT_VERSION: u32 = 1;

impl Event {
    /// The status this event gives its task, when it is a `status_change`.
    pub fn status(&self) -> Option<Status> {
        match self.event_type {
            EventKind::StatusChange => self.data.get("status")?.as_str().and_then(Status::from_name),
            _ => None,
        }
    }

    /// Whether this is the last event of its task.
    pub fn is_terminal(&self) -> bool {
        self.status().is_some_and(Status::is_terminal)
    }
}

/// An event before the log gave it its place and time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What it is about.
    pub kind: EventKind,
    /// The kind's own fields.
    pub data: Value,
    /// What only some want to have.
    pub detail: Option<Arc<EventDetail>>,
}

impl NewEvent {
    /// A `progress` event.
    pub fn progress(data: Value) -> NewEvent {
        NewEvent::plain(EventKind::Progress, data)
    }

    /// An `iteration_complete` event.
    pub fn iteration_complete(data: Value) -> NewEvent {
        NewEvent::plain(EventKind::IterationComplete, data)
    }

    /// The same event with a detail, which is stored with it.
    pub fn with_detail(self, value: &Value, attachments: Vec<Bytes>) -> NewEvent {
        NewEvent { detail: Some(Arc::new(EventDetail::new(value, attachments))), ..self }
    }

    fn plain(kind: EventKind, data: Value) -> NewEvent {
        NewEvent { kind, data, detail: None }
    }

    /// A `status_change` without a result.
    pub(crate) fn status(status: Status, message: &str) -> NewEvent {
        NewEvent::plain(EventKind::StatusChange, json!({"status": status.name(), "message": message}))
    }

    /// A `status_change` to a terminal status that carries the job's result.
    pub(crate) fn ended(status: Status, message: &str, result: Value) -> NewEvent {
        NewEvent::plain(
            EventKind::StatusChange,
            json!({"status": status.name(), "message": message, "result": result}),
        )
    }

    /// The two events of a failure, which are always stored together.
    pub(crate) fn failure(message: &str, code: &str, error: &str) -> Vec<NewEvent> {
        vec![
            NewEvent::plain(
                EventKind::Error,
                json!({"status": Status::Failed.name(), "error": error, "code": code}),
            ),
            NewEvent::plain(
                EventKind::StatusChange,
                json!({"status": Status::Failed.name(), "message": message, "error": error}),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_every_kind_is_its_serialized_form_and_leads_back() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.name()));
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_name("snapshot"), None);
    }

    #[test]
    fn only_a_status_change_to_a_terminal_status_ends_a_task() {
        let event = |event_type, data| Event {
            task_id: "t".into(),
            event_type,
            data,
            timestamp: String::new(),
            seq: 1,
            v: EVENT_VERSION,
            detail: None,
        };
        assert!(event(EventKind::StatusChange, json!({"status": "failed"})).is_terminal());
        assert!(!event(EventKind::StatusChange, json!({"status": "running"})).is_terminal());
        assert!(!event(EventKind::Error, json!({"status": "failed"})).is_terminal());
    }
}
