use model::{Layout, Panel, Placement, Satellite, Vec3};

use crate::boxes::Aabb;
use crate::heat::HeatTrack;
use crate::objective::{self, Breach, Merits};
use crate::problem::{Mount, Problem};
use crate::relation;
use crate::tidy::{self, Alignment};

/// One or two components and where they would stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Proposal {
    moves: [(usize, Placement); 2],
    len: usize,
}

impl Proposal {
    /// Moves one component.
    pub(crate) fn one(index: usize, placement: Placement) -> Self {
        Proposal { moves: [(index, placement); 2], len: 1 }
    }

    /// Moves two different components at once.
    pub(crate) fn two(a: (usize, Placement), b: (usize, Placement)) -> Self {
        Proposal { moves: [a, b], len: 2 }
    }

    /// The components and their new placements.
    pub(crate) fn moves(&self) -> &[(usize, Placement)] {
        &self.moves[..self.len]
    }
}

/// Mass and moment of what is not placed: structure, panels, fixed masses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ballast {
    pub(crate) total_mass_kg: f64,
    pub(crate) moment_kg_m: Vec3,
}

impl Ballast {
    /// What is not placed, from the mass properties of a satellite whose
    /// components all sit at the origin.
    pub(crate) fn of(satellite: &Satellite) -> Self {
        let origin = Placement { panel: Panel::ZMinus, turn: 0, center_m: [0.0; 3] };
        let layout = Layout { placements: vec![origin; satellite.components.len()] };
        let all = physics::mass::of_layout(satellite, &layout);
        Ballast {
            total_mass_kg: all.mass_kg,
            moment_kg_m: std::array::from_fn(|axis| all.cg_m[axis] * all.mass_kg),
        }
    }
}

/// A layout with everything that its energy is made of, kept up to date by the
/// part that a move changes.
#[derive(Debug, Clone)]
pub(crate) struct State<'p> {
    problem: &'p Problem<'p>,
    ballast: Ballast,
    placements: Vec<Placement>,
    boxes: Vec<Aabb>,
    /// Breaches of everything but temperature and centre of mass.
    solid: Breach,
    /// Sum of mass times centre over the components, kg m.
    moment_kg_m: Vec3,
    center_sum_m: Vec3,
    square_sum_m2: f64,
    alignments: Vec<Alignment>,
    untidy: i32,
    /// Temperatures; without, only geometry and mass are judged.
    heat: Option<HeatTrack<'p>>,
    energy: f64,
    count: i32,
}

impl<'p> State<'p> {
    /// All sums of a layout from scratch.
    pub(crate) fn new(
        problem: &'p Problem<'p>,
        ballast: Ballast,
        heat: Option<HeatTrack<'p>>,
        layout: &Layout,
    ) -> Self {
        let placements = layout.placements.clone();
        let boxes: Vec<Aabb> =
            placements.iter().enumerate().map(|(index, placement)| problem.aabb(index, placement)).collect();
        let mut state = State {
            problem,
            ballast,
            alignments: tidy::alignments(&placements, &boxes),
            placements,
            boxes,
            solid: Breach::default(),
            moment_kg_m: [0.0; 3],
            center_sum_m: [0.0; 3],
            square_sum_m2: 0.0,
            untidy: 0,
            heat,
            energy: 0.0,
            count: 0,
        };
        state.recount();
        state
    }

    /// Sums everything anew, so that rounding does not grow with the number of
    /// moves.
    pub(crate) fn recount(&mut self) {
        self.solid = Breach::default();
        self.moment_kg_m = [0.0; 3];
        self.center_sum_m = [0.0; 3];
        self.square_sum_m2 = 0.0;
        for index in 0..self.boxes.len() {
            self.solid += self.own_breach(index);
            for other in index + 1..self.boxes.len() {
                self.solid += self.pair_breach(index, other);
            }
            self.add_center(index, 1.0);
        }
        for number in 0..self.problem.satellite.relations.len() {
            self.solid += self.relation_breach(number);
        }
        self.untidy = self.alignments.iter().flatten().filter(|&&count| count == 0).count() as i32;
        let (mut breach, mut margin_k) = (Breach::default(), f64::INFINITY);
        if let Some(heat) = &mut self.heat {
            heat.rebuild(&self.placements);
            (breach, margin_k) = (heat.breach(), heat.worst_margin_k());
        }
        (self.energy, self.count) = self.total(breach, margin_k, self.untidy);
    }

    /// Calibrates the temperatures by a full solve of this layout.
    pub(crate) fn calibrate(&mut self) -> Result<(), physics::Error> {
        let layout = self.layout();
        if let Some(heat) = &mut self.heat {
            heat.calibrate(&layout)?;
        }
        self.recount();
        Ok(())
    }

