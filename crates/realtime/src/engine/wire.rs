use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::close::CloseReason;
use super::message::Outgoing;
use super::packet::{self, Malformed, Packet};
use super::session::{Outbox, Phase, Session};
use super::socket::Transport;
use super::stream::Stream;
use crate::config::Config;
use crate::websocket::{Decoder, Deflate, Limits, Message, Violation, Window, frame};

/// A WebSocket: frames from and to a stream. It keeps no buffer while nothing
/// is under way.
pub(crate) struct Wire {
    stream: Stream,
    decoder: Decoder,
    /// Received, not yet decoded.
    input: BytesMut,
    /// Taken from the queue, not yet written.
    writing: VecDeque<Outgoing>,
    /// So many bytes of the first are written.
    offset: usize,
    /// What the client inflates.
    window: Option<Window>,
    /// The answer to the latest ping frame.
    pong: Option<Bytes>,
    /// Since when the client has taken nothing.
    stalled: Option<Instant>,
    stage: Stage,
    /// The close frame that fits to what the client did.
    goodbye: Option<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The close frame goes out.
    Closing {
        until: Instant,
    },
    /// The client is given time to read it: closing at once could destroy what
    /// is still on its way.
    Lingering {
        until: Instant,
    },
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// There is something for the application.
    Delivered,
    /// Nothing more for now.
    Idle,
}

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Alive,
    Gone,
}

/// Most frames in one call to the system.
const GATHERED: usize = 128;
/// Queues that grew beyond this are given back when they are empty.
const KEPT_CAPACITY: usize = 32;

