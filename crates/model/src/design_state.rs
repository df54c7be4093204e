//! One layout as a file: millimetres, degrees, minimum corners.
//!
//! `position` is the minimum corner of the rotated, axis-aligned box and
//! `center` its centre, both from the envelope's centre; `dimensions` are
//! unrotated. The file says so itself, in `metadata`.

mod read;

use serde::{Deserialize, Serialize};

use crate::file_units::{c_from_k, mm_from_m, mm_from_m3};
use crate::{Layout, Satellite, Vec3};

pub use read::{layout_from_state, layout_from_value};

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesignState {
    /// Iteration of the search that the layout comes from.
    pub iteration: u32,
    /// One entry per component, in the satellite's order.
    pub components: Vec<StateComponent>,
    /// The box.
    pub envelope: StateEnvelope,
    /// Boxes that components may not enter.
    pub keepouts: Vec<StateKeepOut>,
    /// What the numbers mean and where they come from.
    pub metadata: StateMetadata,
}

/// Three values along the body axes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Xyz {
    /// Along x.
    pub x: f64,
    /// Along y.
    pub y: f64,
    /// Along z.
    pub z: f64,
}

/// One component where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateComponent {
    /// Id after quantity expansion.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Minimum corner of the rotated box, mm.
    pub position: Xyz,
    /// Centre of the box, mm.
    pub center: Xyz,
    /// Unrotated size, mm.
    pub dimensions: Xyz,
    /// Degrees, `Rz * Ry * Rx` about the centre.
    pub rotation: Xyz,
    /// Label of the panel that carries it, such as `+X`.
    pub panel: String,
    /// Quarter turns about the inward normal.
    pub turn: u8,
    /// kg.
    pub mass: f64,
    /// Heat in the hot case, W.
    pub power: f64,
    /// Category of the BOM.
    pub category: String,
    /// Distance to the nearest other component, mm; null when alone.
    pub clearance: Option<f64>,
    /// Distance from the envelope's walls, mm; negative outside.
    #[serde(default)]
    pub containment: Option<f64>,
    /// Hot case, °C.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Limit less uncertainty less temperature, K.
    #[serde(default)]
    pub temp_margin: Option<f64>,
}

/// The box in mm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateEnvelope {
    /// Outside.
    pub outer_size: Xyz,
    /// Inside.
    pub inner_size: Xyz,
    /// Wall thickness.
    pub thickness: f64,
    /// Share that an automatic envelope was to be filled to.
    pub fill_ratio: Option<f64>,
    /// Always `center`.
    pub origin: String,
}

/// A keep-out box in mm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateKeepOut {
    /// Minimum corner.
    pub min_point: Xyz,
    /// Maximum corner.
    pub max_point: Xyz,
    /// For people.
    pub tag: String,
}

/// What the numbers mean and where they come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StateMetadata {
    /// What `position` is.
    #[serde(default)]
    pub position: String,
    /// Units of the file.
    #[serde(default)]
    pub units: String,
    /// Origin, axes and order of rotation.
    #[serde(default)]
    pub frame: String,
    /// The satellite's name.
    #[serde(default)]
    pub satellite: String,
    /// Version of the models.
    #[serde(default)]
    pub model_version: String,
    /// Cells per panel edge.
    #[serde(default)]
    pub mesh: Option<u32>,
    /// Relative residual of the heat balance.
    #[serde(default)]
    pub energy_balance: Option<f64>,
    /// Seed of the search.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Score of the layout; lower is better.
    #[serde(default)]
    pub score: Option<f64>,
    /// Whether every evaluated constraint is met.
    #[serde(default)]
    pub feasible: Option<bool>,
    /// Headline numbers by public name (`max_temp`, `min_clearance`, ...), in
    /// the file's units.
    #[serde(default)]
    pub metrics: serde_json::Map<String, serde_json::Value>,
    /// Every evaluated constraint.
    #[serde(default)]
    pub constraints: Vec<StateConstraint>,
}

/// One constraint, in the file's units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateConstraint {
    /// Which rule.
    pub group: String,
    /// Value of the worst subject.
    pub value: f64,
    /// Its limit.
    pub limit: f64,
    /// Distance to the limit; positive is good. K for temperatures.
    pub margin: f64,
    /// `mm`, `degC`, `kg`, `W`, `deg` or empty.
    pub unit: String,
    /// Ids of the components that the value belongs to; empty for the whole.
    pub subject: Vec<String>,
    /// How many subjects break the limit.
    pub violations: usize,
}

