//! What can be wrong with a packet that a client sent.

use serde_json::Value;

use super::packet::PacketKind;

/// What is wrong with a packet, and where an answer to it would go.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    /// Namespace of the packet, if it could be read.
    pub namespace: Option<String>,
    /// Id of the acknowledgement that the client waits for, if it could be read.
    pub id: Option<u64>,
    /// Binary messages that belong to the packet and mean nothing without it.
    pub attachments: u64,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a packet.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    /// Nothing to read.
    #[error("a packet starts with its type, 0 to 6; this one is empty")]
    Empty,
    /// No type that exists.
    #[error("a packet starts with its type, 0 to 6; found {0}")]
    UnknownType(String),
    /// A binary packet without the number of its attachments.
    #[error("a binary packet names how many attachments follow, as in 51-; found {0:?}")]
    AttachmentCount(String),
    /// More attachments than are taken.
    #[error("a packet has at most {allowed} attachments; found {found}")]
    TooManyAttachments {
        /// Announced by the packet.
        found: u64,
        /// By the limits.
        allowed: usize,
    },
    /// Attachments that are too large together.
    #[error("the attachments of a packet have at most {allowed} bytes together; found {found}")]
    AttachmentBytes {
        /// Counted so far.
        found: usize,
        /// By the limits.
        allowed: usize,
    },
    /// A placeholder for an attachment that is not there.
    #[error("a placeholder points at attachment {num}; the packet has {count}, counted from 0")]
    NoSuchAttachment {
        /// What the placeholder says.
        num: usize,
        /// Attachments of the packet.
        count: usize,
    },
    /// Binary data that belongs to nothing.
    #[error("a binary message that no packet announced")]
    UnexpectedAttachment,
    /// A packet in the midst of another one's attachments.
    #[error("a packet while {missing} attachments of the one before are still to come")]
    MissingAttachments {
        /// How many were announced and have not come.
        missing: usize,
    },
    /// A namespace that no packet could be sent to.
    #[error("a namespace starts with / and has no comma; found {0:?}")]
    Namespace(String),
    /// Digits that are no u64.
    #[error("an acknowledgement id is at most 18446744073709551615; found {0}")]
    IdTooLarge(String),
    /// Something else than a number.
    #[error("an acknowledgement id is a whole number from 0; found {0}")]
    IdNotANumber(&'static str),
    /// An answer to nothing.
    #[error("an acknowledgement names the id it answers")]
    AckWithoutId,
    /// Not JSON.
    #[error("the payload is not JSON: {0}")]
    NotJson(String),
    /// Not msgpack.
    #[error("the payload is not msgpack: {what} at byte {at}")]
    NotMsgpack {
        /// What was found or missing there.
        what: String,
        /// Counted from 0.
        at: usize,
    },
    /// A packet of the msgpack parser without a field it needs.
    #[error("a packet is a map with type, nsp and data; {0}")]
    Field(&'static str),
    /// Too deep to be read safely.
    #[error("values are nested at most {allowed} deep")]
    TooDeep {
        /// By the limits.
        allowed: usize,
    },
    /// More values than a packet may unfold to.
    #[error("a packet has at most {allowed} values")]
    TooManyValues {
        /// By the limits.
        allowed: usize,
    },
    /// Data that a packet of this kind cannot have.
    #[error("{}; found {found}", expectation(*kind))]
    Data {
        /// Kind of the packet.
        kind: PacketKind,
        /// What its data is.
        found: &'static str,
    },
    /// A kind of packet that clients do not send.
    #[error("only a server sends CONNECT_ERROR")]
    ConnectError,
    /// Text on a connection that began with binary packets.
    #[error("a text message on a connection of the msgpack parser")]
    TextForMsgpack,
    /// A packet for a namespace that was not joined.
    #[error("the namespace was not joined")]
    NotJoined,
    /// A second CONNECT.
    #[error("the namespace was joined before")]
    JoinedBefore,
    /// One CONNECT too many.
    #[error("a connection joins at most {allowed} namespaces")]
    TooManyNamespaces {
        /// By the limits.
        allowed: usize,
    },
}

fn expectation(kind: PacketKind) -> &'static str {
    match kind {
        PacketKind::Connect => "the payload of a CONNECT is an object",
        PacketKind::Disconnect => "a DISCONNECT has no payload",
        PacketKind::Event => "an event is an array that starts with its name",
        PacketKind::Ack => "an acknowledgement is an array of arguments",
        PacketKind::ConnectError => "a CONNECT_ERROR has an object or a string",
    }
}

impl Malformed {
    /// Before a namespace could be read.
    pub(super) fn unaddressed(reason: Reason) -> Malformed {
        Malformed { namespace: None, id: None, attachments: 0, reason }
    }
}

/// As much of a client's text as an error message should repeat.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS: usize = 20;
    match text.char_indices().nth(CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The JSON name of what a value is.
pub(super) fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(array)) if array.is_empty() => "an empty array",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    }
}
