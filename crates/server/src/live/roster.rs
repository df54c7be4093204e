//! Who is connected at this moment, for administrators.
//!
//! No delivery touches this: what a connection follows and how far it is behind
//! is found out from the topics, and what waits for it from the connection
//! itself, when somebody asks.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use realtime::engine::{CloseReason, Sender};

use super::hub::Hub;
use super::signal::Signal;
use super::viewer::Viewer;

/// Everybody who is connected, whatever the door.
#[derive(Default)]
pub(crate) struct Roster(Mutex<Members>);

#[derive(Default)]
struct Members {
    last_id: u64,
    by_id: HashMap<u64, Member>,
}

/// There may be very many of these: each takes 64 bytes.
struct Member {
    ip: Option<IpAddr>,
    port: u16,
    door: Door,
    is_ending: bool,
    /// Since 1970 UTC, s.
    since_s: u32,
    socket: Option<Sender>,
    joined: Option<Joined>,
}

struct Joined {
    principal: Arc<str>,
    signal: Arc<Signal>,
}

/// How somebody is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Socket.IO, over whatever transport.
    SocketIo,
    /// Server-sent events.
    ServerSentEvents,
    /// The native stream.
    Stream,
}

/// One connection, as it is at this moment.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Names it; never used again.
    pub(crate) id: u64,
    /// Who it is; `None` until they joined.
    pub(crate) principal: Option<Arc<str>>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) transport: &'static str,
    /// Since 1970 UTC, s.
    pub(crate) since_s: u32,
    /// Bytes that wait for the client, where that is known.
    pub(crate) queued_bytes: Option<usize>,
    /// Whether it was told to end.
    pub(crate) is_ending: bool,
    /// See [`Signal::identity`].
    pub(crate) signal: Option<usize>,
}

impl Roster {
    /// All connections, in no order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.members().by_id.iter().map(|(id, member)| member.entry(*id)).collect()
    }

    /// Ends a connection, if there is one of this id: its client is told why.
    pub(crate) fn end(&self, id: u64) -> bool {
        let mut members = self.members();
        let Some(member) = members.by_id.get_mut(&id) else { return false };
        member.is_ending = true;
        match (&member.joined, &member.socket) {
            (Some(joined), _) => joined.signal.end(),
            // Nobody is there yet who could be told.
            (None, Some(socket)) => socket.close(CloseReason::ServerClosed),
            (None, None) => {}
        }
        true
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn entry(&self, id: u64) -> Entry {
        let transport = match (self.door, &self.socket) {
            (Door::SocketIo, Some(socket)) => socket.transport().as_str(),
            (Door::SocketIo, None) => "websocket",
            (Door::ServerSentEvents, _) => "sse",
            (Door::Stream, _) => "stream",
        };
        Entry {
            id,
            principal: self.joined.as_ref().map(|joined| joined.principal.clone()),
            address: self.ip.map(|ip| SocketAddr::new(ip, self.port)),
            transport,
            since_s: self.since_s,
            queued_bytes: self.socket.as_ref().map(Sender::queued_bytes),
            is_ending: self.is_ending,
            signal: self.joined.as_ref().map(|joined| joined.signal.identity()),
        }
    }
}

/// A connection that is on the roster until this is dropped.
pub(crate) struct Listed {
    hub: Hub,
    id: u64,
}

impl Listed {
    pub(crate) fn enter(
        hub: &Hub,
        door: Door,
        address: Option<SocketAddr>,
        socket: Option<Sender>,
    ) -> Listed {
        let since_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let member = Member {
            ip: address.map(|address| address.ip()),
            port: address.map_or(0, |address| address.port()),
            door,
            is_ending: false,
            since_s: u32::try_from(since_s).unwrap_or(u32::MAX),
            socket,
            joined: None,
        };
        let mut members = hub.roster().members();
        members.last_id += 1;
        let id = members.last_id;
        members.by_id.insert(id, member);
        drop(members);
        Listed { hub: hub.clone(), id }
    }

    /// Notes who it is.
    pub(crate) fn joined(&self, viewer: &Viewer) {
        let (principal, signal) = viewer.identity();
        self.set(Some(Joined { principal, signal }));
    }

    /// Notes that they are nobody again.
    pub(crate) fn left(&self) {
        self.set(None);
    }

    fn set(&self, joined: Option<Joined>) {
        if let Some(member) = self.hub.roster().members().by_id.get_mut(&self.id) {
            member.joined = joined;
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut members = self.hub.roster().members();
        let member = members.by_id.remove(&self.id);
        let Members { by_id, .. } = &mut *members;
        if by_id.len() < by_id.capacity() / 4 {
            by_id.shrink_to_fit();
        }
        drop(members);
        drop(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_little_room() {
        assert!(size_of::<Member>() <= 64, "{} bytes", size_of::<Member>());
    }
}
