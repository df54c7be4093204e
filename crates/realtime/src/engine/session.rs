use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{self, Notify};
use tokio::time::Instant;

use super::close::CloseReason;
use super::id::SessionId;
use super::message::{Message, Outgoing};
use super::rate::Allowance;
use super::server::Shared;
use super::socket::Transport;
use super::wire::Wire;
use crate::config::Config;

/// What a received message costs in the mailbox beside its content.
const OVERHEAD: usize = 64;

/// How late a heartbeat's timer may be at the client's expense.
const LATENESS: Duration = Duration::from_millis(10);

/// One connection, shared by its task, its application, its senders and the
/// requests of its polling client. Everything behind one lock that is held for
/// moments only.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) server: Arc<Shared>,
    state: Mutex<State>,
    /// Room, progress or the end: every waiter looks for what it waits for.
    changed: Notify,
    /// Held by the first of those who wait to queue; serves them in their order.
    pub(crate) turn: sync::Mutex<()>,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// Takes nothing more; what is queued still goes out.
    Closing(CloseReason),
    Closed(CloseReason),
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) transport: Transport,
    /// Why the connection is to end, of which the application hears; it may
    /// still send.
    pub(crate) ending: Option<CloseReason>,
    /// Even the application is dropped.
    pub(crate) aborted: bool,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    /// The connection's task.
    pub(crate) driver: Waker,
    heartbeat: Heartbeat,
    pub(crate) polling: Polling,
    allowance: Option<Box<Allowance>>,
}

/// What waits for the client.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) queue: VecDeque<Outgoing>,
    /// Of what is queued, and of what is being written.
    pub(crate) bytes: usize,
    /// How many were queued, and how many of them went out.
    pub(crate) pushed: u64,
    pub(crate) written: u64,
    /// How many wait to queue something; nobody overtakes them.
    pub(crate) waiting: usize,
    /// Whoever writes has seen the queue empty and sleeps.
    pub(crate) armed: bool,
}

/// What waits for the application.
#[derive(Default)]
pub(crate) struct Inbox {
    queue: VecDeque<Message>,
    pub(crate) bytes: usize,
    reader: Option<Waker>,
    /// The application dropped its socket; nobody will read.
    abandoned: bool,
}

/// When something is due.
struct Heartbeat {
    due: Instant,
    awaiting_pong: bool,
    /// What number the ping has among all that was queued.
    ping: u64,
}

/// What only polling and the change to WebSocket need.
#[derive(Default)]
pub(crate) struct Polling {
    /// The request that waits for packets.
    pub(crate) poller: Option<Waker>,
    pub(crate) get: bool,
    pub(crate) post: bool,
    /// How many messages of the first in the queue are sent already.
    pub(crate) taken: usize,
    /// A WebSocket tries to take over.
    pub(crate) upgrading: bool,
    /// It has proved that it works: polls are answered at once.
    pub(crate) probed: bool,
    /// It has taken over and waits to be driven.
    pub(crate) handover: Option<Box<Wire>>,
    /// The client was told about the end.
    pub(crate) told: bool,
    /// How long an end waits for a poll that tells the client.
    pub(crate) until: Option<Instant>,
}

impl Session {
    pub(crate) fn new(id: SessionId, server: Arc<Shared>, transport: Transport, now: Instant) -> Arc<Self> {
        let due = now + server.config.ping_interval;
        let Config { packets_per_second, bytes_per_second, .. } = server.config;
        let allowance = Allowance::new(packets_per_second, bytes_per_second, now).map(Box::new);
        Arc::new(Self {
            id,
            server,
            state: Mutex::new(State {
                phase: Phase::Open,
                transport,
                ending: None,
                aborted: false,
                outbox: Outbox::default(),
                inbox: Inbox::default(),
                driver: Waker::noop().clone(),
                heartbeat: Heartbeat { due, awaiting_pong: false, ping: 0 },
                polling: Polling::default(),
                allowance,
            }),
            changed: Notify::new(),
            turn: sync::Mutex::new(()),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn closed(&self) -> CloseReason {
        self.wait(|state| match state.phase {
            Phase::Closed(reason) => Some(reason),
            Phase::Open | Phase::Closing(_) => None,
        })
        .await
    }

    /// Resolves to the first answer of `look`, which is asked after every change.
    pub(crate) async fn wait<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(answer) = look(&self.state()) {
                return answer;
            }
            changed.await;
        }
    }

    /// Tells all who wait to look again.
    pub(crate) fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Ends the connection; the first reason stands. Orderly reasons let out
    /// what is queued, all others drop it.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut state = self.state();
        let next = if reason.is_orderly() { Phase::Closing(reason) } else { Phase::Closed(reason) };
        match (state.phase, next) {
            (Phase::Open, _) | (Phase::Closing(_), Phase::Closed(_)) => state.phase = next,
            _ => return,
        }
        self.announce(state);
    }

