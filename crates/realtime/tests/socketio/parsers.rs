//! Both parsers of Socket.IO: what the official clients send is read, what
//! they could not read is never written, and what is wrong is named.

use bytes::Bytes;
use realtime::socketio::{
    Assembler, Malformed, Packet, PacketKind, PacketLimits, Placeholder, Reason, Refusal, msgpack, text,
};
use serde_json::{Value, json};

fn connect(namespace: &str, auth: Option<Value>) -> Packet {
    Packet { kind: PacketKind::Connect, data: auth, ..Packet::disconnect(namespace) }
}

fn with_id(packet: Packet, id: u64) -> Packet {
    Packet { id: Some(id), ..packet }
}

fn placeholder(num: usize) -> Value {
    Placeholder(num).into()
}

fn read_text(text: &str) -> Result<text::Header, Malformed> {
    text::decode(text, &PacketLimits::default())
}

fn read_msgpack(bytes: &[u8]) -> Result<Packet, Malformed> {
    msgpack::decode(&Bytes::copy_from_slice(bytes), &PacketLimits::default())
}

#[test]
fn text_reads_what_the_official_clients_send() {
    let cases = [
        ("0/tasks,", connect("/tasks", None), 0),
        ("0/tasks", connect("/tasks", None), 0),
        ("0", connect("/", None), 0),
        ("0/tasks,{\"token\":\"a\"}", connect("/tasks", Some(json!({"token":"a"}))), 0),
        ("0/tasks?x=1,", connect("/tasks", None), 0),
        ("0/?x=1,{}", connect("/", Some(json!({}))), 0),
        ("1/tasks,", Packet::disconnect("/tasks"), 0),
        (
            "2/tasks,[\"subscribe\",{\"task_id\":\"x\"}]",
            Packet::event("/tasks", "subscribe", vec![json!({"task_id":"x"})]),
            0,
        ),
        ("2/tasks,7[\"subscribe\"]", with_id(Packet::event("/tasks", "subscribe", vec![]), 7), 0),
        (
            "2[\"a\",1,\"2\",{\"3\":[true]}]",
            Packet::event("/", "a", vec![json!(1), json!("2"), json!({"3":[true]})]),
            0,
        ),
        ("218446744073709551615[\"a\"]", with_id(Packet::event("/", "a", vec![]), u64::MAX), 0),
        (
            "51-/tasks,[\"a\",{\"_placeholder\":true,\"num\":0}]",
            Packet::event("/tasks", "a", vec![placeholder(0)]),
            1,
        ),
        (
            "52-/tasks,12[\"a\",{\"x\":[{\"_placeholder\":true,\"num\":1}]}]",
            with_id(Packet::event("/tasks", "a", vec![json!({"x":[placeholder(1)]})]), 12),
            2,
        ),
        ("50-[\"a\"]", Packet::event("/", "a", vec![]), 0),
        ("3/tasks,1[]", Packet::ack("/tasks", 1, vec![]), 0),
        ("61-1[{\"_placeholder\":true,\"num\":0}]", Packet::ack("/", 1, vec![placeholder(0)]), 1),
        ("4/x,{\"message\":\"no\"}", Packet::connect_error("/x", &Refusal::new("no")), 0),
    ];
    for (text, packet, attachments) in cases {
        assert_eq!(read_text(text), Ok(text::Header { packet, attachments }), "{text}");
    }
}

