//! `/api/tasks`: create, look, list, cancel, and read what a task left.

use std::collections::HashMap;
use std::path::PathBuf;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use experiment::directory::design_state_name;
use experiment::{IMAGE_NAMES, directory_name, file_place, read_evolution, read_summary};
use model::Language;
use serde_json::{Map, Value, json};
use tasks::{Status, Submission, Task};

use crate::auth::Principal;
use crate::intake::{self, Texts};
use crate::problem::ApiError;
use crate::request::{RawBody, blocking, json_text, language, query_number, query_task_id};
use crate::routes::page::content_type;
use crate::state::AppState;

type Queries = Query<HashMap<String, String>>;

/// Tasks of one list answer, by default and at most.
const LISTED: u64 = 1000;
/// Tasks read from the store at once.
const LIST_PAGE: usize = 100;

/// `POST /api/tasks`
pub(crate) async fn create(
    State(state): State<AppState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let texts = Texts { bom: language(&headers, Language::Zh), other: language(&headers, Language::En) };
    let paths = state.paths().clone();
    let inline_bom_bytes = state.settings().limits.inline_bom_bytes;
    let order = blocking(move || intake::read(&paths, inline_bom_bytes, &body, texts)).await??;
    let spec = serde_json::to_value(&order.spec).map_err(ApiError::internal)?;
    let warnings = json!(order.spec.warnings);
    let owner = principal.owner().map(str::to_owned);
    let submission = Submission { config: order.config, spec, notes: Some(warnings.clone()), owner };
    let task = state.engine().submit_as(submission).await?;
    let mut answer = json!({
        "id": task.id,
        "task_id": task.task_id,
        "status": task.status,
        "created_at": task.created_at,
    });
    if !order.spec.warnings.is_empty() {
        answer["warnings"] = warnings;
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /api/tasks/{id}`: the task, and what its input's reader would like the
/// user to look at.
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (task, warnings) = state.engine().task_and_notes(&id).await?;
    let mut answer = serde_json::to_value(task).map_err(ApiError::internal)?;
    answer["warnings"] = warnings.unwrap_or_else(|| json!([]));
    Ok(Json(answer))
}

/// `GET /api/tasks?limit=&cursor=`, newest first: all that the caller may see.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(principal): Extension<Principal>,
    Query(query): Queries,
) -> Result<Json<Value>, ApiError> {
    let limit = query_number(&query, "limit", 1..=LISTED)?.unwrap_or(LISTED) as usize;
    let mut before = query_task_id(&query, "cursor")?;
    let owner = principal.owner().filter(|_| !principal.sees_all());
    let mut listed: Vec<Value> = Vec::new();
    let mut more = true;
    while more && listed.len() < limit {
        let wanted = LIST_PAGE.min(limit - listed.len());
        let page = match owner {
            None => state.engine().tasks(wanted, before.as_deref()).await?,
            Some(owner) => state.engine().tasks_of(owner, wanted, before.as_deref()).await?,
        };
        more = page.len() == wanted;
        before = page.last().map(|task| task.id.clone()).or(before);
        for task in page {
            listed.push(list_item(task)?);
        }
    }
    let total = match owner {
        None => state.engine().count().await?,
        Some(owner) => state.engine().count_of(owner).await?,
    };
    let next_cursor = if more { before } else { None };
    Ok(Json(json!({ "tasks": listed, "total": total, "next_cursor": next_cursor })))
}

/// A task without the BOM that came inside its request: a list of a thousand
/// would carry a thousand of them.
fn list_item(task: Task) -> Result<Value, ApiError> {
    let mut item = serde_json::to_value(task).map_err(ApiError::internal)?;
    if let Some(bom) = item.pointer_mut("/config/bom") {
        *bom = json!({ "omitted": true });
    }
    Ok(item)
}

/// `POST /api/tasks/{id}/cancel`
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Task>, ApiError> {
    Ok(Json(state.engine().cancel(&id).await?))
}

/// `GET /api/tasks/{id}/result`
pub(crate) async fn result(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let task = state.engine().task(&id).await?;
    let (name, dir) = finished_dir(&state, &task)?;
    let (summary, evolution) = blocking(move || (read_summary(&dir), read_evolution(&dir))).await?;
    let typed: Vec<Value> = evolution.iter().map(typed_row).collect();
    Ok(Json(json!({
        "task_id": task.id,
        "status": task.status,
        "summary": summary,
        "evolution": evolution,
        "iterations": typed,
        "experiment_dir": name,
        "result": task.result,
    })))
}

/// `GET /api/tasks/{id}/iterations/{k}`: the whole design state of one iteration.
pub(crate) async fn iteration(
    State(state): State<AppState>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let task = state.engine().task(&id).await?;
    let missing = ApiError::iteration_not_found;
    let number: u32 = number.parse().map_err(|_| missing())?;
    let dir = state.paths().data_dir().join(directory_name(&task.created_at, &task.id));
    let text = blocking(move || std::fs::read(dir.join(design_state_name(number)))).await?;
    Ok(json_text(text.map_err(|_| missing())?).into_response())
}

/// `GET /api/tasks/{id}/visualizations/{filename}`
pub(crate) async fn visualization(
    State(state): State<AppState>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let missing = ApiError::visualization_not_found;
    let task = state.engine().task(&id).await?;
    let (_, dir) = finished_dir(&state, &task)?;
    let place = file_place(&name).filter(|_| IMAGE_NAMES.contains(&name.as_str())).ok_or_else(missing)?;
    send_file(dir.join(place), &name, missing).await
}

/// `GET /api/tasks/{id}/files/{name}`: the files of the result directory, by a
/// fixed list of names.
pub(crate) async fn file(
    State(state): State<AppState>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let missing = ApiError::file_not_found;
    let task = state.engine().task(&id).await?;
    let (_, dir) = finished_dir(&state, &task)?;
    let place = file_place(&name).ok_or_else(missing)?;
    send_file(dir.join(place), &name, missing).await
}

/// `POST /api/tasks/{id}/pause|resume|branch`, `DELETE /api/tasks/{id}`,
/// `POST /api/evaluate`: part of the contract, for a later version.
pub(crate) async fn later(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    state.engine().task(&id).await?;
    Err(ApiError::not_implemented_yet("this operation on a task"))
}

/// `POST /api/evaluate`
pub(crate) async fn evaluate() -> ApiError {
    ApiError::not_implemented_yet("evaluating a given layout")
}

/// Where a finished task's results lie. A cancelled one has its best so far.
fn finished_dir(state: &AppState, task: &Task) -> Result<(String, PathBuf), ApiError> {
    let finished = matches!(task.status, Status::Completed | Status::Cancelled);
    let name = task.result.as_ref().and_then(|result| result.get("experiment_dir")).and_then(Value::as_str);
    match name.filter(|_| finished) {
        Some(name) => {
            let dir = state
                .paths()
                .experiment(name)
                .ok_or_else(|| ApiError::internal(format!("directory {name}")))?;
            Ok((name.to_owned(), dir))
        }
        None => Err(ApiError::task_not_completed()),
    }
}

async fn send_file(
    path: PathBuf,
    name: &str,
    missing: impl FnOnce() -> ApiError,
) -> Result<Response, ApiError> {
    let bytes = blocking(move || std::fs::read(path)).await?.map_err(|_| missing())?;
    let headers = [
        (header::CONTENT_TYPE, content_type(name).to_owned()),
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// A row with numbers and truth values instead of text.
fn typed_row(row: &Map<String, Value>) -> Value {
    let typed = |value: &Value| match value.as_str() {
        Some("True") => json!(true),
        Some("False") => json!(false),
        Some("") | None => Value::Null,
        Some(text) => {
            serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| value.clone(), Value::from)
        }
    };
    Value::Object(row.iter().map(|(name, value)| (name.clone(), typed(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_row_has_numbers_and_truth_values() {
        let row = json!({"iteration":"1","max_temp":"41.20","is_safe":"True","note":""});
        let expected = json!({"iteration":1,"max_temp":41.2,"is_safe":true,"note":null});
        assert_eq!(row.as_object().map(typed_row), Some(expected));
    }
}
