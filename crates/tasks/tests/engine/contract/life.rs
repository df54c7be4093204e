//! What a task tells from its beginning to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use tasks::{
    Engine, JobFailure, JobFunction, JobSuccess, Messages, NewEvent, Status, Surroundings, system_clock,
};

use crate::support::*;

#[tokio::test]
async fn a_task_tells_its_whole_life_in_order() {
    let store = TestStore::new().await;
    let engine = store.open(plain_counting()).await;
    let task = engine.submit(json!({"max_iterations": 3}), steps(3)).await.unwrap();
    assert_eq!(task.status, Status::Pending);
    assert_eq!((task.head_seq, &task.id), (1, &task.task_id));
    assert!(task.created_at.ends_with("+00:00"));

    let events = to_the_end(&engine, &task.id).await;
    assert_eq!(summary(&events), whole_count(3, "completed"));
    assert_eq!(events[0].data, json!({"status": "pending", "message": "Task created"}));
    assert_eq!(events[1].data, json!({"status": "running", "message": "Optimization started"}));
    assert_eq!(
        events.last().unwrap().data,
        json!({"status": "completed", "message": "Counted", "result": {"final_iteration": 3}})
    );
    let task = check_log(&engine, &task.id).await;
    assert_eq!(task.config, json!({"max_iterations": 3}));
    assert_eq!(task.result, Some(json!({"final_iteration": 3})));
    assert_eq!(task.progress, Some(json!({"current_iteration": 3, "max_iterations": 3})));
    assert_eq!(task.started_at, Some(events[1].timestamp.clone()));
    assert_eq!(task.completed_at, Some(events.last().unwrap().timestamp.clone()));
}

#[tokio::test]
async fn texts_and_time_come_from_the_surroundings_and_time_never_runs_backwards() {
    let store = TestStore::new().await;
    let now_ms = Arc::new(AtomicI64::new(1_763_936_287_409));
    let hand = now_ms.clone();
    let surroundings = Surroundings {
        clock: Arc::new(move || hand.load(Ordering::SeqCst)),
        messages: Messages { running: "los".to_owned(), ..Messages::default() },
        ..Surroundings::default()
    };
    let (gate, keeper) = gate();
    let job = counting(move |_, k| keeper.pass(k));
    let engine = Engine::open_with(store.settings(), surroundings, job).await.unwrap();
    let id = engine.submit(json!({}), steps(3)).await.unwrap().id;
    for jump_ms in [-3_600_000, 3_000_000, 600_001] {
        gate.arrival().await;
        now_ms.fetch_add(jump_ms, Ordering::SeqCst);
        gate.open();
    }
    let events = to_the_end(&engine, &id).await;
    assert_eq!(events[1].data["message"], "los");
    // The first time stands while the clock is behind it.
    let times: Vec<_> = events.iter().map(|event| &event.timestamp[11..23]).collect();
    assert_eq!(times[..6], ["22:18:07.409"; 6]);
    assert_eq!(times[6..], ["22:18:07.410"; 3]);
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn a_failure_is_an_error_and_a_status_in_one_piece() {
    let store = TestStore::new().await;
    let job: JobFunction = Arc::new(|_| {
        Err(JobFailure::Failed { code: "experiment.write_failed".to_owned(), error: "disk\0full".to_owned() })
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(summary(&events), ["pending", "running", "error experiment.write_failed", "failed"]);
    assert_eq!(
        events[2].data,
        json!({"status": "failed", "error": "disk\0full", "code": "experiment.write_failed"})
    );
    assert_eq!(
        events[3].data,
        json!({"status": "failed", "message": "Optimization failed", "error": "disk\0full"})
    );
    let task = check_log(&engine, &id).await;
    assert_eq!((task.status, task.error.as_deref()), (Status::Failed, Some("disk\0full")));
    assert!(task.completed_at.is_some() && task.result.is_none());
}

#[tokio::test]
async fn a_panic_fails_that_task_only() {
    let store = TestStore::new().await;
    let job: JobFunction = Arc::new(|context| {
        assert_ne!(context.spec, json!("bad"), "the spec is bad");
        success(0)
    });
    let engine = store.open(job).await;
    let bad = engine.submit(json!({}), json!("bad")).await.unwrap().id;
    let good = engine.submit(json!({}), json!("good")).await.unwrap().id;
    assert_eq!(summary(&to_the_end(&engine, &bad).await), ["pending", "running", "error internal", "failed"]);
    assert_eq!(summary(&to_the_end(&engine, &good).await), ["pending", "running", "completed"]);
    let task = check_log(&engine, &bad).await;
    assert!(task.error.unwrap().starts_with("internal error: "));
}

#[tokio::test]
async fn a_job_cannot_announce_a_status_by_itself() {
    let store = TestStore::new().await;
    let job: JobFunction = Arc::new(|context| {
        let kind = tasks::EventKind::StatusChange;
        context.commit(vec![NewEvent { kind, data: json!({"status": "completed"}), detail: None }], None);
        success(0)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    assert_eq!(summary(&to_the_end(&engine, &id).await), ["pending", "running", "error internal", "failed"]);
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn what_was_submitted_comes_back_exactly() {
    let store = TestStore::new().await;
    let awkward = json!({
        "text": "卫星 \"quoted\" \u{1F680} \0 ' ; DROP TABLE tasks; --",
        "numbers": [0.1, 1e-300, 9_007_199_254_740_993_u64, -0.0, 1.7976931348623157e308],
        "nested": {"empty": {}, "none": null, "list": []},
    });
    let echo: JobFunction =
        Arc::new(|context| Ok(JobSuccess { result: context.spec.clone(), message: "完成".to_owned() }));
    let engine = store.open(echo).await;
    let id = engine.submit(awkward.clone(), awkward.clone()).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(events.last().unwrap().data["message"], "完成");
    let task = check_log(&engine, &id).await;
    assert_eq!(task.config, awkward);
    assert_eq!(task.result, Some(awkward));
}

#[tokio::test]
async fn the_log_id_is_that_of_the_database_in_which_the_log_was_written() {
    let store = TestStore::new().await;
    let log_id = store.open_idle().await.log_id().to_owned();
    assert_eq!(store.open_idle().await.log_id(), log_id);
    // As if the database had been restored on another server. A SQLite file has
    // no such row; there its lock file tells.
    let known = store.number("SELECT COUNT(*) FROM meta WHERE name = 'origin'").await;
    store.execute("UPDATE meta SET value = 'elsewhere' WHERE name = 'origin'").await;
    let moved = store.open_idle().await.log_id().to_owned();
    assert_eq!(moved != log_id, known == 1);
    assert_eq!(known == 1, store.url.starts_with("postgres"));
    assert_eq!(store.open_idle().await.log_id(), moved);
}

#[tokio::test]
async fn the_systems_clock_is_the_default() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let clock = system_clock();
    let before = tasks::format_timestamp(clock());
    let task = engine.submit(json!({}), json!({})).await.unwrap();
    let after = tasks::format_timestamp(clock());
    assert!(before <= task.created_at && task.created_at <= after);
}