#[test]
fn text_writes_what_the_official_clients_read() {
    let cases = [
        (Packet::connect("/tasks", "s"), "0/tasks,{\"sid\":\"s\"}"),
        (Packet::connect("/", "s"), "0{\"sid\":\"s\"}"),
        (
            Packet::connect_error("/x", &Refusal::new("Invalid namespace")),
            "4/x,{\"message\":\"Invalid namespace\"}",
        ),
        (
            Packet::connect_error("/x", &Refusal::with_code("Who?", "unauthorized")),
            "4/x,{\"data\":{\"code\":\"unauthorized\"},\"message\":\"Who?\"}",
        ),
        (Packet::disconnect("/x"), "1/x,"),
        (Packet::event("/tasks", "a", vec![json!({"b":1})]), "2/tasks,[\"a\",{\"b\":1}]"),
        (Packet::ack("/tasks", 7, vec![json!({})]), "3/tasks,7[{}]"),
        (
            with_id(Packet::event("/", "a", vec![placeholder(0)]), 9).with_attachments(vec![Bytes::new()]),
            "51-9[\"a\",{\"_placeholder\":true,\"num\":0}]",
        ),
        (
            Packet::ack("/n", 1, vec![placeholder(0), placeholder(1)])
                .with_attachments(vec![Bytes::new(), Bytes::new()]),
            "62-/n,1[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]",
        ),
    ];
    for (packet, text) in cases {
        assert_eq!(text::encode(&packet), text);
    }
}

/// Text, what it says is wrong, and whom an answer would go to.
#[test]
fn text_names_what_is_malformed_and_keeps_whom_to_answer() {
    let tasks = Some("/tasks");
    let cases: &[(&str, &str, Option<&str>, Option<u64>)] = &[
        ("", "this one is empty", None, None),
        ("9", "found '9'", None, None),
        ("abc", "found 'a'", None, None),
        ("\u{661}", "0 to 6", None, None),
        ("5", "how many attachments", None, None),
        ("5-", "how many attachments", None, None),
        ("5x-", "found \"x-\"", None, None),
        ("5+1-[\"a\"]", "how many attachments", None, None),
        ("51.5-[\"a\"]", "how many attachments", None, None),
        ("599999999999999999999999-", "how many attachments", None, None),
        ("511-/tasks,3[\"a\"]", "at most 10 attachments; found 11", tasks, Some(3)),
        ("51-/tasks,3[\"a\",{\"_placeholder\":true,\"num\":1}]", "points at attachment 1", tasks, Some(3)),
        ("2/tasks,", "starts with its name; found nothing", tasks, None),
        ("2/tasks,{}", "found an object", tasks, None),
        ("2/tasks,[]", "found an empty array", tasks, None),
        ("2/tasks,[1]", "starts with its name", tasks, None),
        ("2/tasks,12[\"subscribe\",", "not JSON: EOF", tasks, Some(12)),
        ("2/tasks,12[\"subscribe\"] x", "not JSON: trailing", tasks, Some(12)),
        ("2abc[\"a\"]", "not JSON", Some("/"), None),
        ("2/tasks,18446744073709551616[\"a\"]", "at most 18446744073709551615", tasks, None),
        ("2/tasks,-1[\"a\"]", "not JSON", tasks, None),
        ("3/tasks,[]", "names the id", tasks, None),
        ("3/tasks,", "names the id", tasks, None),
        ("3/tasks,1", "array of arguments; found nothing", tasks, None),
        ("3/tasks,1{}", "array of arguments; found an object", tasks, None),
        ("0/tasks,[]", "CONNECT is an object; found an empty array", tasks, None),
        ("0/tasks,1", "CONNECT is an object; found a number", tasks, None),
        ("0abc", "not JSON", Some("/"), None),
        ("1/tasks,{}", "DISCONNECT has no payload", tasks, None),
        ("4/tasks,[]", "found an empty array", tasks, None),
    ];
    for (text, reason, namespace, id) in cases {
        let found = read_text(text).expect_err(text);
        assert!(found.to_string().contains(reason), "{text}: {found}");
        assert_eq!((found.namespace.as_deref(), found.id), (*namespace, *id), "{text}");
    }
}

