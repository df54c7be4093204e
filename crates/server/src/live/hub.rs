//! Brings what the log announces to those who follow, once for the whole
//! process.
//!
//! One pump takes the live feed and keeps the newest updates of each task in
//! its topic's ring. Followers take them from there, each at its own pace; who
//! falls off the ring reads the log. The feed may skip or double: rings hold
//! gapless runs only, so nothing wrong is ever delivered from them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tasks::{Event, EventKind};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::log::TaskLog;
use super::ring::Bounds;
use super::signal::{Follower, Signal};
use super::topic::Topic;
use super::update::Update;

/// What the rings may hold.
#[derive(Debug, Clone, Copy)]
pub struct RingLimits {
    /// Updates of one task.
    pub updates: usize,
    /// Bytes of one task's updates, about.
    pub bytes: usize,
    /// Bytes of all tasks' updates, about.
    pub total_bytes: usize,
}

impl Default for RingLimits {
    fn default() -> Self {
        RingLimits { updates: 1024, bytes: 4 << 20, total_bytes: 64 << 20 }
    }
}

/// Live events taken from the feed before the followers are told.
const BURST: usize = 512;
/// Status changes that a follower of all tasks may be behind.
const STATUSES: usize = 1024;
/// Updates of all tasks that a follower of everything may be behind.
const EVERYTHING: usize = 4096;
/// What a topic takes beside its updates, bytes, about.
const TOPIC_BYTES: usize = 512;
/// Events read from the log at once after the feed skipped some.
const REPAIR_PAGE: usize = 256;
/// Pause before the log is asked again when the store did not answer.
pub(super) const STORE_RETRY: Duration = Duration::from_millis(250);

/// One for each process; cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    log: Arc<dyn TaskLog>,
    limits: RingLimits,
    topics: Mutex<Topics>,
    /// Status changes of all tasks, numbered as they came.
    statuses: Arc<Topic>,
    /// Every update, numbered as it came; for `legacy_broadcast`.
    everything: Option<Arc<Topic>>,
}

/// The topics by task, and in the order in which they were written last.
#[derive(Default)]
struct Topics {
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

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub that nothing feeds yet. `everything` is for followers of every
    /// event of every task.
    pub fn new(log: Arc<dyn TaskLog>, limits: RingLimits, everything: bool) -> Hub {
        Hub(Arc::new(Inner {
            log,
            limits,
            topics: Mutex::default(),
            statuses: Arc::default(),
            everything: everything.then(Arc::default),
        }))
    }

