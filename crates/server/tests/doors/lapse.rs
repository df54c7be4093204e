//! What somebody has shown ends while they are connected.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::access::{Door, Place};
use crate::harness::{Client, is_final, small_task, soon};

#[tokio::test]
async fn a_token_that_ends_is_warned_of_and_can_be_renewed_without_losing_an_event() {
    let place = Place::with(3600, 0).await;
    let ann = place.key_for("ann", "tasks:read tasks:write", Some(Duration::from_secs(600))).await;
    let bearer = format!("Bearer {ann}");
    let body = small_task(30).to_string();
    let made =
        place.server.request("POST", "/api/tasks", &[("authorization", &bearer)], body.as_bytes()).await;
    let id = made.json()["task_id"].as_str().expect("an id").to_owned();
    let mut client = Client::open(&place.server).await;
    client.join(&ann).await;
    client.emit("subscribe", &json!({ "task_id": id })).await;
    let (fresh, of_bob) = (place.key("ann", "tasks:read").await, place.key("bob", "tasks:read").await);
    let (mut seqs, mut told, mut answers, mut has_ended) = (Vec::new(), 0, Vec::new(), false);
    while !has_ended || answers.len() < 4 {
        let (name, body) = client.event().await;
        match name.as_str() {
            "error" if body["code"] == "token_expiring" => {
                assert!(body["expires_at"].is_string(), "{body}");
                told += 1;
                for token in [json!(of_bob), json!("msg_x"), json!(null), json!(fresh)] {
                    client.emit("auth_refresh", &json!({ "token": token })).await;
                }
            }
            "error" => answers.push(body["code"].as_str().expect("a code").to_owned()),
            "auth_refreshed" => {
                assert_eq!(body["expires_at"], Value::Null, "{body}");
                answers.push(name);
            }
            "task_update" => {
                seqs.push(body["seq"].as_u64().expect("a seq"));
                has_ended |= is_final(&body);
            }
            _ => {}
        }
    }
    assert_eq!(answers, ["token_of_another", "token_malformed", "token_missing", "auth_refreshed"]);
    assert_eq!(told, 1, "once, and not of the new one");
    let expected: Vec<u64> = (1..=seqs.len() as u64).collect();
    assert_eq!(seqs, expected);
}

#[tokio::test]
async fn who_does_not_renew_a_token_is_disconnected() {
    let place = Place::with(60, 0).await;
    let owner = place.key("ann", "tasks:read tasks:write").await;
    let task = place.finished_task(&owner).await;
    let short = place.key_for("ann", "tasks:read", Some(Duration::from_secs(2))).await;
    let mut client = Client::open(&place.server).await;
    client.join(&short).await;
    let mut codes = Vec::new();
    while codes.len() < 2 {
        let (name, body) = client.event().await;
        assert_eq!(name, "error", "{body}");
        codes.push(body["code"].as_str().expect("a code").to_owned());
    }
    assert_eq!(codes, ["token_expiring", "token_expired"]);
    assert!(client.ended().await);
    assert_eq!(Door::Rest.read(&place.server, Some(&short), &task).await, Err("token_expired".to_owned()));
}

#[tokio::test]
async fn a_revoked_key_ends_every_open_connection() {
    let place = Place::new().await;
    let key = place.key("ann", "tasks:read tasks:write").await;
    let mut client = Client::open(&place.server).await;
    client.join(&key).await;
    let mut request =
        format!("ws://{}/api/stream?credit=0", place.server.address).into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", "msgalaxy.v1+json".parse().expect("a header"));
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().expect("a header"));
    let (mut stream, _) = soon("handshake", tokio_tungstenite::connect_async(request)).await.expect("open");
    let events = tokio::spawn({
        let (address, bearer) = (place.server.address, format!("Bearer {key}"));
        async move { follow_all(address, &bearer).await }
    });
    let id = key["msg_".len()..].split_once('_').expect("an id").0;
    place.desk.revoke(id).await.expect("revoked");
    let (name, body) = client.event().await;
    assert_eq!((name.as_str(), &body["code"]), ("error", &json!("token_revoked")));
    assert!(client.ended().await);
    let mut kinds = Vec::new();
    let closed = loop {
        match soon("message", stream.next()).await.expect("a close frame").expect("a frame") {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                kinds.push((message["type"].clone(), message["code"].clone()));
            }
            Message::Close(close) => break close.expect("a reason"),
            _ => {}
        }
    };
    assert_eq!(kinds, [(json!("hello"), json!(null)), (json!("error"), json!("token_revoked"))]);
    assert_eq!(u16::from(closed.code), 1008);
    let events = soon("the end of the stream", events).await.expect("no panic");
    assert!(events.contains("event: notice") && events.contains("token_revoked"), "{events}");
}

/// All that server-sent events bring until the server ends them.
async fn follow_all(address: std::net::SocketAddr, bearer: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/tasks/*/events HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\nauthorization: {bearer}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).await.expect("text");
    text
}
