use bytes::{Bytes, BytesMut};
use realtime::websocket::{CloseReason, Decoder, Limits, Message, Violation, Window, deflate};

use crate::client::*;

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

fn binary(bytes: &[u8]) -> Message {
    Message::Binary(Bytes::copy_from_slice(bytes))
}

#[test]
fn messages_of_every_length_form_are_read() {
    for length in [0, 1, 7, 8, 9, 125, 126, 1024, 1025, 65_535, 65_536, 1_000_000] {
        let payload: Vec<u8> = (0..length).map(|i| (i * 31) as u8).collect();
        assert_eq!(decoded(&[frame(FIN | BINARY, &payload)]).unwrap(), [binary(&payload)], "{length}");
    }
}

#[test]
fn fragments_make_one_message_with_control_frames_between_them() {
    let messages = decoded(&[
        frame(TEXT, b"Hel"),
        frame(FIN | PING, b"there?"),
        frame(CONTINUATION, b""),
        frame(FIN | PONG, b""),
        frame(FIN | CONTINUATION, b"lo"),
        frame(BINARY, &[1]),
        frame(FIN | CONTINUATION, &[2]),
        frame(FIN | TEXT, b"next"),
    ]);
    let expected = [
        Message::Ping(Bytes::from_static(b"there?")),
        Message::Pong(Bytes::new()),
        text("Hello"),
        binary(&[1, 2]),
        text("next"),
    ];
    assert_eq!(messages.unwrap(), expected);
}

#[test]
fn a_byte_at_a_time_makes_the_same_messages() {
    let frames =
        [frame(TEXT, "卫".as_bytes()), frame(FIN | PING, b""), frame(FIN | CONTINUATION, &[b'x'; 300])];
    let mut decoder = Decoder::new(Limits::default(), false);
    let (mut input, mut messages) = (BytesMut::new(), Vec::new());
    for &byte in frames.concat().iter() {
        assert!(decoder.missing_bytes(&input) > 0);
        input.extend_from_slice(&[byte]);
        messages.extend(decoder.decode(&mut input).unwrap());
    }
    assert_eq!(messages, [Message::Ping(Bytes::new()), text(&format!("卫{}", "x".repeat(300)))]);
}

#[test]
fn the_missing_bytes_lead_from_header_to_payload() {
    let decoder = Decoder::new(Limits::default(), false);
    let short = frame(FIN | TEXT, b"Hello");
    let middle = frame(FIN | BINARY, &[0; 300]);
    let long = frame(FIN | BINARY, &[0; 70_000]);
    let cases: [(&[u8], usize); 11] = [
        (&[], 6),
        (&short[..1], 5),
        (&short[..2], 4),
        (&short[..6], 5),
        (&short[..10], 1),
        (&short, 0),
        (&middle[..2], 6),
        (&middle[..8], 300),
        (&long[..2], 12),
        (&long[..13], 1),
        (&long[..14], 70_000),
    ];
    for (input, missing) in cases {
        assert_eq!(decoder.missing_bytes(input), missing, "{} of {input:?}", input.len());
    }
}

#[test]
fn a_close_message_ends_the_stream() {
    let mut decoder = Decoder::new(Limits::default(), false);
    let stream = [frame(TEXT, b"half"), frame(FIN | CLOSE, b"\x03\xe8bye"), frame(FIN | TEXT, b"late")];
    let close = Message::Close(Some(CloseReason { code: 1000, text: "bye".into() }));
    assert_eq!(decode_all(&mut decoder, &stream.concat()).unwrap(), [close]);
    let mut late = BytesMut::from(&[0xff; 20][..]);
    assert_eq!(decoder.decode(&mut late), Ok(None));
    assert!(late.is_empty(), "what follows a close is dropped");
}

#[test]
fn close_codes_are_those_that_may_travel() {
    assert_eq!(decoded(&[frame(FIN | CLOSE, b"")]).unwrap(), [Message::Close(None)]);
    assert_eq!(decoded(&[frame(FIN | CLOSE, &[3])]), Err(Violation::CloseTooShort));
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999_u16] {
        let expected = Message::Close(Some(CloseReason { code, text: "".into() }));
        assert_eq!(decoded(&[frame(FIN | CLOSE, &code.to_be_bytes())]).unwrap(), [expected]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535_u16] {
        let violation = decoded(&[frame(FIN | CLOSE, &code.to_be_bytes())]).unwrap_err();
        assert_eq!(violation, Violation::CloseCode { code });
        assert_eq!(violation.close_code(), 1002);
    }
    let violation = decoded(&[frame(FIN | CLOSE, b"\x03\xe8\xff")]).unwrap_err();
    assert_eq!((violation, violation.close_code()), (Violation::NotUtf8, 1007));
}

