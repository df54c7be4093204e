//! Who may write: leases, takeovers, attempts, shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tasks::{Control, Engine, EngineSettings, JobFailure, JobFunction, NewEvent, Status};

use crate::support::*;

#[tokio::test]
async fn shutdown_lets_jobs_yield_and_the_next_engine_goes_on_without_a_trace() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let job = counting(move |context, k| {
        if k == 3 {
            keeper.pass(k);
            while context.control() != Control::Yield {
                std::thread::yield_now();
            }
        }
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), steps(5)).await.unwrap().id;
    gate.arrival().await;
    gate.open();
    // The job sits before step 3 while the engine drains; that step is stored.
    engine.shutdown(Duration::from_secs(60)).await;
    assert_eq!(summary(&whole_log(&engine, &id).await), whole_count(5, "")[..8]);
    let late = engine.submit(json!({}), steps(1)).await.unwrap();
    assert_eq!(engine.task(&id).await.unwrap().status, Status::Running);
    drop(engine);

    let engine = store.open(plain_counting()).await;
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(5, "completed"));
    check_log(&engine, &id).await;
    assert_eq!(summary(&to_the_end(&engine, &late.id).await), whole_count(1, "completed"));
}

#[tokio::test]
async fn shutdown_ends_at_its_deadline_although_a_job_does_not_listen() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let engine = store.open(counting(move |_, k| keeper.pass(k))).await;
    let id = engine.submit(json!({}), steps(2)).await.unwrap().id;
    gate.arrival().await;
    engine.shutdown(Duration::from_millis(1)).await;
    drop(engine);
    let engine = store.open(plain_counting()).await;
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(2, "completed"));
    // The job that did not listen wakes up now, and nobody cares.
    gate.open();
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_is_refused_and_told_to_yield() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let (told, mut controls) = tokio::sync::mpsc::unbounded_channel();
    let runs = AtomicU32::new(0);
    let job: JobFunction = Arc::new(move |context| {
        let first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        let done = steps_done(context);
        for k in done + 1..=3 {
            if first && k == 2 {
                // Asleep while its lease runs out and another run takes over.
                keeper.pass(k);
                let before = commit_step(context, k, 3);
                told.send((before, context.control())).unwrap();
                return Err(JobFailure::Yielded);
            }
            commit_step(context, k, 3);
        }
        success(3)
    });
    // Only the test lets this lease run out.
    let settings = EngineSettings { lease: Duration::from_secs(1000), ..store.settings() };
    let engine = Engine::open(settings, job).await.unwrap();
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    assert_eq!(gate.arrival().await, 2);
    store.expire_leases().await;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(summary(&events), whole_count(3, "completed"), "a takeover appends nothing");
    gate.open();
    assert_eq!(controls.recv().await.unwrap(), (Control::Yield, Control::Yield));
    assert_eq!(whole_log(&engine, &id).await, events, "the old worker's commit was refused");
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_heartbeat_renews_the_lease_of_a_job_that_is_silent_for_long() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let job: JobFunction = Arc::new(move |_| {
        keeper.pass(0);
        success(0)
    });
    let settings = EngineSettings { lease: Duration::from_secs(3), ..store.settings() };
    let engine = Engine::open(settings, job).await.unwrap();
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    gate.arrival().await;
    let until_ms = "SELECT lease_until_ms FROM tasks";
    let begun = store.number(until_ms).await;
    let mut renewed = begun;
    // Two heartbeats: the job has said nothing, and its lease would end later.
    for _ in 0..2 {
        let last = renewed;
        while renewed == last {
            renewed = store.number(until_ms).await;
        }
        assert!(renewed > last);
    }
    assert_eq!(store.number("SELECT lease_epoch FROM tasks").await, 1, "nobody took the task over");
    gate.open();
    assert_eq!(summary(&to_the_end(&engine, &id).await), ["pending", "running", "completed"]);
}

