//! Server-sent events: what an `EventSource` gets.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, Server, is_final, small_task, soon};

/// A stream as it arrives, without the chunks' sizes.
struct Stream {
    socket: TcpStream,
    head: String,
    /// Not yet parsed.
    raw: Vec<u8>,
    text: String,
    ended: bool,
}

/// One event of a stream; a comment has neither name nor data.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    id: Option<u64>,
    name: String,
    data: Value,
    comment: bool,
}

impl Stream {
    async fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut socket = TcpStream::connect(server.address).await.expect("a connection");
        let mut request =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n", server.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut stream =
            Stream { socket, head: String::new(), raw: Vec::new(), text: String::new(), ended: false };
        loop {
            if let Some(end) = stream.raw.windows(4).position(|window| window == b"\r\n\r\n") {
                stream.head = String::from_utf8_lossy(&stream.raw[..end]).to_lowercase();
                stream.raw.drain(..end + 4);
                return stream;
            }
            assert!(stream.read().await, "a head");
        }
    }

    /// Reads once; `false` at the end.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = soon("a piece", self.socket.read(&mut bytes)).await.expect("readable");
        self.raw.extend_from_slice(&bytes[..count]);
        count > 0
    }

    /// The next thing sent, `None` at the end of the stream.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let mut sent = Sent::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => sent.id = Some(id.parse().expect("a seq")),
                        Some(("event", name)) => sent.name = name.to_owned(),
                        Some(("data", data)) => sent.data = serde_json::from_str(data).expect("JSON"),
                        Some(("", _)) => sent.comment = true,
                        Some(("retry", _)) | None => {}
                        Some(other) => panic!("{other:?}"),
                    }
                }
                if block.starts_with("retry") {
                    continue;
                }
                return Some(sent);
            }
            if self.ended {
                return None;
            }
            while !self.unchunk() {
                assert!(self.read().await, "the last chunk is missing");
            }
        }
    }

    /// Moves one chunk to the text, if it is all there.
    fn unchunk(&mut self) -> bool {
        let Some(end) = self.raw.windows(2).position(|window| window == b"\r\n") else { return false };
        let size = std::str::from_utf8(&self.raw[..end]).expect("hex");
        let size = usize::from_str_radix(size, 16).expect("hex");
        if self.raw.len() < end + 4 + size {
            return false;
        }
        self.text.push_str(std::str::from_utf8(&self.raw[end + 2..end + 2 + size]).expect("text"));
        self.raw.drain(..end + 4 + size);
        self.ended = size == 0;
        true
    }

    async fn event(&mut self) -> Sent {
        loop {
            match self.next().await {
                Some(sent) if sent.comment => {}
                Some(sent) => return sent,
                None => panic!("the stream ended"),
            }
        }
    }

    /// All `task_update`s to the end of the stream.
    async fn updates(&mut self) -> Vec<Sent> {
        let mut updates = Vec::new();
        while let Some(sent) = self.next().await {
            if !sent.comment {
                assert_eq!(sent.name, "task_update");
                assert_eq!(sent.data["seq"].as_u64(), sent.id);
                updates.push(sent);
            }
        }
        updates
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_brings_every_event_and_ends_with_the_task() {
    let server = Server::start().await;
    let id = server.create(&small_task(4)).await;
    let mut stream = Stream::open(&server, &format!("/api/tasks/{id}/events"), &[]).await;
    for header in ["200 ok", "content-type: text/event-stream", "cache-control: no-store", "x-request-id"] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    let answer = stream.event().await;
    assert_eq!((answer.name.as_str(), answer.id), ("subscribed", None));
    assert_eq!(answer.data["task_id"], *id);
    let heard: Vec<Value> = stream.updates().await.into_iter().map(|sent| sent.data).collect();
    let page = server.get(&format!("/api/tasks/{id}/events")).await.json();
    assert_eq!(page["first_seq"], 1);
    assert_eq!(json!(heard), page["events"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_behind_the_last_event_and_stops_reconnecting_at_the_end() {
    let server = Server::start().await;
    let id = server.create(&small_task(4)).await;
    let head = server.finished(&id).await["head_seq"].as_u64().expect("a seq");
    let path = format!("/api/tasks/{id}/events");
    // The header of a reconnecting client wins over what the address says.
    for (query, last) in [("?after=3", None), ("", Some("3")), ("?after=1", Some("3"))] {
        let headers: Vec<(&str, &str)> = last.map(|last| ("last-event-id", last)).into_iter().collect();
        let mut stream = Stream::open(&server, &format!("{path}{query}"), &headers).await;
        assert_eq!(stream.event().await.data["mode"], "replayed");
        let ids: Vec<Option<u64>> = stream.updates().await.into_iter().map(|sent| sent.id).collect();
        assert_eq!(ids, (4..=head).map(Some).collect::<Vec<_>>());
    }
    let accept = ("accept", "text/event-stream");
    let answer = server.request("GET", &path, &[accept, ("last-event-id", &head.to_string())], b"").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    // One who knows more than there is gets the task as it is.
    let mut stream = Stream::open(&server, &format!("{path}?after={}", head + 5), &[]).await;
    assert_eq!(stream.event().await.data["mode"], "snapshot");
    let snapshot = stream.updates().await;
    assert_eq!(snapshot.len(), 2);
    assert_eq!(snapshot[0].data["event_type"], "snapshot");
    assert!(is_final(&snapshot[1].data));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_for_another_log_again_and_again_is_told_once_and_stops() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    let head = server.finished(&id).await["head_seq"].as_u64().expect("a seq");
    for filter in ["", "&events=progress"] {
        let path = format!("/api/tasks/{id}/events?log_id=another{filter}");
        // Who has not heard the end of this log yet is told how the task is.
        let before = (head - 1).to_string();
        for last in [vec![], vec![("last-event-id", before.as_str())]] {
            let mut stream = Stream::open(&server, &path, &last).await;
            assert_eq!(stream.event().await.data["mode"], "snapshot");
            let mut ids = Vec::new();
            while let Some(sent) = stream.next().await {
                ids.extend(sent.id);
            }
            assert_eq!(ids.last(), Some(&head), "{path}");
        }
        let known = head.to_string();
        let headers = [("accept", "text/event-stream"), ("last-event-id", known.as_str())];
        assert_eq!(server.request("GET", &path, &headers, b"").await.status, 204, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_be_filtered_and_coalesced() {
    let server = Server::start().await;
    let id = server.create(&small_task(10)).await;
    server.finished(&id).await;
    let path = format!("/api/tasks/{id}/events?events=progress,status_change&coalesce=true");
    let mut stream = Stream::open(&server, &path, &[]).await;
    stream.event().await;
    let heard = stream.updates().await;
    let mut last = 0;
    for sent in &heard {
        assert_eq!(sent.data["prev_seq"], last);
        assert_ne!(sent.data["event_type"], "iteration_complete");
        last = sent.id.expect("a seq");
    }
    assert!(heard.len() < 10 && heard.iter().any(|sent| sent.data["coalesced_from"] == 3), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_leaves_the_end_out_stops_reconnecting_all_the_same() {
    let server = Server::start().await;
    let id = server.create(&small_task(4)).await;
    let path = format!("/api/tasks/{id}/events?events=progress");
    let mut stream = Stream::open(&server, &path, &[]).await;
    stream.event().await;
    let mut last = stream.event().await;
    while last.name == "task_update" {
        assert_eq!(last.data["event_type"], "progress");
        last = stream.event().await;
    }
    let head = server.finished(&id).await["head_seq"].as_u64();
    assert_eq!(last, Sent { id: head, ..Sent::default() }, "an id alone");
    assert_eq!(stream.next().await, None);
    let accept = ("accept", "text/event-stream");
    let known = head.expect("a seq").to_string();
    assert_eq!(server.request("GET", &path, &[accept, ("last-event-id", &known)], b"").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_all_tasks_has_no_place_to_resume_at() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "/api/tasks/*/events", &[]).await;
    assert_eq!(stream.event().await.data["task_id"], "*");
    let id = server.create(&small_task(1)).await;
    let heard = stream.event().await;
    assert_eq!((heard.id, &heard.data["task_id"], &heard.data["seq"]), (None, &json!(id), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_cannot_be_asked_for_is_refused() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    server.finished(&id).await;
    let accept = ("accept", "text/event-stream");
    for (path, header, status, code) in [
        ("/api/tasks/nope/events".to_owned(), ("x-a", "b"), 404, "task_not_found"),
        (format!("/api/tasks/{id}/events"), ("last-event-id", "x"), 400, "invalid_last_event_id"),
        (format!("/api/tasks/{id}/events?after=-1"), ("x-a", "b"), 400, "invalid_query"),
        (format!("/api/tasks/{id}/events?events=progres"), ("x-a", "b"), 400, "invalid_events"),
        (format!("/api/tasks/{id}/events?coalesce=2"), ("x-a", "b"), 400, "invalid_coalesce"),
        (format!("/api/tasks/{id}/events?layout=true"), ("x-a", "b"), 400, "invalid_query"),
        ("/api/tasks/*/events?after=3".to_owned(), ("x-a", "b"), 400, "invalid_after_seq"),
        ("/api/tasks/*/events".to_owned(), ("last-event-id", "3"), 400, "invalid_after_seq"),
        ("/api/tasks/*/events?events=progress".to_owned(), ("x-a", "b"), 400, "invalid_events"),
        ("/api/tasks/*/events?coalesce=true".to_owned(), ("x-a", "b"), 400, "invalid_coalesce"),
    ] {
        let answer = server.request("GET", &path, &[accept, header], b"").await;
        assert_eq!(answer.refused(status), code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_shows_that_it_lives_also_to_who_takes_compression() {
    let server = Server::start_with(|settings, _| {
        settings.workers = 1;
        settings.events.sse_heartbeat_s = 1;
    })
    .await;
    let running = server.create(&small_task(10_000)).await;
    let waiting = server.create(&small_task(1)).await;
    let path = format!("/api/tasks/{waiting}/events");
    let mut stream = Stream::open(&server, &path, &[("accept-encoding", "gzip, br")]).await;
    stream.event().await;
    assert_eq!(stream.event().await.id, Some(1));
    assert!(stream.next().await.expect("still open").comment);
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    let rest = stream.updates().await;
    assert!(is_final(&rest.last().expect("an end").data));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_server_and_goes_on_with_the_next() {
    let mut server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = server.create(&small_task(10_000)).await;
    let waiting = server.create(&small_task(1)).await;
    let path = format!("/api/tasks/{waiting}/events");
    let mut stream = Stream::open(&server, &path, &[]).await;
    stream.event().await;
    assert_eq!(stream.event().await.id, Some(1));
    server = server.restart().await;
    assert_eq!(stream.event().await.name, "server_draining");
    assert_eq!(stream.next().await, None);
    let mut stream = Stream::open(&server, &path, &[("last-event-id", "1")]).await;
    assert_eq!(stream.event().await.data["from"], 2);
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    let rest = stream.updates().await;
    assert_eq!(rest[0].id, Some(2));
    assert!(is_final(&rest.last().expect("an end").data));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_count_as_connections() {
    let server = Server::start_with(|settings, _| {
        settings.workers = 1;
        settings.limits.connections = 1;
    })
    .await;
    let running = server.create(&small_task(10_000)).await;
    let path = format!("/api/tasks/{running}/events");
    let mut stream = Stream::open(&server, &path, &[]).await;
    stream.event().await;
    let answer = server.request("GET", &path, &[("accept", "text/event-stream")], b"").await;
    assert_eq!(answer.refused(503), "too_many_connections");
    // A page is none.
    assert_eq!(server.get(&path).await.status, 200);
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    stream.updates().await;
    drop(stream);
    let mut client = Client::connect(&server).await;
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_says_when_to_come_back() {
    let mut server = Server::start().await;
    let mut stream = Stream::open(&server, "/api/tasks/*/events", &[]).await;
    assert_eq!(stream.event().await.name, "subscribed");
    let goodbye = async { (stream.event().await, stream.next().await) };
    let ((), (told, rest)) = tokio::join!(server.stop(), goodbye);
    assert_eq!((told.name.as_str(), told.id), ("server_draining", None));
    assert!((1000..2000).contains(&told.data["retry_ms"].as_u64().expect("milliseconds")), "{told:?}");
    // Ended as a whole answer does.
    assert_eq!(rest, None);
}
