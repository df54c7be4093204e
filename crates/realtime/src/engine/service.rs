use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::connection;
use super::id::SessionId;
use super::message::Outgoing;
use super::polling;
use super::reply::{self, Reply};
use super::server::{Server, Shared};
use super::session::Session;
use super::socket::{PeerAddress, Request, Transport};
use super::stream::Stream;
use super::upgrade;
use super::wire::Wire;
use crate::hooks::HandshakeRefused;
use crate::websocket::{Accepted, Deflate, Offer, handshake};

impl<B> Service<http::Request<B>> for Server
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let shared = self.shared.clone();
        Box::pin(async move {
            Ok(match answer(&shared, request).await {
                Ok(reply) => reply,
                Err(refusal) => {
                    shared.hooks.refused(refusal);
                    reply::refused(refusal)
                }
            })
        })
    }
}

async fn answer<B>(shared: &Arc<Shared>, request: http::Request<B>) -> Result<Reply, HandshakeRefused>
where
    B: Body<Data = Bytes>,
{
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let transport = query.transport.ok_or(HandshakeRefused::UnknownTransport)?;
    if let Some(sid) = query.sid {
        let session = sid.and_then(|sid| shared.find(sid)).ok_or(HandshakeRefused::UnknownSession)?;
        return match (transport, request.method()) {
            (Transport::WebSocket, _) => answer_upgrade(shared, request, session),
            (Transport::Polling, &Method::GET) => {
                drop(request);
                polling::get(session).await
            }
            (Transport::Polling, &Method::POST) => {
                let (parts, body) = request.into_parts();
                polling::post(session, &parts.headers, body).await
            }
            (Transport::Polling, _) => Ok(method_not_allowed()),
        };
    }
    if request.method() != Method::GET {
        return Err(HandshakeRefused::BadMethod);
    }
    if !query.version_is_4 {
        return Err(HandshakeRefused::UnsupportedVersion);
    }
    if shared.is_shutting_down() {
        return Err(HandshakeRefused::ShuttingDown);
    }
    match transport {
        Transport::Polling => open_polling(shared, request),
        Transport::WebSocket => open_websocket(shared, request),
    }
}

