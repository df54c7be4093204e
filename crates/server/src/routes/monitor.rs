//! `/livez`, `/readyz`, `/metrics`: for those who watch the server, not for
//! those who use it. No answer names a task.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use realtime::engine::PeerAddress;
use serde_json::{Value, json};

use crate::guard;
use crate::metrics::{CONTENT_TYPE, STORE_PATIENCE};
use crate::problem::{ApiError, Forbidden, NotReady};
use crate::state::AppState;

/// Says that the process answers.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Says whether tasks can be made and followed: the store answers, and the
/// server was not told to end.
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    let mut reasons = Vec::new();
    if state.is_ending() {
        reasons.push(NotReady::Draining);
    }
    match tokio::time::timeout(STORE_PATIENCE, state.engine().oldest_pending()).await {
        Ok(Ok(_)) => {}
        Ok(Err(failure)) => {
            tracing::error!("not ready: {failure}");
            reasons.push(NotReady::Store);
        }
        Err(_) => reasons.push(NotReady::Store),
    }
    if reasons.is_empty() { Ok(Json(json!({ "status": "ok" }))) } else { Err(ApiError::not_ready(&reasons)) }
}

/// All metrics, as OpenMetrics text.
pub(crate) async fn metrics(
    State(state): State<AppState>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !may_read(&state, peer.ip(), &headers) {
        return Err(ApiError::forbidden(
            Forbidden::Metrics,
            "metrics are for this machine itself; name other readers under [metrics] readers",
        ));
    }
    let text = state.metrics().text(&state).await.map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// A proxy on this machine speaks for others.
fn may_read(state: &AppState, peer: IpAddr, headers: &HeaderMap) -> bool {
    !guard::is_forwarded(headers)
        && (peer.to_canonical().is_loopback() || state.settings().metrics.may_read(peer))
}
