use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tasks::{Error, Event, EventKind, EventPage, Extent, Task};

use super::super::log::{Head, TaskLog};
use super::super::update::tests::event;

/// A log in memory that can be trimmed and can fail.
#[derive(Default)]
pub(super) struct MemoryLog(Mutex<State>);

#[derive(Default)]
struct State {
    tasks: BTreeMap<String, (Task, VecDeque<Arc<Event>>)>,
    failures: u32,
    pages: usize,
}

impl MemoryLog {
    pub(super) fn append(&self, task_id: &str, kind: EventKind, data: Value) -> Arc<Event> {
        let mut state = self.0.lock().expect("not poisoned");
        let (task, events) = state.tasks.entry(task_id.to_owned()).or_insert_with(|| {
            let task: Task =
                serde_json::from_value(json!({"id": task_id, "task_id": task_id, "status": "pending",
                "config": {}, "created_at": "", "started_at": null, "completed_at": null, "result": null,
                "error": null, "progress": null, "last_iteration": null, "head_seq": 0}))
                .expect("a task");
            (task, VecDeque::new())
        });
        let event = event(task_id, task.head_seq + 1, kind, data);
        task.apply(&event);
        events.push_back(event.clone());
        event
    }

    /// Forgets the older half of what is held, but not the newest.
    pub(super) fn trim(&self, task_id: &str) {
        if let Some((_, events)) = self.0.lock().expect("not poisoned").tasks.get_mut(task_id) {
            events.drain(..events.len() / 2);
        }
    }

    pub(super) fn delete(&self, task_id: &str) {
        self.0.lock().expect("not poisoned").tasks.remove(task_id);
    }

    pub(super) fn head(&self, task_id: &str) -> u64 {
        self.0.lock().expect("not poisoned").tasks.get(task_id).map_or(0, |(task, _)| task.head_seq)
    }

    pub(super) fn first(&self, task_id: &str) -> u64 {
        let state = self.0.lock().expect("not poisoned");
        state.tasks.get(task_id).and_then(|(_, events)| events.front()).map_or(1, |event| event.seq)
    }

    pub(super) fn fail(&self, times: u32) {
        self.0.lock().expect("not poisoned").failures = times;
    }

    /// Pages read so far.
    pub(super) fn pages(&self) -> usize {
        self.0.lock().expect("not poisoned").pages
    }

    fn all(&self, wanted: impl Fn(&Task, &str) -> bool) -> Result<Vec<Head>, Error> {
        let mut state = self.0.lock().expect("not poisoned");
        if state.failures > 0 {
            state.failures -= 1;
            return Err(Error::Stopped);
        }
        let newest = state.tasks.last_key_value().map_or("", |(task_id, _)| task_id);
        let wanted = state.tasks.values().filter(|(task, _)| wanted(task, newest));
        Ok(wanted.map(|(task, _)| Head { task_id: task.id.clone(), seq: task.head_seq }).collect())
    }

    fn read<T>(
        &self,
        task_id: &str,
        read: impl FnOnce(&Task, &VecDeque<Arc<Event>>) -> T,
    ) -> Result<T, Error> {
        let mut state = self.0.lock().expect("not poisoned");
        if state.failures > 0 {
            state.failures -= 1;
            return Err(Error::Stopped);
        }
        let unknown = || Error::UnknownTask { task_id: task_id.to_owned() };
        state.tasks.get(task_id).map(|(task, events)| read(task, events)).ok_or_else(unknown)
    }
}

impl TaskLog for MemoryLog {
    fn log_id(&self) -> &str {
        "this log"
    }

    fn task<'a>(&'a self, task_id: &'a str) -> BoxFuture<'a, Result<Task, Error>> {
        Box::pin(async move { self.read(task_id, |task, _| task.clone()) })
    }

    fn page<'a>(
        &'a self,
        task_id: &'a str,
        after: u64,
        limit: usize,
        _details: bool,
    ) -> BoxFuture<'a, Result<EventPage, Error>> {
        Box::pin(async move {
            self.0.lock().expect("not poisoned").pages += 1;
            self.read(task_id, |task, events| {
                let first_seq = events.front().map_or(1, |event| event.seq);
                let events = events.iter().filter(|event| event.seq > after).take(limit);
                EventPage {
                    events: events.map(|event| (**event).clone()).collect(),
                    extent: Extent { first_seq, head_seq: task.head_seq },
                }
            })
        })
    }

    fn heads<'a>(&'a self, task_ids: &'a [Arc<str>]) -> BoxFuture<'a, Result<Vec<Head>, Error>> {
        Box::pin(async move { self.all(|task, _| task_ids.iter().any(|task_id| **task_id == task.id)) })
    }

    fn open_heads<'a>(&'a self, newer_than: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Head>, Error>> {
        Box::pin(async move {
            self.all(|task, newest| {
                let is_new = newer_than.map_or(task.id == newest, |id| task.id.as_str() > id);
                is_new || !task.status.is_terminal()
            })
        })
    }
}