    /// Marks the end of a connection that was closing.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        if let Phase::Closing(reason) = state.phase {
            state.phase = Phase::Closed(reason);
            self.announce(state);
        }
    }

    /// The application is told to come to an end; the first reason stands.
    pub(crate) fn drain(&self, reason: CloseReason) {
        let mut state = self.state();
        state.ending.get_or_insert(reason);
        self.announce(state);
    }

    /// Ends the connection for what its client did. Of excess the application
    /// can tell it first.
    pub(crate) fn end(&self, reason: CloseReason) {
        if reason.is_excess() { self.drain(reason) } else { self.close(reason) }
    }

    /// Ends everything at once, the application included.
    pub(crate) fn abort(&self) {
        let mut state = self.state();
        state.aborted = true;
        if let Phase::Open | Phase::Closing(_) = state.phase {
            state.phase = Phase::Closed(CloseReason::Shutdown);
        }
        self.announce(state);
    }

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        let mut dropped = 0;
        if matches!(state.phase, Phase::Closed(_)) {
            dropped = state.outbox.clear();
        }
        let reader = state.inbox.reader.take();
        let poller = state.polling.poller.take();
        let driver = state.driver.clone();
        drop(state);
        for waker in [reader, poller, Some(driver)].into_iter().flatten() {
            waker.wake();
        }
        self.changed();
        self.server.hooks.queued(-dropped.cast_signed());
    }

    /// The next message for the application; `None` once there are no more.
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.state();
        let limit = self.server.config.incoming_bytes;
        if let Some(message) = state.inbox.queue.pop_front() {
            let was_full = state.inbox.bytes >= limit;
            state.inbox.bytes -= message.len() + OVERHEAD;
            if state.inbox.queue.is_empty() {
                state.inbox.queue.shrink_to(4);
            }
            if was_full && state.inbox.bytes < limit {
                let driver = state.driver.clone();
                drop(state);
                if !driver.will_wake(cx.waker()) {
                    driver.wake();
                }
                self.changed();
            }
            return Poll::Ready(Some(message));
        }
        if state.phase != Phase::Open || state.ending.is_some() {
            return Poll::Ready(None);
        }
        match &mut state.inbox.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader @ None => *reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Whether more may be read from the client.
    pub(crate) fn has_inbox_room(&self) -> bool {
        let state = self.state();
        state.inbox.bytes < self.server.config.incoming_bytes && state.excess().is_none()
    }

    /// Puts a message of the client, `bytes` long on the wire, into the mailbox;
    /// whether the application, which polls with `own`, got it.
    pub(crate) fn deliver(
        &self,
        message: Message,
        bytes: usize,
        own: Option<&Waker>,
    ) -> Result<bool, CloseReason> {
        let mut state = self.state();
        state.charge(bytes)?;
        if state.phase != Phase::Open || state.inbox.abandoned {
            return Ok(false);
        }
        state.inbox.bytes += message.len() + OVERHEAD;
        state.inbox.queue.push_back(message);
        let reader = state.inbox.reader.take();
        drop(state);
        if let Some(reader) = reader
            && own.is_none_or(|own| !own.will_wake(&reader))
        {
            reader.wake();
        }
        Ok(true)
    }

    /// The client is alive.
    pub(crate) fn pong(&self, bytes: usize) -> Result<(), CloseReason> {
        let mut state = self.state();
        state.charge(bytes)?;
        if state.heartbeat.awaiting_pong {
            state.heartbeat.due = Instant::now() + self.server.config.ping_interval;
            state.heartbeat.awaiting_pong = false;
        }
        Ok(())
    }

    /// A packet that is not for the application.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), CloseReason> {
        self.state().charge(bytes)
    }

    /// When [`beat`](Self::beat) is to be called next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let state = self.state();
        match state.phase {
            Phase::Open => Some(state.heartbeat.due),
            Phase::Closing(_) | Phase::Closed(_) => state.polling.until,
        }
    }

    /// Pings, or ends a connection whose client did not answer.
    pub(crate) fn beat(&self, now: Instant) {
        let config = &self.server.config;
        let mut state = self.state();
        if state.phase != Phase::Open || now < state.heartbeat.due {
            return;
        }
        if !state.heartbeat.awaiting_pong {
            // A timer that is a little late does not give the client more time.
            let due = state.heartbeat.due.max(now - LATENESS) + config.ping_timeout;
            let ping = Outgoing::ping();
            let weight = ping.weight();
            state.push(ping);
            state.heartbeat = Heartbeat { due, awaiting_pong: true, ping: state.outbox.pushed };
            drop(state);
            self.server.hooks.queued(weight.cast_signed());
        } else if state.inbox.bytes >= config.incoming_bytes || state.has_ping_queued() {
            // The pong may be among what is not read, which is our doing, or
            // the ping behind messages that the client is still taking.
            state.heartbeat.due = now + config.ping_timeout;
        } else {
            drop(state);
            self.close(CloseReason::PingTimeout);
        }
    }

    /// The last transport and the reason of the end.
    pub(crate) fn epitaph(&self) -> (Transport, CloseReason) {
        let state = self.state();
        match state.phase {
            Phase::Closing(reason) | Phase::Closed(reason) => (state.transport, reason),
            Phase::Open => (state.transport, CloseReason::TransportError),
        }
    }

    /// Nobody will receive any more.
    pub(crate) fn abandon_inbox(&self) {
        let mut state = self.state();
        let was_full = state.inbox.bytes >= self.server.config.incoming_bytes;
        state.inbox = Inbox { abandoned: true, ..Inbox::default() };
        if was_full {
            state.driver.wake_by_ref();
            drop(state);
            self.changed();
        }
    }
}

