//! What every store must do. The scenarios know their store only by its
//! address; with `TASKS_TEST_POSTGRES` set they run on PostgreSQL.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tasks::{
    Control, Engine, EngineSettings, Error, JobFailure, JobFunction, JobSuccess, Messages, NewEvent, Status,
    Surroundings, system_clock,
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
    assert_eq!(engine.spec(&task.id).await.unwrap(), steps(3));

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
    // Every reading is one second before the last one.
    let now_ms = AtomicI64::new(1_763_936_287_409);
    let surroundings = Surroundings {
        clock: Arc::new(move || now_ms.fetch_sub(1000, Ordering::Relaxed)),
        messages: Messages { running: "los".to_owned(), ..Messages::default() },
    };
    let engine = Engine::open_with(store.settings(), surroundings, plain_counting()).await.unwrap();
    let id = engine.submit(json!({}), steps(2)).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(events[1].data["message"], "los");
    let mut times: Vec<_> = events.iter().map(|event| event.timestamp.as_str()).collect();
    times.dedup();
    assert_eq!(times.len(), 1, "the first time stands while the clock is behind it: {times:?}");
    assert!(times[0].starts_with("2025-11-23T22:1"));
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
        context.commit(vec![NewEvent { kind, data: json!({"status": "completed"}) }], None);
        success(0)
    });
    let engine = store.open(job).await;
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    assert_eq!(summary(&to_the_end(&engine, &id).await), ["pending", "running", "error internal", "failed"]);
    check_log(&engine, &id).await;
}

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

#[tokio::test]
async fn an_unknown_task_is_said_to_be_unknown() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    assert!(matches!(engine.task("x").await, Err(Error::UnknownTask { task_id }) if task_id == "x"));
    assert!(matches!(engine.spec("x").await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.events("x", 0, 10).await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.head_seq("x").await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.cancel("x").await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.follow("x", 0).await, Err(Error::UnknownTask { .. })));
}

#[tokio::test]
async fn a_full_queue_refuses_with_numbers_and_accepts_again_when_there_is_room() {
    let store = TestStore::new().await;
    let settings = EngineSettings { workers: 0, max_queued: 2, ..store.settings() };
    let engine = Engine::open(settings, plain_counting()).await.unwrap();
    let first = engine.submit(json!({}), steps(1)).await.unwrap().id;
    engine.submit(json!({}), steps(1)).await.unwrap();
    let error = engine.submit(json!({}), steps(1)).await.unwrap_err();
    assert!(matches!(error, Error::QueueFull { queued: 2, limit: 2 }), "{error}");
    assert_eq!(engine.count().await.unwrap(), 2, "a refused task leaves nothing behind");
    engine.cancel(&first).await.unwrap();
    engine.submit(json!({}), steps(1)).await.unwrap();
}

#[tokio::test]
async fn tasks_are_listed_newest_first_page_by_page_and_run_oldest_first() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(engine.submit(json!({ "n": n }), steps(1)).await.unwrap().id);
    }
    let newest_first: Vec<_> = ids.iter().rev().cloned().collect();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let page = engine.tasks(3, listed.last().map(String::as_str)).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        listed.extend(page.into_iter().map(|task| task.id));
    }
    assert_eq!(listed, newest_first);
    assert_eq!(engine.count().await.unwrap(), 7);
    let counts = engine.count_by_status().await.unwrap();
    assert_eq!((counts["pending"], counts["completed"], counts.len()), (7, 0, 6));
    drop(engine);

    let settings = EngineSettings { workers: 1, ..store.settings() };
    let engine = Engine::open(settings, plain_counting()).await.unwrap();
    let mut started = Vec::new();
    for id in &ids {
        let events = to_the_end(&engine, id).await;
        started.push(events[1].timestamp.clone());
    }
    assert!(started.is_sorted(), "one worker takes the oldest first: {started:?}");
}

#[tokio::test]
async fn events_are_read_in_pages_after_any_seq() {
    let store = TestStore::new().await;
    let engine = store.open(plain_counting()).await;
    let id = engine.submit(json!({}), steps(5)).await.unwrap().id;
    let all = to_the_end(&engine, &id).await;
    assert_eq!(all.len(), 13);
    for after in 0..=13 {
        let page = engine.events(&id, after, 4).await.unwrap();
        let expected: Vec<_> = all.iter().skip(after as usize).take(4).cloned().collect();
        assert_eq!(page, expected);
    }
    assert_eq!(engine.events(&id, u64::MAX, 4).await.unwrap(), []);
    assert_eq!(engine.head_seq(&id).await.unwrap(), 13);
    let mut rest = engine.follow(&id, 11).await.unwrap();
    assert_eq!(rest.next().await.unwrap().unwrap().seq, 12);
    assert_eq!(rest.next().await.unwrap().unwrap().seq, 13);
    assert_eq!(rest.next().await.unwrap(), None);
    assert_eq!(engine.follow(&id, 99).await.unwrap().next().await.unwrap(), None);
}

#[tokio::test]
async fn a_watcher_that_lags_is_told_so_and_loses_nothing_through_the_log() {
    let store = TestStore::new().await;
    let job: JobFunction = Arc::new(|context| {
        for batch in 0..60_u64 {
            let events = (0..100).map(|i| NewEvent::progress(json!({"current_iteration": 100 * batch + i})));
            context.commit(events.collect(), None);
        }
        success(0)
    });
    let engine = store.open(job).await;
    let mut watcher = engine.watch();
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    // Subscribed from the start, but reads only when everything has happened.
    let mut sleepy = engine.follow(&id, 0).await.unwrap();
    let seen = to_the_end(&engine, &id).await;
    assert_eq!(seen.len(), 6003);
    assert!(matches!(watcher.recv().await, Err(tokio::sync::broadcast::error::RecvError::Lagged(_))));
    for expected in &seen {
        assert_eq!(sleepy.next().await.unwrap().as_ref(), Some(expected));
    }
    assert_eq!(sleepy.next().await.unwrap(), None);
    check_log(&engine, &id).await;
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_submit_read_watch_and_cancel_at_once() {
    let store = TestStore::new().await;
    let settings = EngineSettings { workers: 4, max_queued: 1000, ..store.settings() };
    let engine = Engine::open(settings, plain_counting()).await.unwrap();
    let clients: Vec<_> = (0..40_u64)
        .map(|client| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let n = 1 + client % 5;
                let id = engine.submit(json!({ "client": client }), steps(n)).await.unwrap().id;
                if client % 4 == 3 {
                    // May come before, during or after the run.
                    let cancelled = engine.cancel(&id).await;
                    assert!(matches!(cancelled, Ok(_) | Err(Error::Conflict { .. })), "{cancelled:?}");
                }
                let events = to_the_end(&engine, &id).await;
                assert_eq!(events, whole_log(&engine, &id).await);
                let task = check_log(&engine, &id).await;
                assert_eq!(task.config, json!({ "client": client }));
                if client % 4 != 3 {
                    assert_eq!(summary(&events), whole_count(n, "completed"));
                }
                engine.tasks(10, None).await.unwrap();
                id
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for client in clients {
        ids.insert(client.await.unwrap());
    }
    assert_eq!(ids.len(), 40);
    assert_eq!(engine.count().await.unwrap(), 40);
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
async fn the_systems_clock_is_the_default() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let clock = system_clock();
    let before = tasks::format_timestamp(clock());
    let task = engine.submit(json!({}), json!({})).await.unwrap();
    let after = tasks::format_timestamp(clock());
    assert!(before <= task.created_at && task.created_at <= after);
}