#[tokio::test]
async fn runs_without_a_new_checkpoint_are_counted_and_limited() {
    let store = TestStore::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    // Yields without being asked, as a run that was lost would end.
    let job: JobFunction = Arc::new(move |context| {
        counted.fetch_add(1, Ordering::SeqCst);
        context.commit(vec![NewEvent::progress(json!({"current_iteration": 0}))], None);
        Err(JobFailure::Yielded)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(
        summary(&events),
        [
            "pending",
            "running",
            "progress 0",
            "progress 0",
            "progress 0",
            "error attempts_exhausted",
            "failed"
        ]
    );
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn progress_starts_the_count_of_attempts_anew() {
    let store = TestStore::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    // Nine runs, each one step further: more than max_attempts, never stuck.
    let job: JobFunction = Arc::new(move |context| {
        counted.fetch_add(1, Ordering::SeqCst);
        let done = steps_done(context);
        if done == 8 {
            return success(8);
        }
        commit_step(context, done + 1, 8);
        Err(JobFailure::Yielded)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(8, "completed"));
    assert_eq!(runs.load(Ordering::SeqCst), 9);
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_task_dropped_in_the_middle_resumes_from_its_checkpoint() {
    let store = TestStore::new().await;
    for crash_at in 1..=4 {
        let (gate, keeper) = gate();
        let engine = store.open(counting(move |_, k| keeper.pass(k))).await;
        let id = engine.submit(json!({}), steps(4)).await.unwrap().id;
        for k in 1..crash_at {
            assert_eq!(gate.arrival().await, k);
            gate.open();
        }
        assert_eq!(gate.arrival().await, crash_at);
        drop(engine);
        // The abandoned job goes on, and is heard by nobody.
        drop(gate);
        let engine = store.open(plain_counting()).await;
        assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(4, "completed"));
        check_log(&engine, &id).await;
    }
}

#[tokio::test]
async fn a_large_input_and_checkpoint_are_kept_apart_from_the_events() {
    let store = TestStore::new().await;
    let large = "x".repeat(5_000_000);
    let job: JobFunction = Arc::new(|context| {
        if let Some(checkpoint) = &context.checkpoint {
            assert!(checkpoint.len() == 3_000_000 && checkpoint.iter().all(|&byte| byte == 7));
            return success(context.spec.as_str().unwrap().len() as u64);
        }
        context.commit(Vec::new(), Some(vec![7; 3_000_000]));
        Err(JobFailure::Yielded)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), Value::from(large)).await.unwrap().id;
    to_the_end(&engine, &id).await;
    assert_eq!(check_log(&engine, &id).await.result, Some(json!({"final_iteration": 5_000_000})));
}

#[tokio::test]
async fn orderly_shutdowns_are_no_attempts_however_many() {
    let store = TestStore::new().await;
    let mut id = None;
    for life in 0..5 {
        let (gate, keeper) = gate();
        // Each life is asked to yield before it has reached anything.
        let job: JobFunction = Arc::new(move |context| {
            keeper.pass(0);
            while context.control() != Control::Yield {
                std::thread::yield_now();
            }
            Err(JobFailure::Yielded)
        });
        let engine = store.open(job).await;
        if life == 0 {
            id = Some(engine.submit(json!({}), steps(2)).await.unwrap().id);
        }
        gate.arrival().await;
        gate.open();
        engine.shutdown(Duration::from_secs(60)).await;
        assert_eq!(store.number("SELECT attempts FROM tasks").await, 0, "in life {life}");
    }
    let engine = store.open(plain_counting()).await;
    let id = id.unwrap();
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(2, "completed"));
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn who_holds_which_task_is_told_while_it_runs() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let job: JobFunction = Arc::new(move |_| {
        keeper.pass(0);
        success(0)
    });
    let settings = EngineSettings { lease: Duration::from_secs(1000), ..store.settings() };
    let engine = Engine::open(settings, job).await.unwrap();
    assert_eq!(engine.held_tasks().await.unwrap(), []);
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    gate.arrival().await;
    let held = engine.held_tasks().await.unwrap();
    let [task] = &held[..] else { panic!("{held:?}") };
    assert_eq!((&*task.task_id, task.worker.as_deref()), (&*id, Some(engine.worker_name())));
    assert_eq!((task.attempts, &task.started_at), (1, &engine.task(&id).await.unwrap().started_at));
    let age = task.lease_age.unwrap();
    assert!(age < Duration::from_secs(1000), "{age:?}");
    gate.open();
    to_the_end(&engine, &id).await;
    assert_eq!(engine.held_tasks().await.unwrap(), []);
}