thread_local! {
    /// Where reads go: one buffer per thread instead of one per connection.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}

impl Wire {
    pub(crate) fn new(
        stream: Stream,
        input: BytesMut,
        deflate: Option<Deflate>,
        config: &Config,
    ) -> Box<Self> {
        let limits =
            Limits { message_bytes: config.max_payload_bytes, inflated_bytes: config.max_payload_bytes };
        Box::new(Self {
            stream,
            decoder: Decoder::new(limits, deflate.is_some()),
            input,
            writing: VecDeque::new(),
            offset: 0,
            window: deflate.map(|deflate| deflate.window),
            pong: None,
            stalled: None,
            stage: Stage::Open,
            goodbye: None,
        })
    }

    /// Reads and delivers, as long as the application takes it.
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, session: &Session) -> Reading {
        let mut read = Read::default();
        let outcome = if self.stage == Stage::Open { self.read_some(cx, session, &mut read) } else { Ok(()) };
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if read.packets > 0 {
            session.server.hooks.received(Transport::WebSocket, read.packets, read.bytes);
        }
        if let Err(reason) = outcome {
            session.end(reason);
        }
        if read.delivered { Reading::Delivered } else { Reading::Idle }
    }

    /// Until there is nothing more, or something for the application.
    fn read_some(
        &mut self,
        cx: &mut Context<'_>,
        session: &Session,
        read: &mut Read,
    ) -> Result<(), CloseReason> {
        loop {
            if !session.has_inbox_room() {
                return Ok(());
            }
            let before = self.input.len();
            match self.decoder.decode(&mut self.input) {
                Ok(Some(message)) => {
                    let bytes = before - self.input.len();
                    read.packets += 1;
                    read.bytes += bytes;
                    read.delivered |= self.take(message, bytes, cx, session)?;
                    continue;
                }
                Ok(None) if read.delivered => return Ok(()),
                Ok(None) => {}
                Err(violation) => {
                    self.goodbye = Some(frame::close(violation.close_code(), &violation.to_string()));
                    return Err(reason_of(&violation));
                }
            }
            match self.fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(CloseReason::TransportError),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// One message of the client; whether the application got something.
    fn take(
        &mut self,
        message: Message,
        bytes: usize,
        cx: &Context<'_>,
        session: &Session,
    ) -> Result<bool, CloseReason> {
        match (packet::from_websocket(&message), message) {
            (Some(packet), _) => match packet {
                Ok(Packet::Message(message)) => session.deliver(message, bytes, Some(cx.waker())),
                Ok(Packet::Pong) => session.pong(bytes).map(|()| false),
                Ok(Packet::Close) => Err(CloseReason::ClientClosed),
                Ok(Packet::Noop | Packet::Upgrade) => session.charge(bytes).map(|()| false),
                Ok(Packet::Probe) | Err(Malformed) => {
                    self.goodbye = Some(frame::close(1002, "not an Engine.IO packet"));
                    Err(CloseReason::ProtocolError)
                }
            },
            (None, Message::Ping(payload)) => {
                self.pong = Some(frame::pong(&payload));
                session.charge(bytes).map(|()| false)
            }
            (None, Message::Close(reason)) => {
                let code = reason.map_or(1000, |reason| reason.code);
                self.goodbye = Some(frame::close(code, ""));
                Err(CloseReason::ClientClosed)
            }
            (None, _) => session.charge(bytes).map(|()| false),
        }
    }

    /// Writes what is queued; tells whether all of it is out, and the phase.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, session: &Session) -> io::Result<(bool, Phase)> {
        let mut wrote = Wrote::default();
        loop {
            if self.writing.is_empty() {
                if let Some(pong) = self.pong.take() {
                    self.writing.push_back(Outgoing::raw_frame(pong));
                }
                let mut state = session.state();
                wrote.account(&mut state.outbox, session);
                if state.outbox.queue.is_empty() && self.writing.is_empty() {
                    state.outbox.armed = true;
                    if self.writing.capacity() > KEPT_CAPACITY {
                        self.writing = VecDeque::new();
                    }
                    return Ok((true, state.phase));
                }
                if self.writing.is_empty() {
                    std::mem::swap(&mut self.writing, &mut state.outbox.queue);
                }
            }
            match self.poll_write(cx, session, &mut wrote) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    let mut state = session.state();
                    wrote.account(&mut state.outbox, session);
                    return Ok((false, state.phase));
                }
            }
        }
    }

    /// One gathered write.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        session: &Session,
        wrote: &mut Wrote,
    ) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); GATHERED];
        let mut used = 0;
        for (slice, outgoing) in slices.iter_mut().zip(&self.writing) {
            *slice = IoSlice::new(bytes_of(outgoing, self.window, session));
            used += 1;
        }
        slices[0] = IoSlice::new(&bytes_of(&self.writing[0], self.window, session)[self.offset..]);
        match self.stream.poll_write(cx, &slices[..used]) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => {
                self.stalled = None;
                wrote.bytes += written;
                self.offset += written;
                while let Some(first) = self.writing.front() {
                    let length = bytes_of(first, self.window, session).len();
                    if self.offset < length {
                        break;
                    }
                    self.offset -= length;
                    if !first.is_raw() {
                        wrote.count += 1;
                        wrote.weight += first.weight();
                    }
                    self.writing.pop_front();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.stalled.get_or_insert_with(Instant::now);
                Poll::Pending
            }
        }
    }

    /// Says goodbye after the session closed for `reason`, then waits for the
    /// client to hang up.
    pub(crate) fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        session: &Session,
        reason: CloseReason,
    ) -> Standing {
        let until = || Instant::now() + session.server.config.close_timeout;
        if self.stage == Stage::Open {
            if reason == CloseReason::WriteTimeout {
                self.stream.reset_on_drop();
            }
            if matches!(reason, CloseReason::TransportError | CloseReason::WriteTimeout) {
                return Standing::Gone;
            }
            // Half a frame has to be completed; what was not begun is dropped.
            self.writing.truncate(usize::from(self.offset > 0));
            let goodbye =
                self.goodbye.take().unwrap_or_else(|| frame::close(code_of(reason), reason.as_str()));
            self.writing.push_back(Outgoing::raw_frame(goodbye));
            self.stage = Stage::Closing { until: until() };
        }
        if let Stage::Closing { .. } = self.stage {
            while !self.writing.is_empty() {
                match self.poll_write(cx, session, &mut Wrote::default()) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Standing::Gone,
                    Poll::Pending => return Standing::Alive,
                }
            }
            match self.stream.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.stage = Stage::Lingering { until: until() },
                Poll::Ready(Err(_)) => return Standing::Gone,
                Poll::Pending => return Standing::Alive,
            }
        }
        loop {
            self.input = BytesMut::new();
            match self.fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Standing::Gone,
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Standing::Alive,
            }
        }
    }

    /// When something is to be given up, and the reason if the session is open.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        match self.stage {
            Stage::Open => self.stalled.map(|since| since + config.write_timeout),
            Stage::Closing { until } | Stage::Lingering { until } => Some(until),
        }
    }

    /// The end of a connection that has gone beyond its deadline.
    pub(crate) fn give_up(&self) {
        if let Stage::Closing { .. } = self.stage {
            self.stream.reset_on_drop();
        }
    }

    /// The next packet, for a WebSocket that nobody drives yet.
    pub(crate) async fn next_packet(&mut self) -> io::Result<Result<Packet, Malformed>> {
        poll_fn(|cx| {
            loop {
                match self.decoder.decode(&mut self.input) {
                    Ok(Some(message)) => match packet::from_websocket(&message) {
                        Some(packet) => return Poll::Ready(Ok(packet)),
                        None => {
                            if let Message::Close(_) = message {
                                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                            }
                            if let Message::Ping(payload) = message {
                                self.pong = Some(frame::pong(&payload));
                            }
                            continue;
                        }
                    },
                    Ok(None) => {}
                    Err(_) => return Poll::Ready(Ok(Err(Malformed))),
                }
                match std::task::ready!(self.fill(cx)) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
        .await
    }

    /// Sends one packet, for a WebSocket that nobody drives yet.
    pub(crate) async fn send_packet(&mut self, outgoing: Outgoing, session: &Session) -> io::Result<()> {
        self.writing.push_back(outgoing);
        poll_fn(|cx| {
            while !self.writing.is_empty() {
                std::task::ready!(self.poll_write(cx, session, &mut Wrote::default()))?;
            }
            self.stream.poll_flush(cx)
        })
        .await
    }

    /// Closes a WebSocket that no session ever used.
    pub(crate) async fn close(&mut self, session: &Session, reason: CloseReason) {
        let closed = poll_fn(|cx| match self.poll_close(cx, session, reason) {
            Standing::Alive => Poll::Pending,
            Standing::Gone => Poll::Ready(()),
        });
        let _ = tokio::time::timeout(session.server.config.close_timeout, closed).await;
    }

    /// Appends what has arrived to the input.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let read = std::task::ready!(self.stream.poll_read(cx, scratch))?;
            self.input.extend_from_slice(&scratch[..read]);
            Poll::Ready(Ok(read))
        })
    }
}

