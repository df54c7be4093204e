//! Stores, jobs and questions that the scenarios share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tasks::{
    Control, Engine, EngineSettings, Event, EventKind, JobContext, JobFailure, JobFunction, JobSuccess,
    NewEvent, Retention, Task,
};

/// A store of its own for one scenario: a SQLite file or, when
/// `TASKS_TEST_POSTGRES` holds the address of a database, a schema in it.
pub(crate) struct TestStore {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) url: String,
}

impl TestStore {
    pub(crate) async fn new() -> TestStore {
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let url = match std::env::var("TASKS_TEST_POSTGRES") {
            Err(_) => format!("sqlite://{}", directory.path().join("tasks.db").display()),
            Ok(server) => {
                sqlx::any::install_default_drivers();
                let schema =
                    format!("test_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
                let mut connection = AnyConnection::connect(&server).await.unwrap();
                sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                format!("{server}?options=-csearch_path%3D{schema}")
            }
        };
        TestStore { directory, url }
    }

    /// On SQLite with a lease that never runs out by itself, however busy the
    /// machine is. On PostgreSQL a takeover has to wait for that, so there it
    /// is short.
    pub(crate) fn settings(&self) -> EngineSettings {
        let short = self.url.starts_with("postgres");
        EngineSettings {
            store_url: self.url.clone(),
            workers: 2,
            lease: if short { Duration::from_millis(600) } else { Duration::from_secs(1000) },
            max_attempts: 3,
            max_queued: 100,
            retention: Retention::default(),
        }
    }

    pub(crate) async fn open(&self, job: JobFunction) -> Engine {
        Engine::open(self.settings(), job).await.unwrap()
    }

    /// An engine that runs nothing: tasks stay as they are.
    pub(crate) async fn open_idle(&self) -> Engine {
        let settings = EngineSettings { workers: 0, ..self.settings() };
        Engine::open(settings, Arc::new(|_| unreachable!("no worker runs"))).await.unwrap()
    }

    /// Changes the store behind the engine's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.execute_text(sql.to_owned()).await;
    }

