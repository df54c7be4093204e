/// What a client did wrong; the connection is to be closed with [`close_code`](Self::close_code) and the text
/// as the reason. Nothing after it can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A reserved bit that no negotiated extension gives a meaning.
    #[error("reserved bits {bits:#05b} are set, no extension uses them here")]
    ReservedBits {
        /// RSV1, RSV2, RSV3 from the highest bit down.
        bits: u8,
    },
    /// An opcode that the RFC reserves.
    #[error("opcode {opcode:#x} is reserved")]
    ReservedOpcode {
        /// The opcode found.
        opcode: u8,
    },
    /// Frames of clients have to be masked.
    #[error("a frame from a client must be masked")]
    Unmasked,
    /// The length has a shorter form, which is obligatory.
    #[error("a length of {length} bytes is not in its shortest form")]
    LengthNotMinimal {
        /// The payload's length.
        length: u64,
    },
    /// The most significant bit of a 64 bit length is set.
    #[error("a length of 2^63 bytes or more is not allowed")]
    LengthOverflow,
    /// A ping, pong or close frame that is not the last of its message.
    #[error("a control frame must not be fragmented")]
    FragmentedControl,
    /// A ping, pong or close frame of more than 125 bytes.
    #[error("a control frame holds at most 125 bytes")]
    ControlTooLong,
    /// A continuation without a message to continue.
    #[error("a continuation frame without a message to continue")]
    NothingToContinue,
    /// A new message inside of a fragmented one.
    #[error("a new message began before the last one ended")]
    MessageNotFinished,
    /// A close frame with one byte, which is half a code.
    #[error("a close frame of 1 byte holds no code")]
    CloseTooShort,
    /// A code that must not appear in a frame.
    #[error("close code {code} must not be sent")]
    CloseCode {
        /// The code found.
        code: u16,
    },
    /// Text that is not UTF-8.
    #[error("text is not valid UTF-8")]
    NotUtf8,
    /// A message longer than the limit, as sent.
    #[error("a message of {found} bytes is more than {allowed}")]
    TooBig {
        /// Bytes known to belong to the message; there may be more.
        found: u64,
        /// The limit.
        allowed: usize,
    },
    /// A compressed message longer than the limit once it is inflated.
    #[error("a message inflates to more than {allowed} bytes")]
    InflatesTooBig {
        /// The limit.
        allowed: usize,
    },
    /// Compressed data that cannot be inflated.
    #[error("a compressed message cannot be inflated")]
    NotDeflate,
}

impl Violation {
    /// The code of the close frame that tells the client: 1002, 1007 or 1009.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::NotUtf8 | Self::NotDeflate => 1007,
            Self::TooBig { .. } | Self::InflatesTooBig { .. } => 1009,
            _ => 1002,
        }
    }
}
