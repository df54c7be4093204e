use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tasks::EventKind::{Progress, StatusChange};
use tokio::sync::broadcast;

use super::super::delivery::Room;
use super::super::repair::Heads;
use super::super::{Hub, Reader, RingLimits};
use super::log::MemoryLog;
use super::{few, pairs, read, status, subscribe, told};

const ROOM: Room = Room { updates: 9, bytes: 1 << 20 };

fn compare(hub: &Hub, seen: &mut Heads) {
    hub.compare(seen).now_or_never().expect("at once").expect("the log answers");
}

fn repair(hub: &Hub) {
    hub.repair().now_or_never().expect("at once").expect("the log answers");
}

/// A commit whose answer got lost is in the log, and nobody announces it.
#[tokio::test(start_paused = true)]
async fn what_is_never_announced_is_delivered_all_the_same() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    let (sender, feed) = broadcast::channel(9);
    tokio::spawn(hub.pump(feed));
    let mut reader = Reader::new(&hub, 1);
    let mut all = Reader::new(&hub, 1);
    all.subscribe(Some(&json!({"task_id": "*"}))).await.expect("subscribed");
    for (seq, is_announced) in [(1, true), (2, false), (3, true), (4, false), (5, false)] {
        let event = log.append("t", StatusChange, status("running"));
        if seq == 1 {
            reader.subscribe(Some(&json!({"task_id": "t"}))).await.expect("subscribed");
        }
        if is_announced {
            sender.send(event).expect("a receiver");
        }
        for reader in [&mut reader, &mut all] {
            // Together with the next one where that shows that it is missing.
            let heard = tokio::time::timeout(Duration::from_secs(60), reader.next(ROOM)).await.expect("news");
            assert_eq!(told(heard), pairs(&[("t", seq)]));
        }
    }
    let never = log.append("u", StatusChange, status("completed"));
    let heard = tokio::time::timeout(Duration::from_secs(60), all.next(ROOM)).await.expect("news");
    assert_eq!((told(heard), never.seq), (pairs(&[("u", 1)]), 1));
    drop(sender);
}

#[test]
fn what_is_on_its_way_is_not_read_from_the_log() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    hub.publish([log.append("t", StatusChange, status("pending"))]);
    let (mut reader, mut all) = (Reader::new(&hub, 1), Reader::new(&hub, 1));
    subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 1}));
    subscribe(&mut all, &json!({"task_id": "*"}));
    let mut seen = Heads::default();
    for seq in 2..9 {
        let event = log.append("t", StatusChange, status("running"));
        compare(&hub, &mut seen);
        hub.publish([event]);
        for reader in [&mut reader, &mut all] {
            assert_eq!(told(read(reader, 9)), pairs(&[("t", seq)]));
        }
    }
    assert_eq!(log.pages(), 0);
}

/// However many follow, the log is read once.
#[test]
fn what_is_missing_is_read_once_for_all() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    hub.publish([log.append("t", Progress, json!({}))]);
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::new(&hub, 1)).collect();
    for reader in &mut readers {
        subscribe(reader, &json!({"task_id": "t", "after_seq": 1}));
    }
    (0..100).for_each(|_| drop(log.append("t", Progress, json!({}))));
    hub.skipped();
    repair(&hub);
    for reader in &mut readers {
        let seqs: Vec<u64> = told(read(reader, 9)).into_iter().map(|(_, seq)| seq).collect();
        assert_eq!(seqs, (2..=101).collect::<Vec<_>>());
    }
    assert_eq!(log.pages(), 1);
}

/// What was in the feed before the gap, what the gap has swallowed and what
/// came behind it, also of tasks that nobody had heard of.
#[test]
fn who_follows_all_tasks_misses_nothing_when_the_feed_skips() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(2), false);
    let mut all = Reader::new(&hub, 1);
    subscribe(&mut all, &json!({"task_id": "*"}));
    let append = |task_id, of| log.append(task_id, StatusChange, status(of));
    hub.publish([append("a", "pending"), append("a", "running"), append("b", "pending")]);
    // Skipped: an end, a whole life, a beginning.
    for (task_id, of) in
        [("a", "completed"), ("c", "pending"), ("c", "running"), ("c", "failed"), ("d", "pending")]
    {
        append(task_id, of);
    }
    hub.skipped();
    hub.publish([append("b", "running"), append("d", "running"), append("e", "pending")]);
    repair(&hub);
    hub.publish([append("b", "completed")]);
    let mut heard = told(read(&mut all, 2));
    // In order for each task.
    heard.sort_by(|(one, _), (two, _)| one.cmp(two));
    let expected = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)];
    let of_others = [("c", 1), ("c", 2), ("c", 3), ("d", 1), ("d", 2), ("e", 1)];
    assert_eq!(heard, pairs(&[expected, of_others].concat()));
}

#[test]
fn status_changes_that_the_log_has_lost_too_are_said_to_be_missed() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(2), false);
    let mut all = Reader::new(&hub, 1);
    subscribe(&mut all, &json!({"task_id": "*"}));
    hub.publish([log.append("a", StatusChange, status("pending"))]);
    for of in ["running", "paused", "running"] {
        log.append("a", StatusChange, status(of));
    }
    log.trim("a");
    hub.publish([log.append("a", StatusChange, status("completed"))]);
    repair(&hub);
    assert_eq!(told(read(&mut all, 9)), pairs(&[("a", 0), ("a", 1), ("a", 3), ("a", 4), ("a", 5)]));
}
