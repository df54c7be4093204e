use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

use super::{Opcode, Violation, deflate};

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, checked to be UTF-8.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
    /// To be answered by a pong with the same payload.
    Ping(Bytes),
    /// The answer to a ping, or a sign of life.
    Pong(Bytes),
    /// The client closes; answer by a close frame with the same code. Whatever follows is ignored.
    Close(Option<CloseReason>),
}

/// Why a client closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// A code that may appear in a frame.
    pub code: u16,
    /// For people; often empty.
    pub text: ByteString,
}

/// How long one message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes as sent: the payloads of all fragments together, compressed or not.
    pub message_bytes: usize,
    /// Bytes of a compressed message after inflation.
    pub inflated_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 1_000_000, inflated_bytes: 1_000_000 }
    }
}

/// Turns the bytes that one client sends into messages. It owns no heap memory unless it is between the
/// fragments of a message.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    deflate: bool,
    /// After a close frame or a violation nothing is read any more.
    finished: bool,
    partial: Option<Box<Partial>>,
}

impl Decoder {
    /// `deflate` says whether permessage-deflate was agreed on.
    pub fn new(limits: Limits, deflate: bool) -> Self {
        Self { limits, deflate, finished: false, partial: None }
    }

    /// Takes the next message out of `input`, the bytes received and not yet decoded. `None` asks for more of
    /// them; what is left in `input` is the beginning of a frame.
    ///
    /// After an error, and after a close message, the decoder takes no more messages and drops what it is given.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Violation> {
        let decoded = self.next(input);
        if matches!(decoded, Err(_) | Ok(Some(Message::Close(_)))) {
            self.finished = true;
            self.partial = None;
        }
        if self.finished {
            input.clear();
        }
        decoded
    }

    /// How many bytes after `input` the next step needs at least: the rest of a frame's header, or the rest of
    /// its payload. After [`decode`](Self::decode) gave `None`, `input` together with them never exceeds the
    /// limit of a message by more than a header. 0 when `input` holds a whole frame.
    pub fn missing_bytes(&self, input: &[u8]) -> usize {
        match Head::read(input) {
            Ok(Read::Head(head)) => (head.header_bytes + head.payload_bytes).saturating_sub(input.len()),
            Ok(Read::Missing(bytes)) => bytes,
            Err(_) => 0,
        }
    }

    fn next(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Violation> {
        while !self.finished {
            let Read::Head(head) = Head::read(input)? else { return Ok(None) };
            self.admit(&head)?;
            if input.len() < head.header_bytes + head.payload_bytes {
                return Ok(None);
            }
            input.advance(head.header_bytes);
            unmask(&mut input[..head.payload_bytes], head.mask);
            let message = match head.opcode {
                Opcode::Ping => Some(Message::Ping(take(input, head.payload_bytes))),
                Opcode::Pong => Some(Message::Pong(take(input, head.payload_bytes))),
                Opcode::Close => Some(Message::Close(close_reason(take(input, head.payload_bytes))?)),
                Opcode::Text | Opcode::Binary | Opcode::Continuation => self.data(&head, input)?,
            };
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    /// Whether a frame may come now and may be as long as it says, before its payload is waited for.
    fn admit(&self, head: &Head) -> Result<(), Violation> {
        let begun = match head.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                return if head.rsv1 { Err(Violation::ReservedBits { bits: 0b100 }) } else { Ok(()) };
            }
            Opcode::Continuation => match &self.partial {
                None => return Err(Violation::NothingToContinue),
                // Only the first frame of a message says whether it is compressed.
                Some(_) if head.rsv1 => return Err(Violation::ReservedBits { bits: 0b100 }),
                Some(partial) => partial.bytes.len(),
            },
            Opcode::Text | Opcode::Binary => {
                if self.partial.is_some() {
                    return Err(Violation::MessageNotFinished);
                }
                if head.rsv1 && !self.deflate {
                    return Err(Violation::ReservedBits { bits: 0b100 });
                }
                0
            }
        };
        let found = begun as u64 + head.payload_bytes as u64;
        if found > self.limits.message_bytes as u64 {
            return Err(Violation::TooBig { found, allowed: self.limits.message_bytes });
        }
        Ok(())
    }

    /// The payload of a data frame, unmasked, at the beginning of `input`.
    fn data(&mut self, head: &Head, input: &mut BytesMut) -> Result<Option<Message>, Violation> {
        let text = head.opcode == Opcode::Text;
        match self.partial.take() {
            None if head.fin && head.rsv1 => {
                let inflated = deflate::inflate(&input[..head.payload_bytes], self.limits.inflated_bytes);
                input.advance(head.payload_bytes);
                finish(text, inflated?).map(Some)
            }
            None if head.fin => finish(text, take(input, head.payload_bytes)).map(Some),
            partial => {
                let mut partial = partial.unwrap_or_else(|| Box::new(Partial::new(text, head.rsv1)));
                partial.append(&input[..head.payload_bytes], self.limits.message_bytes)?;
                input.advance(head.payload_bytes);
                if !head.fin {
                    self.partial = Some(partial);
                    return Ok(None);
                }
                let payload = if partial.compressed {
                    deflate::inflate(&partial.bytes, self.limits.inflated_bytes)?
                } else {
                    Bytes::from(partial.bytes)
                };
                finish(partial.text, payload).map(Some)
            }
        }
    }
}