impl State {
    /// Whether the ping waits behind other messages; the write timeout sees to
    /// it that they are moving. A polling client has to fetch it.
    fn has_ping_queued(&self) -> bool {
        self.transport == Transport::WebSocket && self.outbox.written < self.heartbeat.ping
    }

    fn charge(&mut self, bytes: usize) -> Result<(), CloseReason> {
        match (self.excess(), &mut self.allowance) {
            (Some(excess), _) => Err(excess),
            (None, Some(allowance)) => allowance.take(1, bytes, Instant::now()),
            (None, None) => Ok(()),
        }
    }

    /// What the client did too much of.
    fn excess(&self) -> Option<CloseReason> {
        self.ending.filter(|reason| reason.is_excess())
    }

    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.outbox.bytes += outgoing.weight();
        self.outbox.pushed += 1;
        self.outbox.queue.push_back(outgoing);
        if self.outbox.armed {
            self.outbox.armed = false;
            match self.transport {
                Transport::Polling => self.polling.wake(),
                Transport::WebSocket => self.driver.wake_by_ref(),
            }
        }
    }
}

impl Polling {
    pub(crate) fn wake(&mut self) {
        if let Some(poller) = self.poller.take() {
            poller.wake();
        }
    }
}

impl Outbox {
    /// Accounts for what went out; returns the bytes that wait no more. Of a
    /// session that ended meanwhile none do.
    pub(crate) fn wrote(&mut self, count: usize, weight: usize) -> usize {
        self.written += count as u64;
        let weight = weight.min(self.bytes);
        self.bytes -= weight;
        weight
    }

    fn clear(&mut self) -> usize {
        self.queue = VecDeque::new();
        std::mem::take(&mut self.bytes)
    }
}
