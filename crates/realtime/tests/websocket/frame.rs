use realtime::websocket::{Opcode, Window, deflate, frame};

#[test]
fn a_server_frame_has_the_shortest_header_and_no_mask() {
    let cases: [(usize, &[u8]); 7] = [
        (0, &[0x82, 0]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (256, &[0x82, 126, 1, 0]),
        (65535, &[0x82, 126, 0xff, 0xff]),
        (65536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x0123_4567_89ab, &[0x82, 127, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab]),
    ];
    for (length, expected) in cases {
        assert_eq!(&frame::header(Opcode::Binary, false, length)[..], expected, "{length}");
    }
    let payload = vec![7; 70_000];
    let whole = frame::frame(Opcode::Binary, false, &payload);
    let header = frame::header(Opcode::Binary, false, payload.len());
    assert_eq!(whole, [&header[..], &payload].concat());
}

#[test]
fn frames_are_those_of_the_rfc() {
    // RFC 6455, section 5.7.
    assert_eq!(&frame::frame(Opcode::Text, false, b"Hello")[..], [0x81, 5, b'H', b'e', b'l', b'l', b'o']);
    assert_eq!(&frame::ping(b"Hello")[..], [0x89, 5, b'H', b'e', b'l', b'l', b'o']);
    assert_eq!(&frame::pong(b"Hello")[..], [0x8a, 5, b'H', b'e', b'l', b'l', b'o']);
    // RFC 7692, section 7.2.3.1.
    let deflated = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(deflate::compress(b"Hello", Window::Bits15), deflated[..]);
    assert_eq!(&frame::frame(Opcode::Text, true, &deflated)[..2], [0xc1, 7]);
}

#[test]
fn a_close_frame_carries_code_and_reason() {
    assert_eq!(&frame::close(1000, "")[..], [0x88, 2, 0x03, 0xe8]);
    assert_eq!(&frame::close(4001, "bye")[..], [0x88, 5, 0x0f, 0xa1, b'b', b'y', b'e']);
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let frame = frame::close(1001, &"卫".repeat(60));
    assert_eq!(frame.len(), 2 + 2 + 41 * "卫".len());
    assert_eq!(frame[1], 125);
    assert_eq!(std::str::from_utf8(&frame[4..]).unwrap(), "卫".repeat(41));
}

#[test]
#[should_panic(expected = "at most 125 bytes")]
fn a_ping_longer_than_a_control_frame_is_a_bug_of_the_caller() {
    frame::ping(&[0; 126]);
}

#[test]
fn what_does_not_shrink_is_not_compressed() {
    assert_eq!(frame::compressed(Opcode::Binary, &crate::client::noise(2000), Window::Bits15), None);
    let text = "progress ".repeat(200);
    let frame = frame::compressed(Opcode::Text, text.as_bytes(), Window::Bits15).unwrap();
    assert_eq!(frame[0], 0xc1);
    assert!(frame.len() < 60, "{}", frame.len());
}
