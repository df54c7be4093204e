//! How far one connection got with one task.

use std::sync::Arc;

use tasks::EventKind;

use super::delivery::{Batch, Delivery};
use super::request::Wishes;
use super::topics::Following;
use super::update::{Update, Variant};

/// One for each task that a connection follows.
pub(crate) struct Cursor {
    following: Following,
    wishes: Wishes,
    /// What the subscription brings lies behind this.
    start: u64,
    /// Everything up to here was taken.
    at: u64,
    /// Seq of what was delivered last: not `at` when events are left out.
    delivered: u64,
    /// Seq of the oldest `progress` left out for a newer one still to come.
    coalesced_from: Option<u64>,
    /// Head when the subscription began: up to here the ring may know nothing.
    known_head: u64,
    /// Up to here events are replayed: they were in the log before.
    pub(super) replayed_to: u64,
    /// Whether the connection has it in its queue.
    pub(super) queued: bool,
    /// Status changes to come here that who follows all tasks was not told, for
    /// that reason.
    passed: Vec<Arc<Update>>,
    /// Followed although nobody asked, under `legacy_broadcast`, since its
    /// first event.
    pub(super) unasked_from_start: bool,
}

/// Where the next updates of a cursor are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nowhere yet.
    Nothing,
    /// Some were taken, there are more.
    More,
    /// The last ones were taken, the task has ended.
    Ended,
    /// In the log.
    InLog,
}

impl Cursor {
    pub(crate) fn new(following: Following, wishes: Wishes, at: u64, known_head: u64) -> Cursor {
        following.follower().stands_at(at, known_head);
        Cursor {
            following,
            wishes,
            start: at,
            at,
            delivered: at,
            coalesced_from: None,
            known_head,
            replayed_to: known_head,
            queued: false,
            passed: Vec::new(),
            unasked_from_start: false,
        }
    }

    pub(crate) fn task_id(&self) -> &Arc<str> {
        self.following.task_id()
    }

    pub(crate) fn wishes(&self) -> Wishes {
        self.wishes
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Whether a status change is told here, now or later.
    pub(crate) fn tells_status(&self, seq: u64) -> bool {
        seq > self.start && self.tells_statuses()
    }

    /// Whether status changes are told here.
    pub(crate) fn tells_statuses(&self) -> bool {
        self.wishes.kinds.contains(EventKind::StatusChange)
    }

    /// Where the subscription began.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Remembers a status change that is left to this subscription.
    pub(crate) fn leave_here(&mut self, update: Arc<Update>) {
        let at = self.at;
        self.passed.retain(|update| update.seq() > at);
        if update.seq() > at {
            self.passed.push(update);
        }
    }

    /// What was left to this subscription and did not come, now that it ends.
    pub(crate) fn take_left(&mut self) -> impl Iterator<Item = Arc<Update>> {
        let at = self.at;
        std::mem::take(&mut self.passed).into_iter().filter(move |update| update.seq() > at)
    }

    /// Whether the log is known to hold more.
    pub(crate) fn is_behind(&self) -> bool {
        self.at < self.known_head
    }

    /// Takes what the ring has, as far as there is room.
    pub(crate) fn take(&mut self, batch: &mut Batch) -> Next {
        self.following.follower().looks();
        let (taken, head) = {
            let ring = self.following.topic().ring();
            let head = ring.head().max(self.known_head);
            if self.at >= head {
                return Next::Nothing;
            }
            match ring.after(self.at) {
                Some(updates) => (updates.take(batch.room()).cloned().collect::<Vec<_>>(), head),
                None => return Next::InLog,
            }
        };
        if self.accept(taken, batch) {
            Next::Ended
        } else if self.at < head {
            Next::More
        } else {
            Next::Nothing
        }
    }

    /// Delivers the updates that follow the cursor without a gap, as far as
    /// they are wanted and there is room. Whether the task has ended with them.
    pub(crate) fn accept(&mut self, updates: Vec<Arc<Update>>, batch: &mut Batch) -> bool {
        let ended = self.accept_each(updates, batch);
        self.note_place();
        ended
    }

    fn accept_each(&mut self, updates: Vec<Arc<Update>>, batch: &mut Batch) -> bool {
        let newest_progress = self.newest_progress(&updates);
        for update in updates {
            if update.seq() != self.at + 1 || batch.is_full() {
                break;
            }
            self.at = update.seq();
            let ended = update.event().is_terminal();
            let unwanted = !self.wishes.kinds.contains(update.kind());
            let superseded = update.kind() == EventKind::Progress && newest_progress > update.seq();
            if superseded && !unwanted {
                self.coalesced_from.get_or_insert(update.seq());
                batch.tally.coalesced();
            } else if !unwanted {
                let mut variant = Variant::default();
                if self.wishes.skips_events() {
                    variant.prev_seq = Some(self.delivered);
                }
                if update.kind() == EventKind::Progress {
                    variant.coalesced_from = self.coalesced_from.take();
                }
                self.delivered = update.seq();
                let is_replayed = update.seq() <= self.replayed_to;
                let layout = self.wishes.layout;
                batch.push(Delivery { update, variant, layout, is_of_all: false }, is_replayed);
            }
            if ended {
                return true;
            }
        }
        false
    }

    /// Goes on behind the head of a task that was told as a snapshot.
    pub(crate) fn jump(&mut self, head: u64) {
        self.at = head;
        self.delivered = head;
        self.coalesced_from = None;
        self.known_head = head;
        self.replayed_to = head;
        self.note_place();
    }

    /// The log holds less than it was said to; there is nothing to wait for.
    pub(crate) fn at_end_of_log(&mut self) {
        self.known_head = self.at;
        self.note_place();
    }

    fn note_place(&self) {
        self.following.follower().stands_at(self.at, self.known_head);
    }

    /// Seq of the newest `progress`, when older ones need not be sent.
    fn newest_progress(&self, updates: &[Arc<Update>]) -> u64 {
        if !self.wishes.coalesce {
            return 0;
        }
        let newest = updates.iter().rev().find(|update| update.kind() == EventKind::Progress);
        newest.map_or(0, |update| update.seq())
    }
}
