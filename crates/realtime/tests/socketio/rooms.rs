use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use realtime::socketio::{Config, Connection, Event, IncomingEvent, Packet, Parser, Rooms};
use serde::{Serialize, Serializer};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::support::{Host, Transport, WAYS, next_event, numbers, patient};

/// Joins and leaves the rooms that the client names.
async fn chat(mut connection: Connection, rooms: Rooms) {
    while let Some(IncomingEvent { socket, name, arguments, .. }) = next_event(&mut connection).await {
        let room = arguments[0].as_str().unwrap();
        let changed = match name.as_str() {
            "join" => rooms.join(&socket, room),
            "leave" => rooms.leave(&socket, room),
            _ => {
                socket.disconnect().await.unwrap();
                continue;
            }
        };
        socket.emit("changed", &changed).await.unwrap();
    }
}

async fn host(engine: realtime::Config) -> (Host, Rooms) {
    let rooms = Rooms::new();
    let app = {
        let rooms = rooms.clone();
        move |connection| chat(connection, rooms.clone())
    };
    (Host::with_engine(engine, Config::default(), app).await, rooms)
}

fn asks(name: &str, room: &str) -> Packet {
    Packet::event("/", name, vec![json!(room)])
}

fn changed(changed: bool) -> Packet {
    Packet::event("/", "changed", vec![json!(changed)])
}

/// Counts how often it is serialized.
struct Counted(Arc<AtomicUsize>);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("news")
    }
}

#[tokio::test]
async fn an_event_for_a_room_is_serialized_once_and_reaches_its_members_alone() {
    let (host, rooms) = host(realtime::Config::default()).await;
    let mut members = Vec::new();
    let mut others = Vec::new();
    for way in WAYS.into_iter().cycle().take(12) {
        let mut client = host.joined(way, "/").await;
        client.send(asks("join", "a")).await;
        assert_eq!(client.packet().await, changed(true));
        client.send(asks("join", "a")).await;
        assert_eq!(client.packet().await, changed(false));
        members.push(client);
        let mut other = host.joined(way, "/").await;
        other.send(asks("join", "b")).await;
        assert_eq!(other.packet().await, changed(true));
        others.push(other);
    }
    let serialized = Arc::new(AtomicUsize::new(0));
    let event = Event::new("/", "news", &Counted(serialized.clone())).unwrap();
    assert_eq!(rooms.emit("a", &event).await.unwrap(), 12);
    assert_eq!(rooms.emit("nobody", &event).await.unwrap(), 0);
    assert_eq!(serialized.load(Ordering::Relaxed), 1);
    let rest = Event::new("/", "rest", &1).unwrap();
    assert_eq!(rooms.emit("b", &rest).await.unwrap(), 12);
    for client in &mut members {
        assert_eq!(client.packet().await, Packet::event("/", "news", vec![json!("news")]));
    }
    for client in &mut others {
        assert_eq!(client.packet().await, Packet::event("/", "rest", vec![json!(1)]));
    }
}

#[tokio::test]
async fn a_member_that_leaves_in_any_way_is_in_no_room() {
    let (host, rooms) = host(realtime::Config::default()).await;
    for way in WAYS {
        for ending in ["leave", "disconnect", "put out", "hang up"] {
            let mut client = host.joined(way, "/").await;
            for room in ["a", "b"] {
                client.send(asks("join", room)).await;
                assert_eq!(client.packet().await, changed(true));
            }
            assert_eq!((rooms.members("a"), rooms.members("b")), (1, 1));
            match ending {
                "leave" => {
                    for room in ["a", "b"] {
                        client.send(asks("leave", room)).await;
                        assert_eq!(client.packet().await, changed(true));
                    }
                    client.send(asks("leave", "a")).await;
                    assert_eq!(client.packet().await, changed(false));
                }
                "disconnect" => client.send(Packet::disconnect("/")).await,
                "put out" => {
                    client.send(asks("put me out", "")).await;
                    assert_eq!(client.packet().await, Packet::disconnect("/"));
                    // What was under way is not held against the client.
                    client.send_all(&[asks("late", ""), Packet::disconnect("/")]).await;
                    client.join("/", None).await;
                }
                _ => client.hang_up().await,
            }
            let gone = async {
                while rooms.members("a") + rooms.members("b") > 0 {
                    yield_now().await;
                }
            };
            patient(gone).await;
        }
    }
}

