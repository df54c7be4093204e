//! One run, one directory of results (contract section 6). The only core crate
//! that touches the disk.
//!
//! Read in this order.

/// What somebody wants of the search, and what holds where they say nothing:
/// the configuration's value, else the default.
pub mod wishes;
/// Runs a search and leaves its directory.
pub mod run;
/// What is written after each iteration, and the checkpoint.
mod recorder;
/// Rows in a checkpoint.
mod packed;
/// What is written at the end.
mod finish;
/// Names in the directory, and reading it.
pub mod directory;
/// The numbers that messages, files and tables share, in their units.
pub mod metrics;
/// `evolution_trace.csv`.
pub mod evolution;
/// `design_state_iter_NN.json`.
pub mod design_state;
/// `report.md`.
mod report;
/// The images.
mod picture;
/// Whole files or none.
mod disk;
#[cfg(test)]
mod fixture;

pub use design_state::design_state;
pub use directory::{directory_name, file_place, list_experiments, read_summary};
pub use evolution::{EvolutionRow, read_evolution};
pub use metrics::{constraints_json, headline_metrics};
pub use picture::IMAGE_NAMES;
pub use run::{Error, Hooks, RunRequest, RunSummary, run};
pub use wishes::SearchWishes;

// What a caller needs to name beside these, without a dependency of its own.
pub use optimize::{Control, Iteration, Settings};
pub use physics::Evaluation;
