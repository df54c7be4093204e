//! The one file that maps what goes wrong to HTTP statuses and codes.
//!
//! Every answer that is not a success is `{error, code, problems, request_id}`.
//! A handler returns an [`ApiError`]; the outermost layer gives it the request
//! id and turns it into the body.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Language, Problem};
use realtime::engine::PeerAddress;
use serde::Serialize;
use uuid::Uuid;

use crate::auth;

/// Carries the request id in every answer.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The answer to a request that cannot be fulfilled.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: String,
    error: String,
    problems: Vec<Problem>,
}

/// Which rule keeps a caller out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forbidden {
    /// It came through a proxy.
    Forwarded,
    /// It named the server by a foreign name.
    Host,
    /// It is the page of a stranger.
    Origin,
    /// It is no reader of metrics.
    Metrics,
}

/// Why nobody should be sent to this server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotReady {
    /// It was told to end.
    Draining,
    /// Its store does not answer.
    Store,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    code: &'a str,
    problems: &'a [Problem],
    request_id: &'a str,
}

impl ApiError {
    fn new(status: StatusCode, code: impl Into<String>, error: impl Into<String>) -> Self {
        ApiError { status, code: code.into(), error: error.into(), problems: Vec::new() }
    }

    /// 400: the client can mend it.
    pub(crate) fn bad_request(code: impl Into<String>, error: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, code, error)
    }

    /// 403 with the rule that keeps the caller out.
    pub(crate) fn forbidden(rule: Forbidden, error: impl Into<String>) -> Self {
        let code = match rule {
            Forbidden::Forwarded => "forwarded_not_allowed",
            Forbidden::Host => "host_not_allowed",
            Forbidden::Origin => "origin_not_allowed",
            Forbidden::Metrics => "metrics_not_allowed",
        };
        ApiError::new(StatusCode::FORBIDDEN, code, error)
    }

    /// 401, or 403 for somebody who is known.
    pub(crate) fn refused(refusal: auth::Refusal, language: Language) -> Self {
        let status = if refusal.is_forbidden() { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
        let [zh, en] = [Language::Zh, Language::En].map(|language| refusal.text(language));
        ApiError::new(status, refusal.code(), refusal.text(language)).with_problems(vec![Problem::error(
            refusal.code(),
            zh,
            en,
        )])
    }

    /// 409: where nobody is asked, everybody sees every task.
    pub(crate) fn sharing_needs_auth() -> Self {
        ApiError::new(
            StatusCode::CONFLICT,
            "sharing_needs_auth",
            "this server asks nobody who they are: whoever reaches it sees every task without a link",
        )
    }

    /// 404 for a route that does not exist.
    pub(crate) fn not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "Not found")
    }

    /// 404 for a task that does not exist.
    pub(crate) fn task_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "task_not_found", "Task not found")
    }

    /// 404 for a connection that there is not, or not any more.
    pub(crate) fn connection_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "connection_not_found", "Connection not found")
    }

    /// 404 for an iteration that has no design state.
    pub(crate) fn iteration_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "iteration_not_found", "Iteration not found")
    }

    /// 404 for an image that a task does not have.
    pub(crate) fn visualization_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "visualization_not_found", "Visualization not found")
    }

    /// 404 for a file that a task does not have.
    pub(crate) fn file_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "file_not_found", "File not found")
    }

    /// 405 for a route that exists.
    pub(crate) fn method_not_allowed() -> Self {
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
    }

    /// 408 with the time, s, in which a body must have arrived.
    pub(crate) fn body_timed_out(timeout_s: u64) -> Self {
        let error = format!("the request body did not arrive within {timeout_s} s");
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", error)
    }

    /// 413 with what is too large and its limit, bytes.
    pub(crate) fn too_large(what: &str, limit: usize) -> Self {
        let error = format!("{what} is larger than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", error)
    }

    /// 400 for what only a finished task has.
    pub(crate) fn task_not_completed() -> Self {
        ApiError::bad_request("task_not_completed", "Task not completed")
    }

    /// 501 for routes of the contract whose capability is not there yet.
    pub(crate) fn not_implemented_yet(what: &str) -> Self {
        ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_implemented_yet",
            format!("{what} is not implemented yet"),
        )
    }

    /// 503: the program has no page inside.
    pub(crate) fn page_not_built() -> Self {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "page_not_built",
            "this program was built without its page; run `make` in the source directory, or use the API under /api",
        )
    }

    /// What a request that opens no WebSocket is told.
    pub(crate) fn handshake(refusal: &realtime::websocket::Refusal) -> Self {
        ApiError::new(refusal.status, refusal.code, refusal.text.as_str())
    }

    /// 503 with the number of connections that are served at most.
    pub(crate) fn too_many_connections(limit: usize) -> Self {
        let error = format!("{limit} connections are open already; try again later");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_connections", error)
    }

    /// 503 with all that keeps the server from working.
    pub(crate) fn not_ready(reasons: &[NotReady]) -> Self {
        let problems: Vec<Problem> = reasons
            .iter()
            .map(|reason| match reason {
                NotReady::Draining => {
                    Problem::error("draining", "服务器正在停止", "the server was told to end")
                }
                NotReady::Store => Problem::error("store", "存储没有响应", "the store does not answer"),
            })
            .collect();
        let sentences: Vec<&str> = problems.iter().map(|problem| problem.message_en.as_str()).collect();
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", sentences.join("; "))
            .with_problems(problems)
    }

    /// 507 with the number of files that are kept at most, and where.
    pub(crate) fn uploads_full(limit: usize, directory: &str) -> Self {
        let error = format!("{limit} BOM files are kept already; remove some from the directory {directory}");
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "uploads_full", error)
    }

    /// 500: a fault of ours. What happened goes to the log, not to the client.
    pub(crate) fn internal(log: impl std::fmt::Display) -> Self {
        tracing::error!("internal error: {log}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal server error")
    }

    /// The same with the problems found in the input.
    pub(crate) fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// What clients branch on.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<tasks::Error> for ApiError {
    fn from(error: tasks::Error) -> Self {
        match error {
            tasks::Error::UnknownTask { .. } => ApiError::task_not_found(),
            tasks::Error::Conflict { .. } => {
                ApiError::new(StatusCode::CONFLICT, "task_status_conflict", error.to_string())
            }
            tasks::Error::QueueFull { .. } => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "queue_full", error.to_string())
            }
            tasks::Error::Trimmed { extent, .. } => {
                let message = error.to_string();
                let (first, head) = (extent.first_seq, extent.head_seq);
                let problem = Problem::error(
                    "events_trimmed",
                    format!("第 {first} 个之前的事件已不再保留"),
                    message.as_str(),
                )
                .at("/after")
                .found(format!("events before {first}"), format!("events {first} to {head}"));
                ApiError::new(StatusCode::GONE, "events_trimmed", message).with_problems(vec![problem])
            }
            other => ApiError::internal(other),
        }
    }
}

