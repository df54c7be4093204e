//! The WebSocket protocol as a server speaks it.
//!
//! Framing is pure: bytes go in, messages come out, and the other way round; who
//! reads and writes the socket is somebody else's business. Frames to clients are not
//! masked, so one framed (and compressed) message serves any number of sockets.
//!
//! ```
//! use bytes::BytesMut;
//! use realtime::websocket::{Decoder, Limits, Message, Opcode, frame};
//!
//! // What a client sends: "Hello", masked (RFC 6455, section 5.7).
//! let mut input = BytesMut::from(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58][..]);
//! let mut decoder = Decoder::new(Limits::default(), false);
//! assert_eq!(decoder.decode(&mut input)?, Some(Message::Text("Hello".into())));
//! assert_eq!(decoder.decode(&mut input)?, None);
//!
//! // What a server answers.
//! assert_eq!(&frame::frame(Opcode::Text, false, b"Hi")[..], [0x81, 2, b'H', b'i']);
//! # Ok::<(), realtime::websocket::Violation>(())
//! ```
//!
//! Read in this order.

/// From an HTTP request to an open WebSocket, or to a clear refusal.
pub mod handshake;
/// Frames of a server.
pub mod frame;
/// Frames of a client, back to messages.
pub mod decoder;
/// permessage-deflate: negotiation, compression, bounded inflation.
pub mod deflate;
/// What a client did wrong.
mod violation;
/// A socket for protocols that need no more than messages.
mod connection;

pub use connection::{Connection, Ended};
pub use decoder::{CloseReason, Decoder, Limits, Message};
pub use deflate::{Deflate, Window};
pub use frame::Opcode;
pub use handshake::{Accepted, Offer, Refusal};
pub use violation::Violation;
