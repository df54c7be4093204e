use std::time::Duration;

use bytes::Bytes;
use realtime::socketio::{AckError, Config, Event, IncomingEvent, Packet, PacketKind, Placeholder};
use serde_json::{Value, json};

use super::support::{Host, PATIENCE, WAYS, next_event, patient, placeholder};

/// Asks the client, and tells how that went. Meanwhile it takes no mail.
async fn host(timeout: Duration) -> Host {
    Host::start(Config::default(), move |mut connection| async move {
        while let Some(IncomingEvent { socket, name, .. }) = next_event(&mut connection).await {
            if name != "ask me" {
                continue;
            }
            let question = Event::named("/", "question").argument(&Placeholder(0)).unwrap();
            let question = question.attachment(Bytes::from_static(b"?")).build();
            let outcome = match socket.send_with_ack(&question, timeout).await {
                Ok(answer) => json!([answer.arguments, answer.attachments.len()]),
                Err(AckError::Timeout(_)) => json!("timeout"),
                Err(AckError::Left) => json!("left"),
                Err(error) => json!(error.to_string()),
            };
            socket.emit("outcome", &outcome).await.unwrap();
        }
    })
    .await
}

fn outcome(outcome: Value) -> Packet {
    Packet::event("/", "outcome", vec![outcome])
}

#[tokio::test]
async fn an_answer_arrives_before_events_that_wait() {
    let host = host(PATIENCE).await;
    for way in WAYS {
        let mut client = host.joined(way, "/").await;
        for round in 1..=2 {
            client.send(Packet::event("/", "ask me", vec![])).await;
            let question = client.packet().await;
            assert_eq!(question.kind, PacketKind::Event);
            assert_eq!(question.data, Some(json!(["question", placeholder(0)])));
            assert_eq!(question.attachments, [Bytes::from_static(b"?")]);
            let id = question.id.expect("an answer is wanted");
            let answer = Packet::ack("/", id, vec![json!(round), placeholder(0)]);
            let answer = answer.with_attachments(vec![Bytes::from_static(b"!")]);
            // Answers to nothing, and to somebody else, are nobody's.
            let stray = Packet::ack("/", id + 1000, vec![]);
            let elsewhere = Packet::ack("/other", id, vec![]);
            let other = || Packet::event("/", "other", vec![]);
            client.send_all(&[other(), stray, elsewhere, other(), answer.clone(), answer]).await;
            assert_eq!(client.packet().await, outcome(json!([[round, placeholder(0)], 1])), "{way:?}");
        }
    }
}

#[tokio::test]
async fn no_answer_in_time_is_an_error_and_a_late_one_harmless() {
    let host = host(Duration::from_millis(20)).await;
    for way in WAYS {
        let mut client = host.joined(way, "/").await;
        for _ in 0..2 {
            client.send(Packet::event("/", "ask me", vec![])).await;
            let id = client.packet().await.id.expect("an answer is wanted");
            assert_eq!(client.packet().await, outcome(json!("timeout")), "{way:?}");
            client.send(Packet::ack("/", id, vec![])).await;
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_a_client_that_leaves_is_told() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(Config::default(), move |mut connection| {
        let tell = tell.clone();
        async move {
            while let Some(IncomingEvent { socket, .. }) = next_event(&mut connection).await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    // Longer than the test is patient: it is the leaving that ends it.
                    let outcome = socket.emit_with_ack("question", &1, 10 * PATIENCE).await;
                    let emitted = socket.emit("late", &1).await;
                    tell.send((outcome.unwrap_err().to_string(), emitted.unwrap_err().to_string())).unwrap();
                });
            }
        }
    })
    .await;
    for way in WAYS {
        for hangs_up in [false, true] {
            let mut client = host.joined(way, "/").await;
            client.send(Packet::event("/", "ask me", vec![])).await;
            assert!(client.packet().await.id.is_some());
            let after = if hangs_up {
                client.hang_up().await;
                "the connection is closed"
            } else {
                client.send(Packet::disconnect("/")).await;
                "the client has left the namespace /"
            };
            let (outcome, emitted) = patient(told.recv()).await.unwrap();
            assert_eq!(outcome, "the client left before it acknowledged", "{way:?}");
            assert_eq!(emitted, after);
        }
    }
}
