//! How messages are written in either subprotocol: the same objects, as JSON in
//! text or as msgpack in binary messages. Binary data is base64 in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use realtime::socketio::{PacketLimits, Placeholder, msgpack};
use realtime::websocket::{Message, Opcode, Window};
use serde_json::{Map, Value, json};

use crate::live::{Delivery, Variant};

/// What the subprotocol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Msgpack,
}

impl Format {
    /// Their names; the client's first one counts.
    pub(super) const SUBPROTOCOLS: [&'static str; 2] = ["msgalaxy.v1+json", "msgalaxy.v1+msgpack"];

    /// The format of a subprotocol.
    pub(super) fn of(subprotocol: &str) -> Option<Format> {
        match subprotocol {
            "msgalaxy.v1+json" => Some(Format::Json),
            "msgalaxy.v1+msgpack" => Some(Format::Msgpack),
            _ => None,
        }
    }

    /// The form of messages, for metrics.
    pub(super) fn parser(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Msgpack => "msgpack",
        }
    }

    /// What messages are sent as.
    pub(super) fn opcode(self) -> Opcode {
        match self {
            Format::Json => Opcode::Text,
            Format::Msgpack => Opcode::Binary,
        }
    }

    /// Reads what a client sent as text or binary; the error says what is wrong.
    pub(super) fn read(self, message: &Message) -> Result<Value, String> {
        match (self, message) {
            (Format::Json, Message::Text(text)) => {
                serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
            }
            (Format::Msgpack, Message::Binary(bytes)) => {
                // No command has binary data.
                let limits = PacketLimits { attachments: 0, ..PacketLimits::default() };
                let decoded = msgpack::decode_value(bytes, &limits);
                decoded.map(|(value, _)| value).map_err(|reason| reason.to_string())
            }
            (Format::Json, _) => Err("messages of msgalaxy.v1+json are text; found binary".to_owned()),
            (Format::Msgpack, _) => Err("messages of msgalaxy.v1+msgpack are binary; found text".to_owned()),
        }
    }

    /// A message `{type, id?, ...}`.
    pub(super) fn message(self, kind: &str, id: Option<u64>, body: Value) -> Vec<u8> {
        let mut message = Map::from_iter([("type".to_owned(), Value::from(kind))]);
        if let Some(id) = id {
            message.insert("id".to_owned(), id.into());
        }
        if let Value::Object(body) = body {
            message.extend(body);
        }
        let mut out = Vec::new();
        self.write(&mut out, &Value::Object(message), &[]);
        out
    }

    /// Writes a value behind what is there; placeholders in it point at binary
    /// data.
    fn write(self, out: &mut Vec<u8>, value: &Value, attachments: &[Bytes]) {
        match self {
            Format::Msgpack => msgpack::encode_value(out, value, attachments),
            Format::Json if attachments.is_empty() => out.extend_from_slice(value.to_string().as_bytes()),
            Format::Json => {
                let mut value = value.clone();
                put_base64(&mut value, attachments);
                out.extend_from_slice(value.to_string().as_bytes());
            }
        }
    }

    /// The frame of a message that holds this update alone, shared by all who
    /// get the plain one.
    pub(super) fn frame_alone(self, delivery: &Delivery, window: Option<Window>) -> Bytes {
        let layout = delivery.layout && delivery.update.event().detail.is_some();
        delivery.update.stream_frames().frame(self, layout, window, || {
            let mut updates = Vec::new();
            self.write_delivery(&mut updates, delivery);
            self.updates_message(1, &updates)
        })
    }

