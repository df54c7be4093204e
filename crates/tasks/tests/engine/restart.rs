//! A process of its own is killed with SIGKILL at every step of a task; the
//! next one finishes the task with no event lost or doubled.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tasks::{Control, Engine, EngineSettings, Error, JobFailure, JobFunction};

use crate::support::*;

const STORE: &str = "TASKS_TEST_CHILD_STORE";
/// The line after which the process stands still; none: it goes on.
const HALT: &str = "TASKS_TEST_CHILD_HALT";
const STEPS: u64 = 4;

/// With a lease that no test lives to see run out: the next process must not
/// wait for it.
fn settings(store: &Path) -> EngineSettings {
    EngineSettings { lease: Duration::from_secs(86_400), ..EngineSettings::sqlite(store) }
}

/// A job that says before and after each step where it is.
fn telling() -> JobFunction {
    let halt = std::env::var(HALT).unwrap_or_default();
    let tell = move |line: String| {
        say(&line);
        if line == halt {
            loop {
                std::thread::park();
            }
        }
    };
    Arc::new(move |context| {
        for k in steps_told(context) + 1..=STEPS {
            tell(format!("before {k}"));
            if commit_step(context, k, STEPS) == Control::Yield {
                return Err(JobFailure::Yielded);
            }
            tell(format!("after {k}"));
        }
        success(STEPS)
    })
}

#[allow(clippy::print_stdout, reason = "the killing process reads it")]
fn say(line: &str) {
    // The test harness leaves its own line open.
    println!("\n{line}");
}

/// The same job without a word, for the process that runs the tests.
fn silent() -> JobFunction {
    Arc::new(|context| {
        for k in steps_told(context) + 1..=STEPS {
            assert_eq!(commit_step(context, k, STEPS), Control::Continue);
        }
        success(STEPS)
    })
}

/// The process that is killed: this test alone, started once more with the
/// address of a store. By itself it is the undisturbed run.
#[tokio::test]
async fn a_process_counts_to_the_end_when_nobody_kills_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, job) = match std::env::var_os(STORE) {
        Some(path) => (path.into(), telling()),
        None => (directory.path().join("tasks.db"), silent()),
    };
    let engine = Engine::open(settings(&path), job).await.unwrap();
    let id = match engine.tasks(1, None).await.unwrap().first() {
        Some(task) => task.id.clone(),
        None => engine.submit(json!({}), json!({})).await.unwrap().id,
    };
    let events = to_the_end(&engine, &id).await;
    assert_eq!(summary(&events), whole_count(STEPS, "completed"));
}

struct Counter {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Counter {
    /// Starts a process that stands still after it said `halt`.
    fn start(store: &Path, halt: &str) -> Counter {
        Counter::start_test("restart::a_process_counts_to_the_end_when_nobody_kills_it", store, halt)
    }

    fn start_test(name: &str, store: &Path, halt: &str) -> Counter {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(STORE, store)
            .env(HALT, halt)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Counter { child, lines }
    }

    /// Reads until the process says `line`.
    fn wait_for(&mut self, line: &str) {
        for read in self.lines.by_ref() {
            if read.unwrap() == line {
                return;
            }
        }
        panic!("the process ended without saying {line:?}");
    }

    /// SIGKILL: nothing of the process runs any more.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // A failed assertion must not leave the process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn finish_and_check(store: &Path) {
    let engine = Engine::open(settings(store), silent()).await.unwrap();
    let id = engine.tasks(1, None).await.unwrap()[0].id.clone();
    let before = whole_log(&engine, &id).await;
    let events = to_the_end(&engine, &id).await;
    assert_eq!(events[..before.len()], before);
    assert_eq!(summary(&events), whole_count(STEPS, "completed"));
    check_log(&engine, &id).await;
}

#[tokio::test]
async fn killed_before_or_after_any_step_a_task_is_finished_by_the_next_process_at_once() {
    for k in 1..=STEPS {
        for line in [format!("before {k}"), format!("after {k}")] {
            let directory = tempfile::tempdir().unwrap();
            let store = directory.path().join("tasks.db");
            let mut counter = Counter::start(&store, &line);
            counter.wait_for(&line);
            counter.kill();
            finish_and_check(&store).await;
        }
    }
}

#[tokio::test]
async fn killed_while_it_stores_a_step_a_task_loses_nothing() {
    for k in 1..=STEPS {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("tasks.db");
        let mut counter = Counter::start(&store, "");
        counter.wait_for(&format!("before {k}"));
        // The process is on its way through the step; where, is up to chance.
        counter.kill();
        finish_and_check(&store).await;
    }
}

#[tokio::test]
async fn killed_once_in_every_life_a_task_still_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("tasks.db");
    for k in 1..=STEPS {
        let line = format!("after {k}");
        let mut counter = Counter::start(&store, &line);
        counter.wait_for(&line);
        counter.kill();
    }
    finish_and_check(&store).await;
}

const TASKS: usize = 8;
const MANY_STEPS: u64 = 40;

fn settings_for_many(store: &Path) -> EngineSettings {
    EngineSettings { workers: TASKS, ..settings(store) }
}

/// Like the other process that is killed, with tasks that share transactions.
#[tokio::test]
async fn many_tasks_count_to_the_end_when_nobody_kills_their_process() {
    let directory = tempfile::tempdir().unwrap();
    let (path, job) = match std::env::var_os(STORE) {
        Some(path) => (path.into(), counting(|_, k| say(&format!("before {k}")))),
        None => (directory.path().join("tasks.db"), plain_counting()),
    };
    let engine = Engine::open(settings_for_many(&path), job).await.unwrap();
    for _ in 0..TASKS {
        engine.submit(json!({}), steps(MANY_STEPS)).await.unwrap();
    }
    finish_many(&engine).await;
}

async fn finish_many(engine: &Engine) {
    for task in engine.tasks(TASKS, None).await.unwrap() {
        let events = to_the_end(engine, &task.id).await;
        assert_eq!(summary(&events), whole_count(MANY_STEPS, "completed"));
        check_log(engine, &task.id).await;
    }
}

#[tokio::test]
async fn killed_while_tasks_share_transactions_none_of_them_loses_anything() {
    for k in [3, 12, 25] {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("tasks.db");
        let name = "restart::many_tasks_count_to_the_end_when_nobody_kills_their_process";
        let mut counter = Counter::start_test(name, &store, "");
        counter.wait_for(&format!("before {k}"));
        counter.kill();
        let idle = EngineSettings { workers: 0, ..settings(&store) };
        let engine = Engine::open(idle, plain_counting()).await.unwrap();
        let log_id = engine.log_id().to_owned();
        for task in engine.tasks(TASKS, None).await.unwrap() {
            check_log(&engine, &task.id).await;
        }
        drop(engine);
        let engine = Engine::open(settings_for_many(&store), plain_counting()).await.unwrap();
        assert_eq!(engine.log_id(), log_id);
        finish_many(&engine).await;
    }
}

#[tokio::test]
async fn a_store_of_a_living_process_is_refused_and_its_task_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("tasks.db");
    let holder = Engine::open(settings(&store), silent()).await.unwrap();
    let mut counter = Counter::start(&store, "");
    // The other process gives up by itself, because this one lives.
    let status = counter.child.wait().unwrap();
    assert!(!status.success());
    drop(counter);
    let again = Engine::open(settings(&store), silent()).await;
    assert!(matches!(again, Err(Error::StoreInUse { .. })));
    assert_eq!(holder.count().await.unwrap(), 0);
}
