//! Equations: docs/physics.md.
//!
//! Read in this order.

/// From a satellite and a layout to temperatures.
pub mod model;
/// How panel cells answer to heat, linear around a solution: for a search.
pub mod response;

/// Linear heat paths as a sparse matrix.
pub mod conduction;
/// Radiation inside the box.
pub mod enclosure;
/// A heat balance of nodes: what every model here comes down to.
pub mod network;
/// The nonlinear solve.
pub mod newton;
/// Flat sheets cut into cells; footprints on them.
pub mod sheet;
/// Exchange areas of rectangles.
pub mod view_factor;

mod factor;
mod gmres;
mod input;
mod panels;

pub use conduction::{Conduction, Link};
pub use enclosure::Enclosure;
pub use model::{Model, Solution};
pub use network::{FixedLink, Interior, Network, STEFAN_BOLTZMANN, Surface};
pub use newton::Field;
pub use response::Response;
pub use sheet::{CellArea, Rectangle, Sheet};
