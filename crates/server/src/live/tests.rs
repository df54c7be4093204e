//! The promise of the readers: whatever the feed, the log and the connections
//! go through, each subscriber gets each event once and in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde_json::{Value, json};
use tasks::{Error, Event, EventKind, EventPage, Extent, Task};

use super::delivery::{Item, Room};
use super::log::TaskLog;
use super::update::tests::event;
use super::{Hub, Reader, RingLimits};

/// A log in memory that can be trimmed and can fail.
#[derive(Default)]
struct MemoryLog(Mutex<State>);

#[derive(Default)]
struct State {
    tasks: BTreeMap<String, (Task, VecDeque<Arc<Event>>)>,
    failures: u32,
}

impl MemoryLog {
    fn append(&self, task_id: &str, kind: EventKind, data: Value) -> Arc<Event> {
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
    fn trim(&self, task_id: &str) {
        if let Some((_, events)) = self.0.lock().expect("not poisoned").tasks.get_mut(task_id) {
            events.drain(..events.len() / 2);
        }
    }

    fn head(&self, task_id: &str) -> u64 {
        self.0.lock().expect("not poisoned").tasks.get(task_id).map_or(0, |(task, _)| task.head_seq)
    }

    fn first(&self, task_id: &str) -> u64 {
        let state = self.0.lock().expect("not poisoned");
        state.tasks.get(task_id).and_then(|(_, events)| events.front()).map_or(1, |event| event.seq)
    }

    fn fail(&self, times: u32) {
        self.0.lock().expect("not poisoned").failures = times;
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
}

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    /// Something is stored.
    Append { task: usize, kind: EventKind },
    /// The feed brings the oldest thing that it has not brought.
    Announce,
    /// The feed brings something once more.
    AnnounceAgain,
    /// The feed loses what waits in it, and says so.
    Lag,
    /// The log forgets.
    Trim { task: usize },
    /// The log does not answer for a while.
    Fail { times: u32 },
    /// A client reads what it gets at once.
    Read { client: usize, updates: usize },
    /// A client loses its connection and comes back.
    Reconnect { client: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(EventKind::Progress),
        2 => Just(EventKind::IterationComplete),
        1 => Just(EventKind::StatusChange),
    ];
    prop_oneof![
        10 => (0..TASKS, kind).prop_map(|(task, kind)| Step::Append { task, kind }),
        8 => Just(Step::Announce),
        1 => Just(Step::AnnounceAgain),
        1 => Just(Step::Lag),
        1 => (0..TASKS).prop_map(|task| Step::Trim { task }),
        1 => (1..3u32).prop_map(|times| Step::Fail { times }),
        8 => (0..CLIENTS, 1..5usize).prop_map(|(client, updates)| Step::Read { client, updates }),
        2 => (0..CLIENTS).prop_map(|client| Step::Reconnect { client }),
    ]
}

const TASKS: usize = 3;
const CLIENTS: usize = 5;

fn name(task: usize) -> String {
    format!("task {task}")
}

/// A client with what it was promised.
struct Client {
    wishes: Value,
    reader: Reader,
    /// Seq of the last thing it heard of each task.
    last: BTreeMap<String, u64>,
    /// What it heard, as the log has it.
    heard: BTreeMap<String, Vec<u64>>,
    /// Ends of the gaps that a snapshot filled, or a coalesced progress.
    explained: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Client {
    fn new(hub: &Hub, wishes: Value) -> Client {
        let reader = Reader::new(hub, TASKS);
        Client { wishes, reader, last: BTreeMap::new(), heard: BTreeMap::new(), explained: BTreeMap::new() }
    }

    fn skips_events(&self) -> bool {
        self.wishes.get("events").is_some() || self.wishes.get("coalesce").is_some()
    }

    fn wants(&self, kind: EventKind) -> bool {
        self.wishes
            .get("events")
            .is_none_or(|events| events.as_array().expect("a list").contains(&json!(kind.name())))
    }

    /// Subscribes to every task behind what it has; tries again when it must.
    fn reconnect(&mut self, hub: &Hub, log: &MemoryLog) {
        self.reader = Reader::new(hub, TASKS);
        for task in 0..TASKS {
            let task_id = name(task);
            if log.head(&task_id) == 0 {
                continue;
            }
            let mut request = self.wishes.clone();
            request["task_id"] = json!(task_id);
            if let Some(last) = self.last.get(&task_id) {
                request["after_seq"] = json!(last);
                request["log_id"] = json!("this log");
            }
            let answer = loop {
                match self.reader.subscribe(Some(&request)).now_or_never().expect("the log answers at once") {
                    Ok(answer) => break answer,
                    Err(refusal) => assert_eq!(refusal.code, "internal"),
                }
            };
            self.hear(log, Item::Notice("subscribed", answer.body));
            for update in answer.updates {
                self.hear(log, Item::Notice("task_update", update));
            }
        }
    }

    /// Reads until nothing comes at once.
    fn read(&mut self, log: &MemoryLog, updates: usize) -> bool {
        let Some(items) = self.reader.next(Room { updates, bytes: 1 << 20 }).now_or_never() else {
            return false;
        };
        assert!(!items.is_empty());
        for item in items {
            self.hear(log, item);
        }
        true
    }

    fn hear(&mut self, log: &MemoryLog, item: Item) {
        let update = match item {
            Item::Update(delivery) => serde_json::from_slice(&delivery.json()).expect("JSON"),
            Item::Notice("subscribed", body) => {
                let task_id = body["task_id"].as_str().expect("an id").to_owned();
                let last = self.last.get(&task_id).copied().unwrap_or(0);
                match body["mode"].as_str() {
                    Some("snapshot") => {
                        let head = body["to"].as_u64().expect("a seq");
                        assert!(log.first(&task_id) > last + 1, "a snapshot although the log could go on");
                        self.explained.entry(task_id).or_default().push((last, head));
                    }
                    _ => assert_eq!(body["from"], last + 1),
                }
                return;
            }
            Item::Notice("task_update", update) => update,
            Item::Notice(name, body) => panic!("{name} {body}"),
        };
        let task_id = update["task_id"].as_str().expect("an id").to_owned();
        let seq = update["seq"].as_u64().expect("a seq");
        let last = self.last.entry(task_id.clone()).or_default();
        if update["event_type"] == "snapshot" {
            *last = seq;
            return;
        }
        if update["data"]["message"] == "Status at the time of the snapshot" {
            assert_eq!(seq, *last);
            return;
        }
        if self.wishes.get("events").is_some() || self.wishes.get("coalesce").is_some() {
            assert_eq!(update["prev_seq"], *last, "{update}");
            assert!(seq > *last);
        } else {
            assert_eq!(seq, *last + 1, "{update}");
            assert!(update.get("prev_seq").is_none());
        }
        if let Some(from) = update.get("coalesced_from") {
            let from = from.as_u64().expect("a seq");
            self.explained.entry(task_id.clone()).or_default().push((from - 1, seq));
        }
        *last = seq;
        self.heard.entry(task_id).or_default().push(seq);
    }

    /// Whether everything that was stored was heard, or is explained.
    fn check(&self, history: &[Arc<Event>]) {
        for task in 0..TASKS {
            let task_id = name(task);
            let heard = self.heard.get(&task_id).cloned().unwrap_or_default();
            let explained = self.explained.get(&task_id).cloned().unwrap_or_default();
            let stored: Vec<u64> = history
                .iter()
                .filter(|event| event.task_id == task_id && self.wants(event.event_type))
                .map(|event| event.seq)
                .filter(|seq| {
                    heard.contains(seq) || !explained.iter().any(|(from, to)| from < seq && seq <= to)
                })
                .collect();
            assert_eq!(heard, stored, "{task_id}, {}", self.wishes);
            if self.wishes.get("coalesce").is_none() && !self.skips_events() {
                assert!(explained.iter().all(|(from, to)| from <= to));
            }
        }
    }
}

fn wishes() -> [Value; CLIENTS] {
    [
        json!({}),
        json!({}),
        json!({"events": ["iteration_complete", "status_change"]}),
        json!({"coalesce": true}),
        json!({"coalesce": true, "events": ["progress"]}),
    ]
}

fn run(steps: Vec<Step>, limits: RingLimits) {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), limits, false);
    let mut history: Vec<Arc<Event>> = Vec::new();
    let mut feed: VecDeque<Arc<Event>> = VecDeque::new();
    let mut ended = [false; TASKS];
    let append = |task: usize, kind: EventKind, last: bool| {
        let data = match kind {
            EventKind::StatusChange => json!({"status": if last { "completed" } else { "running" }}),
            _ => json!({"current_iteration": 1}),
        };
        log.append(&name(task), kind, data)
    };
    let mut clients: Vec<Client> = wishes().into_iter().map(|wishes| Client::new(&hub, wishes)).collect();
    for task in 0..TASKS {
        let event = append(task, EventKind::StatusChange, false);
        history.push(event.clone());
        feed.push_back(event);
    }
    clients.iter_mut().for_each(|client| client.reconnect(&hub, &log));
    let finish = (0..TASKS).map(|task| Step::Append { task, kind: EventKind::Error });
    for step in steps.into_iter().chain(finish) {
        match step {
            Step::Append { task, kind } if !ended[task] => {
                // An error, which the steps never draw, stands for the end.
                ended[task] = kind == EventKind::Error;
                let kind = if ended[task] { EventKind::StatusChange } else { kind };
                let event = append(task, kind, ended[task]);
                history.push(event.clone());
                feed.push_back(event);
            }
            Step::Append { .. } => {}
            Step::Announce => hub.publish(feed.pop_front()),
            Step::AnnounceAgain => hub.publish(history.first().cloned()),
            Step::Lag => {
                log.fail(0);
                feed.clear();
                hub.repair().now_or_never().expect("the log answers at once");
            }
            Step::Trim { task } => log.trim(&name(task)),
            Step::Fail { times } => log.fail(times),
            Step::Read { client, updates } => drop(clients[client].read(&log, updates)),
            Step::Reconnect { client } => clients[client].reconnect(&hub, &log),
        }
        assert!(hub.bytes() <= limits.total_bytes.max(limits.bytes + 8192), "{} bytes", hub.bytes());
    }
    log.fail(0);
    hub.publish(feed.drain(..));
    for client in &mut clients {
        while client.read(&log, 3) {}
        assert!(client.reader.is_idle(), "every task has ended");
        client.check(&history);
    }
    drop(clients);
    assert!(hub.topics_len() <= TASKS);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_event_once_and_in_order_whatever_happens(
        steps in prop::collection::vec(step(), 0..150),
        updates in 1..6usize,
        total_bytes in prop_oneof![Just(0usize), Just(4000), Just(1 << 20)],
    ) {
        // The pause after a failure needs a clock; it never elapses here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let _inside = runtime.as_ref().expect("a runtime").enter();
        run(steps, RingLimits { updates, bytes: 1 << 20, total_bytes });
    }
}

