//! What must hold between two layouts, whatever the numbers are.

use model::satellite::{Orbit, Strap};
use model::{Layout, Panel, Placement, Satellite, Vec3};
use physics::thermal::{Model, Solution};

use crate::fixture::{busy, component, empty, on_panel};

fn solve(satellite: &Satellite, layout: &Layout, mesh: usize) -> Solution {
    Model::new(satellite, mesh).expect("a model").solve(layout, None).expect("a steady state")
}

fn hottest(solution: &Solution) -> (usize, f64) {
    let temps = solution.component_temps_k.iter().copied().enumerate();
    temps.max_by(|a, b| a.1.total_cmp(&b.1)).expect("a component")
}

#[test]
fn heat_in_is_heat_out() {
    let (satellite, layout) = busy();
    for mesh in [1, 3, 8, 16] {
        let solution = solve(&satellite, &layout, mesh);
        assert!(solution.energy_balance <= 1e-6, "mesh {mesh}: {}", solution.energy_balance);
        assert!(solution.residual_w <= 1e-6 * solution.heat_in_w);
        // What a component dissipates leaves through base plate, straps and radiation.
        let dissipated: f64 = satellite.components.iter().map(|component| component.power_w).sum();
        let given: f64 = solution.contact_w.iter().chain(&solution.radiated_w).sum();
        assert!((dissipated - given).abs() <= 1e-6 * dissipated, "mesh {mesh}: {dissipated} {given}");
    }
}

#[test]
fn nearer_to_the_radiator_is_cooler() {
    // Only +X radiates; the rest is insulation.
    let mut satellite = empty([0.6, 0.5, 0.5]);
    for panel in &mut satellite.panels {
        panel.outer_emissivity = 0.03;
    }
    satellite.panels[Panel::XPlus.index()].outer_emissivity = 0.85;
    satellite.components.push(component("hot", [0.12, 0.10, 0.08], 40.0));
    satellite.components.push(component("other", [0.10, 0.10, 0.08], 5.0));
    let other = on_panel(&satellite, 1, Panel::ZMinus, 0, [-0.2, 0.1]);
    let spots = [
        (Panel::XMinus, [0.0, 0.0]),
        (Panel::ZMinus, [-0.1, -0.1]),
        (Panel::ZMinus, [0.1, -0.1]),
        (Panel::ZMinus, [0.23, -0.1]),
        (Panel::XPlus, [0.0, 0.0]),
    ];
    let temps: Vec<f64> = spots
        .into_iter()
        .map(|(panel, uv)| {
            let layout = Layout { placements: vec![on_panel(&satellite, 0, panel, 0, uv), other] };
            let (index, temp_k) = hottest(&solve(&satellite, &layout, 16));
            assert_eq!(index, 0);
            temp_k
        })
        .collect();
    assert!(temps.is_sorted_by(|far, near| far > near), "{temps:?}");
}

#[test]
fn more_power_warms_its_component_and_cools_none() {
    let (mut satellite, layout) = busy();
    let before = solve(&satellite, &layout, 8);
    for index in [0, 4, 11, 24] {
        satellite.components[index].power_w *= 2.0;
        let after = solve(&satellite, &layout, 8);
        satellite.components[index].power_w *= 0.5;
        for (other, (cold, warm)) in before.component_temps_k.iter().zip(&after.component_temps_k).enumerate()
        {
            assert!(warm >= &(cold - 1e-6), "component {other} cooled from {cold} to {warm}");
        }
        let rise = after.component_temps_k[index] - before.component_temps_k[index];
        assert!(rise > 0.3, "component {index} rose by {rise}");
    }
}

#[test]
fn a_strap_brings_two_components_together() {
    let (mut satellite, layout) = busy();
    let gap = |satellite: &Satellite| {
        let temps = solve(satellite, &layout, 8).component_temps_k;
        (temps[2] - temps[5]).abs()
    };
    let loose = gap(&satellite);
    satellite.straps.push(Strap { a: 2, b: 5, conductance_w_per_k: 4.0 });
    let tied = gap(&satellite);
    assert!(tied < 0.6 * loose, "{loose} {tied}");
}

