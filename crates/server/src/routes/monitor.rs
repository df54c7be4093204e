//! `/livez`, `/readyz`, `/metrics`: for those who watch the server, not for
//! those who use it. No answer names a task.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use realtime::engine::PeerAddress;
use serde_json::{Value, json};

use crate::config;
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
    let answers = match tokio::time::timeout(STORE_PATIENCE, state.engine().oldest_pending()).await {
        Ok(Ok(_)) => true,
        Ok(Err(failure)) => {
            tracing::error!("not ready: {failure}");
            false
        }
        Err(_) => false,
    };
    let reasons = reasons_against(state.is_ending(), answers);
    if reasons.is_empty() { Ok(Json(json!({ "status": "ok" }))) } else { Err(ApiError::not_ready(&reasons)) }
}

fn reasons_against(is_ending: bool, store_answers: bool) -> Vec<NotReady> {
    let reasons = [(is_ending, NotReady::Draining), (!store_answers, NotReady::Store)];
    reasons.into_iter().filter_map(|(applies, reason)| applies.then_some(reason)).collect()
}

/// All metrics, as OpenMetrics text.
pub(crate) async fn metrics(
    State(state): State<AppState>,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !may_read(&state.settings().metrics, peer.ip(), &headers) {
        return Err(ApiError::forbidden(
            Forbidden::Metrics,
            "metrics are for this machine itself; name other readers under [metrics] readers",
        ));
    }
    let text = state.metrics().text(&state).await.map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// A proxy on this machine speaks for others.
fn may_read(settings: &config::Metrics, peer: IpAddr, headers: &HeaderMap) -> bool {
    !guard::is_forwarded(headers) && (peer.to_canonical().is_loopback() || settings.may_read(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_store_answers_and_it_was_not_told_to_end() {
        assert_eq!(reasons_against(false, true), []);
        assert_eq!(reasons_against(true, true), [NotReady::Draining]);
        assert_eq!(reasons_against(false, false), [NotReady::Store]);
        assert_eq!(reasons_against(true, false), [NotReady::Draining, NotReady::Store]);
    }

    #[test]
    fn metrics_are_for_this_machine_and_named_readers_and_never_for_whom_a_proxy_speaks() {
        let settings = config::Metrics { readers: vec!["10.0.0.0/8".parse().expect("a network")] };
        let forwarded = HeaderMap::from_iter([(header::FORWARDED, "for=127.0.0.1".parse().expect("text"))]);
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("fe80::1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(may_read(&settings, address, &HeaderMap::new()), expected, "{address}");
            assert!(!may_read(&settings, address, &forwarded), "{address}");
        }
    }
}
