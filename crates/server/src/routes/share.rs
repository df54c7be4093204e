//! `POST /api/tasks/{id}/share`: a link with which anybody reads one task.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::Problem;
use serde_json::{Value, json};
use tasks::{format_timestamp, system_clock};

use crate::problem::ApiError;
use crate::request::{RawBody, shown, without_mark};
use crate::state::AppState;

/// How long a link lasts, s, when nothing is said.
const DEFAULT_S: u64 = 7 * 86_400;
const LEAST_S: u64 = 60;
const MOST_S: u64 = 30 * 86_400;

/// Makes a token that shows the task. Whoever asks was let through by
/// [`access`](super::access).
pub(crate) async fn create(
    State(state): State<AppState>,
    Path(id): Path<String>,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let task = state.engine().task(&id).await?;
    let lifetime_s = lifetime_s(without_mark(&body))?;
    if !state.admission().is_required() {
        return Err(ApiError::sharing_needs_auth());
    }
    let lifetime_ms = i64::try_from(1000 * lifetime_s).map_err(ApiError::internal)?;
    // The token tells whole seconds.
    let expires_ms = (system_clock()() + lifetime_ms) / 1000 * 1000;
    let token = state
        .admission()
        .share_token(&task.id, expires_ms)
        .ok_or_else(|| ApiError::internal(format!("no share token for task {}", task.id)))?;
    let answer = json!({
        "task_id": task.id,
        "token": token,
        "fragment": format!("#share={token}"),
        "expires_at": format_timestamp(expires_ms),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `{expires_in_s?}`, or no body at all.
fn lifetime_s(body: &[u8]) -> Result<u64, ApiError> {
    let request: Value = if body.trim_ascii().is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).unwrap_or(Value::Null)
    };
    let invalid = |pointer: &str, found: &Value, allowed: String| {
        let found = shown(&found.to_string());
        let message = format!("expires_in_s: found {found}, allowed: {allowed}");
        let problem =
            Problem::error("request.invalid", format!("expires_in_s 不可用: {found}"), message.as_str())
                .at(pointer)
                .found(found, allowed);
        ApiError::bad_request("request.invalid", message).with_problems(vec![problem])
    };
    let Some(fields) = request.as_object() else {
        return Err(invalid("", &request, "a JSON object, or no body".to_owned()));
    };
    match fields.get("expires_in_s") {
        None | Some(Value::Null) => Ok(DEFAULT_S),
        Some(value) => {
            value.as_u64().filter(|seconds| (LEAST_S..=MOST_S).contains(seconds)).ok_or_else(|| {
                invalid("/expires_in_s", value, format!("a whole number from {LEAST_S} to {MOST_S}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lasts_as_long_as_was_asked_for_within_bounds() {
        for (body, expected) in
            [("", DEFAULT_S), (" ", DEFAULT_S), ("{}", DEFAULT_S), ("{\"expires_in_s\": 60}", 60)]
        {
            assert_eq!(lifetime_s(body.as_bytes()).expect("sound"), expected, "{body}");
        }
        for body in
            ["[]", "x", "{\"expires_in_s\": 59}", "{\"expires_in_s\": 1e9}", "{\"expires_in_s\": \"1h\"}"]
        {
            assert_eq!(lifetime_s(body.as_bytes()).expect_err(body).code(), "request.invalid", "{body}");
        }
    }
}
