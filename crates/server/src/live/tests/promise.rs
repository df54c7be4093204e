use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tasks::{Event, EventKind};

use super::super::delivery::{Item, Room};
use super::super::{Hub, Reader, RingLimits};
use super::log::MemoryLog;

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
                hub.skipped();
                let repaired = hub.repair().now_or_never();
                repaired.expect("at once").expect("the log answers");
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
