//! Numbers that many threads count at once. Each thread adds in a cache line of
//! its own, which costs it about as much as counting alone; who reads adds up.

use std::cell::Cell;
use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Atomic;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Threads beyond this share.
const SHARDS: usize = 8;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Where this thread adds.
fn shard() -> usize {
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        shard.get()
    })
}

/// A sum.
#[derive(Debug, Default)]
pub(crate) struct Sharded([Line; SHARDS]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl Sharded {
    /// Adds what may be less than nothing.
    pub(crate) fn change(&self, by: isize) {
        self.add(by.cast_unsigned() as u64);
    }

    /// The sum of what was added with [`Sharded::change`].
    pub(crate) fn level(&self) -> i64 {
        self.sum().cast_signed()
    }

    fn add(&self, number: u64) {
        self.0[shard()].0.fetch_add(number, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// As the library's counters want it; nobody asks for the value before.
impl Atomic<u64> for Sharded {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    fn inc_by(&self, number: u64) -> u64 {
        self.add(number);
        0
    }

    fn get(&self) -> u64 {
        self.sum()
    }
}

/// Most upper bounds of a histogram.
const BOUNDS: usize = 16;

/// How long something took, in classes.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    /// Upper bounds, us, ascending.
    bounds: &'static [u64],
    shards: Arc<[Classes; SHARDS]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Classes {
    sum_us: AtomicU64,
    /// The last one in use is for what lies beyond all bounds.
    counts: [AtomicU64; BOUNDS + 1],
}

/// For what takes microseconds to seconds inside this machine.
const FINE_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];
/// For what is known to the millisecond and may take minutes.
const COARSE_US: [u64; 15] = [
    2_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

impl Latency {
    pub(crate) fn fine() -> Latency {
        Latency { bounds: &FINE_US, shards: Arc::default() }
    }

    pub(crate) fn coarse() -> Latency {
        Latency { bounds: &COARSE_US, shards: Arc::default() }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let classes = &self.shards[shard()];
        classes.counts[class(self.bounds, took_us)].fetch_add(1, Ordering::Relaxed);
        classes.sum_us.fetch_add(took_us, Ordering::Relaxed);
    }

    /// The same for all that was noted; of coarse ones only.
    pub(crate) fn observe_all(&self, noted: &Noted) {
        let classes = &self.shards[shard()];
        for (count, number) in classes.counts.iter().zip(noted.counts) {
            if number > 0 {
                count.fetch_add(u64::from(number), Ordering::Relaxed);
            }
        }
        classes.sum_us.fetch_add(noted.sum_us, Ordering::Relaxed);
    }

    /// How many were observed up to each bound and beyond the one before, and
    /// how long all took together, s.
    fn read(&self) -> (Vec<(f64, u64)>, f64) {
        let count = |class: usize| {
            self.shards.iter().map(|classes| classes.counts[class].load(Ordering::Relaxed)).sum()
        };
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let classes = bounds.enumerate().map(|(class, bound)| (bound, count(class))).collect();
        let sum_us: u64 = self.shards.iter().map(|classes| classes.sum_us.load(Ordering::Relaxed)).sum();
        (classes, sum_us as f64 / 1e6)
    }
}

/// Times of one thread, for a coarse histogram.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    sum_us: u64,
    counts: [u32; BOUNDS + 1],
}

impl Noted {
    pub(crate) fn note_ms(&mut self, took_ms: u64) {
        let took_us = took_ms.saturating_mul(1000);
        self.counts[class(&COARSE_US, took_us)] += 1;
        self.sum_us = self.sum_us.saturating_add(took_us);
    }
}

fn class(bounds: &[u64], took_us: u64) -> usize {
    bounds.partition_point(|bound| *bound < took_us)
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), Error> {
        let (classes, sum_s) = self.read();
        let count = classes.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum_s, count, &classes, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_add_is_the_sum() {
        let sums = [Sharded::default(), Sharded::default()];
        std::thread::scope(|scope| {
            for thread in 0..20 {
                let [up, level] = &sums;
                scope.spawn(move || {
                    for _ in 0..1000 {
                        up.inc_by(3);
                        level.change(if thread % 2 == 0 { 5 } else { -7 });
                    }
                });
            }
        });
        assert_eq!((sums[0].get(), sums[1].level()), (60_000, -20_000));
    }

    #[test]
    fn a_time_belongs_to_the_smallest_bound_that_is_not_below_it() {
        let latency = Latency::coarse();
        for took_us in [0, 2_000, 2_001, 300_000_000, 300_000_001] {
            latency.observe(Duration::from_micros(took_us));
        }
        let mut noted = Noted::default();
        [40, 50, 30].into_iter().for_each(|took_ms| noted.note_ms(took_ms));
        latency.observe_all(&noted);
        let (classes, sum_s) = latency.read();
        let filled: Vec<_> = classes.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.002, 2), (0.005, 1), (0.05, 3), (300.0, 1), (f64::INFINITY, 1)]);
        assert!((sum_s - 600.124_002).abs() < 1e-9, "{sum_s}");
    }
}
