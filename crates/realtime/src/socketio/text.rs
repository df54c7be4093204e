//! The default parser of Socket.IO v5: the text between Engine.IO's `4` and the
//! end of the message, `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//! Pure; attachments follow as messages of their own.

use std::fmt::Write as _;

use serde_json::Value;

use super::json;
use super::limits::PacketLimits;
use super::malformed::{Malformed, Reason, excerpt};
use super::packet::{Packet, PacketKind, Placeholder, checked_data};

/// A packet, and how many attachments must follow before it is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The packet, without its attachments.
    pub packet: Packet,
    /// Binary messages that belong to it.
    pub attachments: usize,
}

/// Reads one text message.
pub fn decode(text: &str, limits: &PacketLimits) -> Result<Header, Malformed> {
    let (kind, binary, rest) = read_type(text).map_err(Malformed::unaddressed)?;
    let (announced, rest) =
        if binary { read_attachments(rest).map_err(Malformed::unaddressed)? } else { (0, rest) };
    let (namespace, rest) = read_namespace(rest);
    let malformed =
        |id, reason| Malformed { namespace: Some(namespace.to_owned()), id, attachments: announced, reason };
    let (id, rest) =
        if kind.has_id() { read_id(rest).map_err(|reason| malformed(None, reason))? } else { (None, rest) };
    let checked = || {
        let attachments = usize::try_from(announced)
            .ok()
            .filter(|count| *count <= limits.attachments)
            .ok_or(Reason::TooManyAttachments { found: announced, allowed: limits.attachments })?;
        if kind == PacketKind::Ack && id.is_none() {
            return Err(Reason::AckWithoutId);
        }
        let data = if rest.is_empty() { None } else { Some(json::read(rest, limits)?) };
        let data = checked_data(kind, data)?;
        if let (true, Some(data)) = (binary, &data) {
            check_placeholders(data, attachments)?;
        }
        Ok((data, attachments))
    };
    // Only an event's id has somebody wait for it.
    let waiting = id.filter(|_| kind == PacketKind::Event);
    let (data, attachments) = checked().map_err(|reason| malformed(waiting, reason))?;
    let packet = Packet { kind, namespace: namespace.to_owned(), id, data, attachments: Vec::new() };
    Ok(Header { packet, attachments })
}

/// Writes the text of a packet; its attachments are sent behind it.
pub fn encode(packet: &Packet) -> String {
    let mut text = head(packet.kind, packet.attachments.len(), &packet.namespace, packet.id, 64);
    if let Some(data) = &packet.data {
        // A value prints itself as JSON, and a string takes all of it.
        let _ = write!(text, "{data}");
    }
    text
}

/// The part before the JSON, with room for that.
pub(super) fn head(
    kind: PacketKind,
    attachments: usize,
    namespace: &str,
    id: Option<u64>,
    room: usize,
) -> String {
    let mut text = String::with_capacity(namespace.len() + 32 + room);
    // Writing to a string cannot fail.
    let _ = match attachments {
        count if count > 0 && kind.has_id() => write!(text, "{}{count}-", kind.number() + 3),
        _ => write!(text, "{}", kind.number()),
    };
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    if let Some(id) = id {
        let _ = write!(text, "{id}");
    }
    text
}

fn read_type(text: &str) -> Result<(PacketKind, bool, &str), Reason> {
    let mut chars = text.chars();
    let (kind, binary) = match chars.next() {
        None => return Err(Reason::Empty),
        Some('0') => (PacketKind::Connect, false),
        Some('1') => (PacketKind::Disconnect, false),
        Some('2') => (PacketKind::Event, false),
        Some('3') => (PacketKind::Ack, false),
        Some('4') => (PacketKind::ConnectError, false),
        Some('5') => (PacketKind::Event, true),
        Some('6') => (PacketKind::Ack, true),
        Some(other) => return Err(Reason::UnknownType(format!("{other:?}"))),
    };
    Ok((kind, binary, chars.as_str()))
}

fn read_attachments(text: &str) -> Result<(u64, &str), Reason> {
    let wrong = || Reason::AttachmentCount(excerpt(text));
    let (count, rest) = text.split_once('-').ok_or_else(wrong)?;
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok((count.parse().map_err(|_| wrong())?, rest))
}

/// A namespace ends at the first comma; without one it is all there is. Query
/// parameters may trail it.
fn read_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    (without_query(namespace), rest)
}

/// The namespace itself.
pub(super) fn without_query(namespace: &str) -> &str {
    namespace.split_once('?').map_or(namespace, |(namespace, _)| namespace)
}

fn read_id(text: &str) -> Result<(Option<u64>, &str), Reason> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((None, text));
    }
    let (id, rest) = text.split_at(digits);
    match id.parse() {
        Ok(id) => Ok((Some(id), rest)),
        Err(_) => Err(Reason::IdTooLarge(excerpt(id))),
    }
}

fn check_placeholders(value: &Value, count: usize) -> Result<(), Reason> {
    if let Some(Placeholder(num)) = Placeholder::of(value) {
        return if num < count { Ok(()) } else { Err(Reason::NoSuchAttachment { num, count }) };
    }
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| check_placeholders(value, count)),
        Value::Object(object) => object.values().try_for_each(|value| check_placeholders(value, count)),
        _ => Ok(()),
    }
}
