//! What one packet may ask for.

/// Values in values deeper than this are not read. The stack is finite.
pub(super) const DEPTH: usize = 100;

/// What one packet from a client may unfold to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketLimits {
    /// Binary attachments of a packet.
    pub attachments: usize,
    /// Bytes of all attachments of a packet together.
    pub attachment_bytes: usize,
    /// Values (numbers, strings, arrays, objects...) of a packet. Three bytes
    /// on the wire can become an object that takes hundreds in memory.
    pub values: usize,
}

impl Default for PacketLimits {
    fn default() -> PacketLimits {
        PacketLimits { attachments: 10, attachment_bytes: 1_000_000, values: 50_000 }
    }
}