#[test]
fn depth_and_number_of_values_are_bounded_in_both_forms() {
    let deep = |levels: usize| format!("2[\"a\",{}{}]", "[".repeat(levels), "]".repeat(levels));
    assert!(read_text(&deep(99)).is_ok());
    assert_eq!(read_text(&deep(100)).expect_err("deep").reason, Reason::TooDeep { allowed: 100 });
    assert!(read_text(&deep(100_000)).is_err());
    let objects = format!("2[\"a\",{}1{}]", "{\"b\":".repeat(100), "}".repeat(100));
    assert_eq!(read_text(&objects).expect_err("deep").reason, Reason::TooDeep { allowed: 100 });

    let packed = |levels: usize| {
        // {type: 2, nsp: "/", data: ["a", [[[...]]]]}
        let mut bytes = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a".to_vec();
        bytes.extend(std::iter::repeat_n(0x91, levels - 1));
        bytes.push(0x90);
        bytes
    };
    assert!(read_msgpack(&packed(99)).is_ok());
    assert_eq!(read_msgpack(&packed(100)).expect_err("deep").reason, Reason::TooDeep { allowed: 100 });
    assert!(read_msgpack(&packed(500_000)).is_err());

    // The array, the name and eight more.
    let limits = PacketLimits { values: 10, ..PacketLimits::default() };
    for (count, fits) in [(8, true), (9, false)] {
        let packet = Packet::event("/", "a", vec![json!(0); count]);
        let text = text::decode(&text::encode(&packet), &limits);
        let msgpack = msgpack::decode(&msgpack::encode(&packet), &limits);
        assert_eq!((text.is_ok(), msgpack.is_ok()), (fits, fits));
        if !fits {
            assert_eq!(msgpack.expect_err("many").reason, Reason::TooManyValues { allowed: 10 });
        }
    }
}

#[test]
fn msgpack_reads_what_the_official_clients_send() {
    let cases: &[(&[u8], Packet)] = &[
        // The JavaScript client: `data` is undefined (notepack's extension), options come along.
        (b"\x84\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa6/tasks\xa7options\x81\xa8compress\xc3", connect("/tasks", None)),
        (b"\x83\xa4type\x00\xa4data\x81\xa5token\xa1a\xa3nsp\xa1/", connect("/", Some(json!({"token":"a"})))),
        // The Python client sends null for nothing.
        (b"\x83\xa4type\x01\xa4data\xc0\xa3nsp\xa6/tasks", Packet::disconnect("/tasks")),
        (b"\x84\xa4type\x02\xa4data\x92\xa1a\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa2id\x07\xa3nsp\xa8/tasks?x", with_id(Packet::event("/tasks", "a", vec![json!(1.5)]), 7)),
        (b"\x83\xa4type\x02\xa4data\x93\xa1a\xc4\x02\x01\x02\xc7\x01\x00\xff\xa3nsp\xa1/", Packet::event("/", "a", vec![placeholder(0), placeholder(1)]).with_attachments(vec![Bytes::from_static(&[1, 2]), Bytes::from_static(&[255])])),
        (b"\x84\xa4type\x03\xa4data\x90\xa2id\xcd\x01\x00\xa3nsp\xa1/", Packet::ack("/", 256, vec![])),
        // Dates of two versions of notepack and the timestamps of the specification.
        (b"\x83\xa4type\x02\xa4data\x92\xa1a\xd7\x00\x00\x00\x00\x00\x00\x00\x03\xe8\xa3nsp\xa1/", Packet::event("/", "a", vec![json!("1970-01-01T00:00:01.000Z")])),
        (b"\x83\xa4type\x02\xa4data\x92\xa1a\xd6\xff\x00\x00\x00\x01\xa3nsp\xa1/", Packet::event("/", "a", vec![json!("1970-01-01T00:00:01.000Z")])),
        // Python's whole-number keys become text, as in JSON; NaN becomes null.
        (b"\x83\xa4type\x02\xa4data\x93\xa1a\x81\x07\xff\xca\x7f\xc0\x00\x00\xa3nsp\xa1/", Packet::event("/", "a", vec![json!({"7":-1}), Value::Null])),
    ];
    for (bytes, packet) in cases {
        assert_eq!(read_msgpack(bytes), Ok(packet.clone()), "{}", bytes.escape_ascii());
    }
}

