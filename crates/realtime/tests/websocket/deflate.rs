use bytes::Bytes;
use realtime::websocket::{Violation, Window, deflate};

use crate::client::noise;

#[test]
fn payloads_of_the_rfc_inflate() {
    // RFC 7692, sections 7.2.3.1 to 7.2.3.6; the window of another message (7.2.3.2) is never used here.
    let cases: [(&[u8], &[u8]); 5] = [
        (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
        (&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], b"Hello"),
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], b"Hello"),
        (&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
        (&[0x00], b""),
    ];
    for (payload, message) in cases {
        assert_eq!(deflate::inflate(payload, 5).unwrap(), message, "{payload:x?}");
    }
    assert_eq!(deflate::inflate(cases[0].0, 4), Err(Violation::InflatesTooBig { allowed: 4 }));
}

#[test]
fn an_empty_message_is_one_byte() {
    // RFC 7692, section 7.2.3.6.
    assert_eq!(deflate::compress(b"", Window::Bits15), [0x00][..]);
    assert_eq!(deflate::inflate(&[0x00], 0).unwrap(), Bytes::new());
}

#[test]
fn what_was_compressed_inflates_to_the_same() {
    for length in [0, 1, 63, 64, 65, 1024, 65_536, 300_000] {
        for payload in [vec![7; length], noise(length), events(length)] {
            for window in Window::ALL {
                let deflated = deflate::compress(&payload, window);
                assert_eq!(deflate::inflate(&deflated, length).unwrap(), payload, "{length} {window:?}");
                // Twice the same: nothing is taken over from the message before.
                assert_eq!(deflate::compress(&payload, window), deflated);
            }
        }
    }
}

#[test]
fn the_compressor_looks_back_as_far_as_the_window_reaches() {
    for window in Window::ALL {
        let reach = 1_usize << window.bits();
        // Noise has no repetitions but the one of the whole, so the size tells whether that was found. zlib
        // keeps 262 bytes of its window for looking ahead.
        let size = |distance| deflate::compress(&noise(distance).repeat(2), window).len();
        let (near, far) = (reach - 262, reach + 1);
        assert!(size(near) < near + near / 2, "{window:?}: a repetition after {near} bytes is found");
        assert!(size(far) > 2 * far, "{window:?}: a repetition after {far} bytes is not");
    }
}

#[test]
fn damaged_data_is_refused() {
    let cases: [&[u8]; 3] = [
        // A block type that does not exist, a stored block whose length is not confirmed, a distance too far.
        &[0x07],
        &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48],
        &[0x63, 0x00, 0x11, 0xff],
    ];
    for payload in cases {
        let violation = deflate::inflate(payload, 1000).unwrap_err();
        assert_eq!((violation, violation.close_code()), (Violation::NotDeflate, 1007), "{payload:x?}");
    }
}

#[test]
fn inflation_stops_at_the_limit_in_memory_too() {
    let bomb = deflate::compress(&vec![0; 50_000_000], Window::Bits15);
    assert!(bomb.len() < 60_000);
    for allowed in [0, 1, 1000, 65_536, 1_000_000] {
        assert_eq!(deflate::inflate(&bomb, allowed), Err(Violation::InflatesTooBig { allowed }));
    }
}

#[test]
fn streams_that_end_again_and_again_are_followed() {
    // 2,000 final blocks, each storing one byte.
    let payload = [0x01, 0x01, 0x00, 0xfe, 0xff, b'x'].repeat(2000);
    assert_eq!(deflate::inflate(&payload, 2000).unwrap(), [b'x'; 2000][..]);
    assert_eq!(deflate::inflate(&payload, 1999), Err(Violation::InflatesTooBig { allowed: 1999 }));
}

fn events(length: usize) -> Vec<u8> {
    let event = |i: u32| {
        let temp_c = 20 + i.wrapping_mul(2_654_435_761) % 100;
        format!(r#"{{"task_id":"{:08x}","seq":{i},"max_temp":{temp_c}}}"#, i.wrapping_mul(40_503) % 1000)
    };
    (0..).map(event).flat_map(String::into_bytes).take(length).collect()
}
