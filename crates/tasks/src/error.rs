use std::path::PathBuf;

use crate::page::Extent;
use crate::task::Status;

/// What can go wrong when asking the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such task.
    #[error("task {task_id} does not exist")]
    UnknownTask {
        /// The id that was asked for.
        task_id: String,
    },
    /// Events that were asked for are gone.
    #[error("the oldest events of task {task_id} have been trimmed; those from {} to {} are left", extent.first_seq, extent.head_seq)]
    Trimmed {
        /// The task.
        task_id: String,
        /// What its log still holds.
        extent: Extent,
    },
    /// The task is in a status that does not allow the request.
    #[error("task {task_id} is {}; {request} needs {needs}", status.name())]
    Conflict {
        /// The task.
        task_id: String,
        /// Its status.
        status: Status,
        /// What was asked.
        request: &'static str,
        /// What the request needs.
        needs: &'static str,
    },
    /// The queue is full.
    #[error("{queued} tasks are queued; the limit is {limit}")]
    QueueFull {
        /// Tasks queued.
        queued: usize,
        /// The limit.
        limit: usize,
    },
    /// The store's address cannot be used.
    #[error("store address {url:?}: found {found}; allowed are sqlite://PATH and postgres://HOST/DATABASE")]
    StoreAddress {
        /// The address as it was given, without its password.
        url: String,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The store cannot be opened: missing directory, no permission, not a database.
    #[error("the task store {store} cannot be opened: {cause}")]
    StoreUnusable {
        /// The file or the address without its password.
        store: String,
        /// Why.
        cause: String,
    },
    /// Another living process owns the SQLite file.
    #[error(
        "the task store {} is in use by another running process, which holds {}; \
         stop that process or use another data directory",
        store.display(), lock.display()
    )]
    StoreInUse {
        /// The database file.
        store: PathBuf,
        /// The lock file that the other process holds.
        lock: PathBuf,
    },
    /// The store was written by a newer version of this program.
    #[error(
        "the task store {store} has schema version {found}; this program knows versions up to {supported}"
    )]
    StoreTooNew {
        /// The file or the address without its password.
        store: String,
        /// The store's version.
        found: i64,
        /// The newest version this program knows.
        supported: i64,
    },
    /// There is no store where one is expected.
    #[error("there is no task store {store}")]
    StoreMissing {
        /// The file.
        store: String,
    },
    /// A process of an older version works on the store.
    #[error(
        "the task store {store} has schema version {found}, this program needs {needed}, and a running process \
         of an older version owns it; start that process anew with this version first"
    )]
    StoreTooOld {
        /// The file.
        store: String,
        /// The store's version.
        found: i64,
        /// The version this program needs.
        needed: i64,
    },
    /// There are too many keys.
    #[error("{limit} usable keys exist already, which is the limit; revoke some first")]
    TooManyAccessKeys {
        /// The limit.
        limit: usize,
    },
    /// The engine was stopped before it could answer.
    #[error("the task engine has been stopped")]
    Stopped,
    /// The store did not answer.
    #[error("store: {0}")]
    Store(#[from] sqlx::Error),
}
