//! The Socket.IO door. The only file that knows the Engine.IO library, which
//! carries text over polling and WebSocket; namespaces, events and
//! acknowledgements are spoken here.
//!
//! One task per connection handles what the client sends, in order, and writes
//! everything the client gets, so that order holds and a slow client slows
//! nobody but itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::socket::{DisconnectReason, Permit};
use engineioxide::{Socket, Str, TransportType};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::live::{Answer, Item, Reader, Refusal, Room};
use crate::packet::{self, Incoming, Malformed};
use crate::state::AppState;

const NAMESPACE: &str = "/tasks";
const ROOT: &str = "/";

const PING_INTERVAL: Duration = Duration::from_millis(25_000);
const PING_TIMEOUT: Duration = Duration::from_millis(20_000);
const MAX_PAYLOAD: usize = 1_000_000;
/// A connection that joins no namespace for this long is closed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
/// A connection beyond the limit hears so when it speaks, else after this time.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// Packets queued for one connection in the library.
const QUEUE: usize = 128;
/// Places in the queue kept free for the library's pings: one that finds none
/// closes the connection.
const HEADROOM: usize = 4;
/// A polling answer takes the whole queue, and python-engineio hangs up on more
/// than 16 packets in one answer. So no more than this many are queued after
/// the client was seen to have taken (nearly) all; two rounds stay below 16.
const POLLING_BURST: usize = 6;
const POLLING_LEFTOVER: usize = 2;
/// First and longest pause between two looks whether there is room.
const ROOM_POLL: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));
/// A client that takes nothing for this long is gone: longer than a ping and
/// its timeout together.
const STALL: Duration = Duration::from_secs(60);

/// Updates taken at once.
const ROOM: Room = Room { updates: 64, bytes: 64 << 10 };
/// Time for the last packets when the server ends.
const LAST_PACKETS: Duration = Duration::from_secs(1);

/// The service that answers `/socket.io/`.
pub(crate) type Door = EngineIoService<Handler>;

/// Builds the service.
pub(crate) fn door(state: AppState) -> Door {
    let config = EngineIoConfig::builder()
        .req_path("/socket.io")
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(MAX_PAYLOAD as u64)
        .ws_max_message_size(MAX_PAYLOAD)
        .ws_max_frame_size(MAX_PAYLOAD)
        .max_buffer_size(QUEUE)
        .build();
    EngineIoService::with_config(Arc::new(Handler { state }), config)
}

/// Hands what the library hears to the connection's own task.
pub(crate) struct Handler {
    state: AppState,
}

/// Where a connection's packets wait; emptied when it ends.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Option<mpsc::Sender<Inbound>>>);

#[derive(Debug)]
enum Inbound {
    Text(Str),
    Attachment,
    /// The mailbox was full; this many packets were not taken.
    Overflow,
}

type Connection = Arc<Socket<Mailbox>>;

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl Mailbox {
    fn open(&self, sender: mpsc::Sender<Inbound>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }

    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Never waits. The last place tells that packets were not taken.
    fn put(&self, inbound: Inbound) {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = guard.as_ref() {
            match sender.capacity() {
                0 => {}
                1 => drop(sender.try_send(Inbound::Overflow)),
                _ => drop(sender.try_send(inbound)),
            }
        }
    }
}

impl EngineIoHandler for Handler {
    type Data = Mailbox;

    fn on_connect(self: Arc<Self>, socket: Connection) {
        let (sender, inbox) = mpsc::channel(self.state.settings().limits.waiting_messages + 1);
        socket.data.open(sender);
        let place = Place::take(&self.state);
        tokio::spawn(converse(socket, inbox, self.state.clone(), place));
    }

    fn on_disconnect(&self, socket: Connection, _reason: DisconnectReason) {
        socket.data.close();
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Connection) {
        socket.data.put(Inbound::Text(message));
    }

    fn on_binary(self: &Arc<Self>, _data: Bytes, socket: Connection) {
        socket.data.put(Inbound::Attachment);
    }
}

/// One connection's share of the connection limit.
struct Place {
    state: AppState,
    number: usize,
}

impl Place {
    fn take(state: &AppState) -> Place {
        let mut number = 0;
        state.connections().send_modify(|count| {
            *count += 1;
            number = *count;
        });
        Place { state: state.clone(), number }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.connections().send_modify(|count| *count -= 1);
    }
}

/// The client is not there any more.
#[derive(Debug)]
struct Gone;

/// Writes to one client, never faster than it reads.
struct Outbox {
    socket: Connection,
    draining: CancellationToken,
    polling_burst: usize,
}

