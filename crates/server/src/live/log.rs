//! Where the events are read that no ring holds.

use std::sync::Arc;

use futures_util::future::BoxFuture;
pub use tasks::Head;
use tasks::{Engine, Error, EventPage, Task};

/// The durable log of all tasks, as its readers see it.
pub trait TaskLog: Send + Sync + 'static {
    /// Names the incarnation of the store.
    fn log_id(&self) -> &str;

    /// The task as of its newest event.
    fn task<'a>(&'a self, task_id: &'a str) -> BoxFuture<'a, Result<Task, Error>>;

    /// Events behind `after`, in order, at most `limit`; with their details when
    /// those are wanted.
    fn page<'a>(
        &'a self,
        task_id: &'a str,
        after: u64,
        limit: usize,
        details: bool,
    ) -> BoxFuture<'a, Result<EventPage, Error>>;

    /// The heads of these tasks; who is not there is left out.
    fn heads<'a>(&'a self, task_ids: &'a [Arc<str>]) -> BoxFuture<'a, Result<Vec<Head>, Error>>;

    /// The heads of the tasks that have not ended, and of those with a larger
    /// id than this one; without one, of the task with the largest.
    fn open_heads<'a>(&'a self, newer_than: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Head>, Error>>;
}

impl TaskLog for Engine {
    fn log_id(&self) -> &str {
        Engine::log_id(self)
    }

    fn task<'a>(&'a self, task_id: &'a str) -> BoxFuture<'a, Result<Task, Error>> {
        Box::pin(Engine::task(self, task_id))
    }

    fn page<'a>(
        &'a self,
        task_id: &'a str,
        after: u64,
        limit: usize,
        details: bool,
    ) -> BoxFuture<'a, Result<EventPage, Error>> {
        if details {
            Box::pin(Engine::detailed_page(self, task_id, after, limit))
        } else {
            Box::pin(Engine::page(self, task_id, after, limit))
        }
    }

    fn heads<'a>(&'a self, task_ids: &'a [Arc<str>]) -> BoxFuture<'a, Result<Vec<Head>, Error>> {
        Box::pin(Engine::heads(self, task_ids))
    }

    fn open_heads<'a>(&'a self, newer_than: Option<&'a str>) -> BoxFuture<'a, Result<Vec<Head>, Error>> {
        Box::pin(Engine::open_heads(self, newer_than))
    }
}
