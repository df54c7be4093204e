use std::io::Read;

use flate2::read::DeflateDecoder;
use realtime::Config;
use realtime::config::DeflateConfig;
use realtime::engine::{Message, Outgoing, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Host, patient};

/// A WebSocket client that sees the frames as they are.
struct Raw(TcpStream);

impl Raw {
    async fn open(host: &Host, extensions: &str) -> Self {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        let head = format!(
            "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Extensions: {extensions}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(patient(stream.read_u8()).await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        let mut raw = Self(stream);
        let (compressed, open) = raw.frame().await;
        assert!(!compressed && open.starts_with(b"0{"));
        raw
    }

    /// Whether the frame is marked as compressed, and its payload.
    async fn frame(&mut self) -> (bool, Vec<u8>) {
        let first = patient(self.0.read_u8()).await.unwrap();
        let length = match patient(self.0.read_u8()).await.unwrap() {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            127 => self.0.read_u64().await.unwrap().try_into().unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        patient(self.0.read_exact(&mut payload)).await.unwrap();
        (first & 0x40 != 0, payload)
    }

    async fn message(&mut self) -> (bool, Vec<u8>) {
        let (compressed, mut payload) = self.frame().await;
        if !compressed {
            return (false, payload);
        }
        payload.extend([0, 0, 0xff, 0xff, 3, 0]);
        let mut whole = Vec::new();
        DeflateDecoder::new(&payload[..]).read_to_end(&mut whole).unwrap();
        (true, whole)
    }
}

fn long() -> String {
    "the same again and again, ".repeat(200)
}

async fn host(deflate: Option<DeflateConfig>) -> Host {
    let shared = Outgoing::several(vec![
        Message::from(long()),
        Message::from("short"),
        Message::from(bytes::Bytes::from(vec![7; 5000])),
    ]);
    Host::start(Config { deflate, ..Config::default() }, move |mut socket: Socket| {
        let shared = shared.clone();
        async move {
            socket.sender().send(shared).await.unwrap();
            while socket.recv().await.is_some() {}
        }
    })
    .await
}

async fn expect(client: &mut Raw, deflated: bool) {
    assert_eq!(client.message().await, (deflated, format!("4{}", long()).into_bytes()));
    assert_eq!(client.message().await, (false, b"4short".to_vec()));
    assert_eq!(client.message().await, (deflated, vec![7; 5000]));
}

#[tokio::test]
async fn long_messages_are_compressed_for_clients_that_can() {
    let host = host(Some(DeflateConfig::default())).await;
    // One message for all of them, in the form that each understands.
    for (extensions, deflated) in [
        ("permessage-deflate; client_max_window_bits", true),
        ("permessage-deflate; server_max_window_bits=9", true),
        ("permessage-deflate; server_max_window_bits=12", true),
        ("x-other", false),
    ] {
        expect(&mut Raw::open(&host, extensions).await, deflated).await;
    }
}

#[tokio::test]
async fn nothing_is_compressed_when_it_is_off() {
    let host = host(None).await;
    expect(&mut Raw::open(&host, "permessage-deflate").await, false).await;
}
