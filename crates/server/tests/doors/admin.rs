//! What administrators see of the server, and how they end a connection.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::auth::Scopes;
use server::auth::desk::Desk;
use server::config::AuthMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Client, Server, small_task, soon};

type Native = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A task that goes on until it is cancelled.
async fn long_task(server: &Server) -> String {
    server.create(&small_task(10_000)).await
}

/// The connections, once there are `count`.
async fn connections(server: &Server, count: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let answer = server.get("/api/admin/connections").await.json();
            if answer["total"] == count {
                break answer["connections"].as_array().expect("a list").clone();
            }
            tokio::task::yield_now().await;
        }
    };
    soon("connections", wait).await
}

fn with<'a>(connections: &'a [Value], transport: &str) -> &'a Value {
    connections.iter().find(|connection| connection["transport"] == transport).expect("one of them")
}

async fn native(server: &Server, query: &str, task_id: &str) -> Native {
    let url = format!("ws://{}/api/stream{query}", server.address);
    let mut request = url.into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", "msgalaxy.v1+json".parse().expect("a header"));
    let (mut socket, _) =
        soon("handshake", tokio_tungstenite::connect_async(request)).await.expect("a handshake");
    let subscribe = json!({ "type": "subscribe", "id": 1, "task_id": task_id });
    socket.send(Message::text(subscribe.to_string())).await.expect("sent");
    message(&mut socket, "subscribed").await;
    socket
}

/// The next message of this type.
async fn message(socket: &mut Native, kind: &str) -> Value {
    loop {
        let frame = soon(kind, socket.next()).await.expect("open").expect("a frame");
        let Message::Text(text) = frame else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == kind {
            return message;
        }
    }
}

