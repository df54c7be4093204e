//! The little of RFC 6455 that a load generator needs: a parser for (unmasked) server frames that
//! works on borrowed bytes, and a writer of masked client frames.

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

#[derive(Debug, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) fin: bool,
    pub(crate) compressed: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
}

/// Takes one frame off the front of `buf`: the frame and its whole length, or None if incomplete.
pub(crate) fn parse(buf: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (&b0, &b1) = (buf.first()?, buf.get(1)?);
    let (len, mut at): (usize, usize) = match b1 & 0x7f {
        126 => (u16::from_be_bytes(buf.get(2..4)?.try_into().ok()?) as usize, 4),
        127 => (u64::from_be_bytes(buf.get(2..10)?.try_into().ok()?) as usize, 10),
        n => (n as usize, 2),
    };
    if b1 & 0x80 != 0 {
        at += 4; // a server must not mask; skip the key so that we stay in step
    }
    let payload = buf.get(at..at.checked_add(len)?)?;
    Some((Frame { fin: b0 & 0x80 != 0, compressed: b0 & 0x40 != 0, opcode: b0 & 0x0f, payload }, at + len))
}

/// Appends a masked client frame. The mask is a constant: it only has to be present.
pub(crate) fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    out.push(0x80 | opcode);
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..65536 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ MASK[i % 4]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_short_and_extended_lengths_and_waits_for_the_rest() {
        let mut b = vec![0x81, 2, b'h', b'i', 0x82, 126, 1, 0];
        b.extend([7u8; 256]);
        let (f, n) = parse(&b).unwrap();
        assert_eq!((f.opcode, f.payload, n), (TEXT, &b"hi"[..], 4));
        let (f, m) = parse(&b[n..]).unwrap();
        assert_eq!((f.opcode, f.payload.len(), n + m), (2, 256, b.len()));
        assert!(parse(&b[n..b.len() - 1]).is_none());
        assert!(parse(&[0x81]).is_none());
    }

    #[test]
    fn masks_what_it_writes() {
        let mut out = Vec::new();
        write_masked(&mut out, TEXT, b"abc");
        assert_eq!((out[0], out[1]), (0x81, 0x83));
        let back: Vec<u8> = (0..3).map(|i| out[6 + i] ^ out[2 + i]).collect();
        assert_eq!(back, b"abc");
    }
}
