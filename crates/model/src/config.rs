//! The configuration file (`config/system.yaml`): defaults of the envelope,
//! the thermal world, limits and the search.

mod parse;
mod variables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bom::{BomEntry, KeepOutEntry};
use crate::{Checked, LimitSet, Orbit, Problem, Vec3};

pub use parse::parse_config;
pub use variables::Origin;

/// Reads a configuration. `is_named`: the user asked for this very file. Who
/// neither wrote nor asked for the one that comes with the program is not told
/// about its keys.
pub fn load(bytes: &[u8], is_named: bool, origin: Origin<'_>) -> Result<Checked<SystemConfig>, Vec<Problem>> {
    let mut checked = parse_config(bytes, origin)?;
    if !is_named && bytes == crate::examples::SYSTEM_YAML.as_bytes() {
        checked.warnings.clear();
    }
    Ok(checked)
}

/// Largest configuration file, bytes.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;

/// Most iterations of one search.
pub const MAX_ITERATIONS: u32 = 10_000;
/// Largest seed; larger integers are not exact in every client's numbers.
pub const MAX_SEED: u64 = 1 << 53;

/// What a configuration says. `SystemConfig::default()` is "no configuration".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemConfig {
    /// `project.name`.
    pub project_name: Option<String>,
    /// The box, when the BOM states none.
    pub envelope: EnvelopeConfig,
    /// `geometry.components`: used when there is no BOM.
    pub components: Vec<BomEntry>,
    /// `geometry.keepouts`, in addition to the BOM's.
    pub keep_outs: Vec<KeepOutEntry>,
    /// `geometry.clearance_mm`: spacing of the constructive start, m.
    pub start_spacing_m: f64,
    /// `geometry.multistart`: starts of the search.
    pub multistart: Option<u32>,
    /// `simulation.constraints`.
    pub limits: LimitSet,
    /// The thermal world where the BOM says nothing.
    pub thermal: ThermalConfig,
    /// `environment`: orbit when the BOM has none.
    pub orbit: Option<Orbit>,
    /// Defaults of the search.
    pub optimization: OptimizationConfig,
    /// What is written where.
    pub logging: LoggingConfig,
    /// Keys that are understood and have no effect, verbatim.
    #[serde(default)]
    pub kept: BTreeMap<String, serde_json::Value>,
}

/// The box when the BOM states none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnvelopeConfig {
    /// Size from the volume of the components.
    pub auto: bool,
    /// Share of the outer volume that the components fill.
    pub fill_ratio: f64,
    /// x : y : z of the outer box.
    pub size_ratio: Vec3,
    /// Outer size when it is not automatic, m.
    pub size_m: Option<Vec3>,
    /// Wall thickness, m.
    pub shell_thickness_m: f64,
    /// Whether coordinates of `geometry.keepouts` count from the inner box's
    /// minimum corner instead of its centre.
    pub origin_at_corner: bool,
}

/// The default thermal world. Every value is a key of section `thermal`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThermalConfig {
    /// Panel conductivity times thickness, W/K.
    pub panel_kt_w_per_k: f64,
    /// Panel mass per area, kg/m².
    pub panel_area_density_kg_per_m2: f64,
    /// Joint between panels, W/(m K).
    pub edge_conductance_w_per_m_k: f64,
    /// Outside infrared emissivity.
    pub outer_emissivity: f64,
    /// Outside solar absorptivity.
    pub outer_absorptivity: f64,
    /// Inside infrared emissivity of panels.
    pub inner_emissivity: f64,
    /// Infrared emissivity of components.
    pub component_emissivity: f64,
    /// Component to panel, W/(m² K).
    pub contact_conductance_w_per_m2_k: f64,
    /// Absorbed by every outer face in the hot case at `outer_absorptivity`
    /// 0.25, W/m².
    pub hot_absorbed_w_per_m2: f64,
    /// The same in the cold case.
    pub cold_absorbed_w_per_m2: f64,
    /// Temperature of space, K.
    pub space_temp_k: f64,
}

/// Defaults of the search, where a task says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimizationConfig {
    /// `optimization.max_iterations`.
    pub max_iterations: Option<u32>,
    /// `optimization.convergence_threshold`.
    pub convergence_threshold: Option<f64>,
    /// `optimization.seed`.
    pub seed: Option<u64>,
}

/// What is written where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggingConfig {
    /// `logging.output_dir` or `base_dir`, only from an operator's file.
    pub output_dir: Option<String>,
    /// Whether images are drawn.
    pub save_visualizations: bool,
}

impl Default for EnvelopeConfig {
    fn default() -> Self {
        EnvelopeConfig {
            auto: true,
            fill_ratio: 0.3,
            size_ratio: [1.0; 3],
            size_m: None,
            shell_thickness_m: 0.001,
            origin_at_corner: false,
        }
    }
}

impl Default for ThermalConfig {
    fn default() -> Self {
        ThermalConfig {
            // Aluminium sheet of 2 mm: 167 W/(m K) and 2700 kg/m³.
            panel_kt_w_per_k: 167.0 * 0.002,
            panel_area_density_kg_per_m2: 2700.0 * 0.002,
            edge_conductance_w_per_m_k: 50.0,
            outer_emissivity: 0.85,
            outer_absorptivity: REFERENCE_ABSORPTIVITY,
            inner_emissivity: 0.80,
            component_emissivity: 0.80,
            contact_conductance_w_per_m2_k: 150.0,
            hot_absorbed_w_per_m2: 60.0,
            cold_absorbed_w_per_m2: 20.0,
            space_temp_k: 2.7,
        }
    }
}

/// Absorptivity that the default absorbed fluxes belong to.
pub const REFERENCE_ABSORPTIVITY: f64 = 0.25;

impl Default for LoggingConfig {
    fn default() -> Self {
        LoggingConfig { output_dir: None, save_visualizations: true }
    }
}

impl Default for SystemConfig {
    fn default() -> Self {
        SystemConfig {
            project_name: None,
            envelope: EnvelopeConfig::default(),
            components: vec![],
            keep_outs: vec![],
            start_spacing_m: 0.005,
            multistart: None,
            limits: LimitSet::default(),
            thermal: ThermalConfig::default(),
            orbit: None,
            optimization: OptimizationConfig::default(),
            logging: LoggingConfig::default(),
            kept: BTreeMap::new(),
        }
    }
}