/// What came in.
#[derive(Default)]
struct Read {
    packets: usize,
    bytes: usize,
    delivered: bool,
}

/// What went out since the outbox was told.
#[derive(Default)]
struct Wrote {
    count: usize,
    weight: usize,
    bytes: usize,
}

impl Wrote {
    fn account(&mut self, outbox: &mut Outbox, session: &Session) {
        if self.bytes == 0 {
            return;
        }
        let Self { count, weight, bytes } = std::mem::take(self);
        session.server.hooks.sent(Transport::WebSocket, count, bytes);
        if count > 0 {
            let weight = outbox.wrote(count, weight);
            session.server.hooks.queued(-weight.cast_signed());
            session.changed();
        }
    }
}

fn bytes_of<'a>(outgoing: &'a Outgoing, window: Option<Window>, session: &Session) -> &'a Bytes {
    match (window, session.server.config.deflate) {
        (Some(window), Some(deflate)) => {
            outgoing.deflated(window, deflate.threshold_bytes, &*session.server.hooks)
        }
        _ => outgoing.frames(),
    }
}

fn reason_of(violation: &Violation) -> CloseReason {
    match violation {
        Violation::TooBig { .. } | Violation::InflatesTooBig { .. } => CloseReason::PayloadTooLarge,
        _ => CloseReason::ProtocolError,
    }
}

fn code_of(reason: CloseReason) -> u16 {
    match reason {
        CloseReason::Shutdown => 1001,
        CloseReason::ProtocolError => 1002,
        CloseReason::TooManyPackets | CloseReason::TooManyBytes | CloseReason::OverlappingRequests => 1008,
        CloseReason::PayloadTooLarge => 1009,
        CloseReason::ApplicationPanicked => 1011,
        _ => 1000,
    }
}
