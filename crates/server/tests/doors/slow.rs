//! Who keeps the server waiting does not keep it for ever.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tasks::{Control, Engine, EngineSettings, JobFailure, JobSuccess, NewEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::harness::{Client, PATIENCE, Server, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_times_out() {
    let server = Server::start_with(|settings, _| settings.limits.body_timeout_s = 1).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{{",
        server.address
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    soon("answer", stream.read_to_end(&mut answer)).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"code\":\"request_timeout\""),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_a_connection_and_says_nothing_loses_it() {
    let server = Server::start_with(|settings, _| settings.limits.head_timeout_s = 1).await;
    let host = server.address;
    for (said, answers) in [
        (String::new(), 0),
        (format!("GET /api/health HTTP/1.1\r\nhost: {host}\r\n"), 0),
        (format!("GET /api/health HTTP/1.1\r\nhost: {host}\r\n\r\n"), 1),
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(said.as_bytes()).await.expect("sent");
        let mut heard = Vec::new();
        soon("end", stream.read_to_end(&mut heard)).await.expect("an end");
        let heard = String::from_utf8_lossy(&heard);
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), answers, "{said:?}: {heard}");
    }
    // What became a WebSocket has its own heartbeat.
    let mut client = Client::connect(&server).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    soon("end", stream.read_to_end(&mut Vec::new())).await.expect("an end");
    client.heard_nothing().await;
    assert_eq!(server.get("/api/health").await.status, 200);
}

/// Reports of a task whose replay no system's buffers take at once, and the
/// bytes of each.
const EVENTS: usize = 4000;
const EVENT_BYTES: usize = 4096;

/// Leaves a store behind in which such a task has ended.
async fn long_task(dir: &Path) -> String {
    let store = dir.join("msgalaxy.db");
    let run = move || {
        let runtime = Runtime::new().expect("a runtime");
        let id = runtime.block_on(async {
            let job = Arc::new(|context: &tasks::JobContext| -> Result<JobSuccess, JobFailure> {
                let message = "x".repeat(EVENT_BYTES);
                for _ in 0..EVENTS / 100 {
                    let data = json!({ "progress_percent": 0, "message": message });
                    if context.commit(vec![NewEvent::progress(data); 100], None) != Control::Continue {
                        return Err(JobFailure::Yielded);
                    }
                }
                Ok(JobSuccess { result: json!({}), message: "Told".to_owned() })
            });
            let engine = Engine::open(EngineSettings::sqlite(&store), job).await.expect("an engine");
            let id = engine.submit(json!({}), json!({})).await.expect("submitted").id;
            let mut events = engine.watch();
            while !engine.task(&id).await.expect("a task").status.is_terminal() {
                let _ = events.recv().await;
            }
            engine.shutdown(PATIENCE).await;
            id
        });
        // Nobody else may have the store open.
        runtime.shutdown_timeout(PATIENCE);
        id
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

/// A client that asks for a stream of the task's events and takes its head, but
/// no more than it must.
async fn stalled(server: &Server, id: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address).await.expect("a connection");
    let request = format!(
        "GET /api/tasks/{id}/events HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut status = [0; 15];
    soon("an answer", stream.read_exact(&mut status)).await.expect("a status");
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_is_cut_off_and_the_others_are_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = long_task(dir.path()).await;
    let server = Server::start_in(dir, |settings, _| {
        settings.limits.write_timeout_s = 1;
        settings.limits.connections = 2;
    })
    .await;
    let mut stalled = stalled(&server, &id).await;
    let mut other = Client::connect(&server).await;
    other.subscribe(&id).await;
    // Also pending, running and completed.
    assert_eq!(other.updates_to_the_end().await.len(), EVENTS + 3);
    // Until it is ended, it keeps its place among the connections.
    let path = format!("/api/tasks/{id}/events");
    let all = soon("the place of the stalled one", async {
        loop {
            let answer = server.request("GET", &path, &[("accept", "text/event-stream")], b"").await;
            if answer.status == 200 {
                return answer;
            }
            assert_eq!(answer.refused(503), "too_many_connections");
        }
    })
    .await;
    assert_eq!(all.text().matches("event: task_update").count(), EVENTS + 3);
    other.heard_nothing().await;
    let mut rest = Vec::new();
    let end = soon("an end", stalled.read_to_end(&mut rest)).await;
    assert!(end.is_err() && rest.len() < all.body.len() / 2, "{end:?} after {} bytes", rest.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_to_end_does_not_wait_for_those_who_take_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = long_task(dir.path()).await;
    let mut server = Server::start_in(dir, |settings, _| {
        settings.limits.write_timeout_s = 3600;
        settings.limits.shutdown_s = 3600;
    })
    .await;
    let _reads_no_events = stalled(&server, &id).await;
    let mut reads_no_packets = Client::connect(&server).await;
    reads_no_packets.emit("subscribe", &json!({ "task_id": id })).await;
    let mut reads = Client::connect(&server).await;
    // With an hour to end in, waiting for either of them would be noticed.
    server.stop().await;
    assert!(reads.ended().await);
}
