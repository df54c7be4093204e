//! Ending a task from outside, in each of its statuses.

use std::sync::Arc;

use serde_json::json;
use tasks::{Control, Error, JobFailure, JobFunction, Status};

use crate::support::*;

#[tokio::test]
async fn a_pending_task_is_cancelled_at_once() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    let task = engine.cancel(&id).await.unwrap();
    assert_eq!((task.status, task.result), (Status::Cancelled, None));
    let events = whole_log(&engine, &id).await;
    assert_eq!(summary(&events), ["pending", "cancelled"]);
    assert_eq!(events[1].data, json!({"status": "cancelled", "message": "Optimization cancelled"}));
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_running_task_is_cancelled_at_its_next_report_and_keeps_its_best() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let engine = store.open(counting(move |_, k| keeper.pass(k))).await;
    let id = engine.submit(json!({}), steps(100)).await.unwrap().id;
    assert_eq!(gate.arrival().await, 1);
    assert_eq!(engine.cancel(&id).await.unwrap().status, Status::Running);
    assert_eq!(engine.cancel(&id).await.unwrap().status, Status::Running, "asking twice is no conflict");
    gate.open();
    let events = to_the_end(&engine, &id).await;
    assert_eq!(summary(&events), whole_count(1, "cancelled"));
    let task = check_log(&engine, &id).await;
    assert_eq!(task.result, Some(json!({"final_iteration": 1})));
}

#[tokio::test]
async fn a_cancelled_job_with_nothing_to_give_back_ends_cancelled_too() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let job: JobFunction = Arc::new(move |context| {
        keeper.pass(0);
        assert_eq!(context.control(), Control::Cancel);
        Err(JobFailure::Yielded)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    gate.arrival().await;
    engine.cancel(&id).await.unwrap();
    gate.open();
    assert_eq!(summary(&to_the_end(&engine, &id).await), ["pending", "running", "cancelled"]);
    assert_eq!(check_log(&engine, &id).await.result, None);
}

#[tokio::test]
async fn a_cancel_outlives_the_worker_that_should_have_heard_it() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let engine = store.open(counting(move |_, k| keeper.pass(k))).await;
    let id = engine.submit(json!({}), steps(100)).await.unwrap().id;
    gate.arrival().await;
    engine.cancel(&id).await.unwrap();
    drop(engine);
    drop(gate);
    let engine = store.open(plain_counting()).await;
    assert_eq!(summary(&to_the_end(&engine, &id).await), ["pending", "running", "cancelled"]);
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_finished_task_can_neither_be_cancelled_nor_changed() {
    let store = TestStore::new().await;
    let engine = store.open(plain_counting()).await;
    let id = engine.submit(json!({}), steps(1)).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    let Err(Error::Conflict { status, request, .. }) = engine.cancel(&id).await else {
        panic!("a finished task was cancelled")
    };
    assert_eq!((status, request), (Status::Completed, "cancel"));
    assert_eq!(whole_log(&engine, &id).await, events);
}
