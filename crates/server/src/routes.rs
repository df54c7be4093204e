//! All routes, and the layers that every request passes, outermost first: the
//! error body, CORS, the guard, panics, compression.

/// Who may call which route.
pub(crate) mod access;
/// `/api/admin`
pub(crate) mod admin;
/// `/api/boms`, `/api/bom/validate`
pub(crate) mod boms;
/// `/docs`, `/api/openapi.json`
pub(crate) mod docs;
/// `/api/tasks/{id}/events`
pub(crate) mod events;
/// `/api/experiments`
pub(crate) mod experiments;
/// `/api/health`
pub(crate) mod health;
/// `/livez`, `/readyz`, `/metrics`
pub(crate) mod monitor;
/// `/`
pub(crate) mod page;
/// `/api/tasks/{id}/share`
pub(crate) mod share;
/// `/api/tasks`
pub(crate) mod tasks;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use realtime::engine::Server;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::guard::{self, Guard};
use crate::metrics;
use crate::problem::{self, ApiError};
use crate::state::AppState;
use crate::stream;

/// Answers to polls are compressed from this size on, bytes: as WebSocket
/// messages are.
const COMPRESSED_ANSWER_BYTES: u64 = 1024;

/// Every route of the API with its methods; the document lists the same.
pub(crate) fn api() -> Router<AppState> {
    Router::new()
        .route("/api/health", get(health::health))
        .route("/api/tasks", get(tasks::list).post(tasks::create))
        .route("/api/tasks/{id}", get(tasks::get).delete(tasks::later))
        .route("/api/tasks/{id}/result", get(tasks::result))
        .route("/api/tasks/{id}/events", get(events::events))
        .route("/api/tasks/{id}/iterations/{number}", get(tasks::iteration))
        .route("/api/tasks/{id}/visualizations/{filename}", get(tasks::visualization))
        .route("/api/tasks/{id}/files/{name}", get(tasks::file))
        .route("/api/tasks/{id}/cancel", post(tasks::cancel))
        .route("/api/tasks/{id}/share", post(share::create))
        .route("/api/tasks/{id}/pause", post(tasks::later))
        .route("/api/tasks/{id}/resume", post(tasks::later))
        .route("/api/tasks/{id}/branch", post(tasks::later))
        .route("/api/evaluate", post(tasks::evaluate))
        .route("/api/experiments", get(experiments::list))
        .route("/api/bom/validate", post(boms::validate))
        .route("/api/boms", get(boms::list).post(boms::upload))
        .route("/api/admin/connections", get(admin::connections))
        .route("/api/admin/connections/{id}", delete(admin::disconnect))
        .route("/api/admin/workers", get(admin::workers))
        .route("/api/openapi.json", get(docs::openapi))
}

/// The whole server as one service.
pub(crate) fn router(state: AppState, door: Server) -> Router {
    let guard = Guard::new(state.settings());
    let socket_io = Router::new()
        .route_service("/socket.io", door.clone())
        .route_service("/socket.io/", door)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_ANSWER_BYTES)));
    api()
        .route_layer(from_fn_with_state(state.clone(), access::check))
        .route("/livez", get(monitor::live))
        .route("/readyz", get(monitor::ready))
        .route("/metrics", get(monitor::metrics))
        .route("/docs", get(docs::page))
        .route("/docs/style.css", get(docs::style))
        .fallback(page::asset)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CompressionLayer::new())
        .route("/api/stream", any(stream::door))
        .merge(socket_io)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(guard.clone(), guard::check))
        .layer(guard::cors(guard))
        .layer(from_fn_with_state(state.metrics().clone(), metrics::count))
        .layer(from_fn(problem::finish))
        .with_state(state)
}

/// 405 for a route that exists.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::method_not_allowed()
}

fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panic");
    ApiError::internal(text).into_response()
}
