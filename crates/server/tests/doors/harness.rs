//! A real server on a free port, a plain HTTP client and a plain Socket.IO
//! client, both small enough to send what no library would.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::Settings;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Nothing here takes nearly as long; a test that hangs fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing happened"),
    }
}

/// A running server with a data directory of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) dir: Arc<TempDir>,
    settings: Settings,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), server::Error>>>,
    /// Of its own, so that its end is the end of everything the server started.
    runtime: Option<Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::start_with(|_, _| {}).await
    }

    /// Starts with other settings, or other things in the data directory.
    pub(crate) async fn start_with(prepare: impl FnOnce(&mut Settings, &Path)) -> Server {
        Server::start_in(tempfile::tempdir().expect("a directory"), prepare).await
    }

    /// Starts where something has been before.
    pub(crate) async fn start_in(dir: TempDir, prepare: impl FnOnce(&mut Settings, &Path)) -> Server {
        let mut settings = Settings { data_dir: dir.path().to_owned(), ..Settings::default() };
        settings.limits.shutdown_s = 5;
        prepare(&mut settings, dir.path());
        Server::serve(settings, Arc::new(dir)).await
    }

    async fn serve(settings: Settings, dir: Arc<TempDir>) -> Server {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let bound = runtime.spawn(TcpListener::bind("127.0.0.1:0"));
        let listener = bound.await.expect("no panic").expect("a free port");
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let served = runtime.spawn(server::run(settings.clone(), listener, ready, shutdown));
        let Ok(address) = soon("start", is_ready).await else {
            panic!("the server does not start: {:?}", soon("start", served).await);
        };
        let (stop, served) = (Some(stop), Some(served));
        Server { address, dir, settings, stop, served, runtime: Some(runtime) }
    }

    /// Stops, and starts again on the same data.
    pub(crate) async fn restart(mut self) -> Server {
        self.stop().await;
        Server::serve(self.settings.clone(), self.dir.clone()).await
    }

    /// Stops as an operator would.
    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
        let served = self.served.take().expect("stopped once");
        soon("stop", served).await.expect("no panic").expect("no error");
        let runtime = self.runtime.take().expect("stopped once");
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE));
        ended.await.expect("everything ends");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("sent");
            stream.write_all(body).await.expect("sent");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.expect("an answer");
            Answer::parse(&bytes)
        };
        soon(path, exchange).await
    }

    /// Creates a task; it must be accepted.
    pub(crate) async fn create(&self, body: &Value) -> String {
        let answer = self.post("/api/tasks", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["task_id"].as_str().expect("an id").to_owned()
    }

    /// Waits for the task's end and returns it.
    pub(crate) async fn finished(&self, task_id: &str) -> Value {
        let mut client = Client::connect(self).await;
        client.subscribe(task_id).await;
        client.updates_to_the_end().await;
        self.get(&format!("/api/tasks/{task_id}")).await.json()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an end of the head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer =
            Answer { status: status.expect("a status"), headers, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunk(&answer.body);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A refusal with all four keys of the error body; returns its code.
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        let body = self.json();
        for key in ["error", "code", "problems", "request_id"] {
            assert!(!body[key].is_null(), "{key} is missing: {body}");
        }
        assert_eq!(Some(body["request_id"].as_str().expect("an id")), self.header("x-request-id"));
        body["code"].as_str().expect("a code").to_owned()
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("hex"), 16).expect("hex");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

/// Speaks Socket.IO in plain text over a WebSocket.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    /// Connected to `/tasks` and greeted.
    pub(crate) async fn connect(server: &Server) -> Client {
        let mut client = Client::open(server).await;
        client.send("40/tasks,").await;
        let accepted = client.next().await;
        assert!(accepted.starts_with("40/tasks,{\"sid\":"), "{accepted}");
        assert_eq!(
            client.next().await,
            "42/tasks,[\"connected\",{\"message\":\"Connected to task updates\"}]"
        );
        client
    }

    /// A connection that joined no namespace yet.
    pub(crate) async fn open(server: &Server) -> Client {
        Client::open_with(server, &[]).await
    }

    /// The same with headers in the handshake.
    pub(crate) async fn open_with(server: &Server, headers: &[(&str, &str)]) -> Client {
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address);
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let (socket, _) =
            soon("handshake", tokio_tungstenite::connect_async(request)).await.expect("a handshake");
        let mut client = Client { socket };
        let open = client.next().await;
        assert!(open.starts_with("0{"), "{open}");
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    /// Sends what the server may refuse by cutting the connection, also while
    /// the packet is still on its way.
    pub(crate) async fn send_unwelcome(&mut self, text: &str) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).await.expect("sent");
    }

    /// The next packet that is no ping.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let message = soon("packet", self.socket.next()).await.expect("still open").expect("a frame");
            match message.to_text().expect("text") {
                "2" => self.send("3").await,
                text => return text.to_owned(),
            }
        }
    }

    /// The binary message that belongs to the packet before it.
    pub(crate) async fn attachment(&mut self) -> Vec<u8> {
        let message = soon("attachment", self.socket.next()).await.expect("still open").expect("a frame");
        match message {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("an attachment, not {other:?}"),
        }
    }

    /// The next event in `/tasks`.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let packet = self.next().await;
        let body = packet.strip_prefix("42/tasks,").unwrap_or_else(|| panic!("an event, not {packet}"));
        let body: Value = serde_json::from_str(body).expect("JSON");
        (body[0].as_str().expect("a name").to_owned(), body[1].clone())
    }

    pub(crate) async fn emit(&mut self, name: &str, argument: &Value) {
        self.send(&format!("42/tasks,{}", json!([name, argument]))).await;
    }

    /// Subscribes from the start; must be accepted.
    pub(crate) async fn subscribe(&mut self, task_id: &str) -> Value {
        self.subscribe_with(json!({ "task_id": task_id })).await
    }

    pub(crate) async fn subscribe_with(&mut self, request: Value) -> Value {
        self.emit("subscribe", &request).await;
        let (name, answer) = self.event().await;
        assert_eq!(name, "subscribed", "{answer}");
        answer
    }

    pub(crate) async fn update(&mut self) -> Value {
        let (name, update) = self.event().await;
        assert_eq!(name, "task_update", "{update}");
        update
    }

    /// All updates to the one that ends the task.
    pub(crate) async fn updates_to_the_end(&mut self) -> Vec<Value> {
        let mut updates = Vec::new();
        loop {
            let update = self.update().await;
            let last = is_final(&update);
            updates.push(update);
            if last {
                return updates;
            }
        }
    }

    /// Nothing but the answer to this question arrives: so nothing came before.
    pub(crate) async fn heard_nothing(&mut self) {
        self.emit("subscribe", &json!({})).await;
        let (name, answer) = self.event().await;
        assert_eq!((name.as_str(), &answer["code"]), ("error", &json!("task_id_required")), "{answer}");
    }

    /// Whether the server ended the connection.
    pub(crate) async fn ended(&mut self) -> bool {
        loop {
            match soon("end", self.socket.next()).await {
                None | Some(Err(_) | Ok(Message::Close(_))) => return true,
                Some(Ok(_)) => {}
            }
        }
    }
}

/// Whether this update ends its task.
pub(crate) fn is_final(update: &Value) -> bool {
    let status = &update["data"]["status"];
    update["event_type"] == "status_change"
        && ["completed", "failed", "cancelled"].iter().any(|end| status == end)
}

/// Two units in an envelope that leaves room; quickly solved.
pub(crate) fn small_bom() -> Value {
    json!({
        "components": [
            {"id": "bat", "name": "Battery", "dimensions": {"x": 100, "y": 80, "z": 40}, "mass": 2.0, "power": 4, "category": "power"},
            {"id": "obc", "name": "Computer", "dimensions": {"x": 90, "y": 90, "z": 30}, "mass": 1.0, "power": 6, "category": "avionics"}
        ],
        "envelope": {"x": 300, "y": 300, "z": 300}
    })
}

/// A request for a short task.
pub(crate) fn small_task(max_iterations: u32) -> Value {
    json!({ "bom": small_bom(), "max_iterations": max_iterations, "convergence_threshold": 0 })
}
