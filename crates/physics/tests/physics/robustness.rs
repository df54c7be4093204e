//! Layouts and satellites at the edge of sense: an answer or a clear refusal,
//! never a panic.

use model::{Layout, Panel, Placement, Satellite};
use physics::thermal::Model;
use physics::{Error, evaluate};

use crate::fixture::{busy, component, empty, on_panel};

fn assert_sound(satellite: &Satellite, layout: &Layout) {
    for mesh in [1, 5, 8, 16] {
        let evaluation = evaluate(satellite, layout, mesh).expect("an evaluation");
        assert!(evaluation.thermal.energy_balance <= 1e-6, "{}", evaluation.thermal.energy_balance);
        assert!(evaluation.max_temp_k.is_finite() && evaluation.min_temp_k > 0.0);
        let text = serde_json::to_string(&evaluation).expect("JSON");
        let back: physics::Evaluation = serde_json::from_str(&text).expect("the same form");
        assert_eq!(back, evaluation, "no number is lost, none is infinite");
    }
}

#[test]
fn a_bar_of_three_metres() {
    let mut satellite = empty([0.5, 0.4, 0.3]);
    satellite.components.push(component("bar", [3.0, 0.1, 0.1], 20.0));
    for panel in Panel::ALL {
        for turn in 0..4 {
            let layout = Layout { placements: vec![on_panel(&satellite, 0, panel, turn, [0.4, -0.4])] };
            assert_sound(&satellite, &layout);
            assert!(!evaluate(&satellite, &layout, 8).expect("an evaluation").is_feasible());
        }
    }
}

#[test]
fn everything_in_one_place_and_far_outside() {
    let (satellite, layout) = busy();
    let heap = Layout {
        placements: layout
            .placements
            .iter()
            .map(|_| Placement { panel: Panel::ZMinus, turn: 1, center_m: [0.0; 3] })
            .collect(),
    };
    assert_sound(&satellite, &heap);
    let evaluation = evaluate(&satellite, &heap, 8).expect("an evaluation");
    assert_eq!(evaluation.constraints[0].violations, 25 * 24 / 2);
    let away = Layout {
        placements: layout
            .placements
            .iter()
            .map(|placement| Placement { center_m: [1e3, -2e3, 5e2], ..*placement })
            .collect(),
    };
    assert_sound(&satellite, &away);
}

#[test]
fn no_power_no_components_no_sun() {
    let (mut satellite, layout) = busy();
    for component in &mut satellite.components {
        component.power_w = 0.0;
    }
    assert_sound(&satellite, &layout);
    satellite.environment.hot_absorbed_w_per_m2 = [0.0; 6];
    assert_sound(&satellite, &layout);
    let cold = evaluate(&satellite, &layout, 8).expect("an evaluation");
    // Nothing comes in, so everything is as cold as space.
    assert!((cold.max_temp_k - 2.7).abs() < 0.1, "{}", cold.max_temp_k);
    assert_sound(&empty([0.3, 0.2, 0.1]), &Layout { placements: Vec::new() });
}

#[test]
fn tiny_huge_and_ill_matched_numbers() {
    let (mut satellite, layout) = busy();
    satellite.components[0].size_m = [1e-6, 1e-6, 1e-6];
    satellite.components[0].power_w = 0.0;
    satellite.components[1].power_w = 5e4;
    satellite.components[2].contact_conductance_w_per_m2_k = 1e6;
    satellite.components[3].contact_conductance_w_per_m2_k = 0.0;
    satellite.components[5].emissivity = 0.0;
    satellite.straps[0].conductance_w_per_k = 1e6;
    satellite.edge_conductance_w_per_m_k = f64::INFINITY;
    assert_sound(&satellite, &layout);
    satellite.edge_conductance_w_per_m_k = 0.0;
    for panel in &mut satellite.panels {
        panel.kt_w_per_k = 1e-4;
    }
    assert_sound(&satellite, &layout);
    for panel in &mut satellite.panels {
        panel.inner_emissivity = 0.0;
    }
    satellite.components[3].contact_conductance_w_per_m2_k = 10.0;
    assert_sound(&satellite, &layout);
}

#[test]
fn nothing_radiates_to_space() {
    let (mut satellite, layout) = busy();
    for panel in &mut satellite.panels {
        panel.outer_emissivity = 0.0;
    }
    satellite.components[4].outer_optics = None;
    let found = evaluate(&satellite, &layout, 8);
    assert_eq!(found, Err(Error::NoSteadyState { what: "panel -X".into() }));
}

