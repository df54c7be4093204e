//! Steady temperatures of panels and components. Equations: docs/physics.md.
//!
//! Read in this order.

/// From a satellite and a layout to temperatures.
pub mod model;
/// The linear response around a solution, for scoring many moves.
pub mod response;

pub use model::{CellArea, Model, Rectangle, Solution};
pub use response::{Response, Scorer};
