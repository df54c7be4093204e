use model::satellite::Relation;
use model::{Layout, Satellite};

use crate::evaluate::Geometry;
use crate::geometry::LENGTH_TOLERANCE_M;
use crate::{Constraint, ConstraintGroup, Evaluation, Subject};

/// Largest distance of a component's centre from the mirror image of its
/// partner's that still counts as symmetric, m.
pub const SYMMETRY_TOLERANCE_M: f64 = 1e-3;
/// Angles between panels are multiples of a right angle up to rounding, rad.
const ANGLE_TOLERANCE_RAD: f64 = 1e-9;

/// Every constraint that the satellite sets, in the order of
/// [`ConstraintGroup`]. A group without any subject (clearance of a lone
/// component, keep-outs of a satellite without one) is left out.
/// [`ConstraintGroup::Separation`] has one entry per unit: number of pairs on
/// one panel, angle, distance from the mirror image.
pub(crate) fn constraints(
    satellite: &Satellite,
    layout: &Layout,
    geometry: &Geometry,
    evaluation: &Evaluation,
) -> Vec<Constraint> {
    let limits = &satellite.limits;
    let mut found = Vec::new();
    let mut add = |worst: Worst| found.extend(worst.into_constraint());
    let mut collision = Worst::new(ConstraintGroup::Collision, "m", LENGTH_TOLERANCE_M);
    let mut clearance = Worst::new(ConstraintGroup::Clearance, "m", LENGTH_TOLERANCE_M);
    for (a, first) in geometry.boxes.iter().enumerate() {
        for (b, second) in geometry.boxes.iter().enumerate().skip(a + 1) {
            let distance = first.clearance_m(second);
            collision.at_least(distance, 0.0, Subject::Pair(a, b));
            clearance.at_least(distance, limits.min_clearance_m, Subject::Pair(a, b));
        }
    }
    add(collision);
    add(clearance);
    let mut boundary = Worst::new(ConstraintGroup::Boundary, "m", LENGTH_TOLERANCE_M);
    let mut thermal = Worst::new(ConstraintGroup::Thermal, "K", 0.0);
    for (index, state) in evaluation.components.iter().enumerate() {
        boundary.at_least(state.containment_m, 0.0, Subject::Component(index));
        thermal.margin(
            state.temp_k,
            state.temp_k + state.temp_margin_k,
            state.temp_margin_k,
            Subject::Component(index),
        );
    }
    add(boundary);
    add(thermal);
    let mut cg = Worst::new(ConstraintGroup::CgLimit, "m", LENGTH_TOLERANCE_M);
    cg.at_most(evaluation.cg_offset_m(), limits.max_cg_offset_m, Subject::Satellite);
    for (value, limit) in evaluation.cg_m.iter().zip(limits.cg_limits_m.iter().flatten()) {
        cg.at_most(value.abs(), *limit, Subject::Satellite);
    }
    add(cg);
    let mut keep_out = Worst::new(ConstraintGroup::MissionKeepout, "m", LENGTH_TOLERANCE_M);
    for (component, volume, distance) in geometry.keep_out_clearances_m(satellite) {
        keep_out.at_least(distance, 0.0, Subject::KeepOut { component, keep_out: volume });
    }
    add(keep_out);
    let mut mounting = Worst::new(ConstraintGroup::Mounting, "", 0.0);
    for (index, (component, placement)) in satellite.components.iter().zip(&layout.placements).enumerate() {
        let wrong = if component.allows(placement.panel, placement.turn) { 0.0 } else { 1.0 };
        mounting.at_most(wrong, 0.0, Subject::Component(index));
    }
    add(mounting);
    relations(satellite, layout, geometry, &mut add);
    if let Some(limit) = limits.max_mass_kg {
        let mut mass = Worst::new(ConstraintGroup::Mass, "kg", 1e-9);
        mass.at_most(evaluation.total_mass_kg, limit, Subject::Satellite);
        add(mass);
    }
    if let Some(limit) = limits.max_power_w.filter(|_| limits.enforce_power_budget) {
        let mut power = Worst::new(ConstraintGroup::PowerPeak, "W", 1e-9);
        power.at_most(evaluation.total_power_w, limit, Subject::Satellite);
        add(power);
    }
    found
}

