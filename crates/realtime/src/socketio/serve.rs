//! Runs an application for one connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Sleep, sleep};

use crate::engine::{self, CloseReason, Message};

use super::assemble::Assembler;
use super::config::Config;
use super::connection::Connection;
use super::event::Parser;
use super::malformed::{Malformed, Reason};
use super::msgpack;
use super::packet::{Packet, PacketKind};
use super::shared::Shared;

/// Speaks Socket.IO on one Engine.IO connection, for an application that is one
/// async function. When that returns, what was sent is flushed and the
/// connection closes.
///
/// ```
/// # use std::sync::Arc;
/// use realtime::{engine, socketio};
///
/// let config = Arc::new(socketio::Config::default());
/// let server = engine::Server::new(realtime::Config::default(), move |socket| {
///     socketio::serve(socket, config.clone(), application)
/// });
///
/// async fn application(mut connection: socketio::Connection) {
///     while let Some(incoming) = connection.next().await {
///         // ...
///         # let _ = incoming;
///     }
/// }
/// # let _ = server;
/// ```
pub async fn serve<A, F>(mut socket: engine::Socket, config: Arc<Config>, application: A)
where
    A: FnOnce(Connection) -> F,
    F: Future<Output = ()>,
{
    let request = socket.take_request();
    let shared = Shared::new(socket.sender(), config.clone());
    let _end = End(shared.clone());
    let mut application = pin!(application(Connection::new(shared.clone(), request)));
    let mut deadline = Some(Box::pin(sleep(config.connect_timeout)));
    let mut filler = Filler { socket, assembler: Assembler::new(config.packets), ended: false };
    poll_fn(|cx| {
        // First the mail, then the application, which so finds it there without
        // being woken for it.
        filler.poll(&shared, cx);
        if application.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if deadline.is_some() && is_over(&mut deadline, &shared, cx) {
            shared.sender.close(CloseReason::ServerClosed);
        }
        Poll::Pending
    })
    .await;
}

/// Whether the time to join a namespace is over. Once one was joined, there is no
/// deadline any more.
fn is_over(deadline: &mut Option<Pin<Box<Sleep>>>, shared: &Shared, cx: &mut Context<'_>) -> bool {
    if shared.state().settled {
        *deadline = None;
    }
    let over = deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready());
    if over {
        *deadline = None;
    }
    over
}

/// Leaves nothing behind, however the application ended.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Reads what the client sends and puts it into the mailbox, except for
/// acknowledgements: an application that waits for one is not taking mail.
struct Filler {
    socket: engine::Socket,
    assembler: Assembler,
    ended: bool,
}

impl Filler {
    fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) {
        while !self.ended && shared.poll_room(cx).is_ready() {
            let message = match pin!(self.socket.recv()).poll(cx) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => {
                    self.ended = true;
                    shared.end_mail(cx);
                    return;
                }
                Poll::Pending => return,
            };
            let bytes = message.len();
            let first = match &message {
                Message::Text(_) => Parser::Default,
                Message::Binary(_) => Parser::Msgpack,
            };
            let read = match (shared.parser_or(first), message) {
                (Parser::Default, Message::Text(text)) => {
                    if let Some(malformed) = self.assembler.interrupt() {
                        shared.put(Err(malformed), 0, cx);
                    }
                    self.assembler.text(&text).transpose()
                }
                (Parser::Default, Message::Binary(data)) => self.assembler.binary(data).transpose(),
                (Parser::Msgpack, Message::Binary(data)) => {
                    Some(msgpack::decode(&data, &shared.config.packets))
                }
                (Parser::Msgpack, Message::Text(_)) => {
                    Some(Err(Malformed::unaddressed(Reason::TextForMsgpack)))
                }
            };
            match read {
                None => {}
                Some(Ok(packet)) if packet.kind == PacketKind::Ack => shared.acknowledge(packet),
                Some(read) => {
                    let attached = read.as_ref().map_or(0, attached_bytes);
                    shared.put(read, bytes + attached, cx);
                }
            }
        }
    }
}

/// What came before the message that made the packet whole.
fn attached_bytes(packet: &Packet) -> usize {
    packet.attachments.iter().map(|attachment| attachment.len()).sum()
}
