//! How many events a second the log takes, and how long a commit takes.
//!
//! `append_rate [WRITERS] [EVENTS] [SECONDS] [STORE]`: as many jobs at once
//! commit as many events at a time, for so long. Without a store's address the
//! log is a SQLite file in the system's directory for temporary files; with
//! TMPDIR it can be put on another disk.

#![allow(clippy::print_stdout, reason = "the figures are what the program is for")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tasks::{Control, Engine, EngineSettings, JobFailure, JobFunction, NewEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (writers, events_each, seconds) = (number(100)?, number(1)?, number(5)?);
    let directory = tempfile::tempdir()?;
    let mut settings = EngineSettings::sqlite(&directory.path().join("tasks.db"));
    if let Some(url) = arguments.next() {
        settings.store_url = url;
    }
    settings.workers = usize::try_from(writers)?;
    settings.max_queued = settings.workers;

    let latencies: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let engine = Engine::open(settings, committing(events_each, latencies.clone())).await?;
    let mut live = engine.watch();
    for _ in 0..writers {
        engine.submit(json!({}), json!({ "seconds": seconds })).await?;
    }
    while engine.count_by_status().await?["pending"] > 0 {
        // A receiver that lags has missed nothing that matters here.
        let _ = live.recv().await;
    }
    drop(live);

    let before = engine.append_counts();
    let begin = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (elapsed_s, after) = (begin.elapsed().as_secs_f64(), engine.append_counts());
    engine.shutdown(Duration::from_secs(10)).await;

    let events = (after.events - before.events) as f64;
    let appends = (after.appends - before.appends) as f64;
    let transactions = (after.transactions - before.transactions) as f64;
    let mut latencies = std::mem::take(&mut *latencies.lock().map_err(|_| "a job panicked")?);
    latencies.sort_unstable();
    let quantile_ms = |q: f64| {
        let place = ((latencies.len() as f64 - 1.0) * q) as usize;
        latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    };
    println!(
        "{writers} writers, {events_each} events a commit: {:.0} events/s, {:.0} commits/s, {:.0} transactions/s; \
         a transaction holds {:.1} commits, {:.1} events; a commit takes p50 {:.2} ms, p99 {:.2} ms",
        events / elapsed_s,
        appends / elapsed_s,
        transactions / elapsed_s,
        appends / transactions,
        events / transactions,
        quantile_ms(0.5),
        quantile_ms(0.99),
    );
    Ok(())
}

/// Commits until it is told to yield, and notes how long each commit took.
fn committing(events_each: u64, latencies: Arc<Mutex<Vec<Duration>>>) -> JobFunction {
    Arc::new(move |context| {
        let mut took = Vec::new();
        let mut iteration = 0;
        loop {
            let events = (0..events_each).map(|_| NewEvent::progress(progress(iteration))).collect();
            iteration += 1;
            let begin = Instant::now();
            let control = context.commit(events, None);
            took.push(begin.elapsed());
            if control != Control::Continue {
                break;
            }
        }
        let mut all = latencies.lock().map_err(|_| JobFailure::Yielded)?;
        all.append(&mut took);
        Err(JobFailure::Yielded)
    })
}

/// A progress event as the optimizer's tasks have them.
fn progress(iteration: u64) -> Value {
    json!({
        "current_iteration": iteration,
        "max_iterations": 1_000_000,
        "progress_percent": 12.5,
        "message": "Iteration 12345 of 1000000: best score 0.123456",
        "metrics": {"max_temp": 41.25, "min_clearance": 4.5, "cg_offset": 0.0125, "score": 0.123_456}
    })
}