/// A message some of whose fragments have come.
#[derive(Debug)]
struct Partial {
    text: bool,
    compressed: bool,
    bytes: Vec<u8>,
    /// So many bytes at the beginning are known to be UTF-8.
    checked: usize,
}

impl Partial {
    fn new(text: bool, compressed: bool) -> Self {
        Self { text, compressed, bytes: Vec::new(), checked: 0 }
    }

    fn append(&mut self, fragment: &[u8], allowed: usize) -> Result<(), Violation> {
        let needed = self.bytes.len() + fragment.len();
        if needed > self.bytes.capacity() {
            // Grows by doubling, but never beyond the limit.
            let capacity = needed.max(self.bytes.capacity() * 2).min(allowed);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(fragment);
        if self.text && !self.compressed {
            match std::str::from_utf8(&self.bytes[self.checked..]) {
                Ok(_) => self.checked = self.bytes.len(),
                // The end of a fragment may cut a character in two.
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(Violation::NotUtf8),
            }
        }
        Ok(())
    }
}

/// The bytes before a payload.
struct Head {
    fin: bool,
    rsv1: bool,
    opcode: Opcode,
    mask: [u8; 4],
    header_bytes: usize,
    payload_bytes: usize,
}

enum Read {
    Head(Head),
    Missing(usize),
}

impl Head {
    /// Checks whatever can be known without the connection's state as soon as it is there.
    fn read(input: &[u8]) -> Result<Read, Violation> {
        let &[first, second, ..] = input else {
            return Ok(Read::Missing(Self::SHORTEST_BYTES - input.len()));
        };
        let bits = first >> 4 & 0b111;
        if bits & 0b011 != 0 {
            return Err(Violation::ReservedBits { bits });
        }
        let opcode = match first & 0xf {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            opcode => return Err(Violation::ReservedOpcode { opcode }),
        };
        let fin = first & 0x80 != 0;
        let control = first & 0x8 != 0;
        if control && !fin {
            return Err(Violation::FragmentedControl);
        }
        if second & 0x80 == 0 {
            return Err(Violation::Unmasked);
        }
        let short = second & 0x7f;
        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if control && length_bytes > 0 {
            return Err(Violation::ControlTooLong);
        }
        let header_bytes = Self::SHORTEST_BYTES + length_bytes;
        let Some(header) = input.get(..header_bytes) else {
            return Ok(Read::Missing(header_bytes - input.len()));
        };
        let (length, mask) = header[2..].split_at(length_bytes);
        let length = match length_bytes {
            0 => u64::from(short),
            _ => length.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
        };
        if length >> 63 != 0 {
            return Err(Violation::LengthOverflow);
        }
        if (length_bytes == 2 && length < 126) || (length_bytes == 8 && length <= 0xffff) {
            return Err(Violation::LengthNotMinimal { length });
        }
        Ok(Read::Head(Self {
            fin,
            rsv1: bits & 0b100 != 0,
            opcode,
            mask: mask.try_into().expect("the header ends with the 4 bytes of the mask"),
            header_bytes,
            // On a 32 bit machine a length that does not fit is above every limit all the same.
            payload_bytes: usize::try_from(length).unwrap_or(usize::MAX / 2),
        }))
    }

    /// Two bytes and the mask.
    const SHORTEST_BYTES: usize = 6;
}

/// The message that a complete payload is.
fn finish(text: bool, payload: Bytes) -> Result<Message, Violation> {
    if text {
        ByteString::try_from(payload).map(Message::Text).map_err(|_| Violation::NotUtf8)
    } else {
        Ok(Message::Binary(payload))
    }
}

fn close_reason(payload: Bytes) -> Result<Option<CloseReason>, Violation> {
    match payload[..] {
        [] => Ok(None),
        [_] => Err(Violation::CloseTooShort),
        [high, low, ..] => {
            let code = u16::from_be_bytes([high, low]);
            // 1004 to 1006 and 1015 have meanings that never travel; 1016 to 2999 are unassigned.
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Violation::CloseCode { code });
            }
            let text = ByteString::try_from(payload.slice(2..)).map_err(|_| Violation::NotUtf8)?;
            Ok(Some(CloseReason { code, text }))
        }
    }
}

/// Short payloads are copied: a few bytes must not keep a whole read buffer alive.
fn take(input: &mut BytesMut, length: usize) -> Bytes {
    const COPIED_BYTES: usize = 1024;
    if length <= COPIED_BYTES {
        let copy = Bytes::copy_from_slice(&input[..length]);
        input.advance(length);
        copy
    } else {
        input.split_to(length).freeze()
    }
}

/// Eight bytes at a time; the compiler makes vector instructions of it.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(8);
    for bytes in &mut words {
        let masked = u64::from_ne_bytes((&*bytes).try_into().expect("a chunk has 8 bytes"));
        bytes.copy_from_slice(&(masked ^ word).to_ne_bytes());
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}