/// What happens now is heard although there is much to catch up with.
#[test]
fn nobody_waits_for_the_end_of_another_s_replay() {
    let log = Arc::new(MemoryLog::default());
    let limits = RingLimits { updates: 4, bytes: 1 << 20, total_bytes: 1 << 20 };
    let hub = Hub::new(log.clone(), limits, false);
    let publish = |task_id| hub.publish([log.append(task_id, EventKind::Progress, json!({}))]);
    (0..1000).for_each(|_| publish("long"));
    publish("now");
    let mut reader = Reader::new(&hub, 2);
    for request in [json!({"task_id": "long"}), json!({"task_id": "now", "after_seq": 1})] {
        let subscribed = reader.subscribe(Some(&request)).now_or_never();
        subscribed.expect("at once").expect("subscribed");
    }
    publish("now");
    let room = Room { updates: 10, bytes: 1 << 20 };
    let mut next = || reader.next(room).now_or_never().expect("there is more");
    let heard = [next(), next()].concat();
    let is_now = |item: &Item| matches!(item, Item::Update(it) if it.update.event().task_id == "now");
    assert!(heard.iter().any(is_now), "{} others came first", heard.len());
}

/// A log that cannot be read for a while keeps only its own followers waiting.
#[tokio::test(start_paused = true)]
async fn the_feed_goes_on_while_what_it_skipped_cannot_be_read() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    let append = |task_id| log.append(task_id, EventKind::Progress, json!({}));
    let mut readers = Vec::new();
    for task_id in ["one", "two"] {
        hub.publish([append(task_id)]);
        let mut reader = Reader::new(&hub, 1);
        let request = json!({"task_id": task_id, "after_seq": 1});
        assert_eq!(reader.subscribe(Some(&request)).await.expect("subscribed").body["mode"], "live");
        readers.push(reader);
    }
    let skipped = [append("one"), append("two")];
    log.fail(u32::MAX);
    let (sender, feed) = tokio::sync::broadcast::channel(1);
    for event in skipped {
        sender.send(event).expect("a receiver");
    }
    tokio::spawn(hub.pump(feed));
    // The second event is still in the feed, the first only in the log.
    for reader in readers.iter_mut().rev() {
        let room = Room { updates: 9, bytes: 1 << 20 };
        let heard = tokio::time::timeout(Duration::from_secs(60), reader.next(room)).await.expect("news");
        assert!(matches!(&heard[..], [Item::Update(delivery)] if delivery.update.seq() == 2), "{heard:?}");
        log.fail(0);
    }
    drop(sender);
}

