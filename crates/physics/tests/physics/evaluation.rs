//! Constraints: what is reported, of whom, and by how much.

use model::satellite::{FixedMass, KeepOut, Relation};
use model::{Layout, Panel, PanelSet, Satellite};
use physics::{Constraint, ConstraintGroup, Evaluation, Subject, evaluate};

use crate::fixture::{component, empty, on_panel};

/// Three units in a box of 0.5 m.
fn trio() -> (Satellite, Layout) {
    let mut satellite = empty([0.5; 3]);
    satellite.components = vec![
        component("a", [0.10, 0.10, 0.10], 10.0),
        component("b", [0.10, 0.10, 0.10], 5.0),
        component("c", [0.20, 0.10, 0.05], 1.0),
    ];
    let placements = vec![
        on_panel(&satellite, 0, Panel::ZMinus, 0, [-0.1, 0.0]),
        on_panel(&satellite, 1, Panel::ZMinus, 0, [0.1, 0.0]),
        on_panel(&satellite, 2, Panel::ZPlus, 1, [0.0, 0.0]),
    ];
    (satellite, Layout { placements })
}

fn of(satellite: &Satellite, layout: &Layout) -> Evaluation {
    evaluate(satellite, layout, 8).expect("an evaluation")
}

fn constraint(evaluation: &Evaluation, group: ConstraintGroup) -> &Constraint {
    evaluation.constraints.iter().find(|constraint| constraint.group == group).expect("evaluated")
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
}

#[test]
fn a_clean_layout_is_feasible() {
    let (mut satellite, layout) = trio();
    satellite.limits.max_cg_offset_m = 0.2;
    let evaluation = of(&satellite, &layout);
    assert!(evaluation.is_feasible(), "{:?}", evaluation.constraints);
    assert_eq!(evaluation.num_violations(), 0);
    assert_near(evaluation.min_clearance_m.expect("three components"), 0.1);
    assert_near(evaluation.components[2].clearance_m.expect("not alone"), 0.35);
    assert_near(evaluation.min_containment_m, 0.0);
    assert_near(evaluation.total_power_w, 16.0);
    assert_near(evaluation.component_mass_kg, 6.0);
    assert_near(evaluation.total_mass_kg, 6.0 + 6.0 * 0.25 * 5.4);
    assert_eq!(evaluation.model_version, physics::MODEL_VERSION);
    let groups: Vec<_> = evaluation.constraints.iter().map(|constraint| constraint.group).collect();
    use ConstraintGroup::{Boundary, CgLimit, Clearance, Collision, Mounting, Thermal};
    assert_eq!(groups, [Collision, Clearance, Boundary, Thermal, CgLimit, Mounting]);
}

#[test]
fn collision_and_clearance_name_the_worst_pair() {
    let (satellite, mut layout) = trio();
    layout.placements[1].center_m[0] = -0.02;
    let evaluation = of(&satellite, &layout);
    let collision = constraint(&evaluation, ConstraintGroup::Collision);
    assert_eq!((collision.subject, collision.violations), (Subject::Pair(0, 1), 1));
    assert_near(collision.value, -0.02);
    let clearance = constraint(&evaluation, ConstraintGroup::Clearance);
    assert_near(clearance.margin, -0.026);
    // Touching is no collision, but too near.
    layout.placements[1].center_m[0] = 0.0;
    let evaluation = of(&satellite, &layout);
    assert!(constraint(&evaluation, ConstraintGroup::Collision).is_met());
    assert_eq!(constraint(&evaluation, ConstraintGroup::Clearance).violations, 1);
    // Exactly at the limit, up to rounding, is met.
    layout.placements[1].center_m[0] = 0.006;
    assert!(constraint(&of(&satellite, &layout), ConstraintGroup::Clearance).is_met());
}

#[test]
fn one_component_alone_has_no_clearance() {
    let (mut satellite, mut layout) = trio();
    satellite.components.truncate(1);
    layout.placements.truncate(1);
    let evaluation = of(&satellite, &layout);
    assert_eq!((evaluation.min_clearance_m, evaluation.components[0].clearance_m), (None, None));
    assert!(evaluation.constraints.iter().all(|constraint| constraint.group != ConstraintGroup::Clearance));
}

#[test]
fn boundary_counts_every_component_outside() {
    let (satellite, mut layout) = trio();
    layout.placements[0].center_m[0] = -0.23;
    layout.placements[2].center_m[1] = 0.3;
    let evaluation = of(&satellite, &layout);
    let boundary = constraint(&evaluation, ConstraintGroup::Boundary);
    assert_eq!((boundary.subject, boundary.violations), (Subject::Component(2), 2));
    assert_near(boundary.margin, -0.15);
}

