//! Everything one connection follows: the subscriptions behind every door.
//!
//! One cursor for each task. What lies behind the head is read from the ring
//! or from the log; a hole in the feed is filled from the log, what is at or
//! below the cursor is dropped. A cursor moves only when its door asks for
//! more: so each event arrives once and in order however slow the client is,
//! and nothing is queued for it here.

/// What it hears of all tasks.
mod all;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};

use serde_json::{Value, json};

use super::answer::{Answer, Start, ring_from, subscribed};
use super::cursor::{Cursor, Next};
use super::delivery::{Batch, Item, Room};
use super::hub::{Hub, STORE_RETRY};
use super::many::{Everything, Statuses};
use super::request::{EVERY_TASK, Refusal, Request};
use super::signal::{END, Signal};
use super::update::{Update, snapshot};

/// Events read from the log at once.
const PAGE: usize = 64;
/// The same with layouts, of which few fill a door's room.
const DETAILED_PAGE: usize = 16;
/// In place of a subscription's slot: the status changes of all tasks.
const STATUSES: u32 = u32::MAX;
/// In place of a subscription's slot: everything, under `legacy_broadcast`.
const EVERYTHING: u32 = u32::MAX - 1;

/// One connection's subscriptions.
pub struct Reader {
    hub: Hub,
    signal: Arc<Signal>,
    limit: usize,
    cursors: Vec<Option<Cursor>>,
    by_task: HashMap<Arc<str>, u32>,
    /// Slots with news, each once.
    queue: VecDeque<u32>,
    /// Taken from the signal, not yet in the queue.
    news: Vec<u32>,
    /// Whether the connection is to end.
    ended: bool,
    statuses: Option<Box<Statuses>>,
    everything: Option<Box<Everything>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("tasks", &self.by_task.keys()).finish_non_exhaustive()
    }
}

impl Reader {
    /// Follows nothing yet, and `limit` tasks at most; when the hub keeps
    /// everything, it follows that.
    pub fn new(hub: &Hub, limit: usize) -> Reader {
        let signal = Arc::new(Signal::default());
        let everything = hub.everything().map(|topic| Box::new(Everything::join(topic, &signal, EVERYTHING)));
        Reader {
            hub: hub.clone(),
            signal,
            limit,
            cursors: Vec::new(),
            by_task: HashMap::new(),
            queue: VecDeque::new(),
            news: Vec::new(),
            ended: false,
            statuses: None,
            everything,
        }
    }

    /// Handles `subscribe`. A task that is followed already is followed again
    /// from the given point.
    pub async fn subscribe(&mut self, argument: Option<&Value>) -> Result<Answer, Refusal> {
        self.subscribe_to(Request::parse(argument)?).await
    }

    /// The same with a request that was read already.
    pub async fn subscribe_to(&mut self, request: Request) -> Result<Answer, Refusal> {
        let Request { task_id, after_seq, log_id, wishes } = request;
        if task_id == EVERY_TASK {
            return self.subscribe_to_every_task().await;
        }
        let is_new = !self.by_task.contains_key(task_id.as_str());
        if is_new && self.by_task.len() >= self.limit && self.everything.is_none() {
            let message =
                format!("this connection follows {} tasks; unsubscribe from some first", self.limit);
            return Err(Refusal::new("too_many_subscriptions", message, Some(&task_id)));
        }
        // Following starts before the log is read, so that nothing falls between.
        let slot = self.free_slot();
        let following = self.hub.follow(&task_id, &self.signal, slot);
        let foreign_log = log_id.is_some_and(|log_id| log_id != self.hub.log().log_id());
        let after = after_seq.unwrap_or(0);
        let known = if foreign_log { None } else { ring_from(following.topic(), after) };
        let start = match known {
            Some(start) => start,
            None => self.look_up(&task_id, after, foreign_log).await.map_err(|failure| match failure {
                tasks::Error::UnknownTask { .. } => {
                    Refusal::new("task_not_found", "Task not found", Some(&task_id))
                }
                failure => no_answer(&task_id, &failure),
            })?,
        };
        let (head, ended) = (start.head, start.ended);
        let heard_unasked = self.cursor_of(&task_id).filter(|cursor| cursor.unasked_from_start);
        let (mode, at) = if start.snapshot.is_some() {
            ("snapshot", head)
        } else if after_seq.is_none()
            && let Some(cursor) = heard_unasked
        {
            ("live", cursor.at())
        } else if after == head {
            ("live", head)
        } else {
            ("replayed", after)
        };
        self.stop(&task_id);
        if start.snapshot.is_some() {
            self.note_snapshot(&task_id, head);
        }
        if ended && at >= head {
            // Everything is delivered; nothing more will come.
            self.note_heard_of_everything(&task_id, at);
        } else {
            let mut cursor = Cursor::new(following, wishes, at, head);
            self.leave_statuses_to(&mut cursor);
            self.insert(slot, cursor);
        }
        self.hub.metrics().live().subscribed(mode);
        let body = subscribed(&task_id, &self.hub, mode, at, head);
        let updates = match &start.snapshot {
            Some(task) => snapshot(task, wishes.skips_events()).to_vec(),
            None => Vec::new(),
        };
        Ok(Answer { event: "subscribed", body, updates })
    }

