//! The newest updates of one task in memory, bounded in count and bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::update::Update;

/// How much one ring holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) updates: usize,
    pub(crate) bytes: usize,
}

/// A gapless run of updates that ends at `head`.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    updates: VecDeque<Arc<Update>>,
    /// Place of the newest update that was ever here, 0 when none was.
    head: u64,
    bytes: usize,
}

impl Ring {
    /// Place of the newest update, whether it is still here or not.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest update, when it is here.
    pub(crate) fn newest(&self) -> Option<&Arc<Update>> {
        self.updates.back()
    }

    /// Place of the oldest update held; beyond the head when there is none.
    pub(crate) fn first(&self) -> u64 {
        self.head + 1 - self.updates.len() as u64
    }

    /// Takes the update at `place`. One that is here already changes nothing
    /// (false); behind a hole the ring starts over, and who followed finds the
    /// rest in the log.
    pub(crate) fn push(&mut self, place: u64, update: Arc<Update>, bounds: Bounds) -> bool {
        if place <= self.head {
            return false;
        }
        if place > self.head + 1 {
            self.clear();
        }
        self.head = place;
        self.bytes += update.size();
        self.updates.push_back(update);
        while self.updates.len() > bounds.updates || (self.bytes > bounds.bytes && self.updates.len() > 1) {
            self.drop_oldest();
        }
        true
    }

    /// Learns from the log that the head is further on.
    pub(crate) fn advance(&mut self, head: u64) {
        if head > self.head {
            self.clear();
            self.head = head;
        }
    }

    /// Forgets the updates but not the head.
    pub(crate) fn clear(&mut self) {
        self.updates = VecDeque::new();
        self.bytes = 0;
    }

    /// The updates behind place `after`, when the first of them is here.
    pub(crate) fn after(&self, after: u64) -> Option<impl Iterator<Item = &Arc<Update>>> {
        let first = self.first();
        if after + 1 < first || after >= self.head {
            return None;
        }
        // In range: `after + 1 - first` is below the number of updates.
        let skipped = usize::try_from(after + 1 - first).ok()?;
        Some(self.updates.range(skipped..))
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.updates.pop_front() {
            self.bytes -= oldest.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tasks::EventKind;

    use super::super::update::tests::event;
    use super::*;

    const BOUNDS: Bounds = Bounds { updates: 4, bytes: usize::MAX };

    fn update(seq: u64) -> Arc<Update> {
        Update::new(event("t", seq, EventKind::Progress, json!({})))
    }

    fn seqs(ring: &Ring, after: u64) -> Option<Vec<u64>> {
        ring.after(after).map(|updates| updates.map(|update| update.seq()).collect())
    }

    #[test]
    fn the_newest_are_held_and_what_is_older_is_the_log_s() {
        let mut ring = Ring::default();
        assert_eq!(seqs(&ring, 0), None);
        for seq in 1..=6 {
            assert!(ring.push(seq, update(seq), BOUNDS));
        }
        assert_eq!((ring.first(), ring.head()), (3, 6));
        assert_eq!(seqs(&ring, 1), None);
        assert_eq!(seqs(&ring, 2), Some(vec![3, 4, 5, 6]));
        assert_eq!(seqs(&ring, 5), Some(vec![6]));
        assert_eq!(seqs(&ring, 6), None);
        assert_eq!(seqs(&ring, 9), None);
    }

    #[test]
    fn a_double_changes_nothing_and_a_hole_starts_over() {
        let mut ring = Ring::default();
        ring.push(1, update(1), BOUNDS);
        assert!(!ring.push(1, update(1), BOUNDS));
        ring.push(5, update(5), BOUNDS);
        assert_eq!((seqs(&ring, 1), seqs(&ring, 4)), (None, Some(vec![5])));
        ring.advance(9);
        assert_eq!((ring.first(), ring.head(), seqs(&ring, 8)), (10, 9, None));
        ring.advance(3);
        assert_eq!(ring.head(), 9);
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_stays() {
        let mut ring = Ring::default();
        let bounds = Bounds { updates: 100, bytes: 2 * update(1).size() };
        for seq in 1..=5 {
            ring.push(seq, update(seq), bounds);
        }
        assert_eq!((ring.first(), ring.bytes()), (4, bounds.bytes));
        ring.push(6, update(6), Bounds { updates: 100, bytes: 1 });
        assert_eq!((ring.first(), ring.head()), (6, 6));
    }
}
