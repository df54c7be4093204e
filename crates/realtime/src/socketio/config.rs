use std::time::Duration;

use super::limits::PacketLimits;

/// Limits of one connection above Engine.IO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// A connection that has joined no namespace for this long is closed.
    pub connect_timeout: Duration,
    /// Namespaces that one connection may have joined at a time.
    pub namespaces: usize,
    /// Bytes of packets that wait for the application; beyond it nothing more
    /// is taken from the transport.
    pub mailbox_bytes: usize,
    /// What one packet may ask for.
    pub packets: PacketLimits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            connect_timeout: Duration::from_secs(45),
            namespaces: 16,
            mailbox_bytes: 256 << 10,
            packets: PacketLimits::default(),
        }
    }
}
