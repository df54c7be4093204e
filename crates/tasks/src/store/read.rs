use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::detail::detail_of;
use super::entry::status_of;
use super::{Connection, Store, as_rows, json, optional_json, signed, unreadable, unsigned};
use crate::clock::format_timestamp;
use crate::event::{EVENT_VERSION, Event, EventKind};
use crate::hooks::StoreOperation;
use crate::page::{EventPage, Extent, Head};
use crate::task::{Status, Task};

const TASK_COLUMNS: &str = "SELECT id, status, created_at, started_at, completed_at, result, error, progress, \
     last_iteration, head_seq, config FROM tasks JOIN inputs ON inputs.task_id = tasks.id";

impl Store {
    pub(crate) async fn task(&self, task_id: &str) -> Result<Option<Task>, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query(self.dialect.sql(&format!("{TASK_COLUMNS} WHERE id = $1")))
            .bind(task_id)
            .fetch_optional(&mut *connection)
            .await?;
        row.as_ref().map(task_of).transpose()
    }

    /// The task, and what was noted beside it.
    pub(crate) async fn task_and_notes(
        &self,
        task_id: &str,
    ) -> Result<Option<(Task, Option<Value>)>, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query(self.dialect.sql(
            "SELECT id, status, created_at, started_at, completed_at, result, error, progress, last_iteration, \
             head_seq, config, notes FROM tasks JOIN inputs ON inputs.task_id = tasks.id WHERE id = $1",
        ))
        .bind(task_id)
        .fetch_optional(&mut *connection)
        .await?;
        row.map(|row| Ok((task_of(&row)?, optional_json("inputs.notes", row.try_get("notes")?)?))).transpose()
    }

    /// Newest first, older than `before`; those of `owner`, or all.
    pub(crate) async fn tasks(
        &self,
        limit: usize,
        before: Option<&str>,
        owner: Option<&str>,
    ) -> Result<Vec<Task>, sqlx::Error> {
        // Larger than every id.
        let before = before.unwrap_or("~");
        let of_owner = if owner.is_some() { "AND owner = $3" } else { "" };
        let sql =
            self.dialect.sql(&format!("{TASK_COLUMNS} WHERE id < $2 {of_owner} ORDER BY id DESC LIMIT $1"));
        let mut query = sqlx::query(sql).bind(i64::try_from(limit).unwrap_or(i64::MAX)).bind(before);
        if let Some(owner) = owner {
            query = query.bind(owner);
        }
        let mut connection = self.read().await?;
        let rows = query.fetch_all(&mut *connection).await?;
        rows.iter().map(task_of).collect()
    }

    /// Whose the task is, if there is one.
    pub(crate) async fn owner(&self, task_id: &str) -> Result<Option<Option<String>>, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT owner FROM tasks WHERE id = $1")
            .bind(task_id)
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| row.try_get("owner")).transpose()
    }

    pub(crate) async fn count_of(&self, owner: &str) -> Result<u64, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT COUNT(*) FROM tasks WHERE owner = $1")
            .bind(owner)
            .fetch_one(&mut *connection)
            .await?;
        unsigned("COUNT(*)", row.try_get(0)?)
    }

    pub(crate) async fn count_by_status(&self) -> Result<BTreeMap<&'static str, u64>, sqlx::Error> {
        let mut connection = self.read().await?;
        let rows = sqlx::query("SELECT status, COUNT(*) AS tasks FROM tasks GROUP BY status")
            .fetch_all(&mut *connection)
            .await?;
        let mut counts: BTreeMap<_, _> = Status::ALL.into_iter().map(|status| (status.name(), 0)).collect();
        for row in rows {
            let name: String = row.try_get("status")?;
            let status = Status::from_name(&name).ok_or_else(|| unreadable("tasks.status", &name))?;
            counts.insert(status.name(), unsigned("COUNT(*)", row.try_get("tasks")?)?);
        }
        Ok(counts)
    }

    /// When the task that waits longest was made, if one waits.
    pub(crate) async fn oldest_pending(&self) -> Result<Option<String>, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT created_at FROM tasks WHERE status = 'pending' ORDER BY id LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
        row.map(|row| row.try_get("created_at")).transpose()
    }

    pub(crate) async fn extent(&self, task_id: &str) -> Result<Option<Extent>, sqlx::Error> {
        let mut connection = self.read().await?;
        let row = sqlx::query("SELECT first_seq, head_seq FROM tasks WHERE id = $1")
            .bind(task_id)
            .fetch_optional(&mut *connection)
            .await?;
        row.as_ref().map(extent_of).transpose()
    }

    pub(crate) async fn heads(&self, task_ids: &[Arc<str>]) -> Result<Vec<Head>, sqlx::Error> {
        let ids: Vec<[&str; 1]> = task_ids.iter().map(|id| [&**id]).collect();
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            self.dialect.sql("SELECT id, head_seq FROM tasks WHERE id IN (SELECT value->>0 FROM {rows})"),
        )
        .bind(as_rows(&ids)?)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(head_of).collect()
    }

    /// Of the tasks that have not ended, and of those with a larger id, or the
    /// largest.
    pub(crate) async fn open_heads(&self, newer_than: Option<&str>) -> Result<Vec<Head>, sqlx::Error> {
        const OPEN: &str =
            "SELECT id, head_seq FROM tasks WHERE status IN ('pending', 'running', 'paused') UNION";
        let mut connection = self.read().await?;
        let rows = match newer_than {
            Some(id) => {
                sqlx::query(self.dialect.sql(&format!("{OPEN} SELECT id, head_seq FROM tasks WHERE id > $1")))
                    .bind(id)
                    .fetch_all(&mut *connection)
                    .await?
            }
            None => {
                sqlx::query(self.dialect.sql(&format!(
                    "{OPEN} SELECT id, head_seq FROM tasks WHERE id = (SELECT MAX(id) FROM tasks)"
                )))
                .fetch_all(&mut *connection)
                .await?
            }
        };
        rows.iter().map(head_of).collect()
    }

    /// Largest id of a task.
    pub(crate) async fn newest_id(&self) -> Result<Option<String>, sqlx::Error> {
        let mut connection = self.read().await?;
        sqlx::query_scalar("SELECT MAX(id) FROM tasks").fetch_one(&mut *connection).await
    }

    /// Events with a larger seq than `after`, in order. One statement, so that
    /// events and extent are of one moment.
    pub(crate) async fn page(
        &self,
        task_id: &str,
        after: u64,
        limit: usize,
        details: Details,
    ) -> Result<Option<EventPage>, sqlx::Error> {
        let sql = match details {
            Details::Left => {
                "SELECT first_seq, head_seq, e.seq, kind, data, timestamp_ms \
                 FROM tasks LEFT JOIN events e ON e.task_id = id AND e.seq > $2 \
                 WHERE id = $1 ORDER BY e.seq LIMIT $3"
            }
            Details::Read => {
                "SELECT first_seq, head_seq, e.seq, kind, data, timestamp_ms, value, attachments \
                 FROM tasks LEFT JOIN events e ON e.task_id = id AND e.seq > $2 \
                 LEFT JOIN event_details d ON d.task_id = e.task_id AND d.seq = e.seq \
                 WHERE id = $1 ORDER BY e.seq LIMIT $3"
            }
        };
        let read = async {
            let mut connection = self.read().await?;
            let query = sqlx::query(sql).bind(task_id).bind(signed(after));
            query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut *connection).await
        };
        let rows = self.timed(StoreOperation::Read, read).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let extent = extent_of(first)?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            // Without events the task stands there alone.
            if row.try_get::<Option<i64>, _>("seq")?.is_some() {
                let mut event = event_of(task_id, row)?;
                if details == Details::Read {
                    event.detail = detail_of(row)?;
                }
                events.push(event);
            }
        }
        Ok(Some(EventPage { events, extent }))
    }
}

