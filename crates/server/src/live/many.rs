//! What follows all tasks: their status changes, or everything.

use std::collections::VecDeque;
use std::sync::Arc;

use super::heard::Heard;
use super::mixed::{Mixed, Taken};
use super::signal::{Follower, Signal};
use super::topic::Topic;
use super::update::Update;

/// The subscription to the status changes of all tasks.
pub(super) struct Statuses {
    pub(super) place: Place,
    /// What subscriptions to single tasks have told.
    pub(super) heard: Heard,
    /// What was left to the subscription to a task, which ended before.
    pub(super) owed: VecDeque<Arc<Update>>,
}

/// Hearing everything, under `legacy_broadcast`.
pub(super) struct Everything {
    pub(super) place: Place,
    /// How far tasks were heard that have no cursor.
    pub(super) heard: Heard,
}

/// A place in what is told of all tasks.
pub(super) struct Place {
    topic: Arc<Topic<Mixed>>,
    follower: Arc<Follower>,
    at: u64,
}

impl Statuses {
    pub(super) fn join(topic: &Arc<Topic<Mixed>>, signal: &Arc<Signal>, slot: u32) -> Statuses {
        let place = Place::join(topic, signal, slot);
        Statuses { place, heard: Heard::default(), owed: VecDeque::new() }
    }
}

impl Everything {
    pub(super) fn join(topic: &Arc<Topic<Mixed>>, signal: &Arc<Signal>, slot: u32) -> Everything {
        Everything { place: Place::join(topic, signal, slot), heard: Heard::default() }
    }
}

impl Place {
    fn join(topic: &Arc<Topic<Mixed>>, signal: &Arc<Signal>, slot: u32) -> Place {
        let follower = topic.join(signal, slot);
        let at = topic.ring().head();
        Place { topic: topic.clone(), follower, at }
    }

    /// What came since, at most `limit` of it.
    pub(super) fn take(&mut self, limit: usize) -> Taken {
        self.follower.looks();
        let taken = self.topic.ring().take(self.at, limit);
        self.at = taken.at;
        taken
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.topic.leave(&self.follower);
    }
}
