//! Damaged and random streams: whatever a client sends, the decoder neither panics nor holds more than its limit.

use bytes::BytesMut;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use realtime::websocket::{Decoder, Limits, Message};

use crate::client::*;

/// How many streams are tried; more of them in a longer run.
const ITERATIONS_VARIABLE: &str = "REALTIME_FUZZ_ITERATIONS";
const DEFAULT_ITERATIONS: u64 = 5_000;

const LIMITS: Limits = Limits { message_bytes: 4_000, inflated_bytes: 20_000 };

#[test]
fn no_stream_makes_the_decoder_panic_or_exceed_its_limits() {
    let iterations = std::env::var(ITERATIONS_VARIABLE)
        .map_or(DEFAULT_ITERATIONS, |value| value.parse().expect("a number of iterations"));
    let (mut messages, mut violations) = (0_u64, std::collections::BTreeMap::new());
    for seed in 0..iterations {
        let mut random = Random::new(seed);
        let mut stream = if random.below(8) == 0 { random.bytes(200) } else { valid_stream(&mut random) };
        for _ in 0..random.below(4) {
            mutate(&mut stream, &mut random);
        }
        match feed(&stream, &mut random) {
            (decoded, None) => messages += decoded,
            (decoded, Some(code)) => {
                messages += decoded;
                *violations.entry(code).or_insert(0_u64) += 1;
            }
        }
    }
    // The streams are neither all fine nor all refused at their first byte.
    assert!(messages > iterations / 2, "{messages} messages");
    for code in [1002, 1007, 1009] {
        assert!(violations.contains_key(&code), "no stream was refused with {code}: {violations:?}");
    }
    assert!(violations.values().sum::<u64>() < iterations * 9 / 10, "{violations:?}");
}

/// Gives the stream in random pieces; the messages that came out, and the code of the refusal.
fn feed(stream: &[u8], random: &mut Random) -> (u64, Option<u16>) {
    let mut decoder = Decoder::new(LIMITS, random.below(4) > 0);
    let (mut input, mut rest, mut messages) = (BytesMut::new(), stream, 0);
    while !rest.is_empty() {
        let missing = decoder.missing_bytes(&input);
        assert!(input.len() + missing <= LIMITS.message_bytes + 14, "waits for {missing} bytes");
        let (piece, later) =
            rest.split_at(rest.len().min(1 + random.below(missing.max(300) as u64) as usize));
        rest = later;
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(message)) => {
                    let (length, allowed) = match &message {
                        Message::Text(text) => (text.len(), LIMITS.inflated_bytes),
                        Message::Binary(bytes) => (bytes.len(), LIMITS.inflated_bytes),
                        Message::Ping(bytes) | Message::Pong(bytes) => (bytes.len(), 125),
                        Message::Close(reason) => {
                            (reason.as_ref().map_or(0, |reason| reason.text.len()), 123)
                        }
                    };
                    assert!(length <= allowed, "{length} bytes");
                    messages += 1;
                }
                Err(violation) => {
                    assert!(!violation.to_string().is_empty());
                    assert_eq!(decoder.decode(&mut BytesMut::from(rest)), Ok(None));
                    return (messages, Some(violation.close_code()));
                }
            }
        }
    }
    (messages, None)
}

/// A few messages of all kinds, whole and in fragments, compressed and plain.
fn valid_stream(random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..1 + random.below(4) {
        let text = "卫a0".chars().cycle().take(random.below(1200) as usize).collect::<String>();
        let bytes = random.bytes(1200);
        stream.extend(match random.below(9) {
            0 => frame(FIN | TEXT, text.as_bytes()),
            1 => frame(FIN | BINARY, &bytes),
            2 => compressed(TEXT, text.as_bytes()),
            3 => compressed(BINARY, &bytes),
            // Far above the limit once it is inflated.
            4 if random.below(20) == 0 => compressed(BINARY, &[0; 30_000]),
            4 => frame(FIN | PING, &bytes[..bytes.len().min(125)]),
            5 => frame(FIN | PONG, b""),
            6 if random.below(4) == 0 => frame(FIN | CLOSE, b"\x03\xe8bye"),
            6 | 7 => {
                let cut = random.below(text.len() as u64 + 1) as usize;
                let (first, last) = text.as_bytes().split_at(cut);
                [frame(TEXT, first), frame(FIN | PING, b"?"), frame(FIN | CONTINUATION, last)].concat()
            }
            _ => {
                let payload = compressed(BINARY, &bytes);
                // The frame's own header is no valid piece of a message, its payload is.
                let payload = &payload[payload.len().min(8)..];
                let cut = random.below(payload.len() as u64 + 1) as usize;
                let (first, last) = payload.split_at(cut);
                [frame(RSV1 | BINARY, first), frame(FIN | CONTINUATION, last)].concat()
            }
        });
    }
    stream
}

fn mutate(stream: &mut Vec<u8>, random: &mut Random) {
    if stream.is_empty() {
        return;
    }
    let at = random.below(stream.len() as u64) as usize;
    match random.below(6) {
        0 => stream[at] ^= 1 << random.below(8),
        1 => stream[at] = random.below(256) as u8,
        2 => stream.truncate(at),
        3 => drop(stream.remove(at)),
        4 => {
            let end = (at + random.below(20) as usize).min(stream.len());
            let copy = stream[at..end].to_vec();
            stream.splice(at..at, copy);
        }
        // A boundary value where a length may stand.
        _ => {
            let value = [0_u8, 125, 126, 127, 0x7f, 0x80, 0xfe, 0xff][random.below(8) as usize];
            stream[at] = value;
        }
    }
}

/// Reproducible: the seed is the stream's number.
struct Random(TestRng);

impl Random {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.below(256) as u8).collect()
    }
}