/// Distance pairs and separation.
fn relations(satellite: &Satellite, layout: &Layout, geometry: &Geometry, add: &mut impl FnMut(Worst)) {
    let mut distance = Worst::new(ConstraintGroup::DistancePairs, "m", LENGTH_TOLERANCE_M);
    let mut panels = Worst::new(ConstraintGroup::Separation, "", 0.0);
    let mut angles = Worst::new(ConstraintGroup::Separation, "rad", ANGLE_TOLERANCE_RAD);
    let mut mirror = Worst::new(ConstraintGroup::Separation, "m", LENGTH_TOLERANCE_M);
    let clearance = |a: usize, b: usize| geometry.boxes[a].clearance_m(&geometry.boxes[b]);
    for relation in &satellite.relations {
        match relation {
            Relation::MinDistance { a, b, distance_m } => {
                distance.at_least(clearance(*a, *b), *distance_m, Subject::Pair(*a, *b));
            }
            Relation::MaxDistance { a, b, distance_m } => {
                distance.at_most(clearance(*a, *b), *distance_m, Subject::Pair(*a, *b));
            }
            Relation::DifferentPanel { group } => {
                for (a, b) in pairs(group) {
                    let shared = layout.placements[a].panel == layout.placements[b].panel;
                    panels.at_most(f64::from(u8::from(shared)), 0.0, Subject::Pair(a, b));
                }
            }
            Relation::DifferentDirection { group, min_angle_rad } => {
                for (a, b) in pairs(group) {
                    let [first, second] = [a, b].map(|index| layout.placements[index].panel.inward_normal());
                    let cos: f64 = (0..3).map(|axis| first[axis] * second[axis]).sum();
                    angles.at_least(cos.acos(), *min_angle_rad, Subject::Pair(a, b));
                }
            }
            Relation::SymmetricPair { a, b, axis } => {
                let mut image = layout.placements[*a].center_m;
                image[*axis] = -image[*axis];
                let partner = layout.placements[*b].center_m;
                let offset = (0..3).map(|axis| (image[axis] - partner[axis]).powi(2)).sum::<f64>().sqrt();
                mirror.at_most(offset, SYMMETRY_TOLERANCE_M, Subject::Pair(*a, *b));
            }
        }
    }
    for worst in [distance, panels, angles, mirror] {
        add(worst);
    }
}

fn pairs(group: &[usize]) -> impl Iterator<Item = (usize, usize)> + '_ {
    group.iter().enumerate().flat_map(|(place, a)| group[place + 1..].iter().map(|b| (*a, *b)))
}

/// Collects the subjects of one constraint and keeps the worst.
struct Worst {
    group: ConstraintGroup,
    unit: &'static str,
    /// A margin above minus this counts as met.
    tolerance: f64,
    violations: usize,
    worst: Option<(f64, f64, f64, Subject)>,
}

impl Worst {
    fn new(group: ConstraintGroup, unit: &'static str, tolerance: f64) -> Worst {
        Worst { group, unit, tolerance, violations: 0, worst: None }
    }

    fn at_least(&mut self, value: f64, limit: f64, subject: Subject) {
        self.margin(value, limit, value - limit, subject);
    }

    fn at_most(&mut self, value: f64, limit: f64, subject: Subject) {
        self.margin(value, limit, limit - value, subject);
    }

    fn margin(&mut self, value: f64, limit: f64, margin: f64, subject: Subject) {
        if margin < -self.tolerance {
            self.violations += 1;
        }
        if self.worst.is_none_or(|worst| margin < worst.2) {
            self.worst = Some((value, limit, margin, subject));
        }
    }

    fn into_constraint(self) -> Option<Constraint> {
        let (value, limit, margin, subject) = self.worst?;
        Some(Constraint {
            group: self.group,
            value,
            limit,
            margin,
            unit: self.unit.to_owned(),
            subject,
            violations: self.violations,
        })
    }
}