/// Outermost layer: names the request and writes the body of every refusal,
/// also of those that come from inside the framework without one.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let request_id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let client = request.extensions().get::<PeerAddress>().map(|client| client.0.ip());
    let mut response = next.run(request).await;
    if let Some(error) = refusal(&response, &path) {
        let client = client.map(tracing::field::display);
        tracing::info!(%request_id, client, %method, %path, status = error.status.as_u16(), code = error.code, "refused");
        let body = Body {
            error: &error.error,
            code: &error.code,
            problems: &error.problems,
            request_id: &request_id,
        };
        let mut rewritten = (error.status, Json(body)).into_response();
        for (name, value) in response.headers() {
            if name != axum::http::header::CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
                rewritten.headers_mut().append(name, value.clone());
            }
        }
        response = rewritten;
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    response
}

/// What an answer refuses, if it does.
pub(crate) fn refusal(response: &Response, path: &str) -> Option<ApiError> {
    if let Some(error) = response.extensions().get::<ApiError>() {
        return Some(error.clone());
    }
    let status = response.status();
    // Engine.IO answers in its own protocol.
    if path.starts_with("/socket.io") || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let code = match status {
        StatusCode::REQUEST_TIMEOUT => "request_timeout",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::NOT_FOUND => "not_found",
        status if status.is_server_error() => "internal",
        _ => "bad_request",
    };
    let text = status.canonical_reason().unwrap_or("Request refused");
    Some(ApiError::new(status, code, text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn events_that_are_no_longer_kept_are_gone_and_those_that_are_left_are_named() {
        let extent = tasks::Extent { first_seq: 5, head_seq: 9 };
        let error = ApiError::from(tasks::Error::Trimmed { task_id: "t".to_owned(), extent });
        assert_eq!((error.status, error.code()), (StatusCode::GONE, "events_trimmed"));
        assert!(error.error.contains("those from 5 to 9 are left"), "{}", error.error);
        let problems: Value = serde_json::to_value(&error.problems).expect("JSON");
        assert_eq!(problems[0]["code"], "events_trimmed");
        assert_eq!(problems[0]["allowed"], json!("events 5 to 9"), "{problems}");
    }
}