    /// Handles `unsubscribe {task_id}`.
    pub fn unsubscribe(&mut self, argument: Option<&Value>) -> Result<Answer, Refusal> {
        let task_id = super::request::task_id(argument)?;
        if task_id == EVERY_TASK {
            self.unsubscribe_from_every_task();
        } else if self.everything.is_some() {
            // Goes on like everything else, where it stands.
            if let Some(cursor) = self.cursor_of_mut(&task_id) {
                cursor.unasked_from_start = false;
            }
        } else {
            self.stop(&task_id);
        }
        let message = format!("Unsubscribed from task {task_id}");
        let body = json!({ "task_id": task_id, "message": message });
        Ok(Answer { event: "unsubscribed", body, updates: Vec::new() })
    }

    /// The tasks that have a subscription of their own.
    pub(super) fn followed(&self) -> Vec<Arc<str>> {
        self.by_task.keys().cloned().collect()
    }

    /// Whether status changes of all tasks were asked for.
    pub(super) fn follows_every_task(&self) -> bool {
        self.statuses.is_some()
    }

    /// Whether no event can come any more unless something is subscribed to.
    pub fn is_idle(&self) -> bool {
        self.by_task.is_empty() && self.statuses.is_none() && self.everything.is_none()
    }

    /// How the connection hears of news, and that it is to end.
    pub(super) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// Whether the connection was told to end.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Waits until it is. May be dropped while it waits.
    pub(super) async fn end(&mut self) {
        poll_fn(|context| {
            while !self.ended {
                if self.signal.poll_news(context, &mut self.news).is_pending() {
                    return Poll::Pending;
                }
                self.enqueue_news();
            }
            Poll::Ready(())
        })
        .await;
    }

    /// The next items to deliver, in order, as many as there are and room is.
    /// Waits until there are some; none mean that the connection is to end. May
    /// be dropped while it waits without losing any; what it returns counts as
    /// delivered.
    pub async fn next(&mut self, room: Room) -> Vec<Item> {
        loop {
            self.news().await;
            if self.ended {
                return Vec::new();
            }
            let mut batch = Batch::new(room);
            while !batch.is_full()
                && let Some(&slot) = self.queue.front()
            {
                match self.take(slot, &mut batch) {
                    Next::More => {
                        // The others get their turn before this one goes on.
                        self.queue.rotate_left(1);
                    }
                    Next::InLog if !batch.is_empty() => break,
                    Next::InLog => {
                        if let Err(failure) = self.read_log(slot, &mut batch).await {
                            tracing::error!("replay: {failure}");
                            tokio::time::sleep(STORE_RETRY).await;
                        }
                        // Nobody waits for the end of another's replay.
                        self.queue.rotate_left(1);
                    }
                    Next::Nothing | Next::Ended => {
                        self.queue.pop_front();
                    }
                }
            }
            self.hub.metrics().live().handed_over(&batch.tally);
            if !batch.is_empty() {
                return batch.into_items();
            }
        }
    }

