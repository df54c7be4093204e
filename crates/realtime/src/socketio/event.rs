//! Events that the application sends.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;

use crate::engine::{Message, Outgoing};

use super::limits::DEPTH;
use super::packet::{Packet, PacketKind};
use super::{msgpack, text};

/// The two forms that packets have on the wire. A client's first packet decides
/// for its connection: text is the default parser, binary the msgpack parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parser {
    /// Text, with binary attachments as messages of their own.
    Default,
    /// One binary message per packet.
    Msgpack,
}

impl Parser {
    /// The name in one word, for logs and labels of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Parser::Default => "default",
            Parser::Msgpack => "msgpack",
        }
    }
}

/// Why something cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// An argument that JSON cannot say, or raw JSON that means nothing.
    #[error("the argument is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// Nested deeper than clients of this crate are allowed to send.
    #[error("values are nested at most {allowed} deep")]
    TooDeep {
        /// The limit.
        allowed: usize,
    },
}

/// An event of one namespace, for any number of clients.
///
/// It is serialized when it is made and gets its form for a parser when a first
/// client of that parser needs it; all clients share that. Clones are cheap.
#[derive(Clone)]
pub struct Event(Arc<Inner>);

struct Inner {
    namespace: Box<str>,
    /// The JSON of name and arguments.
    payload: String,
    attachments: Vec<Bytes>,
    /// `None` inside if there is no such form.
    text: OnceLock<Option<Outgoing>>,
    msgpack: OnceLock<Option<Outgoing>>,
}

impl Event {
    /// An event with one argument. A `serde_json::value::RawValue` goes out as
    /// it is.
    pub fn new<T>(namespace: &str, name: &str, argument: &T) -> Result<Event, EncodeError>
    where
        T: Serialize + ?Sized,
    {
        Ok(Event::named(namespace, name).argument(argument)?.build())
    }

    /// An event with any number of arguments, which are added one by one.
    pub fn named(namespace: &str, name: &str) -> EventBuilder {
        let mut payload = Vec::with_capacity(128);
        payload.push(b'[');
        // A string is always JSON, and a vector takes all of it.
        let _ = serde_json::to_writer(&mut payload, name);
        EventBuilder { namespace: namespace.into(), payload, attachments: Vec::new() }
    }

    /// The namespace whose clients it is for.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The form for clients of a parser.
    pub(super) fn outgoing(&self, parser: Parser) -> Result<Outgoing, EncodeError> {
        let form = match parser {
            Parser::Default => &self.0.text,
            Parser::Msgpack => &self.0.msgpack,
        };
        match form.get_or_init(|| self.encode(parser, None).ok()) {
            Some(outgoing) => Ok(outgoing.clone()),
            // Once more, for the error.
            None => self.encode(parser, None),
        }
    }

    /// The form for one client, which shall acknowledge it under this id.
    pub(super) fn encode(&self, parser: Parser, id: Option<u64>) -> Result<Outgoing, EncodeError> {
        let Inner { namespace, payload, attachments, .. } = &*self.0;
        encode(parser, PacketKind::Event, namespace, id, payload, attachments)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { namespace, payload, attachments, .. } = &*self.0;
        f.debug_struct("Event")
            .field("namespace", namespace)
            .field("payload", payload)
            .field("attachments", &attachments.len())
            .finish()
    }
}

/// An event in the making.
#[derive(Debug)]
pub struct EventBuilder {
    namespace: Box<str>,
    payload: Vec<u8>,
    attachments: Vec<Bytes>,
}

impl EventBuilder {
    /// Adds an argument. [`Placeholder`](super::Placeholder)s in it stand for
    /// attachments.
    pub fn argument<T: Serialize + ?Sized>(mut self, argument: &T) -> Result<EventBuilder, EncodeError> {
        self.payload.push(b',');
        add_json(&mut self.payload, argument)?;
        Ok(self)
    }

    /// Adds binary data, to which the next free number belongs, from 0.
    pub fn attachment(mut self, data: Bytes) -> EventBuilder {
        self.attachments.push(data);
        self
    }

    /// The event.
    pub fn build(mut self) -> Event {
        self.payload.push(b']');
        Event(Arc::new(Inner {
            namespace: self.namespace,
            payload: into_text(self.payload),
            attachments: self.attachments,
            text: OnceLock::new(),
            msgpack: OnceLock::new(),
        }))
    }
}

