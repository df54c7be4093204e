//! Seeded search over layouts.
//!
//! Pure: no IO, no clock; all randomness comes from the seed. The result does
//! not depend on the number of threads, nor on whether the search was
//! interrupted after an iteration and resumed from its checkpoint.
//!
//! How it searches and what it measures: docs/optimizer.md. Read in this order.

/// What a caller asks for, sees and gets: settings, observer, checkpoint.
pub mod search;

/// What makes one layout better than another.
pub mod objective;

/// One iteration: the replicas' walks, their exchange, the full evaluation.
mod epoch;
/// One replica's annealing.
mod walker;
/// A layout with its energy, kept up to date move by move.
mod state;
/// The moves.
mod moves;
/// The constructive start.
mod start;
/// Free places beside what already stands.
mod spots;
/// What the search needs of a satellite, worked out once.
mod problem;
/// Rules about pairs and groups of components.
mod relation;
/// Components in line with each other.
mod tidy;
/// Component temperatures that follow moves.
mod heat;
/// Components tied by thermal straps.
mod straps;
/// Base plates on the cells of a panel.
mod footprint;
/// Axis-aligned boxes.
mod boxes;
/// Small dense systems.
mod linear;
/// The random stream.
mod random;

pub use epoch::proposals_per_epoch;
pub use objective::score;
pub use search::{Checkpoint, Control, Error, Iteration, Observer, Outcome, Settings, StopReason, run};

#[cfg(test)]
mod fixture;
