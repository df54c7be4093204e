use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::HeaderValue;

use super::Violation;

/// Messages shorter than this are not worth compressing: they fit into one TCP segment either way.
pub const DEFAULT_THRESHOLD_BYTES: usize = 1024;

/// What was agreed about compression with one client. Neither side keeps its window from one message to the
/// next (`*_no_context_takeover`), so a connection costs no memory for it and compressed messages are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// How far back our compressor may look for this client.
    pub window: Window,
}

/// How far back a compressor looks. There are only three sizes, so that one message is compressed at most
/// three times, whatever windows its receivers can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// 512 bytes.
    Bits9,
    /// 4 KiB.
    Bits12,
    /// 32 KiB: browsers and most clients.
    Bits15,
}

impl Window {
    /// All sizes, smallest first; `window as usize` is the place in it.
    pub const ALL: [Self; 3] = [Self::Bits9, Self::Bits12, Self::Bits15];

    /// The base-2 logarithm of the size in bytes.
    pub fn bits(self) -> u8 {
        match self {
            Self::Bits9 => 9,
            Self::Bits12 => 12,
            Self::Bits15 => 15,
        }
    }

    /// The largest size that a receiver with `bits` can follow; `None` below 9, which the compressor cannot do.
    pub(super) fn within(bits: u8) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|window| window.bits() <= bits)
    }
}

/// Compresses one message for every client that agreed on `window`. The result goes into a frame with RSV1 set.
pub fn compress(payload: &[u8], window: Window) -> Bytes {
    COMPRESSORS.with_borrow_mut(|compressors| {
        let compressor = compressors[window as usize].get_or_insert_with(|| {
            Compress::new_with_window_bits(Compression::default(), false, window.bits())
        });
        compressor.reset();
        let mut deflated = Vec::with_capacity(payload.len() / 2 + 64);
        loop {
            let read = usize::try_from(compressor.total_in()).expect("no more was read than there is");
            compressor
                .compress_vec(&payload[read..], &mut deflated, FlushCompress::Sync)
                .expect("a compressor that was just reset takes any bytes");
            // Room left over says that the flush is complete.
            if deflated.len() < deflated.capacity() {
                break;
            }
            deflated.reserve(deflated.len());
        }
        // RFC 7692, section 7.2.1: the end of the flush is left out, the receiver puts it back.
        let end = deflated.len() - TAIL.len();
        debug_assert_eq!(deflated[end..], TAIL);
        deflated.truncate(end);
        deflated.shrink_to_fit();
        Bytes::from(deflated)
    })
}

/// The message inside of the payload of frames with RSV1 set. It never holds more than `allowed` + 1 bytes of
/// it, whatever the payload claims.
pub fn inflate(payload: &[u8], allowed: usize) -> Result<Bytes, Violation> {
    INFLATER.with_borrow_mut(|inflater| {
        let most = allowed.saturating_add(1);
        let mut inflated = Vec::with_capacity(payload.len().saturating_mul(4).clamp(64, 65536).min(most));
        inflater.reset(false);
        for mut input in [payload, &TAIL] {
            loop {
                if inflated.len() == inflated.capacity() {
                    inflated.reserve_exact(inflated.len().max(64).min(most - inflated.len()));
                }
                let (read_before, written_before) = (inflater.total_in(), inflated.len());
                let status = inflater
                    .decompress_vec(input, &mut inflated, FlushDecompress::None)
                    .map_err(|_| Violation::NotDeflate)?;
                let read = inflater.total_in() - read_before;
                input = &input[usize::try_from(read).expect("no more was read than there is")..];
                if inflated.len() > allowed {
                    return Err(Violation::InflatesTooBig { allowed });
                }
                let written = inflated.len() - written_before;
                if status == Status::StreamEnd {
                    // A sender may finish the stream inside of a message and begin another one
                    // (RFC 7692, section 7.2.3.4).
                    inflater.reset(false);
                } else if read == 0 && written == 0 && !input.is_empty() {
                    return Err(Violation::NotDeflate);
                }
                // Output that fills the room exactly may have a continuation inside of the inflater.
                if input.is_empty() && inflated.len() < inflated.capacity() {
                    break;
                }
            }
        }
        inflated.shrink_to_fit();
        Ok(Bytes::from(inflated))
    })
}

/// Goes through the offers of a header `Sec-WebSocket-Extensions` in order and agrees to the first one that
/// can be honored (RFC 7692, section 7.1); the second value is the header of the answer.
pub(super) fn negotiate(offers: &str) -> Option<(Deflate, HeaderValue)> {
    offers.split(',').find_map(|offer| {
        let limit = requested_window_bits(offer)?;
        let window = Window::within(limit.unwrap_or(15))?;
        let mut answer = format!("{EXTENSION}; server_no_context_takeover; client_no_context_takeover");
        if limit.is_some() {
            answer.push_str(&format!("; server_max_window_bits={}", window.bits()));
        }
        let answer = HeaderValue::from_str(&answer).expect("the answer is visible ASCII");
        Some((Deflate { window }, answer))
    })
}

/// The limit that one offer sets to our window. `None` declines: another extension, an unknown or repeated
/// parameter, a value that the RFC does not allow.
fn requested_window_bits(offer: &str) -> Option<Option<u8>> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some(EXTENSION) {
        return None;
    }
    let mut server_bits = None;
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
            None => (part, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            (
                "server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits",
                None,
            ) => {}
            // The inflater holds the largest window, so the client's own limit needs no answer.
            ("client_max_window_bits", Some(value)) => drop(window_bits(value)?),
            ("server_max_window_bits", Some(value)) => server_bits = Some(window_bits(value)?),
            _ => return None,
        }
    }
    Some(server_bits)
}

/// 8 to 15, without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let bits: u8 = value.parse().ok()?;
    ((8..=15).contains(&bits) && value == bits.to_string()).then_some(bits)
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

const EXTENSION: &str = "permessage-deflate";

/// The end of a flushed block, which messages leave out.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

thread_local! {
    // A compressor is a quarter of a megabyte, so there is one per thread and window, not one per socket.
    static COMPRESSORS: RefCell<[Option<Compress>; 3]> = const { RefCell::new([const { None }; 3]) };
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}