/// Far behind the ring, and nothing is kept for it meanwhile.
#[test]
fn one_who_stands_still_gets_everything_later() {
    const EVENTS: u64 = 2000;
    let log = Arc::new(MemoryLog::default());
    let limits = RingLimits { updates: 8, bytes: 1 << 20, total_bytes: 1 << 20 };
    let hub = Hub::new(log.clone(), limits, false);
    let publish = |kind, data| hub.publish([log.append("t", kind, data)]);
    publish(EventKind::StatusChange, json!({"status": "running"}));
    let mut reader = Reader::new(&hub, 1);
    let subscribed = reader.subscribe(Some(&json!({"task_id": "t"}))).now_or_never();
    assert_eq!(subscribed.expect("at once").expect("subscribed").body["mode"], "replayed");
    for k in 0..EVENTS - 2 {
        publish(EventKind::Progress, json!({ "current_iteration": k }));
    }
    publish(EventKind::StatusChange, json!({"status": "completed"}));
    assert!(hub.bytes() < 100_000, "{} bytes", hub.bytes());
    let mut seqs = Vec::new();
    while !reader.is_idle() {
        let room = Room { updates: 7, bytes: 1 << 20 };
        let items = reader.next(room).now_or_never().expect("the log answers at once");
        assert!((1..=7).contains(&items.len()));
        for item in items {
            let Item::Update(delivery) = item else { panic!("{item:?}") };
            seqs.push(delivery.update.seq());
        }
    }
    assert_eq!(seqs, (1..=EVENTS).collect::<Vec<_>>());
}
