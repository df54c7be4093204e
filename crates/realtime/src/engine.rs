//! Engine.IO v4: one ordered, bounded, bidirectional stream of messages per
//! client, over long polling or WebSocket.
//!
//! An application is one async function from a [`Socket`] to `()`. It runs once
//! per connection, on the same task as the connection's input and output, so
//! what it does for one client happens in order and never concurrently. When
//! it returns, what was sent is flushed and the connection closes.
//!
//! Read in this order.

/// What is sent and received, and its wire forms.
mod message;
/// What the application holds of a connection.
mod socket;
/// Why connections end.
mod close;
/// Unguessable names of connections.
mod id;
/// All connections, and the end of all.
mod server;
/// From an HTTP request to its answer.
mod service;
/// Answers.
mod reply;
/// The state of a connection that all its parts share.
mod session;
/// Queueing for the client, in turn.
mod sending;
/// The task of a connection.
mod connection;
/// The requests of a polling client.
mod polling;
/// The change from polling to WebSocket.
mod upgrade;
/// A WebSocket and its frames.
mod wire;
/// What a WebSocket runs on.
pub(crate) mod stream;
/// What a client may send.
mod packet;
/// How much a client may send.
mod rate;

pub use close::CloseReason;
pub use id::SessionId;
pub use message::{Message, Outgoing};
pub use rate::Allowance;
pub use server::Server;
pub use socket::{Closed, PeerAddress, Request, Sender, Socket, Transport, TrySendError};
