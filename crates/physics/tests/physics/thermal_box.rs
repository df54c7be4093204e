//! Six joined panels around an enclosure.

use model::{Layout, Panel};
use physics::thermal::{Enclosure, Model, Rectangle, Solution};

use crate::fixture::{empty, golden, number, numbers};

#[test]
fn view_factors_of_a_cube_and_a_box() {
    let case = golden(include_str!("golden/view_factors.json"));
    let tolerance = number(&case["tolerance_abs"]);
    let cube = Enclosure::new([1.0; 3], 1, [0.8; 6]);
    let close = |name: &str, found: f64, expected: f64| {
        assert!((found - expected).abs() <= tolerance, "{name}: {found} instead of {expected}");
    };
    close("opposite", cube.view_factor(0, 1), number(&case["cube"]["opposite"]));
    close("adjacent", cube.view_factor(0, 4), number(&case["cube"]["adjacent"]));
    let oblong = Enclosure::new([0.5, 0.6, 0.8], 1, [0.8; 6]);
    for (from, key) in [(0, "from_x0"), (2, "from_y0"), (4, "from_z0")] {
        for (to, expected) in numbers(&case["box_0p5x0p6x0p8"][key]).into_iter().enumerate() {
            close(key, oblong.view_factor(from, to), expected);
        }
    }
}

/// The golden box on a grid, with so many patches per edge in the enclosure.
fn golden_box(mesh: usize, patches_per_edge: usize) -> Solution {
    let case = golden(include_str!("golden/thermal_box_six_panels.json"));
    let inputs = &case["inputs"];
    let side_m = number(&inputs["side"]);
    let mut satellite = empty([side_m; 3]);
    satellite.envelope.outer_size_m = [side_m; 3];
    satellite.edge_conductance_w_per_m_k = f64::INFINITY;
    satellite.environment.space_temp_k = number(&inputs["T_space"]);
    for panel in 0..6 {
        satellite.panels[panel].kt_w_per_k = number(&inputs["k"]) * number(&inputs["t"]);
        satellite.panels[panel].outer_emissivity = number(&inputs["eps_out"][panel]);
        satellite.panels[panel].inner_emissivity = number(&inputs["eps_in"]);
        satellite.environment.hot_absorbed_w_per_m2[panel] = number(&inputs["q_absorbed"][panel]);
    }
    let mut model = Model::with_patches(&satellite, mesh, patches_per_edge).expect("a model");
    for heat in inputs["heat"].as_array().expect("heat") {
        let range = |key: &str| [0, 1].map(|end| number(&heat[key][end]) - 0.5 * side_m);
        let panel = Panel::ALL[heat["panel"].as_u64().expect("an index") as usize];
        model.add_panel_heat(panel, Rectangle { u_m: range("u"), v_m: range("v") }, number(&heat["Q"]));
    }
    model.solve(&Layout { placements: Vec::new() }, None).expect("a steady state")
}

fn assert_panels(solution: &Solution, name: &str, expected: &[f64], tolerance_k: f64, of: fn(&[f64]) -> f64) {
    let per_panel = solution.cell_temps_k.len() / 6;
    for (panel, (temps, expected)) in solution.cell_temps_k.chunks_exact(per_panel).zip(expected).enumerate()
    {
        let found = of(temps);
        assert!(
            (found - expected).abs() <= tolerance_k,
            "{name} of panel {panel}: {found} instead of {expected}"
        );
    }
}

fn mean(temps: &[f64]) -> f64 {
    temps.iter().sum::<f64>() / temps.len() as f64
}

fn hottest(temps: &[f64]) -> f64 {
    temps.iter().copied().fold(0.0, f64::max)
}

#[test]
fn six_panels_with_every_enclosure_of_the_reference() {
    let case = golden(include_str!("golden/thermal_box_six_panels.json"));
    let tolerance_k = number(&case["tolerance_K"]["mean_panel_same_grid_same_enclosure"]);
    // The reference's name: cells per edge, then patches per edge ("None": one per cell).
    for (name, mesh, patches) in
        [("FV 8 None", 8, 8), ("FV 16 8", 16, 8), ("FV 16 4", 16, 4), ("FV 16 2", 16, 2), ("FV 16 1", 16, 1)]
    {
        let solution = golden_box(mesh, patches);
        let expected = &case["fv"][name];
        assert_panels(&solution, name, &numbers(&expected["mean"]), tolerance_k, mean);
        assert_panels(&solution, name, &numbers(&expected["max"]), tolerance_k, hottest);
        assert!(solution.energy_balance <= 1e-6, "{name}: {}", solution.energy_balance);
    }
}

#[test]
fn six_panels_against_full_radiosity_and_an_independent_solver() {
    let case = golden(include_str!("golden/thermal_box_six_panels.json"));
    let tolerances = &case["tolerance_K"];
    let ours = golden_box(16, physics::thermal::model::PATCHES_PER_EDGE);
    let full = numbers(&case["expect"]["mean_K"]);
    assert_panels(&ours, "full radiosity", &full, number(&tolerances["mean_patch4x4"]), mean);
    // CalculiX conserves energy on its n = 8 closed cavity; the tolerance is that of its drift.
    let ccx = numbers(&case["calculix_closed_cavity"]["CCX closed 8"]["mean"]);
    assert_panels(&ours, "CalculiX", &ccx, number(&tolerances["mean_vs_calculix"]), mean);
}
