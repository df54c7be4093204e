use std::fmt;

/// Why a connection ended, or is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client said goodbye: a close packet or a WebSocket close frame.
    ClientClosed,
    /// The application returned or closed the connection.
    ServerClosed,
    /// The server is shutting down.
    Shutdown,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client took no byte for the write timeout.
    WriteTimeout,
    /// The TCP connection ended without a goodbye.
    TransportError,
    /// The client broke the WebSocket or the Engine.IO protocol.
    ProtocolError,
    /// A message or a request body above the limit.
    PayloadTooLarge,
    /// The client sent more packets per second than allowed.
    TooManyPackets,
    /// The client sent more bytes per second than allowed.
    TooManyBytes,
    /// Two GET or two POST requests at once for the same session.
    OverlappingRequests,
    /// The client gave up a poll that was waiting for its answer.
    PollAborted,
    /// The application panicked.
    ApplicationPanicked,
}

impl CloseReason {
    /// The same in one word, for logs and labels of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ServerClosed => "server_closed",
            Self::Shutdown => "shutdown",
            Self::PingTimeout => "ping_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::TransportError => "transport_error",
            Self::ProtocolError => "protocol_error",
            Self::PayloadTooLarge => "payload_too_large",
            Self::TooManyPackets => "too_many_packets",
            Self::TooManyBytes => "too_many_bytes",
            Self::OverlappingRequests => "overlapping_requests",
            Self::PollAborted => "poll_aborted",
            Self::ApplicationPanicked => "application_panicked",
        }
    }

    /// Whether what is queued is still to be delivered before the end.
    pub(crate) fn is_orderly(self) -> bool {
        matches!(self, Self::ServerClosed | Self::Shutdown) || self.is_excess()
    }

    /// Whether the client sent more than it may. Nothing more is read from it,
    /// but it is told.
    pub(crate) fn is_excess(self) -> bool {
        matches!(self, Self::TooManyPackets | Self::TooManyBytes)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
