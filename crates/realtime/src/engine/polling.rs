use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use http::{HeaderMap, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use super::close::CloseReason;
use super::message::Outgoing;
use super::packet::{Malformed, Packet, SEPARATOR};
use super::reply::{self, Reply};
use super::session::{Phase, Session, State};
use super::socket::Transport;
use super::wire::Standing;
use crate::hooks::HandshakeRefused;

/// How long a poll waits for a WebSocket that is about to take over. Not longer,
/// because a client may wait for the answer before it goes through with it.
const DECISION: Duration = Duration::from_millis(50);
/// What ends a poll without a packet.
const NOOP: &[u8] = b"6";
/// What tells a polling client that the connection ends.
const CLOSE: &[u8] = b"1";

/// GET: waits for packets.
pub(crate) async fn get(session: Arc<Session>) -> Result<Reply, HandshakeRefused> {
    decided(&session).await;
    let mut poll = Poller::begin(&session)?;
    let body = poll_fn(|cx| poll.poll(cx)).await;
    poll.answered = true;
    Ok(reply::packets(body))
}

/// Where a WebSocket has proved that it works, its `5` may have been sent before
/// this poll and yet be read after it, since they are different connections. A
/// poll that did not wait would take packets that belong to the WebSocket. A
/// POST need not wait: what it brings is welcome either way.
async fn decided(session: &Session) {
    if session.state().polling.probed {
        let decision = session.wait(|state| {
            let undecided = state.polling.probed && state.phase == Phase::Open;
            (!undecided).then_some(())
        });
        // Undecided is as good as no attempt: the poll is answered at once.
        let _ = timeout(DECISION, decision).await;
    }
}

/// POST: packets from the client.
pub(crate) async fn post<B>(
    session: Arc<Session>,
    headers: &HeaderMap,
    body: B,
) -> Result<Reply, HandshakeRefused>
where
    B: Body<Data = Bytes>,
{
    let _post = Post::begin(&session)?;
    let Err(reason) = receive(&session, headers, body).await else { return Ok(reply::ok()) };
    session.end(reason);
    match reason {
        CloseReason::ClientClosed => Ok(reply::ok()),
        CloseReason::PayloadTooLarge => Ok(reply::empty(StatusCode::PAYLOAD_TOO_LARGE)),
        // Clients that are refused a POST do not poll any more, and so would
        // not hear what the application has to say.
        CloseReason::TooManyPackets | CloseReason::TooManyBytes => Ok(reply::ok()),
        _ => Err(HandshakeRefused::BadRequest),
    }
}

async fn receive<B>(session: &Session, headers: &HeaderMap, body: B) -> Result<(), CloseReason>
where
    B: Body<Data = Bytes>,
{
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream") {
        return Err(CloseReason::ProtocolError);
    }
    let body = tokio::select! {
        body = read(session.server.config.max_payload_bytes, body) => body?,
        // Also the end of a client that sends its body too slowly.
        reason = session.closed() => return Err(reason),
    };
    let (mut packets, length) = (0, body.len());
    let text = ByteString::try_from(body).map_err(|_| CloseReason::ProtocolError)?;
    let mut outcome = Ok(());
    for part in text.split(char::from(SEPARATOR)) {
        packets += 1;
        outcome = match Packet::from_polling(&text.slice_ref(part)) {
            Ok(Packet::Message(message)) => {
                room(session).await?;
                session.deliver(message, part.len(), None).map(drop)
            }
            Ok(Packet::Pong) => session.pong(part.len()),
            Ok(Packet::Noop | Packet::Upgrade) => session.charge(part.len()),
            Ok(Packet::Close) => Err(CloseReason::ClientClosed),
            Ok(Packet::Probe) | Err(Malformed) => Err(CloseReason::ProtocolError),
        };
        if outcome.is_err() {
            break;
        }
    }
    session.server.hooks.received(Transport::Polling, packets, length);
    outcome
}

/// The whole body, if it is not too long.
async fn read<B>(allowed: usize, body: B) -> Result<Bytes, CloseReason>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > allowed as u64 {
        return Err(CloseReason::PayloadTooLarge);
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| CloseReason::TransportError)?.into_data() else { continue };
        if whole.len() + data.len() > allowed {
            return Err(CloseReason::PayloadTooLarge);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Waits until the application has taken enough.
async fn room(session: &Session) -> Result<(), CloseReason> {
    let limit = session.server.config.incoming_bytes;
    session
        .wait(|state| match state.phase {
            Phase::Closed(reason) => Some(Err(reason)),
            Phase::Open | Phase::Closing(_) => (state.inbox.bytes < limit).then_some(Ok(())),
        })
        .await
}

impl Session {
    /// Whether an ended polling connection still waits to tell its client.
    pub(crate) fn polling_standing(&self) -> Standing {
        let mut state = self.state();
        let tells = match state.phase {
            Phase::Open => return Standing::Alive,
            Phase::Closing(_) => true,
            Phase::Closed(reason) => reason == CloseReason::ClientClosed && !state.polling.told,
        };
        let now = Instant::now();
        let until = *state.polling.until.get_or_insert(now + self.server.config.close_timeout);
        if tells && now < until { Standing::Alive } else { Standing::Gone }
    }
}

/// The one GET request that may wait.
struct Poller<'a> {
    session: &'a Session,
    answered: bool,
}

