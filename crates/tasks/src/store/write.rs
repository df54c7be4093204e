use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::detail::insert_detail;
use super::entry::{Change, Entry};
use super::{Connection, Dialect, as_rows};
use crate::event::Event;

/// Stores what the entries' appends have decided: a few statements, however
/// many tasks and events there are. Returns the number of events.
pub(crate) async fn write(
    connection: &mut Connection,
    dialect: Dialect,
    entries: &mut [Entry],
) -> Result<u64, sqlx::Error> {
    let changes: Vec<(&Entry, &Change)> =
        entries.iter().filter_map(|entry| Some((entry, entry.change.as_ref()?))).collect();
    if changes.is_empty() {
        return Ok(0);
    }
    let events = changes.iter().flat_map(|(_, change)| &change.events);
    insert_events(connection, dialect, events.clone()).await?;
    for (event, _) in events.clone() {
        if let Some(detail) = &event.detail {
            insert_detail(connection, event, detail).await?;
        }
    }
    for (entry, change) in &changes {
        if entry.task.status.is_terminal() {
            // A finished task never runs again.
            delete_checkpoint(connection, &entry.task.id).await?;
        } else if let Some(checkpoint) = &change.checkpoint {
            store_checkpoint(connection, &entry.task.id, checkpoint).await?;
        }
    }
    if update_folds(connection, dialect, &changes).await? != changes.len() as u64 {
        // The rows were locked when the leases were looked at.
        return Err(sqlx::Error::Protocol("a lease changed hands while its task was locked".to_owned()));
    }
    let written = events.count() as u64;
    for entry in entries {
        entry.change = None;
    }
    Ok(written)
}

/// Writes the cached folds back. The lease epochs are tested once more by the
/// statement itself: the last word on fencing is the database's. Fields that
/// an [`Entry`] does not read are left as they are unless an event has set them.
async fn update_folds(
    connection: &mut Connection,
    dialect: Dialect,
    changes: &[(&Entry, &Change)],
) -> Result<u64, sqlx::Error> {
    let folds: Vec<_> = changes
        .iter()
        .map(|(Entry { task, lease_epoch, last_event_ms, .. }, change)| {
            (
                (&task.id, lease_epoch, task.status.name()),
                (&task.created_at, &task.started_at, &task.completed_at),
                (
                    text_of(task.result.as_ref()),
                    text_of(task.error.as_deref().map(Value::from).as_ref()),
                    text_of(task.progress.as_ref()),
                    text_of(task.last_iteration.as_ref()),
                ),
                (task.head_seq, last_event_ms, change.lease_ms, u8::from(change.checkpoint.is_some())),
            )
        })
        .collect();
    let done = sqlx::query(dialect.sql(
        "UPDATE tasks SET status = new.status, created_at = new.created_at, started_at = new.started_at, \
         completed_at = new.completed_at, result = COALESCE(new.result, tasks.result), \
         error = COALESCE(new.error, tasks.error), progress = COALESCE(new.progress, tasks.progress), \
         last_iteration = COALESCE(new.last_iteration, tasks.last_iteration), head_seq = new.head_seq, \
         last_event_ms = new.last_event_ms, \
         lease_until_ms = CASE WHEN new.lease_ms > 0 THEN {now_ms} + new.lease_ms ELSE 0 END, \
         lease_owner = CASE WHEN new.lease_ms > 0 THEN lease_owner ELSE NULL END, \
         attempts = CASE WHEN new.checkpointed > 0 THEN 0 ELSE attempts END FROM (SELECT \
         value->0->>0 AS id, CAST(value->0->>1 AS BIGINT) AS epoch, value->0->>2 AS status, \
         value->1->>0 AS created_at, value->1->>1 AS started_at, value->1->>2 AS completed_at, \
         value->2->>0 AS result, value->2->>1 AS error, value->2->>2 AS progress, \
         value->2->>3 AS last_iteration, \
         CAST(value->3->>0 AS BIGINT) AS head_seq, CAST(value->3->>1 AS BIGINT) AS last_event_ms, \
         CAST(value->3->>2 AS BIGINT) AS lease_ms, CAST(value->3->>3 AS BIGINT) AS checkpointed \
         FROM {rows}) AS new WHERE tasks.id = new.id AND tasks.lease_epoch = new.epoch",
    ))
    .bind(as_rows(&folds)?)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn insert_events<'a>(
    connection: &mut Connection,
    dialect: Dialect,
    events: impl Iterator<Item = &'a (Arc<Event>, i64)>,
) -> Result<(), sqlx::Error> {
    let events: Vec<_> = events
        .map(|(event, timestamp_ms)| {
            (&event.task_id, event.seq, event.event_type.name(), event.data.to_string(), timestamp_ms)
        })
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(dialect.sql(
        "INSERT INTO events (task_id, seq, kind, data, timestamp_ms) SELECT value->>0, \
         CAST(value->>1 AS BIGINT), value->>2, value->>3, CAST(value->>4 AS BIGINT) FROM {rows}",
    ))
    .bind(as_rows(&events)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn store_checkpoint(
    connection: &mut Connection,
    task_id: &str,
    checkpoint: &Bytes,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (task_id, data) VALUES ($1, $2) \
         ON CONFLICT (task_id) DO UPDATE SET data = excluded.data",
    )
    .bind(task_id)
    .bind(checkpoint.to_vec())
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete_checkpoint(connection: &mut Connection, task_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM checkpoints WHERE task_id = $1").bind(task_id).execute(connection).await?;
    Ok(())
}

fn text_of(json: Option<&Value>) -> Option<String> {
    json.map(Value::to_string)
}
