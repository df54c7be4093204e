use model::Layout;
use serde::{Deserialize, Serialize};

use crate::heat::{Heat, HeatTrack};
use crate::moves::Mover;
use crate::problem::Problem;
use crate::random::Random;
use crate::state::{Ballast, State};

/// Temperatures of the replicas at the begin of an epoch, coldest first, in
/// units of the energy: 1 is about the whole range of the objectives.
pub(crate) const LADDER: [f64; 4] = [0.003, 0.015, 0.06, 0.25];
/// Up to so many components the ladder holds as it is. With more, every one of
/// them brings its share of disorder, so that the temperatures fall in proportion.
const CALM_COMPONENTS: f64 = 12.0;
/// What the temperatures have fallen to at an epoch's end.
const COOLING: f64 = 0.05;
/// Proposals between two looks for components that break something.
const LOOK_EVERY: usize = 64;

/// One of the replicas between two epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replica {
    pub(crate) layout: Layout,
    pub(crate) random: Random,
    /// Place in the temperature ladder.
    pub(crate) rung: usize,
    /// Component temperatures on the finer mesh minus those on the search's, K.
    pub(crate) mesh_shift_k: Vec<f64>,
}

/// A replica at work.
#[derive(Debug)]
pub(crate) struct Walker<'p> {
    problem: &'p Problem<'p>,
    ballast: Ballast,
    heat: &'p Heat<'p>,
    mesh_shift_k: Vec<f64>,
    state: State<'p>,
    mover: Mover,
    random: Random,
    pub(crate) rung: usize,
    best: Layout,
    best_energy: f64,
    /// Whether the energy of `best` rests on the linear temperatures alone.
    best_is_new: bool,
}

impl<'p> Walker<'p> {
    /// Starts where a replica stands.
    pub(crate) fn new(
        problem: &'p Problem<'p>,
        ballast: Ballast,
        heat: &'p Heat<'p>,
        replica: &Replica,
    ) -> Result<Self, physics::Error> {
        let mut track = HeatTrack::new(heat, &replica.mesh_shift_k);
        track.calibrate(&replica.layout)?;
        let state = State::new(problem, ballast, Some(track), &replica.layout);
        Ok(Walker {
            problem,
            ballast,
            heat,
            mesh_shift_k: replica.mesh_shift_k.clone(),
            best: replica.layout.clone(),
            best_energy: state.energy(),
            best_is_new: false,
            state,
            mover: Mover::default(),
            random: replica.random.clone(),
            rung: replica.rung,
        })
    }

    /// Energy of the present layout.
    pub(crate) fn energy(&self) -> f64 {
        self.state.energy()
    }

    /// The layout with the lowest energy of this epoch.
    pub(crate) fn best(&self) -> &Layout {
        &self.best
    }

    /// Temperature at a time of the epoch, 0 to 1.
    pub(crate) fn temperature(&self, time: f64) -> f64 {
        let crowd = (CALM_COMPONENTS / self.problem.len() as f64).min(1.0);
        LADDER[self.rung] * crowd * COOLING.powf(time)
    }

    /// Proposes `proposals` moves while the epoch's time goes from `from` to
    /// `to`, then calibrates the temperatures by a full solve.
    pub(crate) fn walk(&mut self, proposals: usize, from: f64, to: f64) -> Result<(), physics::Error> {
        for number in 0..proposals {
            if number % LOOK_EVERY == 0 {
                self.mover.look(&self.state);
            }
            let Some(proposal) = self.mover.draw(self.problem, &self.state, &mut self.random) else {
                continue;
            };
            let time = from + (to - from) * number as f64 / proposals as f64;
            let luck = 1.0 - self.random.unit();
            let limit = self.state.energy() - self.temperature(time) * luck.ln();
            if self.state.attempt(&proposal, limit) && self.state.energy() < self.best_energy {
                self.best_energy = self.state.energy();
                self.best_is_new = true;
                self.best.placements.copy_from_slice(self.state.placements());
            }
        }
        self.calibrate()
    }

    /// Full solves of the present and the best layout, so that both are
    /// compared by nonlinear temperatures.
    fn calibrate(&mut self) -> Result<(), physics::Error> {
        self.state.calibrate()?;
        if std::mem::take(&mut self.best_is_new) {
            let mut track = HeatTrack::new(self.heat, &self.mesh_shift_k);
            track.calibrate(&self.best)?;
            self.best_energy = State::new(self.problem, self.ballast, Some(track), &self.best).energy();
        }
        if self.state.energy() < self.best_energy {
            self.best_energy = self.state.energy();
            self.best = self.state.layout();
        }
        Ok(())
    }

    /// The replica as it stands, to go on from.
    pub(crate) fn replica(&self) -> Replica {
        Replica {
            layout: self.state.layout(),
            random: self.random.clone(),
            rung: self.rung,
            mesh_shift_k: self.mesh_shift_k.clone(),
        }
    }
}
