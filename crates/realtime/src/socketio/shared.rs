//! The state of one connection that its application, its sockets and what reads
//! from the transport have in common.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use crate::engine::Sender;

use super::config::Config;
use super::event::Parser;
use super::malformed::Malformed;
use super::packet::Packet;
use super::socket::{Acknowledgement, Socket};

/// What a packet costs in the mailbox beside its content.
const OVERHEAD: usize = 64;

/// One connection.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) sender: Sender,
    pub(super) config: Arc<Config>,
    parser: OnceLock<Parser>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    mailbox: VecDeque<(Mail, usize)>,
    mailbox_bytes: usize,
    /// Nothing more comes into the mailbox.
    ended: bool,
    /// The application, waiting for mail.
    reader: Option<Waker>,
    /// Who fills the mailbox, waiting for room in it.
    filler: Option<Waker>,
    acks: HashMap<u64, Waiting>,
    last_ack: u64,
    /// Whether a namespace was ever joined.
    pub(super) settled: bool,
    pub(super) members: Vec<Socket>,
    /// Namespaces that the client asked to join and the application has not
    /// decided on.
    pub(super) asking: Vec<Box<str>>,
    /// Namespaces that the client was put out of, and may not know yet.
    pub(super) expelled: Vec<Box<str>>,
}

/// A packet for the application, as it was read.
pub(super) type Mail = Result<Packet, Malformed>;

#[derive(Debug)]
struct Waiting {
    namespace: Box<str>,
    answer: oneshot::Sender<Acknowledgement>,
}

impl Shared {
    pub(super) fn new(sender: Sender, config: Arc<Config>) -> Arc<Shared> {
        Arc::new(Shared { sender, config, parser: OnceLock::new(), state: Mutex::default() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parser of the connection; the default one until the client has
    /// decided.
    pub(super) fn parser(&self) -> Parser {
        self.parser.get().copied().unwrap_or(Parser::Default)
    }

    /// The same; the first to ask decides.
    pub(super) fn parser_or(&self, first: Parser) -> Parser {
        *self.parser.get_or_init(|| first)
    }

    /// Whether the mailbox takes more; if not, the filler is woken when it does.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.mailbox_bytes < self.config.mailbox_bytes {
            return Poll::Ready(());
        }
        state.filler = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Puts mail into the mailbox, on behalf of the task that `cx` belongs to.
    pub(super) fn put(&self, mail: Mail, bytes: usize, cx: &Context<'_>) {
        let mut state = self.state();
        state.mailbox.push_back((mail, bytes + OVERHEAD));
        state.mailbox_bytes += bytes + OVERHEAD;
        state.wake_reader(cx);
    }

    /// No more mail will come, and no acknowledgement either.
    pub(super) fn end_mail(&self, cx: &Context<'_>) {
        let mut state = self.state();
        state.ended = true;
        state.acks = HashMap::new();
        state.wake_reader(cx);
    }

    /// The next mail for the application.
    pub(super) fn poll_mail(&self, cx: &Context<'_>) -> Poll<Option<Mail>> {
        let mut state = self.state();
        if let Some((mail, bytes)) = state.mailbox.pop_front() {
            state.mailbox_bytes -= bytes;
            if state.mailbox.is_empty() {
                state.mailbox = VecDeque::new();
            }
            if state.mailbox_bytes < self.config.mailbox_bytes
                && let Some(filler) = state.filler.take()
            {
                filler.wake();
            }
            return Poll::Ready(Some(mail));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Begins to wait for an acknowledgement.
    pub(super) fn expect_ack(&self, namespace: &str) -> (u64, oneshot::Receiver<Acknowledgement>) {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state();
        state.last_ack += 1;
        let id = state.last_ack;
        if !state.ended {
            state.acks.insert(id, Waiting { namespace: namespace.into(), answer });
        }
        (id, receiver)
    }

    /// Nobody waits any more.
    pub(super) fn forget_ack(&self, id: u64) {
        self.state().acks.remove(&id);
    }

    /// Hands an acknowledgement to who waits for it. One that comes too late, or
    /// was never asked for, has nobody.
    pub(super) fn acknowledge(&self, packet: Packet) {
        let Some(id) = packet.id else { return };
        let mut state = self.state();
        if state.acks.get(&id).is_some_and(|waiting| *waiting.namespace == *packet.namespace)
            && let Some(waiting) = state.acks.remove(&id)
        {
            let _ = waiting.answer.send(Acknowledgement::from(packet));
        }
    }

    /// The client leaves a namespace; gives its socket, if it was there.
    pub(super) fn leave(&self, namespace: &str) -> Option<Socket> {
        let socket = self.state().remove(namespace)?;
        socket.leave_all_rooms();
        Some(socket)
    }

    /// The client is put out of a namespace.
    pub(super) fn expel(&self, socket: &Socket) {
        let mut state = self.state();
        // It may have left and joined again, as another socket.
        if state.member(socket.namespace()).is_some_and(|member| member.id() == socket.id()) {
            state.remove(socket.namespace());
            state.expelled.push(socket.namespace().into());
            drop(state);
            socket.leave_all_rooms();
        }
    }

    /// Nothing is left of the connection.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let members = std::mem::take(&mut state.members);
        state.acks = HashMap::new();
        state.mailbox = VecDeque::new();
        let reader = state.reader.take();
        drop(state);
        for socket in members {
            socket.leave_all_rooms();
        }
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl State {
    pub(super) fn member(&self, namespace: &str) -> Option<&Socket> {
        self.members.iter().find(|socket| socket.namespace() == namespace)
    }

    fn remove(&mut self, namespace: &str) -> Option<Socket> {
        let place = self.members.iter().position(|socket| socket.namespace() == namespace)?;
        self.acks.retain(|_, waiting| *waiting.namespace != *namespace);
        Some(self.members.swap_remove(place))
    }

    /// Whoever polls the application next needs no waking: that would only have
    /// the same task run twice.
    fn wake_reader(&mut self, cx: &Context<'_>) {
        if let Some(reader) = self.reader.take()
            && !reader.will_wake(cx.waker())
        {
            reader.wake();
        }
    }
}
