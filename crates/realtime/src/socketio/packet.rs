//! A packet of Socket.IO v5 as applications see it, however it was written on
//! the wire.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::malformed::{Reason, kind_of};

/// One packet.
///
/// Binary data is kept apart: where it belongs, `data` has the placeholder
/// object of the default parser, `{"_placeholder": true, "num": n}`, which
/// points at `attachments[n]`. Both parsers read and write this one form.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// What it is for.
    pub kind: PacketKind,
    /// Namespace it belongs to, `/` if none was named; without a query.
    pub namespace: String,
    /// Id of an acknowledgement: asked for by an event, answered by an ack.
    pub id: Option<u64>,
    /// Arguments of events and acks (an array, the event's name first), the
    /// `auth` of a CONNECT, the reason of a CONNECT_ERROR.
    pub data: Option<Value>,
    /// Binary data that placeholders in `data` point at.
    pub attachments: Vec<Bytes>,
}

/// The five kinds of packet. With attachments an event or ack is a
/// BINARY_EVENT or BINARY_ACK in the default parser's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// Asks to join a namespace, or says that it was joined.
    Connect,
    /// Leaves a namespace.
    Disconnect,
    /// An event with its arguments.
    Event,
    /// The answer to an event.
    Ack,
    /// Refuses to let a client join.
    ConnectError,
}

impl PacketKind {
    /// The number on the wire, for a packet without attachments.
    pub(super) fn number(self) -> u8 {
        match self {
            PacketKind::Connect => 0,
            PacketKind::Disconnect => 1,
            PacketKind::Event => 2,
            PacketKind::Ack => 3,
            PacketKind::ConnectError => 4,
        }
    }

    /// Both ways of asking for or giving an answer carry an id.
    pub(super) fn has_id(self) -> bool {
        matches!(self, PacketKind::Event | PacketKind::Ack)
    }
}

/// The data of a packet, if a packet of this kind can have it. What says
/// nothing (`null`) is nothing.
pub(super) fn checked_data(kind: PacketKind, data: Option<Value>) -> Result<Option<Value>, Reason> {
    let fits = match (kind, &data) {
        (PacketKind::Connect | PacketKind::Disconnect, None | Some(Value::Null)) => return Ok(None),
        (PacketKind::Connect, Some(Value::Object(_))) => true,
        (PacketKind::Event, Some(Value::Array(arguments))) => {
            if !matches!(arguments.first(), None | Some(Value::String(_))) {
                return Err(Reason::Data { kind, found: "an array that starts with something else" });
            }
            !arguments.is_empty()
        }
        (PacketKind::Ack, Some(Value::Array(_))) => true,
        (PacketKind::ConnectError, Some(Value::Object(_) | Value::String(_))) => true,
        _ => false,
    };
    if fits { Ok(data) } else { Err(Reason::Data { kind, found: kind_of(data.as_ref()) }) }
}

/// Why a client may not join a namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// For people; the `message` of the client's error.
    pub message: String,
    /// For programs; the `data` of the client's error.
    pub data: Option<Value>,
}

impl Refusal {
    /// A reason for people alone.
    pub fn new(message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), data: None }
    }

    /// A reason with a code, which clients find in `error.data.code`.
    pub fn with_code(message: impl Into<String>, code: &str) -> Refusal {
        Refusal { message: message.into(), data: Some(json!({ "code": code })) }
    }

    fn to_value(&self) -> Value {
        match &self.data {
            None => json!({ "message": self.message }),
            Some(data) => json!({ "message": self.message, "data": data }),
        }
    }
}

impl Packet {
    /// Says that a namespace was joined, under this session id.
    pub fn connect(namespace: &str, sid: &str) -> Packet {
        Packet::bare(PacketKind::Connect, namespace, Some(json!({ "sid": sid })))
    }

    /// Refuses to let a client join.
    pub fn connect_error(namespace: &str, refusal: &Refusal) -> Packet {
        Packet::bare(PacketKind::ConnectError, namespace, Some(refusal.to_value()))
    }

    /// Leaves a namespace, or puts a client out of it.
    pub fn disconnect(namespace: &str) -> Packet {
        Packet::bare(PacketKind::Disconnect, namespace, None)
    }

    /// An event. [`Event`](super::Event) encodes one without building values.
    pub fn event(namespace: &str, name: &str, arguments: Vec<Value>) -> Packet {
        let mut data = Vec::with_capacity(arguments.len() + 1);
        data.push(Value::from(name));
        data.extend(arguments);
        Packet::bare(PacketKind::Event, namespace, Some(Value::Array(data)))
    }

    /// The answer to the event that asked for it under this id.
    pub fn ack(namespace: &str, id: u64, arguments: Vec<Value>) -> Packet {
        Packet { id: Some(id), ..Packet::bare(PacketKind::Ack, namespace, Some(Value::Array(arguments))) }
    }

    /// The same with binary data, which placeholders in `data` point at.
    pub fn with_attachments(self, attachments: Vec<Bytes>) -> Packet {
        Packet { attachments, ..self }
    }

    fn bare(kind: PacketKind, namespace: &str, data: Option<Value>) -> Packet {
        Packet { kind, namespace: namespace.to_owned(), id: None, data, attachments: Vec::new() }
    }
}

/// Stands for the attachment of this number in the data of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder(pub usize);

impl Placeholder {
    /// The placeholder that a value is, if it is one.
    pub fn of(value: &Value) -> Option<Placeholder> {
        let object = value.as_object()?;
        if object.get("_placeholder") != Some(&Value::Bool(true)) {
            return None;
        }
        usize::try_from(object.get("num")?.as_u64()?).ok().map(Placeholder)
    }
}

impl Serialize for Placeholder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut object = serializer.serialize_struct("Placeholder", 2)?;
        object.serialize_field("_placeholder", &true)?;
        object.serialize_field("num", &self.0)?;
        object.end()
    }
}

impl From<Placeholder> for Value {
    fn from(placeholder: Placeholder) -> Value {
        json!({ "_placeholder": true, "num": placeholder.0 })
    }
}