/// The answer to an event, with one argument.
pub(super) fn ack<T>(parser: Parser, namespace: &str, id: u64, argument: &T) -> Result<Outgoing, EncodeError>
where
    T: Serialize + ?Sized,
{
    let mut payload = vec![b'['];
    add_json(&mut payload, argument)?;
    payload.push(b']');
    encode(parser, PacketKind::Ack, namespace, Some(id), &into_text(payload), &[])
}

/// A packet made of values.
pub(super) fn packet(parser: Parser, packet: Packet) -> Outgoing {
    match parser {
        Parser::Default => with_attachments(text::encode(&packet), &packet.attachments),
        Parser::Msgpack => Outgoing::new(msgpack::encode(&packet)),
    }
}

fn encode(
    parser: Parser,
    kind: PacketKind,
    namespace: &str,
    id: Option<u64>,
    payload: &str,
    attachments: &[Bytes],
) -> Result<Outgoing, EncodeError> {
    match parser {
        Parser::Default => {
            let mut text = text::head(kind, attachments.len(), namespace, id, payload.len());
            text.push_str(payload);
            Ok(with_attachments(text, attachments))
        }
        Parser::Msgpack => {
            // By way of values: arrays and maps must know their length first, and
            // so both parsers' clients are told exactly the same.
            let data = serde_json::from_str(payload)?;
            let namespace = namespace.to_owned();
            let packet = Packet { kind, namespace, id, data: Some(data), attachments: attachments.to_vec() };
            Ok(Outgoing::new(msgpack::encode(&packet)))
        }
    }
}

fn with_attachments(text: String, attachments: &[Bytes]) -> Outgoing {
    if attachments.is_empty() {
        return Outgoing::new(text);
    }
    let mut messages = Vec::with_capacity(1 + attachments.len());
    messages.push(Message::from(text));
    messages.extend(attachments.iter().cloned().map(Message::from));
    Outgoing::several(messages)
}

fn add_json<T: Serialize + ?Sized>(payload: &mut Vec<u8>, argument: &T) -> Result<(), EncodeError> {
    let start = payload.len();
    serde_json::to_writer(&mut *payload, argument)?;
    if depth(&payload[start..]) >= DEPTH { Err(EncodeError::TooDeep { allowed: DEPTH }) } else { Ok(()) }
}

fn into_text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// How deep arrays and objects are nested in JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    fn content(outgoing: &Outgoing) -> &[u8] {
        match &outgoing.messages()[0] {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    #[test]
    fn all_clients_of_a_parser_share_one_form() {
        let event = Event::new("/tasks", "a", &json!({"b": 1})).expect("JSON");
        for parser in [Parser::Default, Parser::Msgpack] {
            let (first, second) = (event.outgoing(parser), event.clone().outgoing(parser));
            let (first, second) = (first.expect("encoded"), second.expect("encoded"));
            assert_eq!(content(&first).as_ptr(), content(&second).as_ptr(), "the same bytes in memory");
        }
        let text = event.encode(Parser::Default, Some(7)).expect("encoded");
        assert_eq!(content(&text), b"2/tasks,7[\"a\",{\"b\":1}]");
    }

    #[test]
    fn raw_json_goes_out_as_it_is() {
        let raw = RawValue::from_string("{\"b\": 1.50}".to_owned()).expect("JSON");
        let event = Event::new("/", "a", &raw).expect("JSON");
        assert_eq!(content(&event.outgoing(Parser::Default).expect("encoded")), b"2[\"a\",{\"b\": 1.50}]");
        assert!(event.outgoing(Parser::Msgpack).is_ok());
        // A number that no computer holds: JSON all the same, but not msgpack.
        let raw = RawValue::from_string("1e999".to_owned()).expect("JSON");
        let event = Event::new("/", "a", &raw).expect("JSON");
        assert!(event.outgoing(Parser::Default).is_ok());
        assert!(matches!(event.outgoing(Parser::Msgpack), Err(EncodeError::NotJson(_))));
    }

    #[test]
    fn nesting_is_bounded_where_it_is_nesting() {
        let nested = |levels| (0..levels).fold(json!(0), |inner, _| json!([{ "[\\\"[": inner }]));
        assert!(Event::new("/", "a", &nested(49)).is_ok());
        assert!(matches!(Event::new("/", "a", &nested(50)), Err(EncodeError::TooDeep { allowed: 100 })));
    }
}