    /// Waits until the queue holds something or the connection is to end.
    async fn news(&mut self) {
        poll_fn(|context| {
            loop {
                if self.queue.is_empty() && !self.ended {
                    // Ready says nothing of a waker: news of what is followed no
                    // more is followed by another look.
                    ready!(self.signal.poll_news(context, &mut self.news));
                } else {
                    self.signal.take_news(&mut self.news);
                }
                self.enqueue_news();
                if !self.queue.is_empty() || self.ended {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }

    fn enqueue_news(&mut self) {
        for slot in self.news.drain(..) {
            let queued = match self.cursors.get_mut(slot as usize) {
                Some(Some(cursor)) => std::mem::replace(&mut cursor.queued, true),
                Some(None) => true,
                None if slot == END => std::mem::replace(&mut self.ended, true),
                None => self.queue.contains(&slot),
            };
            if !queued && slot != END {
                self.queue.push_back(slot);
            }
        }
    }

    /// Takes what is at hand for one slot.
    fn take(&mut self, slot: u32, batch: &mut Batch) -> Next {
        match slot {
            STATUSES => return self.take_statuses(batch),
            EVERYTHING => return self.take_everything(batch),
            _ => {}
        }
        let Some(Some(cursor)) = self.cursors.get_mut(slot as usize) else { return Next::Nothing };
        let next = cursor.take(batch);
        match next {
            Next::Nothing => cursor.queued = false,
            Next::Ended => self.remove(slot),
            Next::More | Next::InLog => {}
        }
        next
    }

    /// Reads one page of a task from the log.
    async fn read_log(&mut self, slot: u32, batch: &mut Batch) -> Result<(), tasks::Error> {
        let Some(Some(cursor)) = self.cursors.get(slot as usize) else { return Ok(()) };
        let (task_id, at) = (cursor.task_id().clone(), cursor.at());
        let layout = cursor.wishes().layout;
        let limit = if layout { DETAILED_PAGE } else { PAGE }.min(batch.room());
        let log = self.hub.log();
        let page = match log.page(&task_id, at, limit, layout).await {
            Ok(page) => page,
            Err(tasks::Error::UnknownTask { .. }) => {
                // Deleted while it was followed.
                let refusal = Refusal::new("task_not_found", "Task not found", Some(&task_id));
                batch.notice("error", refusal.body());
                self.remove(slot);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        let task = if page.extent.is_trimmed_after(at) { Some(log.task(&task_id).await?) } else { None };
        let Some(Some(cursor)) = self.cursors.get_mut(slot as usize) else { return Ok(()) };
        if let Some(task) = task {
            let head = task.head_seq;
            cursor.jump(head);
            batch.notice("subscribed", subscribed(&task_id, &self.hub, "snapshot", head, head));
            for update in snapshot(&task, cursor.wishes().skips_events()) {
                batch.notice("task_update", update);
            }
            self.note_snapshot(&task_id, head);
            if task.status.is_terminal() {
                self.remove(slot);
            }
        } else if page.events.is_empty() {
            cursor.at_end_of_log();
        } else if cursor
            .accept(page.events.into_iter().map(|event| Update::new(Arc::new(event))).collect(), batch)
        {
            self.remove(slot);
        }
        Ok(())
    }

    /// Looks a task up in the log.
    async fn look_up(&self, task_id: &str, after: u64, foreign_log: bool) -> Result<Start, tasks::Error> {
        let task = self.hub.log().task(task_id).await?;
        let (head, ended) = (task.head_seq, task.status.is_terminal());
        let mut cannot_resume = foreign_log || after > head;
        if after < head && !cannot_resume {
            cannot_resume =
                self.hub.log().page(task_id, after, 1, false).await?.extent.is_trimmed_after(after);
        }
        Ok(Start { head, ended, snapshot: cannot_resume.then_some(task) })
    }

    fn cursor_of(&self, task_id: &str) -> Option<&Cursor> {
        self.cursors.get(*self.by_task.get(task_id)? as usize)?.as_ref()
    }

    fn cursor_of_mut(&mut self, task_id: &str) -> Option<&mut Cursor> {
        self.cursors.get_mut(*self.by_task.get(task_id)? as usize)?.as_mut()
    }

    fn free_slot(&self) -> u32 {
        let free = self.cursors.iter().position(Option::is_none).unwrap_or(self.cursors.len());
        // Far fewer subscriptions than that fit into memory.
        u32::try_from(free).unwrap_or(END - 1)
    }

    /// Puts a cursor into its slot, and into the queue when there is something
    /// to take.
    fn insert(&mut self, slot: u32, mut cursor: Cursor) {
        if cursor.is_behind() {
            cursor.queued = true;
            self.queue.push_back(slot);
        }
        self.by_task.insert(cursor.task_id().clone(), slot);
        let index = slot as usize;
        if index >= self.cursors.len() {
            self.cursors.resize_with(index + 1, || None);
        }
        self.cursors[index] = Some(cursor);
    }

    /// Ends the subscription to a task.
    pub(super) fn stop(&mut self, task_id: &str) {
        if let Some(&slot) = self.by_task.get(task_id) {
            self.remove(slot);
        }
    }

    fn remove(&mut self, slot: u32) {
        let Some(cursor) = self.cursors.get_mut(slot as usize).and_then(Option::take) else { return };
        self.by_task.remove(cursor.task_id());
        self.note_heard(cursor);
        while self.cursors.last().is_some_and(Option::is_none) {
            self.cursors.pop();
        }
    }
}

/// The store cannot say what is asked for.
fn no_answer(task_id: &str, failure: &tasks::Error) -> Refusal {
    tracing::error!("subscribe: {failure}");
    Refusal::new("internal", "the store did not answer; try again", Some(task_id))
}
