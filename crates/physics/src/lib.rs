//! From a layout to numbers: clearance, mass properties, temperatures.
//!
//! Pure: no IO, no clock, no randomness. Equal input gives equal bits.
//! Equations, sources and validity: docs/physics.md.
//!
//! Read in this order.

/// What an evaluation says: metrics, constraints with margins, temperatures.
pub mod evaluation;

pub use evaluation::{Constraint, ConstraintGroup, Evaluation, Subject};

/// Named in every result; changes when a number of an unchanged input may.
pub const MODEL_VERSION: &str = "2026.11";
