//! The topics of all tasks, and how much memory they take together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::hub::{Hub, RingLimits};
use super::ring::Bounds;
use super::signal::{Follower, Signal};
use super::topic::Topic;
use super::update::Update;

/// What a topic takes beside its updates, bytes, about.
const TOPIC_BYTES: usize = 512;

/// The topics by task, and in the order in which they were written last.
#[derive(Default)]
pub(super) struct Topics {
    by_task: HashMap<Arc<str>, Entry>,
    by_age: BTreeMap<u64, Arc<str>>,
    /// Number of the next writing.
    next: u64,
    /// Bytes of the topics in `by_age`.
    bytes: usize,
}

struct Entry {
    topic: Arc<Topic>,
    /// Key in `by_age`, when updates are held.
    written: Option<u64>,
}

impl Topics {
    /// Bytes that the rings hold, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tasks with a topic.
    pub(super) fn len(&self) -> usize {
        self.by_task.len()
    }

    /// Number of the next writing.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The topic of a task, if there is one.
    pub(super) fn get(&self, task_id: &str) -> Option<&Arc<Topic>> {
        self.by_task.get(task_id).map(|entry| &entry.topic)
    }

    /// The topics of all tasks.
    pub(super) fn all(&self) -> Vec<Arc<Topic>> {
        self.by_task.values().map(|entry| entry.topic.clone()).collect()
    }

    /// The same with their tasks.
    pub(super) fn by_task(&self) -> Vec<(Arc<str>, Arc<Topic>)> {
        self.by_task.iter().map(|(task_id, entry)| (task_id.clone(), entry.topic.clone())).collect()
    }

    /// Tasks that somebody follows and that may go on.
    pub(super) fn followed(&self) -> Vec<Arc<str>> {
        let has_ended =
            |topic: &Topic| topic.ring().newest().is_some_and(|update| update.event().is_terminal());
        let followed =
            self.by_task.iter().filter(|(_, Entry { topic, .. })| !topic.is_lonely() && !has_ended(topic));
        followed.map(|(task_id, _)| task_id.clone()).collect()
    }

    /// Begins to follow a task.
    pub(super) fn follow(&mut self, hub: &Hub, task_id: &str, signal: &Arc<Signal>, slot: u32) -> Following {
        let (task_id, topic) = match self.by_task.get_key_value(task_id) {
            Some((task_id, entry)) => (task_id.clone(), entry.topic.clone()),
            None => {
                let (task_id, topic) = (Arc::<str>::from(task_id), Arc::new(Topic::default()));
                self.by_task.insert(task_id.clone(), Entry { topic: topic.clone(), written: None });
                (task_id, topic)
            }
        };
        let follower = topic.join(signal, slot);
        Following { hub: hub.clone(), task_id, topic, follower }
    }

    /// Puts an update into its task's ring. Gives the topic back when something
    /// changed, the first time since the writing number `begun`.
    pub(super) fn push(
        &mut self,
        update: &Arc<Update>,
        limits: RingLimits,
        begun: u64,
    ) -> Option<Arc<Topic>> {
        let task_id = update.event().task_id.as_str();
        if !self.by_task.contains_key(task_id) {
            self.by_task.insert(task_id.into(), Entry { topic: Arc::default(), written: None });
        }
        let task_id = self.by_task.get_key_value(task_id)?.0.clone();
        let entry = self.by_task.get_mut(&task_id)?;
        let (before, after, is_new) = {
            let mut ring = entry.topic.ring();
            let before = ring.bytes();
            let bounds = Bounds { updates: limits.updates, bytes: limits.bytes };
            let is_new = ring.push(update.seq(), update.clone(), bounds);
            (before, ring.bytes(), is_new)
        };
        if !is_new {
            return None;
        }
        self.bytes = self.bytes + after - before;
        if entry.written.is_some_and(|written| written >= begun) {
            return None;
        }
        match entry.written {
            Some(written) => drop(self.by_age.remove(&written)),
            None => self.bytes += TOPIC_BYTES,
        }
        entry.written = Some(self.next);
        self.by_age.insert(self.next, task_id);
        self.next += 1;
        Some(entry.topic.clone())
    }

    /// Empties the rings that were written longest ago until the rest fits.
    pub(super) fn evict(&mut self, total_bytes: usize) {
        while self.bytes > total_bytes
            && self.by_age.len() > 1
            && let Some((_, task_id)) = self.by_age.pop_first()
        {
            let Some(entry) = self.by_task.get_mut(&task_id) else { continue };
            entry.written = None;
            let mut ring = entry.topic.ring();
            self.bytes -= ring.bytes() + TOPIC_BYTES;
            ring.clear();
            drop(ring);
            if entry.topic.is_lonely() {
                self.by_task.remove(&task_id);
            }
        }
    }

    /// Learns from the log how far a followed task is; its followers read there.
    pub(super) fn advance(&mut self, task_id: &str, head: u64) {
        if let Some(entry) = self.by_task.get(task_id) {
            let before = entry.topic.ring().bytes();
            entry.topic.ring().advance(head);
            self.bytes = self.bytes + entry.topic.ring().bytes() - before;
        }
    }

    /// Removes topics that nobody follows.
    pub(super) fn forget_lonely(&mut self) {
        let Topics { by_task, by_age, bytes, .. } = self;
        by_task.retain(|_, entry| {
            if !entry.topic.is_lonely() {
                return true;
            }
            if let Some(written) = entry.written {
                by_age.remove(&written);
                *bytes -= entry.topic.ring().bytes() + TOPIC_BYTES;
            }
            false
        });
    }

    /// Updates are kept for those who come back; an empty topic is nothing.
    fn leave(&mut self, task_id: &str, topic: &Arc<Topic>, follower: &Follower) {
        topic.leave(follower);
        let empty = self.by_task.get(task_id).is_some_and(|entry| {
            entry.written.is_none() && Arc::ptr_eq(&entry.topic, topic) && entry.topic.is_lonely()
        });
        if empty {
            self.by_task.remove(task_id);
        }
    }
}

/// Following one task; ends when dropped.
pub(crate) struct Following {
    hub: Hub,
    task_id: Arc<str>,
    topic: Arc<Topic>,
    follower: Arc<Follower>,
}

impl Following {
    /// The task.
    pub(crate) fn task_id(&self) -> &Arc<str> {
        &self.task_id
    }

    /// What is published about it.
    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Our place among those who follow.
    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.hub.topics().leave(&self.task_id, &self.topic, &self.follower);
    }
}
