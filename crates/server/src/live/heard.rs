//! What a connection has heard of tasks from subscriptions of their own.
//!
//! What is told of all tasks comes from the live feed, which runs behind the
//! log: when a task was heard to its end from the log, its last events may
//! still wait in the feed. What was heard is not heard again.

use std::collections::VecDeque;

/// Spans remembered; the oldest are forgotten first. The queue of what is told
/// of all tasks holds hardly more, and one task's events in the feed are as old
/// as its end.
const REMEMBERED: usize = 1024;

/// The newest spans of what was heard.
#[derive(Debug, Default)]
pub(super) struct Heard(VecDeque<Span>);

#[derive(Debug)]
struct Span {
    task_id: String,
    /// Heard is what lies behind this...
    after: u64,
    /// ...up to this.
    up_to: u64,
}

impl Heard {
    /// Remembers that a task was heard behind `after` up to `up_to`.
    pub(super) fn note(&mut self, task_id: &str, after: u64, up_to: u64) {
        if up_to <= after {
            return;
        }
        let mut new = Span { task_id: task_id.to_owned(), after, up_to };
        self.0.retain(|span| {
            let apart = span.task_id != task_id || span.after > up_to || span.up_to < after;
            if !apart {
                new.after = new.after.min(span.after);
                new.up_to = new.up_to.max(span.up_to);
            }
            apart
        });
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(new);
    }

    /// Whether an event was heard, as far as that is remembered.
    pub(super) fn contains(&self, task_id: &str, seq: u64) -> bool {
        self.spans(task_id).any(|span| span.after < seq && seq <= span.up_to)
    }

    /// Seq of the newest event that was heard of a task.
    pub(super) fn up_to(&self, task_id: &str) -> Option<u64> {
        self.spans(task_id).map(|span| span.up_to).max()
    }

    fn spans(&self, task_id: &str) -> impl Iterator<Item = &Span> {
        self.0.iter().filter(move |span| span.task_id == task_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_spans_are_remembered_and_no_more() {
        let mut heard = Heard::default();
        for task in 0..2 * REMEMBERED {
            heard.note(&format!("t{task}"), 0, 3);
            heard.note("again", task as u64, task as u64 + 1);
        }
        assert_eq!(heard.0.len(), REMEMBERED);
        assert_eq!(heard.up_to("again"), Some(2 * REMEMBERED as u64));
        assert_eq!(heard.up_to(&format!("t{}", 2 * REMEMBERED - 1)), Some(3));
        assert_eq!(heard.up_to("t0"), None);
    }

    #[test]
    fn what_lies_between_two_spans_was_not_heard() {
        let mut heard = Heard::default();
        for (after, up_to) in [(2, 4), (7, 9), (9, 9), (5, 5)] {
            heard.note("t", after, up_to);
        }
        let of = |heard: &Heard| (1..=10).filter(|seq| heard.contains("t", *seq)).collect::<Vec<_>>();
        assert_eq!(of(&heard), [3, 4, 8, 9]);
        heard.note("t", 4, 7);
        assert_eq!((of(&heard), heard.0.len()), ((3..=9).collect(), 1));
        assert!(!heard.contains("other", 3));
    }
}
