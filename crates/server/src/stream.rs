//! The native stream, `/api/stream`: tasks over a plain WebSocket, in batches,
//! as fast as the client grants and no faster. protocol/README.md specifies it.
//!
//! Read in this order.

/// One connection, from its greeting to its end.
mod conversation;
/// What a client may say.
mod command;
/// What of it waits, and how much may go out.
mod outbox;
/// How messages are written in either subprotocol.
mod format;
/// What many clients get, written once.
mod frames;
/// Whether the client is still there.
mod heartbeat;

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{FromRef, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use model::Language;
use realtime::engine::PeerAddress;
use realtime::websocket::{Connection, Offer, handshake};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::auth::{Admission, AuthError, Principal, Refusal, Scope, bearer};
use crate::config::Limits;
use crate::live::Hub;
use crate::place::Place;
use crate::problem::ApiError;
use crate::request::{language, query_number};
use crate::state::AppState;

pub(crate) use self::frames::Frames;

use self::conversation::converse;
use self::format::Format;
use self::outbox::MAX_CREDIT;

/// Updates that a client is granted before it says anything.
const CREDIT: u32 = 256;
/// Commands are short.
const MAX_MESSAGE: usize = 64 << 10;

/// What a stream needs of the server around it.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) hub: Hub,
    pub(crate) limits: Limits,
    pub(crate) draining: CancellationToken,
    pub(crate) connections: watch::Sender<usize>,
    pub(crate) admission: Admission,
}

impl FromRef<AppState> for Surroundings {
    fn from_ref(state: &AppState) -> Surroundings {
        Surroundings {
            hub: state.hub().clone(),
            limits: state.settings().limits.clone(),
            draining: state.drain().ticket().clone(),
            connections: state.connections().clone(),
            admission: state.admission().clone(),
        }
    }
}

/// Opens the WebSocket, or says why not.
pub(crate) async fn door(
    State(surroundings): State<Surroundings>,
    Query(query): Query<HashMap<String, String>>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let principal = admit(&surroundings.admission, request.headers()).await?;
    let offer = Offer { subprotocols: &Format::SUBPROTOCOLS, subprotocol_required: true, deflate: true };
    let accepted = match handshake::accept(&request, &offer) {
        Ok(accepted) => accepted,
        Err(refusal) => {
            let mut response = ApiError::handshake(&refusal).into_response();
            response.headers_mut().extend(refusal.headers);
            return Ok(response);
        }
    };
    let credit = query_number(&query, "credit", 0..=u64::from(MAX_CREDIT))?;
    let credit = credit.and_then(|credit| u32::try_from(credit).ok()).unwrap_or(CREDIT);
    let Surroundings { limits, connections, .. } = &surroundings;
    let Some(place) = Place::take(connections, limits.connections) else {
        return Err(ApiError::too_many_connections(limits.connections));
    };
    let write_timeout = limits.write_timeout();
    let address = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let format = accepted.subprotocol.and_then(Format::of).expect("one of the two was required");
    let upgrading = hyper::upgrade::on(&mut request);
    let response = accepted.response().map(|()| Body::empty());
    tokio::spawn(async move {
        let _place = place;
        match upgrading.await {
            Ok(upgraded) => {
                let limits =
                    realtime::websocket::Limits { message_bytes: MAX_MESSAGE, inflated_bytes: MAX_MESSAGE };
                let connection = Connection::new(upgraded, &accepted, limits, write_timeout);
                converse(connection, format, credit, surroundings, (principal, address)).await;
            }
            Err(error) => tracing::debug!("upgrade to the stream: {error}"),
        }
    });
    Ok(response)
}

/// Before a token among the subprotocols that a client offers: a browser can say
/// it nowhere else.
const TOKEN: &str = "msgalaxy.bearer.";

/// Who opens the stream: by the header `Authorization` or by a subprotocol.
async fn admit(admission: &Admission, headers: &HeaderMap) -> Result<Principal, ApiError> {
    let language = language(headers, Language::En);
    let token = match bearer(headers) {
        Err(Refusal::Missing) => offered_token(headers).ok_or(Refusal::Missing),
        other => other,
    };
    let admitted = admission.admit(token).await.and_then(|principal| {
        principal.require(Scope::TasksRead)?;
        Ok(principal)
    });
    admitted.map_err(|error| match error {
        AuthError::Refused(refusal) => ApiError::refused(refusal, language),
        failure => ApiError::internal(failure),
    })
}

fn offered_token(headers: &HeaderMap) -> Option<&str> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut words = offers.filter_map(|offer| offer.to_str().ok()).flat_map(|offer| offer.split(','));
    words.find_map(|word| word.trim().strip_prefix(TOKEN))
}
