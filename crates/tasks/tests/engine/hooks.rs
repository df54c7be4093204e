//! What an engine tells of what it does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tasks::{Engine, EngineSettings, EventKind, Hooks, LeaseLoss, StoreOperation, Surroundings};

use crate::support::*;

#[derive(Default)]
struct Heard {
    appended: BTreeMap<&'static str, u64>,
    commits: u64,
    writes: u64,
    reads: u64,
    failed: u64,
    losses: Vec<LeaseLoss>,
}

#[derive(Default)]
struct Listener(Mutex<Heard>);

impl Hooks for Listener {
    fn appended(&self, kind: EventKind, events: u64) {
        *self.0.lock().unwrap().appended.entry(kind.name()).or_default() += events;
    }

    fn committed(&self, _took: Duration) {
        self.0.lock().unwrap().commits += 1;
    }

    fn store(&self, operation: StoreOperation, _took: Duration, answered: bool) {
        let mut heard = self.0.lock().unwrap();
        heard.failed += u64::from(!answered);
        match operation {
            StoreOperation::Write => heard.writes += 1,
            StoreOperation::Read => heard.reads += 1,
        }
    }

    fn lease_lost(&self, loss: LeaseLoss) {
        self.0.lock().unwrap().losses.push(loss);
    }
}

fn surroundings(listener: &Arc<Listener>) -> Surroundings {
    Surroundings { hooks: listener.clone(), ..Surroundings::default() }
}

#[tokio::test]
async fn events_of_all_authors_are_counted_once_by_kind() {
    let store = TestStore::new().await;
    let listener = Arc::new(Listener::default());
    let engine =
        Engine::open_with(store.settings(), surroundings(&listener), plain_counting()).await.unwrap();
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    let mut expected = BTreeMap::new();
    for event in &events {
        *expected.entry(event.event_type.name()).or_default() += 1;
    }
    let heard = listener.0.lock().unwrap();
    assert_eq!(heard.appended, expected, "pending, running, 3 steps, completed");
    // Each step is a commit of the job, and so is its end, of which the log may tell before.
    assert!((3..=4).contains(&heard.commits), "{}", heard.commits);
    assert_eq!(heard.writes, 6, "pending, running, 3 steps, completed");
    assert!(heard.reads >= 1);
    assert_eq!((heard.failed, heard.losses.len()), (0, 0));
}

#[tokio::test]
async fn what_waits_and_what_runs_is_known_and_a_lost_lease_is_told() {
    let store = TestStore::new().await;
    let listener = Arc::new(Listener::default());
    let (gate, keeper) = gate();
    let job = counting(move |_, k| keeper.pass(k));
    let settings = EngineSettings { workers: 1, ..store.settings() };
    let engine = Engine::open_with(settings, surroundings(&listener), job).await.unwrap();
    assert_eq!((engine.oldest_pending().await.unwrap(), engine.running_jobs()), (None, 0));
    let running = engine.submit(json!({}), steps(2)).await.unwrap();
    gate.arrival().await;
    let waiting = engine.submit(json!({}), steps(1)).await.unwrap();
    engine.submit(json!({}), steps(1)).await.unwrap();
    assert_eq!(engine.oldest_pending().await.unwrap(), Some(waiting.created_at));
    assert_eq!(engine.running_jobs(), 1);

    store.execute("UPDATE tasks SET lease_epoch = lease_epoch + 1 WHERE status = 'running'").await;
    gate.open();
    // The same worker goes on with another task.
    gate.arrival().await;
    assert_eq!(listener.0.lock().unwrap().losses, [LeaseLoss::Taken]);
    assert_eq!(whole_log(&engine, &running.id).await.len(), 2);
    drop(gate);
}