#[test]
fn msgpack_names_what_is_malformed_and_keeps_whom_to_answer() {
    let root = Some("/");
    type Case<'a> = (&'a [u8], &'a str, Option<&'a str>, Option<u64>);
    let cases: &[Case<'_>] = &[
        (b"", "this one is empty", None, None),
        (b"\xc0", "this is something else", None, None),
        (b"\x80", "this one has no type", None, None),
        (b"\x81\xa4type\x00", "this one has no nsp", None, None),
        (b"\x82\xa4type\x05\xa3nsp\xa1/", "found 5", root, None),
        (b"\x82\xa4type\xa11\xa3nsp\xa1/", "found a string", root, None),
        (b"\x82\xa4type\x00\xa3nsp\x01", "nsp is no string", None, None),
        (b"\x82\xa4type\x00\xa3nsp\xa1x", "starts with /", Some("x"), None),
        (b"\x82\xa4type\x00\xa3nsp\xa3/,x", "has no comma", Some("/,x"), None),
        (b"\x84\xa4type\x02\xa4data\x91\x01\xa3nsp\xa1/\xa2id\x07", "starts with its name", root, Some(7)),
        (
            b"\x84\xa4type\x02\xa4data\x91\xd5\x05\x00\x00\xa3nsp\xa1/\xa2id\x07",
            "extension of type 5",
            root,
            Some(7),
        ),
        (b"\x84\xa4type\x02\xa4data\x91\xa1\xff\xa3nsp\xa1/\xa2id\x07", "not UTF-8", root, Some(7)),
        (
            b"\x84\xa4type\x02\xa4data\x91\x81\xc0\x00\xa3nsp\xa1/\xa2id\x07",
            "key that is no string",
            root,
            Some(7),
        ),
        (
            b"\x84\xa4type\x02\xa4data\x91\xa1a\xa3nsp\xa1/\xa2id\xff",
            "whole number from 0; found a number",
            root,
            None,
        ),
        (b"\x83\xa4type\x03\xa4data\x90\xa3nsp\xa1/", "names the id", root, None),
        (b"\x82\xa4type\x00\xa3nsp\xa1/\x00", "1 bytes behind", root, None),
        (b"\x83\xa3nsp\xa1/\xa4type\x02\xa4data\xdd\xff\xff\xff\xff", "1 bytes expected, 0 left", root, None),
        (
            b"\x83\xa3nsp\xa1/\xa4type\x02\xa4data\xc6\xff\xff\xff\xff",
            "4294967295 bytes expected, 0 left",
            root,
            None,
        ),
        (b"\x83\xa3nsp\xa1/\xa4type\x02\xa4data\xc1", "unused byte c1", root, None),
    ];
    for (bytes, reason, namespace, id) in cases {
        let found = read_msgpack(bytes).expect_err("malformed");
        assert!(found.to_string().contains(reason), "{}: {found}", bytes.escape_ascii());
        assert_eq!((found.namespace.as_deref(), found.id), (*namespace, *id), "{}", bytes.escape_ascii());
    }
}

#[test]
fn keys_that_mean_something_in_javascript_are_only_keys() {
    let data = json!({"__proto__": {"a": 1}, "constructor": {"prototype": 2}, "toString": null});
    let packet = Packet::event("/", "__proto__", vec![data]);
    assert_eq!(read_text(&text::encode(&packet)).map(|header| header.packet), Ok(packet.clone()));
    assert_eq!(read_msgpack(&msgpack::encode(&packet)), Ok(packet));
}

