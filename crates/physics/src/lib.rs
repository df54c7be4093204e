//! From a layout to numbers: clearance, mass properties, temperatures.
//!
//! Pure: no IO, no clock, no randomness. Equal input gives equal bits.
//! Equations, sources and validity: docs/physics.md.
//!
//! Read in this order.

/// Which limits a layout breaks, and by how much.
pub mod constraints;
/// From a layout to its evaluation.
pub mod evaluate;
/// What an evaluation says: metrics, constraints with margins, temperatures.
pub mod evaluation;
/// Signed clearance, containment.
pub mod geometry;
/// Mass, centre of mass, inertia.
pub mod mass;
/// Heat from Sun and Earth along a circular orbit.
pub mod orbit;
/// Steady temperatures of panels and components.
pub mod thermal;

/// Why the models have no answer.
pub mod error;

pub use error::Error;
pub use evaluate::{evaluate, evaluate_solution};
pub use evaluation::{Constraint, ConstraintGroup, Evaluation, Subject};

/// Named in every result; changes when a number of an unchanged input may.
pub const MODEL_VERSION: &str = "2026.11";

/// Cells per panel edge of what is reported.
pub const REPORT_MESH: usize = 16;
/// Cells per panel edge of the search.
pub const SEARCH_MESH: usize = 8;
