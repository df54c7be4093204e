//! Retention: the oldest events go, in the background and in small
//! transactions.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::warn;

use crate::clock::{Clock, format_timestamp};
use crate::settings::Retention;
use crate::store::{Store, Turn};

/// Events that one transaction removes at most: what an append that comes
/// meanwhile has to wait for.
const STEP: u64 = 500;
/// How often it is looked for tasks that ended long enough ago.
const PERIOD: Duration = Duration::from_secs(60);
/// Tasks that are looked up at once.
const TASKS: usize = 100;
/// For so long trimming waits for a moment in which nobody writes, so that it
/// does not delay appends; then it takes its turn, or a busy store would grow
/// without end.
const PATIENCE: Duration = Duration::from_millis(100);
const PATIENCE_STEP: Duration = Duration::from_millis(5);

/// The tasks whose logs have grown too long, as those who append notice it.
pub(crate) struct LongLogs {
    keep: Option<u64>,
    task_ids: Mutex<HashSet<String>>,
    rung: Notify,
}

impl LongLogs {
    pub(crate) fn new(retention: &Retention) -> LongLogs {
        let keep = retention.keep_per_task.map(NonZeroU64::get);
        LongLogs { keep, task_ids: Mutex::default(), rung: Notify::new() }
    }

    /// Takes note of a log of this many events.
    pub(crate) fn note(&self, task_id: &str, events: u64) {
        // Some events more than wanted, or each append would cause a trimming.
        let Some(keep) = self.keep else { return };
        if events > keep + (keep / 8).clamp(1, STEP) && self.task_ids().insert(task_id.to_owned()) {
            self.rung.notify_one();
        }
    }

    fn take(&self) -> HashSet<String> {
        std::mem::take(&mut *self.task_ids())
    }

    fn task_ids(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        // The set is whole even if a panic happened elsewhere while it was held.
        self.task_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Trims the logs of one store.
pub(crate) struct Trimmer {
    pub(crate) store: Arc<Store>,
    pub(crate) retention: Retention,
    pub(crate) long_logs: Arc<LongLogs>,
    pub(crate) clock: Clock,
}

impl Trimmer {
    /// Trims until it is dropped.
    pub(crate) async fn run(self) {
        if let Err(error) = self.trim_all_long().await {
            warn!(%error, "logs were not trimmed to their length at the start");
        }
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let outcome = tokio::select! {
                () = self.long_logs.rung.notified() => self.trim_noted().await,
                _ = period.tick() => {
                    // What could not be trimmed when it was noted is tried again.
                    let noted = self.trim_noted().await;
                    noted.and(self.trim_ended().await)
                }
            };
            if let Err(error) = outcome {
                warn!(%error, "logs were not trimmed; it is tried again later");
            }
        }
    }

    /// Also a store that was written under other settings gets into shape.
    async fn trim_all_long(&self) -> Result<(), sqlx::Error> {
        let Some(keep) = self.retention.keep_per_task else { return Ok(()) };
        for task_id in self.store.tasks_with_more_events(keep.get()).await? {
            self.trim(&task_id, keep.get()).await?;
        }
        Ok(())
    }

    async fn trim_noted(&self) -> Result<(), sqlx::Error> {
        let Some(keep) = self.retention.keep_per_task else { return Ok(()) };
        let mut outcome = Ok(());
        for task_id in self.long_logs.take() {
            if let Err(error) = self.trim(&task_id, keep.get()).await {
                // A task that has ended is never noted again.
                self.long_logs.task_ids().insert(task_id);
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn trim_ended(&self) -> Result<(), sqlx::Error> {
        let Some(keep_ended) = self.retention.keep_ended else { return Ok(()) };
        let keep_ms = i64::try_from(keep_ended.as_millis()).unwrap_or(i64::MAX);
        let before = format_timestamp((self.clock)().saturating_sub(keep_ms));
        loop {
            let task_ids = self.store.tasks_ended_before(&before, TASKS).await?;
            for task_id in &task_ids {
                self.trim(task_id, 1).await?;
            }
            if task_ids.len() < TASKS {
                return Ok(());
            }
        }
    }

    async fn trim(&self, task_id: &str, keep: u64) -> Result<(), sqlx::Error> {
        loop {
            let turn = self.quiet_turn().await;
            let more = self.store.trim(task_id, keep, STEP).await?;
            drop(turn);
            if !more {
                return Ok(());
            }
        }
    }

    async fn quiet_turn(&self) -> Turn<'_> {
        for _ in 0..PATIENCE.as_millis() / PATIENCE_STEP.as_millis() {
            match self.store.turn_if_free() {
                Some(turn) => return turn,
                None => tokio::time::sleep(PATIENCE_STEP).await,
            }
        }
        self.store.turn().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::system_clock;
    use crate::log::tests::{claimed, open, progress, seqs};

    #[tokio::test]
    async fn a_log_that_could_not_be_trimmed_is_trimmed_later() {
        let (_directory, log, settings) = open().await;
        let (lease, mut head_seq) = {
            let claimed = claimed(&log, &settings).await;
            (claimed.lease, claimed.head_seq)
        };
        for percent in 0..5 {
            head_seq = log.append(&lease, head_seq, progress(percent, None)).await.unwrap().head_seq;
        }
        let retention = Retention { keep_per_task: NonZeroU64::new(2), keep_ended: None };
        let long_logs = Arc::new(LongLogs::new(&retention));
        let trimmer = Trimmer { store: log.store.clone(), retention, long_logs, clock: system_clock() };
        let execute = async |sql: &'static str| {
            let mut tx = log.store.begin().await.unwrap();
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        execute("CREATE TRIGGER stuck BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'stuck'); END").await;
        trimmer.long_logs.note(&lease.task_id, head_seq);
        trimmer.trim_noted().await.unwrap_err();
        execute("DROP TRIGGER stuck").await;
        trimmer.trim_noted().await.unwrap();
        assert_eq!(seqs(&log, &lease.task_id).await, [head_seq - 1, head_seq]);
    }
}
