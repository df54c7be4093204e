//! One run, one directory of results (contract section 6). The only core crate
//! that touches the disk.
//!
//! Read in this order.

/// Runs a search and leaves its directory.
pub mod run;

pub use run::{Error, Hooks, RunRequest, RunSummary, run};
// What a caller needs to name beside these, without a dependency of its own.
pub use optimize::{Control, Settings};
pub use physics::Evaluation;
