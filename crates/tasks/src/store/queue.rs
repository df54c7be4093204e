use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::entry::{Author, Entry};
use super::{Connection, Store, json, optional_json};
use crate::event::{Event, NewEvent};
use crate::page::HeldTask;
use crate::settings::Messages;
use crate::task::Status;

/// A worker's right to write to one task. Every claim of a task makes a higher
/// epoch, so that at most one lease of a task is ever valid.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) task_id: String,
    pub(crate) epoch: i64,
    pub(crate) duration_ms: i64,
}

/// What a look at the queue found.
pub(crate) enum Claim {
    /// Nothing waits.
    Nothing,
    /// A task, now leased to the caller.
    Taken(Box<Claimed>),
    /// A task that had used up its attempts and has failed.
    Exhausted(Vec<Arc<Event>>),
}

/// A leased task, and all that its job needs.
pub(crate) struct Claimed {
    pub(crate) lease: Lease,
    pub(crate) created_at: String,
    pub(crate) spec: Value,
    pub(crate) checkpoint: Option<Vec<u8>>,
    pub(crate) progress: Option<Value>,
    pub(crate) last_iteration: Option<Value>,
    pub(crate) head_seq: u64,
    pub(crate) cancel_requested: bool,
    /// Appended by the claim: `running`, the first time only.
    pub(crate) appended: Vec<Arc<Event>>,
}

/// How a worker gives a task back unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Released {
    /// As it was asked to; the run does not count as an attempt.
    OnRequest,
    /// By itself; the run counts.
    Unasked,
}

/// Who claims, and by which rules.
pub(crate) struct Claimant<'a> {
    pub(crate) owner: &'a str,
    pub(crate) lease: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) messages: &'a Messages,
    pub(crate) now_ms: i64,
}

impl Store {
    /// Takes the oldest task that waits or whose worker is gone.
    pub(crate) async fn claim(&self, claimant: &Claimant<'_>) -> Result<Claim, sqlx::Error> {
        let duration_ms = i64::try_from(claimant.lease.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut tx = self.begin().await?;
        let row = sqlx::query(self.dialect.sql(
            "UPDATE tasks SET lease_epoch = lease_epoch + 1, lease_owner = $1, \
             lease_until_ms = {now_ms} + $2, attempts = attempts + 1 \
             WHERE id = (SELECT id FROM tasks WHERE status IN ('pending', 'running') \
             AND lease_until_ms <= {now_ms} ORDER BY id LIMIT 1 {skip_locked}) \
             RETURNING id, lease_epoch, attempts",
        ))
        .bind(claimant.owner)
        .bind(duration_ms)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(Claim::Nothing) };
        let task_id: String = row.try_get("id")?;
        let attempts: i64 = row.try_get("attempts")?;
        let lease = Lease { task_id, epoch: row.try_get("lease_epoch")?, duration_ms };

        let mut entries = Entry::lock(&mut tx, self.dialect, &[&lease.task_id]).await?;
        let entry = entries.first_mut().ok_or(sqlx::Error::RowNotFound)?;
        let exhausted = attempts > i64::from(claimant.max_attempts);
        let events = if exhausted {
            let error = format!(
                "the task was started {} times without reaching a new checkpoint; it is not started again",
                claimant.max_attempts
            );
            NewEvent::failure(&claimant.messages.failed, "attempts_exhausted", &error)
        } else if entry.task.status == Status::Pending {
            vec![NewEvent::status(Status::Running, &claimant.messages.running)]
        } else {
            // A takeover appends nothing: for clients the task simply goes on.
            Vec::new()
        };
        let mut appended = Vec::new();
        if !events.is_empty() {
            appended = entry
                .append(Author::Worker(&lease), &events, None, claimant.now_ms)
                .expect("a task just claimed is not finished and its lease the newest");
        }
        let (created_at, head_seq) = (entry.task.created_at.clone(), entry.task.head_seq);
        let cancel_requested = entry.cancel_requested;
        let claim = if exhausted {
            Claim::Exhausted(appended)
        } else {
            let row = sqlx::query(
                "SELECT spec, data, progress, last_iteration FROM tasks JOIN inputs ON inputs.task_id = id \
                 LEFT JOIN checkpoints ON checkpoints.task_id = id WHERE id = $1",
            )
            .bind(&lease.task_id)
            .fetch_one(&mut *tx)
            .await?;
            Claim::Taken(Box::new(Claimed {
                lease,
                created_at,
                spec: json("inputs.spec", row.try_get("spec")?)?,
                checkpoint: row.try_get("data")?,
                progress: optional_json("tasks.progress", row.try_get("progress")?)?,
                last_iteration: optional_json("tasks.last_iteration", row.try_get("last_iteration")?)?,
                head_seq,
                cancel_requested,
                appended,
            }))
        };
        self.commit(tx, &mut entries).await?;
        Ok(claim)
    }