    /// The message around updates that are written already.
    fn updates_message(self, count: u32, updates: &[u8]) -> Vec<u8> {
        match self {
            Format::Json => [br#"{"type":"updates","updates":["#, updates, b"]}"].concat(),
            Format::Msgpack => {
                // A map of two; the list comes last and gets its length here.
                let mut message = vec![0x82];
                for text in ["type", "updates", "updates"] {
                    msgpack::encode_value(&mut message, &text.into(), &[]);
                }
                message.push(0xdd);
                message.extend_from_slice(&count.to_be_bytes());
                message.extend_from_slice(updates);
                message
            }
        }
    }

    fn write_delivery(self, out: &mut Vec<u8>, delivery: &Delivery) {
        let event = delivery.update.event();
        let detail = event.detail.as_ref().filter(|_| delivery.layout);
        if self == Format::Json && detail.is_none() {
            out.extend_from_slice(&delivery.json());
            return;
        }
        let mut update = json!(event);
        for (key, seq) in
            [("prev_seq", delivery.variant.prev_seq), ("coalesced_from", delivery.variant.coalesced_from)]
        {
            if let Some(seq) = seq {
                update[key] = seq.into();
            }
        }
        let mut attachments: &[Bytes] = &[];
        if let Some(detail) = detail
            && let Some(data) = update["data"].as_object_mut()
            && let Ok(fields) = serde_json::from_str::<Map<String, Value>>(detail.value.get())
        {
            data.extend(fields);
            attachments = &detail.attachments;
        }
        self.write(out, &update, attachments);
    }
}

/// What goes out as one message.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Written for this client.
    Message(Vec<u8>),
    /// One plain update alone: [`Format::frame_alone`].
    Alone(Delivery),
}

/// Updates on their way into one message `{type: "updates", updates: [...]}`.
pub(super) struct Batch {
    format: Format,
    count: u32,
    updates: Vec<u8>,
    /// The only one so far, not yet written: others may get the same.
    alone: Option<Delivery>,
}

impl Batch {
    pub(super) fn new(format: Format) -> Batch {
        Batch { format, count: 0, updates: Vec::new(), alone: None }
    }

