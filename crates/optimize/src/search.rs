use model::config::MAX_ITERATIONS;
use model::{Layout, Satellite};
use physics::Evaluation;
use serde::{Deserialize, Serialize};

use crate::epoch::{Epoch, Ground};
use crate::random::{Random, mix};
use crate::start;
use crate::walker::{LADDER, Replica};

/// Epochs over which the improvement is measured.
const PATIENCE: usize = 5;

/// What to search for and how hard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Epochs of the search; each ends with a full evaluation. 1 to 10,000.
    pub max_iterations: u32,
    /// The search ends when the layout is feasible and the relative improvement
    /// of the score over the last epochs falls below this; 0 never ends early.
    pub convergence_threshold: f64,
    /// Seed of all randomness.
    pub seed: u64,
}

impl Default for Settings {
    /// What holds where nobody says otherwise. Equal requests give equal layouts.
    fn default() -> Self {
        Settings { max_iterations: 20, convergence_threshold: 0.01, seed: 0 }
    }
}

/// What the observer wants the search to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End now; the best layout so far is the result.
    Stop,
}

/// One finished epoch.
#[derive(Debug)]
pub struct Iteration<'a> {
    /// From 1 to `max_iterations`.
    pub number: u32,
    /// Best layout so far.
    pub layout: &'a Layout,
    /// Full evaluation of that layout.
    pub evaluation: &'a Evaluation,
    /// Score of that layout; lower is better. Never rises.
    pub score: f64,
    /// Everything needed to go on from here.
    pub checkpoint: &'a Checkpoint,
}

/// Watches a search. Called on the thread that called the search.
pub trait Observer {
    /// The constructive start, before the first epoch.
    fn started(&mut self, layout: &Layout, evaluation: &Evaluation) -> Control;
    /// Part of an epoch is done; called several times within a long one.
    /// `fraction` of epoch `number` in (0, 1).
    fn progress(&mut self, number: u32, fraction: f64) -> Control;
    /// An epoch is done.
    fn iteration(&mut self, iteration: &Iteration<'_>) -> Control;
}

/// The state between two epochs. Serialized, stored and read back, it continues
/// the search bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Epochs done.
    pub iteration: u32,
    seed: u64,
    fingerprint: u64,
    best: Layout,
    score: f64,
    /// Scores after the start and the last epochs, oldest first; only as many
    /// as the convergence check looks at.
    history: Vec<f64>,
    replicas: Vec<Replica>,
    /// Decides exchanges between the replicas.
    random: Random,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All epochs were done.
    Completed,
    /// Feasible, and no longer improving.
    Converged,
    /// The observer asked for it.
    Stopped,
}

/// The end of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Best layout found.
    pub layout: Layout,
    /// Its full evaluation.
    pub evaluation: Evaluation,
    /// Its score.
    pub score: f64,
    /// Epochs done.
    pub iterations: u32,
    /// Why it ended.
    pub reason: StopReason,
}

/// Why a search has no outcome. A layout that breaks constraints is not one of
/// these reasons.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A setting is out of range.
    #[error("{name} is {value}, allowed is {allowed}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// The checkpoint belongs to another search.
    #[error("checkpoint does not fit: {reason}")]
    Checkpoint {
        /// What does not fit.
        reason: String,
    },
    /// The models have no answer for this satellite.
    #[error(transparent)]
    Physics(#[from] physics::Error),
}

