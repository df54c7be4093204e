//! What was asked for, and what was refused.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use realtime::engine::CloseReason;
use realtime::hooks::HandshakeRefused;

use super::Metrics;
use super::registrar::{Count, Labeled, Registrar};
use super::sharded::Latency;
use crate::auth::Refusal;
use crate::problem;

/// Counted at the doors.
#[derive(Debug)]
pub(crate) struct Requests {
    requests: Labeled<Count, 3>,
    seconds: Labeled<Latency, 1>,
    refusals: Labeled<Count, 2>,
    limits: Labeled<Count, 1>,
    auth_failures: Labeled<Count, 1>,
}

/// Where a refusal was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// REST, server-sent events, handshakes of the native stream.
    Http,
    /// Handshakes and requests of Engine.IO sessions.
    EngineIo,
    /// Events and CONNECTs.
    SocketIo,
    /// Messages of the native stream.
    Stream,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Door::Http => "http",
            Door::EngineIo => "engineio",
            Door::SocketIo => "socketio",
            Door::Stream => "stream",
        }
    }
}

impl Requests {
    pub(super) fn new(registrar: &mut Registrar) -> Requests {
        Requests {
            requests: registrar.counts(
                "http_requests",
                "HTTP requests that were answered",
                ["method", "route", "status"],
            ),
            seconds: registrar.many(
                "http_request_seconds",
                "From the head of a request to the head of its answer",
                ["route"],
                Latency::fine,
            ),
            refusals: registrar.counts(
                "refusals",
                "Refusals, by the code that the client got",
                ["door", "code"],
            ),
            limits: registrar.counts(
                "limits_hit",
                "Limits that somebody reached, as [limits] names them",
                ["limit"],
            ),
            auth_failures: registrar.counts(
                "auth_failures",
                "Refusals for a token that is missing, wrong or not enough",
                ["reason"],
            ),
        }
    }

    /// Somebody was refused.
    pub(crate) fn refused(&self, door: Door, code: &str) {
        self.refusals.of([door.name().to_owned(), code.to_owned()]).inc();
        if let Some(limit) = limit_of(code) {
            self.hit(limit);
        }
        if let Some(refusal) = Refusal::ALL.into_iter().find(|refusal| refusal.code() == code) {
            self.auth_failures.of([refusal.label()]).inc();
        }
    }

    /// An Engine.IO request was refused.
    pub(crate) fn handshake_refused(&self, refusal: HandshakeRefused) {
        let code = match refusal {
            HandshakeRefused::UnknownTransport => "unknown_transport",
            HandshakeRefused::UnknownSession => "unknown_session",
            HandshakeRefused::BadMethod => "bad_method",
            HandshakeRefused::BadRequest => "bad_request",
            HandshakeRefused::UnsupportedVersion => "unsupported_version",
            HandshakeRefused::TooMany => "too_many_connections",
            HandshakeRefused::ShuttingDown => "shutting_down",
        };
        self.refused(Door::EngineIo, code);
    }

    /// A connection was ended; perhaps for a limit.
    pub(crate) fn cut_off(&self, reason: CloseReason) {
        match reason {
            CloseReason::WriteTimeout => self.hit("write_timeout_s"),
            CloseReason::TooManyPackets => self.hit("messages_per_second"),
            CloseReason::TooManyBytes => self.hit("message_bytes_per_second"),
            CloseReason::PayloadTooLarge => self.hit("message_bytes"),
            _ => {}
        }
    }

    /// How often a limit was reached.
    #[cfg(test)]
    pub(crate) fn hits(&self, limit: &'static str) -> u64 {
        self.limits.of([limit]).get()
    }

    fn hit(&self, limit: &'static str) {
        self.limits.of([limit]).inc();
    }
}

/// The limit that a refusal of this code speaks of.
fn limit_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "body_too_large" => "body_bytes",
        "request_timeout" => "body_timeout_s",
        "queue_full" => "queued_tasks",
        "uploads_full" => "uploaded_boms",
        "too_many_connections" => "connections",
        "too_many_subscriptions" => "subscriptions_per_connection",
        _ => return None,
    })
}

/// The layer that counts every request, inside the one that writes refusals.
pub(crate) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let method = method(request.method());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let asked = Instant::now();
    let response = next.run(request).await;
    // All that no route stands for: files of the page, and what is not there.
    let route = route.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let status = response.status().as_u16().to_string();
    let requests = metrics.requests();
    requests.seconds.of([route.clone()]).observe(asked.elapsed());
    requests.requests.of([method.to_owned(), route, status]).inc();
    if let Some(refusal) = problem::refusal(&response, &path) {
        requests.refused(Door::Http, refusal.code());
    }
    response
}

/// Anybody can make up methods, but not names of time series.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
