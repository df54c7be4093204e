use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use realtime::engine::{Message, Server};
use realtime::socketio::{
    self, Assembler, Connection, Incoming, IncomingEvent, Packet, PacketKind, PacketLimits, Parser,
    Placeholder, msgpack, text,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longer than anything takes, so that a failure ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Transport {
    Polling,
    WebSocket,
}

/// All the ways in which a client can talk.
pub(crate) const WAYS: [(Transport, Parser); 4] = [
    (Transport::Polling, Parser::Default),
    (Transport::Polling, Parser::Msgpack),
    (Transport::WebSocket, Parser::Default),
    (Transport::WebSocket, Parser::Msgpack),
];

pub(crate) async fn patient<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it should not take that long")
}

/// A server on a port of its own.
pub(crate) struct Host(SocketAddr);

impl Host {
    pub(crate) async fn start<A, F>(config: socketio::Config, app: A) -> Host
    where
        A: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Host::with_engine(realtime::Config::default(), config, app).await
    }

    pub(crate) async fn with_engine<A, F>(engine: realtime::Config, config: socketio::Config, app: A) -> Host
    where
        A: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        // Clients here often do not hang up; nobody needs to wait for them.
        let engine = realtime::Config { close_timeout: Duration::from_millis(100), ..engine };
        let config = Arc::new(config);
        let server = Server::new(engine, move |socket| socketio::serve(socket, config.clone(), app.clone()));
        let router = Router::new().route_service("/socket.io/", server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Host(address)
    }

    /// Connected, in no namespace yet.
    pub(crate) async fn client(&self, (transport, parser): (Transport, Parser)) -> Client {
        let link = match transport {
            Transport::Polling => {
                let open = request(self.0, "GET", "", "").await.1;
                let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
                let sid = format!("&sid={}", open["sid"].as_str().unwrap());
                Link::Polling { address: self.0, sid, inbox: VecDeque::new() }
            }
            Transport::WebSocket => {
                let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.0);
                let (mut stream, _) = patient(tokio_tungstenite::connect_async(url)).await.unwrap();
                let open = patient(stream.next()).await.unwrap().unwrap();
                assert!(open.to_text().unwrap().starts_with("0{"));
                Link::WebSocket(Box::new(stream))
            }
        };
        Client { link, parser, assembler: Assembler::new(PacketLimits::default()) }
    }

    /// In a namespace, whose CONNECT was answered.
    pub(crate) async fn joined(&self, way: (Transport, Parser), namespace: &str) -> Client {
        let mut client = self.client(way).await;
        client.join(namespace, None).await;
        client
    }
}

/// One client.
pub(crate) struct Client {
    link: Link,
    parser: Parser,
    assembler: Assembler,
}

enum Link {
    Polling { address: SocketAddr, sid: String, inbox: VecDeque<Message> },
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
}

impl Client {
    pub(crate) async fn join(&mut self, namespace: &str, auth: Option<Value>) {
        self.send(Packet { data: auth, ..asking(namespace) }).await;
        let joined = self.packet().await;
        assert_eq!((joined.kind, joined.namespace.as_str()), (PacketKind::Connect, namespace));
        assert!(joined.data.is_some_and(|data| data["sid"].as_str().is_some_and(|sid| sid.len() > 10)));
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        self.send_all(&[packet]).await;
    }

    /// In one payload, where there are payloads.
    pub(crate) async fn send_all(&mut self, packets: &[Packet]) {
        let mut messages = Vec::new();
        for packet in packets {
            match self.parser {
                Parser::Default => {
                    messages.push(Message::from(text::encode(packet)));
                    messages.extend(packet.attachments.iter().cloned().map(Message::from));
                }
                Parser::Msgpack => messages.push(msgpack::encode(packet).into()),
            }
        }
        self.send_messages(&messages).await;
    }

