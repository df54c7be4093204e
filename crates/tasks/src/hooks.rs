use std::time::Duration;

use crate::event::EventKind;

/// What an engine tells about itself, for metrics. Called as things happen, on
/// the engine's own tasks: count, do not wait. Every method does nothing unless
/// it is implemented.
pub trait Hooks: Send + Sync + 'static {
    /// Events of a kind were stored, whoever appended them.
    fn appended(&self, kind: EventKind, events: u64) {
        let _ = (kind, events);
    }

    /// A worker's commit is durable, so long after it was asked for.
    fn committed(&self, took: Duration) {
        let _ = took;
    }

    /// The store answered, or failed.
    fn store(&self, operation: StoreOperation, took: Duration, answered: bool) {
        let _ = (operation, took, answered);
    }

    /// A worker's lease ended before its job did.
    fn lease_lost(&self, loss: LeaseLoss) {
        let _ = loss;
    }
}

/// What the store was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreOperation {
    /// To make events durable: from the first statement that writes them to the
    /// end of the transaction.
    Write,
    /// To read a page of events.
    Read,
}

impl StoreOperation {
    /// Every operation.
    pub const ALL: [StoreOperation; 2] = [StoreOperation::Write, StoreOperation::Read];

    /// In one word, for labels of metrics.
    pub fn name(self) -> &'static str {
        match self {
            StoreOperation::Write => "write",
            StoreOperation::Read => "read",
        }
    }
}

/// Why a worker has no right to write any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseLoss {
    /// Another worker has taken the task.
    Taken,
    /// The task is finished.
    Finished,
    /// The store did not answer for as long as the lease lasts.
    StoreSilent,
}

impl LeaseLoss {
    /// Every reason.
    pub const ALL: [LeaseLoss; 3] = [LeaseLoss::Taken, LeaseLoss::Finished, LeaseLoss::StoreSilent];

    /// In one word, for labels of metrics.
    pub fn name(self) -> &'static str {
        match self {
            LeaseLoss::Taken => "taken",
            LeaseLoss::Finished => "finished",
            LeaseLoss::StoreSilent => "store_silent",
        }
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}
