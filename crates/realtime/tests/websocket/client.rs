//! Frames as a client sends them.

use bytes::BytesMut;
use realtime::websocket::{Decoder, Limits, Message, Violation, Window, deflate};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;
pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;

pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// `first` is the whole first byte: FIN, reserved bits, opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_masked(first, payload, MASK)
}

pub(crate) fn frame_masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A compressed message in one frame.
pub(crate) fn compressed(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(FIN | RSV1 | opcode, &deflate::compress(payload, Window::Bits15))
}

/// Everything that a decoder makes of `stream`, given at once.
pub(crate) fn decode_all(decoder: &mut Decoder, stream: &[u8]) -> Result<Vec<Message>, Violation> {
    let mut input = BytesMut::from(stream);
    std::iter::from_fn(|| decoder.decode(&mut input).transpose()).collect()
}

/// What a fresh decoder that agreed on compression makes of the frames.
pub(crate) fn decoded(frames: &[Vec<u8>]) -> Result<Vec<Message>, Violation> {
    decode_all(&mut Decoder::new(Limits::default(), true), &frames.concat())
}

/// Bytes that no compressor makes smaller (xorshift64).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let next = |&state: &u64| {
        let state = state ^ state << 13;
        let state = state ^ state >> 7;
        Some(state ^ state << 17)
    };
    std::iter::successors(Some(0x9e37_79b9_7f4a_7c15), next)
        .map(|state| (state >> 32) as u8)
        .take(length)
        .collect()
}
