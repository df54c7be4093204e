//! The bill of materials: what a user's file says, checked and in SI units.
//!
//! [`parse_bom`] reads JSON, CSV and YAML, [`bom_from_value`] an object that
//! came inside a request. Both report everything that is wrong at once.

pub(crate) mod checks;
pub(crate) mod config_component;
mod csv;
mod entry;
mod extras;
mod format;
mod parse;
mod relations;
pub(crate) mod sections;

use serde::{Deserialize, Serialize};

use crate::{LimitSet, Orbit, Panel, PanelSet, Vec3};

pub use format::BomFormat;
pub use parse::{BomError, EntrySummary, bom_from_value, file_missing, parse_bom};

/// Largest BOM file, bytes.
pub const MAX_BOM_BYTES: usize = 2 * 1024 * 1024;

/// Most components of one satellite, after quantity expansion.
pub const MAX_COMPONENTS: usize = 500;

/// Characters of an id.
pub const MAX_ID_CHARS: usize = 64;

/// A checked bill of materials: every entry is complete, ids are unique after
/// quantity expansion, references point at entries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bom {
    /// Name of the case.
    pub scenario_id: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The entries in the file's order.
    pub entries: Vec<BomEntry>,
    /// Inner size of the envelope, m.
    pub envelope_m: Option<Vec3>,
    /// Outer size, m.
    pub envelope_outer_m: Option<Vec3>,
    /// Wall thickness, m.
    pub shell_thickness_m: Option<f64>,
    /// What the file says of single panels.
    pub panels: Vec<(Panel, PanelEntry)>,
    /// Joint between two panels, W/(m K).
    pub edge_conductance_w_per_m_k: Option<f64>,
    /// Mass that is not placed.
    pub fixed_masses: Vec<FixedMassEntry>,
    /// Boxes that components may not enter.
    pub keep_outs: Vec<KeepOutEntry>,
    /// Rules about pairs and groups.
    pub relations: Vec<RelationEntry>,
    /// Orbit and fluxes.
    pub orbit: Option<Orbit>,
    /// Limits.
    pub limits: LimitSet,
    /// Lines and columns of the entries, when the format has them.
    #[serde(default)]
    pub(crate) entry_places: Vec<Option<(u64, u64)>>,
}

/// One entry: a unit, or several alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BomEntry {
    /// As written; several units get `_01`, `_02`, ... appended.
    pub id: String,
    /// For people.
    pub name: String,
    /// Unrotated box, m.
    pub size_m: Vec3,
    /// Mass of one unit, kg.
    pub mass_kg: f64,
    /// Heat of one unit in the hot case, W.
    pub power_w: f64,
    /// Free text such as `power`.
    pub category: String,
    /// How many units.
    pub quantity: u32,
    /// Material, for people.
    pub material: Option<String>,
    /// Conductivity of the material, W/(m K).
    pub thermal_conductivity_w_per_m_k: Option<f64>,
    /// Upper operating limit, K.
    pub max_temp_k: Option<f64>,
    /// Remarks.
    pub notes: Option<String>,
    /// Everything beyond the plain form.
    #[serde(default)]
    pub extras: EntryExtras,
}

/// Optional properties of an entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EntryExtras {
    /// Lower operating limit, K.
    pub min_temp_k: Option<f64>,
    /// Heat in the cold case, W.
    pub power_min_w: Option<f64>,
    /// Largest electric draw, W.
    pub power_peak_w: Option<f64>,
    /// Panels that may carry the unit.
    pub allowed_panels: Option<PanelSet>,
    /// Base plate to panel, W/(m² K).
    pub contact_conductance_w_per_m2_k: Option<f64>,
    /// Infrared emissivity.
    pub emissivity: Option<f64>,
    /// Solar absorptivity (a radiator's outer face).
    pub absorptivity: Option<f64>,
    /// Name of the coating.
    pub coating_type: Option<String>,
    /// Straps to other entries: their id and W/(m² K).
    pub thermal_contacts: Vec<(String, f64)>,
    /// Body axis (0, 1, 2) that the longest side must follow.
    pub long_axis: Option<usize>,
    /// Whether the placement is given.
    pub fixed: bool,
    /// Minimum corner of the given placement, m.
    pub fixed_position_min_m: Option<Vec3>,
    /// Quarter turns of the given placement; without it the turn is found.
    pub fixed_turn: Option<u8>,
    /// Label that two mirrored units share.
    pub symmetric_pair: Option<String>,
    /// Thermostat heater: largest power, W, and switch-on temperature, K.
    pub heater: Option<(f64, f64)>,
    /// Keys whose physics is not there yet, verbatim.
    pub kept: serde_json::Map<String, serde_json::Value>,
}

