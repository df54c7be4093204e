//! Which tasks one connection follows, and how far it got with each.
//!
//! One cursor per (connection, task). What lies behind the head is read from
//! the log page by page; then the live feed is followed. A hole in the feed is
//! filled from the log, what is at or below the cursor is dropped. So each
//! event arrives once and in order, however slow the client is: a cursor whose
//! client has no room simply stands still.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tasks::{Engine, Event, Task};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::heard::Heard;

/// Events read from the log at once.
const PAGE: usize = 64;
/// Pause before the log is asked again when the store did not answer.
const STORE_RETRY: Duration = Duration::from_millis(250);

/// The tasks one connection follows.
pub(crate) struct Subscriptions {
    engine: Engine,
    limit: usize,
    legacy_broadcast: bool,
    live: Option<Receiver<Arc<Event>>>,
    cursors: HashMap<String, Cursor>,
    /// Tasks whose log holds more than was delivered, each once.
    behind: VecDeque<String>,
    /// Kept under `legacy_broadcast`, where the feed alone makes cursors.
    heard: Heard,
}

#[derive(Debug)]
struct Cursor {
    delivered: u64,
    behind: bool,
    /// Followed although nobody asked, under `legacy_broadcast`, since its
    /// first event.
    from_start_unasked: bool,
}

/// What a client is told about a request, and what it is sent right after.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// Name of the event that answers.
    pub(crate) event: &'static str,
    /// Its argument, also the acknowledgement's.
    pub(crate) body: Value,
    /// `task_update`s that follow at once.
    pub(crate) updates: Vec<Value>,
}

/// A refusal, as the event `error` and as the acknowledgement.
pub(crate) fn error(code: &str, message: impl Into<String>, task_id: Option<&str>) -> Answer {
    let mut body = json!({ "code": code, "message": message.into() });
    if let Some(task_id) = task_id {
        body["task_id"] = task_id.into();
    }
    Answer { event: "error", body, updates: Vec::new() }
}

impl Subscriptions {
    pub(crate) fn new(engine: Engine, limit: usize, legacy_broadcast: bool) -> Self {
        let live = legacy_broadcast.then(|| engine.watch());
        Subscriptions {
            engine,
            limit,
            legacy_broadcast,
            live,
            cursors: HashMap::new(),
            behind: VecDeque::new(),
            heard: Heard::default(),
        }
    }

    /// Handles `subscribe {task_id, after_seq?, log_id?}`. A task that is
    /// followed already is followed again from the given point.
    pub(crate) async fn subscribe(&mut self, arguments: &[Value]) -> Answer {
        let request = match Request::parse(arguments) {
            Ok(request) => request,
            Err(refusal) => return refusal,
        };
        let task_id = request.task_id;
        if self.cursors.len() >= self.limit && !self.cursors.contains_key(&task_id) && !self.legacy_broadcast
        {
            let message =
                format!("this connection follows {} tasks; unsubscribe from some first", self.limit);
            return error("too_many_subscriptions", message, Some(&task_id));
        }
        // Watching starts before the log is read, so that nothing falls between.
        self.live.get_or_insert_with(|| self.engine.watch());
        let task = match self.engine.task(&task_id).await {
            Ok(task) => task,
            Err(tasks::Error::UnknownTask { .. }) => {
                return error("task_not_found", "Task not found", Some(&task_id));
            }
            Err(failure) => {
                tracing::error!("subscribe: {failure}");
                return error("internal", "the store did not answer; try again", Some(&task_id));
            }
        };
        let head = task.head_seq;
        let foreign_log = request.log_id.as_ref().is_some_and(|log_id| log_id != self.engine.log_id());
        let after = request.after_seq.unwrap_or(0);
        let was_followed = self.cursors.get(&task_id).is_some_and(|cursor| cursor.from_start_unasked);
        let (mode, delivered) = if foreign_log || after > head {
            ("snapshot", head)
        } else if request.after_seq.is_none() && was_followed {
            let delivered = self.cursors.get(&task_id).map_or(0, |cursor| cursor.delivered);
            ("live", delivered)
        } else if after == head {
            ("live", head)
        } else {
            ("replayed", after)
        };
        self.stop(&task_id);
        self.follow(&task_id, delivered, &task);
        let body = json!({
            "task_id": task_id,
            "message": format!("Subscribed to task {task_id}"),
            "head_seq": head,
            "log_id": self.engine.log_id(),
            "mode": mode,
            "from": delivered + 1,
            "to": head,
        });
        let updates = if mode == "snapshot" { snapshot(&task) } else { Vec::new() };
        Answer { event: "subscribed", body, updates }
    }

