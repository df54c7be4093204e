use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, system_clock};
use crate::hooks::{Hooks, NoHooks};

/// How the engine works.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// `sqlite://PATH` or `postgres://...`. PATH is taken literally.
    pub store_url: String,
    /// Jobs that run at the same time in this process. 0 runs none.
    pub workers: usize,
    /// A worker that does not renew its lease for this long has lost it.
    pub lease: Duration,
    /// Runs without a new checkpoint after which a task fails.
    pub max_attempts: u32,
    /// Pending and running tasks beyond which `submit` refuses.
    pub max_queued: usize,
    /// Which events are kept.
    pub retention: Retention,
}

/// Which events of a task's log are kept; by default all. The last event of
/// all, which tells how the task ended, is kept in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many of each task. A log may be somewhat longer for a
    /// while: it is trimmed in the background.
    pub keep_per_task: Option<NonZeroU64>,
    /// For so long after the end of the task; then only the last one is left.
    pub keep_ended: Option<Duration>,
}

impl EngineSettings {
    /// The defaults, on the SQLite file at `path`, which is created when it is
    /// missing.
    pub fn sqlite(path: &Path) -> EngineSettings {
        EngineSettings {
            store_url: format!("sqlite://{}", path.display()),
            workers: 1,
            lease: Duration::from_secs(15),
            max_attempts: 3,
            max_queued: 1000,
            retention: Retention::default(),
        }
    }
}

/// The texts of the status changes that the engine itself announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// With `pending`.
    pub pending: String,
    /// With `running`.
    pub running: String,
    /// With `failed`.
    pub failed: String,
    /// With `cancelled`.
    pub cancelled: String,
}

impl Default for Messages {
    fn default() -> Self {
        Messages {
            pending: "Task created".to_owned(),
            running: "Optimization started".to_owned(),
            failed: "Optimization failed".to_owned(),
            cancelled: "Optimization cancelled".to_owned(),
        }
    }
}

/// What the engine takes from outside beside its settings.
#[derive(Clone)]
pub struct Surroundings {
    /// Tells the time of events and of task ids. Leases use the store's clock.
    pub clock: Clock,
    /// Texts of status changes.
    pub messages: Messages,
    /// Hears what happens.
    pub hooks: Arc<dyn Hooks>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Surroundings { clock: system_clock(), messages: Messages::default(), hooks: Arc::new(NoHooks) }
    }
}
