use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use realtime::engine::Message;
use realtime::socketio::{
    Config, Connection, Incoming, Malformed, Packet, PacketLimits, Parser, Reason, Refusal, msgpack,
};
use serde_json::json;
use tokio::sync::mpsc;

use super::support::{Host, Transport, WAYS, asking, placeholder, with_id};

/// Refuses who has no token, says what is malformed, and goes on.
async fn careful(mut connection: Connection, tell: mpsc::UnboundedSender<Malformed>) {
    while let Some(incoming) = connection.next().await {
        match incoming {
            Incoming::Connect(connect) => {
                if connect.auth().is_some_and(|auth| auth["token"] == "right") {
                    connect.accept().await.unwrap();
                } else {
                    connect.refuse(&Refusal::with_code("who are you?", "unauthorized")).await.unwrap();
                }
            }
            Incoming::Event(event) => event.socket.emit("heard", &event.name).await.unwrap(),
            Incoming::Disconnect(_) => {}
            Incoming::Malformed(malformed) => {
                if let Some(ack) = connection.acknowledge(&malformed) {
                    ack.send(&malformed.to_string()).await.unwrap();
                }
                tell.send(malformed).unwrap();
            }
        }
    }
}

async fn host(config: Config) -> (Host, mpsc::UnboundedReceiver<Malformed>) {
    let (tell, told) = mpsc::unbounded_channel();
    (Host::start(config, move |connection| careful(connection, tell.clone())).await, told)
}

fn trusted(namespace: &str) -> Packet {
    Packet { data: Some(json!({"token": "right"})), ..asking(namespace) }
}

#[tokio::test]
async fn who_may_not_join_is_told_why_and_may_try_again() {
    let (host, _told) = host(Config::default()).await;
    for way in WAYS {
        let mut client = host.client(way).await;
        for packet in [asking("/a"), Packet { data: Some(json!({"token": 1})), ..asking("/a") }] {
            client.send(packet).await;
            let refusal = Refusal::with_code("who are you?", "unauthorized");
            assert_eq!(client.packet().await, Packet::connect_error("/a", &refusal), "{way:?}");
        }
        client.send(trusted("/a")).await;
        assert!(client.packet().await.data.unwrap()["sid"].is_string());
    }
}

#[tokio::test]
async fn what_is_malformed_is_told_and_the_connection_lives_on() {
    let limits = PacketLimits { attachments: 2, attachment_bytes: 8, values: 100 };
    let (host, mut told) = host(Config { namespaces: 2, packets: limits, ..Config::default() }).await;
    let event = |arguments| with_id(Packet::event("/a", "event", arguments), 5);
    let large = Bytes::from_static(b"12345");
    let cases = [
        (event(vec![json!(vec![0; 100])]), Reason::TooManyValues { allowed: 100 }, Some(5)),
        (
            event(vec![placeholder(0), placeholder(1)]).with_attachments(vec![large.clone(), large.clone()]),
            Reason::AttachmentBytes { found: 10, allowed: 8 },
            Some(5),
        ),
        (
            event(vec![placeholder(0), placeholder(1), placeholder(2)])
                .with_attachments(vec![Bytes::new(); 3]),
            Reason::TooManyAttachments { found: 3, allowed: 2 },
            Some(5),
        ),
        (trusted("/a"), Reason::JoinedBefore, None),
        (trusted("/c"), Reason::TooManyNamespaces { allowed: 2 }, None),
        (with_id(Packet::event("/x", "event", vec![]), 6), Reason::NotJoined, Some(6)),
        (Packet::disconnect("/x"), Reason::NotJoined, None),
        (Packet::connect_error("/a", &Refusal::new("no")), Reason::ConnectError, None),
    ];
    for way in WAYS {
        let mut client = host.client(way).await;
        for namespace in ["/a", "/b"] {
            client.send(trusted(namespace)).await;
            assert!(client.packet().await.data.unwrap()["sid"].is_string());
        }
        for (packet, reason, id) in &cases {
            client.send(packet.clone()).await;
            let malformed = told.recv().await.unwrap();
            let namespace = malformed.namespace.as_deref();
            assert_eq!((&malformed.reason, namespace), (reason, Some(packet.namespace.as_str())), "{way:?}");
            assert_eq!(malformed.id, *id);
            if *id == Some(5) {
                assert_eq!(client.packet().await, Packet::ack("/a", 5, vec![json!(reason.to_string())]));
            }
            client.send(Packet::event("/a", "next", vec![])).await;
            assert_eq!(client.packet().await, Packet::event("/a", "heard", vec![json!("next")]));
        }
    }
}

#[tokio::test]
async fn messages_that_do_not_fit_the_parser_are_malformed() {
    let (host, mut told) = host(Config::default()).await;
    let binary = Message::from(Bytes::from_static(b"\x00"));
    let head = || Message::from("52-[\"event\"]");
    let next = || Message::from("2[\"next\"]");
    let packed = || Message::from(msgpack::encode(&Packet::event("/", "next", vec![])));
    let missing = Reason::MissingAttachments { missing: 1 };
    let heard = || Packet::event("/", "heard", vec![json!("next")]);
    for transport in [Transport::Polling, Transport::WebSocket] {
        let cases = [
            (Parser::Default, vec![binary.clone(), next()], Reason::UnexpectedAttachment),
            // Two belong to the packet; the next one comes too early, and counts.
            (Parser::Default, vec![head(), binary.clone(), next()], missing.clone()),
            (Parser::Msgpack, vec![next(), packed()], Reason::TextForMsgpack),
        ];
        for (parser, messages, reason) in cases {
            let mut client = host.client((transport, parser)).await;
            client.send(trusted("/")).await;
            client.packet().await;
            client.send_messages(&messages).await;
            assert_eq!(told.recv().await.unwrap().reason, reason, "{transport:?}");
            assert_eq!(client.packet().await, heard());
        }
    }
}

#[tokio::test]
async fn who_joins_nothing_in_time_is_disconnected_and_who_joins_stays() {
    let config = Config { connect_timeout: Duration::from_secs(3), ..Config::default() };
    let (host, _told) = host(config).await;
    let host = &host;
    join_all(WAYS.map(async |way| {
        let mut stays = host.client(way).await;
        stays.send(trusted("/")).await;
        stays.packet().await;
        let mut idle = host.client(way).await;
        let mut refused = host.client(way).await;
        refused.send(asking("/")).await;
        idle.expect_end().await;
        refused.expect_end().await;
        stays.send(Packet::event("/", "next", vec![])).await;
        assert_eq!(stays.packet().await, Packet::event("/", "heard", vec![json!("next")]), "{way:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_full_mailbox_stops_the_client_and_loses_nothing() {
    let config = Config { mailbox_bytes: 1_000, ..Config::default() };
    let engine = realtime::Config { incoming_bytes: 1_000, ..Default::default() };
    let (tell, told) = mpsc::unbounded_channel();
    let host = Host::with_engine(engine, config, move |connection| careful(connection, tell.clone())).await;
    let client = host.client((Transport::WebSocket, Parser::Default)).await;
    let (mut writer, mut reader) = client.split();
    tokio::spawn(async move {
        writer.send("0{\"token\":\"right\"}".to_owned()).await;
        for number in 0..2_000 {
            writer.send(format!("2[\"{number}{}\"]", "x".repeat(1_000))).await;
        }
    });
    assert!(reader.text().await.starts_with("0{"));
    for number in 0..2_000 {
        assert!(reader.text().await.starts_with(&format!("2[\"heard\",\"{number}x")));
    }
    assert!(told.is_empty());
}