#[test]
fn attachments_are_collected_in_order() {
    let mut assembler = Assembler::new(PacketLimits::default());
    let head = "52-7[\"a\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(assembler.text(head), Ok(None));
    assert_eq!(assembler.binary(Bytes::from_static(b"one")), Ok(None));
    let packet = assembler.binary(Bytes::from_static(b"two")).expect("wanted").expect("whole");
    assert_eq!(packet.attachments, [Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
    assert_eq!((packet.id, packet.data), (Some(7), Some(json!(["a", placeholder(1), placeholder(0)]))));
    // And the next one.
    assert_eq!(assembler.text("2[\"b\"]"), Ok(Some(Packet::event("/", "b", vec![]))));
}

#[test]
fn attachments_nobody_announced_or_nobody_wants_are_refused() {
    let limits = PacketLimits { attachments: 2, attachment_bytes: 10, ..PacketLimits::default() };
    let mut assembler = Assembler::new(limits);
    let four = || Bytes::from_static(b"four");
    let unexpected = assembler.binary(four()).expect_err("nothing announced it");
    assert_eq!(unexpected.reason, Reason::UnexpectedAttachment);

    // Refused with its header: the attachments that follow are passed over.
    let refused = assembler.text("53-/n,5[\"a\"]").expect_err("too many");
    assert_eq!(refused.reason, Reason::TooManyAttachments { found: 3, allowed: 2 });
    assert_eq!((refused.namespace.as_deref(), refused.id), (Some("/n"), Some(5)));
    for _ in 0..3 {
        assert_eq!(assembler.binary(four()), Ok(None));
    }
    assert!(assembler.binary(four()).is_err());

    // Refused in the middle.
    assert_eq!(assembler.text("52-/n,6[\"a\"]"), Ok(None));
    assert_eq!(assembler.binary(four()), Ok(None));
    let refused = assembler.binary(Bytes::from_static(b"seven..")).expect_err("too large");
    assert_eq!(refused.reason, Reason::AttachmentBytes { found: 11, allowed: 10 });
    assert_eq!((refused.namespace.as_deref(), refused.id), (Some("/n"), Some(6)));

    // Interrupted by another packet: the first is given up.
    assert_eq!(assembler.text("52-/n,7[\"a\"]"), Ok(None));
    assert_eq!(assembler.binary(four()), Ok(None));
    let interrupted = assembler.text("2[\"b\"]").expect_err("one is missing");
    assert_eq!(interrupted.reason, Reason::MissingAttachments { missing: 1 });
    assert_eq!((interrupted.namespace.as_deref(), interrupted.id), (Some("/n"), Some(7)));
    assert!(assembler.text("2[\"b\"]").is_ok_and(|packet| packet.is_some()));
}

#[test]
fn msgpack_attachments_have_the_same_bounds() {
    let limits = PacketLimits { attachments: 2, attachment_bytes: 10, ..PacketLimits::default() };
    let packet = |attachments: &[&'static [u8]]| {
        let data = (0..attachments.len()).map(placeholder).collect();
        let bytes = attachments.iter().map(|bytes| Bytes::from_static(bytes)).collect();
        msgpack::encode(&with_id(Packet::event("/n", "a", data), 4).with_attachments(bytes))
    };
    assert!(msgpack::decode(&packet(&[b"12345", b"67890"]), &limits).is_ok());
    let cases: [(&[&'static [u8]], Reason); 2] = [
        (&[b"", b"", b""], Reason::TooManyAttachments { found: 3, allowed: 2 }),
        (&[b"123456", b"67890"], Reason::AttachmentBytes { found: 11, allowed: 10 }),
    ];
    for (attachments, reason) in cases {
        let refused = msgpack::decode(&packet(attachments), &limits).expect_err("over a limit");
        assert_eq!((refused.namespace.as_deref(), refused.id), (Some("/n"), Some(4)));
        assert_eq!(refused.reason, reason);
    }
}

#[test]
fn a_msgpack_message_may_be_a_value_alone() {
    let value = json!({"type": "x", "list": [1, -1, 1.5, null, true, "卫"]});
    let mut message = Vec::new();
    msgpack::encode_value(&mut message, &value, &[]);
    let limits = PacketLimits::default();
    assert_eq!(msgpack::decode_value(&message.clone().into(), &limits), Ok((value, vec![])));
    message.push(0xc0);
    assert!(msgpack::decode_value(&message.into(), &limits).is_err(), "something follows");

    let mut binary = b"before".to_vec();
    let data = json!({"field": placeholder(0)});
    let attachments = vec![Bytes::from_static(&[1, 2])];
    msgpack::encode_value(&mut binary, &data, &attachments);
    assert_eq!(binary, *b"before\x81\xa5field\xc4\x02\x01\x02");
    let binary = Bytes::copy_from_slice(&binary[6..]);
    assert_eq!(msgpack::decode_value(&binary, &limits), Ok((data, attachments)));
    let refused = msgpack::decode_value(&binary, &PacketLimits { attachments: 0, ..limits });
    assert!(refused.is_err(), "{refused:?}");
}
