use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tasks::EventKind;

use super::super::delivery::{Item, Room};
use super::super::{Hub, Reader, RingLimits, Update};
use super::log::MemoryLog;
use super::{few, pairs, read, status, subscribe, told};

/// What happens now is heard although there is much to catch up with.
#[test]
fn nobody_waits_for_the_end_of_another_s_replay() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(4), false);
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
    let hub = Hub::new(log.clone(), few(8), false);
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

/// A thousand events at once: nobody reads the log, and all get the same.
#[test]
fn a_crowd_is_served_from_memory() {
    const EVENTS: u64 = 1000;
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    hub.publish([log.append("t", EventKind::Progress, json!({}))]);
    let mut crowd: Vec<Reader> = (0..100).map(|_| Reader::new(&hub, 1)).collect();
    for reader in &mut crowd {
        subscribe(reader, &json!({"task_id": "t", "after_seq": 1}));
    }
    let data = json!({"current_iteration": 1, "message": "x".repeat(300)});
    hub.publish((0..EVENTS).map(|_| log.append("t", EventKind::Progress, data.clone())));
    let mut first: Option<Vec<Arc<Update>>> = None;
    for reader in &mut crowd {
        let updates: Vec<Arc<Update>> = read(reader, 256)
            .into_iter()
            .map(|item| match item {
                Item::Update(delivery) => delivery.update,
                Item::Notice(name, body) => panic!("{name} {body}"),
            })
            .collect();
        assert_eq!(updates.len() as u64, EVENTS);
        let first = first.get_or_insert_with(|| updates.clone());
        assert!(updates.iter().zip(first).all(|(one, other)| Arc::ptr_eq(one, other)));
    }
    assert_eq!(log.pages(), 0);
}

/// Numbers of another log mean nothing here.
#[test]
fn one_of_another_log_gets_one_snapshot_and_then_what_follows() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(8), false);
    let publish = |of| hub.publish([log.append("t", EventKind::StatusChange, status(of))]);
    publish("pending");
    publish("running");
    let mut reader = Reader::new(&hub, 1);
    for (mode, snapshots, log_id) in [("snapshot", 2, "another log"), ("live", 0, "this log")] {
        let request = json!({"task_id": "t", "after_seq": 2, "log_id": log_id});
        let answer = subscribe(&mut reader, &request);
        assert_eq!((answer.body["mode"].as_str(), answer.updates.len()), (Some(mode), snapshots));
        assert_eq!(told(read(&mut reader, 9)), []);
    }
    publish("completed");
    assert_eq!(told(read(&mut reader, 9)), pairs(&[("t", 3)]));
    assert!(reader.is_idle());
    for _ in 0..2 {
        let answer =
            subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 3, "log_id": "another log"}));
        assert_eq!((answer.body["mode"].as_str(), answer.updates.len()), (Some("snapshot"), 2));
        assert!(reader.is_idle(), "nothing follows an end");
    }
}

/// Counts how often a task would be polled again.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A connection is polled when it is woken, and not before.
#[test]
fn news_of_what_is_followed_no_more_does_not_put_a_connection_to_sleep() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(8), false);
    let publish = |task_id| hub.publish([log.append(task_id, EventKind::Progress, json!({}))]);
    publish("a");
    publish("b");
    let mut reader = Reader::new(&hub, 2);
    for task_id in ["a", "b"] {
        subscribe(&mut reader, &json!({"task_id": task_id, "after_seq": 1}));
    }
    read(&mut reader, 9);
    publish("a");
    reader.unsubscribe(Some(&json!({"task_id": "a"}))).expect("unsubscribed");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut next = Box::pin(reader.next(Room { updates: 9, bytes: 1 << 20 }));
    assert!(next.as_mut().poll(&mut context).is_pending());
    publish("b");
    assert_eq!(wakes.0.load(Relaxed), 1);
    let Poll::Ready(items) = next.as_mut().poll(&mut context) else { panic!("b has news") };
    assert_eq!(told(items), pairs(&[("b", 2)]));
}
