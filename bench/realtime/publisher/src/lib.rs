//! What every Rust server under test does the same way: it reads `POST
//! /publish?task=ID&count=N&rate=R&seq0=S`, emits at the asked rate, and each
//! event says when it was emitted and when it was due.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::{Value, json};

/// Events that are emitted without looking at anything else, when there is no
/// rate: about what fits one write.
const UNPACED_BATCH: u64 = 64;

/// What the load generator asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Order {
    /// The task whose room gets the events.
    pub task: String,
    /// How many.
    pub count: u64,
    /// Events per second; 0 means as fast as possible.
    pub rate: f64,
    /// Number of the first event.
    pub seq0: u64,
}

impl Order {
    /// Reads the query of the request.
    ///
    /// # Errors
    /// Says which field is missing or what was found in its place.
    pub fn parse(query: &str) -> Result<Order, String> {
        let field = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
                .ok_or_else(|| format!("{name} is missing"))
        };
        let integer = |name: &str| {
            let text = field(name)?;
            text.parse::<u64>().map_err(|_| format!("{name}={text}: an integer from 0 is allowed"))
        };
        let rate = field("rate")?;
        let order = Order {
            task: field("task")?.to_owned(),
            count: integer("count")?,
            rate: rate.parse().map_err(|_| format!("rate={rate}: a number from 0 is allowed"))?,
            seq0: integer("seq0")?,
        };
        if order.rate.is_finite() && order.rate >= 0.0 {
            Ok(order)
        } else {
            Err(format!("rate={rate}: a number from 0 is allowed"))
        }
    }
}

/// When each event of an order is due, counted from the order's arrival.
#[derive(Debug)]
pub struct Schedule {
    start_us: u64,
    rate: f64,
    count: u64,
    next: u64,
}

impl Schedule {
    /// Starts now.
    pub fn new(order: &Order) -> Schedule {
        Schedule { start_us: now_us(), rate: order.rate, count: order.count, next: 0 }
    }

    /// Waits until something is due and returns all that is; `None` at the end.
    /// Other work of the thread gets its turn between any two calls.
    pub async fn due(&mut self) -> Option<Range<u64>> {
        if self.rate == 0.0 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(self.wait()).await;
        }
        self.take()
    }

    /// The same for a thread of one's own.
    pub fn due_blocking(&mut self) -> Option<Range<u64>> {
        std::thread::sleep(self.wait());
        self.take()
    }

    fn wait(&self) -> Duration {
        let due_us = if self.next < self.count { self.due_us(self.next) } else { 0 };
        Duration::from_micros(due_us.saturating_sub(now_us()))
    }

    fn take(&mut self) -> Option<Range<u64>> {
        let first = self.next;
        if first == self.count {
            return None;
        }
        if self.rate == 0.0 {
            self.next = self.count.min(first + UNPACED_BATCH);
        } else {
            // Asleep until the first was due.
            self.next += 1;
            let now = now_us();
            while self.next < self.count && self.due_us(self.next) <= now {
                self.next += 1;
            }
        }
        Some(first..self.next)
    }

    /// When the schedule wants event `i` emitted. Without a rate: now.
    pub fn due_us(&self, i: u64) -> u64 {
        if self.rate == 0.0 { now_us() } else { self.start_us + (i as f64 * 1e6 / self.rate) as u64 }
    }
}

/// CLOCK_MONOTONIC in microseconds, the clock that the load generator reads.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// `data` of the `progress` event with number `seq`, emitted now.
pub fn data(seq: u64, due_us: u64) -> Value {
    let iteration = seq % 20 + 1;
    json!({
        "current_iteration": iteration,
        "max_iterations": 20,
        "progress_percent": iteration * 5,
        "message": format!("Iteration {iteration} of 20"),
        "pub_seq": seq,
        "ts_us": now_us(),
        "due_us": due_us,
    })
}

/// The whole `task_update` with the contract's four fields.
pub fn update(task: &str, seq: u64, due_us: u64) -> Value {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::MIN);
    json!({
        "task_id": task,
        "event_type": "progress",
        "data": data(seq, due_us),
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_in_any_order_of_fields() {
        let order = Order::parse("seq0=7&rate=2.5&task=a-b&count=3");
        assert_eq!(order, Ok(Order { task: "a-b".to_owned(), count: 3, rate: 2.5, seq0: 7 }));
    }

    #[test]
    fn a_bad_order_names_the_field() {
        for (query, expected) in [
            ("task=a&count=3&rate=1", "seq0 is missing"),
            ("task=a&count=-1&rate=1&seq0=0", "count=-1: an integer from 0 is allowed"),
            ("task=a&count=1&rate=x&seq0=0", "rate=x: a number from 0 is allowed"),
            ("task=a&count=1&rate=-1&seq0=0", "rate=-1: a number from 0 is allowed"),
            ("task=a&count=1&rate=inf&seq0=0", "rate=inf: a number from 0 is allowed"),
        ] {
            assert_eq!(Order::parse(query), Err(expected.to_owned()), "{query}");
        }
    }

    #[tokio::test]
    async fn every_event_of_an_order_is_due_once_and_in_order() {
        for rate in [0.0, 20_000.0] {
            let order = Order { task: String::new(), count: 150, rate, seq0: 0 };
            let (mut schedule, mut blocking) = (Schedule::new(&order), Schedule::new(&order));
            let (mut all, mut blocked) = (Vec::new(), Vec::new());
            while let Some(due) = schedule.due().await {
                all.extend(due);
            }
            while let Some(due) = blocking.due_blocking() {
                blocked.extend(due);
            }
            assert_eq!(all, (0..150).collect::<Vec<u64>>(), "rate {rate}");
            assert_eq!(blocked, all, "rate {rate}");
        }
    }

    #[test]
    fn due_times_follow_from_the_rate_alone() {
        let order = Order { task: String::new(), count: 5, rate: 100.0, seq0: 0 };
        let schedule = Schedule::new(&order);
        let distances: Vec<u64> = (1..5).map(|i| schedule.due_us(i) - schedule.due_us(i - 1)).collect();
        assert_eq!(distances, [10_000; 4]);
    }
}
