use futures_util::SinkExt;
use realtime::Config;
use realtime::config::Rate;
use realtime::engine::{CloseReason, Message, Socket, Transport};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::support::Host;

#[tokio::test]
async fn a_body_of_five_megabytes_is_refused() {
    let mut host = Host::echo(Config::default()).await;
    let query = host.open_polling().await.query();
    let body = format!("4{}", "x".repeat(5_000_000));
    assert_eq!(host.post(&query, &body).await.status, 413);
    assert_eq!(host.closed().await, (Transport::Polling, CloseReason::PayloadTooLarge));
    assert_eq!(host.get(&query).await.status, 400);
}

#[tokio::test]
async fn a_frame_of_five_megabytes_is_refused() {
    let mut host = Host::echo(Config::default()).await;
    let mut socket = host.open_websocket().await;
    // The server may hang up while this is being sent.
    let _ = socket.0.send(Frame::text(format!("4{}", "x".repeat(5_000_000)))).await;
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::PayloadTooLarge));
    assert!(matches!(socket.close_code().await, Some(1009) | None));
}

#[tokio::test]
async fn a_message_at_the_limit_passes() {
    let host = Host::echo(Config::default()).await;
    let text = format!("4{}", "x".repeat(999_999));
    let mut socket = host.open_websocket().await;
    socket.send(text.clone()).await;
    assert_eq!(socket.text().await, text);
    let polling = host.open_polling().await;
    assert_eq!(polling.post(&text).await.status, 200);
    assert_eq!(polling.get().await.body, text);
}

#[tokio::test]
async fn too_many_packets_a_second_end_the_connection() {
    let rate = Rate { per_second: 0.001, burst: 3.0 };
    let mut host = Host::echo(Config { packets_per_second: Some(rate), ..Config::default() }).await;
    let mut socket = host.open_websocket().await;
    for _ in 0..3 {
        socket.send("4x").await;
        assert_eq!(socket.text().await, "4x");
    }
    socket.send("4x").await;
    assert_eq!(socket.close_code().await, Some(1008));
    assert_eq!(host.closed().await.1, CloseReason::TooManyPackets);

    // Over polling the answer to a poll says so.
    let polling = host.open_polling().await;
    assert_eq!(polling.post("4a\x1e4b\x1e4c\x1e4d\x1e4e").await.status, 200);
    let mut echoes = Vec::new();
    loop {
        let body = polling.get().await.body;
        if body == "1" {
            break;
        }
        echoes.extend(body.split('\x1e').map(str::to_owned));
    }
    assert_eq!(echoes, ["4a", "4b", "4c"]);
    assert_eq!(host.closed().await.1, CloseReason::TooManyPackets);
}

#[tokio::test]
async fn an_application_can_tell_a_client_that_it_sends_too_much() {
    let rate = Rate { per_second: 0.001, burst: 2.0 };
    let config = Config { packets_per_second: Some(rate), ..Config::default() };
    let mut host = Host::start(config, |mut socket: Socket| async move {
        let mut heard = 0;
        while socket.recv().await.is_some() {
            heard += 1;
        }
        let reason = socket.sender().close_reason().unwrap();
        socket.sender().send(Message::from(format!("{heard}, then {reason}"))).await.unwrap();
    })
    .await;
    let mut socket = host.open_websocket().await;
    for _ in 0..100 {
        // The server may hang up while this is being sent.
        let _ = socket.0.send(Frame::text("4x")).await;
    }
    assert_eq!(socket.text().await, "42, then too_many_packets");
    assert_eq!(socket.close_code().await, Some(1008));
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::TooManyPackets));

    let polling = host.open_polling().await;
    assert_eq!(polling.post("4a\x1e4b\x1e4c").await.status, 200);
    assert_eq!(polling.get().await.body, "42, then too_many_packets");
    assert_eq!(polling.get().await.body, "1");
    polling.assert_over().await;
}

#[tokio::test]
async fn too_many_bytes_a_second_end_the_connection() {
    let rate = Rate { per_second: 0.001, burst: 1000.0 };
    let mut host = Host::echo(Config { bytes_per_second: Some(rate), ..Config::default() }).await;
    let mut socket = host.open_websocket().await;
    socket.send(format!("4{}", "x".repeat(600))).await;
    assert_eq!(socket.text().await.len(), 601);
    socket.send(format!("4{}", "x".repeat(600))).await;
    assert_eq!(socket.close_code().await, Some(1008));
    assert_eq!(host.closed().await.1, CloseReason::TooManyBytes);
}
