//! Talks to the example server of crate realtime with rust_socketio, a third
//! family of clients beside the official ones, in each of its transports.
//!
//!     cargo run --manifest-path e2e/rust/Cargo.toml -- target/debug/examples/socketio_conformance

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bytes::Bytes;
use rust_socketio::{ClientBuilder, Payload, RawClient, TransportType};
use serde_json::{Value, json};

/// Longer than anything takes, so that a failure ends.
const PATIENCE: Duration = Duration::from_secs(60);
const NUMBERS: u64 = 300;

const TRANSPORTS: [(&str, TransportType); 3] = [
    ("polling", TransportType::Polling),
    ("websocket", TransportType::Websocket),
    ("upgrade", TransportType::WebsocketUpgrade),
];

/// The server under test; ends with this program.
struct Example(Child);

impl Example {
    fn start(program: &str, deflate: bool) -> (Example, String) {
        let mut command = Command::new(program);
        command.env("PORT", "0").env("PING_INTERVAL", "25000").env("PING_TIMEOUT", "20000");
        command.env("CONNECT_TIMEOUT", "45000").stdout(Stdio::piped());
        if deflate {
            command.env("DEFLATE", "1");
        }
        let mut child = command.spawn().expect("the example starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let url = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        (Example(child), url)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let program = std::env::args().nth(1).expect("the example's program is the first argument");
    for deflate in [false, true] {
        let (_example, url) = Example::start(&program, deflate);
        for (name, transport) in TRANSPORTS {
            talk(&url, transport);
            println!("rust_socketio over {name}, compression offered: {deflate}: ok");
        }
    }
}

fn talk(url: &str, transport: TransportType) {
    let (tell, told) = mpsc::channel();
    let mut builder = ClientBuilder::new(url)
        .namespace("/custom")
        .auth(json!({ "token": "123" }))
        .transport_type(transport)
        .reconnect(false);
    for event in ["auth", "message-back", "number"] {
        let tell = tell.clone();
        builder = builder.on(event, move |payload: Payload, _: RawClient| {
            let _ = tell.send((event, payload));
        });
    }
    let client = builder.connect().expect("connected");
    assert_eq!(text(&told, "auth"), [json!({ "token": "123" })]);

    client.emit("message", json!({ "3": [true] })).expect("sent");
    assert_eq!(text(&told, "message-back"), [json!({ "3": [true] })]);

    client.emit("message", Payload::Binary(Bytes::from_static(&[1, 2, 255]))).expect("sent");
    match next(&told, "message-back") {
        Payload::Binary(bytes) => assert_eq!(bytes[..], [1, 2, 255]),
        other => panic!("binary expected, found {other:?}"),
    }

    let (answer, answered) = mpsc::channel();
    let callback = move |payload: Payload, _: RawClient| {
        let _ = answer.send(payload);
    };
    client.emit_with_ack("message-with-ack", json!([1, "2"]), PATIENCE, callback).expect("sent");
    match answered.recv_timeout(PATIENCE).expect("acknowledged") {
        // The library wraps the arguments once more.
        Payload::Text(arguments) => assert_eq!(arguments, [json!([[1, "2"]])]),
        other => panic!("text expected, found {other:?}"),
    }

    client.emit("count", json!(NUMBERS)).expect("sent");
    for number in 1..=NUMBERS {
        assert_eq!(text(&told, "number"), [json!(number)]);
    }
    client.disconnect().expect("disconnected");
}

fn text(told: &Receiver<(&'static str, Payload)>, event: &str) -> Vec<Value> {
    match next(told, event) {
        Payload::Text(arguments) => arguments,
        other => panic!("text expected, found {other:?}"),
    }
}

fn next(told: &Receiver<(&'static str, Payload)>, event: &str) -> Payload {
    let (name, payload) = told.recv_timeout(PATIENCE).expect(event);
    assert_eq!(name, event);
    payload
}
