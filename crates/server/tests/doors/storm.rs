//! A thousand followers that lose their connection again and again, on the
//! real log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use server::live::{Hub, Item, Reader, RingLimits, Room};
use tasks::{Control, Engine, EngineSettings, JobFailure, JobSuccess, NewEvent};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::harness::soon;

const TASKS: usize = 100;
const FOLLOWERS: usize = 10;
const ITERATIONS: u32 = 10;

/// An engine whose tasks report what an optimization reports, at once.
async fn engine(dir: &Path) -> Engine {
    let job = Arc::new(|context: &tasks::JobContext| -> Result<JobSuccess, JobFailure> {
        for k in 1..=ITERATIONS {
            let events = vec![
                NewEvent::iteration_complete(json!({ "iteration": k, "metrics": {} })),
                NewEvent::progress(json!({ "current_iteration": k, "max_iterations": ITERATIONS })),
            ];
            if context.commit(events, None) != Control::Continue {
                return Err(JobFailure::Yielded);
            }
        }
        Ok(JobSuccess { result: json!({}), message: "Counted".to_owned() })
    });
    let settings = EngineSettings { workers: 4, ..EngineSettings::sqlite(&dir.join("tasks.db")) };
    Engine::open(settings, job).await.expect("an engine")
}

/// Numbers that differ and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound) as usize
    }
}

/// Follows a task to its end over connections that break at random.
async fn follow(hub: Hub, task_id: String, seed: u64) -> (Vec<u64>, u32) {
    let mut numbers = Numbers(seed);
    let mut seqs: Vec<u64> = Vec::new();
    let mut connections = 0;
    loop {
        connections += 1;
        let mut reader = Reader::new(&hub, 1);
        let after = seqs.last().copied().unwrap_or(0);
        let request = json!({ "task_id": task_id, "after_seq": after });
        let answer = reader.subscribe(Some(&request)).await.expect("subscribed");
        assert_eq!(answer.body["from"], after + 1);
        for _ in 0..numbers.below(4) {
            let room = Room { updates: 1 + numbers.below(5), bytes: 1 << 20 };
            // Some give up waiting and wait again.
            let items = match reader.next(room).now_or_never() {
                Some(items) => items,
                None => reader.next(room).await,
            };
            for item in items {
                let Item::Update(delivery) = item else { panic!("{item:?}") };
                seqs.push(delivery.update.seq());
                if delivery.update.event().is_terminal() {
                    assert!(reader.is_idle());
                    return (seqs, connections);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_followers_hear_each_event_once_and_in_order_over_many_connections() {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = engine(dir.path()).await;
    // So little memory that many have to read the log.
    let limits = RingLimits { updates: 8, bytes: 1 << 16, total_bytes: 1 << 18 };
    let hub = Hub::new(Arc::new(engine.clone()), limits, false);
    tokio::spawn(hub.pump(engine.watch()));
    let mut followers = Vec::new();
    for _ in 0..TASKS {
        let task = engine.submit(json!({}), json!({})).await.expect("submitted");
        for _ in 0..FOLLOWERS {
            let seed = followers.len() as u64;
            followers.push(tokio::spawn(follow(hub.clone(), task.id.clone(), seed)));
        }
    }
    // pending, running, two for each iteration, completed.
    let head = 3 + 2 * u64::from(ITERATIONS);
    let mut connections = 0;
    for follower in followers {
        let (seqs, count) = soon("end of a task", follower).await.expect("no panic");
        assert_eq!(seqs, (1..=head).collect::<Vec<_>>());
        connections += count;
    }
    assert!(connections > 2 * (TASKS * FOLLOWERS) as u32, "{connections} connections");
    assert!(hub.bytes() <= limits.total_bytes + limits.bytes);
    engine.shutdown(Duration::from_secs(5)).await;
}

/// The feed brings one event of three, and of the last tasks perhaps none.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_feed_loses_is_read_from_the_log() {
    const TASKS: usize = 20;
    let dir = tempfile::tempdir().expect("a directory");
    let engine = engine(dir.path()).await;
    let hub = Hub::new(Arc::new(engine.clone()), RingLimits::default(), false);
    let (lossy, feed) = broadcast::channel(4096);
    let mut live = engine.watch();
    tokio::spawn(async move {
        for number in 0_u64.. {
            match live.recv().await {
                Ok(event) if number % 3 == 0 => drop(lossy.send(event)),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    tokio::spawn(hub.pump(feed));
    let mut all = Reader::new(&hub, 1);
    all.subscribe(Some(&json!({"task_id": "*"}))).await.expect("subscribed");
    let mut followers = Vec::new();
    for seed in 0..TASKS as u64 {
        let task = engine.submit(json!({}), json!({})).await.expect("submitted");
        followers.push(tokio::spawn(follow(hub.clone(), task.id, seed)));
    }
    let head = 3 + 2 * u64::from(ITERATIONS);
    for follower in followers {
        let (seqs, _) = soon("end of a task", follower).await.expect("no panic");
        assert_eq!(seqs, (1..=head).collect::<Vec<_>>());
    }
    let mut heard: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while heard.len() < TASKS || heard.values().any(|seqs| seqs.len() < 3) {
        for item in soon("status change", all.next(Room { updates: 9, bytes: 1 << 20 })).await {
            let Item::Update(delivery) = item else { panic!("{item:?}") };
            heard.entry(delivery.update.event().task_id.clone()).or_default().push(delivery.update.seq());
        }
    }
    for (task_id, seqs) in heard {
        assert_eq!(seqs, [1, 2, head], "pending, running, completed of {task_id}");
    }
    engine.shutdown(Duration::from_secs(5)).await;
}
