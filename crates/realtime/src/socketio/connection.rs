//! What an application has of a connection.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::engine::{CloseReason, Closed, Outgoing, Request, Sender, SessionId, Transport};

use super::event::{self, Parser};
use super::malformed::{Malformed, Reason};
use super::packet::{Packet, PacketKind, Refusal};
use super::shared::{Mail, Shared};
use super::socket::{EmitError, Socket};

/// One connection, with all that its client does in all namespaces, in order.
pub struct Connection {
    shared: Arc<Shared>,
    request: Option<Box<Request>>,
}

/// What a client did.
#[derive(Debug)]
pub enum Incoming {
    /// It asks to join a namespace.
    Connect(Connect),
    /// It sent an event.
    Event(IncomingEvent),
    /// It left a namespace; this is whom it was there.
    Disconnect(Socket),
    /// It sent what cannot be understood. The reference implementation closes
    /// the connection then; the application may answer first, or go on.
    Malformed(Malformed),
}

/// A client asks to join a namespace. Unanswered, it is refused.
pub struct Connect {
    shared: Arc<Shared>,
    namespace: Box<str>,
    auth: Option<Value>,
    answered: bool,
}

/// An event that a client sent.
#[derive(Debug)]
pub struct IncomingEvent {
    /// Who sent it.
    pub socket: Socket,
    /// Name of the event.
    pub name: String,
    /// Its arguments; [`Placeholder`](super::Placeholder)s stand for attachments.
    pub arguments: Vec<Value>,
    /// Binary data that placeholders in the arguments point at.
    pub attachments: Vec<Bytes>,
    /// How to answer, if the client waits for an acknowledgement.
    pub ack: Option<Acknowledge>,
}