    /// Where the components stand.
    pub(crate) fn layout(&self) -> Layout {
        Layout { placements: self.placements.clone() }
    }

    /// Where the components stand.
    pub(crate) fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// The space the components take.
    pub(crate) fn boxes(&self) -> &[Aabb] {
        &self.boxes
    }

    /// What the annealing lowers.
    pub(crate) fn energy(&self) -> f64 {
        self.energy
    }

    /// Broken constraints, as far as the incremental models see.
    pub(crate) fn violations(&self) -> i32 {
        self.count
    }

    /// The component with the smallest thermal margin.
    pub(crate) fn hottest(&self) -> Option<usize> {
        self.heat.as_ref().map(HeatTrack::hottest)
    }

    /// Makes the move if the energy after it is at most `limit`; says whether.
    pub(crate) fn attempt(&mut self, proposal: &Proposal, limit: f64) -> bool {
        let before = self.local_breach(proposal);
        let sums = (self.solid, self.moment_kg_m, self.center_sum_m, self.square_sum_m2);
        let mut old = *proposal;
        for (slot, &(index, placement)) in proposal.moves().iter().enumerate() {
            old.moves[slot] = (index, self.placements[index]);
            self.add_center(index, -1.0);
            self.put(index, placement);
            self.add_center(index, 1.0);
        }
        self.solid -= before;
        self.solid += self.local_breach(proposal);
        // What geometry alone costs is a lower bound: most bad moves end here,
        // before any temperature is computed.
        let (lower_bound, _) = self.total(Breach::default(), f64::INFINITY, 0);
        if lower_bound <= limit {
            let untidy = self.realign(&old, proposal);
            let (mut breach, mut margin_k) = (Breach::default(), f64::INFINITY);
            if let Some(heat) = &mut self.heat {
                heat.propose(proposal.moves());
                (breach, margin_k) = (heat.proposed_breach(), heat.proposed_margin_k());
            }
            let (energy, count) = self.total(breach, margin_k, untidy);
            if energy <= limit {
                if let Some(heat) = &mut self.heat {
                    heat.accept();
                }
                self.untidy = untidy;
                (self.energy, self.count) = (energy, count);
                return true;
            }
            if let Some(heat) = &mut self.heat {
                heat.reject();
            }
            for &(index, placement) in old.moves() {
                self.put(index, placement);
            }
            self.realign(proposal, &old);
        } else {
            for &(index, placement) in old.moves() {
                self.put(index, placement);
            }
        }
        (self.solid, self.moment_kg_m, self.center_sum_m, self.square_sum_m2) = sums;
        false
    }

    /// Components that break a constraint, for moves that repair.
    pub(crate) fn violators(&self, found: &mut Vec<usize>) {
        found.clear();
        let mut broken = vec![false; self.boxes.len()];
        for index in 0..self.boxes.len() {
            broken[index] |= self.own_breach(index).count > 0
                || self.heat.as_ref().is_some_and(|heat| heat.is_too_hot(index));
            for other in index + 1..self.boxes.len() {
                if self.pair_breach(index, other).count > 0 {
                    (broken[index], broken[other]) = (true, true);
                }
            }
        }
        for (number, rule) in self.problem.satellite.relations.iter().enumerate() {
            if self.relation_breach(number).count > 0 {
                crate::problem::members(rule).into_iter().for_each(|member| broken[member] = true);
            }
        }
        found.extend(self.problem.movable.iter().copied().filter(|&index| broken[index]));
    }

    /// Breach of a component alone and with all others if it stood there, cheap
    /// enough to look for free spots.
    pub(crate) fn is_free(&self, index: usize, mount: &Mount, placement: &Placement) -> bool {
        let space = Aabb::around(placement.center_m, mount.extents_m);
        crate::spots::is_free(self.problem, index, &space, self.problem.spacing_m(), |other| {
            (other != index).then(|| &self.boxes[other])
        })
    }

    fn put(&mut self, index: usize, placement: Placement) {
        self.placements[index] = placement;
        self.boxes[index] = self.problem.aabb(index, &placement);
    }

    fn add_center(&mut self, index: usize, sign: f64) {
        let center_m = self.placements[index].center_m;
        let mass_kg = sign * self.problem.satellite.components[index].mass_kg;
        for (axis, center) in center_m.into_iter().enumerate() {
            self.moment_kg_m[axis] += mass_kg * center;
            self.center_sum_m[axis] += sign * center;
            self.square_sum_m2 += sign * center * center;
        }
    }

