use realtime::socketio::{Config, Connection, Incoming, Packet, Parser};
use serde_json::json;
use tokio::task::yield_now;

use super::support::{Host, Transport, WAYS, asking, next_event, numbers};

#[tokio::test]
async fn what_is_sent_with_connect_is_not_lost() {
    // The application takes its time to let the client in.
    async fn slow(mut connection: Connection) {
        while let Some(incoming) = connection.next().await {
            match incoming {
                Incoming::Connect(connect) => {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                    connect.accept().await.unwrap();
                }
                Incoming::Event(event) => {
                    event.socket.emit("subscribed", &event.arguments[0]).await.unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let host = Host::start(Config::default(), slow).await;
    for way in WAYS {
        let mut client = host.client(way).await;
        let subscribe = |number: u64| Packet::event("/tasks", "subscribe", vec![json!(number)]);
        let mut packets = vec![asking("/tasks")];
        packets.extend((1..=5).map(subscribe));
        client.send_all(&packets).await;
        let joined = client.packet().await;
        assert!(joined.data.is_some_and(|data| data["sid"].is_string()));
        for number in 1..=5_u64 {
            let expected = Packet::event("/tasks", "subscribed", vec![json!(number)]);
            assert_eq!(client.packet().await, expected, "{way:?}");
        }
    }
}

/// Tells how many numbers came, and how many before a smaller one.
async fn count(mut connection: Connection) {
    let mut received: Vec<u64> = Vec::new();
    while let Some(event) = next_event(&mut connection).await {
        if event.name == "number" {
            let number = event.arguments[0].as_u64().unwrap();
            // Time for others to overtake, if they could.
            if number.is_multiple_of(7) {
                yield_now().await;
            }
            received.push(number);
        } else {
            let inversions = received.windows(2).filter(|pair| pair[0] >= pair[1]).count();
            event.socket.emit("counted", &[received.len(), inversions]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn twenty_thousand_events_of_a_client_are_handled_in_order() {
    let host = Host::start(Config::default(), count).await;
    for way in WAYS {
        let mut client = host.joined(way, "/").await;
        for chunk in numbers(20_000).chunks(2_000) {
            let events = chunk.iter().map(|number| Packet::event("/", "number", vec![number.clone()]));
            client.send_all(&events.collect::<Vec<_>>()).await;
        }
        client.send(Packet::event("/", "end", vec![])).await;
        assert_eq!(client.packet().await, Packet::event("/", "counted", vec![json!([20_000, 0])]), "{way:?}");
    }
}

#[tokio::test]
async fn events_for_a_client_arrive_in_order() {
    let host = Host::start(Config::default(), |mut connection| async move {
        while let Some(event) = next_event(&mut connection).await {
            for number in numbers(event.arguments[0].as_u64().unwrap()) {
                event.socket.emit("number", &number).await.unwrap();
            }
        }
    })
    .await;
    for (transport, count) in [(Transport::Polling, 1_000), (Transport::WebSocket, 20_000_u64)] {
        for parser in [Parser::Default, Parser::Msgpack] {
            let mut client = host.joined((transport, parser), "/").await;
            client.send(Packet::event("/", "count", vec![json!(count)])).await;
            for number in numbers(count) {
                assert_eq!(client.packet().await, Packet::event("/", "number", vec![number]));
            }
        }
    }
}
