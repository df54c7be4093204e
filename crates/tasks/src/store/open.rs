use std::cmp::Ordering;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, AnyPool, Connection as _};
use tokio::sync::Mutex;

use super::{AccessTables, Dialect, Store, identity};
use crate::error::Error;
use crate::hooks::NoHooks;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const READERS: u32 = 4;
/// A process that was just killed may hold its lock for some moments more.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(20);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a store is, as read from its address.
enum Address {
    Sqlite { file: PathBuf, url: String },
    Postgres { url: String, shown: String },
}

impl Store {
    /// Opens the store at `store_url`, creating or migrating it first.
    pub(crate) async fn open(store_url: &str) -> Result<Store, Error> {
        install_default_drivers();
        let address = parse_address(store_url)?;
        let shown = address.shown();
        let unusable =
            |error: sqlx::Error| Error::StoreUnusable { store: shown.clone(), cause: cause(&error) };

        let (dialect, lock) = match &address {
            Address::Sqlite { file, .. } => (Dialect::Sqlite, Some(lock_beside(file).await?)),
            Address::Postgres { .. } => (Dialect::Postgres, None),
        };
        let url = address.url();
        migrate(dialect, url, &shown).await?;
        let writer = writer_pool(dialect, url).await.map_err(unusable)?;
        let reader = reader_pool(dialect, url).await.map_err(unusable)?;
        let (log_id, witness) = match lock {
            Some(lock) => {
                free_leases_of_the_dead(&writer).await.map_err(unusable)?;
                let (log_id, witness) = identity::of_file(&writer, lock).await.map_err(unusable)?;
                (log_id, Some(witness))
            }
            None => (identity::of_server(&writer).await.map_err(unusable)?, None),
        };
        let turn = (dialect == Dialect::Sqlite).then(|| Mutex::new(()));
        Ok(Store { dialect, writer, reader, turn, log_id, witness, hooks: Arc::new(NoHooks) })
    }
}

impl AccessTables {
    /// Opens the store at `store_url` for its keys alone: whoever owns the
    /// store keeps it.
    pub(crate) async fn open(store_url: &str, create: bool) -> Result<AccessTables, Error> {
        install_default_drivers();
        let address = parse_address(store_url)?;
        let shown = address.shown();
        let url = address.url();
        let (dialect, lock) = match &address {
            Address::Sqlite { file, .. } => {
                if !create && !file.exists() {
                    return Err(Error::StoreMissing { store: shown });
                }
                (Dialect::Sqlite, try_lock_beside(file)?)
            }
            Address::Postgres { .. } => (Dialect::Postgres, None),
        };
        let unusable =
            |error: sqlx::Error| Error::StoreUnusable { store: shown.clone(), cause: cause(&error) };
        match (dialect, &lock) {
            // Under the hands of an owner a schema must not change.
            (Dialect::Sqlite, None) => check_version(url, &shown).await?,
            _ => migrate(dialect, url, &shown).await?,
        }
        let pool = beside_pool(dialect, url).await.map_err(unusable)?;
        Ok(AccessTables { dialect, writer: pool.clone(), reader: pool, _lock: lock })
    }
}

impl Address {
    fn url(&self) -> &str {
        match self {
            Address::Sqlite { url, .. } | Address::Postgres { url, .. } => url,
        }
    }

    fn shown(&self) -> String {
        match self {
            Address::Sqlite { file, .. } => file.display().to_string(),
            Address::Postgres { shown, .. } => shown.clone(),
        }
    }
}

fn parse_address(store_url: &str) -> Result<Address, Error> {
    let wrong = |found| Error::StoreAddress { url: without_password(store_url), found };
    if store_url.starts_with("postgres://") || store_url.starts_with("postgresql://") {
        return Ok(Address::Postgres { url: store_url.to_owned(), shown: without_password(store_url) });
    }
    let path = store_url.strip_prefix("sqlite://").ok_or_else(|| wrong("another scheme"))?;
    if path.is_empty() {
        return Err(wrong("no path"));
    }
    if path == ":memory:" {
        return Err(wrong("a database in memory, which would lose every task"));
    }
    let path = Path::new(path);
    let name = path.file_name().ok_or_else(|| wrong("a path without a file name"))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // The real directory, so that two spellings of one file share one lock.
    let directory = directory.canonicalize().map_err(|error| Error::StoreUnusable {
        store: path.display().to_string(),
        cause: format!("its directory {}: {error}", directory.display()),
    })?;
    let file = directory.join(name);
    let text = file.to_str().ok_or_else(|| wrong("a path that is not UTF-8"))?;
    let url = format!("sqlite://{}?mode=rwc", percent_encoded(text));
    Ok(Address::Sqlite { file, url })
}

fn percent_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// `scheme://user:secret@host` without the secret.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// The sentence of the database, without the library's wrapping.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}

/// One living process per SQLite file: then whatever lease stands in the file
/// at opening belongs to a process that is dead, and can be freed at once.
async fn lock_beside(store: &Path) -> Result<File, Error> {
    let tries = LOCK_PATIENCE.as_millis() / LOCK_RETRY.as_millis();
    for _ in 0..tries {
        match try_lock_beside(store)? {
            Some(file) => return Ok(file),
            None => tokio::time::sleep(LOCK_RETRY).await,
        }
    }
    Err(Error::StoreInUse { store: store.to_owned(), lock: lock_path(store) })
}