#[tokio::test]
async fn an_event_for_a_room_waits_for_the_slowest_and_is_never_dropped() {
    let (host, rooms) = host(realtime::Config { outgoing_bytes: 4_000, ..Default::default() }).await;
    for parser in [Parser::Default, Parser::Msgpack] {
        let way = (Transport::Polling, parser);
        let (mut slow, mut quick) = (host.joined(way, "/").await, host.joined(way, "/").await);
        for client in [&mut slow, &mut quick] {
            client.send(asks("join", "a")).await;
            assert_eq!(client.packet().await, changed(true));
        }
        let emitting = tokio::spawn({
            let rooms = rooms.clone();
            async move {
                for number in numbers(100) {
                    let event = Event::new("/", "number", &(number, "x".repeat(1_000))).unwrap();
                    assert_eq!(rooms.emit("a", &event).await.unwrap(), 2);
                }
            }
        });
        // Neither takes anything until it asks; the second asks once the first
        // has got all that it could without it.
        let mut next = [1; 2];
        while next[1] <= 100 {
            for (place, client) in [&mut quick, &mut slow].into_iter().enumerate() {
                let packet = client.packet().await;
                let data = packet.data.unwrap();
                assert_eq!((&data[0], &data[1][0]), (&json!("number"), &json!(next[place])), "{parser:?}");
                next[place] += 1;
            }
        }
        patient(emitting).await.unwrap();
        for client in [&mut slow, &mut quick] {
            client.send(asks("leave", "a")).await;
            assert_eq!(client.packet().await, changed(true));
        }
    }
}

#[tokio::test]
async fn a_volatile_event_for_a_room_goes_to_those_who_have_room() {
    let (host, rooms) = host(realtime::Config { outgoing_bytes: 4_000, ..Default::default() }).await;
    for parser in [Parser::Default, Parser::Msgpack] {
        let mut client = host.joined((Transport::Polling, parser), "/").await;
        client.send(asks("join", "a")).await;
        assert_eq!(client.packet().await, changed(true));
        let mut sent = Vec::new();
        for number in numbers(20) {
            let event = Event::new("/", "number", &(&number, "x".repeat(1_000))).unwrap();
            if rooms.emit_volatile("a", &event).unwrap() == 1 {
                sent.push(number);
            }
        }
        // Three leave room for a fourth, which fills the queue.
        assert_eq!(sent, numbers(4));
        for number in sent {
            assert_eq!(client.packet().await.data.unwrap()[1][0], number);
        }
        client.send(asks("leave", "a")).await;
        assert_eq!(client.packet().await, changed(true));
    }
}

#[tokio::test]
async fn members_may_come_and_go_while_events_are_sent() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let host = Host::start(Config::default(), move |mut connection| {
        let tell = tell.clone();
        async move {
            while let Some(event) = next_event(&mut connection).await {
                tell.send(event.socket).unwrap();
            }
        }
    })
    .await;
    let mut client = host.joined((Transport::WebSocket, Parser::Default), "/").await;
    client.send(Packet::event("/", "here I am", vec![])).await;
    let socket = told.recv().await.unwrap();
    let rooms = Rooms::new();
    let sending = tokio::task::spawn_blocking({
        let rooms = rooms.clone();
        move || {
            let event = Event::new("/", "news", &1).unwrap();
            (0..20_000).map(|_| rooms.emit_volatile("a", &event).unwrap()).sum::<usize>()
        }
    });
    let changing = tokio::task::spawn_blocking(move || {
        for round in 0..20_000 {
            rooms.join(&socket, "a");
            rooms.join(&socket, "a");
            if round % 3 == 0 {
                assert!(rooms.leave(&socket, "a"));
            }
        }
    });
    patient(changing).await.unwrap();
    assert!(patient(sending).await.unwrap() <= 20_000);
}
