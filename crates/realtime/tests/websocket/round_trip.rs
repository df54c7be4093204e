use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use realtime::websocket::{Decoder, Limits, Message, Opcode, Window, deflate, frame};

use crate::client::*;

#[derive(Clone, Debug)]
struct Sent {
    message: Message,
    compress: bool,
    /// Where to cut the payload, in thousandths of its length; between the pieces goes `ping`.
    cuts: Vec<usize>,
    ping: Option<Bytes>,
    mask: [u8; 4],
}

fn sent() -> impl Strategy<Value = Sent> {
    let message = prop_oneof![
        ".{0,300}".prop_map(|text| Message::Text(text.into())),
        "[a-c卫]{100,3000}".prop_map(|text| Message::Text(text.into())),
        prop::collection::vec(any::<u8>(), 0..3000).prop_map(|bytes| Message::Binary(bytes.into())),
        prop::collection::vec(0..3_u8, 60_000..70_000).prop_map(|bytes| Message::Binary(bytes.into())),
    ];
    let ping = prop::option::of(prop::collection::vec(any::<u8>(), 0..=125).prop_map(Bytes::from));
    let cuts = prop::collection::vec(0..=1000_usize, 0..5);
    (message, any::<bool>(), cuts, ping, any::<[u8; 4]>())
        .prop_map(|(message, compress, cuts, ping, mask)| Sent { message, compress, cuts, ping, mask })
}

/// The frames of one message, and the messages that they should come out as.
fn encode(sent: &Sent, stream: &mut Vec<u8>, expected: &mut Vec<Message>) {
    let (opcode, payload) = match &sent.message {
        Message::Text(text) => (TEXT, text.as_bytes().clone()),
        Message::Binary(bytes) => (BINARY, bytes.clone()),
        other => panic!("{other:?} is not generated"),
    };
    let (rsv1, payload) =
        if sent.compress { (RSV1, deflate::compress(&payload, Window::Bits15)) } else { (0, payload) };
    let mut cuts: Vec<_> = sent.cuts.iter().map(|cut| payload.len() * cut / 1000).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let mut from = 0;
    for (index, &to) in cuts.iter().enumerate() {
        let fin = if index + 1 == cuts.len() { FIN } else { 0 };
        let first = if index == 0 { rsv1 | opcode } else { CONTINUATION };
        stream.extend(frame_masked(fin | first, &payload[from..to], sent.mask));
        from = to;
        if let (0, Some(ping)) = (fin, &sent.ping) {
            stream.extend(frame_masked(FIN | PING, ping, sent.mask));
            expected.push(Message::Ping(ping.clone()));
        }
    }
    expected.push(sent.message.clone());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_fragments_in_any_pieces_come_out_as_sent(
        all in prop::collection::vec(sent(), 1..6),
        pieces in prop::collection::vec(1..5000_usize, 1..20),
    ) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for sent in &all {
            encode(sent, &mut stream, &mut expected);
        }
        let limits = Limits::default();
        let mut decoder = Decoder::new(limits, true);
        let (mut input, mut decoded) = (BytesMut::new(), Vec::new());
        let (mut rest, mut pieces) = (&stream[..], pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            rest = later;
            input.extend_from_slice(piece);
            while let Some(message) = decoder.decode(&mut input).unwrap() {
                decoded.push(message);
            }
            let missing = decoder.missing_bytes(&input);
            prop_assert!(missing > 0 && input.len() + missing <= limits.message_bytes + 14);
        }
        prop_assert!(input.is_empty());
        prop_assert_eq!(decoded, expected);
    }

    /// A server's frame is what a client's decoder reads: the same frame, masked, comes back.
    #[test]
    fn a_server_frame_differs_from_a_client_frame_by_its_mask_only(
        payload in prop::collection::vec(any::<u8>(), 0..70_000),
    ) {
        let server = frame::frame(Opcode::Binary, false, &payload);
        let mut client = frame_masked(FIN | BINARY, &payload, [0; 4]);
        client[1] &= 0x7f;
        let header = client.len() - payload.len();
        client.drain(header - 4..header);
        prop_assert_eq!(server, client);
    }
}
