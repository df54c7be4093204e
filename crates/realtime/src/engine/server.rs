use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::close::CloseReason;
use super::id::SessionId;
use super::session::Session;
use super::socket::Socket;
use crate::config::Config;
use crate::hooks::{Hooks, NoHooks};

/// Serves Engine.IO: a tower service for the requests of one path, such as
/// `/socket.io/`, that runs the application once per connection. The path
/// itself is the router's affair. Clones share everything.
///
/// TCP_NODELAY is the affair of whoever accepts connections; a WebSocket over
/// plain TCP gets it in any case.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// The application of one connection, running.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) hooks: Box<dyn Hooks>,
    app: Box<dyn Fn(Socket) -> Running + Send + Sync>,
    shards: [Mutex<HashMap<SessionId, Arc<Session>>>; SHARDS],
    connections: AtomicUsize,
    pub(crate) handshakes: AtomicUsize,
    shutting_down: AtomicBool,
    /// A connection ended.
    pub(crate) ended: Notify,
}

const SHARDS: usize = 64;

impl Server {
    /// Serves `app`, which gets every connection once.
    pub fn new<A, F>(config: Config, app: A) -> Self
    where
        A: Fn(Socket) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with_hooks(config, NoHooks, app)
    }

    /// The same, and tells `hooks` what happens.
    pub fn with_hooks<A, F>(config: Config, hooks: impl Hooks, app: A) -> Self
    where
        A: Fn(Socket) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            shared: Arc::new(Shared {
                config,
                hooks: Box::new(hooks),
                app: Box::new(move |socket| Box::pin(app(socket))),
                shards: std::array::from_fn(|_| Mutex::default()),
                connections: AtomicUsize::new(0),
                handshakes: AtomicUsize::new(0),
                shutting_down: AtomicBool::new(false),
                ended: Notify::new(),
            }),
        }
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Begins a shutdown with one of `parts` about equal parts of the connections,
    /// chosen by chance: tells their applications to come to an end, and refuses
    /// new connections. Who is told part by part does not come back all at once;
    /// [`shutdown`](Self::shutdown) tells the rest.
    pub fn drain(&self, part: usize, parts: usize) {
        self.shared.shutting_down.store(true, Ordering::SeqCst);
        for session in self.shared.sessions() {
            if session.id.shard() % parts.max(1) == part {
                session.drain(CloseReason::Shutdown);
            }
        }
    }

    /// Refuses new connections, tells the applications of all others to come to
    /// an end ([`Socket::recv`] returns `None`) and waits until they have. What
    /// is left after `deadline` is dropped; returns how many connections that
    /// were.
    pub async fn shutdown(&self, deadline: Duration) -> usize {
        let shared = &self.shared;
        shared.shutting_down.store(true, Ordering::SeqCst);
        for session in shared.sessions() {
            session.drain(CloseReason::Shutdown);
        }
        let all_ended = async {
            loop {
                let ended = shared.ended.notified();
                if self.connections() == 0 {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(deadline, all_ended).await.is_ok() {
            return 0;
        }
        let left = shared.sessions();
        for session in &left {
            session.abort();
        }
        left.len()
    }
}

impl Shared {
    pub(crate) fn run(&self, socket: Socket) -> Running {
        (self.app)(socket)
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::SeqCst)
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.shard(id).get(&id).cloned()
    }

    /// Takes in a connection; `None` when there are too many.
    pub(crate) fn admit(&self, session: &Arc<Session>) -> bool {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        if self.config.max_connections.is_some_and(|most| before >= most) {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.shard(session.id).insert(session.id, session.clone());
        // A shutdown that began meanwhile may not have seen the session.
        if self.is_shutting_down() {
            session.drain(CloseReason::Shutdown);
        }
        true
    }

    /// Lets go of a connection that ended.
    pub(crate) fn forget(&self, id: SessionId) {
        if self.shard(id).remove(&id).is_some() {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            self.ended.notify_waiters();
        }
    }

    fn sessions(&self) -> Vec<Arc<Session>> {
        let each = |shard: &Mutex<HashMap<_, Arc<Session>>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(each).collect()
    }

    fn shard(&self, id: SessionId) -> MutexGuard<'_, HashMap<SessionId, Arc<Session>>> {
        self.shards[id.shard() % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
