//! The life of a task: an ordered, durable log of events, and everything that
//! is derived from it.
//!
//! A task *is* the fold of its events. What a client reads, what is pushed and
//! what a reconnecting client is sent again is that log, folded by one rule.
//! This crate knows jobs only as a function; it does not know what a satellite
//! is, nor that sockets exist.
//!
//! Read in this order.

/// The whole: submit, read, watch, cancel, shut down.
pub mod engine;
/// One fact about a task, and its place in order.
pub mod event;
/// What a worker runs, and how it reports.
pub mod job;
/// A task as the fold of its events.
pub mod task;

pub use engine::{Engine, EngineSettings, Error};
pub use event::{Event, EventKind, NewEvent};
pub use job::{Control, JobContext, JobFailure, JobFunction, JobSuccess};
pub use task::{Status, Task};
