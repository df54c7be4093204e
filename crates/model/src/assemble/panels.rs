use crate::bom::PanelEntry;
use crate::satellite::PanelProperties;
use crate::{Bom, Panel, SystemConfig};

/// Effective values of multi-layer insulation, which covers what is not
/// radiator: emissivity, absorptivity at end and at begin of life.
const INSULATION_EMISSIVITY: f64 = 0.03;
const INSULATION_ABSORPTIVITY: f64 = 0.018;
const INSULATION_ABSORPTIVITY_BOL: f64 = 0.012;

/// The six panels and the conductance of the joints between them.
pub(super) fn panels(bom: &Bom, config: &SystemConfig) -> ([PanelProperties; 6], f64) {
    let panels = Panel::ALL.map(|panel| {
        let entry = bom.panels.iter().find(|(label, _)| *label == panel).map(|(_, entry)| *entry);
        properties(&entry.unwrap_or_default(), config)
    });
    let joint = bom.edge_conductance_w_per_m_k.unwrap_or(config.thermal.edge_conductance_w_per_m_k);
    (panels, joint)
}

fn properties(entry: &PanelEntry, config: &SystemConfig) -> PanelProperties {
    let thermal = &config.thermal;
    let share = entry.radiator_fraction.unwrap_or(1.0);
    let mean = |radiator: f64, insulation: f64| share * radiator + (1.0 - share) * insulation;
    let absorptivity = entry.absorptivity_eol.unwrap_or(thermal.outer_absorptivity);
    // A panel known only at end of life is taken to have been so from the start.
    let absorptivity_bol = entry.absorptivity_bol.unwrap_or(absorptivity);
    PanelProperties {
        kt_w_per_k: entry.kt_w_per_k.unwrap_or(thermal.panel_kt_w_per_k),
        area_density_kg_per_m2: entry.area_density_kg_per_m2.unwrap_or(thermal.panel_area_density_kg_per_m2),
        outer_emissivity: mean(entry.emissivity.unwrap_or(thermal.outer_emissivity), INSULATION_EMISSIVITY),
        outer_absorptivity: mean(absorptivity, INSULATION_ABSORPTIVITY),
        outer_absorptivity_bol: mean(absorptivity_bol, INSULATION_ABSORPTIVITY_BOL),
        inner_emissivity: entry.inner_emissivity.unwrap_or(thermal.inner_emissivity),
    }
}
