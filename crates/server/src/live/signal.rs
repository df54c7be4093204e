//! How a connection learns that something it follows has news.
//!
//! However much is published, a connection is woken once until it has looked.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// In place of a subscription's slot: the connection is to end.
pub(super) const END: u32 = u32::MAX - 2;

/// One for each connection.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    news: Mutex<Vec<u32>>,
    waker: AtomicWaker,
}

/// One for each subscription of a connection, known to the topic.
#[derive(Debug)]
pub(crate) struct Follower {
    signal: Arc<Signal>,
    /// Names the subscription within its connection.
    slot: u32,
    /// Whether the connection knows of the news and has not looked yet.
    told: AtomicBool,
    /// Place in the topic's list, for removal.
    pub(super) index: AtomicUsize,
    /// How far it got, for monitoring.
    at: AtomicU64,
    /// How far the log is known to go, also where the ring knows nothing.
    known_head: AtomicU64,
}

impl Signal {
    /// Tells the connection that it is to end.
    pub(crate) fn end(&self) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).push(END);
        self.waker.wake();
    }

    /// Tells connections apart, as long as they live.
    pub(crate) fn identity(self: &Arc<Signal>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Moves the slots that have news to `into`; waits until there are some.
    pub(crate) fn poll_news(&self, context: &mut Context<'_>, into: &mut Vec<u32>) -> Poll<()> {
        if self.take_news(into) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // What was published while the waker was registered.
        if self.take_news(into) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Moves the slots that have news to `into`; whether there were any.
    pub(crate) fn take_news(&self, into: &mut Vec<u32>) -> bool {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut news);
        !into.is_empty()
    }
}

impl Follower {
    pub(crate) fn new(signal: Arc<Signal>, slot: u32) -> Follower {
        Follower {
            signal,
            slot,
            told: AtomicBool::new(false),
            index: AtomicUsize::new(usize::MAX),
            at: AtomicU64::new(0),
            known_head: AtomicU64::new(0),
        }
    }

    /// Wakes the connection unless it knows. Relaxed is enough: publisher and
    /// follower both pass the ring's lock, the one before this and the other
    /// after [`Follower::looks`], so one of them sees the other.
    pub(crate) fn tell(&self) {
        if self.told.load(Ordering::Relaxed) || self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        self.signal.news.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
        self.signal.waker.wake();
    }

    /// Whose subscription it is, see [`Signal::identity`].
    pub(crate) fn connection(&self) -> usize {
        self.signal.identity()
    }

    /// Notes how far the subscription got, and how far the log goes at least.
    pub(crate) fn stands_at(&self, at: u64, known_head: u64) {
        self.at.store(at, Ordering::Relaxed);
        self.known_head.store(known_head, Ordering::Relaxed);
    }

    /// Events up to `head` that it was not handed.
    pub(crate) fn lag(&self, head: u64) -> u64 {
        let head = head.max(self.known_head.load(Ordering::Relaxed));
        head.saturating_sub(self.at.load(Ordering::Relaxed))
    }

    /// To be called before the connection looks into the ring.
    pub(crate) fn looks(&self) {
        self.told.store(false, Ordering::Relaxed);
    }
}
