use std::path::Path;
use std::time::{Duration, Instant};

use publisher::Order;
use serde::Serialize;

use crate::durable::Tasks;

/// Tasks that append batches at one time.
const BATCHING: usize = 8;
/// Tasks that append single events at one time.
const SINGLE: usize = 100;
/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(120);

/// Events per second, each durable when it counts.
#[derive(Debug, Serialize)]
pub(crate) struct Rates {
    batched_events: u64,
    batched_events_per_s: f64,
    single_events: u64,
    single_events_per_s: f64,
}

/// Appends `events` events in batches and a tenth as many one at a time.
pub(crate) async fn measure(data_dir: &Path, events: u64) -> Result<Rates, Box<dyn std::error::Error>> {
    let tasks = Tasks::open(data_dir).await?;
    let batched = append(&tasks, BATCHING, events, usize::MAX).await?;
    let single = append(&tasks, SINGLE, events / 10, 1).await?;
    tasks.engine().shutdown(LIMIT).await;
    Ok(Rates {
        batched_events: batched.0,
        batched_events_per_s: batched.0 as f64 / batched.1.as_secs_f64(),
        single_events: single.0,
        single_events_per_s: single.0 as f64 / single.1.as_secs_f64(),
    })
}

/// Has `count` tasks append `events` events together, each at most `batch` at
/// once; returns how many that were and how long it took.
async fn append(
    tasks: &Tasks,
    count: usize,
    events: u64,
    batch: usize,
) -> Result<(u64, Duration), Box<dyn std::error::Error>> {
    let ids = tasks.create(count).await?;
    let each = events / count as u64;
    let started = Instant::now();
    let mut answers = Vec::with_capacity(count);
    for id in &ids {
        let order = Order { task: id.clone(), count: each, rate: 0.0, seq0: 0 };
        answers.push(tasks.publish(order, batch).ok_or("a job ended")?);
    }
    for answer in answers {
        tokio::time::timeout(LIMIT, answer).await??;
    }
    let took = started.elapsed();
    for id in &ids {
        // Before these came that it waits and that it runs.
        let head = tasks.engine().task(id).await?.head_seq;
        if head != each + 2 {
            return Err(format!("{each} events were appended, the log holds {}", head - 2).into());
        }
    }
    Ok((each * count as u64, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_counted_is_in_the_log() {
        let directory = tempfile::tempdir().expect("a directory");
        let rates = measure(directory.path(), 1000).await.expect("measured");
        assert_eq!((rates.batched_events, rates.single_events), (1000, 100));
        assert!(rates.batched_events_per_s > 0.0 && rates.single_events_per_s > 0.0);
    }
}
