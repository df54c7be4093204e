use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::json;
use tasks::{Event, EventKind};

use super::super::delivery::{Item, Room};
use super::super::repair::Heads;
use super::super::{Hub, Reader};
use super::log::MemoryLog;
use super::{few, status};

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    /// Something is stored.
    Append { task: usize, kind: EventKind },
    /// The feed brings the oldest thing that it has not brought.
    Announce,
    /// The feed brings something once more.
    AnnounceAgain { index: usize },
    /// What is never announced.
    Lose,
    /// The feed loses what waits in it, and says so.
    Lag,
    /// The hub looks into the log because something is missing.
    Repair,
    /// The hub looks into the log because it is time to.
    Compare,
    /// The log forgets.
    Trim { task: usize },
    /// The log does not answer for a while.
    Fail { times: u32 },
    /// The client reads what it gets at once.
    Read { updates: usize },
    /// It follows a task, from the start or from where it was.
    Follow { task: usize, statuses: bool, resumes: bool },
    /// It follows it no more.
    Unfollow { task: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![3 => Just(EventKind::Progress), 2 => Just(EventKind::StatusChange)];
    let follow = (0..TASKS, any::<bool>(), any::<bool>());
    prop_oneof![
        10 => (0..TASKS, kind).prop_map(|(task, kind)| Step::Append { task, kind }),
        8 => Just(Step::Announce),
        1 => (0..9usize).prop_map(|index| Step::AnnounceAgain { index }),
        1 => Just(Step::Lose),
        1 => Just(Step::Lag),
        2 => Just(Step::Repair),
        2 => Just(Step::Compare),
        1 => (0..TASKS).prop_map(|task| Step::Trim { task }),
        1 => (1..3u32).prop_map(|times| Step::Fail { times }),
        8 => (1..4usize).prop_map(|updates| Step::Read { updates }),
        3 => follow.prop_map(|(task, statuses, resumes)| Step::Follow { task, statuses, resumes }),
        2 => (0..TASKS).prop_map(|task| Step::Unfollow { task }),
    ]
}

const TASKS: usize = 3;

fn name(task: usize) -> String {
    format!("task {task}")
}

/// A client of all tasks and of some, with what it was told.
struct Client {
    reader: Reader,
    /// On subscriptions to single tasks, which are told by their `prev_seq`.
    alone: BTreeSet<(String, u64)>,
    /// Seq of the last one there.
    last: BTreeMap<String, u64>,
    /// On the subscription to all.
    of_all: BTreeMap<String, Vec<u64>>,
    /// Up to where a snapshot told it.
    snapshots: BTreeMap<String, u64>,
    /// Tasks that it was told to have missed something of.
    missed: BTreeSet<String>,
}

impl Client {
    fn follow(&mut self, task: usize, statuses: bool, resumes: bool) {
        let kinds = if statuses { ["status_change", "progress"] } else { ["progress", "error"] };
        let mut request = json!({"task_id": name(task), "events": kinds});
        if resumes && let Some(last) = self.last.get(&name(task)) {
            request["after_seq"] = json!(last);
        }
        let answer = loop {
            match self.reader.subscribe(Some(&request)).now_or_never().expect("at once") {
                Ok(answer) => break answer,
                Err(refusal) => assert_eq!(refusal.code, "internal"),
            }
        };
        self.hear(Item::Notice("subscribed", answer.body));
    }

    fn read(&mut self, updates: usize) -> bool {
        let Some(items) = self.reader.next(Room { updates, bytes: 1 << 20 }).now_or_never() else {
            return false;
        };
        items.into_iter().for_each(|item| self.hear(item));
        true
    }

