//! Brings what the log announces to those who follow, once for the whole
//! process.
//!
//! One pump takes the live feed and keeps the newest updates of each task in
//! its topic's ring. Followers take them from there, each at its own pace; who
//! falls off the ring reads the log. The feed may skip or double: rings hold
//! gapless runs only, so nothing wrong is ever delivered from them, and what is
//! missing is read from the log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tasks::{Error, Event, EventKind};
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::ledger::Ledger;
use super::log::TaskLog;
use super::mixed::{Mixed, News};
use super::roster::Roster;
use super::signal::Signal;
use super::topic::Topic;
use super::topics::{Following, Topics};
use super::update::Update;
use crate::metrics::Metrics;

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
pub(super) const STATUSES: usize = 1024;
/// Updates of all tasks that a follower of everything may be behind.
pub(super) const EVERYTHING: usize = 4096;
/// Pause before the log is asked again when the store did not answer.
pub(super) const STORE_RETRY: Duration = Duration::from_millis(250);

/// One for each process; cheap to clone.
#[derive(Clone)]
pub struct Hub(pub(super) Arc<Inner>);

pub(super) struct Inner {
    log: Arc<dyn TaskLog>,
    limits: RingLimits,
    metrics: Metrics,
    roster: Roster,
    topics: Mutex<Topics>,
    /// How far those who follow all tasks were told of each.
    ledger: Mutex<Ledger>,
    /// Status changes of all tasks.
    pub(super) statuses: Arc<Topic<Mixed>>,
    /// That there is an update, of every one; for `legacy_broadcast`.
    pub(super) everything: Option<Arc<Topic<Mixed>>>,
    /// Whether the feed skipped events that were not looked for yet.
    pub(super) lagged: AtomicBool,
    /// Wakes who looks into the log for what did not come.
    pub(super) holes: Arc<Notify>,
}

/// Who follows at one moment.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Subscriptions to a task.
    pub(crate) followers: usize,
    /// Those of them that were not handed the newest event.
    pub(crate) lagging: usize,
    /// Events by which the slowest of them is behind.
    pub(crate) largest_lag: u64,
    /// Subscriptions to the status changes of all tasks.
    pub(crate) followers_of_all: usize,
}

