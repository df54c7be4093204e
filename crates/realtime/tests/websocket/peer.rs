//! A client of another make: tokio-tungstenite, over an in-memory pipe.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use realtime::websocket::{CloseReason, Decoder, Limits, Message, Offer, Opcode, frame, handshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::{
    self,
    protocol::{
        CloseFrame, Role,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

/// Answers every message by itself until the client closes.
async fn echo(mut pipe: DuplexStream) -> Vec<Message> {
    let mut decoder = Decoder::new(Limits::default(), false);
    let (mut input, mut seen) = (BytesMut::new(), Vec::new());
    loop {
        while let Some(message) = decoder.decode(&mut input).unwrap() {
            let answer = match &message {
                Message::Text(text) => frame::frame(Opcode::Text, false, text.as_bytes()),
                Message::Binary(bytes) => frame::frame(Opcode::Binary, false, bytes),
                Message::Ping(payload) => frame::pong(payload),
                Message::Pong(_) => Bytes::new(),
                Message::Close(reason) => {
                    let (code, text) =
                        reason.as_ref().map_or((1000, ""), |reason| (reason.code, &reason.text[..]));
                    pipe.write_all(&frame::close(code, text)).await.unwrap();
                    seen.push(message);
                    return seen;
                }
            };
            pipe.write_all(&answer).await.unwrap();
            seen.push(message);
        }
        assert!(pipe.read_buf(&mut input).await.unwrap() > 0, "the client left without a close frame");
    }
}

#[tokio::test]
async fn tungstenite_reads_what_it_sent() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(echo(ours));
    let mut client = tokio_tungstenite::WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    let lengths = [0, 1, 125, 126, 65_535, 65_536, 200_000];
    for length in lengths {
        let (text, bytes) = ("é".repeat(length / 2), vec![length as u8; length]);
        for message in [tungstenite::Message::text(text), tungstenite::Message::binary(bytes)] {
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), message);
        }
    }
    for (opcode, payload, last) in
        [(Data::Text, "frag", false), (Data::Continue, "ment", false), (Data::Continue, "ed", true)]
    {
        let frame = Frame::message(payload, OpCode::Data(opcode), last);
        client.send(tungstenite::Message::Frame(frame)).await.unwrap();
    }
    client.send(tungstenite::Message::Ping(Bytes::from_static(b"alive?"))).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::text("fragmented"));
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        tungstenite::Message::Pong(Bytes::from_static(b"alive?"))
    );

    let close = CloseFrame { code: CloseCode::Library(4001), reason: "done".into() };
    client.close(Some(close.clone())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::Close(Some(close)));
    let seen = server.await.unwrap();
    assert_eq!(seen.len(), lengths.len() * 2 + 3);
    let reason = CloseReason { code: 4001, text: "done".into() };
    assert_eq!(seen.last(), Some(&Message::Close(Some(reason))));
}

#[test]
fn tungstenite_and_we_agree_on_the_handshake() {
    use tungstenite::client::IntoClientRequest;

    let request = "ws://localhost/live".into_client_request().unwrap();
    let accepted = handshake::accept(&request, &Offer::default()).unwrap();
    let theirs = tungstenite::handshake::server::create_response(&request).unwrap();
    let ours = accepted.response();
    assert_eq!(ours.status(), theirs.status());
    for name in ["sec-websocket-accept", "upgrade", "connection"] {
        assert_eq!(ours.headers()[name], theirs.headers()[name]);
    }
    let plain = Request::get("/live").body(()).unwrap();
    assert!(handshake::accept(&plain, &Offer::default()).is_err());
    assert!(tungstenite::handshake::server::create_response(&plain).is_err());
}
