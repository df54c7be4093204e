use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::close::CloseReason;
use super::id::SessionId;
use super::message::{Message, Outgoing};
use super::server::Shared;
use super::socket::{Closed, Transport, TrySendError};

/// What a received message costs in the mailbox beside its content.
const OVERHEAD: usize = 64;

/// One connection, shared by its task, its application, its senders and the
/// requests of its polling client. Everything behind one lock that is held for
/// moments only.
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) server: Arc<Shared>,
    state: Mutex<State>,
    /// Room, progress or the end: every waiter looks for what it waits for.
    changed: Notify,
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
    /// The application hears that the connection ends but may still send.
    pub(crate) draining: bool,
    /// Even the application is dropped.
    pub(crate) aborted: bool,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    /// The connection's task.
    pub(crate) driver: Waker,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) polling: Polling,
}

/// What waits for the client.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) queue: VecDeque<Outgoing>,
    /// Of what is queued, and of what is being written.
    pub(crate) bytes: usize,
    /// How many were queued, and how many of them went out.
    pushed: u64,
    written: u64,
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
pub(crate) struct Heartbeat {
    pub(crate) due: Instant,
    pub(crate) awaiting_pong: bool,
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
}

impl Session {
    pub(crate) fn new(id: SessionId, server: Arc<Shared>, transport: Transport, now: Instant) -> Arc<Self> {
        let due = now + server.config.ping_interval;
        Arc::new(Self {
            id,
            server,
            state: Mutex::new(State {
                phase: Phase::Open,
                transport,
                draining: false,
                aborted: false,
                outbox: Outbox::default(),
                inbox: Inbox::default(),
                driver: Waker::noop().clone(),
                heartbeat: Heartbeat { due, awaiting_pong: false },
                polling: Polling::default(),
            }),
            changed: Notify::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues without looking at the limit: for packets of the protocol itself.
    pub(crate) fn push(&self, outgoing: Outgoing) {
        self.state().push(outgoing);
    }

    pub(crate) fn try_send(&self, outgoing: Outgoing) -> Result<(), TrySendError> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(TrySendError::Closed);
        }
        if state.outbox.bytes >= self.server.config.outgoing_bytes {
            return Err(TrySendError::Full(outgoing));
        }
        let weight = outgoing.weight();
        state.push(outgoing);
        drop(state);
        self.server.hooks.queued(weight.cast_signed());
        Ok(())
    }

    pub(crate) async fn send(&self, mut outgoing: Outgoing) -> Result<(), Closed> {
        loop {
            match self.try_send(outgoing) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed) => return Err(Closed),
                Err(TrySendError::Full(back)) => outgoing = back,
            }
            self.room().await?;
        }
    }

    pub(crate) async fn room(&self) -> Result<(), Closed> {
        let limit = self.server.config.outgoing_bytes;
        self.wait(|state| match state.phase {
            Phase::Open => (state.outbox.bytes < limit).then_some(Ok(())),
            Phase::Closing(_) | Phase::Closed(_) => Some(Err(Closed)),
        })
        .await
    }

    pub(crate) async fn flushed(&self) -> Result<(), Closed> {
        let target = self.state().outbox.pushed;
        self.wait(|state| {
            if state.outbox.written >= target {
                return Some(Ok(()));
            }
            matches!(state.phase, Phase::Closed(_)).then_some(Err(Closed))
        })
        .await
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

    /// The application is told to come to an end.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        state.draining = true;
        self.announce(state);
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
        if state.phase != Phase::Open || state.draining {
            return Poll::Ready(None);
        }
        match &mut state.inbox.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader @ None => *reader = Some(cx.waker().clone()),
        }
        Poll::Pending
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
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.outbox.bytes += outgoing.weight();
        self.outbox.pushed += 1;
        self.outbox.queue.push_back(outgoing);
        if self.outbox.armed {
            self.outbox.armed = false;
            match (self.transport, &self.polling.poller) {
                (Transport::Polling, Some(poller)) => poller.wake_by_ref(),
                (Transport::Polling, None) => {}
                (Transport::WebSocket, _) => self.driver.wake_by_ref(),
            }
        }
    }
}

impl Outbox {
    /// Accounts for what went out.
    pub(crate) fn wrote(&mut self, count: usize, weight: usize) {
        self.written += count as u64;
        self.bytes -= weight;
    }

    fn clear(&mut self) -> usize {
        self.queue = VecDeque::new();
        std::mem::take(&mut self.bytes)
    }
}

impl Inbox {
    /// Adds a message; returns who waits for it.
    pub(crate) fn put(&mut self, message: Message) -> Option<Waker> {
        if self.abandoned {
            return None;
        }
        self.bytes += message.len() + OVERHEAD;
        self.queue.push_back(message);
        self.reader.take()
    }
}
