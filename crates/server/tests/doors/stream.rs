//! The native stream in both subprotocols: order, credit, refusals, compression.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use realtime::socketio::{PacketLimits, msgpack};
use realtime::websocket::deflate;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Client, Server, is_final, small_task, soon};

const JSON: &str = "msgalaxy.v1+json";
const MSGPACK: &str = "msgalaxy.v1+msgpack";

/// Speaks the stream over a WebSocket.
struct Stream {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    subprotocol: &'static str,
    hello: Value,
    /// Of the batch that came last, those not yet taken.
    updates: std::vec::IntoIter<Value>,
}

impl Stream {
    async fn connect(server: &Server, subprotocol: &'static str, query: &str) -> Stream {
        let url = format!("ws://{}/api/stream{query}", server.address);
        let mut request = url.into_client_request().expect("a URL");
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().expect("a header"));
        let (socket, response) =
            soon("handshake", tokio_tungstenite::connect_async(request)).await.expect("a handshake");
        assert_eq!(response.headers()["sec-websocket-protocol"], subprotocol);
        let mut stream = Stream { socket, subprotocol, hello: Value::Null, updates: Vec::new().into_iter() };
        stream.hello = stream.message().await;
        assert_eq!(stream.hello["type"], "hello");
        stream
    }

    async fn send(&mut self, message: Value) {
        let message = if self.subprotocol == JSON {
            Message::text(message.to_string())
        } else {
            let mut bytes = Vec::new();
            msgpack::encode_value(&mut bytes, &message, &[]);
            Message::binary(bytes)
        };
        self.send_raw(message).await;
    }

    async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// The next message of the server.
    async fn message(&mut self) -> Value {
        self.message_with_attachments().await.0
    }

    async fn message_with_attachments(&mut self) -> (Value, Vec<Bytes>) {
        let message = soon("message", self.socket.next()).await.expect("still open").expect("a frame");
        match message {
            Message::Text(text) if self.subprotocol == JSON => {
                (serde_json::from_str(&text).expect("JSON"), Vec::new())
            }
            Message::Binary(bytes) if self.subprotocol == MSGPACK => {
                msgpack::decode_value(&bytes, &PacketLimits::default()).expect("msgpack")
            }
            other => panic!("no message of {}: {other:?}", self.subprotocol),
        }
    }

    /// The next message, which must be of this kind and answer this id.
    async fn answer(&mut self, kind: &str, id: u64) -> Value {
        let answer = self.message().await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!(kind), &json!(id)), "{answer}");
        answer
    }

    async fn subscribe(&mut self, mut request: Value) -> Value {
        request["type"] = "subscribe".into();
        request["id"] = 1.into();
        self.send(request).await;
        self.answer("subscribed", 1).await
    }

    async fn update(&mut self) -> Value {
        loop {
            if let Some(update) = self.updates.next() {
                return update;
            }
            let message = self.message().await;
            assert_eq!(message["type"], "updates", "{message}");
            let updates = message["updates"].as_array().expect("a list").clone();
            assert!(!updates.is_empty());
            self.updates = updates.into_iter();
        }
    }

    async fn updates_to_the_end(&mut self) -> Vec<Value> {
        let mut updates = Vec::new();
        loop {
            let update = self.update().await;
            let last = is_final(&update);
            updates.push(update);
            if last {
                return updates;
            }
        }
    }

    /// Nothing but the answer to this question arrives: so nothing came before.
    async fn heard_nothing(&mut self) {
        assert_eq!(self.updates.next(), None);
        self.send(json!({"type": "unsubscribe", "id": 99})).await;
        assert_eq!(self.answer("error", 99).await["code"], "task_id_required");
    }

    /// The code of the server's close frame.
    async fn closed(&mut self) -> CloseCode {
        loop {
            match soon("close", self.socket.next()).await {
                Some(Ok(Message::Close(Some(close)))) => return close.code,
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }
}

fn seqs(updates: &[Value]) -> Vec<u64> {
    updates.iter().map(|update| update["seq"].as_u64().expect("a seq")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_subprotocols_bring_what_socket_io_brings() {
    let server = Server::start().await;
    let id = server.create(&small_task(6)).await;
    // While the task runs, from its start: replayed, then live.
    let mut live = Vec::new();
    for subprotocol in [JSON, MSGPACK] {
        let mut stream = Stream::connect(&server, subprotocol, "").await;
        let answer = stream.subscribe(json!({ "task_id": id })).await;
        assert_eq!((&answer["task_id"], &answer["log_id"]), (&json!(id), &stream.hello["log_id"]));
        live.push(stream);
    }
    let mut client = Client::connect(&server).await;
    client.subscribe(&id).await;
    let expected = client.updates_to_the_end().await;
    assert_eq!(seqs(&expected), (1..=expected.len() as u64).collect::<Vec<_>>());
    for mut stream in live {
        assert_eq!(stream.updates_to_the_end().await, expected);
        stream.heard_nothing().await;
    }
    // And once it has ended.
    for subprotocol in [JSON, MSGPACK] {
        let mut stream = Stream::connect(&server, subprotocol, "").await;
        let answer = stream.subscribe(json!({"task_id": id, "after_seq": 3})).await;
        assert_eq!((&answer["mode"], &answer["from"]), (&json!("replayed"), &json!(4)));
        assert_eq!(stream.updates_to_the_end().await, expected[3..]);
        stream.heard_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_credit() {
    let server = Server::start().await;
    let id = server.create(&small_task(6)).await;
    server.finished(&id).await;
    for subprotocol in [JSON, MSGPACK] {
        let mut stream = Stream::connect(&server, subprotocol, "?credit=3").await;
        assert_eq!(stream.hello["credit"], 3);
        let head = stream.subscribe(json!({ "task_id": id })).await["head_seq"].as_u64().expect("a seq");
        assert!(head > 8, "{head}");
        for seq in 1..=3 {
            assert_eq!(stream.update().await["seq"], seq);
        }
        assert_eq!(stream.message().await, json!({"type": "out_of_credit"}));
        stream.heard_nothing().await;

        stream.send(json!({"type": "credit", "updates": 2, "id": 5})).await;
        assert_eq!(stream.answer("credit", 5).await["credit"], 2);
        assert_eq!((&stream.update().await["seq"], &stream.update().await["seq"]), (&json!(4), &json!(5)));
        assert_eq!(stream.message().await, json!({"type": "out_of_credit"}));
        stream.heard_nothing().await;

        stream.send(json!({"type": "credit", "updates": 1000})).await;
        assert_eq!(seqs(&stream.updates_to_the_end().await), (6..=head).collect::<Vec<_>>());
        stream.heard_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_events_wait_for_credit_too() {
    let server = Server::start().await;
    let mut stream = Stream::connect(&server, JSON, "?credit=0").await;
    let id = server.create(&small_task(6)).await;
    stream.subscribe(json!({ "task_id": id })).await;
    server.finished(&id).await;
    stream.heard_nothing().await;
    stream.send(json!({"type": "credit", "updates": 1})).await;
    assert_eq!(stream.update().await["seq"], 1);
    assert_eq!(stream.message().await, json!({"type": "out_of_credit"}));
    // Who goes on elsewhere is not sent what waited.
    stream.subscribe(json!({"task_id": id, "after_seq": 5})).await;
    stream.send(json!({"type": "credit", "updates": 1})).await;
    assert_eq!(stream.update().await["seq"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_wait_for_credit_are_limited_like_subscriptions() {
    let server = Server::start_with(|settings, _| settings.limits.subscriptions_per_connection = 2).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = server.create(&small_task(1)).await;
        server.finished(&id).await;
        ids.push(id);
    }
    let ask = |id: &str| json!({"type": "subscribe", "id": 1, "task_id": id, "after_seq": 10_000});
    let mut stream = Stream::connect(&server, JSON, "?credit=0").await;
    for id in [&ids[0], &ids[1], &ids[0]] {
        stream.send(ask(id)).await;
        assert_eq!(stream.answer("subscribed", 1).await["mode"], "snapshot");
    }
    stream.send(ask(&ids[2])).await;
    assert_eq!(stream.answer("error", 1).await["code"], "too_many_subscriptions");
    stream.send(json!({"type": "credit", "updates": 4})).await;
    let told: Vec<Value> =
        [stream.update().await, stream.update().await].map(|update| update["task_id"].clone()).into();
    assert_eq!(told, [json!(ids[1]), json!(ids[1])]);
    stream.send(ask(&ids[2])).await;
    stream.updates = Vec::new().into_iter();
    loop {
        let message = stream.message().await;
        if message["id"] == 1 {
            assert_eq!(message["mode"], "snapshot");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_costs_credit_and_its_answer_does_not() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    server.finished(&id).await;
    let mut stream = Stream::connect(&server, MSGPACK, "?credit=1").await;
    let answer = stream.subscribe(json!({"task_id": id, "log_id": "another store", "after_seq": 1})).await;
    assert_eq!(answer["mode"], "snapshot");
    let snapshot = stream.update().await;
    assert_eq!((&snapshot["event_type"], &snapshot["data"]["id"]), (&json!("snapshot"), &json!(id)));
    assert_eq!(stream.message().await["type"], "out_of_credit");
    stream.heard_nothing().await;
    stream.send(json!({"type": "credit", "updates": 5})).await;
    let status = stream.update().await;
    assert_eq!(
        (&status["event_type"], &status["data"]["status"]),
        (&json!("status_change"), &json!("completed"))
    );
    stream.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_hold_as_with_socket_io() {
    let server = Server::start().await;
    let mut every = Stream::connect(&server, JSON, "").await;
    every.subscribe(json!({"task_id": "*"})).await;
    let id = server.create(&small_task(4)).await;
    server.finished(&id).await;
    let statuses = every.updates_to_the_end().await;
    assert!(
        statuses.iter().all(|update| update["event_type"] == "status_change" && update["task_id"] == *id)
    );

    let mut stream = Stream::connect(&server, MSGPACK, "").await;
    stream.subscribe(json!({"task_id": id, "events": ["iteration_complete", "status_change"]})).await;
    let mut last = 0;
    for update in stream.updates_to_the_end().await {
        assert_ne!(update["event_type"], "progress");
        assert_eq!(update["prev_seq"], last, "{update}");
        last = update["seq"].as_u64().expect("a seq");
    }

    let id = server.create(&small_task(4)).await;
    stream.subscribe(json!({ "task_id": id })).await;
    stream.send(json!({"type": "unsubscribe", "id": 2, "task_id": id})).await;
    let unsubscribed = loop {
        let message = stream.message().await;
        if message["type"] != "updates" {
            break message;
        }
    };
    assert_eq!((&unsubscribed["type"], &unsubscribed["id"]), (&json!("unsubscribed"), &json!(2)));
    server.finished(&id).await;
    stream.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_come_with_their_field_in_both_subprotocols() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    server.finished(&id).await;
    let request = json!({"task_id": id, "layout": true, "events": ["iteration_complete"]});
    let mut fields = Vec::new();
    for subprotocol in [JSON, MSGPACK] {
        let mut stream = Stream::connect(&server, subprotocol, "?credit=1").await;
        stream.subscribe(request.clone()).await;
        let (message, attachments) = stream.message_with_attachments().await;
        let layout = &message["updates"][0]["data"]["layout"];
        assert_eq!(layout["components"].as_array().map(Vec::len), Some(2), "{message}");
        let mesh = layout["panels"]["mesh"].as_u64().expect("a mesh");
        let field = match layout["panels"]["temperatures"].as_str() {
            Some(base64) => Bytes::from(STANDARD.decode(base64).expect("base64")),
            None => attachments[0].clone(),
        };
        assert_eq!(field.len() as u64, 6 * mesh * mesh * 4);
        for temp in field.chunks(4) {
            let temp_c = f32::from_le_bytes(temp.try_into().expect("four bytes"));
            assert!((-270.0..500.0).contains(&temp_c), "{temp_c} °C");
        }
        fields.push(field);
    }
    assert_eq!(fields[0], fields[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_message_is_answered_and_the_stream_goes_on() {
    let server = Server::start().await;
    let long = "x".repeat(300);
    let cases = [
        (json!({"type": "subscribe", "id": 1}), "task_id_required"),
        (json!({"type": "subscribe", "id": 1, "task_id": 7}), "invalid_task_id"),
        (json!({"type": "subscribe", "id": 1, "task_id": "nope"}), "task_not_found"),
        (json!({"type": "subscribe", "id": 1, "task_id": long}), "task_not_found"),
        (json!({"type": "subscribe", "id": 1, "task_id": "x", "after_seq": -1}), "invalid_after_seq"),
        (json!({"type": "unsubscribe", "id": 1}), "task_id_required"),
        (json!({"type": "credit", "id": 1, "updates": 0}), "invalid_credit"),
        (json!({"type": "hello", "id": 1}), "unknown_message"),
        (json!({"id": 1}), "malformed_message"),
    ];
    for subprotocol in [JSON, MSGPACK] {
        let mut stream = Stream::connect(&server, subprotocol, "").await;
        for (message, code) in &cases {
            stream.send(message.clone()).await;
            assert_eq!(stream.answer("error", 1).await["code"], *code, "{message}");
        }
        let wrong = [
            Message::text("{"),
            Message::text(""),
            Message::text("[]"),
            Message::binary(vec![0xc1]),
            Message::binary(vec![0x81, 0xa1]),
            Message::binary(vec![]),
            Message::binary([vec![0x91; 60_000], vec![0]].concat()),
        ];
        for message in wrong {
            stream.send_raw(message.clone()).await;
            let answer = stream.message().await;
            assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("malformed_message")));
        }
        stream.send_raw(Message::Ping(Bytes::from_static(b"there?"))).await;
        let pong = soon("pong", stream.socket.next()).await.expect("still open").expect("a frame");
        assert_eq!(pong, Message::Pong(Bytes::from_static(b"there?")));
        stream.heard_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_cut_off_and_others_are_not() {
    let server = Server::start_with(|settings, _| {
        settings.limits.write_timeout_s = 1;
        settings.limits.messages_per_second = 0;
        settings.limits.message_bytes_per_second = 0;
    })
    .await;
    let id = server.create(&small_task(3)).await;
    server.finished(&id).await;
    let mut good = Stream::connect(&server, JSON, "").await;
    let url = format!("ws://{}/api/stream?credit=1000000", server.address);
    let mut request = url.into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", JSON.parse().expect("a header"));
    // With so small a buffer the server soon cannot write.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let tcp = socket.connect(server.address).await.expect("a connection");
    let handshake = soon("handshake", tokio_tungstenite::client_async(request, tcp)).await;
    let (mut stalled, _) = handshake.expect("a handshake");
    // Asks again and again and reads no answer. The server reads no more when it
    // cannot write, and then cuts the connection.
    let request = json!({"type": "subscribe", "task_id": id}).to_string();
    let asks = async { while stalled.send(Message::text(request.clone())).await.is_ok() {} };
    soon("cut", asks).await;
    good.subscribe(json!({ "task_id": id })).await;
    good.updates_to_the_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_and_ended_and_others_are_not() {
    let server = Server::start_with(|settings, _| {
        settings.limits.messages_per_second = 3;
        settings.limits.message_bytes_per_second = 4096;
    })
    .await;
    let mut other = Stream::connect(&server, JSON, "").await;
    for subprotocol in [JSON, MSGPACK] {
        let long = json!({"type": "unsubscribe", "task_id": "x".repeat(50_000)});
        let credit = json!({"type": "credit", "updates": 1});
        for (message, count, code) in [(credit, 50, "too_many_messages"), (long, 1, "too_many_bytes")] {
            let mut stream = Stream::connect(&server, subprotocol, "").await;
            for _ in 0..count {
                stream.send(message.clone()).await;
            }
            let told = stream.message().await;
            assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!(code)), "{told}");
            assert_eq!(stream.closed().await, CloseCode::Policy);
        }
    }
    other.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_grants_credit_for_what_was_sent_does_not_send_too_much() {
    let server = Server::start_with(|settings, _| settings.limits.messages_per_second = 1).await;
    let id = server.create(&small_task(20)).await;
    server.finished(&id).await;
    let mut stream = Stream::connect(&server, JSON, "?credit=1").await;
    stream.send(json!({"type": "subscribe", "task_id": id})).await;
    let mut grants = 0;
    loop {
        let message = stream.message().await;
        let Some(updates) = message["updates"].as_array() else { continue };
        if is_final(&updates[0]) {
            break;
        }
        stream.send(json!({"type": "credit", "updates": 1})).await;
        grants += 1;
    }
    assert!(grants > 10 + 2, "more than may come at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_closes_the_connection_with_a_code() {
    let server = Server::start().await;
    let mut stream = Stream::connect(&server, JSON, "").await;
    stream.send_raw(Message::text(" ".repeat(65_537))).await;
    assert_eq!(stream.closed().await, CloseCode::Size);

    let mut stream = Stream::connect(&server, JSON, "").await;
    stream.socket.close(None).await.expect("sent");
    assert_eq!(stream.closed().await, CloseCode::Normal);
}

const UPGRADE: [(&str, &str); 5] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", JSON),
];

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_open_a_stream_is_told_why() {
    let server = Server::start_with(|settings, _| settings.limits.connections = 1).await;
    let with = |name: &'static str, value: &'static str| {
        let mut headers: Vec<_> = UPGRADE.into_iter().filter(|(known, _)| *known != name).collect();
        headers.extend((!value.is_empty()).then_some((name, value)));
        headers
    };
    let cases = [
        ("GET", "", with("sec-websocket-protocol", "msgalaxy.v2+json, chat"), 400, "unknown_subprotocol"),
        ("GET", "", with("sec-websocket-protocol", ""), 400, "unknown_subprotocol"),
        ("GET", "", with("upgrade", ""), 426, "upgrade_required"),
        ("GET", "", with("sec-websocket-version", "8"), 426, "websocket_version"),
        ("GET", "", with("sec-websocket-key", "short"), 400, "websocket_key"),
        ("POST", "", with("", ""), 405, "method_not_allowed"),
        ("GET", "?credit=-1", with("", ""), 400, "invalid_query"),
        ("GET", "?credit=1000001", with("", ""), 400, "invalid_query"),
        ("GET", "", with("origin", "https://evil.example"), 403, "origin_not_allowed"),
    ];
    for (method, query, headers, status, code) in cases {
        let answer = server.request(method, &format!("/api/stream{query}"), &headers, b"").await;
        assert_eq!(answer.refused(status), code, "{method} {query} {headers:?}");
    }
    let answer = server.request("GET", "/api/stream", &with("sec-websocket-protocol", "chat"), b"").await;
    assert!(answer.text().contains("msgalaxy.v1+json, msgalaxy.v1+msgpack"), "{}", answer.text());
    let answer = server.request("GET", "/api/stream", &with("sec-websocket-version", "8"), b"").await;
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));

    let mut only = Stream::connect(&server, JSON, "").await;
    let answer = server.request("GET", "/api/stream", &UPGRADE, b"").await;
    assert_eq!(answer.refused(503), "too_many_connections");
    only.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_and_its_successor_resumes() {
    let server = Server::start().await;
    let id = server.create(&small_task(3)).await;
    let all = {
        let mut stream = Stream::connect(&server, JSON, "").await;
        stream.subscribe(json!({ "task_id": id })).await;
        stream.updates_to_the_end().await
    };
    let mut stream = Stream::connect(&server, JSON, "?credit=2").await;
    let log_id = stream.subscribe(json!({ "task_id": id })).await["log_id"].clone();
    let mut heard = vec![stream.update().await, stream.update().await];
    let (server, code) = tokio::join!(server.restart(), stream.closed());
    assert_eq!(code, CloseCode::Away);
    let mut stream = Stream::connect(&server, JSON, "").await;
    let answer = stream.subscribe(json!({"task_id": id, "after_seq": 2, "log_id": log_id})).await;
    assert_eq!(answer["mode"], "replayed");
    heard.extend(stream.updates_to_the_end().await);
    assert_eq!(heard, all);
}

/// One whole message of a server, read from the socket itself: whether it is
/// compressed, and its payload as sent.
async fn raw_message(socket: &mut TcpStream, input: &mut BytesMut) -> (bool, Bytes) {
    loop {
        if let [first, second, ..] = input[..] {
            let (header, length) = match second {
                126 if input.len() >= 4 => (4, usize::from(u16::from_be_bytes([input[2], input[3]]))),
                126 | 127 => (4, usize::MAX - 4),
                length => (2, usize::from(length)),
            };
            if input.len() >= header + length {
                input.advance(header);
                return (first & 0x40 != 0, input.split_to(length).freeze());
            }
        }
        assert!(soon("frame", socket.read_buf(input)).await.expect("a frame") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_batches_are_compressed_for_who_can_inflate() {
    let server = Server::start().await;
    let id = server.create(&small_task(10)).await;
    server.finished(&id).await;
    let mut stream = Stream::connect(&server, JSON, "").await;
    stream.subscribe(json!({ "task_id": id })).await;
    let expected = stream.updates_to_the_end().await;

    let mut socket = TcpStream::connect(server.address).await.expect("a connection");
    let mut head = format!("GET /api/stream HTTP/1.1\r\nhost: {}\r\n", server.address);
    for (name, value) in UPGRADE {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut input = BytesMut::new();
    let end = loop {
        assert!(soon("answer", socket.read_buf(&mut input)).await.expect("an answer") > 0);
        if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let answer = String::from_utf8(input.split_to(end).to_vec()).expect("text").to_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    assert!(
        answer.contains("sec-websocket-extensions: permessage-deflate; server_no_context_takeover"),
        "{answer}"
    );

    let (compressed, hello) = raw_message(&mut socket, &mut input).await;
    assert!(!compressed && hello.starts_with(b"{"), "short messages are sent as they are");
    // A compressed request, with a mask that changes nothing.
    let request = json!({"type": "subscribe", "task_id": id, "padding": " ".repeat(500)}).to_string();
    let request = deflate::compress(request.as_bytes(), realtime::websocket::Window::Bits15);
    let length = u8::try_from(request.len()).expect("short");
    socket.write_all(&[&[0xc1, 0x80 | length, 0, 0, 0, 0], &request[..]].concat()).await.expect("sent");

    let (mut heard, mut sent, mut whole) = (Vec::new(), 0, 0);
    while heard.len() < expected.len() {
        let (compressed, payload) = raw_message(&mut socket, &mut input).await;
        sent += payload.len();
        let text = if compressed { deflate::inflate(&payload, 1 << 20).expect("inflates") } else { payload };
        whole += text.len();
        let message: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(compressed, text.len() >= 1024, "{} bytes", text.len());
        heard.extend(message["updates"].as_array().into_iter().flatten().cloned());
    }
    assert_eq!(heard, expected);
    assert!(sent * 3 < whole, "{whole} bytes were sent as {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_without_a_subprotocol_fails_in_a_library_too() {
    let server = Server::start().await;
    let url = format!("ws://{}/api/stream", server.address);
    let refused = soon("handshake", tokio_tungstenite::connect_async(url)).await.expect_err("refused");
    let Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_says_when_to_come_back() {
    for subprotocol in [JSON, MSGPACK] {
        let mut server = Server::start().await;
        // Without credit, too: it is no update.
        let mut stream = Stream::connect(&server, subprotocol, "?credit=0").await;
        let goodbye = async { (stream.message().await, stream.closed().await) };
        let ((), (told, code)) = tokio::join!(server.stop(), goodbye);
        assert_eq!(told["type"], "server_draining", "{told}");
        assert!((1000..2000).contains(&told["retry_ms"].as_u64().expect("milliseconds")), "{told}");
        assert_eq!(code, CloseCode::Away);
    }
}
