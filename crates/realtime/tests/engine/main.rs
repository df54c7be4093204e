//! The Engine.IO layer, from outside: real sockets, real requests.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

/// A server to talk to, and ways to talk to it.
mod support;

/// Opening a connection, or not.
mod handshake;
/// Messages over long polling.
mod polling;
/// Messages over WebSocket.
mod websocket;
/// From polling to WebSocket.
mod upgrade;
/// Pings, pongs and their absence.
mod heartbeat;
/// permessage-deflate.
mod deflate;
/// Exact times, on a stream of another kind.
mod clock;
/// The end, from either side.
mod close;
/// What is too large or too fast.
mod limits;
/// Clients that do not read, and the end of the server.
mod stalled;
