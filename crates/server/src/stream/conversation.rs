//! One connection, from its greeting to its end. One task handles what the
//! client says, in order, and writes everything the client gets, so that order
//! holds and a slow client slows nobody but itself.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use realtime::engine::{Allowance, CloseReason};
use realtime::websocket::deflate::DEFAULT_THRESHOLD_BYTES;
use realtime::websocket::{Connection, Ended, Message, frame};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::command::{Action, Command, malformed, unknown_type};
use super::format::{Format, Outgoing};
use super::heartbeat::{Beat, Heartbeat};
use super::outbox::Outbox;
use super::{MAX_MESSAGE, Surroundings};
use crate::auth::Principal;
use crate::config::Limits;
use crate::drain;
use crate::live::roster::{self, Listed};
use crate::live::{Answer, Over, Refusal, Room, Viewer};
use crate::metrics::{Door, Guest, Metrics};
use crate::pace;

/// Updates taken at once, at most.
const ROOM: Room = Room { updates: 256, bytes: 64 << 10 };
/// Time for goodbyes.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// The close code for a client that answered no ping.
const UNRESPONSIVE: u16 = 4000;
/// The close code for a client that sent too much.
const POLICY: u16 = 1008;

/// Serves one connection to its end.
pub(super) async fn converse(
    connection: Connection,
    format: Format,
    credit: u32,
    around: Surroundings,
    (principal, address): (Principal, Option<SocketAddr>),
) {
    let Surroundings { hub, limits, draining, admission, .. } = around;
    let now = Instant::now();
    let mut conversation = Conversation {
        guest: Guest::enter(hub.metrics(), "stream", Some(format.parser())),
        metrics: hub.metrics().clone(),
        connection,
        format,
        viewer: Viewer::new(&hub, limits.subscriptions_per_connection, admission, principal),
        outbox: Outbox::new(format, credit),
        heartbeat: Heartbeat::new(now),
        allowance: Allowance::new(pace::messages(&limits), pace::bytes(&limits), now),
        was_sent_updates: false,
        limits,
    };
    let listed = Listed::enter(&hub, roster::Door::Stream, address, None);
    listed.joined(&conversation.viewer);
    conversation.outbox.say(
        "hello",
        None,
        json!({
            "message": "Connected to task updates",
            "log_id": hub.log().log_id(),
            "credit": credit,
            "max_message_bytes": MAX_MESSAGE,
        }),
    );
    let ending = tokio::select! {
        ending = conversation.run() => ending,
        () = draining.cancelled() => {
            conversation.guest.ends(CloseReason::Shutdown.as_str());
            conversation.outbox.say(drain::DRAINING, None, drain::notice());
            // Who takes nothing cannot be told.
            let _ = timeout(CLOSE_TIME, conversation.write()).await;
            Ending::Close(1001, "the server is shutting down".to_owned())
        }
    };
    match ending {
        Ending::Gone => {}
        Ending::Close(code, reason) => conversation.connection.close(code, &reason, CLOSE_TIME).await,
    }
}

/// How a conversation ends.
enum Ending {
    /// With a goodbye.
    Close(u16, String),
    /// There is nobody to say goodbye to.
    Gone,
}

struct Conversation {
    connection: Connection,
    format: Format,
    viewer: Viewer,
    outbox: Outbox,
    heartbeat: Heartbeat,
    /// What the client may still send.
    allowance: Option<Allowance>,
    /// Since its last message.
    was_sent_updates: bool,
    limits: Limits,
    guest: Guest,
    metrics: Metrics,
}

impl Conversation {
    async fn run(&mut self) -> Ending {
        loop {
            if let Err(error) = self.write().await {
                if error.kind() == io::ErrorKind::TimedOut {
                    self.ends(CloseReason::WriteTimeout);
                }
                return Ending::Gone;
            }
            if let Some(over) = self.viewer.over() {
                self.guest.ends(over.code());
                if over != Over::Disconnected {
                    self.metrics.requests().refused(Door::Stream, over.code());
                }
                return Ending::Close(POLICY, over.to_string());
            }
            let granted = self.outbox.room();
            let room = Room { updates: granted.min(ROOM.updates), ..ROOM };
            tokio::select! {
                biased;
                message = self.connection.receive() => {
                    self.heartbeat.heard(Instant::now());
                    match message {
                        Ok(message) => {
                            if let Some(ending) = self.handle(message).await {
                                return ending;
                            }
                        }
                        Err(Ended::Violation(violation)) => {
                            self.ends(CloseReason::ProtocolError);
                            return Ending::Close(violation.close_code(), violation.to_string());
                        }
                        Err(Ended::Gone(_)) => return Ending::Gone,
                    }
                }
                items = self.viewer.next((granted > 0).then_some(room)) => {
                    if granted > 0 {
                        self.was_sent_updates = true;
                        self.outbox.hold(items);
                    } else {
                        self.outbox.say_now(items);
                    }
                }
                () = sleep_until(self.heartbeat.due()) => match self.heartbeat.beat(Instant::now()) {
                    Beat::Ping => self.connection.queue(frame::ping(b"")),
                    Beat::Gone => {
                        self.ends(CloseReason::PingTimeout);
                        return Ending::Close(UNRESPONSIVE, "no answer to a ping".to_owned());
                    }
                },
            }
        }
    }

