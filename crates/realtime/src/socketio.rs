//! Socket.IO v5: packets, the two parsers, and what an application has of a
//! connection.

mod assemble;
mod json;
mod limits;
mod malformed;
mod packet;

/// The default parser.
pub mod text;

/// The msgpack parser.
pub mod msgpack;

pub use assemble::Assembler;
pub use limits::PacketLimits;
pub use malformed::{Malformed, Reason};
pub use packet::{Packet, PacketKind, Placeholder, Refusal};
