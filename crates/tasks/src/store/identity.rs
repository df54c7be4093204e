//! Which incarnation of the log this is. `log_id` stays with a store for as
//! long as no event that was told of can be missing from it; a store that was
//! set back to an earlier state gets another one. How that is noticed, and when
//! it cannot be, stands in docs/decisions/006-group-commit-and-retention.md.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use sqlx::{AnyConnection, AnyPool, Row};
use tracing::warn;
use uuid::Uuid;

use super::unsigned;

/// What the lock file beside a SQLite file says: a second place that knows how
/// far the log had come, which a backup of the database does not set back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    log_id: String,
    /// Of the lock file itself: another file means that it is a copy.
    inode: u64,
    /// Events ever appended to all tasks.
    events: u64,
}

/// Keeps the [`Record`]. Written after each commit and before its events are
/// told of, but not forced to the disk: it survives the process, and is at worst
/// behind the store after a loss of power.
pub(super) struct Witness(Mutex<(File, Record)>);

impl Witness {
    /// Notes that so many more events are stored.
    pub(super) fn add(&self, events: u64) {
        // A record is replaced as a whole, so a panic elsewhere harms none.
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, record) = &mut *guard;
        record.events += events;
        if let Err(error) = record.write(file) {
            warn!(%error, "the lock file does not take the state of the log; a restored backup may go unnoticed");
        }
    }
}

impl Record {
    /// Of one width, so that writing it anew leaves nothing of the old one.
    fn write(&self, file: &mut File) -> std::io::Result<()> {
        let Record { log_id, inode, events } = self;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(format!("{log_id} {inode:020} {events:020}\n").as_bytes())
    }

    fn read(file: &mut File) -> Option<Record> {
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).ok()?;
        file.take(1024).read_to_string(&mut text).ok()?;
        let mut words = text.split_ascii_whitespace();
        let (log_id, inode, events) = (words.next()?, words.next()?, words.next()?);
        Some(Record { log_id: log_id.to_owned(), inode: inode.parse().ok()?, events: events.parse().ok()? })
    }
}

/// The log id of a SQLite file, and who keeps watch over it from now on.
pub(super) async fn of_file(writer: &AnyPool, mut lock: File) -> Result<(String, Witness), sqlx::Error> {
    let mut connection = writer.acquire().await?;
    let mut log_id = log_id(&mut connection).await?;
    let row = sqlx::query("SELECT COALESCE(SUM(head_seq), 0) FROM tasks").fetch_one(&mut *connection).await?;
    let events = unsigned("SUM(head_seq)", row.try_get(0)?)?;
    let inode = inode(&lock);
    let known = Record::read(&mut lock);
    let continues = known
        .as_ref()
        .is_some_and(|known| known.log_id == log_id && known.inode == inode && known.events <= events);
    // A store that was never watched over is taken as it is.
    if !continues && meta(&mut connection, "witnessed").await?.is_some() {
        warn!(
            ?known,
            log_id, inode, events, "the store is not the one that was here last; its log gets a new id"
        );
        log_id = new_log_id(&mut connection).await?;
    }
    sqlx::query("INSERT INTO meta (name, value) VALUES ('witnessed', '1') ON CONFLICT (name) DO NOTHING")
        .execute(&mut *connection)
        .await?;
    let record = Record { log_id: log_id.clone(), inode, events };
    record.write(&mut lock).and_then(|()| lock.sync_all())?;
    Ok((log_id, Witness(Mutex::new((lock, record)))))
}

/// The log id of a PostgreSQL database. It changes when the database is not the
/// one, or not on the time line, on which the log was written last.
pub(super) async fn of_server(writer: &AnyPool) -> Result<String, sqlx::Error> {
    let mut tx = writer.begin().await?;
    let log_id = log_id(&mut tx).await?;
    let origin: Option<String> = {
        // Some servers do not let everybody ask; then nothing is noticed.
        let mut asking = writer.acquire().await?;
        sqlx::query_scalar(
            "SELECT (SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()) || ' ' || \
             substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || ' ' || \
             (SELECT CAST(oid AS TEXT) FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&mut *asking)
        .await
        .inspect_err(
            |error| warn!(%error, "the server does not say which it is; a restored backup may go unnoticed"),
        )
        .ok()
    };
    let Some(origin) = origin else {
        tx.commit().await?;
        return Ok(log_id);
    };
    sqlx::query("INSERT INTO meta (name, value) VALUES ('origin', $1) ON CONFLICT (name) DO NOTHING")
        .bind(&origin)
        .execute(&mut *tx)
        .await?;
    // Of several processes that notice it, one gets a row here.
    let moved = sqlx::query("UPDATE meta SET value = $1 WHERE name = 'origin' AND value <> $1")
        .bind(&origin)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    let log_id = if moved == 0 {
        meta(&mut tx, "log_id").await?.unwrap_or(log_id)
    } else {
        warn!(log_id, origin, "the database is not the one that was used last; its log gets a new id");
        new_log_id(&mut tx).await?
    };
    tx.commit().await?;
    Ok(log_id)
}

/// The store's log id, made when it is first opened.
async fn log_id(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ('log_id', $1) ON CONFLICT (name) DO NOTHING")
        .bind(Uuid::now_v7().to_string())
        .execute(&mut *connection)
        .await?;
    meta(connection, "log_id").await?.ok_or(sqlx::Error::RowNotFound)
}

async fn new_log_id(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    let log_id = Uuid::now_v7().to_string();
    sqlx::query("UPDATE meta SET value = $1 WHERE name = 'log_id'").bind(&log_id).execute(connection).await?;
    Ok(log_id)
}

async fn meta(connection: &mut AnyConnection, name: &'static str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name).fetch_optional(connection).await
}

#[cfg(unix)]
fn inode(file: &File) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map_or(0, |metadata| metadata.ino())
}

/// Elsewhere a copied directory is not told from the original.
#[cfg(not(unix))]
fn inode(_: &File) -> u64 {
    0
}