    /// Handles `unsubscribe {task_id}`.
    pub(crate) fn unsubscribe(&mut self, arguments: &[Value]) -> Answer {
        match Request::parse(arguments) {
            Ok(Request { task_id, .. }) => {
                self.stop(&task_id);
                let message = format!("Unsubscribed from task {task_id}");
                Answer {
                    event: "unsubscribed",
                    body: json!({ "task_id": task_id, "message": message }),
                    updates: Vec::new(),
                }
            }
            Err(refusal) => refusal,
        }
    }

    /// The next events to deliver, in order. Waits until there are some. May be
    /// dropped while it waits without losing any.
    pub(crate) async fn next(&mut self) -> Vec<Arc<Event>> {
        loop {
            if let Some(task_id) = self.behind.front().cloned() {
                match self.page(&task_id).await {
                    Ok(events) if events.is_empty() => continue,
                    Ok(events) => return events,
                    Err(failure) => {
                        tracing::error!("replay of task {task_id}: {failure}");
                        tokio::time::sleep(STORE_RETRY).await;
                        continue;
                    }
                }
            }
            let Some(live) = self.live.as_mut() else { return std::future::pending().await };
            match live.recv().await {
                Ok(event) => {
                    if let Some(event) = self.accept(event) {
                        return vec![event];
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let followed: Vec<String> = self.cursors.keys().cloned().collect();
                    followed.iter().for_each(|task_id| self.mark_behind(task_id));
                }
                // The engine ended; the connection will, too.
                Err(RecvError::Closed) => self.live = None,
            }
        }
    }

    /// The next page of a task that is behind.
    async fn page(&mut self, task_id: &str) -> Result<Vec<Arc<Event>>, tasks::Error> {
        let Some(cursor) = self.cursors.get(task_id) else {
            self.behind.pop_front();
            return Ok(Vec::new());
        };
        let events = self.engine.events(task_id, cursor.delivered, PAGE).await?;
        self.behind.pop_front();
        let Some(cursor) = self.cursors.get_mut(task_id) else { return Ok(Vec::new()) };
        cursor.behind = false;
        if events.len() == PAGE {
            // The others get their turn before this one goes on.
            cursor.behind = true;
            self.behind.push_back(task_id.to_owned());
        }
        if let Some(last) = events.last() {
            cursor.delivered = last.seq;
            if last.is_terminal() {
                self.stop(task_id);
            }
        }
        Ok(events.into_iter().map(Arc::new).collect())
    }

    /// A live event, when it is the next one of a task that is followed.
    fn accept(&mut self, event: Arc<Event>) -> Option<Arc<Event>> {
        if self.legacy_broadcast && !self.cursors.contains_key(&event.task_id) {
            // What was heard from the log may still come along here.
            let delivered = self.heard.up_to(&event.task_id).unwrap_or(event.seq - 1);
            if event.seq <= delivered {
                return None;
            }
            let cursor = Cursor { delivered, behind: false, from_start_unasked: delivered == 0 };
            self.cursors.insert(event.task_id.clone(), cursor);
        }
        let cursor = self.cursors.get_mut(&event.task_id)?;
        if cursor.behind || event.seq <= cursor.delivered {
            return None;
        }
        if event.seq > cursor.delivered + 1 {
            self.mark_behind(&event.task_id);
            return None;
        }
        cursor.delivered = event.seq;
        if event.is_terminal() {
            self.stop(&event.task_id);
        }
        Some(event)
    }

    /// Sets a cursor; a task that has ended and is delivered needs none.
    fn follow(&mut self, task_id: &str, delivered: u64, task: &Task) {
        if task.status.is_terminal() && delivered >= task.head_seq {
            self.note_heard(task_id, delivered);
            return;
        }
        let cursor = Cursor { delivered, behind: false, from_start_unasked: false };
        self.cursors.insert(task_id.to_owned(), cursor);
        if delivered < task.head_seq {
            self.mark_behind(task_id);
        }
    }

    fn stop(&mut self, task_id: &str) {
        let Some(cursor) = self.cursors.remove(task_id) else { return };
        if cursor.behind {
            self.behind.retain(|other| other != task_id);
        }
        self.note_heard(task_id, cursor.delivered);
    }

    fn note_heard(&mut self, task_id: &str, seq: u64) {
        if self.legacy_broadcast {
            self.heard.note(task_id, seq);
        }
    }

    fn mark_behind(&mut self, task_id: &str) {
        if let Some(cursor) = self.cursors.get_mut(task_id)
            && !cursor.behind
        {
            cursor.behind = true;
            self.behind.push_back(task_id.to_owned());
        }
    }
}

/// The task as it is now for a client that cannot resume, then its status once
/// more, so that clients that know no snapshots finish.
fn snapshot(task: &Task) -> Vec<Value> {
    let timestamp = task.completed_at.as_ref().or(task.started_at.as_ref()).unwrap_or(&task.created_at);
    let update = |event_type: &str, data: Value| {
        json!({
            "task_id": task.id,
            "event_type": event_type,
            "data": data,
            "timestamp": timestamp,
            "seq": task.head_seq,
            "v": 1,
        })
    };
    let mut status = json!({ "status": task.status, "message": "Status at the time of the snapshot" });
    if let Some(result) = &task.result {
        status["result"] = result.clone();
    }
    if let Some(error) = &task.error {
        status["error"] = error.clone().into();
    }
    vec![update("snapshot", json!(task)), update("status_change", status)]
}

/// What a client may say in `subscribe` and `unsubscribe`.
struct Request {
    task_id: String,
    after_seq: Option<u64>,
    log_id: Option<String>,
}

impl Request {
    fn parse(arguments: &[Value]) -> Result<Request, Answer> {
        let required = || error("task_id_required", "task_id is required", None);
        let Some(Value::Object(fields)) = arguments.first() else { return Err(required()) };
        let task_id = match fields.get("task_id") {
            None | Some(Value::Null) => return Err(required()),
            Some(Value::String(text)) if text.is_empty() => return Err(required()),
            Some(Value::String(text)) if text.len() > 128 => {
                return Err(error(
                    "task_not_found",
                    "Task not found",
                    Some(&text.chars().take(128).collect::<String>()),
                ));
            }
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(error("invalid_task_id", "task_id must be a string", None)),
        };
        let after_seq = match fields.get("after_seq") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(seq) => Some(seq),
                None => {
                    let message = "after_seq must be an integer, 0 or more";
                    return Err(error("invalid_after_seq", message, Some(&task_id)));
                }
            },
        };
        let log_id = match fields.get("log_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(error("invalid_log_id", "log_id must be a string", Some(&task_id))),
        };
        Ok(Request { task_id, after_seq, log_id })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tasks::{EngineSettings, JobFailure, JobSuccess, NewEvent};

