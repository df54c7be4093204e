//! The nouns of satellite layout, their invariants, and their forms on disk.
//!
//! Inside the workspace every quantity is an `f64` in SI units whose name ends
//! in its unit (`size_m`, `power_w`, `temp_k`); positions are component centres
//! in the body frame. Millimetres, degrees Celsius and minimum corners exist
//! only in the file forms of this crate.
//!
//! Read in this order.

/// Faces of the envelope box and directions of the body frame.
pub mod panel;
/// One unit of the bill of materials, resolved: SI units, quantity expanded.
pub mod component;
/// Where one component stands, and where all of them stand.
pub mod layout;
/// The whole problem a layout answers: envelope, panels, components, limits.
pub mod satellite;
/// What is wrong with an input: every problem at once, in two languages.
pub mod problem;
/// The bill of materials: JSON, CSV and YAML files, and inline objects.
pub mod bom;
/// The configuration file: envelope, thermal world, limits, search.
pub mod config;
/// Limits as the files and requests state them.
pub mod limits;
/// From BOM, configuration and task limits to a satellite.
pub mod assemble;
/// One layout as a file, and back.
pub mod design_state;
/// A BOM to start from, in each format.
pub mod template;
/// Sample files that are part of the program.
pub mod examples;
/// Millimetres and degrees Celsius to SI and back.
pub mod file_units;
/// Bytes to values with places. Shared by all file forms.
mod input;

pub use assemble::assemble;
pub use bom::{Bom, BomError, BomFormat, bom_from_value, parse_bom};
pub use component::Component;
pub use config::{SystemConfig, parse_config};
pub use design_state::DesignState;
pub use layout::{Layout, Placement};
pub use limits::{LimitSet, limits_from_value};
pub use panel::{Panel, PanelSet};
pub use problem::{Checked, Language, NOT_EVALUATED_YET, Problem, Severity};
pub use satellite::{Orbit, Satellite};

/// A position or an extent in the body frame: x, y, z in metres unless the
/// name says otherwise.
pub type Vec3 = [f64; 3];

/// 0 °C in kelvin.
pub const ZERO_CELSIUS_K: f64 = 273.15;
