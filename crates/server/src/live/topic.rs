//! What is published about a task, or about all of them, and who follows it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ring::Ring;
use super::signal::{Follower, Signal};

/// A ring with its followers.
#[derive(Debug, Default)]
pub(crate) struct Topic<R = Ring> {
    ring: Mutex<R>,
    followers: Mutex<Vec<Arc<Follower>>>,
}

impl<R> Topic<R> {
    /// A topic with this ring.
    pub(crate) fn new(ring: R) -> Topic<R> {
        Topic { ring: Mutex::new(ring), followers: Mutex::default() }
    }

    /// The ring, for a short look.
    pub(crate) fn ring(&self) -> MutexGuard<'_, R> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every follower that there is something new.
    pub(crate) fn tell(&self) {
        for follower in self.followers().iter() {
            follower.tell();
        }
    }

    /// How many follow.
    pub(crate) fn followers_len(&self) -> usize {
        self.followers().len()
    }

    /// Looks at all who follow.
    pub(crate) fn for_each_follower(&self, look: impl FnMut(&Follower)) {
        self.followers().iter().map(|follower| &**follower).for_each(look);
    }

    /// Whether nobody follows.
    pub(crate) fn is_lonely(&self) -> bool {
        self.followers().is_empty()
    }

    /// Adds a follower.
    pub(crate) fn join(&self, signal: &Arc<Signal>, slot: u32) -> Arc<Follower> {
        let follower = Arc::new(Follower::new(signal.clone(), slot));
        let mut followers = self.followers();
        follower.index.store(followers.len(), Ordering::Relaxed);
        followers.push(follower.clone());
        follower
    }

    /// Removes a follower.
    pub(crate) fn leave(&self, follower: &Follower) {
        let mut followers = self.followers();
        let index = follower.index.load(Ordering::Relaxed);
        followers.swap_remove(index);
        if let Some(moved) = followers.get(index) {
            moved.index.store(index, Ordering::Relaxed);
        }
        if followers.len() < followers.capacity() / 4 {
            followers.shrink_to_fit();
        }
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Arc<Follower>>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