    /// The same with a name or a path in it.
    pub(crate) async fn execute_text(&self, sql: String) {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// What the store says in one number.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    /// Makes every lease look as if it had run out.
    pub(crate) async fn expire_leases(&self) {
        self.execute("UPDATE tasks SET lease_until_ms = 0 WHERE lease_until_ms > 0").await;
    }
}

/// The steps that the checkpoint says are done.
pub(crate) fn steps_done(context: &JobContext) -> u64 {
    context.checkpoint.as_deref().map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// The same for a job that commits every step: what clients were told of them
/// was stored with the checkpoint and comes with it.
pub(crate) fn steps_told(context: &JobContext) -> u64 {
    let done = steps_done(context);
    let told = |data: &Option<Value>, key: &str| data.as_ref().map_or(0, |data| data[key].as_u64().unwrap());
    assert_eq!(told(&context.progress, "current_iteration"), done);
    assert_eq!(told(&context.last_iteration, "iteration"), done);
    done
}

/// Stores step `k` of `n`: two events and a checkpoint in one commit.
pub(crate) fn commit_step(context: &JobContext, k: u64, n: u64) -> Control {
    context.commit(
        vec![
            NewEvent::iteration_complete(json!({"iteration": k, "metrics": {"score": 1.0 / k as f64}})),
            NewEvent::progress(json!({"current_iteration": k, "max_iterations": n})),
        ],
        Some(k.to_le_bytes().to_vec()),
    )
}

pub(crate) fn success(steps: u64) -> Result<JobSuccess, JobFailure> {
    Ok(JobSuccess { result: json!({"final_iteration": steps}), message: "Counted".to_owned() })
}

/// Counts to `spec.steps`, calling `before_step` before it commits each.
pub(crate) fn counting(before_step: impl Fn(&JobContext, u64) + Send + Sync + 'static) -> JobFunction {
    Arc::new(move |context| {
        let n = context.spec["steps"].as_u64().unwrap();
        let mut done = steps_told(context);
        if context.control() == Control::Cancel {
            return success(done);
        }
        while done < n {
            before_step(context, done + 1);
            match commit_step(context, done + 1, n) {
                Control::Continue => done += 1,
                Control::Cancel => return success(done + 1),
                Control::Yield => return Err(JobFailure::Yielded),
            }
        }
        success(n)
    })
}

pub(crate) fn plain_counting() -> JobFunction {
    counting(|_, _| {})
}

pub(crate) fn steps(n: u64) -> Value {
    json!({ "steps": n })
}

/// A place where jobs wait until the test lets them go on.
pub(crate) struct Gate {
    arrived: tokio::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<u64>>,
    open: mpsc::Sender<()>,
}

/// A job's side of a [`Gate`].
pub(crate) struct GateKeeper {
    arrive: tokio::sync::mpsc::UnboundedSender<u64>,
    opened: Mutex<mpsc::Receiver<()>>,
}

pub(crate) fn gate() -> (Gate, Arc<GateKeeper>) {
    let (arrive, arrived) = tokio::sync::mpsc::unbounded_channel();
    let (open, opened) = mpsc::channel();
    let keeper = GateKeeper { arrive, opened: Mutex::new(opened) };
    (Gate { arrived: tokio::sync::Mutex::new(arrived), open }, Arc::new(keeper))
}

impl Gate {
    /// Waits until a job stands before the gate; what it says there.
    pub(crate) async fn arrival(&self) -> u64 {
        self.arrived.lock().await.recv().await.expect("the job still runs")
    }

    /// Lets one job pass.
    pub(crate) fn open(&self) {
        self.open.send(()).expect("a job still waits or will wait");
    }
}

impl GateKeeper {
    /// Waits for the gate to open; passes freely once the test has dropped it.
    pub(crate) fn pass(&self, what: u64) {
        let _ = self.arrive.send(what);
        let _ = self.opened.lock().unwrap().recv();
    }
}

/// Engines on one store do not hear each other; they read the log again.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// All events of a task, read from the log as they are announced, to its end.
pub(crate) async fn to_the_end(engine: &Engine, task_id: &str) -> Vec<Event> {
    let mut live = engine.watch();
    let mut events: Vec<Event> = Vec::new();
    loop {
        // What was announced by now is in the log that is read next.
        while live.try_recv().is_ok() {}
        let after = events.last().map_or(0, |event| event.seq);
        events.extend(engine.events(task_id, after, Engine::MAX_PAGE).await.unwrap());
        if events.last().is_some_and(Event::is_terminal) {
            return events;
        }
        let _ = tokio::time::timeout(READ_AGAIN, live.recv()).await;
    }
}

/// The whole log of a task.
pub(crate) async fn whole_log(engine: &Engine, task_id: &str) -> Vec<Event> {
    engine.events(task_id, 0, Engine::MAX_PAGE).await.unwrap()
}

/// What must hold for every log, whatever happened: seq from 1 without a gap,
/// time never runs backwards, nothing after a terminal status, and the cached
/// task is the fold of the log. Returns the task.
pub(crate) async fn check_log(engine: &Engine, task_id: &str) -> Task {
    let events = whole_log(engine, task_id).await;
    let task = engine.task(task_id).await.unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as u64 + 1, "seq is gapless");
        assert_eq!((event.task_id.as_str(), event.v), (task_id, 1));
    }
    assert!(events.is_sorted_by(|a, b| a.timestamp <= b.timestamp), "time never runs backwards");
    let ends: Vec<_> = events.iter().filter(|event| event.is_terminal()).map(|event| event.seq).collect();
    assert!(ends.is_empty() || ends == [events.len() as u64], "one terminal status, as the last event");
    assert_eq!(
        Task::fold(task_id, task.config.clone(), &events),
        task,
        "the cached task is the fold of the log"
    );
    task
}

/// The events in short, such as `running` or `iteration 3`.
pub(crate) fn summary(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event.event_type {
            EventKind::StatusChange => event.data["status"].as_str().unwrap().to_owned(),
            EventKind::IterationComplete => format!("iteration {}", event.data["iteration"]),
            EventKind::Progress => format!("progress {}", event.data["current_iteration"]),
            EventKind::Error => format!("error {}", event.data["code"].as_str().unwrap()),
        })
        .collect()
}

/// The summary of an undisturbed count to `n`.
pub(crate) fn whole_count(n: u64, end: &str) -> Vec<String> {
    let mut expected = vec!["pending".to_owned(), "running".to_owned()];
    for k in 1..=n {
        expected.push(format!("iteration {k}"));
        expected.push(format!("progress {k}"));
    }
    expected.push(end.to_owned());
    expected
}
