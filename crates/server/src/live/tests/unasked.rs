use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;
use tasks::EventKind::{Progress, StatusChange};

use super::super::delivery::Item;
use super::super::hub::EVERYTHING;
use super::super::{Hub, Reader, RingLimits};
use super::log::MemoryLog;
use super::{few, pairs, read, status, subscribe, told};

/// What was heard, by task.
fn by_task(items: Vec<Item>) -> BTreeMap<String, Vec<u64>> {
    let mut heard: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (task_id, seq) in told(items) {
        heard.entry(task_id).or_default().push(seq);
    }
    heard
}

/// Nothing of the tasks is in memory any more when the listener goes on.
#[test]
fn one_who_stood_still_gets_everything_from_the_log() {
    const TASKS: usize = 40;
    let events = 1 + EVERYTHING as u64 / TASKS as u64;
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits { total_bytes: 1 << 18, ..few(4) }, true);
    let mut listener = Reader::new(&hub, 1);
    for seq in 1..=events {
        for task in 0..TASKS {
            let task_id = format!("{task:02}");
            let (kind, of) = if seq == events { (StatusChange, "completed") } else { (Progress, "") };
            hub.publish([log.append(&task_id, kind, status(of))]);
        }
    }
    let heard = by_task(read(&mut listener, 100));
    assert_eq!(heard.len(), TASKS);
    for (task_id, seqs) in heard {
        assert_eq!(seqs, (1..=events).collect::<Vec<_>>(), "{task_id}");
    }
}

#[test]
fn what_the_feed_skips_is_heard_all_the_same() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(4), true);
    let append = |task_id, of| log.append(task_id, StatusChange, status(of));
    append("a", "pending");
    hub.begin_to_tell().now_or_never().expect("at once").expect("the log answers");
    let mut listener = Reader::new(&hub, 1);
    hub.publish([append("a", "running")]);
    for (task_id, of) in [("a", "completed"), ("b", "pending"), ("b", "failed"), ("c", "pending")] {
        append(task_id, of);
    }
    hub.skipped();
    hub.publish([append("c", "running")]);
    hub.repair().now_or_never().expect("at once").expect("the log answers");
    let heard = by_task(read(&mut listener, 9));
    let expected = [("a", vec![2, 3]), ("b", vec![1, 2]), ("c", vec![1, 2])];
    assert_eq!(heard, expected.map(|(task_id, seqs)| (task_id.to_owned(), seqs)).into());
}

/// The feed runs behind the log: what a subscription has told may still come.
#[test]
fn what_was_heard_on_a_subscription_is_not_heard_again() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(4), true);
    let mut listener = Reader::new(&hub, 1);
    let append = |task_id, of| log.append(task_id, StatusChange, status(of));
    let events = [append("a", "pending"), append("a", "running"), append("a", "completed")];
    let request = json!({"task_id": "a", "events": ["status_change", "error"]});
    subscribe(&mut listener, &request);
    assert_eq!(told(read(&mut listener, 9)), pairs(&[("a", 1), ("a", 2), ("a", 3)]));
    hub.publish(events);
    assert_eq!(told(read(&mut listener, 9)), []);
    // One who asked for less than that does not get it either.
    let event = append("b", "completed");
    subscribe(&mut listener, &json!({"task_id": "b", "events": ["progress"]}));
    assert_eq!(told(read(&mut listener, 9)), []);
    hub.publish([event]);
    assert_eq!(told(read(&mut listener, 9)), []);
    // All tasks' status changes are among everything.
    subscribe(&mut listener, &json!({"task_id": "*"}));
    hub.publish([append("c", "pending")]);
    assert_eq!(told(read(&mut listener, 9)), pairs(&[("c", 1)]));
}
