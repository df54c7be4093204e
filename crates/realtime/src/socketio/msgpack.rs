//! The msgpack parser (`socket.io-msgpack-parser`): one binary message is one
//! packet, a map of `type`, `nsp`, `data` and `id`. Pure.

use bytes::Bytes;
use rmp::encode::{self as write, ByteBuf};
use serde_json::Value;

use super::limits::PacketLimits;
use super::malformed::{Malformed, Reason, kind_of};
use super::packet::{Packet, PacketKind, Placeholder, checked_data};
use super::text::without_query;

mod date;
mod read;

use read::Reader;

/// Reads one binary message. Binary data in it becomes attachments.
pub fn decode(message: &Bytes, limits: &PacketLimits) -> Result<Packet, Malformed> {
    let mut fields = Fields::default();
    let packet = fields.find(message).and_then(|()| fields.read(message, limits));
    packet.map_err(|reason| Malformed { namespace: fields.namespace, id: fields.id, attachments: 0, reason })
}

/// What was found in a packet so far. The fields come in any order, and an
/// error in the data must not hide whom to answer: so first all are found, then
/// the data is read.
#[derive(Default)]
struct Fields {
    kind: Option<Value>,
    namespace: Option<String>,
    id: Option<u64>,
    wrong_id: Option<&'static str>,
    /// Place of the data in the message.
    data: Option<usize>,
}

impl Fields {
    fn find(&mut self, message: &Bytes) -> Result<(), Reason> {
        // The fields themselves are plain values; only `data` has any size.
        let limits = PacketLimits { attachments: 0, attachment_bytes: 0, values: 1 };
        if message.is_empty() {
            return Err(Reason::Field("this one is empty"));
        }
        let mut reader = Reader::new(message, 0, &limits);
        let count = reader.map_length().map_err(|reason| match reason {
            Reason::NotMsgpack { at: 0, .. } => Reason::Field("this is something else"),
            other => other,
        })?;
        for _ in 0..count {
            let key = reader.key()?;
            let at = reader.position();
            reader.skip()?;
            let plain = || Reader::new(message, at, &limits).value(0);
            match key.as_str() {
                "type" => self.kind = Some(plain().unwrap_or(Value::Null)),
                "nsp" => match plain() {
                    Ok(Value::String(namespace)) => {
                        self.namespace = Some(without_query(&namespace).to_owned());
                    }
                    _ => return Err(Reason::Field("its nsp is no string")),
                },
                "id" => match plain() {
                    Ok(Value::Null) => {}
                    Ok(id) => {
                        self.id = id.as_u64();
                        self.wrong_id = self.id.is_none().then(|| kind_of(Some(&id)));
                    }
                    Err(_) => self.wrong_id = Some("something else"),
                },
                "data" => self.data = Some(at),
                // Clients send along what they use themselves.
                _ => {}
            }
        }
        reader.end()
    }

    fn read(&self, message: &Bytes, limits: &PacketLimits) -> Result<Packet, Reason> {
        let kind = match &self.kind {
            None => return Err(Reason::Field("this one has no type")),
            Some(kind) => match kind.as_u64() {
                Some(0) => PacketKind::Connect,
                Some(1) => PacketKind::Disconnect,
                Some(2) => PacketKind::Event,
                Some(3) => PacketKind::Ack,
                Some(4) => PacketKind::ConnectError,
                _ if kind.is_number() => return Err(Reason::UnknownType(kind.to_string())),
                _ => return Err(Reason::UnknownType(kind_of(Some(kind)).to_owned())),
            },
        };
        let namespace = self.namespace.clone().ok_or(Reason::Field("this one has no nsp"))?;
        if !namespace.starts_with('/') || namespace.contains(',') {
            return Err(Reason::Namespace(super::malformed::excerpt(&namespace)));
        }
        if let Some(found) = self.wrong_id {
            return Err(Reason::IdNotANumber(found));
        }
        let id = self.id.filter(|_| kind.has_id());
        if kind == PacketKind::Ack && id.is_none() {
            return Err(Reason::AckWithoutId);
        }
        let (data, attachments) = match self.data {
            None => (None, Vec::new()),
            Some(at) => {
                let mut reader = Reader::new(message, at, limits);
                let data = reader.value(0)?;
                (Some(data), reader.into_attachments())
            }
        };
        let data = checked_data(kind, data)?;
        Ok(Packet { kind, namespace, id, data, attachments })
    }
}

/// Reads a message that is one value and no packet, for other protocols. Binary data in it becomes attachments.
pub fn decode_value(message: &Bytes, limits: &PacketLimits) -> Result<(Value, Vec<Bytes>), Reason> {
    let mut reader = Reader::new(message, 0, limits);
    let value = reader.value(0)?;
    reader.end()?;
    Ok((value, reader.into_attachments()))
}

/// Writes one value behind what is there. Placeholders in it become the attachments they point at.
pub fn encode_value(out: &mut Vec<u8>, value: &Value, attachments: &[Bytes]) {
    let mut buffer = ByteBuf::from_vec(std::mem::take(out));
    write_value(&mut buffer, value, attachments);
    *out = buffer.into_vec();
}

/// Writes a packet. Placeholders in its data become the attachments they point at.
pub fn encode(packet: &Packet) -> Bytes {
    let attachments: usize = packet.attachments.iter().map(Bytes::len).sum();
    let mut out = ByteBuf::with_capacity(128 + attachments);
    let fields = 2 + u32::from(packet.data.is_some()) + u32::from(packet.id.is_some());
    in_memory(write::write_map_len(&mut out, fields));
    in_memory(write::write_str(&mut out, "type"));
    in_memory(write::write_uint(&mut out, u64::from(packet.kind.number())));
    if let Some(data) = &packet.data {
        in_memory(write::write_str(&mut out, "data"));
        write_value(&mut out, data, &packet.attachments);
    }
    in_memory(write::write_str(&mut out, "nsp"));
    in_memory(write::write_str(&mut out, &packet.namespace));
    if let Some(id) = packet.id {
        in_memory(write::write_str(&mut out, "id"));
        in_memory(write::write_uint(&mut out, id));
    }
    Bytes::from(out.into_vec())
}

fn write_value(out: &mut ByteBuf, value: &Value, attachments: &[Bytes]) {
    match value {
        Value::Null => {
            let _ = write::write_nil(out);
        }
        Value::Bool(value) => {
            let _ = write::write_bool(out, *value);
        }
        Value::Number(number) => {
            if let Some(number) = number.as_u64() {
                in_memory(write::write_uint(out, number));
            } else if let Some(number) = number.as_i64() {
                in_memory(write::write_sint(out, number));
            } else {
                in_memory(write::write_f64(out, number.as_f64().unwrap_or(f64::NAN)));
            }
        }
        Value::String(text) => in_memory(write::write_str(out, text)),
        Value::Array(values) => {
            in_memory(write::write_array_len(out, length(values.len())));
            for value in values {
                write_value(out, value, attachments);
            }
        }
        Value::Object(object) => {
            let attachment = Placeholder::of(value).and_then(|Placeholder(num)| attachments.get(num));
            if let Some(attachment) = attachment {
                in_memory(write::write_bin(out, attachment));
                return;
            }
            in_memory(write::write_map_len(out, length(object.len())));
            for (key, value) in object {
                in_memory(write::write_str(out, key));
                write_value(out, value, attachments);
            }
        }
    }
}

fn in_memory<T, E>(written: Result<T, E>) {
    assert!(written.is_ok(), "writing into memory cannot fail");
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a packet has fewer than 2^32 values")
}
