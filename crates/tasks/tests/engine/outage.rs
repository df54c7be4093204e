//! The store refuses to write for a while, as a full disk does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tasks::{Control, Engine, EngineSettings, Error, JobFailure, JobFunction};

use crate::support::*;

/// SQLite only: there a trigger is the simplest disk that is full.
struct Disk(TestStore);

impl Disk {
    fn new() -> Disk {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("tasks.db").display());
        Disk(TestStore { directory, url })
    }

    async fn fill(&self) {
        self.0
            .execute(
                "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
            )
            .await;
    }

    async fn free(&self) {
        self.0.execute("DROP TRIGGER full").await;
    }
}

#[tokio::test]
async fn a_submit_that_cannot_be_stored_says_so_and_leaves_nothing() {
    let disk = Disk::new();
    let engine = disk.0.open_idle().await;
    disk.fill().await;
    let error = engine.submit(json!({}), steps(1)).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)) && error.to_string().contains("disk is full"), "{error}");
    assert_eq!(engine.count().await.unwrap(), 0);
    disk.free().await;
    engine.submit(json!({}), steps(1)).await.unwrap();
}

#[tokio::test]
async fn a_job_waits_through_a_short_outage_and_loses_nothing() {
    let disk = Disk::new();
    let (gate, keeper) = gate();
    let job = counting(move |_, k| {
        if k == 2 {
            keeper.pass(k);
        }
    });
    let engine = disk.0.open(job).await;
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    gate.arrival().await;
    disk.fill().await;
    gate.open();
    // Writers come in turn, so the job's tries are among these.
    for _ in 0..50 {
        engine.submit(json!({}), steps(1)).await.unwrap_err();
    }
    disk.free().await;
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(3, "completed"));
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_job_yields_when_the_outage_outlasts_its_lease_and_is_taken_up_after_it() {
    let disk = Disk::new();
    let (gate, keeper) = gate();
    let (told, mut controls) = tokio::sync::mpsc::unbounded_channel();
    let first = AtomicBool::new(true);
    let job: JobFunction = Arc::new(move |context| {
        for k in steps_done(context) + 1..=3 {
            if k == 2 && first.swap(false, Ordering::SeqCst) {
                keeper.pass(k);
                told.send(commit_step(context, k, 3)).unwrap();
                return Err(JobFailure::Yielded);
            }
            commit_step(context, k, 3);
        }
        success(3)
    });
    let settings = EngineSettings { lease: Duration::from_millis(600), ..disk.0.settings() };
    let engine = Engine::open(settings, job).await.unwrap();
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    gate.arrival().await;
    disk.fill().await;
    gate.open();
    assert_eq!(controls.recv().await.unwrap(), Control::Yield);
    disk.free().await;
    assert_eq!(summary(&to_the_end(&engine, &id).await), whole_count(3, "completed"));
    check_log(&engine, &id).await;
}
