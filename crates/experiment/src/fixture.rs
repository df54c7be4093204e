//! Satellites, layouts and evaluations for this crate's tests: boxes in rows on
//! the panels, with numbers that need no solver.

use model::satellite::{Envelope, Environment, KeepOut, Limits, PanelProperties};
use model::{Component, Layout, Panel, PanelSet, Placement, Satellite};
use physics::evaluation::{ComponentState, ThermalState};
use physics::{Constraint, ConstraintGroup, Evaluation, Subject};

use crate::evolution::EvolutionRow;

/// A satellite with a layout and what the models might say about it.
pub(crate) struct Case {
    pub(crate) satellite: Satellite,
    pub(crate) layout: Layout,
    pub(crate) evaluation: Evaluation,
    pub(crate) history: Vec<EvolutionRow>,
}

const NAMES: [(&str, &str, &str); 8] = [
    ("battery", "蓄电池组", "power"),
    ("obc", "星载计算机", "avionics"),
    ("xtx", "X频段发射机", "communication"),
    ("reaction_wheel", "反作用飞轮", "adcs"),
    ("star_tracker", "星敏感器", "adcs"),
    ("pcdu", "电源控制与配电单元", "power"),
    ("imager_electronics_long_name", "成像仪电子学单元", "payload"),
    ("gnss", "GNSS receiver", "avionics"),
];

/// `count` components in an envelope whose sizes (m) are given.
pub(crate) fn case(count: usize, inner_size_m: [f64; 3]) -> Case {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ count as u64);
    let shortest = inner_size_m.iter().copied().fold(f64::INFINITY, f64::min);
    let typical = shortest / (count as f64 / 6.0).sqrt().max(1.0) / 2.4;
    let components: Vec<Component> = (0..count)
        .map(|index| {
            let (id, name, category) = NAMES[index % NAMES.len()];
            let size =
                |low: f64, high: f64, random: &mut Random| typical * (low + (high - low) * random.next());
            component(
                &format!("{id}_{:02}", index / NAMES.len() + 1),
                name,
                category,
                [size(0.7, 1.3, &mut random), size(0.6, 1.1, &mut random), size(0.4, 0.9, &mut random)],
                2.0 + 20.0 * random.next(),
            )
        })
        .collect();
    let layout = Layout { placements: in_rows(&components, inner_size_m) };
    let satellite = satellite(components, inner_size_m);
    let evaluation = evaluation(&satellite, &layout);
    let history = history(&evaluation, 20);
    Case { satellite, layout, evaluation, history }
}

