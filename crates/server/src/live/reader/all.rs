//! What a connection hears of all tasks: their status changes when it asked for
//! them, everything under `legacy_broadcast`.
//!
//! A status change comes once: from the subscription to its task, when there is
//! one that brings it, else from the one to all. What the latter leaves to the
//! former is owed when that ends too early.

use std::sync::Arc;

use serde_json::Value;

use super::super::answer::{Answer, subscribed_to_every_task};
use super::super::cursor::{Cursor, Next};
use super::super::delivery::{Batch, Delivery};
use super::super::many::Statuses;
use super::super::mixed::News;
use super::super::request::{EVERY_TASK, Refusal, Wishes};
use super::{Reader, STATUSES, no_answer};

/// Tasks that one notice names.
const NAMED: usize = 256;

impl Reader {
    pub(super) async fn subscribe_to_every_task(&mut self) -> Result<Answer, Refusal> {
        self.hub.begin_to_tell().await.map_err(|failure| no_answer(EVERY_TASK, &failure))?;
        if self.statuses.is_none() {
            self.statuses = Some(Box::new(Statuses::join(self.hub.statuses(), &self.signal, STATUSES)));
        }
        Ok(subscribed_to_every_task(&self.hub))
    }

    pub(super) fn unsubscribe_from_every_task(&mut self) {
        self.statuses = None;
        for cursor in self.cursors.iter_mut().flatten() {
            drop(cursor.take_left());
        }
    }

    /// Status changes that no subscription to their task brings.
    pub(super) fn take_statuses(&mut self, batch: &mut Batch) -> Next {
        let Reader { statuses: Some(statuses), by_task, cursors, everything, .. } = self else {
            return Next::Nothing;
        };
        let Statuses { place, heard, owed } = &mut **statuses;
        while !batch.is_full()
            && let Some(update) = owed.pop_front()
        {
            batch.push(Delivery::of_all(update), false);
        }
        if batch.is_full() {
            return Next::More;
        }
        let taken = place.take(batch.room());
        if taken.is_empty() {
            return Next::Nothing;
        }
        let untold = taken.news.iter().filter(|news| news.update.is_none());
        let missed: Vec<Arc<str>> =
            taken.lost.iter().chain(untold).map(|news| news.task_id.clone()).collect();
        // Before the news, so that whoever reads up on a task does so before the
        // next of it is heard.
        for task_ids in missed.chunks(NAMED) {
            let message = "status changes of these tasks were missed; read them from /api/tasks";
            batch.notice("error", missed_events(message, Some(task_ids)));
        }
        if taken.lost_more {
            let message = "status changes of some tasks were missed; read them from /api/tasks";
            batch.notice("error", missed_events(message, None));
        }
        for News { task_id, update, .. } in taken.news {
            let Some(update) = update else { continue };
            let cursor = match by_task.get(&task_id) {
                Some(slot) => cursors.get_mut(*slot as usize).and_then(Option::as_mut),
                None => None,
            };
            match cursor {
                _ if heard.contains(&task_id, update.seq()) => {}
                Some(cursor) if cursor.tells_status(update.seq()) => cursor.leave_here(update),
                None if everything.is_some() => {}
                _ => batch.push(Delivery::of_all(update), false),
            }
        }
        Next::More
    }

    /// Begins to follow what was heard of, under `legacy_broadcast`.
    pub(super) fn take_everything(&mut self, batch: &mut Batch) -> Next {
        let Some(everything) = &mut self.everything else { return Next::Nothing };
        let taken = everything.place.take(usize::MAX);
        if taken.is_empty() {
            return Next::Nothing;
        }
        for news in taken.lost.iter().chain(&taken.news) {
            self.follow_unasked(news);
        }
        if taken.lost_more {
            let message = "events of some tasks were missed; read them from /api/tasks";
            batch.notice("error", missed_events(message, None));
        }
        Next::More
    }

    /// Follows a task there are news of, unless it is followed or they were
    /// heard.
    fn follow_unasked(&mut self, news: &News) {
        let task_id = &news.task_id;
        let Some(everything) = &self.everything else { return };
        let at = everything.heard.up_to(task_id).unwrap_or(news.after);
        if at >= news.to || self.by_task.contains_key(task_id) {
            return;
        }
        let slot = self.free_slot();
        let following = self.hub.follow(task_id, &self.signal, slot);
        let head = following.topic().ring().head().max(news.to);
        let mut cursor = Cursor::new(following, Wishes::default(), at, head);
        cursor.unasked_from_start = at == 0;
        cursor.replayed_to = at;
        self.insert(slot, cursor);
    }

    /// A task was told as it is at `head`.
    pub(super) fn note_snapshot(&mut self, task_id: &str, head: u64) {
        if let Some(statuses) = &mut self.statuses {
            statuses.heard.note(task_id, 0, head);
            statuses.owed.retain(|update| update.event().task_id != task_id);
        }
    }

    /// Nothing up to `seq` is to be heard of a task unasked.
    pub(super) fn note_heard_of_everything(&mut self, task_id: &str, seq: u64) {
        if let Some(everything) = &mut self.everything {
            everything.heard.note(task_id, 0, seq);
        }
    }

    /// What a subscription has told is not told again, and what was left to it
    /// is told without it.
    pub(super) fn note_heard(&mut self, mut cursor: Cursor) {
        self.note_heard_of_everything(cursor.task_id(), cursor.at());
        let Some(statuses) = &mut self.statuses else { return };
        if cursor.tells_statuses() {
            statuses.heard.note(cursor.task_id(), cursor.start(), cursor.at());
        }
        statuses.owed.extend(cursor.take_left());
        if !statuses.owed.is_empty() && !self.queue.contains(&STATUSES) {
            self.queue.push_back(STATUSES);
        }
    }

    /// A new subscription brings of what is owed what is still before it.
    pub(super) fn leave_statuses_to(&mut self, cursor: &mut Cursor) {
        let Some(statuses) = &mut self.statuses else { return };
        statuses.owed.retain(|update| {
            let is_its = update.event().task_id == **cursor.task_id() && cursor.tells_status(update.seq());
            if is_its {
                cursor.leave_here(update.clone());
            }
            !is_its
        });
    }
}

/// Says that events were missed, and of which tasks when that is known.
fn missed_events(message: &str, task_ids: Option<&[Arc<str>]>) -> Value {
    let mut body = Refusal::new("events_missed", message, Some(EVERY_TASK)).body();
    if let Some(task_ids) = task_ids {
        body["task_ids"] = task_ids.iter().map(|task_id| &**task_id).collect();
    }
    body
}
