//! `GET /api/tasks/{id}/events`: a page of a task's events, or, for those who
//! accept `text/event-stream`, all of them as they happen.
//!
//! The stream is what an `EventSource` expects: `id:` is the seq, which comes
//! back as `Last-Event-ID`; a comment shows that a silent stream lives; no event
//! is named `error`, as the browser's own of a broken connection is; where
//! nothing can come any more the answer is 204, which ends the reconnecting.
//! It is pulled by the connection as fast as the client reads.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use futures_util::stream;
use realtime::engine::PeerAddress;
use serde_json::{Value, json};
use tasks::EventKind;
use tokio_util::sync::CancellationToken;

use crate::auth::Principal;
use crate::drain;
use crate::live::roster::{Door, Listed};
use crate::live::{Answer, EVERY_TASK, Item, Refusal, Room, Viewer};
use crate::metrics::Guest;
use crate::place::Place;
use crate::problem::ApiError;
use crate::request::{query_number, shown};
use crate::state::AppState;

/// Events of one page at most.
const EVENTS: u64 = 1000;
/// Largest seq that JSON numbers of every client can tell apart.
const MAX_SEQ: u64 = (1 << 53) - 1;
/// Updates of one piece of a stream.
const ROOM: Room = Room { updates: 64, bytes: 64 << 10 };
/// First thing in every stream: how long a client waits before it reconnects.
const RETRY: &str = "retry: 1000\n\n";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const STREAM_HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/event-stream"),
    (header::CACHE_CONTROL, "no-store"),
    // nginx would keep it back until there is more.
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// `GET /api/tasks/{id}/events`
pub(crate) async fn events(
    State(state): State<AppState>,
    Extension(principal): Extension<Principal>,
    Extension(PeerAddress(address)): Extension<PeerAddress>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if accepts_stream(&headers) {
        follow(state, (principal, address), &id, &query, &headers).await
    } else {
        Ok(page(&state, &id, &query).await?.into_response())
    }
}

async fn page(state: &AppState, id: &str, query: &HashMap<String, String>) -> Result<Json<Value>, ApiError> {
    let after = query_number(query, "after", 0..=MAX_SEQ)?.unwrap_or(0);
    let limit = query_number(query, "limit", 1..=EVENTS)?.unwrap_or(EVENTS) as usize;
    let page = state.engine().page(id, after, limit).await?;
    Ok(Json(json!({
        "next_after": page.events.last().map_or(after, |event| event.seq),
        "events": page.events,
        "first_seq": page.extent.first_seq,
        "head_seq": page.extent.head_seq,
        "log_id": state.engine().log_id(),
    })))
}

async fn follow(
    state: AppState,
    (principal, address): (Principal, SocketAddr),
    id: &str,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let last = last_event_id(headers)?;
    let request = subscription(id, query, last)?;
    let limit = state.settings().limits.connections;
    let Some(place) = Place::take(state.connections(), limit) else {
        return Err(ApiError::too_many_connections(limit));
    };
    let mut viewer = Viewer::new(state.hub(), 1, state.admission().clone(), principal);
    let Answer { event, body, updates } = viewer.subscribe(Some(&request)).await.map_err(refused)?;
    // Also who asks for another log each time it comes back: it has the last id
    // from the snapshot of this one.
    let knows_all = last.is_some_and(|last| body["head_seq"] == last);
    if viewer.is_idle() && (updates.is_empty() || knows_all) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut first = RETRY.to_owned();
    write_event(&mut first, event, None, &body.to_string());
    for update in &updates {
        write_notice(&mut first, "task_update", update);
    }
    let listed = Listed::enter(state.hub(), Door::ServerSentEvents, Some(address), None);
    listed.joined(&viewer);
    let follower = Follower {
        viewer,
        first: Some(first),
        tail: leaves_out_the_end(query).then(|| (state.clone(), id.to_owned())),
        is_of_one_task: id != EVERY_TASK,
        heartbeat: state.settings().events.sse_heartbeat(),
        draining: state.drain().ticket().clone(),
        was_told: false,
        guest: Guest::enter(state.metrics(), "sse", None),
        _listed: listed,
        _place: place,
    };
    let pieces = stream::unfold(follower, |mut follower| async move {
        let piece = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), follower))
    });
    Ok((STREAM_HEADERS, Body::from_stream(pieces)).into_response())
}

/// Whether the last event of a task, a change of its status, is not wanted.
fn leaves_out_the_end(query: &HashMap<String, String>) -> bool {
    query.get("events").is_some_and(|kinds| !kinds.contains(EventKind::StatusChange.name()))
}

/// One stream.
struct Follower {
    viewer: Viewer,
    first: Option<String>,
    /// The task, where its last event is left out.
    tail: Option<(AppState, String)>,
    /// Whether a seq tells where to go on.
    is_of_one_task: bool,
    heartbeat: Duration,
    draining: CancellationToken,
    /// That the server ends, which was the last word.
    was_told: bool,
    guest: Guest,
    _listed: Listed,
    _place: Place,
}

impl Follower {
    /// The next piece; `None` when nothing can come any more.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.was_told {
            return None;
        }
        if let Some(over) = self.viewer.over() {
            self.guest.ends(over.code());
            return None;
        }
        if self.viewer.is_idle() {
            // An id alone is no event, but comes back when the client does: so
            // that it is told that there is no more, and stops.
            self.guest.ends("ended");
            let (state, id) = self.tail.take()?;
            let head = state.engine().task(&id).await.ok()?.head_seq;
            return Some(format!("id: {head}\n\n"));
        }
        tokio::select! {
            biased;
            () = self.draining.cancelled() => {
                self.guest.ends("shutdown");
                self.was_told = true;
                Some(goodbye())
            }
            items = self.viewer.next(Some(ROOM)) => Some(text(items, self.is_of_one_task)),
            () = tokio::time::sleep(self.heartbeat) => Some(": still here\n\n".to_owned()),
        }
    }
}

