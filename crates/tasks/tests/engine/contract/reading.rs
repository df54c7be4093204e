//! Asking: tasks, events, watching; and how much may be asked.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tasks::{Engine, EngineSettings, Error, EventDetail, Extent, Head, JobFunction, NewEvent};

use crate::support::*;

#[tokio::test]
async fn an_unknown_task_is_said_to_be_unknown() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    assert!(matches!(engine.task("x").await, Err(Error::UnknownTask { task_id }) if task_id == "x"));
    assert!(matches!(engine.events("x", 0, 10).await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.extent("x").await, Err(Error::UnknownTask { .. })));
    assert!(matches!(engine.cancel("x").await, Err(Error::UnknownTask { .. })));
}

#[tokio::test]
async fn notes_stand_beside_their_task_and_not_in_it() {
    let store = TestStore::new().await;
    let engine = store.open(plain_counting()).await;
    let notes = json!([{"code": "odd", "text": "怪"}, 1.0]);
    let noted = engine.submit_with_notes(json!({"a": 1}), steps(1), notes.clone()).await.unwrap();
    to_the_end(&engine, &noted.id).await;
    let task = check_log(&engine, &noted.id).await;
    assert_eq!(engine.task_and_notes(&noted.id).await.unwrap(), (task, Some(notes)));
    let plain = engine.submit(json!({}), steps(1)).await.unwrap();
    assert_eq!(engine.task_and_notes(&plain.id).await.unwrap().1, None);
    assert!(matches!(engine.task_and_notes("x").await, Err(Error::UnknownTask { .. })));
}

#[tokio::test]
async fn a_detail_is_stored_with_its_event_and_read_only_when_asked_for() {
    let store = TestStore::new().await;
    let field = Bytes::from(vec![0, 255, 7]);
    let (value, attachments) = (json!({"placements": [1.5]}), vec![field, Bytes::new()]);
    let detail = EventDetail::new(&value, attachments.clone());
    let job: JobFunction = Arc::new(move |context| {
        let plain = NewEvent::progress(json!({"current_iteration": 1}));
        let detailed = NewEvent::iteration_complete(json!({"iteration": 1}));
        context.commit(vec![detailed.with_detail(&value, attachments.clone()), plain], None);
        success(1)
    });
    let engine = store.open(job).await;
    let mut live = engine.watch();
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    let events = to_the_end(&engine, &id).await;
    assert!(events.iter().all(|event| event.detail.is_none()));
    let detailed = engine.detailed_page(&id, 0, 100).await.unwrap().events;
    let with_detail: Vec<_> = detailed.iter().filter_map(|event| event.detail.as_deref()).collect();
    assert_eq!((with_detail, detailed[2].detail.is_some()), (vec![&detail], true));
    for (event, detailed) in events.iter().zip(&detailed) {
        assert_eq!(*live.recv().await.unwrap(), *detailed, "live events carry the detail");
        assert_eq!(serde_json::to_value(event).unwrap(), serde_json::to_value(detailed).unwrap());
    }
    assert_eq!(engine.detailed_page(&id, 2, 1).await.unwrap().events, detailed[2..3]);
}

#[tokio::test]
async fn heads_tell_how_far_logs_go_and_which_tasks_have_not_ended() {
    let store = TestStore::new().await;
    let engine = store.open(plain_counting()).await;
    let head = |id: &String, seq| Head { task_id: id.clone(), seq };
    assert_eq!(engine.open_heads(None).await.unwrap(), []);
    let ended = engine.submit(json!({}), steps(2)).await.unwrap().id;
    let events = to_the_end(&engine, &ended).await.len() as u64;
    assert_eq!(engine.open_heads(None).await.unwrap(), [head(&ended, events)], "the newest of all");
    engine.shutdown(std::time::Duration::from_secs(5)).await;
    let waiting = engine.submit(json!({}), steps(2)).await.unwrap().id;
    let cancelled = engine.submit(json!({}), steps(2)).await.unwrap().id;
    engine.cancel(&cancelled).await.unwrap();
    for (newer_than, expected) in [
        (None, vec![head(&waiting, 1), head(&cancelled, 2)]),
        (Some(&ended), vec![head(&waiting, 1), head(&cancelled, 2)]),
        (Some(&cancelled), vec![head(&waiting, 1)]),
    ] {
        let mut heads = engine.open_heads(newer_than.map(String::as_str)).await.unwrap();
        heads.sort_by(|one, two| one.task_id.cmp(&two.task_id));
        assert_eq!(heads, expected, "{newer_than:?}");
    }
    let asked: Vec<Arc<str>> = vec![ended.as_str().into(), "x'\"".into(), waiting.as_str().into()];
    let mut heads = engine.heads(&asked).await.unwrap();
    heads.sort_by(|one, two| one.task_id.cmp(&two.task_id));
    assert_eq!(heads, [head(&ended, events), head(&waiting, 1)]);
    assert_eq!(engine.heads(&[]).await.unwrap(), []);
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
    assert_eq!(engine.extent(&id).await.unwrap(), Extent { first_seq: 1, head_seq: 13 });
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
    let seen = to_the_end(&engine, &id).await;
    assert_eq!(seen.len(), 6003);
    assert!(matches!(watcher.recv().await, Err(tokio::sync::broadcast::error::RecvError::Lagged(_))));
    // It goes on with the newest 4,096, which end where the log ends.
    for expected in &seen[6003 - 4096..] {
        assert_eq!(*watcher.recv().await.unwrap(), *expected);
    }
    check_log(&engine, &id).await;
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
