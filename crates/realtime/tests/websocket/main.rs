//! The WebSocket half against the RFCs' examples, its own rules, random streams and tokio-tungstenite.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod client;
mod connection;
mod decoder;
mod deflate;
mod frame;
mod fuzz;
mod handshake;
mod peer;
mod round_trip;
