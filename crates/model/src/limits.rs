use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file_units::{k_from_c, m_from_mm};
use crate::input::{Node, Number, Problems, Subject, Table};
use crate::{Checked, Problem, Vec3};

/// Limits as a BOM, a configuration or a task states them: only those that
/// stand there. SI units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitSet {
    /// `max_temp_c`, K.
    pub max_temp_k: Option<f64>,
    /// `temperature_uncertainty_k`, K.
    pub temperature_uncertainty_k: Option<f64>,
    /// `min_clearance_mm`, m.
    pub min_clearance_m: Option<f64>,
    /// `max_cg_offset_mm`, m.
    pub max_cg_offset_m: Option<f64>,
    /// `cg_limits_mm`, m.
    pub cg_limits_m: Option<Vec3>,
    /// `max_mass_kg`, kg.
    pub max_mass_kg: Option<f64>,
    /// `max_power_w`, W.
    pub max_power_w: Option<f64>,
    /// `enforce_power_budget`.
    pub enforce_power_budget: Option<bool>,
    /// Limits that no model evaluates yet, verbatim.
    #[serde(default)]
    pub kept: serde_json::Map<String, Value>,
}

/// Limits of a request's `constraints` object. `pointer` says where the object
/// stands in the request (`/constraints`).
pub fn limits_from_value(value: &Value, pointer: &str) -> Result<Checked<LimitSet>, Vec<Problem>> {
    let mut problems = Problems::new("limits");
    let node = Node::from(value);
    let limits = Table::open(&node, pointer, Subject::section("constraints"), &mut problems)
        .map(|table| read(&table, &mut problems))
        .unwrap_or_default();
    let warnings = problems.finish()?;
    Ok(Checked { value: limits, warnings })
}

impl LimitSet {
    /// These limits, and those of `other` where these say nothing.
    pub fn or(&self, other: &LimitSet) -> LimitSet {
        let mut kept = other.kept.clone();
        kept.extend(self.kept.clone());
        LimitSet {
            max_temp_k: self.max_temp_k.or(other.max_temp_k),
            temperature_uncertainty_k: self.temperature_uncertainty_k.or(other.temperature_uncertainty_k),
            min_clearance_m: self.min_clearance_m.or(other.min_clearance_m),
            max_cg_offset_m: self.max_cg_offset_m.or(other.max_cg_offset_m),
            cg_limits_m: self.cg_limits_m.or(other.cg_limits_m),
            max_mass_kg: self.max_mass_kg.or(other.max_mass_kg),
            max_power_w: self.max_power_w.or(other.max_power_w),
            enforce_power_budget: self.enforce_power_budget.or(other.enforce_power_budget),
            kept,
        }
    }
}

/// Spellings of each limit, the documented one first.
const MAX_TEMP: &[&str] = &["max_temp_c", "max_temp", "peak_temp", "temp"];
const MIN_CLEARANCE: &[&str] = &["min_clearance_mm", "min_clearance", "distance"];
const MAX_CG_OFFSET: &[&str] = &["max_cg_offset_mm", "cg_offset", "com_offset"];

/// Limits whose models come later. They are kept and reported once each.
const KEPT: &[&str] = &[
    "min_safety_factor",
    "min_modal_freq_hz",
    "max_voltage_drop_v",
    "min_power_margin_pct",
    "bus_voltage_v",
    "mission_keepout_axis",
    "mission_keepout_center_mm",
    "mission_min_separation_mm",
];

const OTHERS: &[&str] =
    &["temperature_uncertainty_k", "cg_limits_mm", "max_mass_kg", "max_power_w", "enforce_power_budget"];

/// Reads a `constraints` object.
pub(crate) fn read(table: &Table<'_>, problems: &mut Problems) -> LimitSet {
    let known: Vec<&str> =
        [MAX_TEMP, MIN_CLEARANCE, MAX_CG_OFFSET, KEPT, OTHERS].into_iter().flatten().copied().collect();
    table.check_keys(&known, problems);
    let length = Number::within(0.0, 1e5, "mm");
    let mut limits = LimitSet {
        max_temp_k: table.number_any(MAX_TEMP, Number::within(-273.15, 2000.0, "°C"), problems).map(k_from_c),
        temperature_uncertainty_k: table.number(
            "temperature_uncertainty_k",
            Number::within(0.0, 200.0, "K"),
            problems,
        ),
        min_clearance_m: table.number_any(MIN_CLEARANCE, length, problems).map(m_from_mm),
        max_cg_offset_m: table
            .number_any(MAX_CG_OFFSET, Number::above(0.0, 1e5, "mm"), problems)
            .map(m_from_mm),
        cg_limits_m: table
            .triple("cg_limits_mm", Number::above(0.0, 1e5, "mm"), problems)
            .map(|values| values.map(m_from_mm)),
        max_mass_kg: table.number("max_mass_kg", Number::above(0.0, 1e6, "kg"), problems),
        max_power_w: table.number("max_power_w", Number::above(0.0, 1e7, "W"), problems),
        enforce_power_budget: table.boolean("enforce_power_budget", problems),
        kept: serde_json::Map::new(),
    };
    for key in KEPT {
        let Some(node) = table.get(key) else { continue };
        let value = if *key == "mission_keepout_axis" {
            table.choice(key, &["x", "y", "z"], problems).map(Value::from)
        } else {
            table.number(key, kept_rule(key), problems).map(Value::from)
        };
        let Some(value) = value else { continue };
        limits.kept.insert((*key).to_owned(), value);
        problems.not_evaluated(table, key, node);
    }
    limits
}

fn kept_rule(key: &str) -> Number {
    match key {
        "mission_keepout_center_mm" => Number::within(-1e5, 1e5, "mm"),
        "min_power_margin_pct" => Number::within(-100.0, 1000.0, "%"),
        _ => Number::within(0.0, 1e5, ""),
    }
}
