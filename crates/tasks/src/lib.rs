//! The life of a task: an ordered, durable log of events, and everything that
//! is derived from it.
//!
//! A task *is* the fold of its events. What a client reads, what is pushed and
//! what a reconnecting client is sent again is that log, folded by one rule.
//! This crate knows jobs only as a function; it does not know what a satellite
//! is, nor that sockets exist.
//!
//! README.md says what holds. Read in this order.

/// Keys with which programs say who they are.
pub mod access;
/// Time and ids.
mod clock;
/// The whole: submit, read, watch, cancel, shut down.
pub mod engine;
/// What can go wrong.
mod error;
/// One fact about a task, and its place in order.
pub mod event;
/// What a worker runs, and how it reports.
pub mod job;
/// Appends that share a transaction.
mod commit;
/// Every change, as one transaction that is announced after it is durable.
mod log;
/// What a reader of a log gets.
mod page;
/// What the engine tells about itself.
pub mod hooks;
/// What the engine is told from outside.
mod settings;
/// What a task is made from.
mod submission;
/// The tables: append, queue, reading.
mod store;
/// A task as the fold of its events.
pub mod task;
/// Retention.
mod trim;
/// Takes tasks, runs their jobs, keeps their leases.
mod worker;

pub use access::{Access, AccessKey, NewAccessKey};
pub use clock::{Clock, format_timestamp, system_clock};
pub use commit::AppendCounts;
pub use engine::Engine;
pub use error::Error;
pub use event::{EVENT_VERSION, Event, EventDetail, EventKind, NewEvent};
pub use hooks::{Hooks, LeaseLoss, NoHooks, StoreOperation};
pub use job::{Control, JobContext, JobFailure, JobFunction, JobSuccess, Reporter};
pub use page::{EventPage, Extent, Head, HeldTask};
pub use settings::{EngineSettings, Messages, Retention, Surroundings};
pub use submission::Submission;
pub use task::{Status, Task};

/// Compiles the example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
