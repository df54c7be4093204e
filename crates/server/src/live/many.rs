//! What follows all tasks: their status changes, or everything.

use std::sync::Arc;

use super::heard::Heard;
use super::signal::{Follower, Signal};
use super::topic::Topic;
use super::update::Update;

/// What follows all tasks.
#[derive(Default)]
pub(super) struct Many {
    pub(super) statuses: Option<Place>,
    pub(super) everything: Option<Place>,
    /// How far tasks were heard that have no cursor.
    pub(super) heard: Heard,
}

/// A place in a topic of many tasks.
pub(super) struct Place {
    topic: Arc<Topic>,
    follower: Arc<Follower>,
    at: u64,
}

impl Place {
    pub(super) fn join(topic: &Arc<Topic>, signal: &Arc<Signal>, slot: u32) -> Place {
        let follower = topic.join(signal, slot);
        let at = topic.ring().head();
        Place { topic: topic.clone(), follower, at }
    }

    /// What came since, at most `limit`; `None` when some of it is gone.
    pub(super) fn take(&mut self, limit: usize) -> Option<Vec<Arc<Update>>> {
        self.follower.looks();
        let ring = self.topic.ring();
        if self.at >= ring.head() {
            return Some(Vec::new());
        }
        let Some(updates) = ring.after(self.at) else {
            self.at = ring.head();
            return None;
        };
        let updates: Vec<Arc<Update>> = updates.take(limit).cloned().collect();
        self.at += updates.len() as u64;
        Some(updates)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.topic.leave(&self.follower);
    }
}
