use bytes::Bytes;
use futures_util::SinkExt;
use realtime::Config;
use realtime::engine::{CloseReason, Message, Outgoing, Socket, Transport};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::support::{Host, patient};

#[tokio::test]
async fn text_and_binary_go_both_ways() {
    let host = Host::echo(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.send("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    let bytes = Bytes::from_static(&[1, 2, 3, 4]);
    socket.0.send(Frame::Binary(bytes.clone())).await.unwrap();
    assert_eq!(socket.frame().await, Some(Frame::Binary(bytes)));
}

#[tokio::test]
async fn what_is_no_packet_ends_the_connection() {
    let mut host = Host::echo(Config::default()).await;
    for text in ["abc", "", "2", "2probe"] {
        let mut socket = host.open_websocket().await;
        socket.send(text).await;
        assert_eq!(socket.close_code().await, Some(1002), "{text:?}");
        assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::ProtocolError));
    }
}

#[tokio::test]
async fn a_ping_frame_is_answered() {
    let host = Host::echo(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.0.send(Frame::Ping(Bytes::from_static(b"there?"))).await.unwrap();
    assert_eq!(socket.frame().await, Some(Frame::Pong(Bytes::from_static(b"there?"))));
}

#[tokio::test]
async fn twenty_thousand_numbered_messages_are_handled_in_order() {
    const COUNT: usize = 20_000;
    let (done, mut inversions) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(Config::default(), move |mut socket: Socket| {
        let done = done.clone();
        async move {
            let mut inversions = 0;
            for expected in 0..COUNT {
                match socket.recv().await {
                    Some(Message::Text(text)) if text.parse() == Ok(expected) => {}
                    _ => inversions += 1,
                }
                // Some take longer than others.
                if expected % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            done.send(inversions).unwrap();
        }
    })
    .await;
    let mut socket = host.open_websocket().await;
    for number in 0..COUNT {
        socket.0.feed(Frame::text(format!("4{number}"))).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    assert_eq!(patient(inversions.recv()).await, Some(0));
}

#[tokio::test]
async fn many_messages_come_back_in_order() {
    const COUNT: usize = 20_000;
    let host = Host::start(Config::default(), |mut socket: Socket| async move {
        let sender = socket.sender();
        for number in 0..COUNT {
            sender.send(Message::from(number.to_string())).await.unwrap();
        }
        while socket.recv().await.is_some() {}
    })
    .await;
    let mut socket = host.open_websocket().await;
    for number in 0..COUNT {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
}

#[tokio::test]
async fn messages_that_belong_together_stay_together() {
    const EACH: usize = 200;
    let host = Host::start(Config::default(), |mut socket: Socket| async move {
        let speak = |name: &'static str, sender: realtime::engine::Sender| async move {
            for _ in 0..EACH {
                let parts = vec![Message::from(name), Message::from(Bytes::from_static(name.as_bytes()))];
                sender.send(Outgoing::several(parts)).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(speak("a", socket.sender()), speak("b", socket.sender()));
        while socket.recv().await.is_some() {}
    })
    .await;
    let mut socket = host.open_websocket().await;
    for _ in 0..2 * EACH {
        let name = socket.text().await[1..].to_owned();
        assert_eq!(socket.frame().await, Some(Frame::Binary(name.into())));
    }
}

#[tokio::test]
async fn one_message_reaches_many_sockets() {
    use std::sync::{Arc, Mutex};

    let senders = Arc::new(Mutex::new(Vec::new()));
    let kept = senders.clone();
    let host = Host::start(Config::default(), move |mut socket: Socket| {
        kept.lock().unwrap().push(socket.sender());
        async move { while socket.recv().await.is_some() {} }
    })
    .await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(host.open_websocket().await);
    }
    let outgoing = Outgoing::new("for all");
    for sender in senders.lock().unwrap().iter() {
        sender.try_send(outgoing.clone()).unwrap();
    }
    for socket in &mut sockets {
        assert_eq!(socket.text().await, "4for all");
    }
}
