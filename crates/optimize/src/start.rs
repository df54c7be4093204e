use model::{Layout, Panel, Placement, Vec3};
use rayon::prelude::*;

use crate::boxes::Aabb;
use crate::objective::Breach;
use crate::problem::{Problem, mirrored};
use crate::random::Random;
use crate::relation;
use crate::spots::{self, Spots};
use crate::state::{Ballast, State};

/// Spots looked at on each mount of a component.
const SPOT_TRIES: usize = 10;
/// Constructions for each one that is kept. Their cost grows with the square of
/// the components, so a large problem has to do with fewer.
fn restarts(components: usize) -> usize {
    if components <= 80 { 4 } else { 1 }
}

/// A first layout: the largest component first, each where it hurts least. Every
/// component gets a placement; the ones that fit nowhere overlap.
pub(crate) fn construct(problem: &Problem<'_>, ballast: &Ballast, random: &mut Random) -> Layout {
    let satellite = problem.satellite;
    let mut builder = Builder {
        problem,
        ballast,
        placements: (0..problem.len())
            .map(|index| problem.place(&problem.mounts[index][0], [0.0; 3]))
            .collect(),
        boxes: vec![Aabb { lo: [0.0; 3], hi: [0.0; 3] }; problem.len()],
        placed: vec![false; problem.len()],
        moment_kg_m: ballast.moment_kg_m,
        heat_w: [0.0; 6],
        spots: Spots::default(),
    };
    for (index, component) in satellite.components.iter().enumerate() {
        if let Some(placement) = component.fixed {
            builder.put(index, placement);
        }
    }
    // Components with few choices count as larger, and a little noise makes
    // restarts differ.
    let mut order: Vec<(f64, usize)> = problem
        .movable
        .iter()
        .map(|&index| {
            let component = &satellite.components[index];
            let choices = component.allowed_panels.iter().count() as f64;
            let bulk = component.volume_m3().powf(2.0 / 3.0) / choices.sqrt();
            (bulk * random.between(0.7, 1.4), index)
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in order {
        if builder.placed[index] {
            continue;
        }
        let placement = builder.best_spot(index, random);
        builder.put(index, placement);
        if let Some((partner, axis)) = problem.mirror_of[index] {
            builder.put_mirrored(partner, &mirrored(&placement, axis));
        }
    }
    Layout { placements: builder.placements }
}

struct Builder<'a, 'p> {
    problem: &'p Problem<'a>,
    ballast: &'p Ballast,
    placements: Vec<Placement>,
    boxes: Vec<Aabb>,
    placed: Vec<bool>,
    moment_kg_m: Vec3,
    heat_w: [f64; 6],
    spots: Spots,
}

impl Builder<'_, '_> {
    fn put(&mut self, index: usize, placement: Placement) {
        let component = &self.problem.satellite.components[index];
        self.placements[index] = placement;
        self.boxes[index] = self.problem.aabb(index, &placement);
        self.placed[index] = true;
        for axis in 0..3 {
            self.moment_kg_m[axis] += component.mass_kg * placement.center_m[axis];
        }
        self.heat_w[placement.panel.index()] += component.power_w;
    }

    fn put_mirrored(&mut self, partner: usize, image: &Placement) {
        if self.placed[partner] {
            return;
        }
        if let Some(mount) = self.problem.mount_on(partner, image.panel, image.turn) {
            let placement = self.problem.place(mount, image.center_m);
            if self.is_free(partner, &self.problem.aabb(partner, &placement), self.problem.spacing_m()) {
                self.put(partner, placement);
            }
        }
    }

    fn is_free(&self, index: usize, space: &Aabb, spacing_m: f64) -> bool {
        spots::is_free(self.problem, index, space, spacing_m, |other| {
            self.placed[other].then(|| &self.boxes[other])
        })
    }

    /// The cheapest of the spots that were looked at: first at the wanted
    /// spacing, then at the least allowed one, then with overlaps.
    fn best_spot(&mut self, index: usize, random: &mut Random) -> Placement {
        let least_m = self.problem.spacing_m();
        let wanted_m = self.problem.satellite.start_spacing_m.max(least_m);
        let mut spacings = vec![wanted_m, 0.5 * (wanted_m + least_m), least_m];
        spacings.dedup();
        for spacing_m in spacings {
            let mut best: Option<(f64, Placement)> = None;
            self.visit_spots(index, spacing_m, SPOT_TRIES, random, |builder, placement, random| {
                if builder.is_free(index, &builder.problem.aabb(index, &placement), spacing_m) {
                    let cost = builder.cost(index, &placement) + random.between(0.0, 0.3);
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, placement));
                    }
                }
            });
            if let Some((_, placement)) = best {
                return placement;
            }
        }
        let mut best = (f64::INFINITY, self.placements[index]);
        self.visit_spots(index, least_m, SPOT_TRIES, random, |builder, placement, _| {
            let cost = 10.0 * builder.overlap(index, &placement).energy + builder.cost(index, &placement);
            if cost < best.0 {
                best = (cost, placement);
            }
        });
        best.1
    }

    fn visit_spots(
        &mut self,
        index: usize,
        spacing_m: f64,
        tries: usize,
        random: &mut Random,
        mut visit: impl FnMut(&mut Self, Placement, &mut Random),
    ) {
        let problem = self.problem;
        let mut spots = std::mem::take(&mut self.spots);
        for mount in &problem.mounts[index] {
            let placed = self.boxes.iter().zip(&self.placed).filter(|(_, placed)| **placed);
            spots.gather(problem, index, mount, spacing_m, placed.map(|(space, _)| space));
            for _ in 0..tries {
                visit(self, spots.draw(problem, mount, random), random);
            }
        }
        self.spots = spots;
    }

    /// What standing there costs beside space: broken rules, heat on one panel,
    /// a centre of mass pulled away.
    fn cost(&mut self, index: usize, placement: &Placement) -> f64 {
        let satellite = self.problem.satellite;
        let component = &satellite.components[index];
        let mut breach = Breach::default();
        if !self.problem.relations_of[index].is_empty() {
            let (old, old_space) = (self.placements[index], self.boxes[index]);
            self.placements[index] = *placement;
            self.boxes[index] = self.problem.aabb(index, placement);
            for &number in &self.problem.relations_of[index] {
                breach += relation::breach(
                    &satellite.relations[number],
                    &self.placements,
                    &self.boxes,
                    self.problem.length_scale_m,
                    |member| member == index || self.placed[member],
                );
            }
            (self.placements[index], self.boxes[index]) = (old, old_space);
        }
        let limit_m = satellite.limits.max_cg_offset_m.max(1e-3);
        let offset_m = (0..3)
            .map(|axis| {
                let moment = self.moment_kg_m[axis] + component.mass_kg * placement.center_m[axis];
                (moment / self.ballast.total_mass_kg).powi(2)
            })
            .sum::<f64>()
            .sqrt();
        // Heat per emitting area of this panel against that of the whole satellite.
        let emitting = |panel: Panel| {
            satellite.envelope.outer_area_m2(panel)
                * satellite.panels[panel.index()].outer_emissivity.max(1e-3)
        };
        let total_w: f64 = satellite.components.iter().map(|component| component.power_w).sum();
        let total_m2: f64 = Panel::ALL.into_iter().map(emitting).sum();
        let panel_w = self.heat_w[placement.panel.index()] + component.power_w;
        let crowding = if total_w > 0.0 {
            component.power_w / total_w * panel_w / total_w * total_m2 / emitting(placement.panel)
        } else {
            0.0
        };
        5.0 * breach.energy + offset_m / limit_m.min(0.2) + 2.0 * crowding
    }

    fn overlap(&self, index: usize, placement: &Placement) -> Breach {
        let space = self.problem.aabb(index, placement);
        let scale_m = self.problem.length_scale_m;
        let mut breach = Breach::default();
        for (other, placed) in self.boxes.iter().zip(&self.placed) {
            if *placed {
                breach.add_clearance(
                    space.clearance_m(other),
                    self.problem.satellite.limits.min_clearance_m,
                    scale_m,
                );
            }
        }
        breach.add_intrusion(space.protrusion_m(&self.problem.half_m), scale_m);
        for keep_out in &self.problem.satellite.keep_outs {
            if !keep_out.exempt.contains(&index) {
                let volume = Aabb { lo: keep_out.min_m, hi: keep_out.max_m };
                breach.add_intrusion(-space.clearance_m(&volume), scale_m);
            }
        }
        breach
    }
}

/// The best `count` of several constructions, best first.
pub(crate) fn starts(problem: &Problem<'_>, ballast: &Ballast, seed: u64, count: usize) -> Vec<Layout> {
    let mut layouts: Vec<(f64, Layout)> = (0..count * restarts(problem.len()))
        .into_par_iter()
        .map(|number| {
            let layout = construct(problem, ballast, &mut Random::new(seed, number as u64));
            (State::new(problem, *ballast, None, &layout).energy(), layout)
        })
        .collect();
    layouts.sort_by(|a, b| a.0.total_cmp(&b.0));
    layouts.truncate(count);
    layouts.into_iter().map(|(_, layout)| layout).collect()
}