    /// Writes all that may go out.
    async fn write(&mut self) -> io::Result<()> {
        for outgoing in self.outbox.take() {
            match outgoing {
                Outgoing::Message(message) => {
                    self.connection.queue_message(self.format.opcode(), &message, DEFAULT_THRESHOLD_BYTES);
                }
                Outgoing::Alone(delivery) => {
                    let window = self.connection.deflate().map(|deflate| deflate.window);
                    self.connection.queue(self.format.frame_alone(&delivery, window));
                }
            }
        }
        if self.connection.has_queued() { self.connection.flush().await } else { Ok(()) }
    }

    /// Whether the client may send this, too. What it says to updates comes as
    /// often as they do and is no message to be counted: so it grants credit.
    fn is_allowed(&mut self, message: &Message) -> Result<(), CloseReason> {
        let bytes = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
            Message::Close(_) => 0,
        };
        let counts = !std::mem::take(&mut self.was_sent_updates);
        match &mut self.allowance {
            Some(allowance) => allowance.take(counts.into(), bytes, Instant::now()),
            None => Ok(()),
        }
    }

    async fn handle(&mut self, message: Message) -> Option<Ending> {
        if let Err(reason) = self.is_allowed(&message) {
            self.ends(reason);
            if let Some(refusal) = pace::refusal(reason, &self.limits) {
                self.refuse(None, refusal);
            }
            let told = self.write().await;
            return Some(told.map_or(Ending::Gone, |()| Ending::Close(POLICY, reason.to_string())));
        }
        match message {
            Message::Ping(payload) => self.connection.queue(frame::pong(&payload)),
            Message::Pong(_) => {}
            Message::Close(reason) => {
                self.ends(CloseReason::ClientClosed);
                return Some(Ending::Close(reason.map_or(1000, |reason| reason.code), String::new()));
            }
            Message::Text(_) | Message::Binary(_) => {
                let read = self.format.read(&message).map_err(|reason| (None, malformed(reason)));
                match read.and_then(Command::parse) {
                    Ok(Command { id, action }) => self.act(id, action).await,
                    Err((id, refusal)) => self.refuse(id, refusal),
                }
            }
        }
        None
    }

    async fn act(&mut self, id: Option<u64>, action: Action) {
        let answered = match action {
            Action::Subscribe(request) => self.subscribe(&request).await,
            Action::Unsubscribe(request) => self.viewer.unsubscribe(Some(&request)),
            Action::Refresh(request) => match self.viewer.refresh(Some(&request)).await {
                Some(outcome) => outcome,
                None => Err(unknown_type("auth_refresh")),
            },
            Action::Credit(updates) => {
                let credit = self.outbox.grant(updates);
                if id.is_some() {
                    self.outbox.say("credit", id, json!({ "credit": credit }));
                }
                return;
            }
        };
        match answered {
            Ok(answer) => {
                if let Some(task_id) = answer.body.get("task_id").and_then(Value::as_str) {
                    self.outbox.forget(task_id);
                }
                self.answer(id, answer);
            }
            Err(refusal) => self.refuse(id, refusal),
        }
    }

    /// A task that has ended takes no subscription, but its snapshot waits here.
    async fn subscribe(&mut self, request: &Value) -> Result<Answer, Refusal> {
        let task_id = request.get("task_id").and_then(Value::as_str).unwrap_or_default();
        // Snapshots that wait for credit count like subscriptions.
        let limit = self.limits.subscriptions_per_connection;
        if self.outbox.snapshots_beside(task_id) >= limit {
            let message = format!("snapshots of {limit} tasks wait for credit; grant some first");
            return Err(Refusal::new("too_many_subscriptions", message, Some(task_id)));
        }
        self.viewer.subscribe(Some(request)).await
    }

    /// Notes why the conversation ends.
    fn ends(&mut self, reason: CloseReason) {
        self.guest.ends(reason.as_str());
        self.metrics.requests().cut_off(reason);
    }

    fn refuse(&mut self, id: Option<u64>, refusal: Refusal) {
        self.metrics.requests().refused(Door::Stream, refusal.code);
        self.answer(id, refusal.into());
    }

    /// Says an answer, and puts what follows it behind what waits.
    fn answer(&mut self, id: Option<u64>, answer: Answer) {
        let Answer { event, body, updates } = answer;
        self.outbox.say(event, id, body);
        self.outbox.hold_snapshot(updates);
    }
}