    /// One text message, as it is.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_messages(&[text.to_owned().into()]).await;
    }

    pub(crate) async fn send_messages(&mut self, messages: &[Message]) {
        match &mut self.link {
            Link::Polling { address, sid, .. } => {
                let packet = |message: &Message| match message {
                    Message::Text(text) => format!("4{text}"),
                    Message::Binary(bytes) => format!("b{}", STANDARD.encode(bytes)),
                };
                let payload = messages.iter().map(packet).collect::<Vec<_>>().join("\u{1e}");
                let (status, answer) = request(*address, "POST", sid, &payload).await;
                assert_eq!((status, answer.as_str()), (200, "ok"));
            }
            Link::WebSocket(stream) => {
                for message in messages {
                    let frame = match message {
                        Message::Text(text) => Frame::text(format!("4{text}")),
                        Message::Binary(bytes) => Frame::binary(bytes.clone()),
                    };
                    patient(stream.feed(frame)).await.unwrap();
                }
                patient(stream.flush()).await.unwrap();
            }
        }
    }

    /// The next message; `None` once the connection has ended.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        match &mut self.link {
            Link::Polling { address, sid, inbox } => loop {
                if let Some(message) = inbox.pop_front() {
                    return Some(message);
                }
                let (status, payload) = request(*address, "GET", sid, "").await;
                if status != 200 {
                    return None;
                }
                assert!(payload.split('\u{1e}').count() <= 16, "python-engineio hangs up on more");
                for packet in payload.split('\u{1e}') {
                    match packet.split_at(1) {
                        ("4", text) => inbox.push_back(text.to_owned().into()),
                        ("b", bytes) => inbox.push_back(Bytes::from(STANDARD.decode(bytes).unwrap()).into()),
                        ("1" | "6", "") => {}
                        other => panic!("unexpected packet {other:?}"),
                    }
                }
            },
            Link::WebSocket(stream) => loop {
                return match patient(stream.next()).await?.ok()? {
                    Frame::Text(text) => Some(text.strip_prefix('4')?.to_owned().into()),
                    Frame::Binary(bytes) => Some(bytes.into()),
                    Frame::Close(_) => None,
                    _ => continue,
                };
            },
        }
    }

    /// The next packet.
    pub(crate) async fn packet(&mut self) -> Packet {
        loop {
            let message = self.message().await.expect("a packet, not the end");
            let packet = match (self.parser, message) {
                (Parser::Default, Message::Text(text)) => self.assembler.text(&text).unwrap(),
                (Parser::Default, Message::Binary(bytes)) => self.assembler.binary(bytes).unwrap(),
                (Parser::Msgpack, Message::Binary(bytes)) => {
                    Some(msgpack::decode(&bytes, &PacketLimits::default()).unwrap())
                }
                (Parser::Msgpack, Message::Text(text)) => panic!("text on a msgpack connection: {text}"),
            };
            if let Some(packet) = packet {
                return packet;
            }
        }
    }

    /// Goes away without a word, as far as that is possible.
    pub(crate) async fn hang_up(self) {
        match self.link {
            Link::Polling { address, sid, .. } => drop(request(address, "POST", &sid, "1").await),
            Link::WebSocket(stream) => drop(stream),
        }
    }

    /// Both directions of a WebSocket, for texts.
    pub(crate) fn split(self) -> (Writer, Reader) {
        let Link::WebSocket(stream) = self.link else { panic!("only a WebSocket has two directions") };
        let (sink, stream) = (*stream).split();
        (Writer(sink), Reader(stream))
    }

    /// The server ends the connection, after whatever else it still sends.
    pub(crate) async fn expect_end(&mut self) {
        while self.message().await.is_some() {}
    }
}

pub(crate) struct Writer(SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Frame>);

pub(crate) struct Reader(SplitStream<WebSocketStream<MaybeTlsStream<TcpStream>>>);

impl Writer {
    pub(crate) async fn send(&mut self, text: String) {
        patient(self.0.send(Frame::text(format!("4{text}")))).await.unwrap();
    }
}

impl Reader {
    pub(crate) async fn text(&mut self) -> String {
        let frame = patient(self.0.next()).await.unwrap().unwrap();
        frame.to_text().unwrap().strip_prefix('4').unwrap().to_owned()
    }
}

async fn request(address: SocketAddr, method: &str, sid: &str, body: &str) -> (u16, String) {
    let mut stream = patient(TcpStream::connect(address)).await.unwrap();
    let head = format!(
        "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    patient(stream.write_all(format!("{head}{body}").as_bytes())).await.unwrap();
    let mut answer = String::new();
    patient(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A client's CONNECT.
pub(crate) fn asking(namespace: &str) -> Packet {
    Packet { kind: PacketKind::Connect, ..Packet::disconnect(namespace) }
}

pub(crate) fn with_id(packet: Packet, id: u64) -> Packet {
    Packet { id: Some(id), ..packet }
}

pub(crate) fn placeholder(num: usize) -> Value {
    Placeholder(num).into()
}

/// Lets everybody in; gives the next event.
pub(crate) async fn next_event(connection: &mut Connection) -> Option<IncomingEvent> {
    loop {
        match connection.next().await? {
            Incoming::Connect(connect) => drop(connect.accept().await),
            Incoming::Event(event) => return Some(event),
            Incoming::Disconnect(_) => {}
            Incoming::Malformed(malformed) => panic!("{malformed}"),
        }
    }
}

pub(crate) fn numbers(count: u64) -> Vec<Value> {
    (1..=count).map(|number| json!(number)).collect()
}
