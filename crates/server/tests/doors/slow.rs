//! Who keeps the server waiting does not keep it for ever.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, Server, soon};

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
