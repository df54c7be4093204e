//! The answer to a subscription.

use serde_json::{Value, json};
use tasks::Task;

use super::hub::Hub;
use super::request::{EVERY_TASK, Refusal};
use super::topic::Topic;

/// The answer to a request, and what the client is sent right after it.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// Name of the event that answers.
    pub event: &'static str,
    /// Its argument, also the acknowledgement's.
    pub body: Value,
    /// `task_update`s that follow at once.
    pub updates: Vec<Value>,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer { event: "error", body: refusal.body(), updates: Vec::new() }
    }
}

/// Where a subscription starts.
pub(super) struct Start {
    pub(super) head: u64,
    pub(super) ended: bool,
    /// The task, when the log cannot be resumed where it was asked for.
    pub(super) snapshot: Option<Task>,
}

/// The start as the ring alone knows it, which spares a look into the log.
pub(super) fn ring_from(topic: &Topic, after: u64) -> Option<Start> {
    let ring = topic.ring();
    let head = ring.head();
    // A client may know more than was announced: then the log has to say.
    if after > head || after + 1 < ring.first() {
        return None;
    }
    let ended = ring.newest()?.event().is_terminal();
    Some(Start { head, ended, snapshot: None })
}

pub(super) fn subscribed(task_id: &str, hub: &Hub, mode: &str, at: u64, head: u64) -> Value {
    json!({
        "task_id": task_id,
        "message": format!("Subscribed to task {task_id}"),
        "head_seq": head,
        "log_id": hub.log().log_id(),
        "mode": mode,
        "from": at + 1,
        "to": head,
    })
}

/// The answer to who asked for the status changes of all tasks.
pub(super) fn subscribed_to_every_task(hub: &Hub) -> Answer {
    let body = json!({
        "task_id": EVERY_TASK,
        "message": "Subscribed to the status changes of all tasks",
        "log_id": hub.log().log_id(),
        "mode": "live",
    });
    Answer { event: "subscribed", body, updates: Vec::new() }
}
