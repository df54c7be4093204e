//! In memory and with a clock that jumps to the next timer: times are exact, and
//! the stream is one that the engine does not know.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use realtime::Config;
use realtime::engine::{CloseReason, Message, Sender, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

/// A server that tells the senders of its connections.
fn server(config: Config) -> (Server, mpsc::UnboundedReceiver<Sender>) {
    let (tell, told) = mpsc::unbounded_channel();
    let server = Server::new(config, move |mut socket: Socket| {
        tell.send(socket.sender()).unwrap();
        async move { while socket.recv().await.is_some() {} }
    });
    (server, told)
}

/// A stream to the server whose two ends hold so many bytes.
fn stream(server: &Server, bytes: usize) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(bytes);
    let service = TowerToHyperService::new(server.clone());
    let connection = http1::Builder::new().serve_connection(TokioIo::new(theirs), service).with_upgrades();
    tokio::spawn(connection);
    ours
}

async fn websocket(server: &Server, bytes: usize) -> WebSocketStream<DuplexStream> {
    let url = "ws://test/engine.io/?EIO=4&transport=websocket";
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream(server, bytes)).await.unwrap();
    assert!(text(&mut socket).await.starts_with("0{"));
    socket
}

async fn text(socket: &mut WebSocketStream<DuplexStream>) -> String {
    match socket.next().await {
        Some(Ok(Frame::Text(text))) => text.to_string(),
        other => panic!("text expected, {other:?} came"),
    }
}

/// The body and the status of a poll's answer.
async fn poll(server: &Server, query: &str) -> (u16, String) {
    let mut polling = stream(server, 4096);
    let request =
        format!("GET /?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    polling.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    polling.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What a polling client puts into its queries.
async fn open_polling(server: &Server) -> String {
    let (_, body) = poll(server, "").await;
    format!("&sid={}", body.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap())
}

/// Where a WebSocket takes over.
fn takeover(sid: &str) -> String {
    format!("ws://test/?EIO=4&transport=websocket{sid}")
}

/// A WebSocket that has proved to work.
async fn probed(server: &Server, sid: &str) -> WebSocketStream<DuplexStream> {
    let (mut socket, _) = tokio_tungstenite::client_async(takeover(sid), stream(server, 4096)).await.unwrap();
    socket.send(Frame::text("2probe")).await.unwrap();
    assert_eq!(text(&mut socket).await, "3probe");
    socket
}

/// Lets everything happen that needs no time.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Whole seconds; timers are exact to a millisecond.
fn seconds(since: Instant) -> u64 {
    (since.elapsed() + Duration::from_millis(100)).as_secs()
}

#[tokio::test(start_paused = true)]
async fn pings_come_at_their_interval_and_their_absence_is_noticed_in_time() {
    let (server, mut senders) = server(Config::default());
    let mut socket = websocket(&server, 4096).await;
    let start = Instant::now();
    assert_eq!(text(&mut socket).await, "2");
    assert_eq!(seconds(start), 25);
    // The interval counts from the answer.
    tokio::time::advance(Duration::from_secs(7)).await;
    socket.send(Frame::text("3")).await.unwrap();
    assert_eq!(text(&mut socket).await, "2");
    assert_eq!(seconds(start), 25 + 7 + 25);
    assert!(matches!(socket.next().await, Some(Ok(Frame::Close(_)))));
    assert_eq!(seconds(start), 25 + 7 + 25 + 20);
    assert_eq!(senders.recv().await.unwrap().close_reason(), Some(CloseReason::PingTimeout));
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_nobody_asked_for_changes_nothing() {
    let (server, _senders) = server(Config::default());
    let mut socket = websocket(&server, 4096).await;
    let start = Instant::now();
    tokio::time::advance(Duration::from_secs(20)).await;
    socket.send(Frame::text("3")).await.unwrap();
    assert_eq!(text(&mut socket).await, "2");
    assert_eq!(seconds(start), 25);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_gone_after_the_write_timeout() {
    let (server, mut senders) = server(Config::default());
    let _socket = websocket(&server, 512).await;
    let sender = senders.recv().await.unwrap();
    let start = Instant::now();
    sender.send(Message::from("x".repeat(5000))).await.unwrap();
    assert_eq!(sender.closed().await, CloseReason::WriteTimeout);
    assert_eq!(seconds(start), 20);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_now_and_then_stays() {
    let (server, mut senders) = server(Config::default());
    let mut socket = websocket(&server, 512).await;
    let sender = senders.recv().await.unwrap();
    for _ in 0..20 {
        sender.send(Message::from("x".repeat(1000))).await.unwrap();
    }
    // The ping waits behind them longer than a pong may take.
    let mut taken = 0;
    while taken < 20 {
        tokio::time::advance(Duration::from_secs(5)).await;
        match text(&mut socket).await.len() {
            1 => socket.send(Frame::text("3")).await.unwrap(),
            _ => taken += 1,
        }
    }
    assert!(!sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_does_not_take_over_in_time_is_closed() {
    let (server, _senders) = server(Config::default());
    let sid = open_polling(&server).await;
    let url = takeover(&sid);
    let start = Instant::now();
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream(&server, 4096)).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Frame::Close(_)))));
    assert_eq!(seconds(start), 10);
    assert_eq!(server.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_messages_cross_a_stream_that_cannot_gather() {
    let (server, mut senders) = server(Config::default());
    let mut socket = websocket(&server, 4096).await;
    let sender = senders.recv().await.unwrap();
    let send = async {
        for number in 0..3000 {
            sender.send(Message::from(number.to_string())).await.unwrap();
        }
    };
    let read = async {
        for number in 0..3000 {
            assert_eq!(text(&mut socket).await, format!("4{number}"));
        }
    };
    tokio::join!(send, read);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_overtakes_the_end_of_the_upgrade_takes_nothing_and_is_refused() {
    let (server, mut senders) = server(Config::default());
    let sid = open_polling(&server).await;
    let sender = senders.recv().await.unwrap();
    let mut socket = probed(&server, &sid).await;
    let upgrade = async {
        sender.send(Message::from("first")).await.unwrap();
        settle().await;
        socket.send(Frame::text("5")).await.unwrap();
    };
    let start = Instant::now();
    let ((status, body), ()) = tokio::join!(poll(&server, &sid), upgrade);
    assert_eq!(status, 400, "{body}");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(text(&mut socket).await, "4first");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_before_it_goes_through_with_the_upgrade_is_answered_soon() {
    let (server, mut senders) = server(Config::default());
    let sid = open_polling(&server).await;
    let sender = senders.recv().await.unwrap();
    let mut socket = probed(&server, &sid).await;
    let start = Instant::now();
    assert_eq!(poll(&server, &sid).await, (200, "6".to_owned()));
    sender.send(Message::from("first")).await.unwrap();
    assert_eq!(poll(&server, &sid).await, (200, "4first".to_owned()));
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    sender.send(Message::from("second")).await.unwrap();
    socket.send(Frame::text("5")).await.unwrap();
    assert_eq!(text(&mut socket).await, "4second");
}

#[tokio::test(start_paused = true)]
async fn a_poll_goes_on_when_the_websocket_gives_up() {
    let (server, mut senders) = server(Config::default());
    let sid = open_polling(&server).await;
    let sender = senders.recv().await.unwrap();
    let socket = probed(&server, &sid).await;
    let give_up = async {
        settle().await;
        drop(socket);
        settle().await;
        sender.send(Message::from("first")).await.unwrap();
    };
    let (answer, ()) = tokio::join!(poll(&server, &sid), give_up);
    assert_eq!(answer, (200, "4first".to_owned()));
}
