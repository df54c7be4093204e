//! What a server tells about itself, for metrics and logs.

use crate::engine::{CloseReason, SessionId, Transport};

/// Called by the server as things happen; every method does nothing unless it
/// is implemented. Called on the connections' own tasks: count, do not wait.
pub trait Hooks: Send + Sync + 'static {
    /// A connection was opened.
    fn opened(&self, id: SessionId, transport: Transport) {
        let _ = (id, transport);
    }

    /// A connection ended; `transport` is its last one.
    fn closed(&self, id: SessionId, transport: Transport, reason: CloseReason) {
        let _ = (id, transport, reason);
    }

    /// A handshake was refused.
    fn refused(&self, refusal: HandshakeRefused) {
        let _ = refusal;
    }

    /// An attempt to change from polling to WebSocket ended.
    fn upgrade(&self, id: SessionId, outcome: UpgradeOutcome) {
        let _ = (id, outcome);
    }

    /// Packets came in, with their bytes as received.
    fn received(&self, transport: Transport, packets: usize, bytes: usize) {
        let _ = (transport, packets, bytes);
    }

    /// What was queued as one went out, `packets` times, with its bytes as
    /// sent.
    fn sent(&self, transport: Transport, packets: usize, bytes: usize) {
        let _ = (transport, packets, bytes);
    }

    /// The bytes waiting in all outgoing queues changed.
    fn queued(&self, change: isize) {
        let _ = change;
    }

    /// A message was compressed, once for all its receivers.
    fn compressed(&self, before: usize, after: usize) {
        let _ = (before, after);
    }
}

/// Why a handshake or a request of a session was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeRefused {
    /// `transport` is neither `polling` nor `websocket`.
    UnknownTransport,
    /// No session has the `sid`.
    UnknownSession,
    /// A handshake that is not a GET.
    BadMethod,
    /// Anything else that makes no sense.
    BadRequest,
    /// `EIO` is not 4.
    UnsupportedVersion,
    /// The limit of connections or of open handshakes is reached.
    TooMany,
    /// The server is shutting down.
    ShuttingDown,
}

/// How a change from polling to WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpgradeOutcome {
    /// The connection goes on over WebSocket.
    Completed,
    /// The client did not complete it in time; polling goes on.
    TimedOut,
    /// The client did something else or hung up; polling goes on.
    Failed,
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}