impl Outbox {
    /// Queues one packet; waits until there is room.
    async fn send(&mut self, text: String) -> Result<(), Gone> {
        let mut pause = ROOM_POLL.0;
        let started = Instant::now();
        let mut text = Some(text);
        loop {
            if self.socket.is_closed() {
                return Err(Gone);
            }
            if self.has_room() {
                let mut permits = reserve(&self.socket, HEADROOM + 1);
                if permits.len() == HEADROOM + 1
                    && let (Some(permit), Some(text)) = (permits.pop(), text.take())
                {
                    permit.emit(text.into());
                    self.polling_burst = self.polling_burst.saturating_sub(1);
                    return Ok(());
                }
            }
            if started.elapsed() > STALL || self.draining.is_cancelled() {
                self.socket.close(DisconnectReason::TransportError);
                return Err(Gone);
            }
            sleep(pause).await;
            if self.polling_burst == 0 && self.is_drained() {
                // Once more around: the answer that drained the queue may still
                // be in the making.
                sleep(ROOM_POLL.0).await;
                self.polling_burst = POLLING_BURST;
            }
            pause = (pause * 2).min(ROOM_POLL.1);
        }
    }

    /// Waits until the client's transport has taken everything, but not long.
    async fn taken(&self) {
        let taken = async {
            while reserve(&self.socket, QUEUE).len() < QUEUE && !self.socket.is_closed() {
                sleep(ROOM_POLL.0).await;
            }
        };
        let _ = tokio::time::timeout(LAST_PACKETS, taken).await;
    }

    /// Ends a connection beyond the limit, with the reason to those who read.
    async fn refuse(&mut self) {
        let refusal =
            packet::connect_error_with_code(NAMESPACE, "too_many_connections", "Too many connections");
        let told = async {
            self.send(refusal).await?;
            self.taken().await;
            Ok::<(), Gone>(())
        };
        let _ = tokio::time::timeout(LAST_PACKETS, told).await;
        self.socket.close(DisconnectReason::TransportClose);
    }

    fn has_room(&self) -> bool {
        self.socket.transport_type() == TransportType::Websocket || self.polling_burst > 0
    }

    fn is_drained(&self) -> bool {
        reserve(&self.socket, QUEUE - POLLING_LEFTOVER).len() == QUEUE - POLLING_LEFTOVER
    }
}

/// As many places in the queue as there are, at most `count`.
fn reserve(socket: &Socket<Mailbox>, count: usize) -> Vec<Permit<'_>> {
    (0..count).map_while(|_| socket.reserve().ok()).collect()
}

/// A refusal of a packet, as the event that answers it.
fn error(code: &'static str, message: impl Into<String>, task_id: Option<&str>) -> Answer {
    Refusal::new(code, message, task_id).into()
}

/// What one connection has joined.
struct Session {
    state: AppState,
    outbox: Outbox,
    tasks: Option<Reader>,
    root: bool,
    /// Binary attachments still to come, announced by a packet that was refused.
    attachments: usize,
}

/// Serves one connection to its end.
async fn converse(socket: Connection, mut inbox: mpsc::Receiver<Inbound>, state: AppState, place: Place) {
    let outbox =
        Outbox { socket: socket.clone(), draining: state.draining().clone(), polling_burst: POLLING_BURST };
    let too_many = place.number > state.settings().limits.connections;
    let mut session = Session { state: state.clone(), outbox, tasks: None, root: false, attachments: 0 };
    let deadline = Instant::now() + if too_many { REFUSAL_WAIT } else { CONNECT_TIMEOUT };
    loop {
        let joined = session.tasks.is_some() || session.root;
        let outcome = tokio::select! {
            biased;
            () = state.draining().cancelled() => {
                socket.close(DisconnectReason::ClosingServer);
                // What is queued still goes out, to those who read it.
                let _ = tokio::time::timeout(LAST_PACKETS, socket.closed()).await;
                break;
            }
            inbound = inbox.recv() => match inbound {
                None => break,
                Some(_) if too_many => {
                    session.outbox.refuse().await;
                    break;
                }
                Some(inbound) => session.handle(inbound).await,
            },
            items = next_items(&mut session.tasks) => session.deliver(items).await,
            () = tokio::time::sleep_until(deadline), if !joined => {
                if too_many {
                    session.outbox.refuse().await;
                }
                socket.close(DisconnectReason::TransportClose);
                break;
            }
        };
        if outcome.is_err() {
            break;
        }
    }
}

async fn next_items(tasks: &mut Option<Reader>) -> Vec<Item> {
    match tasks {
        Some(reader) => reader.next(ROOM).await,
        None => std::future::pending().await,
    }
}

