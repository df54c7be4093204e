//! What a reader hands to its door.

use std::sync::Arc;

use bytes::Bytes;
use realtime::socketio::{EncodeError, Event};
use serde_json::Value;

use super::update::{Update, Variant};
use crate::metrics::Tally;

/// How much a door can take at once.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Updates.
    pub updates: usize,
    /// Bytes of their JSON, with layouts about; the first update goes out
    /// whatever its size.
    pub bytes: usize,
}

/// One update for one subscription.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Shared by all who hear it.
    pub update: Arc<Update>,
    /// What this subscription adds.
    pub variant: Variant,
    /// Whether the subscription wants layouts.
    pub layout: bool,
    /// Whether it comes from the subscription to all tasks.
    pub is_of_all: bool,
}

impl Delivery {
    /// As the subscription to all tasks brings it.
    pub(super) fn of_all(update: Arc<Update>) -> Delivery {
        Delivery { update, variant: Variant::default(), layout: false, is_of_all: true }
    }

    /// The `task_update` as JSON, without a layout.
    pub fn json(&self) -> Bytes {
        self.update.json(self.variant)
    }

    /// The `task_update` for Socket.IO, with the layout when that is wanted.
    pub fn event(&self) -> Result<Event, EncodeError> {
        self.update.packet(self.variant, self.layout)
    }
}

/// What a door sends, in order.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event of a task.
    Update(Delivery),
    /// Anything else: the event's name and its argument.
    Notice(&'static str, Value),
}

/// Items collected for one go.
#[derive(Debug)]
pub(crate) struct Batch {
    items: Vec<Item>,
    room: Room,
    bytes: usize,
    /// What of it is counted.
    pub(crate) tally: Tally,
}

impl Batch {
    pub(crate) fn new(room: Room) -> Batch {
        Batch { items: Vec::new(), room, bytes: 0, tally: Tally::default() }
    }

    /// How many more updates may come.
    pub(crate) fn room(&self) -> usize {
        if self.is_full() { 0 } else { self.room.updates.max(1) - self.items.len() }
    }

    pub(crate) fn is_full(&self) -> bool {
        !self.items.is_empty() && (self.items.len() >= self.room.updates || self.bytes >= self.room.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes an event; `is_replayed` when it was in the log before it was
    /// subscribed to.
    pub(crate) fn push(&mut self, delivery: Delivery, is_replayed: bool) {
        let kind = delivery.update.kind();
        if is_replayed {
            self.tally.replayed(kind);
        } else {
            self.tally.live(kind, delivery.update.time_ms());
        }
        self.bytes += delivery.update.json_bytes();
        if delivery.layout {
            self.bytes += delivery.update.layout_bytes();
        }
        self.items.push(Item::Update(delivery));
    }

    pub(crate) fn notice(&mut self, event: &'static str, body: Value) {
        self.items.push(Item::Notice(event, body));
    }

    pub(crate) fn into_items(self) -> Vec<Item> {
        self.items
    }
}
