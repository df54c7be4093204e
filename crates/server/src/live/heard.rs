//! How far a connection has heard tasks that it does not follow at the moment.
//!
//! Under `legacy_broadcast` whatever arrives in the live feed is delivered. The
//! feed runs behind the log, so when a task was heard to its end from the log,
//! its last events may still wait in the feed: what was heard is not heard
//! again.

use std::collections::VecDeque;

/// Tasks remembered; the oldest are forgotten first. The queue holds fewer, and
/// one task's events in the feed are as old as its end.
const REMEMBERED: usize = 1024;

/// The newest marks, one for each task.
#[derive(Debug, Default)]
pub(super) struct Heard(VecDeque<(String, u64)>);

impl Heard {
    /// Remembers that a task was heard up to `seq`.
    pub(super) fn note(&mut self, task_id: &str, seq: u64) {
        self.0.retain(|(known, _)| known != task_id);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((task_id.to_owned(), seq));
    }

    /// Seq up to which a task was heard, when that is remembered.
    pub(super) fn up_to(&self, task_id: &str) -> Option<u64> {
        self.0.iter().rev().find(|(known, _)| known == task_id).map(|(_, seq)| *seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_marks_are_remembered_and_no_more() {
        let mut heard = Heard::default();
        for task in 0..2 * REMEMBERED {
            heard.note(&format!("t{task}"), 3);
            heard.note("again", task as u64);
        }
        assert_eq!(heard.0.len(), REMEMBERED);
        assert_eq!(heard.up_to("again"), Some(2 * REMEMBERED as u64 - 1));
        assert_eq!(heard.up_to(&format!("t{}", 2 * REMEMBERED - 1)), Some(3));
        assert_eq!(heard.up_to("t0"), None);
    }
}
