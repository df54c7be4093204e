//! One client: WebSocket upgrade, subscribe, receive; in Socket.IO (Engine.IO open, namespace connect)
//! or in the native stream.
use crate::{Common, event, frame, inflate::Inflater, procfs, stats::Phase};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    sync::Notify,
};

/// What the native stream may send before it hears from us again, at most.
const CREDIT: u64 = 1_000_000;

/// How clients talk to the server.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    /// Socket.IO v5, default parser
    Socketio,
    /// MsGalaxy's native stream, JSON subprotocol
    Native,
}

/// What all clients of this process share.
pub(crate) struct Shared {
    pub(crate) server: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) deflate: bool,
    pub(crate) namespace: String,
    pub(crate) source_addresses: u8,
    pub(crate) phase: RefCell<Phase>,
    pub(crate) ready: Cell<usize>,
    pub(crate) lost_connections: Cell<usize>,
    pub(crate) pings: Cell<u64>,
    pub(crate) progress: Notify,
    /// One read buffer for all connections: between reads a connection keeps only an unfinished frame.
    scratch: RefCell<Vec<u8>>,
    inflater: RefCell<Inflater>,
}

impl Shared {
    pub(crate) fn new(o: &Common) -> Shared {
        Shared {
            server: o.server,
            protocol: o.protocol,
            deflate: o.deflate,
            namespace: o.namespace.clone(),
            source_addresses: o.source_addresses.max(1),
            phase: RefCell::new(Phase::new(0, 0, 0)),
            ready: Cell::new(0),
            lost_connections: Cell::new(0),
            pings: Cell::new(0),
            progress: Notify::new(),
            scratch: RefCell::new(vec![0; 256 * 1024]),
            inflater: RefCell::new(Inflater::new()),
        }
    }
}

pub(crate) struct Client {
    shared: Rc<Shared>,
    id: usize,
    /// Empty: subscribe to nothing and count events whose task_id is empty as ours.
    task: String,
    stream: TcpStream,
    unfinished: Vec<u8>,
    out: Vec<u8>,
    ready: bool,
    closed: bool,
    /// Updates of the native stream since credit was granted.
    used: u64,
}

fn other(message: impl Into<String>) -> io::Error {
    io::Error::other(message.into())
}

impl Client {
    /// Returns once the server has confirmed the namespace (and the subscription, if there is a task).
    pub(crate) async fn connect(shared: Rc<Shared>, id: usize, task: String) -> io::Result<Client> {
        let socket = TcpSocket::new_v4()?;
        if shared.source_addresses > 1 {
            let last = 1 + (id % shared.source_addresses as usize) as u8;
            socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
        }
        let stream = socket.connect(shared.server).await?;
        stream.set_nodelay(true)?;
        let mut client = Client {
            shared,
            id,
            task,
            stream,
            unfinished: Vec::new(),
            out: Vec::new(),
            ready: false,
            closed: false,
            used: 0,
        };
        client.upgrade().await?;
        // What came behind the HTTP head (the Engine.IO open packet, often) is in `unfinished`.
        client.take_frames(&[]);
        client.flush().await?;
        while !client.ready && !client.closed {
            client.step().await?;
        }
        if client.closed {
            return Err(other("closed by the server during set-up"));
        }
        Ok(client)
    }

    pub(crate) async fn run(mut self) {
        while !self.closed {
            if self.step().await.is_err() {
                break;
            }
        }
        self.shared.lost_connections.set(self.shared.lost_connections.get() + 1);
        self.shared.progress.notify_one();
    }