/// A component of default surfaces.
pub(crate) fn component(id: &str, name: &str, category: &str, size_m: [f64; 3], power_w: f64) -> Component {
    Component {
        id: id.into(),
        name: name.into(),
        category: category.into(),
        size_m,
        mass_kg: 2000.0 * size_m.iter().product::<f64>() + 0.1,
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

/// Components in turn on the six panels, in rows of each.
fn in_rows(components: &[Component], inner_size_m: [f64; 3]) -> Vec<Placement> {
    let half = inner_size_m.map(|size| 0.5 * size);
    let mut cursors = [[0.0f64; 3]; 6];
    components
        .iter()
        .enumerate()
        .map(|(index, component)| {
            let panel = Panel::ALL[index % 6];
            let turn = (index / 6 % 4) as u8;
            let placement = Placement { panel, turn, center_m: [0.0; 3] };
            let extents = placement.extents_m(component.size_m);
            let (u, v) = panel.in_plane_axes();
            let margin = 0.12 * inner_size_m[u].min(inner_size_m[v]);
            let [along, across, tallest] = &mut cursors[panel.index()];
            if *along + extents[u] > inner_size_m[u] - 2.0 * margin {
                (*along, *across, *tallest) = (0.0, *across + *tallest + 0.01, 0.0);
            }
            let mut center_m = [0.0; 3];
            center_m[u] = -half[u] + margin + *along + 0.5 * extents[u];
            center_m[v] = -half[v] + margin + *across + 0.5 * extents[v];
            let axis = panel.normal_axis();
            center_m[axis] = panel.outward_sign() * (half[axis] - 0.5 * extents[axis]);
            *along += extents[u] + 0.01;
            *tallest = tallest.max(extents[v]);
            Placement { center_m, ..placement }
        })
        .collect()
}

fn satellite(components: Vec<Component>, inner_size_m: [f64; 3]) -> Satellite {
    let panel = PanelProperties {
        kt_w_per_k: 0.334,
        area_density_kg_per_m2: 5.4,
        outer_emissivity: 0.85,
        outer_absorptivity: 0.25,
        outer_absorptivity_bol: 0.2,
        inner_emissivity: 0.8,
    };
    Satellite {
        name: "试验星 demo-1".into(),
        envelope: Envelope {
            inner_size_m,
            outer_size_m: inner_size_m.map(|size| size + 0.01),
            fill_ratio: None,
        },
        panels: [panel; 6],
        edge_conductance_w_per_m_k: 50.0,
        components,
        straps: Vec::new(),
        keep_outs: vec![KeepOut {
            tag: "sensor_fov".into(),
            min_m: [0.1 * inner_size_m[0], -0.2 * inner_size_m[1], -0.1 * inner_size_m[2]],
            max_m: [0.3 * inner_size_m[0], 0.1 * inner_size_m[1], 0.4 * inner_size_m[2]],
            exempt: Vec::new(),
        }],
        fixed_masses: Vec::new(),
        relations: Vec::new(),
        environment: Environment {
            space_temp_k: 2.7,
            hot_absorbed_w_per_m2: [60.0; 6],
            cold_absorbed_w_per_m2: [20.0; 6],
            orbit: None,
        },
        limits: Limits {
            max_temp_k: 333.15,
            temperature_uncertainty_k: 10.0,
            min_clearance_m: 0.005,
            max_cg_offset_m: 0.03,
            cg_limits_m: None,
            max_mass_kg: None,
            max_power_w: Some(500.0),
            enforce_power_budget: false,
        },
        start_spacing_m: 0.01,
    }
}

/// Numbers that hang together, from formulas that a reader can follow: cells
/// warm up near components, components stand above their cells.
fn evaluation(satellite: &Satellite, layout: &Layout) -> Evaluation {
    const MESH: usize = 16;
    let half = satellite.envelope.inner_size_m.map(|size| 0.5 * size);
    let warmth = |point: [f64; 3]| {
        let near = satellite.components.iter().zip(&layout.placements).map(|(component, placement)| {
            let distance =
                (0..3).map(|axis| (point[axis] - placement.center_m[axis]).powi(2)).sum::<f64>().sqrt();
            component.power_w * (-4.0 * distance / half[0]).exp()
        });
        273.15 + 12.0 + 1.1 * near.sum::<f64>()
    };
    let mut panel_temps_k = Vec::new();
    for panel in Panel::ALL {
        let (u, v) = panel.in_plane_axes();
        for cell in 0..MESH * MESH {
            let place = |index: usize, axis: usize| half[axis] * ((2 * index + 1) as f64 / MESH as f64 - 1.0);
            let mut point = [0.0; 3];
            point[panel.normal_axis()] = panel.outward_sign() * half[panel.normal_axis()];
            point[u] = place(cell % MESH, u);
            point[v] = place(cell / MESH, v);
            panel_temps_k.push(warmth(point));
        }
    }
    let components: Vec<ComponentState> = satellite
        .components
        .iter()
        .zip(&layout.placements)
        .map(|(component, placement)| {
            let temp_k = warmth(placement.center_m) + 0.3 * component.power_w;
            let extents = placement.extents_m(component.size_m);
            let containment_m = (0..3)
                .map(|axis| half[axis] - placement.center_m[axis].abs() - 0.5 * extents[axis])
                .fold(f64::INFINITY, f64::min);
            let clearance_m = (satellite.components.len() > 1).then_some(0.01);
            ComponentState { temp_k, temp_margin_k: 333.15 - 10.0 - temp_k, clearance_m, containment_m }
        })
        .collect();
    let temps = || components.iter().map(|state| state.temp_k);
    let max_temp_k = temps().fold(f64::NEG_INFINITY, f64::max);
    let hottest = components.iter().position(|state| state.temp_k == max_temp_k).unwrap_or(0);
    let too_hot = components.iter().filter(|state| state.temp_margin_k < 0.0).count();
    let power: f64 = satellite.components.iter().map(|component| component.power_w).sum();
    let mass: f64 = satellite.components.iter().map(|component| component.mass_kg).sum();
    let several = satellite.components.len() > 1;
    let constraint = |group, value, limit, margin: f64, unit: &str, subject, violations| Constraint {
        group,
        value,
        limit,
        margin,
        unit: unit.into(),
        subject,
        violations,
    };
    let mut constraints = Vec::new();
    if several {
        constraints.push(constraint(
            ConstraintGroup::Clearance,
            0.01,
            0.005,
            0.005,
            "m",
            Subject::Pair(0, 1),
            0,
        ));
    }
    let thermal = constraint(
        ConstraintGroup::Thermal,
        max_temp_k,
        323.15,
        323.15 - max_temp_k,
        "K",
        Subject::Component(hottest),
        too_hot,
    );
    constraints.push(thermal);
    constraints.push(constraint(ConstraintGroup::CgLimit, 0.0125, 0.03, 0.0175, "m", Subject::Satellite, 0));
    let keep_out = Subject::KeepOut { component: 0, keep_out: 0 };
    constraints.push(constraint(ConstraintGroup::MissionKeepout, 0.0, 0.0, 0.0, "m", keep_out, 0));
    Evaluation {
        model_version: physics::MODEL_VERSION.into(),
        max_temp_k,
        min_temp_k: temps().fold(f64::INFINITY, f64::min),
        min_clearance_m: several.then_some(0.01),
        min_containment_m: 0.0,
        keep_out_depth_m: 0.0,
        component_mass_kg: mass,
        total_mass_kg: mass + 4.0,
        cg_m: [0.01, 0.0, -0.0075],
        inertia_kg_m2: [[1.0, 0.0, 0.0], [0.0, 1.1, 0.0], [0.0, 0.0, 1.2]],
        principal_inertia_kg_m2: [1.0, 1.1, 1.2],
        total_power_w: power,
        constraints,
        components,
        thermal: ThermalState {
            mesh: MESH,
            panel_temps_k,
            heat_in_w: power + 120.0,
            heat_out_w: power + 120.0 - 1e-7,
            energy_balance: 1e-7 / (power + 120.0),
            residual_w: 1e-8,
            newton_steps: 4,
        },
    }
}

/// A search that ends at the evaluation.
fn history(evaluation: &Evaluation, iterations: u32) -> Vec<EvolutionRow> {
    (0..=iterations)
        .map(|iteration| {
            let rest = (-0.25 * f64::from(iteration)).exp();
            let score = (iteration > 0).then_some(0.8 + 40.0 * rest);
            let mut row =
                EvolutionRow::new(iteration, "2026-11-24T05:48:18.987+00:00".into(), evaluation, score);
            row.max_temp_c += 18.0 * rest;
            row.cg_offset_mm += 25.0 * rest;
            row.min_clearance_mm = row.min_clearance_mm.map(|clearance| clearance - 8.0 * rest);
            row.num_violations += (6.0 * rest) as usize;
            row
        })
        .collect()
}

/// Repeatable numbers in [0, 1) (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