fn open_polling<B>(shared: &Arc<Shared>, request: http::Request<B>) -> Result<Reply, HandshakeRefused> {
    let Some(session) = new_session(shared, Transport::Polling)? else { return Ok(no_randomness()) };
    let open = open_packet(&session, if shared.config.allow_upgrades { r#""websocket""# } else { "" });
    shared.hooks.opened(session.id, Transport::Polling);
    tokio::spawn(connection::run(session, handshake_request(request), None));
    Ok(reply::packets(open.into()))
}

fn open_websocket<B>(shared: &Arc<Shared>, mut request: http::Request<B>) -> Result<Reply, HandshakeRefused> {
    let accepted = match accept(shared, &request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(not_websocket(&refusal)),
    };
    let handshake = Handshake::begin(shared)?;
    let Some(session) = new_session(shared, Transport::WebSocket)? else { return Ok(no_randomness()) };
    let upgrade = hyper::upgrade::on(&mut request);
    let request = handshake_request(request);
    let deflate = accepted.deflate;
    tokio::spawn(async move {
        let upgraded = timeout(session.server.config.upgrade_timeout, upgrade).await;
        drop(handshake);
        match upgraded {
            Ok(Ok(upgraded)) => serve_websocket(session, request, upgraded, deflate).await,
            _ => session.server.forget(session.id),
        }
    });
    Ok(switching(&accepted))
}

async fn serve_websocket(
    session: Arc<Session>,
    mut request: Box<Request>,
    upgraded: Upgraded,
    deflate: Option<Deflate>,
) {
    let wire = wire(upgraded, deflate, &session, &mut request);
    session.push(Outgoing::control(&open_packet(&session, "")));
    session.server.hooks.opened(session.id, Transport::WebSocket);
    connection::run(session, request, Some(wire)).await;
}

fn wire(upgraded: Upgraded, deflate: Option<Deflate>, session: &Session, request: &mut Request) -> Box<Wire> {
    let (stream, read_ahead) = Stream::new(upgraded);
    request.peer = request.peer.or_else(|| stream.peer());
    Wire::new(stream, read_ahead, deflate, &session.server.config)
}

fn answer_upgrade<B>(
    shared: &Arc<Shared>,
    mut request: http::Request<B>,
    session: Arc<Session>,
) -> Result<Reply, HandshakeRefused> {
    let accepted = match accept(shared, &request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(not_websocket(&refusal)),
    };
    let handshake = Handshake::begin(shared)?;
    let attempt = upgrade::Attempt::begin(&session);
    let on_upgrade = hyper::upgrade::on(&mut request);
    let deflate = accepted.deflate;
    tokio::spawn(async move {
        let config = &session.server.config;
        let upgraded = timeout(config.upgrade_timeout, on_upgrade).await;
        drop(handshake);
        if let Ok(Ok(upgraded)) = upgraded {
            let (stream, read_ahead) = Stream::new(upgraded);
            let wire = Wire::new(stream, read_ahead, deflate, config);
            upgrade::attempt(session.clone(), wire, attempt).await;
        }
    });
    Ok(switching(&accepted))
}

/// Checks the WebSocket handshake.
fn accept<B>(shared: &Shared, request: &http::Request<B>) -> Result<Accepted, handshake::Refusal> {
    let offer = Offer { deflate: shared.config.deflate.is_some(), ..Offer::default() };
    handshake::accept(request, &offer).inspect_err(|_| shared.hooks.refused(HandshakeRefused::BadRequest))
}

fn not_websocket(refusal: &handshake::Refusal) -> Reply {
    refusal.response().map(|text| Full::new(text.into()))
}

fn switching(accepted: &Accepted) -> Reply {
    accepted.response().map(|()| Full::new(Bytes::new()))
}

/// `None` when the operating system has no randomness.
fn new_session(shared: &Arc<Shared>, transport: Transport) -> Result<Option<Arc<Session>>, HandshakeRefused> {
    let Ok(id) = SessionId::random() else { return Ok(None) };
    let session = Session::new(id, shared.clone(), transport, Instant::now());
    if shared.admit(&session) { Ok(Some(session)) } else { Err(HandshakeRefused::TooMany) }
}

/// The first packet of a connection.
fn open_packet(session: &Session, upgrades: &str) -> String {
    let config = &session.server.config;
    format!(
        r#"0{{"sid":"{}","upgrades":[{upgrades}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
        session.id,
        config.ping_interval.as_millis(),
        config.ping_timeout.as_millis(),
        config.max_payload_bytes,
    )
}

fn handshake_request<B>(request: http::Request<B>) -> Box<Request> {
    let (mut parts, _) = request.into_parts();
    parts.extensions.remove::<OnUpgrade>();
    let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
    Box::new(Request { uri: parts.uri, headers: parts.headers, peer, extensions: parts.extensions })
}

fn method_not_allowed() -> Reply {
    let mut reply = reply::refused(HandshakeRefused::BadRequest);
    *reply.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    reply
}

fn no_randomness() -> Reply {
    reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
}

/// One of the handshakes that are under way.
struct Handshake(Arc<Shared>);

impl Handshake {
    fn begin(shared: &Arc<Shared>) -> Result<Self, HandshakeRefused> {
        let before = shared.handshakes.fetch_add(1, Ordering::Relaxed);
        let handshake = Self(shared.clone());
        match shared.config.max_handshakes {
            Some(most) if before >= most => Err(HandshakeRefused::TooMany),
            _ => Ok(handshake),
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the query says.
#[derive(Debug, Default, PartialEq)]
struct Query {
    version_is_4: bool,
    transport: Option<Transport>,
    /// Inside is `None` when it is none of ours.
    sid: Option<Option<SessionId>>,
}

impl Query {
    /// The last of several equal names holds.
    fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for pair in query.split('&') {
            match pair.split_once('=') {
                Some(("EIO", version)) => parsed.version_is_4 = version == "4",
                Some(("transport", "polling")) => parsed.transport = Some(Transport::Polling),
                Some(("transport", "websocket")) => parsed.transport = Some(Transport::WebSocket),
                Some(("transport", _)) => parsed.transport = None,
                Some(("sid", sid)) if !sid.is_empty() => parsed.sid = Some(SessionId::parse(sid)),
                _ => {}
            }
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whatever_its_order() {
        let id = SessionId::random().unwrap();
        let query = Query::parse(&format!("t=x&sid={id}&transport=polling&EIO=4&b64"));
        let polling = Some(Transport::Polling);
        assert_eq!(query, Query { version_is_4: true, transport: polling, sid: Some(Some(id)) });
        assert_eq!(Query::parse("EIO=3&transport=x&sid=y"), Query { sid: Some(None), ..Query::default() });
        assert_eq!(Query::parse(""), Query::default());
    }
}