    pub(super) fn bytes(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn push(&mut self, delivery: Delivery) {
        if self.count == 0 && delivery.variant == Variant::default() {
            self.count = 1;
            self.alone = Some(delivery);
            return;
        }
        self.begin();
        self.format.write_delivery(&mut self.updates, &delivery);
    }

    /// A `task_update` that is no event.
    pub(super) fn push_value(&mut self, update: &Value) {
        self.begin();
        self.format.write(&mut self.updates, update, &[]);
    }

    /// One more follows.
    fn begin(&mut self) {
        if let Some(first) = self.alone.take() {
            self.format.write_delivery(&mut self.updates, &first);
        }
        if self.count > 0 && self.format == Format::Json {
            self.updates.push(b',');
        }
        self.count += 1;
    }

    /// The message, if there is anything in it; the batch is empty then.
    pub(super) fn finish(&mut self) -> Option<Outgoing> {
        let (count, updates) = (std::mem::take(&mut self.count), std::mem::take(&mut self.updates));
        if let Some(alone) = self.alone.take() {
            return Some(Outgoing::Alone(alone));
        }
        (count > 0).then(|| Outgoing::Message(self.format.updates_message(count, &updates)))
    }
}

fn put_base64(value: &mut Value, attachments: &[Bytes]) {
    if let Some(attachment) = Placeholder::of(value).and_then(|Placeholder(num)| attachments.get(num)) {
        *value = STANDARD.encode(attachment).into();
        return;
    }
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| put_base64(value, attachments)),
        Value::Object(fields) => fields.values_mut().for_each(|value| put_base64(value, attachments)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use realtime::websocket::deflate;
    use tasks::{Event, EventDetail, EventKind};

    use super::*;
    use crate::live::Update;

    fn delivery(layout: bool, variant: Variant) -> Delivery {
        let value = json!({"layout": {"mesh": 1, "panels": [{"t": Value::from(Placeholder(0))}]}});
        let detail = EventDetail::new(&value, vec![Bytes::from_static(&[1, 2, 3, 4])]);
        let event = Event {
            task_id: "卫".to_owned(),
            event_type: EventKind::IterationComplete,
            data: json!({"iteration": 3, "metrics": {"max_temp": 45.5, "big": u64::MAX, "small": -7}}),
            timestamp: "2026-11-24T06:12:21.004+00:00".to_owned(),
            seq: 4,
            v: 1,
            detail: Some(Arc::new(detail)),
        };
        Delivery { update: Update::new(Arc::new(event)), variant, layout, is_of_all: false }
    }

    /// Both formats of one batch, as a value and as bytes.
    fn both(deliveries: &[Delivery]) -> (Value, Vec<u8>) {
        let [json, msgpack] = [Format::Json, Format::Msgpack].map(|format| {
            let mut batch = Batch::new(format);
            deliveries.iter().for_each(|delivery| batch.push(delivery.clone()));
            let message = match batch.finish().expect("a message") {
                Outgoing::Message(message) => message,
                Outgoing::Alone(delivery) => payload(&format.frame_alone(&delivery, None)),
            };
            assert!(batch.finish().is_none());
            message
        });
        (serde_json::from_slice(&json).expect("JSON"), msgpack)
    }

    /// What a frame of less than 64 KiB carries.
    fn payload(frame: &[u8]) -> Vec<u8> {
        frame[if frame[1] == 126 { 4 } else { 2 }..].to_vec()
    }

    #[test]
    fn an_update_alone_is_written_once_for_all() {
        for format in [Format::Json, Format::Msgpack] {
            for layout in [false, true] {
                let delivery = delivery(layout, Variant::default());
                let frame = format.frame_alone(&delivery, None);
                assert_eq!(frame.as_ptr(), format.frame_alone(&delivery.clone(), None).as_ptr());
                let mut updates = Vec::new();
                format.write_delivery(&mut updates, &delivery);
                assert_eq!(payload(&frame), format.updates_message(1, &updates));
                // Too short to be compressed.
                assert_eq!(frame.as_ptr(), format.frame_alone(&delivery, Some(Window::Bits15)).as_ptr());
            }
        }
    }

    #[test]
    fn a_long_update_alone_is_compressed_once_for_all() {
        let mut event = delivery(false, Variant::default()).update.event().clone();
        event.data = json!({"text": "卫星".repeat(1000)});
        let delivery = Delivery {
            update: Update::new(Arc::new(event)),
            variant: Variant::default(),
            layout: false,
            is_of_all: false,
        };
        let plain = payload(&Format::Json.frame_alone(&delivery, None));
        for window in Window::ALL {
            let frame = Format::Json.frame_alone(&delivery, Some(window));
            assert_eq!(frame.as_ptr(), Format::Json.frame_alone(&delivery, Some(window)).as_ptr());
            assert_eq!(frame[0], 0xc1, "compressed text");
            assert_eq!(deflate::inflate(&payload(&frame), 1 << 20).expect("inflates"), plain);
        }
    }

    #[test]
    fn both_formats_say_the_same() {
        let variant = Variant { prev_seq: Some(2), coalesced_from: Some(3) };
        let (json, msgpack) = both(&[delivery(false, Variant::default()), delivery(false, variant)]);
        let read = msgpack::decode_value(&msgpack.into(), &PacketLimits::default()).expect("msgpack");
        assert_eq!(read.0, json);
        assert_eq!(json["type"], "updates");
        assert_eq!(json["updates"][0]["data"]["metrics"]["big"], u64::MAX);
        assert_eq!(
            (&json["updates"][1]["prev_seq"], &json["updates"][1]["coalesced_from"]),
            (&json!(2), &json!(3))
        );
        assert_eq!(json["updates"][0].get("prev_seq"), None);
        assert_eq!(json["updates"][0]["data"].get("layout"), None);
    }

    #[test]
    fn a_layout_is_base64_in_json_and_binary_in_msgpack() {
        let (json, msgpack) = both(&[delivery(true, Variant::default())]);
        let layout = &json["updates"][0]["data"]["layout"];
        assert_eq!(layout, &json!({"mesh": 1, "panels": [{"t": "AQIDBA=="}]}));
        assert!(msgpack.windows(6).any(|window| window == [0xc4, 4, 1, 2, 3, 4]));
    }

    #[test]
    fn what_is_not_the_format_is_named() {
        let text = |text: &'static str| Message::Text(text.into());
        let binary = |bytes: &'static [u8]| Message::Binary(Bytes::from_static(bytes));
        assert_eq!(Format::Json.read(&text("[1]")), Ok(json!([1])));
        assert_eq!(Format::Msgpack.read(&binary(&[0x91, 1])), Ok(json!([1])));
        for (format, message, expected) in [
            (Format::Json, text("{\"a\":"), "not JSON"),
            (Format::Json, binary(b"[1]"), "found binary"),
            (Format::Msgpack, text("[1]"), "found text"),
            (Format::Msgpack, binary(&[0x92, 1]), "msgpack"),
            (Format::Msgpack, binary(&[0x91, 1, 1]), "msgpack"),
            (Format::Msgpack, binary(&[0xc4, 1, 1]), "attachments"),
        ] {
            let error = format.read(&message).expect_err("malformed");
            assert!(error.contains(expected), "{message:?}: {error}");
        }
    }
}
