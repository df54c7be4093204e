//! Reads what every kind of request has in common: body, query, language.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use model::{Language, Problem};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::problem::ApiError;
use crate::state::AppState;

/// A whole body, within the limits of size and time.
pub(crate) struct RawBody(pub(crate) Bytes);

/// A refused body is read on for this long and this far, so that a client that
/// writes before it reads gets the answer instead of a broken connection.
const DRAIN_TIME: Duration = Duration::from_secs(10);
const DRAIN_BYTES: usize = 128 << 20;

impl FromRequest<AppState> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let limits = &state.settings().limits;
        let mut body = request.into_body().into_data_stream();
        let mut bytes = BytesMut::new();
        let read = async {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|_| {
                    ApiError::bad_request(
                        "body_incomplete",
                        "the request body ended before its announced length",
                    )
                })?;
                if bytes.len() + chunk.len() > limits.body_bytes {
                    return Err(ApiError::too_large("the request body", limits.body_bytes));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        };
        match tokio::time::timeout(limits.body_timeout(), read).await {
            Ok(Ok(())) => Ok(RawBody(bytes.freeze())),
            Ok(Err(error)) => {
                drain(body).await;
                Err(error)
            }
            Err(_) => Err(ApiError::body_timed_out(limits.body_timeout_s)),
        }
    }
}

async fn drain(mut body: axum::body::BodyDataStream) {
    let drained = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = body.next().await {
            bytes += chunk.len();
            if bytes > DRAIN_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
}

/// A text without the UTF-8 byte order mark that some editors put before it.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// What a client sent, as far as it is shown in an answer.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 120;
    let cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

/// A whole number in the query, within a range.
pub(crate) fn query_number(
    query: &HashMap<String, String>,
    key: &str,
    allowed: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, ApiError> {
    let Some(text) = query.get(key) else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => {
            let (least, most) = allowed.into_inner();
            Err(invalid_query(key, text, &format!("a whole number from {least} to {most}")))
        }
    }
}

/// The id of a task in the query, as ids are written.
pub(crate) fn query_task_id(query: &HashMap<String, String>, key: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = query.get(key) else { return Ok(None) };
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == Hyphenated::LENGTH => Ok(Some(id.to_string())),
        _ => Err(invalid_query(key, text, "the id of a task, such as next_cursor of the page before")),
    }
}

fn invalid_query(key: &str, found: &str, allowed: &str) -> ApiError {
    let found = shown(found);
    let message = format!("query parameter {key}: found {found:?}, allowed: {allowed}");
    let problem =
        Problem::error("invalid_query", format!("查询参数 {key} 不可用: {found:?}"), message.as_str())
            .at(format!("/{key}"))
            .found(found, allowed);
    ApiError::bad_request("invalid_query", message).with_problems(vec![problem])
}

/// The language the client would like best; `default` when it names neither
/// Chinese nor English.
pub(crate) fn language(headers: &HeaderMap, default: Language) -> Language {
    let Some(wishes) = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else {
        return default;
    };
    let mut best: Option<(f32, Language)> = None;
    for wish in wishes.split(',') {
        let mut parts = wish.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = parts
            .find_map(|part| part.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()))
            .unwrap_or(1.0);
        let language = match tag.split('-').next() {
            Some("zh") => Language::Zh,
            Some("en") => Language::En,
            _ => continue,
        };
        if quality > 0.0 && best.is_none_or(|(other, _)| quality > other) {
            best = Some((quality, language));
        }
    }
    best.map_or(default, |(_, language)| language)
}

/// Runs what reads files or computes for long away from the threads that serve
/// connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}

/// A JSON text as an answer.
pub(crate) fn json_text(text: impl Into<Body>) -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_known_language_wins() {
        let cases = [
            ("", Language::Zh),
            ("*", Language::Zh),
            ("fr-FR", Language::Zh),
            ("en", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-US,en;q=0.9,zh;q=0.8", Language::En),
            ("fr, en;q=0.1", Language::En),
            ("en;q=0, zh;q=0.1", Language::Zh),
            ("en;q=x", Language::En),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, text.parse().expect("a header value"));
            assert_eq!(language(&headers, Language::Zh), expected, "{text}");
        }
        assert_eq!(language(&HeaderMap::new(), Language::En), Language::En);
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        assert_eq!(shown("卫星.json"), "卫星.json");
        assert_eq!(shown(&"长".repeat(5000)), format!("{}…", "长".repeat(120)));
    }

    #[test]
    fn numbers_in_the_query_have_a_range() {
        let query = |text: &str| HashMap::from([("limit".to_owned(), text.to_owned())]);
        assert_eq!(query_number(&query("5"), "limit", 1..=10).expect("in range"), Some(5));
        assert_eq!(query_number(&HashMap::new(), "limit", 1..=10).expect("absent"), None);
        for text in ["0", "11", "-1", "abc", "", "1.5", "99999999999999999999999"] {
            assert!(query_number(&query(text), "limit", 1..=10).is_err(), "{text}");
        }
    }

    #[test]
    fn a_task_id_in_the_query_is_one_whatever_its_case() {
        let query = |text: &str| HashMap::from([("cursor".to_owned(), text.to_owned())]);
        let id = "0197f000-0000-7000-8000-0000deadbeef";
        for text in [id, &id.to_uppercase()] {
            assert_eq!(query_task_id(&query(text), "cursor").expect("an id").as_deref(), Some(id));
        }
        assert_eq!(query_task_id(&HashMap::new(), "cursor").expect("absent"), None);
        for text in ["abc", "", "~", &id[1..], &id.replace('-', ""), &format!("{{{id}}}"), "卫星"] {
            assert!(query_task_id(&query(text), "cursor").is_err(), "{text}");
        }
    }
}