    async fn upgrade(&mut self) -> io::Result<()> {
        let (path, subprotocol) = match self.shared.protocol {
            Protocol::Socketio => ("/socket.io/?EIO=4&transport=websocket".to_owned(), ""),
            Protocol::Native => {
                (format!("/api/stream?credit={CREDIT}"), "Sec-WebSocket-Protocol: msgalaxy.v1+json\r\n")
            }
        };
        let extension = if self.shared.deflate {
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover\r\n"
        } else {
            ""
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cnRsb2FkIHRlc3Qga2V5IQ==\r\n\
             {subprotocol}{extension}\r\n",
            self.shared.server
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(512);
        let end = loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(&mut head) {
                Ok(0) => return Err(other("closed during the upgrade")),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(e) => return Err(e),
            }
            if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
                break at + 4;
            }
        };
        if head.get(9..12) != Some(b"101") {
            return Err(other(format!("upgrade refused: {}", String::from_utf8_lossy(&head[..end.min(80)]))));
        }
        self.unfinished = head.split_off(end);
        let agreed = memchr::memmem::find(&head, b"permessage-deflate").is_some();
        if self.shared.deflate && !agreed {
            return Err(other("the server does not agree on permessage-deflate"));
        }
        Ok(())
    }

    async fn step(&mut self) -> io::Result<()> {
        self.stream.readable().await?;
        self.read()?;
        self.flush().await
    }

    fn read(&mut self) -> io::Result<()> {
        let shared = self.shared.clone();
        let mut scratch = shared.scratch.borrow_mut();
        match self.stream.try_read(&mut scratch) {
            Ok(0) => self.closed = true,
            Ok(n) => {
                shared.phase.borrow_mut().wire_bytes += n as u64;
                self.take_frames(&scratch[..n]);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            self.stream.write_all(&out).await?;
        }
        Ok(())
    }

    fn take_frames(&mut self, fresh: &[u8]) {
        let now = procfs::now_us();
        if self.unfinished.is_empty() {
            let used = self.consume(fresh, now);
            self.unfinished.extend_from_slice(&fresh[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.unfinished);
            whole.extend_from_slice(fresh);
            let used = self.consume(&whole, now);
            whole.drain(..used);
            self.unfinished = whole;
        }
    }

    fn consume(&mut self, buf: &[u8], now: u64) -> usize {
        let mut at = 0;
        while let Some((f, n)) = frame::parse(&buf[at..]) {
            at += n;
            match f.opcode {
                frame::TEXT if f.fin => {
                    let shared = self.shared.clone();
                    let message = if f.compressed {
                        shared.inflater.borrow_mut().message(f.payload).map(Cow::Owned)
                    } else {
                        Some(Cow::Borrowed(f.payload))
                    };
                    match (message, shared.protocol) {
                        (Some(message), Protocol::Socketio) => self.packet(&message, now),
                        (Some(message), Protocol::Native) => self.message(&message, now),
                        (None, _) => shared.phase.borrow_mut().unreadable += 1,
                    }
                }
                frame::PING => frame::write_masked(&mut self.out, frame::PONG, f.payload),
                frame::PONG => {}
                frame::CLOSE => self.closed = true,
                _ => self.shared.phase.borrow_mut().unreadable += 1,
            }
        }
        at
    }

    fn packet(&mut self, p: &[u8], now: u64) {
        match p {
            [b'0', ..] => self.send(&format!("40{},", self.shared.namespace)),
            [b'1', ..] => self.closed = true,
            [b'2', ..] => {
                self.shared.pings.set(self.shared.pings.get() + 1);
                self.send("3");
            }
            [b'4', kind, rest @ ..] => {
                let Some(body) =
                    rest.strip_prefix(self.shared.namespace.as_bytes()).and_then(|r| r.strip_prefix(b","))
                else {
                    return;
                };
                match kind {
                    b'0' if self.task.is_empty() => self.ready = true,
                    b'0' => self.send(&format!(
                        "42{},[\"subscribe\",{{\"task_id\":\"{}\"}}]",
                        self.shared.namespace, self.task
                    )),
                    b'2' if body.starts_with(b"[\"task_update\"") => {
                        let mut phase = self.shared.phase.borrow_mut();
                        phase.event(self.id, self.task.as_bytes(), p, event::parse(body), now);
                        drop(phase);
                    }
                    b'2' if body.starts_with(b"[\"subscribed\"") => self.ready = true,
                    b'1' | b'4' => self.closed = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, p: &[u8], now: u64) {
        // Updates have their type in front, all else behind.
        let is = |kind: &str| p.ends_with(format!("\"type\":\"{kind}\"}}").as_bytes());
        if p.starts_with(b"{\"type\":\"updates\"") {
            let shared = self.shared.clone();
            let mut phase = shared.phase.borrow_mut();
            for update in event::updates(p) {
                phase.event(self.id, self.task.as_bytes(), update, event::parse(update), now);
                self.used += 1;
            }
            if self.used > CREDIT / 2 {
                self.send(&format!("{{\"type\":\"credit\",\"updates\":{}}}", self.used));
                self.used = 0;
            }
        } else if is("hello") && self.task.is_empty() {
            self.ready = true;
        } else if is("hello") {
            self.send(&format!("{{\"type\":\"subscribe\",\"task_id\":\"{}\"}}", self.task));
        } else if is("subscribed") {
            self.ready = true;
        } else if is("error") {
            self.closed = true;
        }
    }

    fn send(&mut self, packet: &str) {
        frame::write_masked(&mut self.out, frame::TEXT, packet.as_bytes());
    }
}
