use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::detail::insert_detail;
use super::{Connection, Dialect, json, optional_json, signed, unreadable, unsigned};
use crate::clock::format_timestamp;
use crate::event::{EVENT_VERSION, Event, NewEvent};
use crate::store::Lease;
use crate::task::{Status, Task};

/// On whose behalf events are appended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Author<'a> {
    /// The engine itself, for a task that no worker holds.
    Engine,
    /// A worker; its lease must still be the newest.
    Worker(&'a Lease),
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("the task is finished")]
    Finished,
    #[error("the lease was lost")]
    LeaseLost,
    #[error("store: {0}")]
    Store(#[from] sqlx::Error),
}

/// What a task is made from.
#[derive(Debug)]
pub(crate) struct Input {
    /// What clients see.
    pub(crate) config: Value,
    /// What the job gets.
    pub(crate) spec: Value,
    /// What is shown beside the task.
    pub(crate) notes: Option<Value>,
}

/// A task's row, locked by the transaction that read it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The cached fold. Its `config` is null: it is kept apart from the row
    /// and does not take part in the fold.
    pub(crate) task: Task,
    pub(crate) lease_epoch: i64,
    pub(crate) cancel_requested: bool,
    last_event_ms: i64,
}

impl Entry {
    /// Makes the row of a new task, whose first event must follow in the same
    /// transaction.
    pub(crate) async fn create(
        connection: &mut Connection,
        task_id: &str,
        input: &Input,
    ) -> Result<Entry, sqlx::Error> {
        sqlx::query(
            "INSERT INTO tasks (id, status, created_at, head_seq, last_event_ms, lease_epoch, lease_until_ms, \
             attempts, cancel_requested) VALUES ($1, 'pending', '', 0, 0, 0, 0, 0, 0)",
        )
        .bind(task_id)
        .execute(&mut *connection)
        .await?;
        sqlx::query("INSERT INTO inputs (task_id, config, spec, notes) VALUES ($1, $2, $3, $4)")
            .bind(task_id)
            .bind(input.config.to_string())
            .bind(input.spec.to_string())
            .bind(input.notes.as_ref().map(Value::to_string))
            .execute(&mut *connection)
            .await?;
        Ok(Entry {
            task: Task::before_first_event(task_id, Value::Null),
            lease_epoch: 0,
            cancel_requested: false,
            last_event_ms: i64::MIN,
        })
    }

    /// Reads a task's row and locks it until the transaction ends.
    pub(crate) async fn lock(
        connection: &mut Connection,
        dialect: Dialect,
        task_id: &str,
    ) -> Result<Option<Entry>, sqlx::Error> {
        let row = sqlx::query(dialect.sql(
            "SELECT id, status, created_at, started_at, completed_at, result, error, progress, last_iteration, \
             head_seq, last_event_ms, lease_epoch, cancel_requested FROM tasks WHERE id = $1 {for_update}",
        ))
        .bind(task_id)
        .fetch_optional(connection)
        .await?;
        row.map(|row| {
            Ok(Entry {
                task: cached_fold(&row, Value::Null)?,
                lease_epoch: row.try_get("lease_epoch")?,
                cancel_requested: row.try_get::<i64, _>("cancel_requested")? != 0,
                last_event_ms: row.try_get("last_event_ms")?,
            })
        })
        .transpose()
    }