#[test]
fn what_breaks_the_framing_is_refused_with_1002() {
    let unmasked = |first: u8, rest: &[u8]| [&[first], rest].concat();
    let cases = [
        (frame(FIN | RSV1 | PING, b""), Violation::ReservedBits { bits: 0b100 }),
        (frame(FIN | 0x20 | TEXT, b""), Violation::ReservedBits { bits: 0b010 }),
        (frame(FIN | 0x10 | BINARY, b""), Violation::ReservedBits { bits: 0b001 }),
        (frame(FIN | 0x3, b""), Violation::ReservedOpcode { opcode: 0x3 }),
        (frame(FIN | 0x7, b""), Violation::ReservedOpcode { opcode: 0x7 }),
        (frame(FIN | 0xb, b""), Violation::ReservedOpcode { opcode: 0xb }),
        (frame(FIN | 0xf, b""), Violation::ReservedOpcode { opcode: 0xf }),
        (unmasked(FIN | TEXT, &[5, b'H', b'e', b'l', b'l', b'o']), Violation::Unmasked),
        (frame(PING, b""), Violation::FragmentedControl),
        (frame(CLOSE, b""), Violation::FragmentedControl),
        (frame(FIN | PING, &[0; 126]), Violation::ControlTooLong),
        (frame(FIN | CLOSE, &[0; 126]), Violation::ControlTooLong),
        (frame(FIN | CONTINUATION, b""), Violation::NothingToContinue),
        ([frame(TEXT, b""), frame(FIN | TEXT, b"")].concat(), Violation::MessageNotFinished),
        ([frame(BINARY, b""), frame(BINARY, b"")].concat(), Violation::MessageNotFinished),
        (
            [frame(RSV1 | TEXT, b""), frame(FIN | RSV1 | CONTINUATION, b"")].concat(),
            Violation::ReservedBits { bits: 0b100 },
        ),
        (unmasked(FIN | BINARY, &[0xfe, 0, 125, 0, 0, 0, 0]), Violation::LengthNotMinimal { length: 125 }),
        (
            unmasked(FIN | BINARY, &[0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]),
            Violation::LengthNotMinimal { length: 65_535 },
        ),
        (unmasked(FIN | BINARY, &[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Violation::LengthOverflow),
    ];
    for (stream, violation) in cases {
        assert_eq!(decoded(&[stream]), Err(violation));
        assert_eq!(violation.close_code(), 1002, "{violation}");
    }
}

#[test]
fn compressed_frames_need_an_agreement() {
    let mut decoder = Decoder::new(Limits::default(), false);
    let violation = decode_all(&mut decoder, &compressed(TEXT, b"Hello")).unwrap_err();
    assert_eq!(violation, Violation::ReservedBits { bits: 0b100 });
    assert_eq!(decoded(&[compressed(TEXT, b"Hello"), frame(FIN | TEXT, b"plain")]).unwrap().len(), 2);
}

#[test]
fn a_compressed_message_may_be_fragmented() {
    let deflated = deflate::compress("卫星 satellite".as_bytes(), Window::Bits15);
    for cut in 0..=deflated.len() {
        let messages = decoded(&[
            frame(RSV1 | TEXT, &deflated[..cut]),
            frame(FIN | PING, b""),
            frame(FIN | CONTINUATION, &deflated[cut..]),
        ]);
        assert_eq!(messages.unwrap(), [Message::Ping(Bytes::new()), text("卫星 satellite")], "{cut}");
    }
}

#[test]
fn text_is_utf8_across_fragments_and_nothing_else() {
    let character = "😀".as_bytes();
    for cut in 0..=character.len() {
        let messages =
            decoded(&[frame(TEXT, &character[..cut]), frame(FIN | CONTINUATION, &character[cut..])]);
        assert_eq!(messages.unwrap(), [text("😀")], "{cut}");
    }
    let cases: [&[Vec<u8>]; 6] = [
        &[frame(FIN | TEXT, &[0xff])],
        &[frame(FIN | TEXT, &character[..3])],
        &[frame(TEXT, &character[..3]), frame(FIN | CONTINUATION, b"")],
        // A surrogate, an overlong form.
        &[frame(FIN | TEXT, &[0xed, 0xa0, 0x80])],
        &[frame(TEXT, &[0xc0]), frame(FIN | CONTINUATION, &[0xaf])],
        &[compressed(TEXT, &[b'a', 0xff])],
    ];
    for frames in cases {
        let violation = decoded(frames).unwrap_err();
        assert_eq!((violation, violation.close_code()), (Violation::NotUtf8, 1007), "{frames:x?}");
    }
    assert_eq!(decoded(&[frame(FIN | BINARY, &[0xff])]).unwrap(), [binary(&[0xff])]);
}

#[test]
fn wrong_text_is_refused_before_its_last_fragment() {
    assert_eq!(decoded(&[frame(TEXT, b"fine"), frame(CONTINUATION, &[0xc3, 0x28])]), Err(Violation::NotUtf8));
}

fn limited(message_bytes: usize, inflated_bytes: usize) -> Decoder {
    Decoder::new(Limits { message_bytes, inflated_bytes }, true)
}

#[test]
fn a_message_of_the_limit_passes_and_one_byte_more_does_not() {
    let halves = |length: usize| {
        let payload = vec![b'x'; length];
        [frame(TEXT, &payload[..60]), frame(FIN | CONTINUATION, &payload[60..])].concat()
    };
    for stream in [halves(100), frame(FIN | TEXT, &[b'x'; 100])] {
        assert_eq!(decode_all(&mut limited(100, 100), &stream).unwrap(), [text(&"x".repeat(100))]);
    }
    for stream in [halves(101), frame(FIN | TEXT, &[b'x'; 101])] {
        let violation = decode_all(&mut limited(100, 100), &stream).unwrap_err();
        assert_eq!(violation, Violation::TooBig { found: 101, allowed: 100 });
        assert_eq!(violation.close_code(), 1009);
    }
}

#[test]
fn a_frame_too_big_is_refused_by_its_header() {
    for length in [101_u64, 1 << 40, (1 << 63) - 1] {
        let mut header = frame(FIN | BINARY, &[0; 70_000])[..14].to_vec();
        if length > 0xffff {
            header[2..10].copy_from_slice(&length.to_be_bytes());
        } else {
            header = vec![FIN | BINARY, 0x80 | 101, 0, 0, 0, 0];
        }
        let violation = decode_all(&mut limited(100, 100), &header).unwrap_err();
        assert_eq!(violation, Violation::TooBig { found: length, allowed: 100 });
    }
}

#[test]
fn a_bomb_is_refused_with_1009() {
    let bomb = compressed(BINARY, &vec![0; 10_000_000]);
    assert!(bomb.len() < 20_000);
    let violation = decode_all(&mut limited(1_000_000, 1_000_000), &bomb).unwrap_err();
    assert_eq!(violation, Violation::InflatesTooBig { allowed: 1_000_000 });
    assert_eq!(violation.close_code(), 1009);

    let exact = compressed(TEXT, &[b'a'; 5000]);
    assert_eq!(decode_all(&mut limited(1000, 5000), &exact).unwrap(), [text(&"a".repeat(5000))]);
    let violation = decode_all(&mut limited(1000, 4999), &exact).unwrap_err();
    assert_eq!(violation, Violation::InflatesTooBig { allowed: 4999 });
}

#[test]
fn after_a_violation_nothing_is_read_any_more() {
    let mut decoder = limited(100, 100);
    assert_eq!(
        decode_all(&mut decoder, &frame(FIN | 0x3, b"")),
        Err(Violation::ReservedOpcode { opcode: 3 })
    );
    let mut more = BytesMut::from(&frame(FIN | TEXT, b"fine")[..]);
    assert_eq!(decoder.decode(&mut more), Ok(None));
    assert!(more.is_empty());
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 32, "{} bytes", size_of::<Decoder>());
}

#[test]
fn a_short_message_does_not_keep_the_read_buffer_alive() {
    let mut input = BytesMut::with_capacity(65_536);
    input.extend_from_slice(&frame(FIN | BINARY, &[1; 100]));
    let message = Decoder::new(Limits::default(), false).decode(&mut input).unwrap();
    assert_eq!(message, Some(binary(&[1; 100])));
    assert!(input.try_reclaim(65_536), "the buffer is not shared with the message");
}
