use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Accepted, Decoder, Deflate, Limits, Message, Opcode, Violation, frame};
use crate::engine::stream::Stream;

/// An open WebSocket that carries a protocol of its own, not Engine.IO. It keeps no buffer while nothing is
/// under way.
///
/// Whoever holds it reads and writes in turn. Every method may be dropped while it waits: what was received or
/// queued until then is still there.
pub struct Connection {
    stream: Stream,
    decoder: Decoder,
    client_closed: bool,
    /// Received, not yet decoded.
    input: BytesMut,
    deflate: Option<Deflate>,
    /// To be written.
    frames: VecDeque<Bytes>,
    /// So many bytes of the first frame are written.
    written: usize,
    write_timeout: Duration,
    /// Since when the client has taken nothing.
    stalled: Option<Instant>,
}

/// Why nothing more can be received.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The client broke the protocol; [`Connection::close`] with the violation's code and text.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The connection is gone.
    #[error(transparent)]
    Gone(#[from] io::Error),
}

impl Connection {
    /// Over what HTTP left behind. A client that takes no byte for `write_timeout`, while there are some for
    /// it, is given up.
    pub fn new(upgraded: Upgraded, accepted: &Accepted, limits: Limits, write_timeout: Duration) -> Self {
        let (stream, input) = Stream::new(upgraded);
        Self {
            stream,
            decoder: Decoder::new(limits, accepted.deflate.is_some()),
            client_closed: false,
            input,
            deflate: accepted.deflate,
            frames: VecDeque::new(),
            written: 0,
            write_timeout,
            stalled: None,
        }
    }

    /// What was agreed about compression.
    pub fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// The next message of the client. Pings and close messages are the caller's to answer.
    pub async fn receive(&mut self) -> Result<Message, Ended> {
        poll_fn(|cx| {
            loop {
                if let Some(message) = self.decoder.decode(&mut self.input)? {
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                    self.client_closed |= matches!(message, Message::Close(_));
                    return Poll::Ready(Ok(message));
                }
                let read = SCRATCH.with_borrow_mut(|scratch| {
                    let read = ready!(self.stream.poll_read(cx, scratch))?;
                    self.input.extend_from_slice(&scratch[..read]);
                    Poll::Ready(Ok::<_, io::Error>(read))
                });
                if ready!(read)? == 0 {
                    return Poll::Ready(Err(Ended::Gone(io::ErrorKind::UnexpectedEof.into())));
                }
            }
        })
        .await
    }

    /// Puts a frame behind those that wait; [`flush`](Self::flush) writes them.
    pub fn queue(&mut self, frame: Bytes) {
        self.frames.push_back(frame);
    }

    /// Puts a message behind the frames that wait, compressed if that was agreed on and pays from
    /// `threshold_bytes` on.
    pub fn queue_message(&mut self, opcode: Opcode, payload: &[u8], threshold_bytes: usize) {
        let window = self.deflate.filter(|_| payload.len() >= threshold_bytes).map(|deflate| deflate.window);
        let compressed = window.and_then(|window| frame::compressed(opcode, payload, window));
        self.queue(compressed.unwrap_or_else(|| frame::frame(opcode, false, payload)));
    }

    /// Whether frames wait to be written.
    pub fn has_queued(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Writes all that is queued, as much as possible in each call to the system.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.frames.is_empty() {
            let since = *self.stalled.get_or_insert_with(Instant::now);
            match timeout_at(since + self.write_timeout, self.write()).await {
                Ok(written) => written?,
                Err(_) => {
                    // The system would keep the bytes for a client that never takes them.
                    self.stream.reset_on_drop();
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            self.stalled = None;
        }
        self.frames.shrink_to(KEPT_FRAMES);
        poll_fn(|cx| self.stream.poll_flush(cx)).await
    }

    /// Says goodbye and waits, no longer than `within`, until the client has done so too or has hung up: ending
    /// the connection at once could destroy what is still on its way.
    pub async fn close(mut self, code: u16, reason: &str, within: Duration) {
        // Half a frame has to be completed; what was not begun is dropped.
        self.frames.truncate(usize::from(self.written > 0));
        self.queue(frame::close(code, reason));
        let goodbye = async {
            self.flush().await?;
            poll_fn(|cx| self.stream.poll_shutdown(cx)).await?;
            while !self.client_closed && self.receive().await.is_ok() {}
            Ok::<_, io::Error>(())
        };
        if timeout(within, goodbye).await.is_err() {
            self.stream.reset_on_drop();
        }
    }

    /// One gathered write.
    async fn write(&mut self) -> io::Result<()> {
        let written = poll_fn(|cx| {
            let mut slices = [IoSlice::new(&[]); GATHERED];
            let mut used = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
                used += 1;
            }
            slices[0] = IoSlice::new(&self.frames[0][self.written..]);
            self.stream.poll_write(cx, &slices[..used])
        })
        .await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += written;
        while let Some(first) = self.frames.front()
            && self.written >= first.len()
        {
            self.written -= first.len();
            self.frames.pop_front();
        }
        Ok(())
    }
}

/// Most frames in one call to the system.
const GATHERED: usize = 64;
/// A queue that grew beyond this is given back.
const KEPT_FRAMES: usize = 8;

thread_local! {
    /// Where reads go: one buffer per thread instead of one per connection.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}
