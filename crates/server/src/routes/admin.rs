//! `/api/admin`: who is connected, who works, and ending a connection. For
//! administrators; where nobody is asked, for everybody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tasks::{HeldTask, format_timestamp};

use crate::jobs::now;
use crate::live::Places;
use crate::live::roster::Entry;
use crate::metrics::survey;
use crate::problem::{ApiError, NotReady};
use crate::request::query_number;
use crate::state::AppState;

/// Connections of one answer, by default and at most.
const LISTED: u64 = 1000;
/// Tasks that are named of each connection.
const NAMED: usize = 20;

/// `GET /api/admin/connections?limit=`: those that are furthest behind first,
/// and what was handed to all together.
pub(crate) async fn connections(
    State(state): State<AppState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let limit = query_number(&query, "limit", 1..=LISTED)?.unwrap_or(LISTED) as usize;
    let mut places = state.hub().places();
    let entries = state.hub().roster().entries();
    let total = entries.len();
    let mut listed: Vec<(Entry, Places)> = entries
        .into_iter()
        .map(|entry| {
            let places = entry.signal.and_then(|signal| places.remove(&signal)).unwrap_or_default();
            (entry, places)
        })
        .collect();
    listed.sort_by_cached_key(|(entry, places)| (Reverse(largest_lag(places)), entry.id));
    listed.truncate(limit);
    let metrics = state.metrics();
    let [delivered, replayed] = metrics.live().totals();
    Ok(Json(json!({
        "connections": listed.into_iter().map(|(entry, places)| item(&entry, places)).collect::<Vec<_>>(),
        "total": total,
        "events": { "appended": metrics.tasks().appended(), "delivered": delivered, "replayed": replayed },
        "timestamp": now(),
    })))
}

fn largest_lag(places: &Places) -> u64 {
    places.tasks.iter().map(|(_, lag)| *lag).max().unwrap_or(0)
}

fn item(entry: &Entry, mut places: Places) -> Value {
    places.tasks.sort_by(|(a, lag_a), (b, lag_b)| lag_b.cmp(lag_a).then_with(|| a.cmp(b)));
    let named = places.tasks.iter().take(NAMED);
    json!({
        "id": entry.id,
        "principal": entry.principal.as_deref(),
        "address": entry.address.map(|address| address.to_string()),
        "transport": entry.transport,
        "since": format_timestamp(i64::from(entry.since_s) * 1000),
        "subscriptions": places.tasks.len(),
        "follows_every_task": places.every_task,
        "lagging": places.tasks.iter().filter(|(_, lag)| *lag > 0).count(),
        "lag_events": largest_lag(&places),
        "tasks": named.map(|(id, lag)| json!({ "task_id": &**id, "lag_events": lag })).collect::<Vec<_>>(),
        "queued_bytes": entry.queued_bytes,
        "ending": entry.is_ending,
    })
}

/// `DELETE /api/admin/connections/{id}`: its client is told why and let go. One
/// that takes nothing goes when the time to write to it is over.
pub(crate) async fn disconnect(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id: u64 = id.parse().map_err(|_| ApiError::connection_not_found())?;
    if !state.hub().roster().end(id) {
        return Err(ApiError::connection_not_found());
    }
    tracing::info!(connection = id, "an administrator ends a connection");
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id, "ending": true }))))
}

/// `GET /api/admin/workers`: who holds which running task, and what waits.
pub(crate) async fn workers(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let engine = state.engine();
    let held = engine.held_tasks().await?;
    let waiting = survey(&state).await.ok_or_else(|| ApiError::not_ready(&[NotReady::Store]))?;
    let mut by_worker: BTreeMap<Option<String>, Vec<Value>> = BTreeMap::new();
    by_worker.insert(Some(engine.worker_name().to_owned()), Vec::new());
    for task in held {
        let item = held_item(&task);
        by_worker.entry(task.worker).or_default().push(item);
    }
    let workers: Vec<Value> = by_worker
        .into_iter()
        .map(|(worker, tasks)| {
            let is_here = worker.as_deref() == Some(engine.worker_name());
            let slots = is_here.then_some(state.settings().workers);
            json!({ "worker": worker, "here": is_here, "slots": slots, "tasks": tasks })
        })
        .collect();
    Ok(Json(json!({
        "workers": workers,
        "tasks": waiting.by_status,
        "queue_age_s": waiting.queue_age_s,
        "timestamp": now(),
    })))
}

fn held_item(task: &HeldTask) -> Value {
    json!({
        "task_id": task.task_id,
        "started_at": task.started_at,
        "attempts": task.attempts,
        "lease_age_s": task.lease_age.map(|age| age.as_secs_f64()),
    })
}