/// The same lock, if nobody holds it.
fn try_lock_beside(store: &Path) -> Result<Option<File>, Error> {
    let lock = lock_path(store);
    let unusable = |error: std::io::Error| Error::StoreUnusable {
        store: store.display().to_string(),
        cause: format!("its lock file {}: {error}", lock.display()),
    };
    let file =
        File::options().create(true).truncate(false).read(true).write(true).open(&lock).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut lock = store.as_os_str().to_owned();
    lock.push(".lock");
    PathBuf::from(lock)
}

/// Whether the store has the schema of this program.
async fn check_version(url: &str, shown: &str) -> Result<(), Error> {
    let unusable =
        |error: sqlx::Error| Error::StoreUnusable { store: shown.to_owned(), cause: cause(&error) };
    let mut connection = AnyConnection::connect(url).await.map_err(unusable)?;
    let version = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(&mut connection)
        .await;
    // What was found matters more than the outcome of closing.
    let _ = connection.close().await;
    let (found, needed): (i64, i64) = (version.map_err(unusable)?, newest(&SQLITE_MIGRATIONS));
    let store = shown.to_owned();
    match found.cmp(&needed) {
        Ordering::Less => Err(Error::StoreTooOld { store, found, needed }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Error::StoreTooNew { store, found, supported: needed }),
    }
}

fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}

async fn migrate(dialect: Dialect, url: &str, shown: &str) -> Result<(), Error> {
    let migrations = match dialect {
        Dialect::Sqlite => &SQLITE_MIGRATIONS,
        Dialect::Postgres => &POSTGRES_MIGRATIONS,
    };
    let supported = newest(migrations);
    let unusable = |cause: String| Error::StoreUnusable { store: shown.to_owned(), cause };
    let mut connection = AnyConnection::connect(url).await.map_err(|error| unusable(cause(&error)))?;
    prepare(dialect, &mut connection).await.map_err(|error| unusable(cause(&error)))?;
    let outcome = migrations.run_direct(None, &mut connection, false).await;
    // The outcome of the migration matters more than that of closing.
    let _ = connection.close().await;
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > supported => {
            Error::StoreTooNew { store: shown.to_owned(), found, supported }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => unusable(cause(&error)),
        other => unusable(other.to_string()),
    })
}

/// What every connection of a SQLite file must be told.
async fn prepare(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if dialect == Dialect::Sqlite {
        for pragma in [
            "PRAGMA busy_timeout = 5000",
            "PRAGMA journal_mode = WAL",
            // An acknowledged event survives the loss of power, not only of
            // the process.
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            // Many tasks at once write to the same pages again and again: the
            // fewer checkpoints, the less is written twice. 16 MB of WAL.
            "PRAGMA wal_autocheckpoint = 4000",
        ] {
            sqlx::query(pragma).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

async fn writer_pool(dialect: Dialect, url: &str) -> Result<AnyPool, sqlx::Error> {
    let connections = match dialect {
        Dialect::Sqlite => 1,
        Dialect::Postgres => READERS,
    };
    pool_options(connections)
        .after_connect(move |connection, _| Box::pin(prepare(dialect, connection)))
        .connect(url)
        .await
}

async fn reader_pool(dialect: Dialect, url: &str) -> Result<AnyPool, sqlx::Error> {
    pool_options(READERS)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                prepare(dialect, connection).await?;
                if dialect == Dialect::Sqlite {
                    sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await
}

/// For somebody who writes seldom beside one who may write without a pause.
async fn beside_pool(dialect: Dialect, url: &str) -> Result<AnyPool, sqlx::Error> {
    pool_options(1)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                prepare(dialect, connection).await?;
                if dialect == Dialect::Sqlite {
                    sqlx::query("PRAGMA busy_timeout = 30000").execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await
}

fn pool_options(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}

async fn free_leases_of_the_dead(writer: &AnyPool) -> Result<(), sqlx::Error> {
    let mut connection = writer.acquire().await?;
    sqlx::query("UPDATE tasks SET lease_until_ms = 0, lease_owner = NULL WHERE status = 'running'")
        .execute(&mut *connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_kinds_are_refused_with_what_is_allowed() {
        for (url, found) in [
            ("mysql://me:secret@host/db", "another scheme"),
            ("/var/lib/msgalaxy.db", "another scheme"),
            ("sqlite://", "no path"),
            ("sqlite://:memory:", "a database in memory, which would lose every task"),
            ("sqlite://..", "a path without a file name"),
        ] {
            let Err(error) = parse_address(url) else { panic!("{url} was accepted") };
            let text = error.to_string();
            assert!(text.contains(found) && text.contains("sqlite://PATH"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://me:secret@host/db", "postgres://me@host/db"),
            (
                "postgres://me:se@cret@host:5432/db?sslmode=require",
                "postgres://me@host:5432/db?sslmode=require",
            ),
            ("postgres://host/db", "postgres://host/db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_path_is_taken_literally() {
        assert_eq!(percent_encoded("/数据/a b?c%20#d.db"), "/%E6%95%B0%E6%8D%AE/a%20b%3Fc%2520%23d.db");
    }
}
