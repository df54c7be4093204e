use std::time::Duration;

/// Values of the protocol and limits. The defaults are those of the reference
/// implementation where it has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time from the handshake, or from the last pong, to the next ping.
    pub ping_interval: Duration,
    /// Time that a client has to answer a ping.
    pub ping_timeout: Duration,
    /// Longest message, and longest body of a polling request or answer.
    pub max_payload_bytes: usize,
    /// Whether polling clients may change to WebSocket.
    pub allow_upgrades: bool,
    /// Time for a change from polling to WebSocket, and for the handshake of a
    /// WebSocket.
    pub upgrade_timeout: Duration,
    /// Most packets in one polling answer; python-engineio hangs up on more
    /// than 16.
    pub polling_packets: usize,
    /// permessage-deflate; `None` is off.
    pub deflate: Option<DeflateConfig>,
    /// Bytes queued for a client from which on a sender waits. One message more
    /// than this may be queued, so that any message can be sent.
    pub outgoing_bytes: usize,
    /// Bytes of received messages that wait for the application; beyond it
    /// nothing more is read.
    pub incoming_bytes: usize,
    /// A client that takes no byte for this long, while there are some for it,
    /// is gone.
    pub write_timeout: Duration,
    /// Time for the goodbye of a connection that the server closes.
    pub close_timeout: Duration,
    /// Packets per second that one client may send. Beyond it nothing more is
    /// read, and the application may tell it before the connection ends.
    pub packets_per_second: Option<Rate>,
    /// Bytes per second that one client may send; the same beyond it.
    pub bytes_per_second: Option<Rate>,
    /// Most connections; one more is refused with status 503.
    pub max_connections: Option<usize>,
    /// Most WebSocket handshakes that are not complete; one more is refused
    /// with status 503.
    pub max_handshakes: Option<usize>,
}

/// When and how messages to WebSocket clients are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateConfig {
    /// Shorter messages are sent as they are.
    pub threshold_bytes: usize,
}

/// What a token bucket lets through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Sustained.
    pub per_second: f64,
    /// At once, after a pause.
    pub burst: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload_bytes: 1_000_000,
            allow_upgrades: true,
            upgrade_timeout: Duration::from_secs(10),
            polling_packets: 16,
            deflate: None,
            outgoing_bytes: 1 << 20,
            incoming_bytes: 256 << 10,
            write_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(2),
            packets_per_second: None,
            bytes_per_second: None,
            max_connections: None,
            max_handshakes: None,
        }
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self { threshold_bytes: crate::websocket::deflate::DEFAULT_THRESHOLD_BYTES }
    }
}
