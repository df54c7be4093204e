use model::{Layout, Satellite};
use physics::Evaluation;
use physics::thermal::Model;
use rayon::prelude::*;

use crate::heat::Heat;
use crate::objective;
use crate::problem::Problem;
use crate::random::Random;
use crate::search::Control;
use crate::state::Ballast;
use crate::straps::Straps;
use crate::walker::{LADDER, Replica, Walker};

/// Pieces of an epoch. Between two the replicas exchange temperatures, every
/// temperature is put right by a full solve, and the observer is asked. At least
/// 4 or 8, and so many that a piece of a large problem stays short: a proposal
/// costs a fixed part and one that grows with the components.
fn chunks(components: usize) -> usize {
    let longest = 40_000 / (2 + components / 10);
    let least = if components < 20 { 4 } else { 8 };
    proposals(components).div_ceil(longest).max(least)
}

/// Moves that all replicas together propose in one epoch.
pub fn proposals_per_epoch(components: usize) -> usize {
    LADDER.len() * proposals(components)
}

/// Proposals of one replica in one epoch.
fn proposals(components: usize) -> usize {
    (1_000 + 500 * components).min(60_000)
}

/// What stays the same during a whole search.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) problem: Problem<'a>,
    pub(crate) ballast: Ballast,
    straps: Straps,
    search_model: Model,
    report_model: Model,
}

/// A layout with its full evaluation.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) layout: Layout,
    pub(crate) evaluation: Evaluation,
    pub(crate) score: f64,
    /// Component temperatures of the evaluation minus those on the search's mesh, K.
    pub(crate) mesh_shift_k: Vec<f64>,
}

impl<'a> Ground<'a> {
    /// Builds the models of a satellite.
    pub(crate) fn new(satellite: &'a Satellite) -> Result<Self, physics::Error> {
        let problem = Problem::new(satellite);
        Ok(Ground {
            ballast: Ballast::of(satellite),
            straps: Straps::new(&problem),
            problem,
            search_model: Model::new(satellite, physics::SEARCH_MESH)?,
            report_model: Model::new(satellite, physics::REPORT_MESH)?,
        })
    }

    /// Evaluates a layout by the full models.
    pub(crate) fn evaluate(&self, layout: &Layout) -> Result<Judged, physics::Error> {
        let fine = self.report_model.solve(layout, None)?;
        let coarse = self.search_model.solve(layout, None)?;
        let satellite = self.problem.satellite;
        let evaluation = physics::evaluate_solution(satellite, layout, &self.report_model, &fine);
        let mesh_shift_k = fine
            .component_temps_k
            .iter()
            .zip(&coarse.component_temps_k)
            .map(|(fine, coarse)| fine - coarse)
            .collect();
        Ok(Judged {
            layout: layout.clone(),
            score: objective::score(satellite, layout, &evaluation),
            evaluation,
            mesh_shift_k,
        })
    }

    /// The thermal side linear around a layout.
    pub(crate) fn heat(&self, layout: &Layout) -> Result<Heat<'_>, physics::Error> {
        Heat::new(&self.problem, &self.search_model, &self.straps, layout)
    }
}

/// One iteration of the search: a fixed number of proposals of every replica.
#[derive(Debug)]
pub(crate) struct Epoch<'a> {
    pub(crate) ground: &'a Ground<'a>,
    /// Best layout so far.
    pub(crate) incumbent: &'a Layout,
    /// From 1.
    pub(crate) number: u32,
}

/// What an epoch leaves.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The best layout of each replica, evaluated in full.
    pub(crate) candidates: Vec<Judged>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) random: Random,
}

impl Epoch<'_> {
    /// Runs the epoch; `None` when the observer stopped it. Replicas work in
    /// parallel and meet only between the pieces, in a fixed order: the number
    /// of threads changes nothing.
    pub(crate) fn run(
        &self,
        replicas: &[Replica],
        random: &Random,
        mut progress: impl FnMut(f64) -> Control,
    ) -> Result<Option<Finished>, physics::Error> {
        let mut random = random.clone();
        let heat = self.ground.heat(self.incumbent)?;
        let mut walkers = replicas
            .par_iter()
            .map(|replica| Walker::new(&self.ground.problem, self.ground.ballast, &heat, replica))
            .collect::<Result<Vec<_>, _>>()?;
        let chunks = chunks(self.ground.problem.len());
        let each = proposals(self.ground.problem.len()).div_ceil(chunks);
        for chunk in 0..chunks {
            let [from, to] = [chunk, chunk + 1].map(|edge| edge as f64 / chunks as f64);
            walkers
                .par_iter_mut()
                .map(|walker| walker.walk(each, from, to))
                .collect::<Result<Vec<()>, _>>()?;
            exchange(&mut walkers, (self.number as usize + chunk) % 2, to, &mut random);
            if chunk + 1 < chunks && progress(to) == Control::Stop {
                return Ok(None);
            }
        }
        let candidates = walkers
            .par_iter()
            .map(|walker| self.ground.evaluate(walker.best()))
            .collect::<Result<Vec<_>, _>>()?;
        let best = candidates
            .iter()
            .min_by(|a, b| a.score.total_cmp(&b.score))
            .expect("there is at least one replica");
        let replicas = walkers
            .iter()
            .zip(&candidates)
            .map(|(walker, candidate)| {
                let mut replica = walker.replica();
                replica.mesh_shift_k.clone_from(&candidate.mesh_shift_k);
                // The coldest replica goes on from the best layout of all.
                if replica.rung == 0 {
                    replica.layout = best.layout.clone();
                    replica.mesh_shift_k.clone_from(&best.mesh_shift_k);
                }
                replica
            })
            .collect();
        Ok(Some(Finished { candidates, replicas, random }))
    }
}

/// Lets neighbors on the temperature ladder change places by the Metropolis
/// rule. `parity` says whether pairs begin at the first or the second rung.
fn exchange(walkers: &mut [Walker<'_>], parity: usize, time: f64, random: &mut Random) {
    let mut by_rung: Vec<usize> = (0..walkers.len()).collect();
    by_rung.sort_by_key(|&index| walkers[index].rung);
    for pair in by_rung[parity..].chunks_exact(2) {
        let (cold, hot) = (&walkers[pair[0]], &walkers[pair[1]]);
        let gain =
            (cold.energy() - hot.energy()) * (1.0 / cold.temperature(time) - 1.0 / hot.temperature(time));
        // Drawn in any case, so that the sequence does not depend on energies.
        let luck = random.unit();
        if gain >= 0.0 || luck < gain.exp() {
            let (low, high) = (cold.rung, hot.rung);
            walkers[pair[0]].rung = high;
            walkers[pair[1]].rung = low;
        }
    }
}