async fn server_sent(server: &Server, task_id: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.expect("a connection");
    let request = format!(
        "GET /api/tasks/{task_id}/events HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n",
        server.address
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    socket
}

/// Waits for an event `error` of this connection in `/tasks`.
async fn told(client: &mut Client) -> Value {
    loop {
        let (name, body) = client.event().await;
        if name == "error" {
            return body;
        }
    }
}

async fn disconnect(server: &Server, connection: &Value) {
    let path = format!("/api/admin/connections/{}", connection["id"]);
    let answer = server.request("DELETE", &path, &[], b"").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json(), json!({ "id": connection["id"], "ending": true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_is_connected_is_listed_and_nobody_else() {
    let server = Server::start().await;
    let task = long_task(&server).await;
    assert_eq!(connections(&server, 0).await, [] as [Value; 0]);

    let mut client = Client::connect(&server).await;
    client.subscribe(&task).await;
    client.emit("subscribe", &json!({ "task_id": "*" })).await;
    while client.event().await.0 != "subscribed" {}
    let listed = connections(&server, 1).await;
    let first = &listed[0];
    for (key, expected) in [
        ("principal", json!("anyone")),
        ("transport", json!("websocket")),
        ("subscriptions", json!(1)),
        ("follows_every_task", json!(true)),
        ("ending", json!(false)),
    ] {
        assert_eq!(first[key], expected, "{first}");
    }
    assert_eq!(first["tasks"][0]["task_id"], task.as_str());
    assert!(first["address"].as_str().expect("a text").starts_with("127.0.0.1:"), "{first}");
    assert!(first["queued_bytes"].is_u64() && first["since"].is_string(), "{first}");

    // Without credit nothing is handed to it, so it falls behind.
    let slow = native(&server, "?credit=0", &task).await;
    let sse = server_sent(&server, &task).await;
    let unjoined = Client::open(&server).await;
    let lags = async {
        loop {
            let listed = connections(&server, 4).await;
            let stream = with(&listed, "stream");
            if stream["lag_events"].as_u64() >= Some(3) {
                break (listed.clone(), stream.clone());
            }
        }
    };
    let (listed, stream) = soon("lag", lags).await;
    assert_eq!((&stream["lagging"], &stream["queued_bytes"]), (&json!(1), &Value::Null), "{stream}");
    assert_eq!(with(&listed, "sse")["subscriptions"], 1);
    assert_eq!(listed.iter().filter(|connection| connection["principal"].is_null()).count(), 1);
    // Who is furthest behind comes first, also where others are left out.
    let few = server.get("/api/admin/connections?limit=1").await.json();
    assert_eq!((&few["connections"][0]["id"], &few["total"]), (&stream["id"], &json!(4)));
    assert!(few["events"]["delivered"].as_u64() > Some(0), "{few}");
    assert_eq!(server.get("/api/admin/connections?limit=0").await.refused(400), "invalid_query");

    drop((client, slow, sse, unjoined));
    server.post(&format!("/api/tasks/{task}/cancel"), &json!({})).await;
    connections(&server, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disconnected_is_told_why_and_the_others_go_on() {
    let server = Server::start().await;
    let task = long_task(&server).await;
    let mut other = Client::connect(&server).await;
    other.subscribe(&task).await;
    let other_id = connections(&server, 1).await[0]["id"].clone();

    let mut client = Client::connect(&server).await;
    let listed = connections(&server, 2).await;
    disconnect(&server, listed.iter().find(|one| one["id"] != other_id).expect("the client")).await;
    assert_eq!(told(&mut client).await["code"], "disconnected_by_admin");
    assert_eq!(client.next().await, "41/tasks,", "so that its library does not come back");
    assert!(client.ended().await);

    // Also without credit, when nothing else would be heard.
    let mut stream = native(&server, "?credit=0", &task).await;
    disconnect(&server, with(&connections(&server, 2).await, "stream")).await;
    assert_eq!(message(&mut stream, "error").await["code"], "disconnected_by_admin");
    let end = soon("close", stream.next()).await.expect("a frame").expect("a frame");
    let Message::Close(Some(frame)) = end else { panic!("{end:?}") };
    assert_eq!((u16::from(frame.code), frame.reason.contains("administrator")), (1008, true));
    drop(stream);

    let mut sse = server_sent(&server, &task).await;
    disconnect(&server, with(&connections(&server, 2).await, "sse")).await;
    let mut text = String::new();
    soon("end", sse.read_to_string(&mut text)).await.expect("text");
    assert!(text.contains("event: notice\ndata: {\"code\":\"disconnected_by_admin\""), "{text}");

    // Nobody is there yet to be told.
    let mut unjoined = Client::open(&server).await;
    let listed = connections(&server, 2).await;
    disconnect(&server, listed.iter().find(|one| one["principal"].is_null()).expect("the client")).await;
    assert!(unjoined.ended().await);

    let left = connections(&server, 1).await;
    assert_eq!(left[0]["id"], other_id);
    other.update().await;
    for id in ["999999", "x", "-1"] {
        let answer = server.request("DELETE", &format!("/api/admin/connections/{id}"), &[], b"").await;
        assert_eq!(answer.refused(404), "connection_not_found", "{id}");
    }
    server.post(&format!("/api/tasks/{task}/cancel"), &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_say_what_they_hold_and_what_waits() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = long_task(&server).await;
    let waiting = server.create(&small_task(1)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&running).await;
    while client.update().await["event_type"] != "progress" {}
    let answer = server.get("/api/admin/workers").await.json();
    let worker = &answer["workers"][0];
    assert_eq!((&worker["here"], &worker["slots"]), (&json!(true), &json!(1)), "{answer}");
    assert!(worker["worker"].as_str().expect("a name").starts_with("process "), "{worker}");
    let [task] = &worker["tasks"].as_array().expect("a list")[..] else { panic!("{worker}") };
    assert_eq!(task["task_id"], running.as_str());
    let age_s = task["lease_age_s"].as_f64().expect("a number");
    assert!((0.0..15.0).contains(&age_s), "{task}");
    let started = &server.get(&format!("/api/tasks/{running}")).await.json()["started_at"];
    assert_eq!(&task["started_at"], started);
    assert_eq!((&answer["tasks"]["running"], &answer["tasks"]["pending"]), (&json!(1), &json!(1)));
    assert!(answer["queue_age_s"].as_f64() > Some(0.0), "{answer}");
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    server.finished(&waiting).await;
    let idle = server.get("/api/admin/workers").await.json();
    assert_eq!((&idle["workers"][0]["tasks"], &idle["queue_age_s"]), (&json!([]), &json!(0.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_see_and_end_connections() {
    let server = Server::start_with(|settings, _| settings.auth.mode = AuthMode::Required).await;
    let desk = Desk::open_existing(server.dir.path()).await.expect("the store");
    let key = async |name: &str, words: &str| {
        let made = desk.create(name, Scopes::from_words(words), Some(Duration::from_secs(600))).await;
        made.expect("a key").1.reveal()
    };
    let ann = key("ann", "tasks:read tasks:write").await;
    let root = key("root", "admin").await;
    let mut client = Client::open(&server).await;
    client.send(&format!("40/tasks,{}", json!({ "token": ann }))).await;
    assert!(client.next().await.starts_with("40/tasks,"));
    assert_eq!(client.event().await.0, "connected");
    let ask = async |method: &str, path: &str, token: &str| {
        server.request(method, path, &[("authorization", &format!("Bearer {token}"))], b"").await
    };
    for (method, path) in [
        ("GET", "/api/admin/connections"),
        ("DELETE", "/api/admin/connections/1"),
        ("GET", "/api/admin/workers"),
    ] {
        assert_eq!(server.request(method, path, &[], b"").await.refused(401), "token_missing", "{path}");
        assert_eq!(ask(method, path, &ann).await.refused(403), "scope_missing", "{path}");
    }
    assert_eq!(ask("GET", "/api/admin/workers", &root).await.status, 200);
    let listed = ask("GET", "/api/admin/connections", &root).await.json();
    let connection = &listed["connections"][0];
    assert_eq!(connection["principal"], "ann", "{listed}");
    let path = format!("/api/admin/connections/{}", connection["id"]);
    assert_eq!(ask("DELETE", &path, &root).await.status, 202);
    assert_eq!(told(&mut client).await["code"], "disconnected_by_admin");
    assert!(client.ended().await);
}
