//! permessage-deflate (RFC 7692) as a receiver without context takeover.
use flate2::{Decompress, FlushDecompress, Status};

/// What a sender leaves off the end of each compressed message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Reused for every message of every connection.
pub(crate) struct Inflater(Decompress);

impl Inflater {
    pub(crate) fn new() -> Inflater {
        Inflater(Decompress::new(false))
    }

    /// The message, or None if it is not one.
    pub(crate) fn message(&mut self, compressed: &[u8]) -> Option<Vec<u8>> {
        self.0.reset(false);
        let mut whole = Vec::with_capacity(4 * compressed.len() + 64);
        for mut part in [compressed, &TAIL] {
            while !part.is_empty() {
                let before = self.0.total_in();
                let status = self.0.decompress_vec(part, &mut whole, FlushDecompress::Sync).ok()?;
                let taken = (self.0.total_in() - before) as usize;
                part = &part[taken..];
                if whole.len() == whole.capacity() {
                    whole.reserve(whole.len());
                } else if taken == 0 || status == Status::StreamEnd {
                    return None;
                }
            }
        }
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    #[test]
    fn one_inflater_reads_message_after_message() {
        let mut inflater = Inflater::new();
        for size in [0, 1, 100, 100_000] {
            let text: Vec<u8> = (0..size).map(|i: u32| (i % 251) as u8).collect();
            let mut out = Vec::with_capacity(size as usize + 100);
            Compress::new(Compression::fast(), false)
                .compress_vec(&text, &mut out, FlushCompress::Sync)
                .unwrap();
            assert_eq!(inflater.message(out.strip_suffix(&TAIL).unwrap()), Some(text), "{size}");
        }
        assert_eq!(inflater.message(&[0xff; 9]), None);
    }
}
