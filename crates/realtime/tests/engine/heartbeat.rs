use std::time::Duration;

use realtime::Config;
use realtime::engine::{CloseReason, Socket, Transport};

use super::support::Host;

fn quick() -> Config {
    Config {
        ping_interval: Duration::from_millis(60),
        ping_timeout: Duration::from_millis(500),
        ..Config::default()
    }
}

#[tokio::test]
async fn polling_is_pinged_again_and_again() {
    let host = Host::echo(quick()).await;
    let polling = host.open_polling().await;
    for _ in 0..3 {
        assert_eq!(polling.get().await.body, "2");
        assert_eq!(polling.post("3").await.status, 200);
    }
}

#[tokio::test]
async fn websocket_is_pinged_again_and_again() {
    let host = Host::echo(quick()).await;
    let mut socket = host.open_websocket().await;
    for _ in 0..3 {
        assert_eq!(socket.text().await, "2");
        socket.send("3").await;
    }
}

#[tokio::test]
async fn the_first_ping_waits_for_its_interval() {
    let config = Config { ping_interval: Duration::from_secs(3600), ..Config::default() };
    let host = Host::echo(config).await;
    let mut socket = host.open_websocket().await;
    socket.send("4first").await;
    assert_eq!(socket.text().await, "4first");
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_gone() {
    let mut host = Host::echo(Config { ping_timeout: Duration::from_millis(40), ..quick() }).await;
    let sid = host.open_polling().await.sid;
    assert_eq!(host.closed().await, (Transport::Polling, CloseReason::PingTimeout));
    assert_eq!(host.get(&format!("EIO=4&transport=polling&sid={sid}")).await.status, 400);

    let mut socket = host.open_websocket().await;
    assert_eq!(socket.text().await, "2");
    assert!(socket.close_code().await.is_some());
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::PingTimeout));
}

#[tokio::test]
async fn a_pong_that_waits_behind_a_full_mailbox_is_not_held_against_the_client() {
    let config = Config { incoming_bytes: 100, ping_timeout: Duration::from_millis(40), ..quick() };
    let (go, gone) = tokio::sync::watch::channel(false);
    let host = Host::start(config, move |mut socket: Socket| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|go| *go).await.unwrap();
            let sender = socket.sender();
            while let Some(message) = socket.recv().await {
                sender.send(message).await.unwrap();
            }
        }
    })
    .await;
    let mut socket = host.open_websocket().await;
    for _ in 0..5 {
        socket.send(format!("4{}", "x".repeat(60))).await;
    }
    assert_eq!(socket.text().await, "2");
    socket.send("3").await;
    // Another connection lives through several timeouts meanwhile.
    let mut clock = host.open_websocket().await;
    for _ in 0..4 {
        assert_eq!(clock.text().await, "2");
        clock.send("3").await;
    }
    go.send(true).unwrap();
    for _ in 0..5 {
        assert_eq!(socket.text().await.len(), 61);
    }
}
