use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Uri};

use super::close::CloseReason;
use super::id::SessionId;
use super::message::{Message, Outgoing};
use super::session::{Phase, Session};

/// How a connection carries its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP requests, one of them waiting for packets.
    Polling,
    /// WebSocket, from the start or after an upgrade.
    WebSocket,
}

impl Transport {
    /// The name in the query parameter `transport`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// The request that opened a connection.
#[derive(Debug)]
pub struct Request {
    /// Path and query.
    pub uri: Uri,
    /// All headers.
    pub headers: HeaderMap,
    /// The other end of the TCP connection, if known: see [`PeerAddress`].
    pub peer: Option<SocketAddr>,
    /// What layers in front of the server left for the application.
    pub extensions: Extensions,
}

/// The other end of the TCP connection, put into the extensions of a request by
/// whoever accepts connections. Without it only WebSocket connections know
/// their peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// One connection, as its application sees it. Dropping it discards what the
/// client still sends; senders go on working until the application returns.
pub struct Socket {
    session: Arc<Session>,
    request: Option<Box<Request>>,
}

impl Socket {
    pub(crate) fn new(session: Arc<Session>, request: Box<Request>) -> Self {
        Self { session, request: Some(request) }
    }

    /// The name of the connection.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// The request that opened the connection, until it was taken.
    pub fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// The same for good. Whoever has read it should drop it: headers are most
    /// of what an idle connection costs.
    pub fn take_request(&mut self) -> Option<Box<Request>> {
        self.request.take()
    }

    /// The transport at this moment.
    pub fn transport(&self) -> Transport {
        self.session.state().transport
    }

    /// The next message of the client, in the order in which it sent them.
    /// `None` when there will be none: the connection ended; or it is to end, for
    /// the server is shutting down or the client sent more than it may, and the
    /// application should say goodbye, which it still can, and return.
    ///
    /// Cancel safe: a message is never lost because the future was dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.session.poll_recv(cx)).await
    }

    /// A way to send; clones of it may go anywhere.
    pub fn sender(&self) -> Sender {
        Sender { session: self.session.clone() }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.session.abandon_inbox();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Sends to one client. Messages of one sender keep their order.
#[derive(Clone)]
pub struct Sender {
    session: Arc<Session>,
}

/// The connection is closed, or closing; nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// Why something was not queued.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrySendError {
    /// The client has not taken enough of what was sent before.
    #[error("the queue of the connection is full")]
    Full(Outgoing),
    /// The connection is closed, or closing.
    #[error("the connection is closed")]
    Closed,
}

impl Sender {
    /// The name of the connection.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// Queues, waiting until there is room; who came first is first. Cancel safe:
    /// either queued or not. Once begun it has to be awaited or dropped, since
    /// those who came later wait for it.
    pub async fn send(&self, outgoing: impl Into<Outgoing>) -> Result<(), Closed> {
        self.session.send(outgoing.into()).await
    }

    /// Queues if there is room at this moment and nobody waits for it: for what is
    /// worthless later.
    pub fn try_send(&self, outgoing: impl Into<Outgoing>) -> Result<(), TrySendError> {
        self.session.try_send(outgoing.into())
    }

    /// Waits until the queue has room and nobody waits to send. Another sender may take it first.
    pub async fn room(&self) -> Result<(), Closed> {
        self.session.room().await
    }

    /// Waits until all that was queued before has been handed to the client's
    /// transport.
    pub async fn flushed(&self) -> Result<(), Closed> {
        self.session.flushed().await
    }

    /// Closes the connection. After `ServerClosed`, `Shutdown`, `TooManyPackets`
    /// and `TooManyBytes` what is queued still goes out; any other reason drops
    /// it. The first reason stands.
    pub fn close(&self, reason: CloseReason) {
        self.session.close(reason);
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.session.state().phase != Phase::Open
    }

    /// Resolves when the connection has ended.
    pub async fn closed(&self) -> CloseReason {
        self.session.closed().await
    }

    /// Why the connection ended or is to end.
    pub fn close_reason(&self) -> Option<CloseReason> {
        let state = self.session.state();
        match state.phase {
            Phase::Open => state.ending,
            Phase::Closing(reason) | Phase::Closed(reason) => Some(reason),
        }
    }

    /// The transport at this moment.
    pub fn transport(&self) -> Transport {
        self.session.state().transport
    }

    /// Bytes that wait for the client.
    pub fn queued_bytes(&self) -> usize {
        self.session.state().outbox.bytes
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("id", &self.id()).finish_non_exhaustive()
    }
}