    /// Energy and violations with these temperatures and this many sides out of line.
    fn total(&self, heat: Breach, margin_k: f64, untidy: i32) -> (f64, i32) {
        let cg_m: Vec3 = std::array::from_fn(|axis| {
            (self.ballast.moment_kg_m[axis] + self.moment_kg_m[axis]) / self.ballast.total_mass_kg
        });
        let cg = objective::cg_ratio(self.problem.satellite, cg_m, &self.problem.half_m);
        let mut breach = self.solid;
        breach += heat;
        breach.add_ratio(cg);
        let merits = Merits {
            margin_k,
            cg,
            spread: objective::spread(
                self.boxes.len(),
                self.center_sum_m,
                self.square_sum_m2,
                &self.problem.half_m,
            ),
            untidy: f64::from(untidy) / (2 * self.boxes.len()).max(1) as f64,
        };
        (breach.energy + merits.objective(), breach.count)
    }

    /// All breaches that involve a component of the proposal, each once.
    fn local_breach(&self, proposal: &Proposal) -> Breach {
        let mut breach = Breach::default();
        let first = proposal.moves[0].0;
        for (slot, &(index, _)) in proposal.moves().iter().enumerate() {
            breach += self.own_breach(index);
            for other in 0..self.boxes.len() {
                if other != index && (slot == 0 || other != first) {
                    breach += self.pair_breach(index, other);
                }
            }
            for &number in &self.problem.relations_of[index] {
                if slot == 0 || self.problem.relations_of[first].binary_search(&number).is_err() {
                    breach += self.relation_breach(number);
                }
            }
        }
        breach
    }

    fn own_breach(&self, index: usize) -> Breach {
        let mut breach = Breach::default();
        let scale_m = self.problem.length_scale_m;
        breach.add_intrusion(self.boxes[index].protrusion_m(&self.problem.half_m), scale_m);
        for keep_out in &self.problem.satellite.keep_outs {
            if !keep_out.exempt.contains(&index) {
                let volume = Aabb { lo: keep_out.min_m, hi: keep_out.max_m };
                breach.add_intrusion(-self.boxes[index].clearance_m(&volume), scale_m);
            }
        }
        breach
    }

    #[inline]
    fn pair_breach(&self, a: usize, b: usize) -> Breach {
        let mut breach = Breach::default();
        let required_m = self.problem.satellite.limits.min_clearance_m;
        if !self.boxes[a].is_apart(&self.boxes[b], required_m) {
            let clearance_m = self.boxes[a].clearance_m(&self.boxes[b]);
            breach.add_clearance(clearance_m, required_m, self.problem.length_scale_m);
        }
        breach
    }

    fn relation_breach(&self, number: usize) -> Breach {
        relation::breach(
            &self.problem.satellite.relations[number],
            &self.placements,
            &self.boxes,
            self.problem.length_scale_m,
            |_| true,
        )
    }

    /// Takes the moved components out of the alignment counts where they stood
    /// and adds them where they stand now; the sides out of line afterwards.
    fn realign(&mut self, from: &Proposal, to: &Proposal) -> i32 {
        let mut untidy = self.untidy;
        for &(index, _) in to.moves() {
            untidy -= out_of_line(&self.alignments[index]);
        }
        for other in 0..self.boxes.len() {
            if to.moves().iter().any(|moved| moved.0 == other) {
                continue;
            }
            let before = out_of_line(&self.alignments[other]);
            for (proposal, sign) in [(from, -1), (to, 1)] {
                for &(index, placement) in proposal.moves() {
                    if placement.panel == self.placements[other].panel {
                        let space = self.problem.aabb(index, &placement);
                        let along = tidy::lines_up(
                            (&placement, &space),
                            (&self.placements[other], &self.boxes[other]),
                        );
                        tidy::add(&mut self.alignments[other], along, sign);
                    }
                }
            }
            untidy += out_of_line(&self.alignments[other]) - before;
        }
        for &(index, placement) in to.moves() {
            let mut own = tidy::centered(&placement);
            let space = self.problem.aabb(index, &placement);
            for other in (0..self.boxes.len()).filter(|&other| other != index) {
                let along =
                    tidy::lines_up((&placement, &space), (&self.placements[other], &self.boxes[other]));
                tidy::add(&mut own, along, 1);
            }
            self.alignments[index] = own;
            untidy += out_of_line(&own);
        }
        untidy
    }
}

fn out_of_line(alignment: &Alignment) -> i32 {
    alignment.iter().filter(|&&count| count == 0).count() as i32
}

#[cfg(test)]
mod tests;
