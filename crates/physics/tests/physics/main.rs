//! Reference cases, properties and refusals of the physics.

mod evaluation;
mod fixture;
mod geometry_and_orbit;
mod metamorphic;
mod response;
mod robustness;
mod thermal_box;
mod thermal_sheet;
