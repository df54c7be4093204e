//! What is looked up when somebody asks for the metrics: all that is known
//! somewhere already and need not be counted.

use std::time::Duration;

use jiff::Timestamp;

use super::process::Process;
use super::registrar::{Labeled, Level, Registrar};
use super::tasks::Survey;
use crate::state::AppState;

/// Who waits longer for the store does not hear of it.
pub(crate) const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What is there at this moment.
#[derive(Debug)]
pub(crate) struct Present {
    subscriptions: Labeled<Level, 1>,
    lagging: Level,
    largest_lag: Level,
    ring_tasks: Level,
    ring_bytes: Level,
    draining: Level,
    process: Process,
}

impl Present {
    pub(super) fn new(registrar: &mut Registrar) -> Present {
        Present {
            subscriptions: registrar.levels(
                "subscriptions",
                "Subscriptions to a task each, and to the status changes of all",
                ["of"],
            ),
            lagging: registrar.level(
                "lagging_readers",
                "Subscriptions to a task that have not been handed its newest event",
            ),
            largest_lag: registrar
                .level("reader_lag_events", "Events by which the slowest of them is behind"),
            ring_tasks: registrar.level("ring_tasks", "Tasks whose newest events are kept in memory"),
            ring_bytes: registrar.level("ring_bytes", "Bytes that these events take, about"),
            draining: registrar.level("draining", "1 since the server was told to end"),
            process: Process::new(registrar),
        }
    }

    pub(super) fn refresh(&self, state: &AppState) {
        let census = state.hub().census();
        let level = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.subscriptions.of(["task"]).set(level(census.followers));
        self.subscriptions.of(["all"]).set(level(census.followers_of_all));
        self.lagging.set(level(census.lagging));
        self.largest_lag.set(i64::try_from(census.largest_lag).unwrap_or(i64::MAX));
        self.ring_tasks.set(level(state.hub().topics_len()));
        self.ring_bytes.set(level(state.hub().bytes()));
        self.draining.set(i64::from(state.is_ending()));
        self.process.refresh();
    }
}

/// Asks the store about the tasks.
pub(crate) async fn survey(state: &AppState) -> Option<Survey> {
    let ask = async {
        let by_status = state.engine().count_by_status().await?;
        Ok::<_, tasks::Error>((by_status, state.engine().oldest_pending().await?))
    };
    let (by_status, oldest) = match tokio::time::timeout(STORE_PATIENCE, ask).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => {
            tracing::error!("metrics: {failure}");
            return None;
        }
        Err(_) => return None,
    };
    let since = oldest.and_then(|created_at| created_at.parse::<Timestamp>().ok());
    let age = since.map_or(0.0, |since| Timestamp::now().duration_since(since).as_secs_f64().max(0.0));
    Some(Survey { by_status, queue_age_s: age })
}
