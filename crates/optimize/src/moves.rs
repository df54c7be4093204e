use model::Placement;

use crate::problem::{Mount, Problem, mirrored};
use crate::random::Random;
use crate::spots::Spots;
use crate::state::{Proposal, State};

/// How often a move is taken on a component that breaks a constraint, while
/// there is one.
const REPAIR_SHARE: f64 = 0.6;
/// How often the partner of a symmetric pair goes along.
const MIRROR_SHARE: f64 = 0.9;
/// Free spots looked at before a component is left where it is.
const SPOT_TRIES: usize = 12;
/// Nudges go from this share of the panel's edge down by factors up to a thousand.
const NUDGE_SHARE: f64 = 0.3;

/// Draws moves. Holds buffers only; the same state and randomness give the same
/// move.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mover {
    spots: Spots,
    violators: Vec<usize>,
}

impl Mover {
    /// Looks again for components that break something. Costs as much as some
    /// hundred proposals, so not before each.
    pub(crate) fn look(&mut self, state: &State<'_>) {
        if state.violations() > 0 {
            state.violators(&mut self.violators);
        } else {
            self.violators.clear();
        }
    }

    /// A random move; `None` when the one that was drawn leads nowhere.
    pub(crate) fn draw(
        &mut self,
        problem: &Problem<'_>,
        state: &State<'_>,
        random: &mut Random,
    ) -> Option<Proposal> {
        if problem.movable.is_empty() {
            return None;
        }
        let index = self.pick(problem, state, random);
        let kind = random.unit();
        if kind < 0.12 {
            return self.swap(problem, state, index, random);
        }
        let placement = if kind < 0.42 {
            nudge(problem, state, index, random)?
        } else if kind < 0.60 {
            align(problem, state, index, random)?
        } else if kind < 0.68 {
            turn(problem, state, index, random)?
        } else if kind < 0.80 {
            relocate(problem, index, random)
        } else {
            self.reinsert(problem, state, index, random)?
        };
        Some(with_mirror(problem, index, placement, random))
    }

    fn pick(&self, problem: &Problem<'_>, state: &State<'_>, random: &mut Random) -> usize {
        if !self.violators.is_empty() && random.chance(REPAIR_SHARE) {
            return self.violators[random.below(self.violators.len())];
        }
        if random.chance(0.1) {
            let free = |index: &usize| problem.satellite.components[*index].fixed.is_none();
            if let Some(hottest) = state.hottest().filter(free) {
                return hottest;
            }
        }
        problem.movable[random.below(problem.movable.len())]
    }

    /// Out of its place and into a free one, wherever the mounts allow.
    fn reinsert(
        &mut self,
        problem: &Problem<'_>,
        state: &State<'_>,
        index: usize,
        random: &mut Random,
    ) -> Option<Placement> {
        let mount = random_mount(problem, index, random);
        let boxes = state.boxes();
        let others = boxes.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, space)| space);
        self.spots.gather(problem, index, &mount, problem.spacing_m(), others);
        (0..SPOT_TRIES)
            .map(|_| self.spots.draw(problem, &mount, random))
            .find(|placement| state.is_free(index, &mount, placement))
    }

    /// Two components change places: each as far from the wall as its own
    /// height demands.
    fn swap(
        &mut self,
        problem: &Problem<'_>,
        state: &State<'_>,
        index: usize,
        random: &mut Random,
    ) -> Option<Proposal> {
        let other = problem.movable[random.below(problem.movable.len())];
        if other == index {
            return None;
        }
        let (here, there) = (state.placements()[index], state.placements()[other]);
        let to = mount_for(problem, index, &there, random)?;
        let back = mount_for(problem, other, &here, random)?;
        Some(Proposal::two(
            (index, problem.place(&to, there.center_m)),
            (other, problem.place(&back, here.center_m)),
        ))
    }
}

/// Anywhere on any panel that the component may stand on.
fn relocate(problem: &Problem<'_>, index: usize, random: &mut Random) -> Placement {
    let mount = random_mount(problem, index, random);
    let center_m = std::array::from_fn(|axis| problem.half_m[axis] * random.between(-1.0, 1.0));
    problem.place(&mount, center_m)
}

