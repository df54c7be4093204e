//! `GET /api/experiments`: the result directories that exist.

use axum::Json;
use axum::extract::State;
use experiment::directory::Listed;
use serde_json::{Value, json};

use crate::problem::ApiError;
use crate::request::blocking;
use crate::state::AppState;

/// Directories listed at most; `total` counts all.
const LISTED: usize = 1000;

/// Lists the directories, newest name first.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let dir = state.paths().experiments_dir();
    let (listed, total) = blocking(move || experiment::list_experiments(&dir, LISTED)).await?;
    let experiments: Vec<Value> = listed.iter().map(Listed::to_json).collect();
    Ok(Json(json!({ "experiments": experiments, "total": total })))
}
