use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use realtime::Config;
use realtime::engine::{CloseReason, Message, Outgoing, Sender, Socket, Transport, TrySendError};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::support::{Host, patient};

/// The senders of all connections, in order of their opening.
async fn host(config: Config) -> (Host, mpsc::UnboundedReceiver<Sender>) {
    let (tell, told) = mpsc::unbounded_channel();
    let host = Host::start(config, move |mut socket: Socket| {
        tell.send(socket.sender()).unwrap();
        async move { while socket.recv().await.is_some() {} }
    })
    .await;
    (host, told)
}

/// Sends until nothing more goes out for a while, to a client that does not
/// read.
async fn fill(sender: &Sender) {
    let outgoing = Outgoing::new("x".repeat(60_000));
    while sender.try_send(outgoing.clone()).is_ok() || patient(sender.room()).await.is_ok() {}
}

#[tokio::test]
async fn a_client_that_stops_reading_is_gone_and_others_do_not_notice() {
    let config = Config { write_timeout: Duration::from_millis(200), ..Config::default() };
    let (mut host, mut senders) = host(config).await;
    let _stalled = host.open_websocket().await;
    let sender = senders.recv().await.unwrap();
    let mut other = host.open_websocket().await;
    let other_sender = senders.recv().await.unwrap();

    let talk = async {
        // Never more than one on its way, so that each is seen before the next.
        for number in 0.. {
            if sender.is_closed() {
                return number;
            }
            patient(other_sender.send(Message::from(number.to_string()))).await.unwrap();
            assert_eq!(other.text().await, format!("4{number}"));
        }
        unreachable!()
    };
    let ((), exchanged) = tokio::join!(fill(&sender), talk);
    assert!(exchanged > 0);
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::WriteTimeout));
    assert_eq!(sender.queued_bytes(), 0);
    assert_eq!(host.server.connections(), 1);
}

#[tokio::test]
async fn the_queue_of_a_client_that_stops_reading_is_bounded() {
    let config = Config { outgoing_bytes: 100_000, ..Config::default() };
    let (host, mut senders) = host(config).await;
    let polling = host.open_polling().await;
    let sender = senders.recv().await.unwrap();
    let outgoing = Outgoing::new("x".repeat(9_936));
    for _ in 0..10 {
        sender.try_send(outgoing.clone()).unwrap();
    }
    assert_eq!(sender.queued_bytes(), 100_000);
    assert!(matches!(sender.try_send(outgoing.clone()), Err(TrySendError::Full(_))));
    // One who waits goes on when the client takes something.
    let (sent, answer) = tokio::join!(patient(sender.send(outgoing)), polling.get());
    sent.unwrap();
    assert_eq!(answer.body.split('\x1e').count(), 10);
}

#[tokio::test]
async fn who_waits_for_room_is_not_overtaken() {
    let config = Config { outgoing_bytes: 1, ..Config::default() };
    let (host, mut senders) = host(config).await;
    let polling = host.open_polling().await;
    let sender = senders.recv().await.unwrap();
    sender.try_send(Message::from("1")).unwrap();
    let mut second = pin!(sender.send(Message::from("2")));
    assert!(second.as_mut().now_or_never().is_none());
    let mut third = pin!(sender.send(Message::from("3")));
    assert!(third.as_mut().now_or_never().is_none());
    let mut room = pin!(sender.room());
    assert!(room.as_mut().now_or_never().is_none());
    assert_eq!(polling.get().await.body, "41");

    // There is room, for those who were first, whoever looks first.
    assert!(matches!(sender.try_send(Message::from("x")), Err(TrySendError::Full(_))));
    assert!(sender.send(Message::from("x")).now_or_never().is_none());
    assert!(room.as_mut().now_or_never().is_none());
    assert!(third.as_mut().now_or_never().is_none());
    assert_eq!(second.now_or_never(), Some(Ok(())));
    assert_eq!(polling.get().await.body, "42");
    assert!(room.as_mut().now_or_never().is_none());
    assert_eq!(third.now_or_never(), Some(Ok(())));
    assert_eq!(polling.get().await.body, "43");
    patient(room).await.unwrap();
    sender.try_send(Message::from("4")).unwrap();
    assert_eq!(polling.get().await.body, "44");
}

