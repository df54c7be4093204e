use futures_util::SinkExt;
use realtime::Config;
use realtime::engine::{CloseReason, Message, Socket, Transport};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::support::{Answer, Host, patient};

#[tokio::test]
async fn a_polling_client_says_goodbye() {
    let mut host = Host::echo(Config::default()).await;
    let query = host.open_polling().await.query();
    let (waiting, goodbye) = tokio::join!(host.get(&query), host.post(&query, "1"));
    assert_eq!((goodbye.status, waiting.status), (200, 200));
    // The same answer whether the poll or the goodbye was first.
    assert_eq!(waiting.body, "6");
    assert_eq!(host.get(&query).await.status, 400);
    assert_eq!(host.closed().await, (Transport::Polling, CloseReason::ClientClosed));
    assert_eq!(host.server.connections(), 0);
}

#[tokio::test]
async fn a_websocket_client_says_goodbye() {
    let mut host = Host::echo(Config::default()).await;
    let mut socket = host.open_websocket().await;
    socket.send("1").await;
    assert_eq!(socket.close_code().await, Some(1000));
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::ClientClosed));

    let mut socket = host.open_websocket().await;
    socket.0.send(Frame::Close(None)).await.unwrap();
    socket.close_code().await;
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::ClientClosed));
}

#[tokio::test]
async fn a_connection_that_breaks_is_noticed() {
    let mut host = Host::echo(Config::default()).await;
    drop(host.open_websocket().await);
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::TransportError));
}

#[tokio::test]
async fn what_the_client_sent_before_its_goodbye_is_handled() {
    let (host, mut told) = Host::listening(Config::default()).await;
    host.open_polling().await.post("4last words\x1e1").await;
    assert_eq!(patient(told.recv()).await, Some(Message::from("last words")));
    let mut socket = host.open_websocket().await;
    socket.send("4over websocket").await;
    socket.send("1").await;
    assert_eq!(patient(told.recv()).await, Some(Message::from("over websocket")));
}

async fn says_much_and_returns(mut socket: Socket) {
    let sender = socket.sender();
    assert_eq!(socket.recv().await, Some(Message::from("go")));
    for number in 0..40 {
        sender.send(Message::from(number.to_string())).await.unwrap();
    }
}

#[tokio::test]
async fn when_the_application_returns_all_it_sent_arrives() {
    let mut host = Host::start(Config::default(), says_much_and_returns).await;
    let mut socket = host.open_websocket().await;
    socket.send("4go").await;
    for number in 0..40 {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
    assert_eq!(socket.close_code().await, Some(1000));
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::ServerClosed));

    let query = host.open_polling().await.query();
    host.post(&query, "4go").await;
    let mut packets: Vec<String> = Vec::new();
    while packets.last().map(String::as_str) != Some("1") {
        packets.extend(host.get(&query).await.body.split('\x1e').map(str::to_owned));
    }
    assert_eq!(packets.len(), 41);
    assert_eq!(host.closed().await, (Transport::Polling, CloseReason::ServerClosed));
    assert_eq!(host.get(&query).await.status, 400);
}

#[tokio::test]
async fn a_waiting_poll_hears_that_the_server_closes() {
    let host = Host::start(Config::default(), |mut socket: Socket| async move {
        socket.recv().await;
    })
    .await;
    let polling = host.open_polling().await;
    let mut waiting = polling.begin_get().await;
    polling.post("4anything").await;
    assert_eq!(Answer::read(&mut waiting).await.body, "1");
    polling.assert_over().await;
}

#[tokio::test]
async fn an_application_that_panics_harms_its_own_connection_only() {
    let mut host = Host::start(Config::default(), |mut socket: Socket| async move {
        let sender = socket.sender();
        while let Some(message) = socket.recv().await {
            assert_ne!(message, Message::from("die"));
            sender.send(message).await.unwrap();
        }
    })
    .await;
    let mut other = host.open_websocket().await;
    let mut socket = host.open_websocket().await;
    socket.send("4die").await;
    assert_eq!(socket.close_code().await, Some(1011));
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::ApplicationPanicked));
    other.send("4unharmed").await;
    assert_eq!(other.text().await, "4unharmed");
}

#[tokio::test]
async fn a_sender_knows_that_the_connection_ended() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(Config::default(), move |mut socket: Socket| {
        tell.send(socket.sender()).unwrap();
        async move { while socket.recv().await.is_some() {} }
    })
    .await;
    let mut socket = host.open_websocket().await;
    let sender = told.recv().await.unwrap();
    assert!(!sender.is_closed());
    sender.send(Message::from("hello")).await.unwrap();
    patient(sender.flushed()).await.unwrap();
    assert_eq!(sender.queued_bytes(), 0);
    assert_eq!(socket.text().await, "4hello");
    socket.send("1").await;
    assert_eq!(patient(sender.closed()).await, CloseReason::ClientClosed);
    assert!(sender.send(Message::from("too late")).await.is_err());
    assert!(sender.room().await.is_err());
}
