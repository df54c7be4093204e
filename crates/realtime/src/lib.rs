//! Engine.IO v4 and Socket.IO v5 for servers on hyper and axum.
//!
//! Read in this order.

/// RFC 6455 and RFC 7692, the server's side.
pub mod websocket;
