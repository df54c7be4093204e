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
/// Why connections end.
mod close;
/// What the application holds of a connection.
mod socket;
/// The state of a connection that all its parts share.
mod session;
/// Unguessable names of connections.
mod id;
/// All connections, and the end of all.
mod server;

pub use close::CloseReason;
pub use id::SessionId;
pub use message::{Message, Outgoing};
pub use server::Server;
pub use socket::{Closed, PeerAddress, Request, Sender, Socket, Transport, TrySendError};
