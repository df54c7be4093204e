//! Which events stay in the log, and what a reader is told of those that do not.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tasks::{
    Engine, EngineSettings, Error, Extent, JobFunction, NewEvent, Retention, Surroundings, system_clock,
};

use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits for the background to trim the log so far.
async fn trimmed_to(engine: &Engine, task_id: &str, first_seq: u64) -> Extent {
    loop {
        let extent = engine.extent(task_id).await.unwrap();
        assert!(extent.first_seq <= first_seq, "{extent:?}: more is gone than {first_seq} allows");
        if extent.first_seq == first_seq {
            return extent;
        }
        tokio::task::yield_now().await;
    }
}

fn counting_with_details() -> JobFunction {
    Arc::new(|context| {
        for k in 1..=20 {
            let event = NewEvent::progress(json!({"current_iteration": k}));
            context.commit(vec![event.with_detail(&json!(k), vec![Bytes::from_static(b"x")])], None);
        }
        success(20)
    })
}

async fn ended(engine: &Engine) -> String {
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    to_the_end(engine, &id).await;
    id
}

fn keep(events: u64) -> Retention {
    Retention { keep_per_task: NonZeroU64::new(events), keep_ended: None }
}

#[tokio::test]
async fn a_store_is_trimmed_to_the_newest_events_and_readers_learn_what_is_left() {
    let store = TestStore::new().await;
    let engine = store.open(counting_with_details()).await;
    let id = ended(&engine).await;
    let whole = whole_log(&engine, &id).await;
    let task = engine.task(&id).await.unwrap();
    assert_eq!(engine.extent(&id).await.unwrap(), Extent { first_seq: 1, head_seq: 23 });
    drop(engine);

    let settings = EngineSettings { workers: 0, retention: keep(5), ..store.settings() };
    let engine = Engine::open(settings, plain_counting()).await.unwrap();
    let extent = trimmed_to(&engine, &id, 19).await;
    assert_eq!(extent, Extent { first_seq: 19, head_seq: 23 });
    let page = engine.page(&id, 0, 100).await.unwrap();
    assert_eq!((page.events.as_slice(), page.extent), (&whole[18..], extent));
    assert!(extent.is_trimmed_after(17) && !extent.is_trimmed_after(18));
    let error = engine.events(&id, 17, 100).await.unwrap_err();
    assert!(matches!(&error, Error::Trimmed { extent: told, .. } if *told == extent), "{error}");
    assert!(error.to_string().ends_with("those from 19 to 23 are left"), "{error}");
    assert_eq!(engine.events(&id, 18, 100).await.unwrap(), whole[18..]);
    assert_eq!(engine.task(&id).await.unwrap(), task, "the task is what it was");
    assert_eq!(store.number("SELECT COUNT(*) FROM event_details").await, 4, "details go with their events");
}

#[tokio::test]
async fn a_log_that_grows_is_trimmed_while_its_task_runs() {
    let store = TestStore::new().await;
    let (gate, keeper) = gate();
    let job: JobFunction = Arc::new(move |context| {
        for k in 1..=30 {
            context.commit(vec![NewEvent::progress(json!({"current_iteration": k}))], None);
        }
        keeper.pass(30);
        success(30)
    });
    let settings = EngineSettings { retention: keep(4), ..store.settings() };
    let engine = Engine::open(settings, job).await.unwrap();
    let id = engine.submit(json!({}), json!({})).await.unwrap().id;
    gate.arrival().await;
    // One event more than 4 may stay, so that not each append is followed by a trimming.
    let extent = loop {
        let extent = engine.extent(&id).await.unwrap();
        if extent.head_seq - extent.first_seq < 5 {
            break extent;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(extent.head_seq, 32);
    let left = engine.page(&id, 0, 100).await.unwrap();
    assert_eq!(left.events.len() as u64, left.extent.head_seq - left.extent.first_seq + 1, "no gap");
    gate.open();
}

#[tokio::test]
async fn of_a_task_that_ended_long_ago_only_the_end_is_left() {
    let store = TestStore::new().await;
    let engine = store.open(counting_with_details()).await;
    let id = ended(&engine).await;
    drop(engine);

    let retention = Retention { keep_per_task: None, keep_ended: Some(30 * DAY) };
    let settings = EngineSettings { retention, ..store.settings() };
    let clock = system_clock();
    let later = |days: i64| Surroundings {
        clock: {
            let clock = clock.clone();
            Arc::new(move || clock() + days * 86_400_000)
        },
        ..Surroundings::default()
    };
    let engine = Engine::open_with(settings.clone(), later(29), counting_with_details()).await.unwrap();
    let young = ended(&engine).await;
    assert_eq!(engine.extent(&id).await.unwrap().first_seq, 1);
    drop(engine);

    let engine = Engine::open_with(settings, later(31), plain_counting()).await.unwrap();
    let extent = trimmed_to(&engine, &id, 23).await;
    assert_eq!(extent, Extent { first_seq: 23, head_seq: 23 });
    let left = engine.page(&id, 0, 100).await.unwrap().events;
    assert!(left.len() == 1 && left[0].is_terminal());
    assert_eq!(engine.extent(&young).await.unwrap().first_seq, 1, "ended two days ago");
}