/// What a file says of one panel. Fractions 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PanelEntry {
    /// Solar absorptivity of the radiator at end of life.
    pub absorptivity_eol: Option<f64>,
    /// Solar absorptivity of the radiator at begin of life.
    pub absorptivity_bol: Option<f64>,
    /// Infrared emissivity of the radiator.
    pub emissivity: Option<f64>,
    /// In-plane conductivity times thickness, W/K.
    pub kt_w_per_k: Option<f64>,
    /// Mass per area, kg/m².
    pub area_density_kg_per_m2: Option<f64>,
    /// Infrared emissivity of the inner face.
    pub inner_emissivity: Option<f64>,
    /// Share of the panel that is radiator; the rest is insulation.
    pub radiator_fraction: Option<f64>,
}

/// A mass at a fixed point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixedMassEntry {
    /// For people.
    pub name: String,
    /// Mass, kg.
    pub mass_kg: f64,
    /// Position, m.
    pub position_m: Vec3,
}

/// A box that components may not enter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeepOutEntry {
    /// For people.
    pub tag: String,
    /// Minimum corner, m.
    pub min_m: Vec3,
    /// Maximum corner, m.
    pub max_m: Vec3,
    /// Ids that may enter it.
    pub exempt: Vec<String>,
}

/// A rule about two or more entries, by id. An entry with a quantity stands
/// for all its units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RelationEntry {
    /// At least this clearance.
    MinDistance {
        /// One id.
        a: String,
        /// The other.
        b: String,
        /// Smallest clearance, m.
        distance_m: f64,
    },
    /// At most this clearance.
    MaxDistance {
        /// One id.
        a: String,
        /// The other.
        b: String,
        /// Largest clearance, m.
        distance_m: f64,
    },
    /// No two on one panel.
    DifferentPanel {
        /// The ids.
        group: Vec<String>,
    },
    /// Panels that look at least this far apart.
    DifferentDirection {
        /// The ids.
        group: Vec<String>,
        /// Smallest angle, rad.
        min_angle_rad: f64,
    },
    /// Mirrored in a plane through the origin.
    SymmetricPair {
        /// One id.
        a: String,
        /// The other.
        b: String,
        /// Axis normal to the plane.
        axis: usize,
    },
}

impl RelationEntry {
    /// The ids the rule is about.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            RelationEntry::MinDistance { a, b, .. }
            | RelationEntry::MaxDistance { a, b, .. }
            | RelationEntry::SymmetricPair { a, b, .. } => vec![a, b],
            RelationEntry::DifferentPanel { group } | RelationEntry::DifferentDirection { group, .. } => {
                group.iter().map(String::as_str).collect()
            }
        }
    }
}

impl BomEntry {
    /// Ids of the units: the id itself, or with `_01`, `_02`, ... appended.
    pub fn unit_ids(&self) -> Vec<String> {
        if self.quantity == 1 {
            return vec![self.id.clone()];
        }
        (1..=self.quantity).map(|number| format!("{}_{number:02}", self.id)).collect()
    }
}

impl Bom {
    /// Components after quantity expansion.
    pub fn num_components(&self) -> usize {
        self.entries.iter().map(|entry| entry.quantity as usize).sum()
    }

    /// Mass of all units, kg.
    pub fn total_mass_kg(&self) -> f64 {
        tidy(self.entries.iter().map(|entry| entry.mass_kg * f64::from(entry.quantity)).sum())
    }

    /// Heat of all units in the hot case, W.
    pub fn total_power_w(&self) -> f64 {
        tidy(self.entries.iter().map(|entry| entry.power_w * f64::from(entry.quantity)).sum())
    }
}

/// Without the noise of addition: 7.1 and not 7.1000000000000005.
fn tidy(sum: f64) -> f64 {
    let scaled = sum * 1e9;
    if scaled.abs() < 1e15 { scaled.round() / 1e9 } else { sum }
}