impl Session {
    async fn deliver(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        for item in items {
            let packet = match item {
                Item::Update(delivery) => packet::event_with_text(
                    NAMESPACE,
                    "task_update",
                    &String::from_utf8_lossy(&delivery.json()),
                ),
                Item::Notice(event, body) => packet::event(NAMESPACE, event, &body),
            };
            self.outbox.send(packet).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, inbound: Inbound) -> Result<(), Gone> {
        match inbound {
            Inbound::Text(text) => match packet::decode(&text) {
                Ok(incoming) => self.packet(incoming).await,
                Err(Malformed { namespace, ack, reason }) => {
                    self.answer(&namespace, ack, error("malformed_packet", reason, None)).await
                }
            },
            Inbound::Attachment if self.attachments > 0 => {
                self.attachments -= 1;
                Ok(())
            }
            Inbound::Attachment => {
                let refusal = error("malformed_packet", "a binary message that no packet announced", None);
                self.answer(NAMESPACE, None, refusal).await
            }
            Inbound::Overflow => {
                let refusal = error(
                    "too_many_messages",
                    "packets came faster than they could be handled; some were dropped",
                    None,
                );
                self.answer(NAMESPACE, None, refusal).await
            }
        }
    }

    async fn packet(&mut self, incoming: Incoming) -> Result<(), Gone> {
        match incoming {
            Incoming::Connect { namespace, .. } => self.connect(&namespace).await,
            Incoming::Disconnect { namespace } => {
                match namespace.as_str() {
                    NAMESPACE => self.tasks = None,
                    ROOT => self.root = false,
                    _ => {}
                }
                Ok(())
            }
            Incoming::Event { namespace, name, arguments, ack } => {
                let answer = match (namespace.as_str(), self.tasks.as_mut()) {
                    (NAMESPACE, Some(reader)) => match name.as_str() {
                        "subscribe" => reader.subscribe(arguments.first()).await.unwrap_or_else(Answer::from),
                        "unsubscribe" => reader.unsubscribe(arguments.first()).unwrap_or_else(Answer::from),
                        _ => {
                            let name: String = name.chars().take(64).collect();
                            error(
                                "unknown_event",
                                format!("unknown event {name}; known: subscribe, unsubscribe"),
                                None,
                            )
                        }
                    },
                    _ => error("unknown_event", "events are understood in the namespace /tasks only", None),
                };
                self.answer(&namespace, ack, answer).await
            }
            Incoming::Binary { namespace, attachments, ack } => {
                self.attachments = attachments;
                let refusal =
                    error("binary_not_supported", "events with binary attachments are not understood", None);
                self.answer(&namespace, ack, refusal).await
            }
            Incoming::Ack => Ok(()),
        }
    }

    async fn connect(&mut self, namespace: &str) -> Result<(), Gone> {
        match namespace {
            // A second CONNECT changes nothing.
            NAMESPACE if self.tasks.is_some() => Ok(()),
            ROOT if self.root => Ok(()),
            NAMESPACE => {
                let settings = self.state.settings();
                self.tasks =
                    Some(Reader::new(self.state.hub(), settings.limits.subscriptions_per_connection));
                self.outbox.send(packet::connect(NAMESPACE, &new_sid())).await?;
                let greeting = json!({ "message": "Connected to task updates" });
                self.outbox.send(packet::event(NAMESPACE, "connected", &greeting)).await
            }
            ROOT => {
                self.root = true;
                self.outbox.send(packet::connect(ROOT, &new_sid())).await
            }
            other => {
                let other: String = other.chars().take(128).collect();
                self.outbox.send(packet::connect_error(&other, "Invalid namespace")).await
            }
        }
    }

    /// Sends an answer as an event, as the acknowledgement when one was asked
    /// for, and what follows it. Who has not joined cannot be sent events.
    async fn answer(&mut self, namespace: &str, ack: Option<u64>, answer: Answer) -> Result<(), Gone> {
        let joined = match namespace {
            NAMESPACE => self.tasks.is_some(),
            ROOT => self.root,
            _ => false,
        };
        if !joined {
            let namespace: String = namespace.chars().take(128).collect();
            let message = answer.body.get("message").and_then(Value::as_str).unwrap_or("Not connected");
            let message =
                if namespace == NAMESPACE || namespace == ROOT { message } else { "Invalid namespace" };
            return self.outbox.send(packet::connect_error(&namespace, message)).await;
        }
        self.outbox.send(packet::event(namespace, answer.event, &answer.body)).await?;
        if let Some(id) = ack {
            self.outbox.send(packet::ack(namespace, id, &answer.body)).await?;
        }
        for update in &answer.updates {
            self.outbox.send(packet::event(namespace, "task_update", update)).await?;
        }
        Ok(())
    }
}

fn new_sid() -> String {
    Uuid::now_v7().simple().to_string()
}
