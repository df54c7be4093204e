//! The task engine against a real store, with jobs that only count.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it must be")]

mod contract;
mod fixtures;
mod fold;
mod hooks;
mod opening;
mod outage;
mod restart;
mod support;