    use super::*;

    /// An engine whose tasks report three times and end.
    async fn engine(dir: &Path) -> Engine {
        let job = Arc::new(|context: &tasks::JobContext| -> Result<JobSuccess, JobFailure> {
            for k in 1..=3 {
                context.commit(vec![NewEvent::progress(json!({ "current_iteration": k }))], None);
            }
            Ok(JobSuccess { result: json!({}), message: "Counted".to_owned() })
        });
        Engine::open(EngineSettings::sqlite(&dir.join("tasks.db")), job).await.expect("an engine")
    }

    /// Runs a task and returns it when its last event was announced.
    async fn ended(engine: &Engine) -> Task {
        let mut live = engine.watch();
        let task = engine.submit(json!({}), json!({})).await.expect("submitted");
        while !live.recv().await.expect("an event").is_terminal() {}
        engine.task(&task.id).await.expect("the task")
    }

    #[tokio::test]
    async fn under_legacy_broadcast_what_came_from_the_log_does_not_come_again_from_the_feed() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = engine(dir.path()).await;
        // Hears from now on, and has all events of both tasks still to take.
        let mut subscriptions = Subscriptions::new(engine.clone(), 10, true);
        let (replayed, known) = (ended(&engine).await, ended(&engine).await);
        let head = replayed.head_seq;
        subscriptions.subscribe(&[json!({"task_id": replayed.id, "after_seq": 1})]).await;
        let mut seqs = Vec::new();
        while seqs.last() != Some(&head) {
            for event in subscriptions.next().await {
                assert_eq!(event.task_id, replayed.id);
                seqs.push(event.seq);
            }
        }
        assert_eq!(seqs, (2..=head).collect::<Vec<_>>());
        // Of this one the client has everything; nothing of either is left.
        subscriptions.subscribe(&[json!({"task_id": known.id, "after_seq": head})]).await;
        let fresh = ended(&engine).await;
        for seq in 1..=fresh.head_seq {
            let events = subscriptions.next().await;
            let heard: Vec<_> = events.iter().map(|event| (event.task_id.as_str(), event.seq)).collect();
            assert_eq!(heard, [(fresh.id.as_str(), seq)]);
        }
        engine.shutdown(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn under_legacy_broadcast_one_who_unsubscribed_goes_on_without_a_gap_or_a_double() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = engine(dir.path()).await;
        let mut subscriptions = Subscriptions::new(engine.clone(), 10, true);
        let task = ended(&engine).await;
        let mut seqs = vec![subscriptions.next().await[0].seq];
        subscriptions.unsubscribe(&[json!({ "task_id": task.id })]);
        while seqs.last() != Some(&task.head_seq) {
            seqs.extend(subscriptions.next().await.iter().map(|event| event.seq));
        }
        assert_eq!(seqs, (1..=task.head_seq).collect::<Vec<_>>());
        engine.shutdown(Duration::from_secs(5)).await;
    }

