use model::Placement;
use model::satellite::Relation;
use physics::constraints::SYMMETRY_TOLERANCE_M;

use crate::boxes::Aabb;
use crate::objective::Breach;
use crate::problem::mirrored;

/// How far one relation is broken. `is_placed` leaves out components that have
/// no place yet.
pub(crate) fn breach(
    relation: &Relation,
    placements: &[Placement],
    boxes: &[Aabb],
    length_scale_m: f64,
    is_placed: impl Fn(usize) -> bool,
) -> Breach {
    let mut breach = Breach::default();
    match relation {
        Relation::MinDistance { a, b, distance_m } => {
            if is_placed(*a) && is_placed(*b) {
                breach.add_length_rule(distance_m - boxes[*a].clearance_m(&boxes[*b]), length_scale_m);
            }
        }
        Relation::MaxDistance { a, b, distance_m } => {
            if is_placed(*a) && is_placed(*b) {
                breach.add_length_rule(boxes[*a].clearance_m(&boxes[*b]) - distance_m, length_scale_m);
            }
        }
        Relation::DifferentPanel { group } => {
            for_each_pair(group, is_placed, |a, b| {
                if placements[a].panel == placements[b].panel {
                    breach.add_rule();
                }
            });
        }
        Relation::DifferentDirection { group, min_angle_rad } => {
            for_each_pair(group, is_placed, |a, b| {
                let angle_rad = normal_angle_rad(&placements[a], &placements[b]);
                if angle_rad < min_angle_rad - 1e-9 {
                    breach.add_rule();
                }
            });
        }
        Relation::SymmetricPair { a, b, axis } => {
            if is_placed(*a) && is_placed(*b) {
                let image = mirrored(&placements[*a], *axis);
                let off_m = (0..3)
                    .map(|k| (image.center_m[k] - placements[*b].center_m[k]).powi(2))
                    .sum::<f64>()
                    .sqrt();
                breach.add_length_rule(off_m - SYMMETRY_TOLERANCE_M, length_scale_m);
            }
        }
    }
    breach
}

/// Angle between the outward normals of two components' panels, rad.
fn normal_angle_rad(a: &Placement, b: &Placement) -> f64 {
    if a.panel == b.panel {
        0.0
    } else if a.panel.normal_axis() == b.panel.normal_axis() {
        std::f64::consts::PI
    } else {
        std::f64::consts::FRAC_PI_2
    }
}

fn for_each_pair(group: &[usize], is_placed: impl Fn(usize) -> bool, mut visit: impl FnMut(usize, usize)) {
    for (position, &a) in group.iter().enumerate() {
        for &b in &group[position + 1..] {
            if is_placed(a) && is_placed(b) {
                visit(a, b);
            }
        }
    }
}
