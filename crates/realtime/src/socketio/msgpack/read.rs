//! Reads msgpack into values, strictly and within limits. Binary data becomes
//! placeholders and attachments. What JSON cannot say becomes what JavaScript's
//! JSON makes of it, so that both parsers hand over the same.

use bytes::Bytes;
use rmp::Marker;
use serde_json::{Map, Value};

use super::super::limits::{DEPTH, PacketLimits};
use super::super::malformed::Reason;
use super::super::packet::Placeholder;

/// Extension type that notepack uses for `undefined`, dates and array buffers.
const NOTEPACK: i8 = 0;
/// Extension type of timestamps in the msgpack specification.
const TIMESTAMP: i8 = -1;

pub(super) struct Reader<'m> {
    message: &'m Bytes,
    position: usize,
    limits: &'m PacketLimits,
    values: usize,
    attachments: Vec<Bytes>,
    attachment_bytes: usize,
}

/// The beginning of a value: all of it, or what follows.
enum Start {
    Plain(Value),
    Text(usize),
    Binary(usize),
    Array(usize),
    Map(usize),
    /// Length and type; whether the length was written apart from the marker.
    Extension(usize, i8, bool),
}

impl<'m> Reader<'m> {
    pub(super) fn new(message: &'m Bytes, position: usize, limits: &'m PacketLimits) -> Reader<'m> {
        let values = limits.values;
        Reader { message, position, limits, values, attachments: Vec::new(), attachment_bytes: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn into_attachments(self) -> Vec<Bytes> {
        self.attachments
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Reason> {
        let left = self.message.len() - self.position;
        if left == 0 { Ok(()) } else { Err(self.wrong(format!("{left} bytes behind the packet"))) }
    }

    pub(super) fn map_length(&mut self) -> Result<usize, Reason> {
        let at = self.position;
        match self.start()? {
            Start::Map(length) => Ok(length),
            _ => Err(Reason::NotMsgpack { what: "no map".to_owned(), at }),
        }
    }

    /// The key of an entry. Whole numbers become text, as in JSON.
    pub(super) fn key(&mut self) -> Result<String, Reason> {
        let at = self.position;
        match self.start()? {
            Start::Text(length) => Ok(self.text(length)?.to_owned()),
            Start::Plain(Value::Number(number)) if !number.is_f64() => Ok(number.to_string()),
            _ => Err(Reason::NotMsgpack { what: "a key that is no string".to_owned(), at }),
        }
    }

    /// One value, and all that is in it.
    pub(super) fn value(&mut self, depth: usize) -> Result<Value, Reason> {
        self.values =
            self.values.checked_sub(1).ok_or(Reason::TooManyValues { allowed: self.limits.values })?;
        match self.start()? {
            Start::Plain(value) => Ok(value),
            Start::Text(length) => Ok(Value::from(self.text(length)?)),
            Start::Binary(length) => self.attachment(length),
            Start::Extension(length, kind, apart) => self.extension(length, kind, apart),
            Start::Array(_) | Start::Map(_) if depth >= DEPTH => Err(Reason::TooDeep { allowed: DEPTH }),
            Start::Array(length) => {
                // The announced length is only believed as far as there are bytes.
                let mut array = Vec::with_capacity(length.min(self.left()).min(self.values));
                for _ in 0..length {
                    array.push(self.value(depth + 1)?);
                }
                Ok(Value::Array(array))
            }
            Start::Map(length) => {
                let mut object = Map::new();
                for _ in 0..length {
                    let key = self.key()?;
                    object.insert(key, self.value(depth + 1)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// Passes over one value, whatever its size and depth.
    pub(super) fn skip(&mut self) -> Result<(), Reason> {
        // Counted, not nested: depth costs nothing here. Each value takes a byte
        // at least, so the loop ends with the message.
        let mut left: u64 = 1;
        while left > 0 {
            left -= 1;
            match self.start()? {
                Start::Plain(_) => {}
                Start::Text(length) | Start::Binary(length) | Start::Extension(length, ..) => {
                    self.take(length)?;
                }
                Start::Array(length) => left += length as u64,
                Start::Map(length) => left += 2 * length as u64,
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Start, Reason> {
        let marker = Marker::from_u8(self.number::<1>()?[0]);
        Ok(match marker {
            Marker::Null => Start::Plain(Value::Null),
            Marker::False => Start::Plain(Value::Bool(false)),
            Marker::True => Start::Plain(Value::Bool(true)),
            Marker::FixPos(number) => Start::Plain(Value::from(number)),
            Marker::FixNeg(number) => Start::Plain(Value::from(number)),
            Marker::U8 => Start::Plain(Value::from(u8::from_be_bytes(self.number()?))),
            Marker::U16 => Start::Plain(Value::from(u16::from_be_bytes(self.number()?))),
            Marker::U32 => Start::Plain(Value::from(u32::from_be_bytes(self.number()?))),
            Marker::U64 => Start::Plain(Value::from(u64::from_be_bytes(self.number()?))),
            Marker::I8 => Start::Plain(Value::from(i8::from_be_bytes(self.number()?))),
            Marker::I16 => Start::Plain(Value::from(i16::from_be_bytes(self.number()?))),
            Marker::I32 => Start::Plain(Value::from(i32::from_be_bytes(self.number()?))),
            Marker::I64 => Start::Plain(Value::from(i64::from_be_bytes(self.number()?))),
            // NaN and infinity become null.
            Marker::F32 => Start::Plain(Value::from(f32::from_be_bytes(self.number()?))),
            Marker::F64 => Start::Plain(Value::from(f64::from_be_bytes(self.number()?))),
            Marker::FixStr(length) => Start::Text(length.into()),
            Marker::Str8 => Start::Text(self.length::<1>()?),
            Marker::Str16 => Start::Text(self.length::<2>()?),
            Marker::Str32 => Start::Text(self.length::<4>()?),
            Marker::Bin8 => Start::Binary(self.length::<1>()?),
            Marker::Bin16 => Start::Binary(self.length::<2>()?),
            Marker::Bin32 => Start::Binary(self.length::<4>()?),
            Marker::FixArray(length) => Start::Array(length.into()),
            Marker::Array16 => Start::Array(self.length::<2>()?),
            Marker::Array32 => Start::Array(self.length::<4>()?),
            Marker::FixMap(length) => Start::Map(length.into()),
            Marker::Map16 => Start::Map(self.length::<2>()?),
            Marker::Map32 => Start::Map(self.length::<4>()?),
            Marker::FixExt1 => Start::Extension(1, self.extension_type()?, false),
            Marker::FixExt2 => Start::Extension(2, self.extension_type()?, false),
            Marker::FixExt4 => Start::Extension(4, self.extension_type()?, false),
            Marker::FixExt8 => Start::Extension(8, self.extension_type()?, false),
            Marker::FixExt16 => Start::Extension(16, self.extension_type()?, false),
            Marker::Ext8 => Start::Extension(self.length::<1>()?, self.extension_type()?, true),
            Marker::Ext16 => Start::Extension(self.length::<2>()?, self.extension_type()?, true),
            Marker::Ext32 => Start::Extension(self.length::<4>()?, self.extension_type()?, true),
            Marker::Reserved => {
                return Err(Reason::NotMsgpack {
                    what: "the unused byte c1".to_owned(),
                    at: self.position - 1,
                });
            }
        })
    }

    fn extension(&mut self, length: usize, kind: i8, apart: bool) -> Result<Value, Reason> {
        match (kind, length, apart) {
            (NOTEPACK, _, true) => self.attachment(length),
            (NOTEPACK, 1, false) => self.take(1).map(|_| Value::Null),
            (NOTEPACK, 8, false) => {
                let millis = i64::from_be_bytes(self.number()?);
                self.date(millis.div_euclid(1000), millis.rem_euclid(1000))
            }
            (TIMESTAMP, 4, _) => {
                let seconds = u32::from_be_bytes(self.number()?);
                self.date(seconds.into(), 0)
            }
            (TIMESTAMP, 8, _) => {
                let packed = u64::from_be_bytes(self.number()?);
                // 34 bits of seconds below 30 bits of nanoseconds.
                let (nanos, seconds) = (packed >> 34, packed & ((1 << 34) - 1));
                self.date(seconds as i64, (nanos / 1_000_000) as i64)
            }
            (TIMESTAMP, 12, _) => {
                let nanos = u32::from_be_bytes(self.number()?);
                let seconds = i64::from_be_bytes(self.number()?);
                self.date(seconds, i64::from(nanos / 1_000_000))
            }
            _ => Err(self.wrong(format!("an unknown extension of type {kind} and {length} bytes"))),
        }
    }

    fn date(&self, seconds: i64, millis: i64) -> Result<Value, Reason> {
        super::date::iso(seconds, millis)
            .map(Value::String)
            .ok_or_else(|| self.wrong("a date that is none".to_owned()))
    }

    fn attachment(&mut self, length: usize) -> Result<Value, Reason> {
        let at = self.position;
        self.take(length)?;
        let found = self.attachments.len() + 1;
        if found > self.limits.attachments {
            let allowed = self.limits.attachments;
            return Err(Reason::TooManyAttachments { found: found as u64, allowed });
        }
        self.attachment_bytes += length;
        if self.attachment_bytes > self.limits.attachment_bytes {
            let (found, allowed) = (self.attachment_bytes, self.limits.attachment_bytes);
            return Err(Reason::AttachmentBytes { found, allowed });
        }
        self.attachments.push(self.message.slice(at..at + length));
        Ok(Placeholder(found - 1).into())
    }

    fn text(&mut self, length: usize) -> Result<&'m str, Reason> {
        let at = self.position;
        std::str::from_utf8(self.take(length)?)
            .map_err(|_| Reason::NotMsgpack { what: "a string that is not UTF-8".to_owned(), at })
    }

    fn extension_type(&mut self) -> Result<i8, Reason> {
        self.number().map(i8::from_be_bytes)
    }

    fn length<const N: usize>(&mut self) -> Result<usize, Reason> {
        let bytes = self.number::<N>()?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'m [u8], Reason> {
        if length > self.left() {
            let what = format!("{length} bytes expected, {} left", self.left());
            return Err(self.wrong(what));
        }
        let taken = &self.message[self.position..self.position + length];
        self.position += length;
        Ok(taken)
    }

    fn left(&self) -> usize {
        self.message.len() - self.position
    }

    fn wrong(&self, what: String) -> Reason {
        Reason::NotMsgpack { what, at: self.position }
    }
}
