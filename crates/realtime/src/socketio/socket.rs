//! One client in one namespace.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::engine::{Closed, Outgoing, SessionId, TrySendError};

use super::event::{self, EncodeError, Event};
use super::packet::Packet;
use super::rooms::Membership;
use super::shared::Shared;

/// One client in one namespace it has joined: what an application sends to.
/// Clones are the same client; they may go anywhere.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    namespace: Box<str>,
    id: SessionId,
    /// Beside `rooms`, for whoever sends to a room must not wait for who is
    /// changing rooms, and the other way round.
    left: AtomicBool,
    /// `None` once the client has left.
    rooms: Mutex<Option<Vec<Membership>>>,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The connection is closed, or closing.
    #[error("the connection is closed")]
    Closed,
    /// The client has left the namespace.
    #[error("the client has left the namespace {0}")]
    Left(String),
    /// An event that is for clients of another namespace.
    #[error("an event of namespace {event} for a client of {socket}")]
    OtherNamespace {
        /// Namespace of the event.
        event: String,
        /// Namespace of the client.
        socket: String,
    },
    /// An argument that cannot be sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Why there is no acknowledgement.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// The event was not sent.
    #[error(transparent)]
    NotSent(#[from] EmitError),
    /// The client has not answered in time.
    #[error("the client has not acknowledged within {0:?}")]
    Timeout(Duration),
    /// The client left before it answered.
    #[error("the client left before it acknowledged")]
    Left,
}

/// What a client answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledgement {
    /// The arguments.
    pub arguments: Vec<Value>,
    /// Binary data that placeholders in the arguments point at.
    pub attachments: Vec<Bytes>,
}

impl Socket {
    pub(super) fn new(shared: Arc<Shared>, namespace: &str, id: SessionId) -> Socket {
        Socket(Arc::new(Inner {
            shared,
            namespace: namespace.into(),
            id,
            left: AtomicBool::new(false),
            rooms: Mutex::new(Some(Vec::new())),
        }))
    }

    /// The session id in this namespace, which the client knows as its own.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Name of the Engine.IO connection, which several namespaces share.
    pub fn connection_id(&self) -> SessionId {
        self.0.shared.sender.id()
    }

    /// Whether the client is still there.
    pub fn is_joined(&self) -> bool {
        !self.0.left.load(Ordering::Acquire) && !self.0.shared.sender.is_closed()
    }

    /// Sends an event with one argument; waits until there is room in the
    /// client's queue. Cancel safe: either queued or not.
    pub async fn emit<T>(&self, name: &str, argument: &T) -> Result<(), EmitError>
    where
        T: Serialize + ?Sized,
    {
        self.send(&Event::new(self.namespace(), name, argument)?).await
    }

    /// Sends an event that was made for any number of clients; waits until there
    /// is room in the client's queue.
    pub async fn send(&self, event: &Event) -> Result<(), EmitError> {
        let outgoing = self.outgoing(event)?;
        self.queue(outgoing).await
    }

    /// Sends an event if there is room at this moment: for what is worthless
    /// later. Says whether it did.
    pub fn send_volatile(&self, event: &Event) -> Result<bool, EmitError> {
        match self.try_send(event) {
            Ok(()) => Ok(true),
            Err(TrySend::Full(_)) => Ok(false),
            Err(TrySend::Failed(error)) => Err(error),
        }
    }

    /// The same for an event with one argument.
    pub fn emit_volatile<T>(&self, name: &str, argument: &T) -> Result<bool, EmitError>
    where
        T: Serialize + ?Sized,
    {
        self.send_volatile(&Event::new(self.namespace(), name, argument)?)
    }

    /// Sends an event with one argument and waits for the client's answer.
    pub async fn emit_with_ack<T>(
        &self,
        name: &str,
        argument: &T,
        timeout: Duration,
    ) -> Result<Acknowledgement, AckError>
    where
        T: Serialize + ?Sized,
    {
        let event = Event::new(self.namespace(), name, argument).map_err(EmitError::from)?;
        self.send_with_ack(&event, timeout).await
    }

    /// Sends an event and waits for the client's answer, which arrives whether or
    /// not anything else of this client is being handled.
    pub async fn send_with_ack(&self, event: &Event, timeout: Duration) -> Result<Acknowledgement, AckError> {
        self.check(event)?;
        let shared = &self.0.shared;
        let (id, answer) = shared.expect_ack(self.namespace());
        let _forget = Forget { shared, id };
        let outgoing = event.encode(shared.parser(), Some(id)).map_err(EmitError::from)?;
        let asked = async {
            self.queue(outgoing).await?;
            answer.await.map_err(|_| AckError::Left)
        };
        tokio::time::timeout(timeout, asked).await.map_err(|_| AckError::Timeout(timeout))?
    }

    /// Puts the client out of the namespace. The connection stays.
    pub async fn disconnect(&self) -> Result<(), EmitError> {
        let shared = &self.0.shared;
        self.queue(event::packet(shared.parser(), Packet::disconnect(self.namespace()))).await?;
        shared.expel(self);
        Ok(())
    }

    pub(super) fn try_send(&self, event: &Event) -> Result<(), TrySend> {
        let outgoing = self.outgoing(event).map_err(TrySend::Failed)?;
        self.0.shared.sender.try_send(outgoing).map_err(|error| match error {
            TrySendError::Full(outgoing) => TrySend::Full(outgoing),
            TrySendError::Closed => TrySend::Failed(EmitError::Closed),
        })
    }

    pub(super) async fn queue(&self, outgoing: Outgoing) -> Result<(), EmitError> {
        self.0.shared.sender.send(outgoing).await.map_err(|Closed| EmitError::Closed)
    }

    fn outgoing(&self, event: &Event) -> Result<Outgoing, EmitError> {
        self.check(event)?;
        Ok(event.outgoing(self.0.shared.parser())?)
    }

    fn check(&self, event: &Event) -> Result<(), EmitError> {
        if event.namespace() != self.namespace() {
            let (event, socket) = (event.namespace().to_owned(), self.namespace().to_owned());
            return Err(EmitError::OtherNamespace { event, socket });
        }
        if !self.0.left.load(Ordering::Acquire) {
            return Ok(());
        }
        let closed = self.0.shared.sender.is_closed();
        Err(if closed { EmitError::Closed } else { EmitError::Left(self.namespace().to_owned()) })
    }

    pub(super) fn rooms(&self) -> MutexGuard<'_, Option<Vec<Membership>>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client is gone: it is in no room, and comes into none any more.
    pub(super) fn leave_all_rooms(&self) {
        self.0.left.store(true, Ordering::Release);
        let memberships = self.rooms().take();
        for membership in memberships.into_iter().flatten() {
            membership.end(self.id());
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).field("id", &self.id()).finish()
    }
}

impl From<Packet> for Acknowledgement {
    fn from(packet: Packet) -> Acknowledgement {
        let arguments = match packet.data {
            Some(Value::Array(arguments)) => arguments,
            _ => Vec::new(),
        };
        Acknowledgement { arguments, attachments: packet.attachments }
    }
}

/// Why an event was not queued at once.
pub(super) enum TrySend {
    Full(Outgoing),
    Failed(EmitError),
}

struct Forget<'s> {
    shared: &'s Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.forget_ack(self.id);
    }
}
