//! Counters shared by all connections (one thread, hence plain `RefCell`), reset for each phase.
use crate::{event::Event, procfs};
use hdrhistogram::Histogram;
use serde::Serialize;

#[derive(Serialize, Default, Clone)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("valid bounds")
}

pub(crate) fn latency(h: &Histogram<u64>) -> Latency {
    let ms = |us: u64| us as f64 / 1000.0;
    Latency {
        p50_ms: ms(h.value_at_quantile(0.5)),
        p90_ms: ms(h.value_at_quantile(0.9)),
        p99_ms: ms(h.value_at_quantile(0.99)),
        p999_ms: ms(h.value_at_quantile(0.999)),
        max_ms: ms(h.max()),
    }
}

pub(crate) struct Phase {
    pub(crate) seq0: u64,
    pub(crate) count: u64,
    /// Events for the connection's own task, first copies only.
    pub(crate) own: u64,
    pub(crate) duplicates: u64,
    /// Arrived after a later one of the same task on the same connection.
    pub(crate) out_of_order: u64,
    /// Events for tasks this connection did not subscribe to.
    pub(crate) foreign: u64,
    pub(crate) unreadable: u64,
    /// Of the events as text.
    pub(crate) bytes: u64,
    /// As read from the sockets.
    pub(crate) wire_bytes: u64,
    pub(crate) first_us: u64,
    pub(crate) last_us: u64,
    pub(crate) from_emit: Histogram<u64>,
    pub(crate) from_due: Histogram<u64>,
    seen: Vec<Seen>,
}

#[derive(Default, Clone)]
struct Seen {
    bits: Vec<u64>,
    highest: Option<u64>,
}

impl Phase {
    pub(crate) fn new(conns: usize, seq0: u64, count: u64) -> Phase {
        Phase {
            seq0,
            count,
            own: 0,
            duplicates: 0,
            out_of_order: 0,
            foreign: 0,
            unreadable: 0,
            bytes: 0,
            wire_bytes: 0,
            first_us: 0,
            last_us: 0,
            from_emit: new_histogram(),
            from_due: new_histogram(),
            seen: vec![Seen::default(); conns],
        }
    }

    /// Books one event that connection `conn`, subscribed to `task`, read at `now_us`.
    pub(crate) fn event(
        &mut self,
        conn: usize,
        task: &[u8],
        packet: &[u8],
        event: Option<Event>,
        now_us: u64,
    ) {
        self.bytes += packet.len() as u64;
        if self.first_us == 0 {
            self.first_us = now_us;
        }
        self.last_us = now_us;
        let Some(e) = event else {
            self.unreadable += 1;
            return;
        };
        if e.task != task {
            self.foreign += 1;
            return;
        }
        if e.seq < self.seq0 || e.seq >= self.seq0 + self.count {
            self.unreadable += 1;
            return;
        }
        let i = e.seq - self.seq0;
        let seen = &mut self.seen[conn];
        if seen.bits.is_empty() {
            seen.bits = vec![0; self.count.div_ceil(64) as usize];
        }
        let (word, bit) = ((i / 64) as usize, 1u64 << (i % 64));
        if seen.bits[word] & bit != 0 {
            self.duplicates += 1;
            return;
        }
        seen.bits[word] |= bit;
        if seen.highest.is_some_and(|h| i < h) {
            self.out_of_order += 1;
        }
        seen.highest = seen.highest.max(Some(i));
        self.own += 1;
        self.from_emit.saturating_record(now_us.saturating_sub(e.ts_us).max(1));
        self.from_due.saturating_record(now_us.saturating_sub(e.due_us).max(1));
    }

    pub(crate) fn received(&self) -> u64 {
        self.own + self.foreign + self.duplicates + self.unreadable
    }

    pub(crate) fn silent_for_us(&self, started_us: u64) -> u64 {
        procfs::now_us() - self.last_us.max(started_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_own_foreign_duplicate_and_late() {
        let mut p = Phase::new(1, 10, 3);
        let mut feed =
            |task: &[u8], seq| p.event(0, b"a", b"xx", Some(Event { task, seq, ts_us: 1, due_us: 1 }), 5);
        feed(b"a", 10);
        feed(b"a", 12);
        feed(b"a", 11);
        feed(b"a", 11);
        feed(b"b", 10);
        feed(b"a", 99);
        assert_eq!((p.own, p.duplicates, p.out_of_order, p.foreign, p.unreadable), (3, 1, 1, 1, 1));
        assert_eq!((p.received(), p.bytes), (6, 12));
    }
}
