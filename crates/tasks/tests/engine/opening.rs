//! Opening a SQLite store: what is refused, and with which words.

use std::sync::Arc;

use serde_json::json;
use sqlx::Connection;
use sqlx::migrate::Migrator;
use tasks::{Access, Engine, EngineSettings, Error, JobFunction};

use crate::support::*;

fn no_job() -> JobFunction {
    Arc::new(|_| unreachable!("no task is submitted"))
}

async fn open(path: &std::path::Path) -> Result<Engine, Error> {
    Engine::open(EngineSettings::sqlite(path), no_job()).await
}

/// The message of the refusal.
async fn refusal(path: &std::path::Path) -> (Error, String) {
    let Err(error) = open(path).await else { panic!("{} was opened", path.display()) };
    let text = error.to_string();
    (error, text)
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (error, text) = refusal(&directory.path().join("nowhere/tasks.db")).await;
    assert!(matches!(error, Error::StoreUnusable { .. }), "{text}");
    assert!(text.contains("nowhere") && text.contains("No such file"), "{text}");
}

#[tokio::test]
async fn a_directory_in_the_place_of_the_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    std::fs::create_dir(&path).unwrap();
    let (error, text) = refusal(&path).await;
    assert!(matches!(error, Error::StoreUnusable { .. }), "{text}");
    assert!(text.contains("tasks.db") && text.contains("unable to open database file"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let letter = "This is a letter to a friend, not a database. ".repeat(100);
    std::fs::write(&path, &letter).unwrap();
    let (error, text) = refusal(&path).await;
    assert!(matches!(error, Error::StoreUnusable { .. }), "{text}");
    assert!(text.contains("tasks.db") && text.contains("file is not a database"), "{text}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
}

#[tokio::test]
async fn a_damaged_database_is_refused_or_answers_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let engine = open(&path).await.unwrap();
    engine.submit(json!({}), json!({})).await.unwrap();
    drop(engine);
    // Waits until the first engine let go of the file, with all of it written.
    drop(open(&path).await.unwrap());
    let wal = directory.path().join("tasks.db-wal");
    let mut bytes = std::fs::read(&path).unwrap();
    // The header stays, every page after it is garbage.
    bytes[100..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    let _ = std::fs::remove_file(wal);
    let (error, text) = refusal(&path).await;
    assert!(matches!(error, Error::StoreUnusable { .. }), "{text}");
    assert!(text.contains("malformed") || text.contains("not a database"), "{text}");
}

#[tokio::test]
async fn two_living_engines_on_one_file_are_refused_also_under_another_spelling() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let engine = open(&path).await.unwrap();
    let (error, text) =
        refusal(&directory.path().join("./../").join(directory.path()).join("./tasks.db")).await;
    assert!(matches!(error, Error::StoreInUse { .. }), "{text}");
    assert!(text.contains("tasks.db.lock") && text.contains("another data directory"), "{text}");
    drop(engine);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_with_both_versions() {
    let store = TestStore { url: String::new(), directory: tempfile::tempdir().unwrap() };
    let path = store.directory.path().join("tasks.db");
    drop(open(&path).await.unwrap());
    let store = TestStore { url: format!("sqlite://{}", path.display()), ..store };
    store
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9000, 'from the future', TRUE, x'00', 0)",
        )
        .await;
    let (error, text) = refusal(&path).await;
    assert!(matches!(error, Error::StoreTooNew { found: 9000, supported: 4, .. }), "{text}");
}

#[tokio::test]
async fn keys_alone_can_be_opened_also_beside_the_engine_that_owns_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let url = format!("sqlite://{}", path.display());
    let Err(missing) = Access::open_existing(&url).await else { panic!("it was opened") };
    assert!(matches!(missing, Error::StoreMissing { .. }), "{missing}");
    assert!(missing.to_string().contains("tasks.db") && !path.exists(), "{missing}");

    // Whoever is first makes the store; a new log keeps its id through it.
    let access = Access::open(&url).await.unwrap();
    assert!(path.is_file());
    let (error, text) = refusal(&path).await;
    assert!(matches!(error, Error::StoreInUse { .. }), "while nobody else has it: {text}");
    drop(access);
    let engine = open(&path).await.unwrap();
    let log_id = engine.log_id().to_owned();
    let access = Access::open_existing(&url).await.unwrap();
    assert_eq!(access.keys().await.unwrap(), []);
    drop(engine);
    drop(access);
    drop(Access::open(&url).await.unwrap());
    assert_eq!(open(&path).await.unwrap().log_id(), log_id);
}