/// What the models say of one component. `None` where they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ComponentNumbers {
    /// Hot case, K.
    pub temp_k: Option<f64>,
    /// Limit less uncertainty less temperature, K.
    pub temp_margin_k: Option<f64>,
    /// Distance to the nearest other component, m. Infinite counts as none.
    pub clearance_m: Option<f64>,
    /// Distance from the walls, m.
    pub containment_m: Option<f64>,
}

/// Text of `metadata.position`.
pub const POSITION_MEANING: &str = "minimum corner of the rotated axis-aligned box";
/// Text of `metadata.units`.
pub const UNITS: &str = "mm, kg, W, deg, degC (margins of temperature in K)";
/// Text of `metadata.frame`.
pub const FRAME: &str = "origin at the envelope's centre; rotation Rz*Ry*Rx about the component's centre";

impl DesignState {
    /// The file form of a layout. `numbers` may be empty when nothing was
    /// evaluated. `metadata` needs no `position`, `units`, `frame` and
    /// `satellite`.
    ///
    /// # Panics
    ///
    /// When the layout has not one placement for each component.
    pub fn new(
        iteration: u32,
        satellite: &Satellite,
        layout: &Layout,
        numbers: &[ComponentNumbers],
        metadata: StateMetadata,
    ) -> DesignState {
        assert_eq!(layout.placements.len(), satellite.components.len(), "one placement per component");
        let components = satellite
            .components
            .iter()
            .zip(&layout.placements)
            .enumerate()
            .map(|(at, (component, placement))| {
                let numbers = numbers.get(at).copied().unwrap_or_default();
                let [x, y, z] = placement.rotation_deg();
                StateComponent {
                    id: component.id.clone(),
                    name: component.name.clone(),
                    position: xyz_mm(placement.min_corner_m(component.size_m)),
                    center: xyz_mm(placement.center_m),
                    dimensions: xyz_mm(component.size_m),
                    rotation: Xyz { x, y, z },
                    panel: placement.panel.label().to_owned(),
                    turn: placement.turn % 4,
                    mass: component.mass_kg,
                    power: component.power_w,
                    category: component.category.clone(),
                    clearance: finite(numbers.clearance_m).map(mm_from_m),
                    containment: finite(numbers.containment_m).map(mm_from_m),
                    temperature: finite(numbers.temp_k).map(c_from_k),
                    temp_margin: finite(numbers.temp_margin_k),
                }
            })
            .collect();
        let envelope = &satellite.envelope;
        DesignState {
            iteration,
            components,
            envelope: StateEnvelope {
                outer_size: xyz_mm(envelope.outer_size_m),
                inner_size: xyz_mm(envelope.inner_size_m),
                thickness: mm_from_m(envelope.thickness_m()),
                fill_ratio: envelope.fill_ratio,
                origin: "center".to_owned(),
            },
            keepouts: satellite
                .keep_outs
                .iter()
                .map(|keep_out| StateKeepOut {
                    min_point: xyz_mm(keep_out.min_m),
                    max_point: xyz_mm(keep_out.max_m),
                    tag: keep_out.tag.clone(),
                })
                .collect(),
            metadata: StateMetadata {
                position: POSITION_MEANING.to_owned(),
                units: UNITS.to_owned(),
                frame: FRAME.to_owned(),
                satellite: satellite.name.clone(),
                ..metadata
            },
        }
    }
}

impl StateConstraint {
    /// Converts value, limit and margin from an SI unit (`m`, `K`, `kg`, `W`,
    /// `rad` or empty) to the file's. `K` means a temperature: value and limit
    /// become °C, the margin stays a difference in K.
    pub fn from_si(
        group: impl Into<String>,
        (value, limit, margin): (f64, f64, f64),
        unit: &str,
        subject: Vec<String>,
        violations: usize,
    ) -> StateConstraint {
        let (value, limit, margin, unit) = match unit {
            "m" => (mm_from_m(value), mm_from_m(limit), mm_from_m(margin), "mm"),
            "K" => (c_from_k(value), c_from_k(limit), margin, "degC"),
            "rad" => (value.to_degrees(), limit.to_degrees(), margin.to_degrees(), "deg"),
            other => (value, limit, margin, other),
        };
        StateConstraint {
            group: group.into(),
            value,
            limit,
            margin,
            unit: unit.to_owned(),
            subject,
            violations,
        }
    }
}

impl From<Vec3> for Xyz {
    fn from([x, y, z]: Vec3) -> Xyz {
        Xyz { x, y, z }
    }
}

impl From<Xyz> for Vec3 {
    fn from(value: Xyz) -> Vec3 {
        [value.x, value.y, value.z]
    }
}

fn xyz_mm(value_m: Vec3) -> Xyz {
    mm_from_m3(value_m).into()
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
