use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Connection, Dialect, as_rows, unreadable, unsigned};
use crate::clock::format_timestamp;
use crate::event::{EVENT_VERSION, Event, EventKind, NewEvent};
use crate::store::Lease;
use crate::submission::Submission;
use crate::task::{Status, Task};

/// On whose behalf events are appended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Author<'a> {
    /// The engine itself, for a task that no worker holds.
    Engine,
    /// A worker; its lease must still be the newest.
    Worker(&'a Lease),
}

/// Why the log does not take what an author has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the task is finished")]
    Finished,
    #[error("the lease was lost")]
    LeaseLost,
}

/// A task's row, locked by the transaction that read it, and what is to be
/// written of it before the transaction ends.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The cached fold without what an append does not need to know: `config`,
    /// `result`, `error`, `progress` and `last_iteration` are empty until an
    /// event sets them.
    pub(crate) task: Task,
    first_seq: u64,
    pub(crate) lease_epoch: i64,
    pub(crate) cancel_requested: bool,
    pub(super) last_event_ms: i64,
    pub(super) change: Option<Change>,
}

/// What [`Entry::append`] has decided and [`write`](super::write::write) stores.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) events: Vec<(Arc<Event>, i64)>,
    pub(super) checkpoint: Option<Bytes>,
    /// How long the author holds the task from now on; 0: nobody holds it.
    pub(super) lease_ms: i64,
}

impl Entry {
    /// Makes the row of a new task, whose first event must follow in the same
    /// transaction.
    pub(crate) async fn create(
        connection: &mut Connection,
        task_id: &str,
        submission: &Submission,
    ) -> Result<Entry, sqlx::Error> {
        sqlx::query(
            "INSERT INTO tasks (id, status, created_at, head_seq, last_event_ms, lease_epoch, lease_until_ms, \
             attempts, cancel_requested, owner) VALUES ($1, 'pending', '', 0, 0, 0, 0, 0, 0, $2)",
        )
        .bind(task_id)
        .bind(submission.owner.as_deref())
        .execute(&mut *connection)
        .await?;
        sqlx::query("INSERT INTO inputs (task_id, config, spec, notes) VALUES ($1, $2, $3, $4)")
            .bind(task_id)
            .bind(submission.config.to_string())
            .bind(submission.spec.to_string())
            .bind(submission.notes.as_ref().map(Value::to_string))
            .execute(&mut *connection)
            .await?;
        Ok(Entry {
            task: Task::before_first_event(task_id, Value::Null),
            first_seq: 1,
            lease_epoch: 0,
            cancel_requested: false,
            last_event_ms: i64::MIN,
            change: None,
        })
    }

    /// Reads the rows of these tasks and locks them until the transaction ends.
    /// In the order of their ids, so that no two transactions wait for each
    /// other.
    pub(crate) async fn lock(
        connection: &mut Connection,
        dialect: Dialect,
        task_ids: &[&str],
    ) -> Result<Vec<Entry>, sqlx::Error> {
        let ids: Vec<[&str; 1]> = task_ids.iter().map(|id| [*id]).collect();
        let rows = sqlx::query(dialect.sql(
            "SELECT id, status, created_at, started_at, completed_at, first_seq, head_seq, last_event_ms, \
             lease_epoch, cancel_requested FROM tasks \
             WHERE id IN (SELECT value->>0 FROM {rows}) ORDER BY id {for_update}",
        ))
        .bind(as_rows(&ids)?)
        .fetch_all(connection)
        .await?;
        rows.iter().map(entry_of).collect()
    }

    /// The one way in which a task changes. Gives `events` their place and time
    /// and folds them into the task; with them goes a checkpoint, when given,
    /// and the renewal of the author's lease. [`write`] must follow in the
    /// same transaction, and nothing may be announced before that is committed.
    pub(crate) fn append(
        &mut self,
        author: Author<'_>,
        events: &[NewEvent],
        checkpoint: Option<&Bytes>,
        now_ms: i64,
    ) -> Result<Vec<Arc<Event>>, Refusal> {
        if let Author::Worker(lease) = author
            && lease.epoch != self.lease_epoch
        {
            return Err(Refusal::LeaseLost);
        }
        assert!(
            matches!(author, Author::Worker(_)) || self.task.status != Status::Running,
            "only the holder of the lease appends to a running task"
        );
        if self.task.status.is_terminal() {
            return Err(Refusal::Finished);
        }
        let timestamp_ms = now_ms.max(self.last_event_ms);
        let timestamp = format_timestamp(timestamp_ms);
        let mut appended = Vec::with_capacity(events.len());
        for NewEvent { kind, data, detail } in events {
            assert!(!self.task.status.is_terminal(), "an event follows the terminal one in the same append");
            let event = Event {
                task_id: self.task.id.clone(),
                event_type: *kind,
                data: data.clone(),
                timestamp: timestamp.clone(),
                seq: self.task.head_seq + 1,
                v: EVENT_VERSION,
                detail: detail.clone(),
            };
            self.task.apply(&event);
            self.last_event_ms = timestamp_ms;
            appended.push(Arc::new(event));
        }
        let change = self.change.get_or_insert_default();
        change.events.extend(appended.iter().map(|event| (event.clone(), timestamp_ms)));
        if let Some(checkpoint) = checkpoint {
            change.checkpoint = Some(checkpoint.clone());
        }
        change.lease_ms = match author {
            Author::Worker(lease) if !self.task.status.is_terminal() => lease.duration_ms,
            Author::Worker(_) | Author::Engine => 0,
        };
        Ok(appended)
    }

    /// How many events the log holds with those appended here.
    pub(crate) fn events(&self) -> u64 {
        (self.task.head_seq + 1).saturating_sub(self.first_seq)
    }

    /// How many events of a kind were appended here and are not stored yet.
    pub(super) fn appended(&self, kind: EventKind) -> u64 {
        let events = self.change.iter().flat_map(|change| &change.events);
        events.filter(|(event, _)| event.event_type == kind).count() as u64
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.change.is_some()
    }
}

fn entry_of(row: &AnyRow) -> Result<Entry, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let task = Task {
        status: status_of(row)?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        head_seq: unsigned("tasks.head_seq", row.try_get("head_seq")?)?,
        ..Task::before_first_event(&id, Value::Null)
    };
    Ok(Entry {
        task,
        first_seq: unsigned("tasks.first_seq", row.try_get("first_seq")?)?,
        lease_epoch: row.try_get("lease_epoch")?,
        cancel_requested: row.try_get::<i64, _>("cancel_requested")? != 0,
        last_event_ms: row.try_get("last_event_ms")?,
        change: None,
    })
}

/// The status in a row of table `tasks`.
pub(super) fn status_of(row: &AnyRow) -> Result<Status, sqlx::Error> {
    let status: String = row.try_get("status")?;
    Status::from_name(&status).ok_or_else(|| unreadable("tasks.status", &status))
}