#[tokio::test]
async fn a_schema_does_not_change_under_the_hands_of_its_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let url = format!("sqlite://{}", path.display());
    let engine = open(&path).await.unwrap();
    let store = TestStore { url: url.clone(), directory };
    for (change, expected) in [
        ("DELETE FROM _sqlx_migrations WHERE version = 4", "has schema version 3, this program needs 4"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9000, 'from the future', TRUE, x'00', 0)",
            "versions up to 4",
        ),
    ] {
        store.execute(change).await;
        let Err(error) = Access::open(&url).await else { panic!("opened after {change}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
    drop(engine);
}

#[tokio::test]
async fn a_store_of_the_first_version_is_migrated_and_its_tasks_have_no_notes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let store = TestStore { url: format!("sqlite://{}?mode=rwc", path.display()), directory };
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&store.url).await.unwrap();
    let every = sqlx::migrate!("migrations/sqlite");
    let first = Migrator { migrations: every.migrations[..1].to_vec().into(), ..Migrator::DEFAULT };
    first.run_direct(None, &mut connection, false).await.unwrap();
    for sql in [
        "INSERT INTO tasks (id, status, created_at, head_seq, last_event_ms, lease_epoch, lease_until_ms, \
         attempts, cancel_requested) VALUES ('a', 'pending', '1970-01-01T00:00:00.005+00:00', 1, 5, 0, 0, 0, 0)",
        r#"INSERT INTO inputs VALUES ('a', '{"shown": 1}', '{"steps": 2, "warnings": [1]}')"#,
        r#"INSERT INTO events VALUES ('a', 1, 'status_change', '{"status": "pending"}', 5)"#,
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let engine = Engine::open(EngineSettings::sqlite(&path), plain_counting()).await.unwrap();
    assert_eq!(summary(&to_the_end(&engine, "a").await), whole_count(2, "completed"));
    check_log(&engine, "a").await;
    let (task, notes) = engine.task_and_notes("a").await.unwrap();
    assert_eq!((task.config, notes), (json!({"shown": 1}), None));
}

#[tokio::test]
async fn the_log_id_stays_with_its_store() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory.path().join("a.db")).await.unwrap();
    let other = open(&directory.path().join("b.db")).await.unwrap();
    assert_ne!(first.log_id(), other.log_id());
    let log_id = first.log_id().to_owned();
    drop(first);
    assert_eq!(open(&directory.path().join("a.db")).await.unwrap().log_id(), log_id);
}

/// What was told of a store and is no longer in it.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// The file alone is set back to a backup.
    DatabaseRestored,
    /// Everything is copied to another directory.
    DirectoryCopied,
    /// Somebody says so by removing the lock file.
    LockFileRemoved,
}

#[tokio::test]
async fn a_log_that_may_lack_what_was_told_of_it_gets_a_new_id() {
    for loss in [Loss::DatabaseRestored, Loss::DirectoryCopied, Loss::LockFileRemoved] {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("place");
        let copy = directory.path().join("copy");
        std::fs::create_dir(&place).unwrap();
        std::fs::create_dir(&copy).unwrap();
        let mut path = place.join("tasks.db");
        let engine = open_idle(&path).await;
        let log_id = engine.log_id().to_owned();
        engine.submit(json!({}), json!({})).await.unwrap();
        drop(engine);
        // Opening puts all into the one file, and closing makes the copy whole.
        drop(open_idle(&path).await);
        let engine = open_idle(&path).await;
        assert_eq!(engine.log_id(), log_id, "the same store, twice");
        engine.submit(json!({}), json!({})).await.unwrap();
        let backup = directory.path().join("backup.db");
        let store = TestStore { url: format!("sqlite://{}", path.display()), directory };
        store.execute_text(format!("VACUUM INTO '{}'", backup.display())).await;
        engine.submit(json!({}), json!({})).await.unwrap();
        drop(engine);
        // Waits until the engine let go of the file, and finds it as it was.
        let engine = open_idle(&path).await;
        assert_eq!((engine.log_id(), engine.count().await.unwrap()), (log_id.as_str(), 3), "{loss:?}");
        drop(engine);
        drop(open_idle(&path).await);
        match loss {
            Loss::DatabaseRestored => {
                for name in ["tasks.db-wal", "tasks.db-shm"] {
                    let _ = std::fs::remove_file(place.join(name));
                }
                std::fs::copy(&backup, &path).unwrap();
            }
            Loss::DirectoryCopied => {
                for file in std::fs::read_dir(&place).unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                }
                path = copy.join("tasks.db");
            }
            Loss::LockFileRemoved => std::fs::remove_file(place.join("tasks.db.lock")).unwrap(),
        }
        let engine = open_idle(&path).await;
        let new_id = engine.log_id().to_owned();
        assert_ne!(new_id, log_id, "{loss:?}");
        engine.submit(json!({}), json!({})).await.unwrap();
        drop(engine);
        assert_eq!(open_idle(&path).await.log_id(), new_id, "{loss:?}: and keeps it");
    }
}

async fn open_idle(path: &std::path::Path) -> Engine {
    let settings = EngineSettings { workers: 0, ..EngineSettings::sqlite(path) };
    Engine::open(settings, no_job()).await.unwrap()
}

#[tokio::test]
async fn any_file_name_is_taken_literally() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["卫星 tasks.db", "a b?mode=ro.db", "100%25#.db", "quote'\".db"] {
        let path = directory.path().join(name);
        let engine = open(&path).await.unwrap();
        engine.submit(json!({}), json!({})).await.unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[tokio::test]
async fn an_acknowledged_event_is_durable_against_the_loss_of_power() {
    // What the test can see is the setting: WAL, and synchronous FULL, which
    // the engine sets on each of its connections.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let _engine = open(&path).await.unwrap();
    let header = std::fs::read(&path).unwrap();
    assert_eq!(header[18..20], [2, 2], "the file says that it is in WAL mode");
}
