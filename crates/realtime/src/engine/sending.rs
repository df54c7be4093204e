use super::message::Outgoing;
use super::session::{Phase, Session, State};
use super::socket::{Closed, TrySendError};

/// Queueing for the client. Whoever finds no room and waits for it is not
/// overtaken: as long as somebody waits, the queue is full for all others.
impl Session {
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<(), Closed> {
        let mut outgoing = match self.try_send(outgoing) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed) => return Err(Closed),
            Err(TrySendError::Full(back)) => back,
        };
        let _waiting = Waiting::begin(self);
        let _turn = self.turn.lock().await;
        loop {
            outgoing = match self.offer(outgoing, Self::has_room) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed) => return Err(Closed),
                Err(TrySendError::Full(back)) => back,
            };
            self.room_as(Self::has_room).await?;
        }
    }

    pub(crate) fn try_send(&self, outgoing: Outgoing) -> Result<(), TrySendError> {
        self.offer(outgoing, Self::has_room_for_all)
    }

    fn offer(
        &self,
        outgoing: Outgoing,
        has_room: impl Fn(&Self, &State) -> bool,
    ) -> Result<(), TrySendError> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(TrySendError::Closed);
        }
        if !has_room(self, &state) {
            return Err(TrySendError::Full(outgoing));
        }
        let weight = outgoing.weight();
        state.push(outgoing);
        drop(state);
        self.server.hooks.queued(weight.cast_signed());
        Ok(())
    }

    pub(crate) async fn room(&self) -> Result<(), Closed> {
        self.room_as(Self::has_room_for_all).await
    }

    async fn room_as(&self, has_room: impl Fn(&Self, &State) -> bool) -> Result<(), Closed> {
        self.wait(|state| match state.phase {
            Phase::Open => has_room(self, state).then_some(Ok(())),
            Phase::Closing(_) | Phase::Closed(_) => Some(Err(Closed)),
        })
        .await
    }

    /// Whether there is room for those who wait.
    fn has_room(&self, state: &State) -> bool {
        state.outbox.bytes < self.server.config.outgoing_bytes
    }

    /// Whether there is room and nobody waits for it.
    fn has_room_for_all(&self, state: &State) -> bool {
        state.outbox.waiting == 0 && self.has_room(state)
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

    /// Queues without looking at the limit: for packets of the protocol itself.
    pub(crate) fn push(&self, outgoing: Outgoing) {
        let weight = outgoing.weight();
        self.state().push(outgoing);
        self.server.hooks.queued(weight.cast_signed());
    }
}

/// One of those who wait to queue something.
struct Waiting<'a>(&'a Session);

impl<'a> Waiting<'a> {
    fn begin(session: &'a Session) -> Self {
        session.state().outbox.waiting += 1;
        Self(session)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.outbox.waiting -= 1;
        let was_last = state.outbox.waiting == 0;
        drop(state);
        if was_last {
            self.0.changed();
        }
    }
}