/// What one connection follows.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Tasks, and the events that it was not handed of each.
    pub(crate) tasks: Vec<(Arc<str>, u64)>,
    /// Whether it follows the status changes of all.
    pub(crate) every_task: bool,
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
        Hub::with_metrics(log, limits, everything, Metrics::new())
    }

    /// The same, counting among these metrics.
    pub(crate) fn with_metrics(
        log: Arc<dyn TaskLog>,
        limits: RingLimits,
        everything: bool,
        metrics: Metrics,
    ) -> Hub {
        let mixed = |updates| Arc::new(Topic::new(Mixed::new(updates, limits.total_bytes)));
        Hub(Arc::new(Inner {
            log,
            limits,
            metrics,
            roster: Roster::default(),
            topics: Mutex::default(),
            ledger: Mutex::default(),
            statuses: mixed(STATUSES),
            everything: everything.then(|| mixed(EVERYTHING)),
            lagged: AtomicBool::new(false),
            holes: Arc::default(),
        }))
    }

    /// Feeds the hub until it is dropped or the feed ends. The feed must have
    /// been opened before anybody follows.
    pub fn pump(&self, feed: Receiver<Arc<Event>>) -> impl Future<Output = ()> + Send + 'static {
        let (hub, weak) = (Arc::downgrade(&self.0), Arc::downgrade(&self.0));
        let tells_of_all = self.0.everything.is_some();
        async move {
            if tells_of_all {
                // What happened before is nobody's news.
                Hub::begin_to_tell_when_it_can(&hub).await;
            }
            tokio::select! {
                () = Hub::take_feed(hub, feed) => {}
                () = Hub::keep_up(weak) => {}
            }
        }
    }

    async fn take_feed(hub: Weak<Inner>, mut feed: Receiver<Arc<Event>>) {
        let mut burst = Vec::new();
        loop {
            let mut skipped = None;
            match feed.recv().await {
                Ok(event) => burst.push(event),
                Err(RecvError::Lagged(events)) => skipped = Some(events),
                Err(RecvError::Closed) => return,
            }
            while burst.len() < BURST && skipped.is_none() {
                match feed.try_recv() {
                    Ok(event) => burst.push(event),
                    Err(TryRecvError::Lagged(events)) => skipped = Some(events),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            let Some(hub) = hub.upgrade().map(Hub) else { return };
            hub.publish(burst.drain(..));
            if let Some(events) = skipped {
                hub.metrics().live().skipped.inc_by(events);
                hub.skipped();
            }
        }
    }

    /// Takes events that are in the log by now, and tells who follows them.
    pub fn publish(&self, events: impl IntoIterator<Item = Arc<Event>>) {
        let inner = &*self.0;
        let updates: Vec<Arc<Update>> = events.into_iter().map(Update::new).collect();
        let mut touched: Vec<Arc<Topic>> = Vec::new();
        {
            let mut topics = self.topics();
            let begun = topics.next();
            for update in &updates {
                touched.extend(topics.push(update, inner.limits, begun));
            }
            topics.evict(inner.limits.total_bytes);
        }
        if self.tells_of_all() {
            let mut ledger = self.ledger();
            for update in &updates {
                let status = (update.kind() == EventKind::StatusChange).then(|| update.clone());
                let Event { task_id, seq, .. } = update.event();
                self.tell(&mut ledger, task_id, *seq, update.event().is_terminal(), status);
            }
            if ledger.is_behind() {
                inner.holes.notify_one();
            }
            drop(ledger);
            self.wake_followers_of_all();
        }
        touched.iter().for_each(|topic| topic.tell());
    }

    /// Tells those who follow all tasks of an event, when it is its task's next.
    pub(super) fn tell(
        &self,
        ledger: &mut Ledger,
        task_id: &str,
        seq: u64,
        ended: bool,
        status: Option<Arc<Update>>,
    ) {
        let Some(task_id) = ledger.take(task_id, seq, ended) else { return };
        let news = News { task_id, after: seq - 1, to: seq, update: status };
        if let Some(everything) = &self.0.everything {
            everything.ring().push(News { update: None, ..news.clone() });
        }
        if news.update.is_some() {
            self.0.statuses.ring().push(news);
        }
    }

    pub(super) fn wake_followers_of_all(&self) {
        self.0.statuses.tell();
        if let Some(everything) = &self.0.everything {
            everything.tell();
        }
    }

    /// Notes that the feed skipped events.
    pub(super) fn skipped(&self) {
        self.0.lagged.store(true, Ordering::Relaxed);
        self.0.holes.notify_one();
    }

    /// Whether somebody follows all tasks.
    pub(super) fn tells_of_all(&self) -> bool {
        self.0.everything.is_some() || !self.0.statuses.is_lonely()
    }

    /// To be called before somebody follows all tasks: what happens from now on
    /// is told, unless it is told already.
    pub(super) async fn begin_to_tell(&self) -> Result<(), Error> {
        let tells = |ledger: &Ledger| ledger.has_begun() && self.tells_of_all();
        if tells(&self.ledger()) {
            return Ok(());
        }
        let heads = self.log().open_heads(None).await?;
        let mut ledger = self.ledger();
        if !tells(&ledger) {
            ledger.begin(heads);
        }
        Ok(())
    }

    async fn begin_to_tell_when_it_can(hub: &Weak<Inner>) {
        while let Some(hub) = hub.upgrade().map(Hub) {
            match hub.begin_to_tell().await {
                Ok(()) => return,
                Err(failure) => tracing::error!("live feed: {failure}"),
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }

    /// The log behind the rings.
    pub(crate) fn log(&self) -> &dyn TaskLog {
        &*self.0.log
    }

    /// What is told of all this.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Who is connected.
    pub(crate) fn roster(&self) -> &Roster {
        &self.0.roster
    }

    /// What each connection follows and how many events it is behind, by
    /// [`Signal::identity`].
    pub(crate) fn places(&self) -> HashMap<usize, Places> {
        let topics = self.topics().by_task();
        let mut places: HashMap<usize, Places> = HashMap::new();
        for (task_id, topic) in topics {
            let head = topic.ring().head();
            topic.for_each_follower(|follower| {
                let lag = follower.lag(head);
                places.entry(follower.connection()).or_default().tasks.push((task_id.clone(), lag));
            });
        }
        self.0.statuses.for_each_follower(|follower| {
            places.entry(follower.connection()).or_default().every_task = true;
        });
        places
    }

    /// Who follows, and how far behind.
    pub(crate) fn census(&self) -> Census {
        let topics = self.topics().all();
        let mut census = Census { followers_of_all: self.0.statuses.followers_len(), ..Census::default() };
        for topic in topics {
            let head = topic.ring().head();
            topic.for_each_follower(|follower| {
                let lag = follower.lag(head);
                census.followers += 1;
                census.lagging += usize::from(lag > 0);
                census.largest_lag = census.largest_lag.max(lag);
            });
        }
        census
    }

    /// Begins to follow a task.
    pub(crate) fn follow(&self, task_id: &str, signal: &Arc<Signal>, slot: u32) -> Following {
        self.topics().follow(self, task_id, signal, slot)
    }

    /// Status changes of all tasks.
    pub(crate) fn statuses(&self) -> &Arc<Topic<Mixed>> {
        &self.0.statuses
    }

    /// That there is an update, when that is kept.
    pub(crate) fn everything(&self) -> Option<&Arc<Topic<Mixed>>> {
        self.0.everything.as_ref()
    }

    /// Bytes that the rings hold, about.
    pub fn bytes(&self) -> usize {
        self.topics().bytes()
    }

    /// Tasks with a topic.
    pub fn topics_len(&self) -> usize {
        self.topics().len()
    }

    pub(super) fn limits(&self) -> RingLimits {
        self.0.limits
    }

    pub(super) fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