#[test]
fn a_component_without_any_heat_path() {
    let (mut satellite, layout) = busy();
    satellite.components[9].contact_conductance_w_per_m2_k = 0.0;
    satellite.components[9].emissivity = 0.0;
    let found = evaluate(&satellite, &layout, 8);
    assert_eq!(found, Err(Error::NoSteadyState { what: "component unit-9".into() }));
    // A strap is a path.
    satellite.straps.push(model::satellite::Strap { a: 9, b: 10, conductance_w_per_k: 0.1 });
    assert_sound(&satellite, &layout);
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    let (satellite, layout) = busy();
    let refused = |change: &dyn Fn(&mut Satellite)| {
        let mut broken = satellite.clone();
        change(&mut broken);
        evaluate(&broken, &layout, 8).expect_err("refused").to_string()
    };
    assert_eq!(
        refused(&|satellite| satellite.components[2].power_w = f64::NAN),
        "power, W of component unit-2 is NaN, allowed is at least 0"
    );
    assert_eq!(
        refused(&|satellite| satellite.panels[1].outer_emissivity = 1.5),
        "outer emissivity of panel +X is 1.5, allowed is 0 to 1"
    );
    assert_eq!(
        refused(&|satellite| satellite.envelope.inner_size_m[2] = -0.1),
        "envelope inner size z, m is -0.1, allowed is above 0"
    );
    let mut lost = layout.clone();
    lost.placements[3].center_m[1] = f64::INFINITY;
    assert!(matches!(evaluate(&satellite, &lost, 8), Err(Error::Input { value, .. }) if value.is_infinite()));
}

#[test]
fn a_layout_of_another_satellite_and_a_mesh_out_of_range() {
    let (satellite, mut layout) = busy();
    layout.placements.pop();
    assert_eq!(evaluate(&satellite, &layout, 8), Err(Error::PlacementCount { found: 24, expected: 25 }));
    for mesh in [0, 65] {
        assert_eq!(Model::new(&satellite, mesh).err(), Some(Error::Mesh { found: mesh, allowed: 64 }));
    }
}

/// A small deterministic generator: numbers in [0, 1).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    /// Evenly spread over orders of magnitude.
    fn magnitude(&mut self, low: f64, high: f64) -> f64 {
        (self.between(low.ln(), high.ln())).exp()
    }
}

#[test]
fn a_hundred_satellites_by_chance_have_a_balance_each() {
    let mut chance = Sequence(20);
    for round in 0..100 {
        let side = chance.magnitude(0.05, 4.0);
        let mut satellite = empty([side, side * chance.between(0.3, 3.0), side * chance.between(0.3, 3.0)]);
        satellite.edge_conductance_w_per_m_k = chance.magnitude(0.1, 1e4);
        for panel in &mut satellite.panels {
            panel.kt_w_per_k = chance.magnitude(1e-3, 10.0);
            panel.outer_emissivity = chance.between(0.01, 1.0);
            panel.inner_emissivity = chance.next();
        }
        let count = (chance.next() * 30.0) as usize;
        for index in 0..count {
            let size_m = [0.0; 3].map(|_| side * chance.magnitude(0.01, 1.5));
            let mut part = component(&format!("part-{index}"), size_m, chance.magnitude(0.01, 300.0));
            part.contact_conductance_w_per_m2_k = chance.magnitude(5.0, 5000.0);
            part.emissivity = chance.next();
            if chance.next() < 0.1 {
                part.outer_optics = Some(model::component::OuterOptics {
                    emissivity: chance.next(),
                    absorptivity: chance.next(),
                });
            }
            satellite.components.push(part);
            if index > 0 && chance.next() < 0.2 {
                satellite.straps.push(model::satellite::Strap {
                    a: index,
                    b: (chance.next() * index as f64) as usize,
                    conductance_w_per_k: chance.magnitude(0.01, 100.0),
                });
            }
        }
        let mut scatter = || {
            let placements = (0..count)
                .map(|index| {
                    let panel = Panel::ALL[(chance.next() * 6.0) as usize];
                    let uv = [chance.between(-side, side), chance.between(-side, side)];
                    on_panel(&satellite, index, panel, (chance.next() * 4.0) as u8, uv)
                })
                .collect();
            Layout { placements }
        };
        let (first, second) = (scatter(), scatter());
        let model = Model::new(&satellite, [4, 8, 10][round % 3]).expect("a model");
        let start = model.solve(&first, None).expect("a steady state");
        for (layout, warm) in [(&first, None), (&second, Some(&start))] {
            let solution = model.solve(layout, warm).unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert!(solution.energy_balance <= 1e-6, "round {round}: {}", solution.energy_balance);
            // Heat flows downhill: nothing is colder than space, and the hottest node is finite.
            let temps = solution.cell_temps_k.iter().chain(&solution.component_temps_k);
            assert!(temps.clone().all(|temp| (2.7 - 1e-6..1e5).contains(temp)), "round {round}");
        }
        if round % 10 == 0 && model.mesh() == 8 {
            let response = model.response(&first, &start).expect("a response");
            assert!(response.base_temps_k().iter().all(|temp| temp.is_finite()), "round {round}");
        }
    }
}
