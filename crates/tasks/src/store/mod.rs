//! The store: one schema, two databases. SQL is written once with `$n`
//! placeholders; the three places where the databases differ are the
//! [`Dialect`]'s words.

mod access;
mod entry;
mod identity;
mod detail;
mod open;
mod queue;
mod read;
mod trim;
mod write;

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use identity::Witness;
use write::write;

use crate::event::EventKind;
use crate::hooks::{Hooks, StoreOperation};

pub(crate) use access::AccessTables;
pub(crate) use entry::{Author, Entry, Refusal};
pub(crate) use queue::{Claim, Claimant, Claimed, Lease, Released, count_open, request_cancel};
pub(crate) use read::{Details, events_after};

/// Which database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Fills the words in which the databases differ into `text`: `{now_ms}`,
    /// the database's own clock; `{rows}`, the rows in parameter 1, see
    /// [`as_rows`]; `{for_update}` and `{skip_locked}`, which SQLite does not
    /// need because its writers come one at a time.
    fn sql(self, text: &str) -> AssertSqlSafe<String> {
        let (now_ms, rows, for_update, skip_locked) = match self {
            Dialect::Sqlite => ("CAST(unixepoch('subsec') * 1000 AS INTEGER)", "json_each($1)", "", ""),
            Dialect::Postgres => (
                "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
                "json_array_elements(CAST($1 AS json))",
                "FOR UPDATE",
                "FOR UPDATE SKIP LOCKED",
            ),
        };
        // Safe: `text` is a literal of this module and the words are fixed.
        AssertSqlSafe(
            text.replace("{now_ms}", now_ms)
                .replace("{rows}", rows)
                .replace("{for_update}", for_update)
                .replace("{skip_locked}", skip_locked),
        )
    }

    /// Begins a transaction that writes.
    async fn begin(self, writer: &AnyPool) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self {
            // Takes the write lock at once: a transaction that only reads
            // first could not be upgraded after somebody else wrote.
            Dialect::Sqlite => writer.begin_with("BEGIN IMMEDIATE").await,
            Dialect::Postgres => writer.begin().await,
        }
    }
}

/// An open store. Writers of a SQLite file come one at a time and in the order
/// in which they asked; readers are pooled and never wait for a writer.
pub(crate) struct Store {
    dialect: Dialect,
    writer: AnyPool,
    reader: AnyPool,
    /// Held from before a transaction begins until its events were announced,
    /// so that on SQLite announcements keep the order of the commits.
    turn: Option<Mutex<()>>,
    log_id: String,
    /// Holds the lock that keeps other processes off the SQLite file; the
    /// operating system lets go of it when this process ends, in whatever way.
    witness: Option<Witness>,
    hooks: Arc<dyn Hooks>,
}

/// The right to write next.
pub(crate) struct Turn<'a>(#[allow(dead_code)] Option<MutexGuard<'a, ()>>);

impl Store {
    /// The same, telling `hooks` what happens.
    pub(crate) fn with_hooks(self, hooks: Arc<dyn Hooks>) -> Store {
        Store { hooks, ..self }
    }

    pub(crate) fn log_id(&self) -> &str {
        &self.log_id
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Waits until this caller may write. Keep the turn until the events of
    /// the transaction are announced.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        match &self.turn {
            Some(turn) => Turn(Some(turn.lock().await)),
            None => Turn(None),
        }
    }

    /// The right to write, if nobody else has it or waits for it.
    pub(crate) fn turn_if_free(&self) -> Option<Turn<'_>> {
        match &self.turn {
            Some(turn) => Some(Turn(Some(turn.try_lock().ok()?))),
            None => Some(Turn(None)),
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.dialect.begin(&self.writer).await
    }

    /// Writes what the entries' appends have decided and ends the transaction.
    /// After that their events may be told of.
    pub(crate) async fn commit(
        &self,
        tx: Transaction<'static, Any>,
        entries: &mut [Entry],
    ) -> Result<(), sqlx::Error> {
        let kinds = EventKind::ALL.map(|kind| (kind, entries.iter().map(|entry| entry.appended(kind)).sum()));
        let events = self.timed(StoreOperation::Write, write_all(tx, self.dialect, entries)).await?;
        if let Some(witness) = &self.witness {
            witness.add(events);
        }
        for (kind, events) in kinds {
            if events > 0 {
                self.hooks.appended(kind, events);
            }
        }
        Ok(())
    }

    /// Tells the hooks how long the store took to answer.
    async fn timed<T>(
        &self,
        operation: StoreOperation,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let asked = Instant::now();
        let answer = answer.await;
        self.hooks.store(operation, asked.elapsed(), answer.is_ok());
        answer
    }

    async fn read(&self) -> Result<sqlx::pool::PoolConnection<Any>, sqlx::Error> {
        self.reader.acquire().await
    }
}

async fn write_all(
    mut tx: Transaction<'static, Any>,
    dialect: Dialect,
    entries: &mut [Entry],
) -> Result<u64, sqlx::Error> {
    let events = write(&mut tx, dialect, entries).await?;
    tx.commit().await?;
    Ok(events)
}

/// What `{rows}` of [`Dialect::sql`] makes rows of: one parameter for any
/// number of rows, so that a statement is prepared once. JSON within it is
/// text, which both databases hand on as it is.
fn as_rows<T: Serialize>(rows: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// A value that the store holds cannot be read back.
fn unreadable(what: &str, found: impl std::fmt::Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what}: {found}").into())
}

fn json(what: &str, text: &str) -> Result<serde_json::Value, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}

fn optional_json(what: &str, text: Option<String>) -> Result<Option<serde_json::Value>, sqlx::Error> {
    text.map(|text| json(what, &text)).transpose()
}

fn unsigned(what: &str, value: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(value).map_err(|error| unreadable(what, error))
}

/// Counters of the store are far below the limit of its 64-bit integers.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The connection that a transaction runs on.
type Connection = AnyConnection;