impl<'a> Poller<'a> {
    fn begin(session: &'a Session) -> Result<Self, HandshakeRefused> {
        // A session that is over is over, even if its timer is a little late.
        session.beat(Instant::now());
        let mut state = session.state();
        check(&state)?;
        if state.polling.get {
            drop(state);
            session.close(CloseReason::OverlappingRequests);
            return Err(HandshakeRefused::BadRequest);
        }
        state.polling.get = true;
        Ok(Self { session, answered: false })
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Bytes> {
        let session = self.session;
        let mut state = session.state();
        if state.transport == Transport::WebSocket {
            return Poll::Ready(Bytes::from_static(NOOP));
        }
        if !state.outbox.queue.is_empty() {
            let taken = take(&mut state, session);
            if state.polling.until.is_some() {
                state.polling.until = Some(Instant::now() + session.server.config.close_timeout);
            }
            state.polling.get = false;
            drop(state);
            session.changed();
            session.server.hooks.sent(Transport::Polling, taken.packets, taken.body.len());
            session.server.hooks.queued(-taken.weight.cast_signed());
            return Poll::Ready(taken.body);
        }
        match state.phase {
            Phase::Open if state.polling.probed => Poll::Ready(Bytes::from_static(NOOP)),
            Phase::Open => {
                state.polling.poller = Some(cx.waker().clone());
                state.outbox.armed = true;
                Poll::Pending
            }
            Phase::Closing(_) | Phase::Closed(_) => {
                state.polling.told = true;
                let by_client = state.phase == Phase::Closed(CloseReason::ClientClosed);
                state.driver.wake_by_ref();
                drop(state);
                session.finish();
                Poll::Ready(Bytes::from_static(if by_client { NOOP } else { CLOSE }))
            }
        }
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        let mut state = self.session.state();
        state.polling.get = false;
        state.polling.poller = None;
        if !self.answered && state.transport == Transport::Polling {
            drop(state);
            self.session.close(CloseReason::PollAborted);
        }
    }
}

/// The one POST request that may be under way.
struct Post<'a>(&'a Session);

impl<'a> Post<'a> {
    fn begin(session: &'a Session) -> Result<Self, HandshakeRefused> {
        let mut state = session.state();
        check(&state)?;
        if state.polling.post {
            drop(state);
            session.close(CloseReason::OverlappingRequests);
            return Err(HandshakeRefused::BadRequest);
        }
        state.polling.post = true;
        Ok(Self(session))
    }
}

impl Drop for Post<'_> {
    fn drop(&mut self) {
        self.0.state().polling.post = false;
    }
}

/// Whether the session takes polling requests.
fn check(state: &State) -> Result<(), HandshakeRefused> {
    if state.transport != Transport::Polling {
        return Err(HandshakeRefused::BadRequest);
    }
    match state.phase {
        Phase::Open | Phase::Closing(_) => Ok(()),
        Phase::Closed(CloseReason::ClientClosed) if !state.polling.told => Ok(()),
        Phase::Closed(_) => Err(HandshakeRefused::UnknownSession),
    }
}

/// Taken out of the queue for one answer.
struct Taken {
    body: Bytes,
    packets: usize,
    weight: usize,
}

/// As many packets as one answer may carry, at least one.
fn take(state: &mut State, session: &Session) -> Taken {
    let config = &session.server.config;
    let mut body = BytesMut::new();
    let (mut packets, mut count, mut weight) = (0, 0, 0);
    'answer: while let Some(first) = state.outbox.queue.front() {
        for packet in &first.packets()[state.polling.taken..] {
            let separator = usize::from(packets > 0);
            let full = packets >= config.polling_packets
                || body.len() + separator + packet.len() > config.max_payload_bytes;
            if full && packets > 0 {
                break 'answer;
            }
            if packets > 0 {
                body.put_u8(SEPARATOR);
            }
            body.put_slice(packet);
            packets += 1;
            state.polling.taken += 1;
        }
        count += 1;
        weight += first.weight();
        state.polling.taken = 0;
        state.outbox.queue.pop_front();
    }
    let weight = state.outbox.wrote(count, weight);
    Taken { body: body.freeze(), packets, weight }
}

/// Replaces what was begun over polling by its rest, for the other transport.
pub(crate) fn cut_taken(state: &mut State) {
    let taken = std::mem::take(&mut state.polling.taken);
    if taken == 0 {
        return;
    }
    if let Some(first) = state.outbox.queue.front_mut() {
        let rest = Outgoing::several(first.messages()[taken..].to_vec());
        state.outbox.bytes -= first.weight() - rest.weight();
        *first = rest;
    }
}