#[test]
fn the_lower_of_both_temperature_limits_counts() {
    let (mut satellite, layout) = trio();
    let temps: Vec<f64> = of(&satellite, &layout).components.iter().map(|state| state.temp_k).collect();
    satellite.components[1].max_temp_k = Some(temps[1] + 11.0);
    satellite.components[2].max_temp_k = Some(999.0);
    let evaluation = of(&satellite, &layout);
    assert!((evaluation.components[1].temp_margin_k - 1.0).abs() < 1e-9);
    assert!((evaluation.components[2].temp_margin_k - (338.15 - 10.0 - temps[2])).abs() < 1e-9);
    let thermal = constraint(&evaluation, ConstraintGroup::Thermal);
    assert_eq!((thermal.subject, thermal.violations), (Subject::Component(1), 0));
    assert!((thermal.limit - thermal.value - thermal.margin).abs() < 1e-9);
    satellite.limits.temperature_uncertainty_k = 12.0;
    assert_eq!(constraint(&of(&satellite, &layout), ConstraintGroup::Thermal).violations, 1);
}

#[test]
fn keep_outs_spare_the_exempt() {
    let (mut satellite, layout) = trio();
    satellite.keep_outs.push(KeepOut {
        tag: "camera".into(),
        min_m: [-0.25, -0.1, -0.25],
        max_m: [-0.08, 0.1, 0.25],
        exempt: Vec::new(),
    });
    let evaluation = of(&satellite, &layout);
    // The box reaches 0.07 m into a; b and c's long side stay clear.
    assert_near(evaluation.keep_out_depth_m, 0.07);
    let keep_out = constraint(&evaluation, ConstraintGroup::MissionKeepout);
    assert_eq!(keep_out.subject, Subject::KeepOut { component: 0, keep_out: 0 });
    assert_eq!(keep_out.violations, 1);
    satellite.keep_outs[0].exempt.push(0);
    let evaluation = of(&satellite, &layout);
    assert_eq!(evaluation.keep_out_depth_m, 0.0);
    assert!(constraint(&evaluation, ConstraintGroup::MissionKeepout).is_met());
}

#[test]
fn mounting_follows_panels_and_long_axis() {
    let (mut satellite, layout) = trio();
    satellite.components[0].allowed_panels = [Panel::XPlus].into_iter().collect();
    satellite.components[2].long_axis = Some(0);
    let evaluation = of(&satellite, &layout);
    assert_eq!(constraint(&evaluation, ConstraintGroup::Mounting).violations, 2);
    satellite.components[0].allowed_panels = PanelSet::ALL;
    // c stands with an odd turn: its long side follows y.
    satellite.components[2].long_axis = Some(1);
    assert!(constraint(&of(&satellite, &layout), ConstraintGroup::Mounting).is_met());
}

#[test]
fn relations_are_counted_pair_by_pair() {
    let (mut satellite, layout) = trio();
    satellite.relations = vec![
        Relation::MinDistance { a: 0, b: 1, distance_m: 0.16 },
        Relation::MaxDistance { a: 0, b: 2, distance_m: 0.3 },
        Relation::MaxDistance { a: 0, b: 1, distance_m: 0.1 },
        Relation::DifferentPanel { group: vec![0, 1, 2] },
        Relation::DifferentDirection { group: vec![0, 2], min_angle_rad: 3.0 },
        Relation::SymmetricPair { a: 0, b: 1, axis: 0 },
        Relation::SymmetricPair { a: 0, b: 1, axis: 1 },
    ];
    let evaluation = of(&satellite, &layout);
    let distance = constraint(&evaluation, ConstraintGroup::DistancePairs);
    assert_eq!(distance.violations, 2);
    assert_eq!(distance.subject, Subject::Pair(0, 1));
    assert_near(distance.margin, -0.06);
    let separation: Vec<_> = evaluation
        .constraints
        .iter()
        .filter(|constraint| constraint.group == ConstraintGroup::Separation)
        .map(|constraint| (constraint.unit.as_str(), constraint.violations, constraint.value))
        .collect();
    assert_eq!(separation, [("", 1, 1.0), ("rad", 0, std::f64::consts::PI), ("m", 1, 0.2)]);
}

#[test]
fn mass_power_and_cg_limits() {
    let (mut satellite, layout) = trio();
    satellite.fixed_masses.push(FixedMass {
        name: "tank".into(),
        mass_kg: 20.0,
        position_m: [0.0, 0.1, 0.0],
    });
    satellite.limits.max_mass_kg = Some(30.0);
    satellite.limits.max_power_w = Some(15.0);
    satellite.limits.max_cg_offset_m = 0.2;
    satellite.limits.cg_limits_m = Some([0.5, 0.01, 0.5]);
    let evaluation = of(&satellite, &layout);
    let mass = constraint(&evaluation, ConstraintGroup::Mass);
    assert_eq!((mass.violations, mass.unit.as_str()), (1, "kg"));
    assert!(mass.margin < 0.0);
    assert!(evaluation.constraints.iter().all(|constraint| constraint.group != ConstraintGroup::PowerPeak));
    let cg = constraint(&evaluation, ConstraintGroup::CgLimit);
    assert_eq!(cg.violations, 1);
    assert_near(cg.value, evaluation.cg_m[1]);
    assert_near(cg.limit, 0.01);
    satellite.limits.enforce_power_budget = true;
    let evaluation = of(&satellite, &layout);
    let power = constraint(&evaluation, ConstraintGroup::PowerPeak);
    assert_eq!((power.violations, power.subject), (1, Subject::Satellite));
    assert_near(power.margin, -1.0);
}
