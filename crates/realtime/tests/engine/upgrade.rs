use realtime::Config;
use realtime::engine::{Message, Outgoing, Socket, Transport};
use realtime::hooks::UpgradeOutcome;
use std::time::Duration;

use super::support::{Answer, Host, Told};

#[tokio::test]
async fn polling_becomes_websocket() {
    let mut host = Host::echo(Config::default()).await;
    let sid = host.open_polling().await.sid;
    let mut socket = host.websocket(&format!("EIO=4&transport=websocket&sid={sid}")).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    // A poll is let go, so that the client can stop polling.
    assert_eq!(host.get(&format!("EIO=4&transport=polling&sid={sid}")).await.body, "6");
    socket.send("5").await;
    socket.send("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    assert_eq!(host.told().await, Told::Opened(Transport::Polling));
    assert_eq!(host.told().await, Told::Upgrade(UpgradeOutcome::Completed));
}

#[tokio::test]
async fn a_waiting_poll_is_let_go_by_the_probe() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let mut waiting = polling.begin_get().await;
    let mut socket = polling.websocket().await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(Answer::read(&mut waiting).await.body, "6");
}

#[tokio::test]
async fn afterwards_polling_and_a_second_websocket_are_refused() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let mut socket = polling.websocket().await;
    socket.send("2probe").await;
    socket.text().await;
    socket.send("5").await;
    socket.send("4one").await;
    assert_eq!(socket.text().await, "4one");
    assert_eq!(polling.get().await.status, 400);
    assert_eq!(polling.post("4x").await.status, 400);
    let mut second = polling.websocket().await;
    assert!(second.close_code().await.is_some());
    socket.send("4two").await;
    assert_eq!(socket.text().await, "4two");
}

#[tokio::test]
async fn while_one_websocket_tries_another_cannot() {
    let host = Host::echo(Config::default()).await;
    let polling = host.open_polling().await;
    let mut first = polling.websocket().await;
    first.send("2probe").await;
    first.text().await;
    let mut second = polling.websocket().await;
    assert!(second.close_code().await.is_some());
    first.send("5").await;
    first.send("4still me").await;
    assert_eq!(first.text().await, "4still me");
}

#[tokio::test]
async fn an_upgrade_that_is_not_completed_leaves_polling_as_it_was() {
    let config = Config { upgrade_timeout: Duration::from_millis(50), ..Config::default() };
    let mut host = Host::echo(config).await;
    let sid = host.open_polling().await.sid;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    let websocket = format!("EIO=4&transport=websocket&sid={sid}");

    let mut socket = host.websocket(&websocket).await;
    assert!(socket.close_code().await.is_some());
    assert_eq!(host.upgrade_outcome().await, UpgradeOutcome::TimedOut);

    for text in ["4too early", "5", "abc"] {
        let mut socket = host.websocket(&websocket).await;
        socket.send(text).await;
        assert!(socket.close_code().await.is_some());
        assert_eq!(host.upgrade_outcome().await, UpgradeOutcome::Failed, "{text}");
    }

    host.post(&query, "4still here").await;
    assert_eq!(host.get(&query).await.body, "4still here");
}

#[tokio::test]
async fn an_upgrade_in_the_midst_of_messages_loses_none_doubles_none_and_keeps_their_order() {
    const COUNT: usize = 2_000;
    // Messages in pairs, so that an answer may end in the midst of one sending.
    let host = Host::start(Config::default(), |mut socket: Socket| async move {
        let sender = socket.sender();
        for number in 0..COUNT {
            let pair = vec![Message::from(format!("{number}a")), Message::from(format!("{number}b"))];
            sender.send(Outgoing::several(pair)).await.unwrap();
            if number % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        // And what the client sends on both sides of the change, in order.
        while let Some(message) = socket.recv().await {
            sender.send(message).await.unwrap();
        }
    })
    .await;
    let polling = host.open_polling().await;
    let mut got: Vec<String> = Vec::new();
    let mut take =
        |body: &str| got.extend(body.split('\x1e').filter(|packet| *packet != "6").map(str::to_owned));
    // One packet of three: the answer's end falls between the two of a pair.
    for _ in 0..3 {
        take(&polling.get().await.body);
    }
    polling.post("4first\x1e4second").await;
    let mut socket = polling.websocket().await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    take(&polling.get().await.body);
    socket.send("5").await;
    socket.send("4third").await;
    while got.len() < 2 * COUNT + 3 {
        got.push(socket.text().await);
    }
    let mut expected: Vec<_> =
        (0..COUNT).flat_map(|number| [format!("4{number}a"), format!("4{number}b")]).collect();
    expected.extend(["4first", "4second", "4third"].map(str::to_owned));
    assert_eq!(got, expected);
}

#[tokio::test]
async fn an_answer_cut_inside_what_belongs_together_is_completed_over_websocket() {
    let config = Config { polling_packets: 3, ..Config::default() };
    let host = Host::start(config, |mut socket: Socket| async move {
        let parts = (0..8).map(|number| Message::from(number.to_string())).collect();
        socket.sender().send(Outgoing::several(parts)).await.unwrap();
        while socket.recv().await.is_some() {}
    })
    .await;
    let polling = host.open_polling().await;
    assert_eq!(polling.get().await.body, "40\x1e41\x1e42");
    let mut socket = polling.websocket().await;
    socket.send("2probe").await;
    socket.text().await;
    socket.send("5").await;
    for number in 3..8 {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
}
