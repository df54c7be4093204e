use model::Layout;
use physics::Evaluation;
use serde::{Deserialize, Serialize};

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
