#![doc = include_str!("../README.md")]

/// RFC 6455 and RFC 7692, the server's side.
pub mod websocket;
/// Engine.IO v4: ordered messages over polling or WebSocket.
pub mod engine;
/// Socket.IO v5: namespaces, events, acknowledgements and rooms.
pub mod socketio;

/// What HTTP runs on.
mod write_timeout;
/// Values and limits.
pub mod config;
/// What a server tells about itself.
pub mod hooks;

pub use config::Config;
pub use write_timeout::WriteTimeout;