#[test]
fn turning_the_satellite_with_its_world_changes_nothing() {
    let (satellite, layout) = busy();
    // A quarter turn about z: x becomes y, y becomes -x.
    let turned_panel = |panel: Panel| match panel {
        Panel::XMinus => Panel::YMinus,
        Panel::XPlus => Panel::YPlus,
        Panel::YMinus => Panel::XPlus,
        Panel::YPlus => Panel::XMinus,
        other => other,
    };
    let turned = |[x, y, z]: Vec3| [-y, x, z];
    let mut other = satellite.clone();
    other.envelope.inner_size_m = turned(satellite.envelope.inner_size_m).map(f64::abs);
    other.envelope.outer_size_m = turned(satellite.envelope.outer_size_m).map(f64::abs);
    let mut uneven = satellite.clone();
    for panel in Panel::ALL {
        uneven.environment.hot_absorbed_w_per_m2[panel.index()] = 20.0 + 30.0 * panel.index() as f64;
        uneven.panels[panel.index()].outer_emissivity = 0.3 + 0.1 * panel.index() as f64;
        uneven.panels[panel.index()].inner_emissivity = 0.9 - 0.1 * panel.index() as f64;
    }
    for panel in Panel::ALL {
        let to = turned_panel(panel).index();
        other.panels[to] = uneven.panels[panel.index()];
        other.environment.hot_absorbed_w_per_m2[to] = uneven.environment.hot_absorbed_w_per_m2[panel.index()];
    }
    let placements = layout
        .placements
        .iter()
        .enumerate()
        .map(|(index, placement)| {
            let panel = turned_panel(placement.panel);
            let center_m = turned(placement.center_m);
            let size_m = satellite.components[index].size_m;
            let extents = turned(placement.extents_m(size_m)).map(f64::abs);
            // Whichever turn gives the turned extents.
            let turn = (0..2)
                .find(|turn| Placement { panel, turn: *turn, center_m }.extents_m(size_m) == extents)
                .expect("a quarter turn keeps the box on the axes");
            Placement { panel, turn, center_m }
        })
        .collect();
    let turned_layout = Layout { placements };
    for mesh in [6, 8, 16] {
        let before = solve(&uneven, &layout, mesh);
        let after = solve(&other, &turned_layout, mesh);
        for (index, (a, b)) in before.component_temps_k.iter().zip(&after.component_temps_k).enumerate() {
            assert!((a - b).abs() < 1e-6, "mesh {mesh}, component {index}: {a} {b}");
        }
    }
}

#[test]
fn an_orbit_replaces_the_given_fluxes() {
    let (mut satellite, layout) = busy();
    let given = solve(&satellite, &layout, 8);
    satellite.environment.orbit = Some(Orbit {
        altitude_m: 500e3,
        beta_rad: 0.4,
        solar_w_per_m2: [1414.0, 1322.0],
        albedo: [0.35, 0.25],
        earth_ir_w_per_m2: [258.0, 216.0],
    });
    let nadir = solve(&satellite, &layout, 8);
    assert!(nadir.energy_balance <= 1e-6);
    assert_ne!(nadir.heat_in_w, given.heat_in_w);
    // The panel with the Sun on it (-Y at positive beta) takes in more than its opposite.
    let mean = |panel: Panel| {
        let temps = &nadir.cell_temps_k[panel.index() * 64..(panel.index() + 1) * 64];
        temps.iter().sum::<f64>() / 64.0
    };
    assert!(mean(Panel::YMinus) > mean(Panel::YPlus));
    // In the orbit's hot case the absorptivity at end of life counts.
    for panel in &mut satellite.panels {
        panel.outer_absorptivity += 0.1;
    }
    assert!(solve(&satellite, &layout, 8).heat_in_w > nadir.heat_in_w);
}

#[test]
fn a_doubler_with_better_optics_cools() {
    let (mut satellite, layout) = busy();
    for panel in &mut satellite.panels {
        panel.outer_emissivity = 0.2;
    }
    satellite.components[4].outer_optics = None;
    let plain = solve(&satellite, &layout, 8);
    satellite.components[4].outer_optics =
        Some(model::component::OuterOptics { emissivity: 0.9, absorptivity: 0.1 });
    let doubled = solve(&satellite, &layout, 8);
    assert!(doubled.energy_balance <= 1e-6);
    for (plain, doubled) in plain.component_temps_k.iter().zip(&doubled.component_temps_k) {
        assert!(doubled < plain);
    }
}

#[test]
fn equal_input_gives_equal_bits_and_a_warm_start_the_same_answer() {
    let (satellite, layout) = busy();
    let model = Model::new(&satellite, 8).expect("a model");
    let first = model.solve(&layout, None).expect("a steady state");
    let again = Model::new(&satellite, 8).expect("a model").solve(&layout, None).expect("a steady state");
    assert_eq!(first.cell_temps_k, again.cell_temps_k);
    assert_eq!(first.component_temps_k, again.component_temps_k);
    let mut moved = layout.clone();
    moved.placements[6] = on_panel(&satellite, 6, Panel::ZPlus, 1, [0.2, 0.2]);
    let cold = model.solve(&moved, None).expect("a steady state");
    let warm = model.solve(&moved, Some(&first)).expect("a steady state");
    assert_eq!(
        warm.component_temps_k,
        model.solve(&moved, Some(&first)).expect("a steady state").component_temps_k
    );
    let rough = model.solve_within(&moved, Some(&first), 1e-5).expect("a steady state");
    let temps = cold.component_temps_k.iter().zip(&warm.component_temps_k).zip(&rough.component_temps_k);
    for ((cold, warm), rough) in temps {
        assert!((cold - warm).abs() < 1e-6, "{cold} {warm}");
        assert!((cold - rough).abs() < 5e-3, "{cold} {rough}");
    }
    assert!(rough.newton_steps < warm.newton_steps);
}
