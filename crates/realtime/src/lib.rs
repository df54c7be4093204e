//! Engine.IO v4 and Socket.IO v5 for servers on hyper and axum.
//!
//! Read in this order.

/// RFC 6455 and RFC 7692, the server's side.
pub mod websocket;

/// Namespaces, events and acknowledgements.
pub mod socketio;
/// Engine.IO v4: ordered messages over polling or WebSocket.
pub mod engine;
/// Values and limits.
pub mod config;
/// What a server tells about itself.
pub mod hooks;

pub use config::Config;
