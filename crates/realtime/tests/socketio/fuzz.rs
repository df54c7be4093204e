//! No input makes a parser panic, and what is written is read back the same.
//! More iterations: `REALTIME_FUZZ_ITERATIONS=10000000`.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use realtime::socketio::{Assembler, Packet, PacketKind, PacketLimits, Placeholder, Refusal, msgpack, text};
use serde_json::{Map, Value};

const ITERATIONS: u32 = 3_000;

fn runner(name: &str) -> TestRunner {
    let iterations = std::env::var("REALTIME_FUZZ_ITERATIONS").ok();
    let cases = iterations.map_or(ITERATIONS, |count| count.parse().expect("a number of iterations"));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    // The same inputs in every run; another name gives others.
    let mut seed = [7; 32];
    for (place, byte) in name.bytes().enumerate() {
        seed[place % 32] ^= byte;
    }
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

fn limits() -> PacketLimits {
    PacketLimits { attachments: 4, attachment_bytes: 64, values: 200 }
}

/// Plain values; floats whose text is read back exactly.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            proptest::collection::btree_map(".{0,10}", inner, 0..18)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn attachments() -> impl Strategy<Value = Vec<Bytes>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    proptest::collection::vec(bytes, 0..4)
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,?]{1,300}"]
}

fn packet() -> impl Strategy<Value = Packet> {
    let arguments = proptest::collection::vec(value(), 0..6);
    let parts = (0..5, namespace(), ".{0,40}", arguments, attachments(), any::<Option<u64>>(), value());
    parts.prop_map(|(kind, namespace, name, mut arguments, attachments, id, any)| match kind {
        0 => Packet::connect(&namespace, &name),
        1 => Packet::disconnect(&namespace),
        2 => {
            let refusal = Refusal { message: name, data: Some(any) };
            Packet::connect_error(&namespace, &refusal)
        }
        _ => {
            arguments.extend((0..attachments.len()).map(|num| Value::from(Placeholder(num))));
            let packet = match (kind, id) {
                (3, Some(id)) => Packet::ack(&namespace, id, arguments),
                _ => Packet { id, ..Packet::event(&namespace, &name, arguments) },
            };
            packet.with_attachments(attachments)
        }
    })
}

fn assembled(packet: &Packet) -> Packet {
    let mut assembler = Assembler::new(PacketLimits::default());
    let mut read = assembler.text(&text::encode(packet)).expect("the text is read");
    for attachment in &packet.attachments {
        assert_eq!(read, None, "not whole yet");
        read = assembler.binary(attachment.clone()).expect("the attachment is wanted");
    }
    read.expect("whole")
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let checked = runner("round trip").run(&packet(), |packet| {
        prop_assert_eq!(&assembled(&packet), &packet);
        let read = msgpack::decode(&msgpack::encode(&packet), &PacketLimits::default());
        prop_assert_eq!(read, Ok(packet));
        Ok(())
    });
    checked.expect("both parsers");
}

#[test]
fn no_text_makes_the_parser_panic() {
    let anything = prop_oneof![
        ".{0,60}",
        "[0-9]{1,3}-?(/[a-z]{0,3},)?[0-9]{0,22}[\\[\\]{}\":,_a-z0-9]{0,40}",
        packet().prop_map(|packet| text::encode(&packet)),
    ];
    let strategy = (anything, any::<proptest::sample::Index>(), "\\PC?", attachments());
    let checked = runner("text").run(&strategy, |(text, place, change, attachments)| {
        let mut changed: Vec<char> = text.chars().collect();
        if !changed.is_empty() {
            let at = place.index(changed.len());
            changed.splice(at..(at + 1).min(changed.len()), change.chars());
        }
        let mut assembler = Assembler::new(limits());
        for text in [text, changed.into_iter().collect()] {
            let read = assembler.text(&text);
            check(read.ok().flatten());
            for attachment in &attachments {
                check(assembler.binary(attachment.clone()).ok().flatten());
            }
        }
        Ok(())
    });
    checked.expect("no panic");
}

#[test]
fn no_bytes_make_the_msgpack_parser_panic() {
    let anything = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..120),
        packet().prop_map(|packet| msgpack::encode(&packet).to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(|tail| [
            b"\x83\xa3nsp\xa1/\xa4type\x02\xa4data".as_slice(),
            &tail
        ]
        .concat()),
    ];
    let strategy = (anything, any::<proptest::sample::Index>(), any::<u8>(), any::<bool>());
    let checked = runner("msgpack").run(&strategy, |(mut bytes, place, byte, cut)| {
        check(msgpack::decode(&Bytes::from(bytes.clone()), &limits()).ok());
        if !bytes.is_empty() {
            let at = place.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
        }
        check(msgpack::decode(&Bytes::from(bytes), &limits()).ok());
        Ok(())
    });
    checked.expect("no panic");
}

/// What was accepted keeps the promises of a packet.
fn check(packet: Option<Packet>) {
    let Some(packet) = packet else { return };
    assert!(packet.namespace.starts_with('/'));
    assert!(!packet.namespace.contains([',', '?']));
    assert!(packet.attachments.len() <= limits().attachments);
    assert!(packet.attachments.iter().map(Bytes::len).sum::<usize>() <= limits().attachment_bytes);
    match packet.kind {
        PacketKind::Event => assert!(packet.data.is_some_and(|data| data[0].is_string())),
        PacketKind::Ack => assert!(packet.id.is_some() && packet.data.is_some_and(|data| data.is_array())),
        PacketKind::Disconnect => assert_eq!(packet.data, None),
        PacketKind::Connect => assert!(packet.data.is_none_or(|data| data.is_object())),
        PacketKind::ConnectError => assert!(packet.data.is_some()),
    }
}
