use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use super::close::CloseReason;
use super::server::Running;
use super::session::{Phase, Session};
use super::socket::{Request, Socket};
use super::wire::{Reading, Standing, Wire};

/// Reads in one turn before it is written: a client that never stops sending
/// must not keep its answers from it.
const READS_PER_TURN: usize = 4;

/// Runs one connection to its end: its application, its heartbeat and, once
/// there is one, its WebSocket. All on the task that calls this.
pub(crate) async fn run(session: Arc<Session>, request: Box<Request>, wire: Option<Box<Wire>>) {
    let mut connection = Connection { app: None, wire, gone: false, session };
    let socket = Socket::new(connection.session.clone(), request);
    match catch_unwind(AssertUnwindSafe(|| connection.session.server.run(socket))) {
        Ok(app) => connection.app = Some(app),
        Err(_) => connection.session.close(CloseReason::ApplicationPanicked),
    }
    let first = Instant::now() + connection.session.server.config.ping_interval;
    let mut timer = pin!(sleep_until(first));
    poll_fn(|cx| connection.poll(cx, timer.as_mut())).await;
}

struct Connection {
    session: Arc<Session>,
    app: Option<Running>,
    wire: Option<Box<Wire>>,
    /// The client cannot be reached any more.
    gone: bool,
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        let mut reads = 0;
        loop {
            if self.is_aborted(cx) {
                return Poll::Ready(());
            }
            self.poll_app(cx);
            if let Some(wire) = &mut self.wire
                && wire.read(cx, &self.session) == Reading::Delivered
            {
                reads += 1;
                if reads < READS_PER_TURN {
                    continue;
                }
                cx.waker().wake_by_ref();
            }
            self.poll_transport(cx);
            if self.gone && self.app.is_none() {
                return Poll::Ready(());
            }
            if self.gone || !self.poll_timer(cx, timer.as_mut()) {
                return Poll::Pending;
            }
        }
    }

    /// Notes who is to be woken, takes over a WebSocket, and looks whether all
    /// is to be dropped.
    fn is_aborted(&mut self, cx: &Context<'_>) -> bool {
        let mut state = self.session.state();
        if !state.driver.will_wake(cx.waker()) {
            state.driver.clone_from(cx.waker());
        }
        if let Some(wire) = state.polling.handover.take() {
            self.wire = Some(wire);
        }
        state.aborted
    }

    fn poll_app(&mut self, cx: &mut Context<'_>) {
        let Some(app) = &mut self.app else { return };
        match catch_unwind(AssertUnwindSafe(|| app.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => {
                self.app = None;
                let ending = self.session.state().ending;
                self.session.close(ending.unwrap_or(CloseReason::ServerClosed));
            }
            // The panic hook has reported it.
            Err(_) => {
                self.app = None;
                self.session.close(CloseReason::ApplicationPanicked);
            }
        }
    }

    fn poll_transport(&mut self, cx: &mut Context<'_>) {
        let Some(wire) = &mut self.wire else {
            if self.session.polling_standing() == Standing::Gone {
                self.disconnect();
            }
            return;
        };
        let phase = self.session.state().phase;
        let phase = match phase {
            closed @ Phase::Closed(_) => closed,
            Phase::Open | Phase::Closing(_) => match wire.write(cx, &self.session) {
                Ok((true, Phase::Closing(reason))) => {
                    self.session.finish();
                    Phase::Closed(reason)
                }
                Ok((_, phase)) => phase,
                Err(_) => {
                    self.session.close(CloseReason::TransportError);
                    Phase::Closed(CloseReason::TransportError)
                }
            },
        };
        if let Phase::Closed(reason) = phase
            && wire.poll_close(cx, &self.session, reason) == Standing::Gone
        {
            self.disconnect();
        }
    }

    /// Looks at the clock; whether something changed.
    fn poll_timer(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> bool {
        let config = &self.session.server.config;
        let wire_due = self.wire.as_ref().and_then(|wire| wire.deadline(config));
        if let Some(due) = wire_due
            && due < timer.deadline()
        {
            timer.as_mut().reset(due);
        }
        // The heartbeat of a WebSocket only ever moves away from the timer.
        if self.wire.is_none()
            && let Some(due) = self.session.due()
            && due < timer.deadline()
        {
            timer.as_mut().reset(due);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        let now = Instant::now();
        if let (Some(wire), Some(due)) = (&self.wire, wire_due)
            && due <= now
        {
            if matches!(self.session.state().phase, Phase::Closed(_)) {
                wire.give_up();
                self.gone = true;
                self.wire = None;
            } else {
                self.session.close(CloseReason::WriteTimeout);
            }
        }
        self.session.beat(now);
        let next = [self.session.due(), self.wire.as_ref().and_then(|wire| wire.deadline(config))];
        let never = now + self.session.server.config.ping_interval;
        timer.reset(next.into_iter().flatten().min().unwrap_or(never));
        true
    }

    fn disconnect(&mut self) {
        self.gone = true;
        self.wire = None;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let session = &self.session;
        // If it was dropped in the midst of things, by an end of the runtime.
        session.close(CloseReason::TransportError);
        session.finish();
        let (transport, reason) = session.epitaph();
        session.server.forget(session.id);
        session.server.hooks.closed(session.id, transport, reason);
    }
}