    #[test]
    fn every_malformed_subscription_is_named() {
        let cases = [
            (vec![], "task_id_required"),
            (vec![json!(null)], "task_id_required"),
            (vec![json!("abc")], "task_id_required"),
            (vec![json!([1])], "task_id_required"),
            (vec![json!({})], "task_id_required"),
            (vec![json!({"task_id": null})], "task_id_required"),
            (vec![json!({"task_id": ""})], "task_id_required"),
            (vec![json!({"task_id": 7})], "invalid_task_id"),
            (vec![json!({"task_id": {"a": 1}})], "invalid_task_id"),
            (vec![json!({"task_id": "x".repeat(200)})], "task_not_found"),
            (vec![json!({"task_id": "x", "after_seq": -1})], "invalid_after_seq"),
            (vec![json!({"task_id": "x", "after_seq": 1.5})], "invalid_after_seq"),
            (vec![json!({"task_id": "x", "after_seq": "3"})], "invalid_after_seq"),
            (vec![json!({"task_id": "x", "log_id": 3})], "invalid_log_id"),
        ];
        for (arguments, expected) in cases {
            let refusal = Request::parse(&arguments).err().expect("malformed");
            assert_eq!(refusal.body["code"], expected, "{arguments:?}");
            assert_eq!(refusal.event, "error");
        }
    }
}
