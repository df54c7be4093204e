//! What the task engine does, and what waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use tasks::{EventKind, Hooks, LeaseLoss, StoreOperation};

use super::Metrics;
use super::registrar::{Count, Fraction, Labeled, Level, Registrar};
use super::sharded::Latency;

/// Counted by the engine, or asked for when somebody wants to know.
#[derive(Debug)]
pub(crate) struct Tasks {
    appended: [Count; EventKind::ALL.len()],
    append: Latency,
    store: [Latency; StoreOperation::ALL.len()],
    store_errors: [Count; StoreOperation::ALL.len()],
    lease_losses: [Count; LeaseLoss::ALL.len()],
    by_status: Labeled<Level, 1>,
    queue_age_s: Fraction,
    running: Level,
    store_up: Level,
}

/// What the store says of the tasks.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) by_status: BTreeMap<&'static str, u64>,
    /// How long the oldest task has waited, s.
    pub(crate) queue_age_s: f64,
}

impl Tasks {
    pub(super) fn new(registrar: &mut Registrar) -> Tasks {
        let appended = registrar.counts("events_appended", "Events stored by this process", ["type"]);
        let store = registrar.many(
            "store_seconds",
            "Time in which the store makes events durable, or reads a page of them",
            ["operation"],
            Latency::fine,
        );
        let errors = registrar.counts("store_errors", "Times when the store failed at that", ["operation"]);
        let losses = registrar.counts(
            "lease_losses",
            "Leases of tasks that were lost while their job ran",
            ["reason"],
        );
        Tasks {
            appended: EventKind::ALL.map(|kind| appended.of([kind.name()])),
            append: registrar.latency(
                "append_seconds",
                "From the report of a job to its being durable, the wait for others included",
                Latency::fine(),
            ),
            store: StoreOperation::ALL.map(|operation| store.of([operation.name()])),
            store_errors: StoreOperation::ALL.map(|operation| errors.of([operation.name()])),
            lease_losses: LeaseLoss::ALL.map(|loss| losses.of([loss.name()])),
            by_status: registrar.levels("tasks", "Tasks in the store, by status", ["status"]),
            queue_age_s: registrar.one(
                "queue_age_seconds",
                "How long the oldest pending task has waited; 0 when none waits",
                Fraction::default(),
            ),
            running: registrar.level("jobs_running", "Tasks that run in this process"),
            store_up: registrar.level("store_up", "Whether the store answered when this was asked for"),
        }
    }

    /// Events stored so far.
    pub(crate) fn appended(&self) -> u64 {
        self.appended.iter().map(Count::get).sum()
    }

    /// What is known now; `None` when the store does not answer.
    pub(super) fn refresh(&self, running: usize, survey: Option<&Survey>) {
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.store_up.set(i64::from(survey.is_some()));
        match survey {
            Some(Survey { by_status, queue_age_s }) => {
                for (status, tasks) in by_status {
                    self.by_status.of([*status]).set(i64::try_from(*tasks).unwrap_or(i64::MAX));
                }
                self.queue_age_s.set(*queue_age_s);
            }
            // Old numbers would look like new ones.
            None => {
                self.by_status.clear();
                self.queue_age_s.set(f64::NAN);
            }
        }
    }
}

/// Hears what the engine does.
pub(crate) struct TaskHooks(pub(crate) Metrics);

impl Hooks for TaskHooks {
    fn appended(&self, kind: EventKind, events: u64) {
        self.0.tasks().appended[kind as usize].inc_by(events);
    }

    fn committed(&self, took: Duration) {
        self.0.tasks().append.observe(took);
    }

    fn store(&self, operation: StoreOperation, took: Duration, answered: bool) {
        let tasks = self.0.tasks();
        tasks.store[operation as usize].observe(took);
        if !answered {
            tasks.store_errors[operation as usize].inc();
        }
    }

    fn lease_lost(&self, loss: LeaseLoss) {
        self.0.tasks().lease_losses[loss as usize].inc();
    }
}
