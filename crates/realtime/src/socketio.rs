//! Socket.IO v5: namespaces, events, acknowledgements and rooms.
//!
//! An application is one async function from a [`Connection`] to `()`; see
//! [`serve`]. It takes what its client does with [`Connection::next`], in order,
//! and sends to it, from anywhere, through a [`Socket`]: one client in one
//! namespace.
//!
//! Read in this order.

/// A packet as applications see it.
mod packet;
/// What one packet may ask for.
mod limits;
/// What can be wrong with a packet.
mod malformed;
/// JSON within limits.
mod json;
/// The default parser.
pub mod text;
/// The msgpack parser.
pub mod msgpack;
/// Packets and their attachments, put together.
mod assemble;

/// Events that the application sends.
mod event;
/// One client in one namespace.
mod socket;
/// Groups of clients.
mod rooms;
/// What an application has of a connection.
mod connection;
/// Limits of one connection.
mod config;
/// What the parts of one connection share.
mod shared;
/// Runs an application for one connection.
mod serve;

pub use assemble::Assembler;
pub use config::Config;
pub use connection::{Acknowledge, Connect, Connection, Incoming, IncomingEvent};
pub use event::{EncodeError, Event, EventBuilder, Parser};
pub use limits::PacketLimits;
pub use malformed::{Malformed, Reason};
pub use packet::{Packet, PacketKind, Placeholder, Refusal};
pub use rooms::Rooms;
pub use serve::serve;
pub use socket::{AckError, Acknowledgement, EmitError, Socket};
