use std::path::{Path, PathBuf};

use model::Satellite;
use optimize::{Control, Settings};
use physics::Evaluation;
use serde::{Deserialize, Serialize};

/// What to run and where its directory goes.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// The problem.
    pub satellite: &'a Satellite,
    /// The search.
    pub settings: &'a Settings,
    /// The run's own directory, made when missing. It may hold what an earlier,
    /// interrupted run of the same request left.
    pub dir: &'a Path,
    /// What the files call that directory (`experiments/run_...`).
    pub dir_name: &'a str,
    /// Where the last run stopped, from [`Hooks::iteration`].
    pub checkpoint: Option<&'a [u8]>,
}

/// Hears what happens in a run. Called on the caller's thread. `Control::Stop`
/// ends the search; the files of the best layout so far are written all the same.
pub trait Hooks {
    /// The start layout exists and the first iteration begins.
    fn started(&mut self, evaluation: &Evaluation) -> Control;
    /// `fraction` of iteration `number` is done.
    fn progress(&mut self, number: u32, fraction: f64) -> Control;
    /// Iteration `number` is done and its files are written. `checkpoint` is
    /// all that [`RunRequest::checkpoint`] needs.
    fn iteration(&mut self, number: u32, evaluation: &Evaluation, score: f64, checkpoint: &[u8]) -> Control;
    /// The search is over; images are drawn now.
    fn visualizing(&mut self) -> Control;
    /// Whether to return at once without finishing the directory.
    fn abandoned(&self) -> bool;
    /// Now, RFC 3339 UTC with milliseconds.
    fn now(&self) -> String;
}

/// The end of a run; also the content of summary.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// `SUCCESS` when the search ran to its end, `STOPPED` when it was told to.
    pub status: String,
    /// Iterations done.
    pub final_iteration: u32,
    /// When it ended, RFC 3339 UTC.
    pub timestamp: String,
    /// The directory's name.
    pub run_dir: String,
    /// For people.
    pub notes: String,
    /// Whether every evaluated constraint is met.
    pub feasible: bool,
    /// Components after quantity expansion.
    pub num_components: usize,
    /// Seed of the search.
    pub seed: u64,
    /// Why the search ended.
    pub stop_reason: String,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The checkpoint is not one of this request.
    #[error("checkpoint: {reason}")]
    Checkpoint {
        /// What does not fit.
        reason: String,
    },
    /// The caller abandoned the run.
    #[error("abandoned")]
    Abandoned,
}

/// Runs the search and writes its directory.
pub fn run(request: &RunRequest<'_>, hooks: &mut dyn Hooks) -> Result<RunSummary, Error> {
    let _ = (request, hooks);
    Err(Error::Abandoned)
}