    /// Feeds the hub until it is dropped or the feed ends. The feed must have
    /// been opened before anybody follows.
    pub fn pump(&self, mut feed: Receiver<Arc<Event>>) -> impl Future<Output = ()> + Send + 'static {
        let hub = Arc::downgrade(&self.0);
        async move {
            let mut burst = Vec::new();
            loop {
                let mut skipped = false;
                match feed.recv().await {
                    Ok(event) => burst.push(event),
                    Err(RecvError::Lagged(_)) => skipped = true,
                    Err(RecvError::Closed) => return,
                }
                while burst.len() < BURST && !skipped {
                    match feed.try_recv() {
                        Ok(event) => burst.push(event),
                        Err(TryRecvError::Lagged(_)) => skipped = true,
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                let Some(hub) = hub.upgrade().map(Hub) else { return };
                hub.publish(burst.drain(..));
                if skipped {
                    hub.repair().await;
                }
            }
        }
    }

    /// Takes events that are in the log by now, and tells who follows them.
    pub fn publish(&self, events: impl IntoIterator<Item = Arc<Event>>) {
        let inner = &*self.0;
        let updates: Vec<Arc<Update>> = events.into_iter().map(Update::new).collect();
        let mut touched: Vec<Arc<Topic>> = Vec::new();
        let mut statuses = false;
        {
            let mut topics = self.topics();
            let begun = topics.next;
            for update in updates {
                let (topic, is_new) = topics.push(&update, inner.limits, begun);
                if !is_new {
                    continue;
                }
                touched.extend(topic);
                if update.kind() == EventKind::StatusChange {
                    append(&inner.statuses, update.clone(), STATUSES, inner.limits);
                    statuses = true;
                }
                if let Some(everything) = &inner.everything {
                    append(everything, update, EVERYTHING, inner.limits);
                }
            }
            topics.evict(inner.limits.total_bytes);
        }
        if statuses {
            inner.statuses.tell();
        }
        match &inner.everything {
            Some(everything) if !touched.is_empty() => everything.tell(),
            _ => {}
        }
        touched.iter().for_each(|topic| topic.tell());
    }

    /// After the feed skipped events: fills what is followed from the log, and
    /// forgets the rest. What cannot be read is tried again in the background:
    /// one unreadable log must not keep the news of all others back.
    pub async fn repair(&self) {
        let followed = self.topics().forget_lonely();
        for topic in [Some(&self.0.statuses), self.0.everything.as_ref()].into_iter().flatten() {
            // Whoever was not at the head finds a hole.
            let head = topic.ring().head();
            topic.ring().advance(head + 1);
            topic.tell();
        }
        let mut followed = followed.into_iter();
        while let Some((task_id, topic)) = followed.next() {
            if !self.is_caught_up(&task_id, &topic).await {
                let mut rest: Vec<_> = followed.chain([(task_id, topic)]).collect();
                let hub = Arc::downgrade(&self.0);
                tokio::spawn(async move {
                    while !rest.is_empty() {
                        tokio::time::sleep(STORE_RETRY).await;
                        let Some(hub) = hub.upgrade().map(Hub) else { return };
                        for (task_id, topic) in std::mem::take(&mut rest) {
                            if !hub.is_caught_up(&task_id, &topic).await {
                                rest.push((task_id, topic));
                            }
                        }
                    }
                });
                return;
            }
        }
    }

    /// Catches up; whether there is nothing to be tried again.
    async fn is_caught_up(&self, task_id: &str, topic: &Topic) -> bool {
        if topic.is_lonely() {
            return true;
        }
        match self.catch_up(task_id, topic).await {
            Ok(()) | Err(tasks::Error::UnknownTask { .. }) => true,
            Err(failure) => {
                tracing::error!("live feed of task {task_id}: {failure}");
                false
            }
        }
    }

    async fn catch_up(&self, task_id: &str, topic: &Topic) -> Result<(), tasks::Error> {
        let known = topic.ring().head();
        if known == 0 {
            // Nothing came through here yet; the followers read on themselves.
            let head = self.0.log.task(task_id).await?.head_seq;
            topic.ring().advance(head);
            topic.tell();
            return Ok(());
        }
        let mut after = known;
        loop {
            let page = self.0.log.page(task_id, after, REPAIR_PAGE, true).await?;
            let Some(last) = page.events.last() else { return Ok(()) };
            let (last, full) = (last.seq, page.events.len() == REPAIR_PAGE);
            self.publish(page.events.into_iter().map(Arc::new));
            if !full {
                return Ok(());
            }
            after = last;
        }
    }

    /// The log behind the rings.
    pub(crate) fn log(&self) -> &dyn TaskLog {
        &*self.0.log
    }

    /// Begins to follow a task.
    pub(crate) fn follow(&self, task_id: &str, signal: &Arc<Signal>, slot: u32) -> Following {
        let mut topics = self.topics();
        let (task_id, topic) = match topics.by_task.get_key_value(task_id) {
            Some((task_id, entry)) => (task_id.clone(), entry.topic.clone()),
            None => {
                let (task_id, topic) = (Arc::<str>::from(task_id), Arc::new(Topic::default()));
                topics.by_task.insert(task_id.clone(), Entry { topic: topic.clone(), written: None });
                (task_id, topic)
            }
        };
        let follower = topic.join(signal, slot);
        Following { hub: self.clone(), task_id, topic, follower }
    }

    /// Status changes of all tasks.
    pub(crate) fn statuses(&self) -> &Arc<Topic> {
        &self.0.statuses
    }

    /// Every update, when that is kept.
    pub(crate) fn everything(&self) -> Option<&Arc<Topic>> {
        self.0.everything.as_ref()
    }

    /// Tasks that were written lately.
    pub(crate) fn recent(&self) -> Vec<Arc<str>> {
        self.topics().by_age.values().cloned().collect()
    }

    /// Bytes that the rings hold, about.
    pub fn bytes(&self) -> usize {
        self.topics().bytes
    }

    /// Tasks with a topic.
    pub fn topics_len(&self) -> usize {
        self.topics().by_task.len()
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a topic of many tasks, whose places are its own.
fn append(topic: &Topic, update: Arc<Update>, updates: usize, limits: RingLimits) {
    let mut ring = topic.ring();
    let place = ring.head() + 1;
    ring.push(place, update, Bounds { updates, bytes: limits.total_bytes });
}

impl Topics {
    /// Puts an update into its task's ring. Gives the topic back the first time
    /// since the writing number `begun`, and whether the update was new.
    fn push(&mut self, update: &Arc<Update>, limits: RingLimits, begun: u64) -> (Option<Arc<Topic>>, bool) {
        let task_id = update.event().task_id.as_str();
        if !self.by_task.contains_key(task_id) {
            self.by_task.insert(task_id.into(), Entry { topic: Arc::default(), written: None });
        }
        let Some((task_id, _)) = self.by_task.get_key_value(task_id) else { return (None, false) };
        let task_id = task_id.clone();
        let Some(entry) = self.by_task.get_mut(&task_id) else { return (None, false) };
        let (before, after, is_new) = {
            let mut ring = entry.topic.ring();
            let before = ring.bytes();
            let bounds = Bounds { updates: limits.updates, bytes: limits.bytes };
            let is_new = ring.push(update.seq(), update.clone(), bounds);
            (before, ring.bytes(), is_new)
        };
        if !is_new {
            return (None, false);
        }
        let first_time = entry.written.is_none_or(|written| written < begun);
        self.bytes = self.bytes + after - before;
        if first_time {
            match entry.written {
                Some(written) => drop(self.by_age.remove(&written)),
                None => self.bytes += TOPIC_BYTES,
            }
            entry.written = Some(self.next);
            self.by_age.insert(self.next, task_id);
            self.next += 1;
        }
        (first_time.then(|| entry.topic.clone()), true)
    }

    /// Empties the rings that were written longest ago until the rest fits.
    fn evict(&mut self, total_bytes: usize) {
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

    /// Removes topics that nobody follows; returns the others.
    fn forget_lonely(&mut self) -> Vec<(Arc<str>, Arc<Topic>)> {
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
        by_task.iter().map(|(task_id, entry)| (task_id.clone(), entry.topic.clone())).collect()
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
        let mut topics = self.hub.topics();
        self.topic.leave(&self.follower);
        // Updates are kept for those who come back; an empty topic is nothing.
        let empty = topics.by_task.get(&self.task_id).is_some_and(|entry| {
            entry.written.is_none() && Arc::ptr_eq(&entry.topic, &self.topic) && entry.topic.is_lonely()
        });
        if empty {
            topics.by_task.remove(&self.task_id);
        }
    }
}
