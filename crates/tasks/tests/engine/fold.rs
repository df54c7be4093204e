//! Whatever a job commits and however it ends, interrupted or not: the cached
//! task is the fold of its log.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tasks::{Control, Engine, EventKind, JobContext, JobFailure, JobFunction, JobSuccess, NewEvent, Status};

use crate::support::*;

/// What a job does, commit by commit, and how it ends.
#[derive(Debug, Clone)]
struct Script {
    commits: Vec<Commit>,
    end: End,
    cancel: bool,
    /// The commits after which the run is lost and another begins.
    interruptions: Vec<bool>,
}

#[derive(Debug, Clone)]
struct Commit {
    events: Vec<(bool, Value)>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Failure,
    Panic,
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Finite: JSON has no infinities.
        proptest::num::f64::NORMAL.prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn script() -> impl Strategy<Value = Script> {
    let commit =
        proptest::collection::vec((any::<bool>(), json_value()), 0..4).prop_map(|events| Commit { events });
    let end = prop_oneof![Just(End::Success), Just(End::Failure), Just(End::Panic)];
    (proptest::collection::vec(commit, 0..6), end, any::<bool>(), proptest::collection::vec(any::<bool>(), 6))
        .prop_map(|(commits, end, cancel, interruptions)| Script { commits, end, cancel, interruptions })
}

/// Follows its script from where the checkpoint says.
fn play(script: &Script, context: &JobContext) -> Result<JobSuccess, JobFailure> {
    let first = usize::try_from(steps_done(context)).unwrap();
    for (index, commit) in script.commits.iter().enumerate().skip(first) {
        let events = commit.events.iter().cloned().map(|(progress, data)| {
            let kind = if progress { EventKind::Progress } else { EventKind::IterationComplete };
            NewEvent { kind, data, detail: None }
        });
        let done = index as u64 + 1;
        let control = context.commit(events.collect(), Some(done.to_le_bytes().to_vec()));
        assert_ne!(control, Control::Yield, "nobody takes this task away");
        if script.interruptions[index] && control == Control::Continue {
            return Err(JobFailure::Yielded);
        }
    }
    match script.end {
        End::Success => success(script.commits.len() as u64),
        End::Failure => {
            Err(JobFailure::Failed { code: "test.failed".to_owned(), error: "as scripted".to_owned() })
        }
        End::Panic => panic!("as scripted"),
    }
}

#[test]
fn the_cached_task_is_the_fold_of_the_log_whatever_a_job_does() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scripts: Arc<std::sync::Mutex<std::collections::HashMap<u64, Script>>> = Arc::default();
    let known = scripts.clone();
    let job: JobFunction = Arc::new(move |context| {
        let script = known.lock().unwrap()[&context.spec.as_u64().unwrap()].clone();
        play(&script, context)
    });
    let (_store, engine) = runtime.block_on(async {
        let store = TestStore::new().await;
        let engine: Engine = store.open(job).await;
        (store, engine)
    });
    let number = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    runner
        .run(&script(), |script| {
            number.set(number.get() + 1);
            scripts.lock().unwrap().insert(number.get(), script.clone());
            runtime.block_on(check_script(&engine, number.get(), &script));
            Ok(())
        })
        .unwrap();
}

async fn check_script(engine: &Engine, number: u64, script: &Script) {
    let id = engine.submit(json!({ "script": number }), json!(number)).await.unwrap().id;
    // May come too late, which is as good.
    let cancelled = script.cancel && engine.cancel(&id).await.is_ok();
    let events = to_the_end(engine, &id).await;
    let task = check_log(engine, &id).await;
    match script.end {
        End::Success if cancelled => assert_eq!(task.status, Status::Cancelled),
        End::Success => assert_eq!(task.status, Status::Completed),
        // A task cancelled before it began never gets to fail.
        End::Failure | End::Panic => {
            assert!(task.status == Status::Failed || cancelled && task.status == Status::Cancelled);
        }
    }
    if task.started_at.is_some() {
        let told: Vec<_> = events
            .iter()
            .filter(|event| matches!(event.event_type, EventKind::Progress | EventKind::IterationComplete))
            .map(|event| (event.event_type == EventKind::Progress, event.data.clone()))
            .collect();
        let written: Vec<_> =
            script.commits.iter().flat_map(|commit| commit.events.iter().cloned()).collect();
        assert_eq!(told, written, "every event of every run once, none twice");
    }
}