/// A step along one or both axes of the panel, long or tiny.
fn nudge(problem: &Problem<'_>, state: &State<'_>, index: usize, random: &mut Random) -> Option<Placement> {
    let placement = state.placements()[index];
    let mount = problem.mount_on(index, placement.panel, placement.turn)?;
    let scale = NUDGE_SHARE * 1e-3_f64.powf(random.unit());
    let which = random.below(3);
    let (u, v) = placement.panel.in_plane_axes();
    let mut center_m = placement.center_m;
    for (axis, skipped) in [(u, 1), (v, 0)] {
        if which != skipped {
            center_m[axis] += 2.0 * problem.half_m[axis] * scale * random.between(-1.0, 1.0);
        }
    }
    Some(problem.place(mount, center_m))
}

/// A quarter turn on the spot.
fn turn(problem: &Problem<'_>, state: &State<'_>, index: usize, random: &mut Random) -> Option<Placement> {
    let placement = state.placements()[index];
    let now = placement.extents_m(problem.satellite.components[index].size_m);
    let turned = |mount: &&Mount| mount.panel == placement.panel && mount.extents_m != now;
    let mount = *problem.mounts[index].iter().find(turned)?;
    // On the spot, or about one of its corners.
    let mut center_m = placement.center_m;
    for axis in 0..3 {
        let shift_m = 0.5 * (mount.extents_m[axis] - now[axis]);
        center_m[axis] += shift_m * [-1.0, 0.0, 1.0][random.below(3)];
    }
    Some(problem.place(&mount, center_m))
}

/// In line with, or beside, a neighbor on the same panel; or at the wall or on
/// the panel's centre line.
fn align(problem: &Problem<'_>, state: &State<'_>, index: usize, random: &mut Random) -> Option<Placement> {
    let placement = state.placements()[index];
    let mount = problem.mount_on(index, placement.panel, placement.turn)?;
    let (u, v) = placement.panel.in_plane_axes();
    let axis = if random.chance(0.5) { u } else { v };
    let half_m = 0.5 * mount.extents_m[axis];
    let spacing_m = problem.spacing_m();
    let mut center_m = placement.center_m;
    let neighbors = state.placements().len();
    let other = random.below(neighbors + 1);
    let space = state
        .boxes()
        .get(other)
        .filter(|_| other != index && state.placements()[other].panel == placement.panel);
    center_m[axis] = match space {
        Some(space) => match random.below(5) {
            0 => space.lo[axis] + half_m,
            1 => space.hi[axis] - half_m,
            2 => 0.5 * (space.lo[axis] + space.hi[axis]),
            3 => space.hi[axis] + spacing_m + half_m,
            _ => space.lo[axis] - spacing_m - half_m,
        },
        None if random.chance(0.2) => {
            let room_m = problem.half_m[axis] - half_m;
            [-room_m, spacing_m - room_m, 0.0, room_m - spacing_m, room_m][random.below(5)]
        }
        None => return nudge(problem, state, index, random),
    };
    Some(problem.place(mount, center_m))
}

/// The move, with the partner of a symmetric pair mirrored.
fn with_mirror(problem: &Problem<'_>, index: usize, placement: Placement, random: &mut Random) -> Proposal {
    if let Some((partner, axis)) = problem.mirror_of[index]
        && problem.satellite.components[partner].fixed.is_none()
        && random.chance(MIRROR_SHARE)
    {
        let image = mirrored(&placement, axis);
        if let Some(mount) = problem.mount_on(partner, image.panel, image.turn) {
            return Proposal::two((index, placement), (partner, problem.place(mount, image.center_m)));
        }
    }
    Proposal::one(index, placement)
}

fn random_mount(problem: &Problem<'_>, index: usize, random: &mut Random) -> Mount {
    let mounts = &problem.mounts[index];
    mounts[random.below(mounts.len())]
}

/// A mount of a component on the panel of a placement.
fn mount_for(
    problem: &Problem<'_>,
    index: usize,
    placement: &Placement,
    random: &mut Random,
) -> Option<Mount> {
    let count = problem.mounts[index].iter().filter(|mount| mount.panel == placement.panel).count();
    if count == 0 {
        return None;
    }
    let wanted = random.below(count);
    problem.mounts[index].iter().filter(|mount| mount.panel == placement.panel).nth(wanted).copied()
}