    /// The one way in which a task changes. Gives `events` their place and
    /// time, stores them with the fold they lead to and, when given, a
    /// checkpoint, and renews the author's lease; all in the caller's
    /// transaction. Nothing may be announced before that is committed.
    pub(crate) async fn append(
        &mut self,
        connection: &mut Connection,
        dialect: Dialect,
        author: Author<'_>,
        events: Vec<NewEvent>,
        checkpoint: Option<&[u8]>,
        now_ms: i64,
    ) -> Result<Vec<Event>, AppendError> {
        if let Author::Worker(lease) = author
            && lease.epoch != self.lease_epoch
        {
            return Err(AppendError::LeaseLost);
        }
        assert!(
            matches!(author, Author::Worker(_)) || self.task.status != Status::Running,
            "only the holder of the lease appends to a running task"
        );
        let timestamp_ms = now_ms.max(self.last_event_ms);
        let mut appended = Vec::with_capacity(events.len());
        if self.task.status.is_terminal() {
            return Err(AppendError::Finished);
        }
        for NewEvent { kind, data, detail } in events {
            assert!(!self.task.status.is_terminal(), "an event follows the terminal one in the same append");
            let event = Event {
                task_id: self.task.id.clone(),
                event_type: kind,
                data,
                timestamp: format_timestamp(timestamp_ms),
                seq: self.task.head_seq + 1,
                v: EVENT_VERSION,
                detail,
            };
            insert_event(connection, &event, timestamp_ms).await?;
            if let Some(detail) = &event.detail {
                insert_detail(connection, &event, detail).await?;
            }
            self.task.apply(&event);
            self.last_event_ms = timestamp_ms;
            appended.push(event);
        }
        let terminal = self.task.status.is_terminal();
        if terminal {
            // A finished task never runs again.
            sqlx::query("DELETE FROM checkpoints WHERE task_id = $1")
                .bind(&self.task.id)
                .execute(&mut *connection)
                .await?;
        } else if let Some(data) = checkpoint {
            sqlx::query(
                "INSERT INTO checkpoints (task_id, data) VALUES ($1, $2) \
                 ON CONFLICT (task_id) DO UPDATE SET data = excluded.data",
            )
            .bind(&self.task.id)
            .bind(data)
            .execute(&mut *connection)
            .await?;
        }
        let (epoch, lease_ms) = match author {
            Author::Worker(lease) if terminal => (lease.epoch, 0),
            Author::Worker(lease) => (lease.epoch, lease.duration_ms),
            Author::Engine => (self.lease_epoch, 0),
        };
        let changed = self.store_fold(connection, dialect, epoch, lease_ms, checkpoint.is_some()).await?;
        if changed == 1 { Ok(appended) } else { Err(AppendError::LeaseLost) }
    }

    /// Writes the cached fold back. The lease epoch is tested once more by the
    /// statement itself: the last word on fencing is the database's.
    async fn store_fold(
        &self,
        connection: &mut Connection,
        dialect: Dialect,
        epoch: i64,
        lease_ms: i64,
        new_checkpoint: bool,
    ) -> Result<u64, sqlx::Error> {
        let task = &self.task;
        let done = sqlx::query(dialect.sql(
            "UPDATE tasks SET status = $3, created_at = $4, started_at = $5, completed_at = $6, result = $7, \
             error = $8, progress = $9, last_iteration = $10, head_seq = $11, last_event_ms = $12, \
             lease_until_ms = CASE WHEN $13 > 0 THEN {now_ms} + $13 ELSE 0 END, \
             lease_owner = CASE WHEN $13 > 0 THEN lease_owner ELSE NULL END, \
             attempts = CASE WHEN $14 > 0 THEN 0 ELSE attempts END \
             WHERE id = $1 AND lease_epoch = $2",
        ))
        .bind(&task.id)
        .bind(epoch)
        .bind(task.status.name())
        .bind(&task.created_at)
        .bind(task.started_at.as_deref())
        .bind(task.completed_at.as_deref())
        .bind(task.result.as_ref().map(Value::to_string))
        .bind(task.error.as_ref().map(|error| Value::from(error.as_str()).to_string()))
        .bind(task.progress.as_ref().map(Value::to_string))
        .bind(task.last_iteration.as_ref().map(Value::to_string))
        .bind(signed(task.head_seq))
        .bind(self.last_event_ms)
        .bind(lease_ms)
        .bind(i64::from(new_checkpoint))
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }
}

async fn insert_event(
    connection: &mut Connection,
    event: &Event,
    timestamp_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO events (task_id, seq, kind, data, timestamp_ms) VALUES ($1, $2, $3, $4, $5)")
        .bind(&event.task_id)
        .bind(signed(event.seq))
        .bind(event.event_type.name())
        .bind(event.data.to_string())
        .bind(timestamp_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// The task in a row of table `tasks`.
pub(super) fn cached_fold(row: &AnyRow, config: Value) -> Result<Task, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let status: String = row.try_get("status")?;
    let error: Option<String> = row.try_get("error")?;
    Ok(Task {
        task_id: id.clone(),
        id,
        status: Status::from_name(&status).ok_or_else(|| unreadable("tasks.status", &status))?,
        config,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        result: optional_json("tasks.result", row.try_get("result")?)?,
        error: match error {
            None => None,
            Some(text) => match json("tasks.error", &text)? {
                Value::String(error) => Some(error),
                other => return Err(unreadable("tasks.error", other)),
            },
        },
        progress: optional_json("tasks.progress", row.try_get("progress")?)?,
        last_iteration: optional_json("tasks.last_iteration", row.try_get("last_iteration")?)?,
        head_seq: unsigned("tasks.head_seq", row.try_get("head_seq")?)?,
    })
}
