//! A socket over real HTTP, with tokio-tungstenite at the other end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use realtime::websocket::{Connection, Ended, Limits, Message, Offer, Opcode, Violation, frame, handshake};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const LIMITS: Limits = Limits { message_bytes: 100_000, inflated_bytes: 100_000 };

/// Serves on a free port; the connections of its clients come out of the channel.
async fn listen(write_timeout: Duration) -> (SocketAddr, mpsc::Receiver<Connection>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let door = move |mut request: Request| async move {
        let accepted = match handshake::accept(&request, &Offer::default()) {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal.response().into_response(),
        };
        let upgrading = hyper::upgrade::on(&mut request);
        let response = accepted.response().map(|()| Body::empty());
        tokio::spawn(async move {
            let upgraded = upgrading.await.unwrap();
            let connection = Connection::new(upgraded, &accepted, LIMITS, write_timeout);
            sender.send(connection).await.unwrap_or_else(|_| panic!("the test still listens"));
        });
        response
    };
    let router = Router::new().route("/", any(door));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, receiver)
}

async fn connected() -> (WebSocketStream<MaybeTlsStream<TcpStream>>, Connection) {
    let (address, mut connections) = listen(Duration::from_secs(60)).await;
    let (client, _) = tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
    (client, connections.recv().await.unwrap())
}

#[tokio::test]
async fn messages_pass_in_both_directions() {
    let (mut client, mut server) = connected().await;
    for length in [0, 1, 1000, 100_000] {
        client.send(tungstenite::Message::binary(vec![7; length])).await.unwrap();
        assert_eq!(server.receive().await.unwrap(), Message::Binary(vec![7; length].into()));
    }
    // More frames than one call to the system takes, and one that no socket buffer holds.
    for number in 0..500 {
        server.queue_message(Opcode::Text, number.to_string().as_bytes(), 0);
    }
    server.queue_message(Opcode::Binary, &vec![1; 10_000_000], usize::MAX);
    let (flushed, heard) = tokio::join!(server.flush(), async {
        for number in 0..500 {
            assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::text(number.to_string()));
        }
        client.next().await.unwrap().unwrap().len()
    });
    flushed.unwrap();
    assert_eq!(heard, 10_000_000);
    assert!(!server.has_queued());
}

#[tokio::test]
async fn a_dropped_flush_goes_on_where_it_was() {
    let (mut client, mut server) = connected().await;
    let payload: Vec<u8> = (0..10_000_000_u32).map(|i| (i / 1000) as u8).collect();
    server.queue_message(Opcode::Binary, &payload, usize::MAX);
    // Nobody reads, so the flush cannot end.
    tokio::select! {
        biased;
        _ = server.flush() => panic!("10 MB fit into no socket buffer"),
        () = tokio::task::yield_now() => {}
    }
    assert!(server.has_queued());
    let (flushed, message) = tokio::join!(server.flush(), client.next());
    flushed.unwrap();
    assert!(message.unwrap().unwrap().into_data() == payload);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (address, mut connections) = listen(Duration::from_millis(50)).await;
    let (client, _) = tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
    let mut server = connections.recv().await.unwrap();
    server.queue_message(Opcode::Binary, &vec![1; 50_000_000], usize::MAX);
    assert_eq!(server.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(client);
}

#[tokio::test]
async fn a_violation_is_told_with_its_code() {
    let (mut client, mut server) = connected().await;
    client.send(tungstenite::Message::binary(vec![0; 100_001])).await.unwrap();
    let Err(Ended::Violation(violation)) = server.receive().await else { panic!("too big") };
    assert_eq!(violation, Violation::TooBig { found: 100_001, allowed: 100_000 });
    server.queue_message(Opcode::Text, b"not sent any more", usize::MAX);
    let text = violation.to_string();
    let closing = server.close(violation.close_code(), &text, Duration::from_secs(60));
    let (heard, ()) = tokio::join!(async move { (client.next().await, client.next().await) }, closing);
    let (Some(Ok(tungstenite::Message::Close(Some(close)))), None) = heard else { panic!("{heard:?}") };
    assert_eq!(close.code, CloseCode::Size);
    assert_eq!(close.reason, "a message of 100001 bytes is more than 100000");
}

#[tokio::test]
async fn a_close_is_answered_and_a_lost_connection_noticed() {
    let (mut client, mut server) = connected().await;
    client.close(None).await.unwrap();
    assert_eq!(server.receive().await.unwrap(), Message::Close(None));
    server.close(1000, "", Duration::from_secs(60)).await;
    assert!(client.next().await.unwrap().unwrap().is_close());
    assert!(client.next().await.is_none());

    let (client, mut server) = connected().await;
    drop(client);
    assert!(matches!(server.receive().await, Err(Ended::Gone(_))));
}

#[tokio::test]
async fn a_ping_is_the_callers_to_answer() {
    let (mut client, mut server) = connected().await;
    client.send(tungstenite::Message::Ping(vec![1, 2].into())).await.unwrap();
    let Message::Ping(payload) = server.receive().await.unwrap() else { panic!("a ping") };
    server.queue(frame::pong(&payload));
    server.flush().await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), tungstenite::Message::Pong(vec![1, 2].into()));
}