#[tokio::test]
async fn who_does_not_wait_any_more_is_in_nobodys_way() {
    let config = Config { outgoing_bytes: 1, ..Config::default() };
    let (host, mut senders) = host(config).await;
    let polling = host.open_polling().await;
    let sender = senders.recv().await.unwrap();
    sender.try_send(Message::from("1")).unwrap();
    let mut second = Box::pin(sender.send(Message::from("2")));
    let mut third = pin!(sender.send(Message::from("3")));
    assert!(second.as_mut().now_or_never().is_none());
    assert!(third.as_mut().now_or_never().is_none());
    drop(second);
    assert_eq!(polling.get().await.body, "41");
    patient(third).await.unwrap();
    assert_eq!(polling.get().await.body, "43");
    sender.try_send(Message::from("4")).unwrap();
    // All who wait hear of the end.
    let mut waiting = [sender.send(Message::from("5")), sender.send(Message::from("6"))].map(Box::pin);
    for send in &mut waiting {
        assert!(send.as_mut().now_or_never().is_none());
    }
    sender.close(CloseReason::ServerClosed);
    for send in waiting {
        assert!(patient(send).await.is_err());
    }
}

#[tokio::test]
async fn shutdown_ends_clients_that_read_and_those_that_do_not() {
    let config = Config { write_timeout: Duration::from_secs(3600), ..Config::default() };
    let (host, mut senders) = host(config).await;
    let _stalled = host.open_websocket().await;
    let sender = senders.recv().await.unwrap();
    let outgoing = Outgoing::new("x".repeat(60_000));
    // Until the client's and the system's buffers are full and the queue too.
    let mut full = 0;
    while full < 20 {
        match sender.try_send(outgoing.clone()) {
            Ok(()) => full = 0,
            Err(_) => full += 1,
        }
        tokio::task::yield_now().await;
    }
    let mut reader = host.open_websocket().await;
    let polling = host.open_polling().await;
    let reads = async {
        let code = reader.close_code().await;
        drop(reader);
        code
    };
    let (left, code, poll) =
        tokio::join!(host.server.shutdown(Duration::from_millis(300)), reads, polling.get());
    assert_eq!(left, 1);
    assert_eq!(code, Some(1001));
    assert_eq!(poll.body, "1");
    assert_eq!(patient(sender.closed()).await, CloseReason::Shutdown);
    let refused = host.get("EIO=4&transport=polling").await;
    assert_eq!(refused.status, 503);
}

#[tokio::test]
async fn an_application_says_goodbye_at_shutdown() {
    let mut host = Host::start(Config::default(), |mut socket: Socket| async move {
        while socket.recv().await.is_some() {}
        socket.sender().send(Message::from("goodbye")).await.unwrap();
    })
    .await;
    let mut socket = host.open_websocket().await;
    let (left, farewell) = tokio::join!(host.server.shutdown(super::support::PATIENCE), async {
        let farewell = socket.text().await;
        socket.close_code().await;
        drop(socket);
        farewell
    });
    assert_eq!((left, farewell.as_str()), (0, "4goodbye"));
    assert_eq!(host.closed().await, (Transport::WebSocket, CloseReason::Shutdown));
}

#[tokio::test]
async fn clients_are_told_part_by_part() {
    let host = Host::echo(Config::default()).await;
    let mut sockets = Vec::new();
    for _ in 0..32 {
        sockets.push(host.open_websocket().await);
    }
    host.server.drain(0, 2);
    assert_eq!(host.get("EIO=4&transport=polling").await.status, 503);
    let (mut told, mut others) = (0, Vec::new());
    for mut socket in sockets {
        socket.send("4still there?").await;
        match socket.frame().await {
            Some(Frame::Text(_)) => others.push(socket),
            Some(Frame::Close(_)) => told += 1,
            other => panic!("{other:?}"),
        }
    }
    // All 32 or none of them would be chance once in four thousand million times.
    assert!(told > 0 && told + others.len() == 32 && told < 32, "{told} of 32");
    host.server.drain(1, 2);
    for mut socket in others {
        assert_eq!(socket.close_code().await, Some(1001));
    }
}

#[tokio::test]
async fn an_application_that_does_not_end_is_dropped_at_the_deadline() {
    let mut host = Host::start(Config::default(), |_: Socket| std::future::pending()).await;
    let _socket = host.open_websocket().await;
    assert_eq!(host.server.shutdown(Duration::from_millis(20)).await, 1);
    assert_eq!(host.closed().await.1, CloseReason::Shutdown);
}
