//! `GET /api/health`: whether the server answers.

use axum::Json;
use serde_json::{Value, json};

use crate::jobs::now;

/// Says that the server answers, and which one it is.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "timestamp": now(), "version": env!("CARGO_PKG_VERSION") }))
}
