use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use realtime::Config;
use realtime::engine::{CloseReason, Message, Server, SessionId, Socket, Transport};
use realtime::hooks::{HandshakeRefused, Hooks, UpgradeOutcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than anything takes, so that a failure ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server told its hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Opened(Transport),
    Closed(Transport, CloseReason),
    Refused(HandshakeRefused),
    Upgrade(UpgradeOutcome),
}

struct Teller(mpsc::UnboundedSender<Told>);

impl Teller {
    fn tell(&self, told: Told) {
        // A test that has seen enough does not listen any more.
        let _ = self.0.send(told);
    }
}

impl Hooks for Teller {
    fn opened(&self, _: SessionId, transport: Transport) {
        self.tell(Told::Opened(transport));
    }

    fn closed(&self, _: SessionId, transport: Transport, reason: CloseReason) {
        self.tell(Told::Closed(transport, reason));
    }

    fn refused(&self, refusal: HandshakeRefused) {
        self.tell(Told::Refused(refusal));
    }

    fn upgrade(&self, _: SessionId, outcome: UpgradeOutcome) {
        self.tell(Told::Upgrade(outcome));
    }
}

pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Host {
    /// Serves `app` on a port of its own.
    pub(crate) async fn start<A, F>(config: Config, app: A) -> Self
    where
        A: Fn(Socket) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        // Clients here often do not hang up; nobody needs to wait for them.
        let config = Config { close_timeout: Duration::from_millis(100), ..config };
        let (teller, told) = mpsc::unbounded_channel();
        let server = Server::with_hooks(config, Teller(teller), app);
        let router = Router::new().route_service("/engine.io/", server.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, server, told }
    }

    /// Hands on what its clients say.
    pub(crate) async fn listening(config: Config) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (tell, told) = mpsc::unbounded_channel();
        let host = Self::start(config, move |mut socket: Socket| {
            let tell = tell.clone();
            async move {
                while let Some(message) = socket.recv().await {
                    tell.send(message).unwrap();
                }
            }
        })
        .await;
        (host, told)
    }

    pub(crate) async fn echo(config: Config) -> Self {
        Self::start(config, echo).await
    }

    /// The end that the next connection comes to.
    pub(crate) async fn closed(&mut self) -> (Transport, CloseReason) {
        loop {
            if let Told::Closed(transport, reason) = self.told().await {
                return (transport, reason);
            }
        }
    }

    pub(crate) async fn upgrade_outcome(&mut self) -> UpgradeOutcome {
        loop {
            if let Told::Upgrade(outcome) = self.told().await {
                return outcome;
            }
        }
    }

    pub(crate) async fn told(&mut self) -> Told {
        patient(self.told.recv()).await.unwrap()
    }

    pub(crate) async fn get(&self, query: &str) -> Answer {
        self.request("GET", query, "").await
    }

    pub(crate) async fn post(&self, query: &str, body: &str) -> Answer {
        self.request("POST", query, body).await
    }

    pub(crate) async fn request(&self, method: &str, query: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        send_request(&mut stream, method, query, body).await;
        Answer::read(&mut stream).await
    }

    /// A polling session.
    pub(crate) async fn open_polling(&self) -> Polling<'_> {
        let answer = self.get("EIO=4&transport=polling").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open: serde_json::Value = serde_json::from_str(answer.body.strip_prefix('0').unwrap()).unwrap();
        Polling { host: self, sid: open["sid"].as_str().unwrap().to_owned() }
    }

    /// A WebSocket session; the open packet is read.
    pub(crate) async fn open_websocket(&self) -> WebSocket {
        let mut socket = self.websocket("EIO=4&transport=websocket").await;
        assert!(socket.text().await.starts_with("0{"));
        socket
    }

    pub(crate) async fn websocket(&self, query: &str) -> WebSocket {
        let url = format!("ws://{}/engine.io/?{query}", self.address);
        let (stream, _) = patient(tokio_tungstenite::connect_async(url)).await.unwrap();
        WebSocket(stream)
    }
}

pub(crate) async fn echo(mut socket: Socket) {
    let sender = socket.sender();
    while let Some(message) = socket.recv().await {
        if sender.send(message).await.is_err() {
            break;
        }
    }
}

pub(crate) async fn patient<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it should not take that long")
}

pub(crate) async fn send_request(stream: &mut TcpStream, method: &str, query: &str, body: &str) {
    let head = format!(
        "{method} /engine.io/?{query} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that has seen enough may have hung up.
    let _ = stream.write_all(body.as_bytes()).await;
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Everything up to the end of the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer does not take the answer back.
        let _ = patient(stream.read_to_end(&mut bytes)).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// The number in a refusal of the protocol.
    pub(crate) fn code(&self) -> u64 {
        let refusal: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(refusal["message"].is_string());
        refusal["code"].as_u64().unwrap()
    }
}

pub(crate) struct Polling<'a> {
    pub(crate) host: &'a Host,
    pub(crate) sid: String,
}

impl Polling<'_> {
    pub(crate) fn query(&self) -> String {
        format!("EIO=4&transport=polling&sid={}", self.sid)
    }

    pub(crate) async fn get(&self) -> Answer {
        self.host.get(&self.query()).await
    }

    pub(crate) async fn post(&self, body: &str) -> Answer {
        self.host.post(&self.query(), body).await
    }

    /// A poll that is on its way while the test does something else.
    pub(crate) async fn begin_get(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.host.address).await.unwrap();
        send_request(&mut stream, "GET", &self.query(), "").await;
        stream
    }

    /// A WebSocket that wants to take over.
    pub(crate) async fn websocket(&self) -> WebSocket {
        self.host.websocket(&format!("EIO=4&transport=websocket&sid={}", self.sid)).await
    }

    /// Over, and nothing can be had from it.
    pub(crate) async fn assert_over(&self) {
        let answer = self.get().await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}

pub(crate) struct WebSocket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl WebSocket {
    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Frame::text(text.into())).await.unwrap();
    }

    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        patient(self.0.next()).await.and_then(Result::ok)
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.frame().await {
            Some(Frame::Text(text)) => text.to_string(),
            other => panic!("text expected, {other:?} came"),
        }
    }

    /// The code of the close frame, after whatever else still comes.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.frame().await? {
                Frame::Close(close) => return close.map(|close| close.code.into()),
                _ => continue,
            }
        }
    }
}
