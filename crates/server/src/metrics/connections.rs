//! Who is connected, and what goes over these connections.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use realtime::engine::{CloseReason, SessionId, Transport};
use realtime::hooks::{HandshakeRefused, Hooks, UpgradeOutcome};

use super::Metrics;
use super::registrar::{Count, Labeled, Level, Registrar};
use super::sharded::Sharded;

/// Of a Socket.IO connection that has not joined yet, and of server-sent events.
const NO_PARSER: &str = "none";

/// Counted by whoever opens and closes connections.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Labeled<Level, 2>,
    opened: Labeled<Count, 1>,
    closed: Labeled<Count, 2>,
    upgrades: Labeled<Count, 1>,
    /// Of Socket.IO: transport and parser, which may change.
    sessions: Mutex<HashMap<SessionId, (Transport, &'static str)>>,
    packets_received: [Count; 2],
    bytes_received: [Count; 2],
    packets_sent: [Count; 2],
    bytes_sent: [Count; 2],
    queued: Sharded,
    queue_bytes: Level,
    plain_bytes: Count,
    compressed_bytes: Count,
}

impl Connections {
    pub(super) fn new(registrar: &mut Registrar) -> Connections {
        let mut by_transport = |name, help| {
            let counts = registrar.counts(name, help, ["transport"]);
            [Transport::Polling, Transport::WebSocket].map(|transport| counts.of([transport.as_str()]))
        };
        Connections {
            packets_received: by_transport("socketio_packets_received", "Engine.IO packets from clients"),
            bytes_received: by_transport("socketio_bytes_received", "Bytes of these packets, as received"),
            packets_sent: by_transport("socketio_packets_sent", "Engine.IO packets to clients"),
            bytes_sent: by_transport("socketio_bytes_sent", "Bytes of these packets, as sent"),
            open: registrar.levels("connections", "Connections that are open", ["transport", "parser"]),
            opened: registrar.counts("connects", "Connections that were opened", ["transport"]),
            closed: registrar.counts("disconnects", "Connections that ended", ["transport", "reason"]),
            upgrades: registrar.counts(
                "upgrades",
                "Changes from polling to WebSocket, by how they ended",
                ["outcome"],
            ),
            sessions: Mutex::default(),
            queued: Sharded::default(),
            queue_bytes: registrar
                .level("outgoing_queue_bytes", "Bytes that wait for Socket.IO clients to take them"),
            plain_bytes: registrar
                .count("compression_input_bytes", "Bytes of Socket.IO messages that were compressed"),
            compressed_bytes: registrar
                .count("compression_output_bytes", "Bytes that these messages were compressed to"),
        }
    }

    /// A connection that is no Socket.IO session was opened.
    fn enter(&self, transport: &'static str, parser: &'static str) {
        self.open.of([transport, parser]).inc();
        self.opened.of([transport]).inc();
    }

    /// A Socket.IO client has joined with a parser.
    pub(crate) fn joined(&self, id: SessionId, parser: &'static str) {
        self.change(id, |(transport, _)| (transport, parser));
    }

    /// What is to be known when somebody asks.
    pub(super) fn refresh(&self) {
        self.queue_bytes.set(self.queued.level());
    }

    fn change(&self, id: SessionId, to: impl Fn((Transport, &'static str)) -> (Transport, &'static str)) {
        let mut sessions = self.sessions();
        let Some(session) = sessions.get_mut(&id) else { return };
        self.level(*session).dec();
        *session = to(*session);
        self.level(*session).inc();
    }

    fn level(&self, (transport, parser): (Transport, &'static str)) -> Level {
        self.open.of([transport.as_str(), parser])
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, (Transport, &'static str)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is no Socket.IO session; counts as open until it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    metrics: Metrics,
    transport: &'static str,
    parser: &'static str,
    reason: &'static str,
}

impl Guest {
    pub(crate) fn enter(metrics: &Metrics, transport: &'static str, parser: Option<&'static str>) -> Guest {
        let parser = parser.unwrap_or(NO_PARSER);
        metrics.connections().enter(transport, parser);
        Guest { metrics: metrics.clone(), transport, parser, reason: "gone" }
    }

    /// Says why it ends; else it counts as gone without a goodbye.
    pub(crate) fn ends(&mut self, reason: &'static str) {
        self.reason = reason;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let connections = self.metrics.connections();
        connections.open.of([self.transport, self.parser]).dec();
        connections.closed.of([self.transport, self.reason]).inc();
    }
}

/// Hears of the Socket.IO connections.
pub(crate) struct SocketHooks(pub(crate) Metrics);

impl SocketHooks {
    fn all(&self) -> &Connections {
        self.0.connections()
    }
}

impl Hooks for SocketHooks {
    fn opened(&self, id: SessionId, transport: Transport) {
        let session = (transport, NO_PARSER);
        self.all().sessions().insert(id, session);
        self.all().level(session).inc();
        self.all().opened.of([transport.as_str()]).inc();
    }

    fn closed(&self, id: SessionId, transport: Transport, reason: CloseReason) {
        if let Some(session) = self.all().sessions().remove(&id) {
            self.all().level(session).dec();
        }
        self.all().closed.of([transport.as_str(), reason.as_str()]).inc();
        self.0.requests().cut_off(reason);
    }

    fn refused(&self, refusal: HandshakeRefused) {
        self.0.requests().handshake_refused(refusal);
    }

    fn upgrade(&self, id: SessionId, outcome: UpgradeOutcome) {
        if outcome == UpgradeOutcome::Completed {
            self.all().change(id, |(_, parser)| (Transport::WebSocket, parser));
        }
        let outcome = match outcome {
            UpgradeOutcome::Completed => "completed",
            UpgradeOutcome::TimedOut => "timed_out",
            UpgradeOutcome::Failed => "failed",
        };
        self.all().upgrades.of([outcome]).inc();
    }

    fn received(&self, transport: Transport, packets: usize, bytes: usize) {
        self.all().packets_received[transport as usize].inc_by(packets as u64);
        self.all().bytes_received[transport as usize].inc_by(bytes as u64);
    }

    fn sent(&self, transport: Transport, packets: usize, bytes: usize) {
        self.all().packets_sent[transport as usize].inc_by(packets as u64);
        self.all().bytes_sent[transport as usize].inc_by(bytes as u64);
    }

    fn queued(&self, change: isize) {
        self.all().queued.change(change);
    }

    fn compressed(&self, before: usize, after: usize) {
        self.all().plain_bytes.inc_by(before as u64);
        self.all().compressed_bytes.inc_by(after as u64);
    }
}
