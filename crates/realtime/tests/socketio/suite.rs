use bytes::Bytes;
use realtime::engine::Message;
use realtime::socketio::{Config, Connection, Event, Incoming, IncomingEvent, Packet, Parser, Refusal};
use serde_json::{Value, json};

use super::support::{Host, Transport, WAYS, asking, placeholder, with_id};

/// Namespaces `/` and `/custom`: tells the auth, sends messages back,
/// acknowledges, and closes at what is malformed.
async fn echo(mut connection: Connection) {
    while let Some(incoming) = connection.next().await {
        match incoming {
            Incoming::Connect(mut connect) => {
                if matches!(connect.namespace(), "/" | "/custom") {
                    let auth = connect.take_auth().unwrap_or_else(|| json!({}));
                    connect.accept().await.unwrap().emit("auth", &auth).await.unwrap();
                }
            }
            Incoming::Event(IncomingEvent { socket, name, arguments, attachments, ack }) => {
                if let Some(ack) = ack {
                    ack.send_all(arguments, attachments).await.unwrap();
                } else if name == "message" {
                    let mut back = Event::named(socket.namespace(), "message-back");
                    for argument in &arguments {
                        back = back.argument(argument).unwrap();
                    }
                    for attachment in attachments {
                        back = back.attachment(attachment);
                    }
                    socket.send(&back.build()).await.unwrap();
                }
            }
            Incoming::Disconnect(_) => {}
            Incoming::Malformed(_) => return,
        }
    }
}

async fn host() -> Host {
    Host::start(Config::default(), echo).await
}

fn auth(namespace: &str, auth: Value) -> Packet {
    Packet::event(namespace, "auth", vec![auth])
}

#[tokio::test]
async fn a_client_joins_with_and_without_auth() {
    let host = host().await;
    for way in WAYS {
        for namespace in ["/", "/custom"] {
            for given in [None, Some(json!({"token": "123"}))] {
                let mut client = host.client(way).await;
                client.join(namespace, given.clone()).await;
                let expected = auth(namespace, given.unwrap_or(json!({})));
                assert_eq!(client.packet().await, expected, "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_namespace_nobody_serves_is_refused_and_others_are_not() {
    let host = host().await;
    for way in WAYS {
        let mut client = host.client(way).await;
        client.send(asking("/random")).await;
        let refused = Packet::connect_error("/random", &Refusal::new("Invalid namespace"));
        assert_eq!(client.packet().await, refused, "{way:?}");
        client.join("/custom", None).await;
    }
}

#[tokio::test]
async fn events_and_acknowledgements_come_back_with_all_arguments_and_attachments() {
    let host = host().await;
    let plain = || vec![json!(1), json!("2"), json!({"3": [true]})];
    let binary = || vec![placeholder(0), json!({"inner": placeholder(1)})];
    let bytes = || vec![Bytes::from_static(&[1, 2, 3]), Bytes::from_static(&[4, 5, 6])];
    for way in WAYS {
        for namespace in ["/", "/custom"] {
            let mut client = host.joined(way, namespace).await;
            assert_eq!(client.packet().await, auth(namespace, json!({})));
            let event = |name: &str, arguments| Packet::event(namespace, name, arguments);
            let exchanges = [
                (event("message", vec![]), event("message-back", vec![])),
                (event("message", plain()), event("message-back", plain())),
                (
                    event("message", binary()).with_attachments(bytes()),
                    event("message-back", binary()).with_attachments(bytes()),
                ),
                (with_id(event("ask", vec![]), 0), Packet::ack(namespace, 0, vec![])),
                (with_id(event("ask", plain()), 456), Packet::ack(namespace, 456, plain())),
                (
                    with_id(event("ask", binary()), u64::MAX).with_attachments(bytes()),
                    Packet::ack(namespace, u64::MAX, binary()).with_attachments(bytes()),
                ),
            ];
            for (sent, expected) in exchanges {
                client.send(sent).await;
                assert_eq!(client.packet().await, expected, "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn who_leaves_one_namespace_stays_in_the_other() {
    let host = host().await;
    for way in WAYS {
        let mut client = host.joined(way, "/").await;
        assert_eq!(client.packet().await, auth("/", json!({})));
        client.join("/custom", None).await;
        assert_eq!(client.packet().await, auth("/custom", json!({})));
        let hello = |name: &str, namespace: &str| Packet::event(namespace, name, vec![json!("hello")]);
        client.send_all(&[Packet::disconnect("/custom"), hello("message", "/")]).await;
        assert_eq!(client.packet().await, hello("message-back", "/"), "{way:?}");
        // And may come back.
        client.join("/custom", None).await;
        assert_eq!(client.packet().await, auth("/custom", json!({})));
        client.send_all(&[Packet::disconnect("/"), hello("message", "/custom")]).await;
        assert_eq!(client.packet().await, hello("message-back", "/custom"), "{way:?}");
    }
}

/// The default parser's texts, letter by letter.
#[tokio::test]
async fn the_default_parser_writes_the_text_that_clients_expect() {
    let host = host().await;
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut client = host.client((transport, Parser::Default)).await;
        client.send_text("0/custom,{\"token\":\"abc\"}").await;
        let Some(Message::Text(joined)) = client.message().await else { panic!("text expected") };
        let joined: Value = serde_json::from_str(joined.strip_prefix("0/custom,").unwrap()).unwrap();
        assert_eq!(joined.as_object().unwrap().keys().collect::<Vec<_>>(), ["sid"]);
        assert_eq!(client.message().await, Some("2/custom,[\"auth\",{\"token\":\"abc\"}]".into()));

        client.send_text("2/custom,456[\"ask\",1,\"2\",{\"3\":[false]}]").await;
        assert_eq!(client.message().await, Some("3/custom,456[1,\"2\",{\"3\":[false]}]".into()));

        let bytes = [Bytes::from_static(b"one"), Bytes::from_static(b"two")].map(Message::from);
        let placeholders = "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}";
        client.send_text(&format!("52-/custom,[\"message\",{placeholders}]")).await;
        client.send_messages(&bytes).await;
        let head = format!("52-/custom,[\"message-back\",{placeholders}]");
        assert_eq!(client.message().await, Some(head.into()));
        for expected in bytes {
            assert_eq!(client.message().await, Some(expected), "{transport:?}");
        }
    }
}

#[tokio::test]
async fn what_is_malformed_ends_the_connection_if_the_application_wants_it() {
    let host = host().await;
    for transport in [Transport::Polling, Transport::WebSocket] {
        // An unknown type, no array, no acknowledgement id; before and after joining.
        for text in ["abc", "2{}", "2abc[\"ask\",1]", "2[\"nobody joined\"]"] {
            let mut client = host.client((transport, Parser::Default)).await;
            client.send_text(text).await;
            client.expect_end().await;
        }
        for text in ["abc", "2{}", "2abc[\"ask\",1]"] {
            let mut client = host.joined((transport, Parser::Default), "/").await;
            client.send_text(text).await;
            client.expect_end().await;
        }
    }
}