    fn hear(&mut self, item: Item) {
        match item {
            Item::Update(delivery) if delivery.variant.prev_seq.is_some() => {
                let (task_id, seq) = (&delivery.update.event().task_id, delivery.update.seq());
                self.last.insert(task_id.clone(), seq);
                if delivery.update.kind() == EventKind::StatusChange {
                    self.alone.insert((task_id.clone(), seq));
                }
            }
            Item::Update(delivery) => {
                let (task_id, seq) = (delivery.update.event().task_id.clone(), delivery.update.seq());
                assert_eq!(delivery.update.kind(), EventKind::StatusChange);
                assert!(!self.alone.contains(&(task_id.clone(), seq)), "{task_id} {seq} once more");
                assert!(
                    self.snapshots.get(&task_id).is_none_or(|told| *told < seq),
                    "{task_id} {seq} is known"
                );
                let told = self.of_all.entry(task_id.clone()).or_default();
                assert!(told.last().is_none_or(|last| *last < seq), "{task_id}: {seq} behind {told:?}");
                told.push(seq);
            }
            Item::Notice("subscribed", body) => {
                let task_id = body["task_id"].as_str().expect("an id").to_owned();
                if body["mode"] == "snapshot" {
                    let head = body["to"].as_u64().expect("a seq");
                    self.last.insert(task_id.clone(), head);
                    self.snapshots.insert(task_id, head);
                }
            }
            Item::Notice("task_update", _) => {}
            Item::Notice("error", body) => {
                assert_eq!(body["code"], "events_missed");
                let named = body["task_ids"].as_array().expect("names");
                self.missed.extend(named.iter().map(|id| id.as_str().expect("an id").to_owned()));
            }
            Item::Notice(name, body) => panic!("{name} {body}"),
        }
    }
}

fn run(steps: Vec<Step>, updates: usize) {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(updates), false);
    let mut history: Vec<Arc<Event>> = Vec::new();
    let mut feed: VecDeque<Arc<Event>> = VecDeque::new();
    let mut ended = [false; TASKS];
    let mut seen = Heads::default();
    let reader = Reader::new(&hub, TASKS);
    let (alone, missed) = (BTreeSet::new(), BTreeSet::new());
    let (last, of_all, snapshots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut client = Client { reader, alone, last, of_all, snapshots, missed };
    for task in 0..TASKS {
        feed.push_back(log.append(&name(task), EventKind::StatusChange, status("pending")));
    }
    super::subscribe(&mut client.reader, &json!({"task_id": "*"}));
    let finish = (0..TASKS).map(|task| Step::Append { task, kind: EventKind::Error });
    for step in steps.into_iter().chain(finish) {
        match step {
            Step::Append { task, .. } if ended[task] => {}
            Step::Append { task, kind } => {
                // An error, which the steps never draw, stands for the end.
                ended[task] = kind == EventKind::Error;
                let (kind, of) = match kind {
                    EventKind::Error => (EventKind::StatusChange, "completed"),
                    kind => (kind, "running"),
                };
                let event = log.append(&name(task), kind, status(of));
                history.push(event.clone());
                feed.push_back(event);
            }
            Step::Announce => hub.publish(feed.pop_front()),
            Step::AnnounceAgain { index } => {
                // Only what was announced or lost is announced again.
                let announced = history.len() - feed.len().min(history.len());
                hub.publish(history[..announced].get(index).cloned());
            }
            Step::Lose => drop(feed.pop_front()),
            Step::Lag => {
                feed.clear();
                hub.skipped();
            }
            // What does not succeed is tried again.
            Step::Repair => drop(hub.repair().now_or_never().expect("at once")),
            Step::Compare => drop(hub.compare(&mut seen).now_or_never().expect("at once")),
            Step::Trim { task } => log.trim(&name(task)),
            Step::Fail { times } => log.fail(times),
            Step::Read { updates } => drop(client.read(updates)),
            Step::Follow { task, statuses, resumes } => client.follow(task, statuses, resumes),
            Step::Unfollow { task } => {
                let request = json!({"task_id": name(task)});
                client.reader.unsubscribe(Some(&request)).expect("unsubscribed");
            }
        }
    }
    log.fail(0);
    hub.publish(feed.drain(..));
    for _ in 0..2 {
        hub.repair().now_or_never().expect("at once").expect("the log answers");
        hub.compare(&mut seen).now_or_never().expect("at once").expect("the log answers");
    }
    while client.read(3) {}
    for event in history.iter().filter(|event| event.event_type == EventKind::StatusChange) {
        let (task_id, seq) = (&event.task_id, event.seq);
        let told = client.alone.contains(&(task_id.clone(), seq))
            || client.of_all.get(task_id).is_some_and(|told| told.contains(&seq))
            || client.snapshots.get(task_id).is_some_and(|told| seq <= *told)
            || client.missed.contains(task_id);
        assert!(told, "{seq} of {task_id} was missed in silence");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_status_change_is_told_once_or_said_to_be_missed(
        steps in prop::collection::vec(step(), 0..150),
        updates in 1..6usize,
    ) {
        // The pause after a failure needs a clock; it never elapses here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let _inside = runtime.as_ref().expect("a runtime").enter();
        run(steps, updates);
    }
}