/// A client waits for the acknowledgement of an event.
#[derive(Debug)]
pub struct Acknowledge {
    socket: Socket,
    shared: Arc<Shared>,
    id: u64,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, request: Option<Box<Request>>) -> Connection {
        Connection { shared, request }
    }

    /// What the client did next. `None` when there is no more: the connection
    /// ended; or it is to end, for the server is shutting down or the client
    /// sent more than it may, and the application should say goodbye, which it
    /// still can, and return.
    ///
    /// Cancel safe: nothing is lost because the future was dropped.
    pub async fn next(&mut self) -> Option<Incoming> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Name of the Engine.IO connection. Not for other clients: whoever knows it
    /// can speak for this one. They may know [`Socket::id`].
    pub fn id(&self) -> SessionId {
        self.shared.sender.id()
    }

    /// The request that opened the connection, until it was taken.
    pub fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// The same for good. Whoever has read it should drop it: headers are most
    /// of what an idle connection costs.
    pub fn take_request(&mut self) -> Option<Box<Request>> {
        self.request.take()
    }

    /// The transport at this moment.
    pub fn transport(&self) -> Transport {
        self.shared.sender.transport()
    }

    /// The parser that the client has chosen with its first packet.
    pub fn parser(&self) -> Parser {
        self.shared.parser()
    }

    /// Whom the client is in a namespace it has joined.
    pub fn socket(&self, namespace: &str) -> Option<Socket> {
        self.shared.state().member(namespace).cloned()
    }

    /// Tells the client that it cannot be in a namespace, whether or not it asked.
    pub async fn refuse(&self, namespace: &str, refusal: &Refusal) -> Result<(), Closed> {
        self.shared.sender.send(refused(&self.shared, namespace, refusal)).await
    }

    /// The way to acknowledge what could not be understood, if the client waits
    /// for it in a namespace it has joined.
    pub fn acknowledge(&self, malformed: &Malformed) -> Option<Acknowledge> {
        let socket = self.socket(malformed.namespace.as_deref()?)?;
        Some(Acknowledge { socket, shared: self.shared.clone(), id: malformed.id? })
    }

    /// Why the connection ended or is to end.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.sender.close_reason()
    }

    /// The Engine.IO connection below, for who watches it from outside or ends it.
    pub fn sender(&self) -> Sender {
        self.shared.sender.clone()
    }

    /// Closes the connection; what was sent before still goes out.
    pub fn close(&self) {
        self.shared.sender.close(CloseReason::ServerClosed);
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Incoming>> {
        loop {
            match self.shared.poll_mail(cx) {
                Poll::Ready(Some(mail)) => {
                    if let Some(incoming) = self.incoming(mail) {
                        return Poll::Ready(Some(incoming));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What mail means now. Only when its turn has come is it known what the
    /// application made of the packets before it.
    fn incoming(&self, mail: Mail) -> Option<Incoming> {
        let packet = match mail {
            Ok(packet) => packet,
            Err(malformed) => return Some(Incoming::Malformed(malformed)),
        };
        match packet.kind {
            PacketKind::Connect => Some(self.connect(packet)),
            PacketKind::Event => self.event(packet),
            PacketKind::Disconnect => match self.shared.leave(&packet.namespace) {
                Some(socket) => Some(Incoming::Disconnect(socket)),
                None => self.stray(packet),
            },
            PacketKind::ConnectError => Some(malformed(packet, Reason::ConnectError)),
            // Acknowledgements do not come this way.
            PacketKind::Ack => None,
        }
    }

    fn connect(&self, packet: Packet) -> Incoming {
        let mut state = self.shared.state();
        let asks = state.asking.iter().any(|namespace| **namespace == *packet.namespace);
        if asks || state.member(&packet.namespace).is_some() {
            return malformed(packet, Reason::JoinedBefore);
        }
        let allowed = self.shared.config.namespaces;
        if state.members.len() + state.asking.len() >= allowed {
            return malformed(packet, Reason::TooManyNamespaces { allowed });
        }
        state.expelled.retain(|namespace| **namespace != *packet.namespace);
        let namespace: Box<str> = packet.namespace.into();
        state.asking.push(namespace.clone());
        let shared = self.shared.clone();
        Incoming::Connect(Connect { shared, namespace, auth: packet.data, answered: false })
    }

    fn event(&self, packet: Packet) -> Option<Incoming> {
        let Some(socket) = self.socket(&packet.namespace) else { return self.stray(packet) };
        // The parsers let nothing else through.
        let Some(Value::Array(mut arguments)) = packet.data else { return None };
        let Value::String(name) = arguments.remove(0) else { return None };
        let ack = packet.id.map(|id| Acknowledge { socket: socket.clone(), shared: self.shared.clone(), id });
        let attachments = packet.attachments;
        Some(Incoming::Event(IncomingEvent { socket, name, arguments, attachments, ack }))
    }

    /// A packet for a namespace that the client is not in. If it was put out, the
    /// packet may have been under way.
    fn stray(&self, packet: Packet) -> Option<Incoming> {
        let expelled = self.shared.state().expelled.iter().any(|namespace| **namespace == *packet.namespace);
        (!expelled).then(|| malformed(packet, Reason::NotJoined))
    }
}

impl Connect {
    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the client sent along, an object: usually its credentials.
    pub fn auth(&self) -> Option<&Value> {
        self.auth.as_ref()
    }

    /// The same for good.
    pub fn take_auth(&mut self) -> Option<Value> {
        self.auth.take()
    }

    /// Lets the client in, and tells it so. Cancel safe: it has joined or is
    /// refused.
    pub async fn accept(mut self) -> Result<Socket, Closed> {
        // A machine without randomness cannot give the client a name.
        let id = SessionId::random().map_err(|_| Closed)?;
        let joined = Packet::connect(&self.namespace, &id.to_string());
        self.shared.sender.send(event::packet(self.shared.parser(), joined)).await?;
        let socket = Socket::new(self.shared.clone(), &self.namespace, id);
        self.answered = true;
        let mut state = self.shared.state();
        state.settled = true;
        state.asking.retain(|namespace| *namespace != self.namespace);
        state.members.push(socket.clone());
        drop(state);
        Ok(socket)
    }

    /// Does not let the client in, and tells it why.
    pub async fn refuse(mut self, refusal: &Refusal) -> Result<(), Closed> {
        self.shared.sender.send(refused(&self.shared, &self.namespace, refusal)).await?;
        self.answered = true;
        self.forget();
        Ok(())
    }

    fn forget(&self) {
        self.shared.state().asking.retain(|namespace| *namespace != self.namespace);
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if !self.answered {
            self.forget();
            // The answer of the reference implementation where nobody serves.
            let refusal = Refusal::new("Invalid namespace");
            // To whom has no room for it: it is in no namespace, which it
            // finds out when it asks again or when its time to join is over.
            let _ = self.shared.sender.try_send(refused(&self.shared, &self.namespace, &refusal));
        }
    }
}

impl Acknowledge {
    /// Acknowledges with one argument; waits until there is room.
    pub async fn send<T: Serialize + ?Sized>(self, argument: &T) -> Result<(), EmitError> {
        let answer = event::ack(self.shared.parser(), self.socket.namespace(), self.id, argument);
        self.socket.queue(answer?).await
    }

    /// Acknowledges with any number of arguments and attachments, for which there
    /// are placeholders in the arguments.
    pub async fn send_all(self, arguments: Vec<Value>, attachments: Vec<Bytes>) -> Result<(), EmitError> {
        let packet = Packet::ack(self.socket.namespace(), self.id, arguments).with_attachments(attachments);
        self.socket.queue(event::packet(self.shared.parser(), packet)).await
    }
}

fn malformed(packet: Packet, reason: Reason) -> Incoming {
    let Packet { kind, namespace, id, .. } = packet;
    let id = id.filter(|_| kind == PacketKind::Event);
    Incoming::Malformed(Malformed { namespace: Some(namespace), id, attachments: 0, reason })
}

fn refused(shared: &Shared, namespace: &str, refusal: &Refusal) -> Outgoing {
    event::packet(shared.parser(), Packet::connect_error(namespace, refusal))
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
