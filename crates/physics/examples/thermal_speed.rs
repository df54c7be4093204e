//! Times the thermal model on a box of 25 components and prints the rates.
//!
//! `cargo run --release -p physics --example thermal_speed`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use model::satellite::{Envelope, Environment, Limits, PanelProperties};
use model::{Component, Layout, Panel, PanelSet, Placement, Satellite};
use physics::Error;
use physics::thermal::Model;

fn main() -> Result<(), Error> {
    let satellite = satellite();
    let layout = layout(&satellite);
    println!("25 components, one thread; CPU milliseconds per call (calls per second)");
    for mesh in [8, 16, 32] {
        report(&format!("n = {mesh}: model"), 20, |_| {
            Model::new(&satellite, mesh).map(|model| model.mesh())
        })?;
        let model = Model::new(&satellite, mesh)?;
        let rounds = 4000 / mesh;
        report(&format!("n = {mesh}: solve, cold"), rounds, |_| model.solve(&layout, None).map(|_| 0))?;
        report(&format!("n = {mesh}: solve, cold, within 1e-5"), rounds, |_| {
            model.solve_within(&layout, None, 1e-5).map(|_| 0)
        })?;
        let mut moved = layout.clone();
        let mut last = model.solve(&layout, None)?;
        report(&format!("n = {mesh}: solve, one component moved"), rounds, |round| {
            shift(&mut moved, round);
            last = model.solve(&moved, Some(&last))?;
            Ok(last.newton_steps)
        })?;
        report(&format!("n = {mesh}: the same within 1e-5"), rounds, |round| {
            shift(&mut moved, round);
            last = model.solve_within(&moved, Some(&last), 1e-5)?;
            Ok(last.newton_steps)
        })?;
    }
    let model = Model::new(&satellite, 8)?;
    let solution = model.solve(&layout, None)?;
    report("n = 8: response", 20, |_| model.response(&layout, &solution).map(|response| response.cells()))?;
    report("n = 16: full evaluation, cold", 100, |_| physics::evaluate(&satellite, &layout, 16).map(|_| 0))
}

fn report(
    name: &str,
    rounds: usize,
    mut call: impl FnMut(usize) -> Result<usize, Error>,
) -> Result<(), Error> {
    let (start, start_cpu) = (Instant::now(), cpu_seconds());
    for round in 0..rounds {
        call(round)?;
    }
    let spent = match (start_cpu, cpu_seconds()) {
        (Some(from), Some(to)) => to - from,
        _ => start.elapsed().as_secs_f64(),
    };
    let seconds = spent / rounds as f64;
    println!("{name:<40} {:>9.4} ({:>9.0})", 1e3 * seconds, 1.0 / seconds);
    Ok(())
}

/// Processor time of this thread where Linux tells it, else nothing: the wall
/// clock of a busy machine says little.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}

/// Moves one component by some millimetres along its panel.
fn shift(layout: &mut Layout, round: usize) -> usize {
    let component = (round * 7) % layout.placements.len();
    let placement = &mut layout.placements[component];
    let axis = if round.is_multiple_of(2) {
        placement.panel.in_plane_axes().0
    } else {
        placement.panel.in_plane_axes().1
    };
    placement.center_m[axis] = 0.2 * (round as f64 * 1.7).sin();
    component
}

fn satellite() -> Satellite {
    let inner_size_m = [0.6, 0.6, 0.64];
    let panel = PanelProperties {
        kt_w_per_k: 0.334,
        area_density_kg_per_m2: 5.4,
        outer_emissivity: 0.85,
        outer_absorptivity: 0.25,
        outer_absorptivity_bol: 0.25,
        inner_emissivity: 0.8,
    };
    let components = (0..25)
        .map(|index| {
            let step = f64::from(index);
            Component {
                id: format!("unit-{index}"),
                name: format!("unit {index}"),
                category: "payload".into(),
                size_m: [
                    0.10 + 0.04 * (step * 0.7).sin().abs(),
                    0.09 + 0.04 * (step * 1.3).cos().abs(),
                    0.08,
                ],
                mass_kg: 2.0,
                power_w: 1.0 + 10.0 * (step * 0.9).sin().powi(2),
                power_min_w: 1.0,
                power_peak_w: 12.0,
                max_temp_k: None,
                min_temp_k: None,
                contact_conductance_w_per_m2_k: 150.0,
                emissivity: 0.8,
                outer_optics: None,
                allowed_panels: PanelSet::ALL,
                long_axis: None,
                fixed: None,
            }
        })
        .collect();
    Satellite {
        name: "bench".into(),
        envelope: Envelope {
            inner_size_m,
            outer_size_m: inner_size_m.map(|side| side + 0.004),
            fill_ratio: None,
        },
        panels: [panel; 6],
        edge_conductance_w_per_m_k: 50.0,
        components,
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

fn layout(satellite: &Satellite) -> Layout {
    let placements = satellite
        .components
        .iter()
        .enumerate()
        .map(|(index, component)| {
            let panel = Panel::ALL[index % 6];
            let axis = panel.normal_axis();
            let (u, v) = panel.in_plane_axes();
            let mut center_m = [0.0; 3];
            center_m[u] = -0.18 + 0.12 * (index / 6) as f64;
            center_m[v] = -0.15 + 0.15 * (index % 3) as f64;
            center_m[axis] =
                panel.outward_sign() * 0.5 * (satellite.envelope.inner_size_m[axis] - component.size_m[2]);
            Placement { panel, turn: (index % 4) as u8, center_m }
        })
        .collect();
    Layout { placements }
}