/// Whether events are read with their details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Details {
    Left,
    Read,
}

/// Events with a larger seq than `after`, in order, with their details.
pub(crate) async fn events_after(
    connection: &mut Connection,
    task_id: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT e.seq, kind, data, timestamp_ms, value, attachments FROM events e \
         LEFT JOIN event_details d ON d.task_id = e.task_id AND d.seq = e.seq \
         WHERE e.task_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3",
    )
    .bind(task_id)
    .bind(signed(after))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(Event { detail: detail_of(row)?, ..event_of(task_id, row)? })).collect()
}

fn event_of(task_id: &str, row: &AnyRow) -> Result<Event, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    Ok(Event {
        task_id: task_id.to_owned(),
        event_type: EventKind::from_name(&kind).ok_or_else(|| unreadable("events.kind", &kind))?,
        data: json("events.data", row.try_get("data")?)?,
        timestamp: format_timestamp(row.try_get("timestamp_ms")?),
        seq: unsigned("events.seq", row.try_get("seq")?)?,
        v: EVENT_VERSION,
        detail: None,
    })
}

fn head_of(row: &AnyRow) -> Result<Head, sqlx::Error> {
    Ok(Head { task_id: row.try_get("id")?, seq: unsigned("tasks.head_seq", row.try_get("head_seq")?)? })
}

fn extent_of(row: &AnyRow) -> Result<Extent, sqlx::Error> {
    Ok(Extent {
        first_seq: unsigned("tasks.first_seq", row.try_get("first_seq")?)?,
        head_seq: unsigned("tasks.head_seq", row.try_get("head_seq")?)?,
    })
}

/// The task in a row that joins a task with its input.
fn task_of(row: &AnyRow) -> Result<Task, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let error: Option<String> = row.try_get("error")?;
    Ok(Task {
        task_id: id.clone(),
        id,
        status: status_of(row)?,
        config: json("inputs.config", row.try_get("config")?)?,
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
