use std::ops::Deref;

use bytes::{BufMut, Bytes, BytesMut};

use super::deflate::{self, Window};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next piece of a fragmented message.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping.
    Pong = 0xa,
}

/// One whole frame: FIN set, not masked. `rsv1` says that the payload is compressed.
pub fn frame(opcode: Opcode, rsv1: bool, payload: &[u8]) -> Bytes {
    let header = header(opcode, rsv1, payload.len());
    let mut frame = BytesMut::with_capacity(header.len() + payload.len());
    frame.put_slice(&header);
    frame.put_slice(payload);
    frame.freeze()
}

/// The bytes before a payload of `length` bytes, for writers that gather header and payload.
pub fn header(opcode: Opcode, rsv1: bool, length: usize) -> Header {
    let mut bytes = [0; Header::MAX];
    bytes[0] = 0x80 | (u8::from(rsv1) << 6) | opcode as u8;
    let used = match length {
        0..=125 => {
            bytes[1] = length as u8;
            2
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    Header { bytes, used }
}

/// A message compressed once for all sockets with this `window`, or `None` when that would not make it
/// smaller; then send the plain [`frame`], which every client accepts.
pub fn compressed(opcode: Opcode, payload: &[u8], window: Window) -> Option<Bytes> {
    let deflated = deflate::compress(payload, window);
    (deflated.len() < payload.len()).then(|| frame(opcode, true, &deflated))
}

/// A close frame. A reason longer than the 123 bytes that fit is cut between two characters.
pub fn close(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL_BYTES - 2)];
    let mut payload = [0; MAX_CONTROL_BYTES];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
    frame(Opcode::Close, false, &payload[..2 + reason.len()])
}

/// A ping frame.
///
/// # Panics
///
/// When `payload` has more than 125 bytes.
pub fn ping(payload: &[u8]) -> Bytes {
    control(Opcode::Ping, payload)
}

/// A pong frame; it repeats the payload of the ping that it answers.
///
/// # Panics
///
/// When `payload` has more than 125 bytes. The decoder delivers no such ping.
pub fn pong(payload: &[u8]) -> Bytes {
    control(Opcode::Pong, payload)
}

fn control(opcode: Opcode, payload: &[u8]) -> Bytes {
    assert!(payload.len() <= MAX_CONTROL_BYTES, "a control frame holds at most 125 bytes");
    frame(opcode, false, payload)
}

/// The longest payload of a ping, pong or close frame.
pub const MAX_CONTROL_BYTES: usize = 125;

/// The 2, 4 or 10 bytes before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; Self::MAX],
    used: u8,
}

impl Header {
    /// The longest header of a server's frame.
    pub const MAX: usize = 10;
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.used)]
    }
}
