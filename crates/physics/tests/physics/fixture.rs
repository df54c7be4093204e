//! Satellites to test with, and the golden files.

use model::satellite::{Envelope, Environment, Limits, PanelProperties};
use model::{Component, Layout, Panel, PanelSet, Placement, Satellite, Vec3};
use serde_json::Value;

/// A golden case; inputs, expected values, tolerance and source stand in it.
pub(crate) fn golden(text: &str) -> Value {
    serde_json::from_str(text).expect("golden files are JSON")
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

pub(crate) fn vec3(value: &Value) -> Vec3 {
    numbers(value).try_into().expect("three numbers")
}

pub(crate) fn panel_properties() -> PanelProperties {
    PanelProperties {
        kt_w_per_k: 0.334,
        area_density_kg_per_m2: 5.4,
        outer_emissivity: 0.85,
        outer_absorptivity: 0.25,
        outer_absorptivity_bol: 0.25,
        inner_emissivity: 0.8,
    }
}

/// An empty box in the default thermal world.
pub(crate) fn empty(inner_size_m: Vec3) -> Satellite {
    Satellite {
        name: "fixture".into(),
        envelope: Envelope {
            inner_size_m,
            outer_size_m: inner_size_m.map(|side| side + 0.004),
            fill_ratio: None,
        },
        panels: [panel_properties(); 6],
        edge_conductance_w_per_m_k: 50.0,
        components: Vec::new(),
        straps: Vec::new(),
        keep_outs: Vec::new(),
        fixed_masses: Vec::new(),
        relations: Vec::new(),
        environment: Environment {
            space_temp_k: 2.7,
            hot_absorbed_w_per_m2: [60.0; 6],
            cold_absorbed_w_per_m2: [20.0; 6],
            orbit: None,
        },
        limits: Limits {
            max_temp_k: 338.15,
            temperature_uncertainty_k: 10.0,
            min_clearance_m: 0.006,
            max_cg_offset_m: 0.020,
            cg_limits_m: None,
            max_mass_kg: None,
            max_power_w: None,
            enforce_power_budget: false,
        },
        start_spacing_m: 0.005,
    }
}

pub(crate) fn component(id: &str, size_m: Vec3, power_w: f64) -> Component {
    Component {
        id: id.into(),
        name: id.into(),
        category: "payload".into(),
        size_m,
        mass_kg: 2.0,
        power_w,
        power_min_w: 0.5 * power_w,
        power_peak_w: power_w,
        max_temp_k: None,
        min_temp_k: None,
        contact_conductance_w_per_m2_k: 150.0,
        emissivity: 0.8,
        outer_optics: None,
        allowed_panels: PanelSet::ALL,
        long_axis: None,
        fixed: None,
    }
}

/// Stands a component on a panel with its centre at (u, v) there.
pub(crate) fn on_panel(
    satellite: &Satellite,
    component: usize,
    panel: Panel,
    turn: u8,
    uv_m: [f64; 2],
) -> Placement {
    let height = satellite.components[component].size_m[2];
    let axis = panel.normal_axis();
    let (u, v) = panel.in_plane_axes();
    let mut center_m = [0.0; 3];
    center_m[u] = uv_m[0];
    center_m[v] = uv_m[1];
    center_m[axis] = panel.outward_sign() * 0.5 * (satellite.envelope.inner_size_m[axis] - height);
    Placement { panel, turn, center_m }
}

/// Twenty-five units on six panels of a 0.6 m box: powers and sizes vary by a
/// fixed rule, straps and a doubler included.
pub(crate) fn busy() -> (Satellite, Layout) {
    let mut satellite = empty([0.6, 0.6, 0.64]);
    let mut spots = Vec::new();
    for index in 0..25_usize {
        let step = index as f64;
        let size_m = [0.08 + 0.03 * (step * 0.7).sin().abs(), 0.07 + 0.03 * (step * 1.3).cos().abs(), 0.06];
        satellite.components.push(component(
            &format!("unit-{index}"),
            size_m,
            2.0 + 9.0 * (step * 0.9).sin().powi(2),
        ));
        let panel = Panel::ALL[index % 6];
        let place = index / 6;
        let uv = [-0.2 + 0.13 * (place % 4) as f64, -0.18 + 0.17 * ((place + index) % 3) as f64];
        spots.push((panel, (index % 4) as u8, uv));
    }
    satellite.straps.push(model::satellite::Strap { a: 0, b: 7, conductance_w_per_k: 2.0 });
    satellite.straps.push(model::satellite::Strap { a: 3, b: 7, conductance_w_per_k: 0.5 });
    satellite.components[4].outer_optics =
        Some(model::component::OuterOptics { emissivity: 0.9, absorptivity: 0.1 });
    let placements = spots
        .into_iter()
        .enumerate()
        .map(|(index, (panel, turn, uv))| on_panel(&satellite, index, panel, turn, uv))
        .collect();
    (satellite, Layout { placements })
}
