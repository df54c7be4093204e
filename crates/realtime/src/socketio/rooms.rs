//! Groups of clients that get the same events.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::{Outgoing, SessionId};

use super::event::{EncodeError, Event};
use super::socket::{EmitError, Socket, TrySend};

/// The rooms of one namespace. A room exists while somebody is in it. Clones are
/// the same rooms.
#[derive(Clone, Default)]
pub struct Rooms(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rooms: Mutex<HashMap<Arc<str>, Arc<Room>>>,
}

#[derive(Default)]
struct Room {
    members: Mutex<HashMap<SessionId, Socket>>,
}

/// One client's place in one room.
pub(super) struct Membership {
    rooms: Weak<Inner>,
    room: Arc<str>,
}

impl Rooms {
    /// None yet.
    pub fn new() -> Rooms {
        Rooms::default()
    }

    /// Lets a client into a room, which it leaves by itself when it is gone.
    /// Says whether it was not there before; nobody comes in who is gone.
    pub fn join(&self, socket: &Socket, room: &str) -> bool {
        // Held throughout: a client that goes away meanwhile is taken out after
        // it came in.
        let mut memberships = socket.rooms();
        let Some(memberships) = memberships.as_mut() else { return false };
        let mut rooms = self.0.lock();
        let room = match rooms.get_key_value(room) {
            Some((name, _)) => name.clone(),
            None => Arc::from(room),
        };
        let members = rooms.entry(room.clone()).or_default().clone();
        let is_new = members.lock().insert(socket.id(), socket.clone()).is_none();
        drop(rooms);
        if is_new {
            memberships.push(Membership { rooms: Arc::downgrade(&self.0), room });
        }
        is_new
    }

    /// Takes a client out of a room. Says whether it was there.
    pub fn leave(&self, socket: &Socket, room: &str) -> bool {
        if let Some(memberships) = socket.rooms().as_mut() {
            let own = Arc::as_ptr(&self.0);
            memberships.retain(|membership| {
                !(std::ptr::eq(membership.rooms.as_ptr(), own) && *membership.room == *room)
            });
        }
        self.0.remove(socket.id(), room)
    }

    /// How many clients are in a room.
    pub fn members(&self, room: &str) -> usize {
        self.0.find(room).map_or(0, |room| room.lock().len())
    }

    /// Sends an event to all in a room and returns how many got it: all but
    /// those who went away meanwhile. Where there is no room in a queue this
    /// waits; nothing is dropped. Events emitted one after the other arrive in
    /// that order.
    pub async fn emit(&self, room: &str, event: &Event) -> Result<usize, EncodeError> {
        let mut offer = self.offer(room, event);
        for (socket, outgoing) in std::mem::take(&mut offer.full) {
            offer.count(socket.queue(outgoing).await);
        }
        offer.outcome()
    }

    /// Sends an event to all in a room in whose queues there is room at this
    /// moment, and returns how many got it: for what is worthless later.
    pub fn emit_volatile(&self, room: &str, event: &Event) -> Result<usize, EncodeError> {
        self.offer(room, event).outcome()
    }

    fn offer(&self, room: &str, event: &Event) -> Offer {
        let mut offer = Offer::default();
        if let Some(room) = self.0.find(room) {
            for socket in room.lock().values() {
                match socket.try_send(event) {
                    Ok(()) => offer.sent += 1,
                    Err(TrySend::Full(outgoing)) => offer.full.push((socket.clone(), outgoing)),
                    Err(TrySend::Failed(error)) => offer.count(Err(error)),
                }
            }
        }
        offer
    }
}

/// How far an event has come.
#[derive(Default)]
struct Offer {
    sent: usize,
    full: Vec<(Socket, Outgoing)>,
    error: Option<EncodeError>,
}

impl Offer {
    fn count(&mut self, outcome: Result<(), EmitError>) {
        match outcome {
            Ok(()) => self.sent += 1,
            Err(EmitError::Encode(error)) => self.error = Some(error),
            // Went away, or is of another namespace.
            Err(_) => {}
        }
    }

    fn outcome(self) -> Result<usize, EncodeError> {
        self.error.map_or(Ok(self.sent), Err)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, room: &str) -> Option<Arc<Room>> {
        self.lock().get(room).cloned()
    }

    fn remove(&self, id: SessionId, name: &str) -> bool {
        let mut rooms = self.lock();
        let Some(room) = rooms.get(name) else { return false };
        let mut members = room.lock();
        let was_there = members.remove(&id).is_some();
        let is_empty = members.is_empty();
        drop(members);
        if is_empty {
            rooms.remove(name);
        }
        was_there
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Socket>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Membership {
    pub(super) fn end(self, id: SessionId) {
        if let Some(rooms) = self.rooms.upgrade() {
            rooms.remove(id, &self.room);
        }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").field("rooms", &self.0.lock().len()).finish_non_exhaustive()
    }
}
