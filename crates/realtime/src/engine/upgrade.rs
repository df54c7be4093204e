use std::io;
use std::sync::Arc;

use tokio::time::timeout;

use super::close::CloseReason;
use super::message::Outgoing;
use super::packet::Packet;
use super::polling;
use super::session::{Phase, Session};
use super::socket::Transport;
use super::wire::Wire;
use crate::hooks::UpgradeOutcome;

/// The one WebSocket that may try to take over from polling.
pub(crate) struct Attempt(Arc<Session>);

impl Attempt {
    /// `None` when the session cannot change its transport, at least not now.
    pub(crate) fn begin(session: &Arc<Session>) -> Option<Self> {
        let mut state = session.state();
        let can = session.server.config.allow_upgrades
            && state.phase == Phase::Open
            && state.transport == Transport::Polling
            && !state.polling.upgrading;
        if can {
            state.polling.upgrading = true;
        }
        can.then(|| Self(session.clone()))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.polling.upgrading = false;
        state.polling.probed = false;
        drop(state);
        self.0.changed();
    }
}

/// Lets the client prove that its WebSocket works, then moves the session over.
/// Without an attempt, and after one that failed, the WebSocket is closed and
/// polling goes on.
pub(crate) async fn attempt(session: Arc<Session>, mut wire: Box<Wire>, attempt: Option<Attempt>) {
    let Some(attempt) = attempt else {
        wire.close(&session, CloseReason::ServerClosed).await;
        return;
    };
    let probed = tokio::select! {
        probed = timeout(session.server.config.upgrade_timeout, probe(&mut wire, &session)) => probed,
        _ = session.closed() => Ok(Ok(false)),
    };
    let outcome = match probed {
        Ok(Ok(true)) => match hand_over(&session, wire) {
            None => {
                session.server.hooks.upgrade(session.id, UpgradeOutcome::Completed);
                return;
            }
            Some(back) => {
                wire = back;
                UpgradeOutcome::Failed
            }
        },
        Ok(_) => UpgradeOutcome::Failed,
        Err(_) => UpgradeOutcome::TimedOut,
    };
    drop(attempt);
    session.server.hooks.upgrade(session.id, outcome);
    wire.close(&session, CloseReason::ServerClosed).await;
}

/// Whether the client went through with it.
async fn probe(wire: &mut Wire, session: &Session) -> io::Result<bool> {
    let mut probed = false;
    loop {
        match wire.next_packet().await? {
            Ok(Packet::Probe) => {
                // Before the client knows, so that no poll of one who does is
                // taken for an earlier one.
                session.state().polling.probed = true;
                wire.send_packet(Outgoing::control("3probe"), session).await?;
                probed = true;
                // Whoever polls is answered from now on, so that the client can
                // stop polling without losing what an answer would carry.
                session.state().polling.wake();
            }
            Ok(Packet::Upgrade) => return Ok(probed),
            _ => return Ok(false),
        }
    }
}

/// Gives the WebSocket to the connection's task; back if the session is gone.
fn hand_over(session: &Session, wire: Box<Wire>) -> Option<Box<Wire>> {
    let mut state = session.state();
    if let Phase::Closed(_) = state.phase {
        return Some(wire);
    }
    state.transport = Transport::WebSocket;
    polling::cut_taken(&mut state);
    state.polling.handover = Some(wire);
    state.outbox.armed = false;
    state.polling.wake();
    state.driver.wake_by_ref();
    None
}
