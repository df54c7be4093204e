use model::Placement;

use crate::boxes::Aabb;
use crate::problem::{Mount, Problem, SPACING_SLACK_M};
use crate::random::Random;
use physics::geometry::LENGTH_TOLERANCE_M;

/// Places where a component fits beside what already stands: against walls, at
/// the wanted spacing beside neighbors, in line with their edges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spots {
    lines: [Vec<f64>; 2],
}

impl Spots {
    /// Collects the candidate centres along the two axes of the mount's panel.
    pub(crate) fn gather<'b>(
        &mut self,
        problem: &Problem<'_>,
        index: usize,
        mount: &Mount,
        spacing_m: f64,
        boxes: impl Iterator<Item = &'b Aabb>,
    ) {
        let panel = mount.panel;
        let normal = panel.normal_axis();
        let axes = [panel.in_plane_axes().0, panel.in_plane_axes().1];
        let half = mount.extents_m.map(|extent| 0.5 * extent);
        let slab = Aabb::around(problem.place(mount, [0.0; 3]).center_m, mount.extents_m);
        let touches = |space: &Aabb, reach_m: f64| {
            space.lo[normal] < slab.hi[normal] + reach_m && space.hi[normal] > slab.lo[normal] - reach_m
        };
        for (lines, axis) in self.lines.iter_mut().zip(axes) {
            lines.clear();
            let room_m = (problem.half_m[axis] - half[axis]).max(0.0);
            let inset_m = (room_m - spacing_m).max(0.0);
            lines.extend([-room_m, room_m, -inset_m, inset_m, 0.0]);
        }
        let mut beside = |space: &Aabb, gap_m: f64| {
            for (lines, axis) in self.lines.iter_mut().zip(axes) {
                lines.push(space.hi[axis] + gap_m + half[axis]);
                lines.push(space.lo[axis] - gap_m - half[axis]);
                lines.push(space.lo[axis] + half[axis]);
                lines.push(space.hi[axis] - half[axis]);
                lines.push(0.5 * (space.lo[axis] + space.hi[axis]));
            }
        };
        boxes.filter(|space| touches(space, spacing_m)).for_each(|space| beside(space, spacing_m));
        for keep_out in &problem.satellite.keep_outs {
            let volume = Aabb { lo: keep_out.min_m, hi: keep_out.max_m };
            if !keep_out.exempt.contains(&index) && touches(&volume, 0.0) {
                beside(&volume, SPACING_SLACK_M);
            }
        }
        for (lines, axis) in self.lines.iter_mut().zip(axes) {
            let room_m = (problem.half_m[axis] - half[axis]).max(0.0);
            lines.retain(|line| line.abs() <= room_m);
        }
    }

    /// A random one of the gathered spots; now and then free along one axis.
    pub(crate) fn draw(&self, problem: &Problem<'_>, mount: &Mount, random: &mut Random) -> Placement {
        let axes = mount.panel.in_plane_axes();
        let mut center_m = [0.0; 3];
        for (lines, axis) in self.lines.iter().zip([axes.0, axes.1]) {
            let room_m = (problem.half_m[axis] - 0.5 * mount.extents_m[axis]).max(0.0);
            center_m[axis] = if lines.is_empty() || random.chance(0.15) {
                random.between(-room_m, room_m)
            } else {
                lines[random.below(lines.len())]
            };
        }
        problem.place(mount, center_m)
    }
}

/// Whether a component can take a space: inside the envelope, outside the
/// keep-out boxes, `spacing_m` from all others. `others` gives `None` for those
/// that do not count.
pub(crate) fn is_free<'b>(
    problem: &Problem<'_>,
    index: usize,
    space: &Aabb,
    spacing_m: f64,
    others: impl Fn(usize) -> Option<&'b Aabb>,
) -> bool {
    if space.protrusion_m(&problem.half_m) > LENGTH_TOLERANCE_M {
        return false;
    }
    let hits_keep_out = problem.satellite.keep_outs.iter().any(|keep_out| {
        let volume = Aabb { lo: keep_out.min_m, hi: keep_out.max_m };
        !keep_out.exempt.contains(&index) && space.clearance_m(&volume) < 0.0
    });
    // A slack of half the designed one: a spot at exactly the spacing is free.
    let needed_m = spacing_m - 0.5 * SPACING_SLACK_M;
    !hits_keep_out
        && (0..problem.len())
            .filter_map(others)
            .all(|other| space.is_apart(other, needed_m) || space.clearance_m(other) >= needed_m)
}