    /// Extends a lease. `None` when it is lost; else whether a client wants
    /// the task cancelled.
    pub(crate) async fn renew(&self, lease: &Lease) -> Result<Option<bool>, sqlx::Error> {
        let mut tx = self.begin().await?;
        let row = sqlx::query(self.dialect.sql(
            "UPDATE tasks SET lease_until_ms = {now_ms} + $3 WHERE id = $1 AND lease_epoch = $2 \
             AND status = 'running' RETURNING cancel_requested",
        ))
        .bind(&lease.task_id)
        .bind(lease.epoch)
        .bind(lease.duration_ms)
        .fetch_optional(&mut *tx)
        .await?;
        let cancel_requested = row.map(|row| row.try_get::<i64, _>("cancel_requested")).transpose()?;
        tx.commit().await?;
        Ok(cancel_requested.map(|flag| flag != 0))
    }

    /// Gives a task back to the queue, if the lease is still valid.
    pub(crate) async fn release(&self, lease: &Lease, released: Released) -> Result<(), sqlx::Error> {
        let uncounted = i64::from(released == Released::OnRequest);
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE tasks SET lease_until_ms = 0, lease_owner = NULL, \
             attempts = CASE WHEN attempts > $3 THEN attempts - $3 ELSE 0 END \
             WHERE id = $1 AND lease_epoch = $2 AND status = 'running'",
        )
        .bind(&lease.task_id)
        .bind(lease.epoch)
        .bind(uncounted)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

impl Store {
    /// The running tasks, oldest first, and how long each lease lasts still, ms.
    pub(crate) async fn held(&self, limit: usize) -> Result<Vec<(HeldTask, i64)>, sqlx::Error> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(self.dialect.sql(
            "SELECT id, lease_owner, started_at, attempts, lease_until_ms - {now_ms} AS left_ms FROM tasks \
             WHERE status = 'running' ORDER BY id LIMIT $1",
        ))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
        let held = |row: &AnyRow| -> Result<_, sqlx::Error> {
            let task = HeldTask {
                task_id: row.try_get("id")?,
                worker: row.try_get("lease_owner")?,
                started_at: row.try_get("started_at")?,
                attempts: super::unsigned("tasks.attempts", row.try_get("attempts")?)?,
                lease_age: None,
            };
            Ok((task, row.try_get("left_ms")?))
        };
        rows.iter().map(held).collect()
    }
}

/// Pending and running tasks.
pub(crate) async fn count_open(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    let row = sqlx::query("SELECT COUNT(*) FROM tasks WHERE status IN ('pending', 'running')")
        .fetch_one(connection)
        .await?;
    super::unsigned("COUNT(*)", row.try_get(0)?)
}

/// Notes that a client wants a running task cancelled.
pub(crate) async fn request_cancel(connection: &mut Connection, task_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE tasks SET cancel_requested = 1 WHERE id = $1")
        .bind(task_id)
        .execute(connection)
        .await?;
    Ok(())
}
