//! `GET /api/experiments`: the result directories that exist.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::jobs::EXPERIMENTS;
use crate::problem::ApiError;
use crate::request::blocking;
use crate::state::AppState;

/// Directories listed at most; `total` counts all.
const LISTED: usize = 1000;
/// A summary larger than this is not one of ours.
const SUMMARY_BYTES: u64 = 1 << 20;

/// Lists the directories `run_*`, newest name first. One that holds no
/// readable summary has an empty one.
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let dir = state.paths().experiments_dir();
    blocking(move || {
        let mut names: Vec<String> = match std::fs::read_dir(&dir) {
            Ok(entries) => entries
                .flatten()
                .filter(|entry| entry.path().is_dir())
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter(|name| name.starts_with("run_"))
                .collect(),
            Err(_) => Vec::new(),
        };
        names.sort_unstable_by(|a, b| b.cmp(a));
        let total = names.len();
        let experiments: Vec<Value> = names
            .into_iter()
            .take(LISTED)
            .map(|name| {
                let summary = read_json(&dir.join(&name).join("summary.json")).unwrap_or_else(|| json!({}));
                json!({ "path": format!("{EXPERIMENTS}/{name}"), "name": name, "summary": summary })
            })
            .collect();
        Json(json!({ "experiments": experiments, "total": total }))
    })
    .await
}

/// A JSON file, unless it is missing, broken or too large. Blocks.
pub(crate) fn read_json(path: &Path) -> Option<Value> {
    let small = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= SUMMARY_BYTES);
    if !small {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