/// Searches for a good layout. With a checkpoint it goes on from there, and
/// [`Observer::started`] is not called again.
pub fn run(
    satellite: &Satellite,
    settings: &Settings,
    checkpoint: Option<&Checkpoint>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    check(settings)?;
    let ground = Ground::new(satellite)?;
    let mut evaluation;
    let mut state = match checkpoint {
        Some(checkpoint) => {
            fits(&ground, settings, checkpoint)?;
            evaluation = ground.evaluate(&checkpoint.best)?.evaluation;
            checkpoint.clone()
        }
        None => {
            let (state, start) = begin(&ground, settings)?;
            evaluation = start;
            if observer.started(&state.best, &evaluation) == Control::Stop {
                return Ok(end(state, evaluation, StopReason::Stopped));
            }
            state
        }
    };
    loop {
        if converged(settings, &state.history, &evaluation) {
            return Ok(end(state, evaluation, StopReason::Converged));
        }
        if state.iteration >= settings.max_iterations {
            return Ok(end(state, evaluation, StopReason::Completed));
        }
        let number = state.iteration + 1;
        let epoch = Epoch { ground: &ground, incumbent: &state.best, number };
        let finished =
            epoch.run(&state.replicas, &state.random, |fraction| observer.progress(number, fraction))?;
        let Some(finished) = finished else {
            return Ok(end(state, evaluation, StopReason::Stopped));
        };
        for candidate in finished.candidates {
            if candidate.score < state.score {
                state.score = candidate.score;
                state.best = candidate.layout;
                evaluation = candidate.evaluation;
            }
        }
        state.iteration = number;
        state.replicas = finished.replicas;
        state.random = finished.random;
        state.history.push(state.score);
        if state.history.len() > PATIENCE + 1 {
            state.history.remove(0);
        }
        let control = observer.iteration(&Iteration {
            number,
            layout: &state.best,
            evaluation: &evaluation,
            score: state.score,
            checkpoint: &state,
        });
        if control == Control::Stop {
            return Ok(end(state, evaluation, StopReason::Stopped));
        }
    }
}

fn check(settings: &Settings) -> Result<(), Error> {
    if !(1..=MAX_ITERATIONS).contains(&settings.max_iterations) {
        return Err(Error::Setting {
            name: "max_iterations",
            value: f64::from(settings.max_iterations),
            allowed: "1 to 10000",
        });
    }
    let threshold = settings.convergence_threshold;
    if !(threshold.is_finite() && threshold >= 0.0) {
        return Err(Error::Setting {
            name: "convergence_threshold",
            value: threshold,
            allowed: "0 or a positive finite number",
        });
    }
    Ok(())
}

fn fits(ground: &Ground<'_>, settings: &Settings, checkpoint: &Checkpoint) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::Checkpoint { reason });
    let expected = ground.problem.len();
    let sizes = checkpoint.replicas.iter().map(|replica| &replica.layout).chain([&checkpoint.best]);
    if let Some(found) = sizes.map(|layout| layout.placements.len()).find(|&found| found != expected) {
        return refuse(format!("it has {found} placements, the satellite has {expected} components"));
    }
    if checkpoint.fingerprint != ground.problem.fingerprint() {
        return refuse("it was made for another satellite".to_owned());
    }
    if checkpoint.seed != settings.seed {
        return refuse(format!("its seed is {}, the settings say {}", checkpoint.seed, settings.seed));
    }
    if checkpoint.replicas.len() != LADDER.len()
        || checkpoint
            .replicas
            .iter()
            .any(|replica| replica.rung >= LADDER.len() || replica.mesh_shift_k.len() != expected)
    {
        return refuse("its replicas are damaged".to_owned());
    }
    Ok(())
}

/// The constructive starts: the best is the first incumbent, the good ones are
/// the replicas.
fn begin(ground: &Ground<'_>, settings: &Settings) -> Result<(Checkpoint, Evaluation), Error> {
    let starts = start::starts(&ground.problem, &ground.ballast, settings.seed, LADDER.len());
    let first = ground.evaluate(&starts[0])?;
    let replicas = starts
        .into_iter()
        .enumerate()
        .map(|(number, layout)| Replica {
            layout,
            random: Random::new(mix(settings.seed), 1000 + number as u64),
            rung: number,
            mesh_shift_k: first.mesh_shift_k.clone(),
        })
        .collect();
    let state = Checkpoint {
        iteration: 0,
        seed: settings.seed,
        fingerprint: ground.problem.fingerprint(),
        best: first.layout,
        score: first.score,
        history: vec![first.score],
        replicas,
        random: Random::new(mix(settings.seed), 999),
    };
    Ok((state, first.evaluation))
}

/// Feasible, and over the last epochs the score has hardly fallen.
fn converged(settings: &Settings, history: &[f64], evaluation: &Evaluation) -> bool {
    let (Some(first), Some(last)) = (history.first(), history.last()) else { return false };
    history.len() > PATIENCE
        && evaluation.is_feasible()
        && (first - last) / first.abs().max(f64::MIN_POSITIVE) < settings.convergence_threshold
}

fn end(state: Checkpoint, evaluation: Evaluation, reason: StopReason) -> Outcome {
    Outcome { layout: state.best, evaluation, score: state.score, iterations: state.iteration, reason }
}