fn text(items: Vec<Item>, with_ids: bool) -> String {
    let mut text = String::new();
    for item in items {
        match item {
            Item::Update(delivery) => {
                let json = String::from_utf8_lossy(&delivery.json()).into_owned();
                let id = with_ids.then(|| delivery.update.seq());
                write_event(&mut text, "task_update", id, &json);
            }
            // An `EventSource` calls its own troubles `error`.
            Item::Notice("error", body) => write_notice(&mut text, "notice", &body),
            Item::Notice(name, body) => write_notice(&mut text, name, &body),
        }
    }
    text
}

/// Word that the server is about to end, and when to reconnect.
fn goodbye() -> String {
    let notice = drain::notice();
    let mut text = format!("retry: {}\n\n", notice["retry_ms"]);
    write_notice(&mut text, drain::DRAINING, &notice);
    text
}

fn write_notice(text: &mut String, name: &str, body: &Value) {
    write_event(text, name, body.get("seq").and_then(Value::as_u64), &body.to_string());
}

/// JSON has no line ends outside of texts, and inside they are escaped: one
/// line of data is enough.
fn write_event(text: &mut String, name: &str, id: Option<u64>, data: &str) {
    if let Some(id) = id {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
}

/// What is asked for, in the form of the other doors.
fn subscription(id: &str, query: &HashMap<String, String>, last: Option<u64>) -> Result<Value, ApiError> {
    if query.contains_key("layout") {
        return Err(ApiError::bad_request(
            "invalid_query",
            "query parameter layout: layouts are binary; they come over Socket.IO and /api/stream only",
        ));
    }
    // A client that reconnects asks for the same address again.
    let after = match last {
        Some(seq) => Some(seq),
        None => query_number(query, "after", 0..=MAX_SEQ)?,
    };
    let mut request = json!({ "task_id": id, "after_seq": after });
    if let Some(log_id) = query.get("log_id") {
        request["log_id"] = log_id.as_str().into();
    }
    if let Some(kinds) = query.get("events") {
        request["events"] = kinds.split(',').map(str::trim).collect();
    }
    request["coalesce"] = match query.get("coalesce").map(String::as_str) {
        None | Some("false") => false.into(),
        Some("true") => true.into(),
        Some(other) => other.into(),
    };
    Ok(request)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let seq = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|seq| *seq <= MAX_SEQ);
    seq.map(Some).ok_or_else(|| {
        let found = shown(&String::from_utf8_lossy(value.as_bytes()));
        let allowed = "the id of an event of this stream, a whole number";
        ApiError::bad_request(
            "invalid_last_event_id",
            format!("header Last-Event-ID: found {found:?}, allowed: {allowed}"),
        )
    })
}

/// A refusal in the form of HTTP.
fn refused(refusal: Refusal) -> ApiError {
    match refusal.code {
        "task_not_found" => ApiError::task_not_found(),
        "internal" => ApiError::internal(refusal.message),
        code => ApiError::bad_request(code, refusal.message),
    }
}

/// Whether the client would rather have a stream than a page.
fn accepts_stream(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|accept| {
        accept.split(',').any(|range| {
            range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
        })
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_who_names_streams_gets_one() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.9", true),
            ("*/*", false),
            ("text/*", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepts_stream(&headers), expected, "{accept}");
        }
        assert!(!accepts_stream(&HeaderMap::new()));
    }

    #[test]
    fn what_is_no_event_of_a_task_does_not_look_like_a_broken_connection() {
        let missed = Refusal::new("events_missed", "some were missed", Some(EVERY_TASK)).body();
        let sent = text(vec![Item::Notice("error", missed.clone())], false);
        assert_eq!(sent, format!("event: notice\ndata: {missed}\n\n"));
        let jumped = text(vec![Item::Notice("subscribed", json!({ "mode": "snapshot" }))], true);
        assert!(jumped.starts_with("event: subscribed\n"), "{jumped}");
    }

    #[test]
    fn a_goodbye_says_in_both_ways_when_to_come_back() {
        let said = goodbye();
        let (retry, event) = said.split_once("\n\n").expect("two parts");
        let data = event.strip_prefix("event: server_draining\ndata: ").expect("an event without an id");
        let notice: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(retry, format!("retry: {}", notice["retry_ms"]));
    }

    #[test]
    fn what_a_stream_is_asked_for_is_read_or_named() {
        let ask = |query: &[(&str, &str)], last: Option<&str>| {
            let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let header = |text: &str| (LAST_EVENT_ID, text.parse().expect("a header value"));
            let last = last_event_id(&HeaderMap::from_iter(last.map(header)))?;
            subscription("t", &query, last)
        };
        let read = ask(&[("after", "3"), ("events", "progress, error"), ("coalesce", "true")], None);
        let expected =
            json!({"task_id": "t", "after_seq": 3, "events": ["progress", "error"], "coalesce": true});
        assert_eq!(read.expect("sound"), expected);
        assert_eq!(ask(&[("after", "3")], Some("7")).expect("sound")["after_seq"], 7);
        assert_eq!(ask(&[("after", "3")], Some("")).expect("sound")["after_seq"], 3);
        assert_eq!(ask(&[], Some("x")).expect_err("no seq").code(), "invalid_last_event_id");
        assert_eq!(ask(&[("after", "x")], None).expect_err("no seq").code(), "invalid_query");
        assert_eq!(ask(&[("layout", "true")], None).expect_err("binary").code(), "invalid_query");
    }
}
