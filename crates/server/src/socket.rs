//! The Socket.IO door: the namespace `/tasks`.
//!
//! One task per connection handles what the client sends, in order, and sends
//! everything the client gets, so that order holds and a slow client slows
//! nobody but itself.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use realtime::config::DeflateConfig;
use realtime::engine::{CloseReason, Server};
use realtime::socketio::{
    self, Acknowledge, Connect, Connection, EmitError, Event, Incoming, IncomingEvent, Malformed, Reason,
    Socket,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::auth::{self, Admission, AuthError, Principal, Scope, bearer};
use crate::config::Limits;
use crate::drain;
use crate::live;
use crate::live::roster::{self, Listed};
use crate::live::{Answer, Hub, Item, NAMESPACE, Over, Refusal, Room, Viewer};
use crate::metrics::{self, SocketHooks};
use crate::pace;
use crate::place::Place;

const ROOT: &str = "/";

/// A connection beyond the limit hears so when it speaks, else after this time.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// The code that they are told.
const TOO_MANY: &str = "too_many_connections";
/// Connections beyond the limit that wait for such an answer; more get status
/// 503.
const REFUSED: usize = 1000;
/// Bytes that wait for one client; more are read from memory or from the log
/// when it has taken these.
const OUTGOING_BYTES: usize = 256 << 10;
/// Updates taken at once.
const ROOM: Room = Room { updates: 256, bytes: 128 << 10 };

/// What all connections share.
struct Door {
    hub: Hub,
    limits: Limits,
    connections: watch::Sender<usize>,
    admission: Admission,
}

impl Door {
    /// Counts a refusal.
    fn refused(&self, code: &str) {
        self.hub.metrics().requests().refused(metrics::Door::SocketIo, code);
    }
}

/// Builds the service that answers `/socket.io/`. It counts its connections
/// among `connections`.
pub(crate) fn door(
    hub: Hub,
    limits: &Limits,
    connections: watch::Sender<usize>,
    admission: Admission,
) -> Server {
    let engine = realtime::Config {
        deflate: Some(DeflateConfig::default()),
        outgoing_bytes: OUTGOING_BYTES,
        write_timeout: limits.write_timeout(),
        packets_per_second: pace::messages(limits),
        bytes_per_second: pace::bytes(limits),
        max_connections: Some(limits.connections.saturating_add(REFUSED)),
        ..realtime::Config::default()
    };
    let config = Arc::new(socketio::Config::default());
    let hooks = SocketHooks(hub.metrics().clone());
    let door = Arc::new(Door { hub, limits: limits.clone(), connections, admission });
    Server::with_hooks(engine, hooks, move |socket| {
        let door = door.clone();
        socketio::serve(socket, config.clone(), |connection| converse(connection, door))
    })
}

/// The client is not there any more.
struct Gone;

impl From<realtime::engine::Closed> for Gone {
    fn from(_: realtime::engine::Closed) -> Gone {
        Gone
    }
}

/// Serves one connection to its end.
async fn converse(mut connection: Connection, door: Arc<Door>) {
    let request = connection.take_request();
    let address = request.as_ref().and_then(|request| request.peer);
    let header =
        request.filter(|_| door.admission.is_required()).map(|request| header_token(&request.headers));
    let Some(_place) = Place::take(&door.connections, door.limits.connections) else {
        door.refused(TOO_MANY);
        Box::pin(refuse(connection)).await;
        return;
    };
    let listed = Listed::enter(&door.hub, roster::Door::SocketIo, address, Some(connection.sender()));
    // What is seldom done is boxed: most connections wait most of the time, and
    // each keeps room for all that it does not box.
    let mut session = Session { door, header, tasks: None, listed };
    loop {
        let outcome = tokio::select! {
            biased;
            incoming = connection.next() => match incoming {
                None => return Box::pin(session.farewell(&connection)).await,
                Some(incoming) => Box::pin(session.handle(&connection, incoming)).await,
            },
            items = next_items(&mut session.tasks) => session.deliver(items).await,
        };
        if outcome.is_err() {
            return;
        }
        if let Some(over) = session.over() {
            return Box::pin(session.end(over)).await;
        }
    }
}

/// Ends a connection beyond the limit, with the reason to those who read.
async fn refuse(mut connection: Connection) {
    let refusal = socketio::Refusal::with_code("Too many connections", TOO_MANY);
    let waited = sleep_until(Instant::now() + REFUSAL_WAIT);
    tokio::select! {
        incoming = connection.next() => match incoming {
            Some(Incoming::Connect(connect)) => drop(connect.refuse(&refusal).await),
            _ => drop(connection.refuse(NAMESPACE, &refusal).await),
        },
        () = waited => drop(connection.refuse(NAMESPACE, &refusal).await),
    }
}

/// What the request that opened the connection has in its header, kept until
/// the client joins.
fn header_token(headers: &HeaderMap) -> Result<String, auth::Refusal> {
    bearer(headers).map(str::to_owned)
}

async fn next_items(tasks: &mut Option<(Socket, Viewer)>) -> Vec<Item> {
    match tasks {
        Some((_, viewer)) => viewer.next(Some(ROOM)).await,
        None => std::future::pending().await,
    }
}

/// What one connection has joined.
struct Session {
    door: Arc<Door>,
    /// The token in the header of the handshake, where tokens are asked for.
    header: Option<Result<String, auth::Refusal>>,
    tasks: Option<(Socket, Viewer)>,
    listed: Listed,
}

impl Session {
    async fn deliver(&mut self, items: Vec<Item>) -> Result<(), Gone> {
        let Some((socket, _)) = &self.tasks else { return Ok(()) };
        for item in items {
            match item {
                Item::Update(delivery) => match delivery.event() {
                    Ok(event) => sent(socket.send(&event).await)?,
                    Err(error) => sent(Err(error.into()))?,
                },
                Item::Notice(name, body) => Box::pin(emit(socket, name, &body)).await?,
            }
        }
        Ok(())
    }

    /// Why the client may not stay, which it was told.
    fn over(&self) -> Option<Over> {
        self.tasks.as_ref().and_then(|(_, viewer)| viewer.over())
    }

    async fn end(&self, over: Over) {
        match (over, &self.tasks) {
            // Libraries come back by themselves after any other end.
            (Over::Disconnected, Some((socket, _))) => drop(socket.disconnect().await),
            _ => self.door.refused(over.code()),
        }
    }

    /// Tells a client why the connection ends: the server does, or too much was
    /// sent.
    async fn farewell(&self, connection: &Connection) {
        let Some(reason) = connection.close_reason() else { return };
        if reason == CloseReason::Shutdown {
            if let Some((socket, _)) = &self.tasks {
                // Who cannot be told comes back anyway.
                let _ = emit(socket, drain::DRAINING, &drain::notice()).await;
            }
            return;
        }
        let Some(refusal) = pace::refusal(reason, &self.door.limits) else { return };
        self.door.refused(refusal.code);
        // Who cannot be told is gone already.
        let _ = match &self.tasks {
            Some((socket, _)) => emit(socket, "error", &refusal.body()).await,
            None => {
                let refusal = socketio::Refusal::with_code(refusal.message, refusal.code);
                connection.refuse(NAMESPACE, &refusal).await.map_err(Gone::from)
            }
        };
    }

    async fn handle(&mut self, connection: &Connection, incoming: Incoming) -> Result<(), Gone> {
        match incoming {
            Incoming::Connect(connect) => {
                let parser = connection.parser().as_str();
                self.door.hub.metrics().connections().joined(connection.id(), parser);
                self.connect(connect).await
            }
            Incoming::Disconnect(socket) => {
                if socket.namespace() == NAMESPACE {
                    self.tasks = None;
                    self.listed.left();
                }
                Ok(())
            }
            Incoming::Event(event) => self.event(event).await,
            Incoming::Malformed(malformed) => {
                if !matches!(malformed.reason, Reason::JoinedBefore) {
                    self.door.refused("malformed_packet");
                }
                answer_malformed(connection, malformed).await
            }
        }
    }

    async fn connect(&mut self, mut connect: Connect) -> Result<(), Gone> {
        match connect.namespace() {
            NAMESPACE | ROOT => {
                let principal = match self.admit(connect.take_auth()).await {
                    Ok(principal) => principal,
                    Err(refusal) => {
                        self.door.refused(refusal.code);
                        let refusal = socketio::Refusal::with_code(refusal.message, refusal.code);
                        return Ok(connect.refuse(&refusal).await?);
                    }
                };
                let is_of_tasks = connect.namespace() == NAMESPACE;
                let socket = connect.accept().await?;
                if is_of_tasks {
                    emit(&socket, "connected", &json!({ "message": "Connected to task updates" })).await?;
                    let Door { hub, limits, admission, .. } = &*self.door;
                    let limit = limits.subscriptions_per_connection;
                    let viewer = Viewer::new(hub, limit, admission.clone(), principal);
                    self.listed.joined(&viewer);
                    self.tasks = Some((socket, viewer));
                }
            }
            _ => {
                self.door.refused("invalid_namespace");
                connect.refuse(&socketio::Refusal::new("Invalid namespace")).await?;
            }
        }
        Ok(())
    }

    /// Who joins: by `auth.token` of CONNECT or, without one, by the header of
    /// the handshake.
    async fn admit(&self, sent: Option<Value>) -> Result<Principal, Refusal> {
        let sent = sent.as_ref().and_then(|auth| auth.get("token"));
        let token = match (sent, &self.header) {
            (Some(Value::String(token)), _) => Ok(token.as_str()),
            (Some(Value::Null) | None, Some(header)) => header.as_deref().map_err(|refusal| *refusal),
            (Some(Value::Null) | None, None) => Err(auth::Refusal::Missing),
            (Some(_), _) => Err(auth::Refusal::Malformed),
        };
        let admitted = self.door.admission.admit(token).await.and_then(|principal| {
            principal.require(Scope::TasksRead)?;
            Ok(principal)
        });
        admitted.map_err(|error| match error {
            AuthError::Refused(refusal) => live::refused(refusal),
            failure => {
                tracing::error!("CONNECT: {failure}");
                Refusal::new("internal", "the store did not answer; try again", None)
            }
        })
    }

    async fn event(&mut self, event: IncomingEvent) -> Result<(), Gone> {
        let IncomingEvent { socket, name, arguments, attachments, ack } = event;
        let answer = match &mut self.tasks {
            _ if !attachments.is_empty() => Err(Refusal::new(
                "binary_not_supported",
                "events with binary attachments are not understood",
                None,
            )),
            Some((tasks, viewer)) if socket.id() == tasks.id() => match name.as_str() {
                "subscribe" => viewer.subscribe(arguments.first()).await,
                "unsubscribe" => viewer.unsubscribe(arguments.first()),
                "auth_refresh" => match viewer.refresh(arguments.first()).await {
                    Some(outcome) => outcome,
                    None => Err(unknown_event(&name)),
                },
                _ => Err(unknown_event(&name)),
            },
            _ => {
                Err(Refusal::new("unknown_event", "events are understood in the namespace /tasks only", None))
            }
        };
        let answer = answer.inspect_err(|refusal| self.door.refused(refusal.code));
        let Answer { event, body, updates } = answer.unwrap_or_else(Answer::from);
        self::answer(&socket, ack, event, &body).await?;
        for update in &updates {
            emit(&socket, "task_update", update).await?;
        }
        Ok(())
    }
}

fn unknown_event(name: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new("unknown_event", format!("unknown event {name}; known: subscribe, unsubscribe"), None)
}

/// Answers what cannot be understood as an event where the client has joined,
/// else by refusing it there.
async fn answer_malformed(connection: &Connection, malformed: Malformed) -> Result<(), Gone> {
    if matches!(malformed.reason, Reason::JoinedBefore) {
        return Ok(());
    }
    let namespace = malformed.namespace.as_deref().unwrap_or(NAMESPACE);
    match connection.socket(namespace) {
        Some(socket) => {
            let refusal = Refusal::new("malformed_packet", malformed.reason.to_string(), None);
            answer(&socket, connection.acknowledge(&malformed), "error", &refusal.body()).await
        }
        None => {
            let known = namespace == NAMESPACE || namespace == ROOT;
            let message = if known { malformed.reason.to_string() } else { "Invalid namespace".to_owned() };
            Ok(connection.refuse(namespace, &socketio::Refusal::new(message)).await?)
        }
    }
}

/// Sends an answer as an event, and as the acknowledgement when one was asked
/// for.
async fn answer(socket: &Socket, ack: Option<Acknowledge>, name: &str, body: &Value) -> Result<(), Gone> {
    emit(socket, name, body).await?;
    match ack {
        Some(ack) => sent(ack.send(body).await),
        None => Ok(()),
    }
}

async fn emit(socket: &Socket, name: &str, body: &Value) -> Result<(), Gone> {
    let sending = async { socket.send(&Event::new(socket.namespace(), name, body)?).await };
    match sending.await {
        // Nested deeper than may be sent: a client's own configuration, say.
        Err(EmitError::Encode(error)) => {
            let task_id = body.get("task_id").and_then(Value::as_str);
            let refusal = Refusal::new("internal", format!("{name} cannot be sent: {error}"), task_id);
            sent(socket.emit("error", &refusal.body()).await)
        }
        outcome => sent(outcome),
    }
}

/// Leaving the namespace is no end of the connection; what was sent too late is
/// nobody's loss.
fn sent(outcome: Result<(), EmitError>) -> Result<(), Gone> {
    match outcome {
        Err(EmitError::Closed) => Err(Gone),
        Err(EmitError::Encode(error)) => {
            tracing::error!("an event cannot be sent: {error}");
            Ok(())
        }
        Ok(()) | Err(EmitError::Left(_) | EmitError::OtherNamespace { .. }) => Ok(()),
    }
}
