use std::path::{Path, PathBuf};

use model::{Layout, Problem, Satellite};
use optimize::{Control, Iteration, Settings, StopReason};
use physics::Evaluation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::metrics::headline_metrics;
use crate::recorder::Recorder;

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
    /// Whether images are drawn at the end.
    pub images: bool,
    /// Where the last run stopped, from [`Hooks::iteration`].
    pub checkpoint: Option<&'a [u8]>,
}

/// Hears what happens in a run. Called on the caller's thread. `Control::Stop`
/// ends the search; the files of the best layout so far are written all the same.
pub trait Hooks {
    /// The start layout exists and the first iteration begins. Not called when
    /// the run goes on from a checkpoint.
    fn started(&mut self, layout: &Layout, evaluation: &Evaluation) -> Control;
    /// `fraction` of iteration `number` is done.
    fn progress(&mut self, number: u32, fraction: f64) -> Control;
    /// An iteration is done and its files are written. `checkpoint` is all that
    /// [`RunRequest::checkpoint`] needs.
    fn iteration(&mut self, iteration: &Iteration<'_>, checkpoint: &[u8]) -> Control;
    /// The search is over; images are drawn now. Not called when none are
    /// wanted.
    fn visualizing(&mut self) -> Control;
    /// Whether to return at once without finishing the directory.
    fn abandoned(&self) -> bool;
    /// Now, RFC 3339 UTC with milliseconds.
    fn now(&self) -> String;
    /// What the reader of the input would like the user to look at; the report
    /// repeats it.
    fn warnings(&self) -> &[Problem] {
        &[]
    }
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
    /// Score of the layout; lower is better.
    pub score: f64,
    /// [`headline_metrics`] of the layout.
    pub metrics: Map<String, Value>,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The search refused its input.
    #[error("layout: {0}")]
    Layout(#[source] optimize::Error),
    /// The models have no answer for this satellite.
    #[error("physics: {0}")]
    Physics(#[source] physics::Error),
    /// A file could not be written.
    #[error("files: cannot write {path}: {source}")]
    Write {
        /// The file, under [`RunRequest::dir_name`].
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An image could not be drawn.
    #[error("files: cannot draw {name}: {reason}")]
    Draw {
        /// The image.
        name: &'static str,
        /// What went wrong.
        reason: String,
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

impl From<optimize::Error> for Error {
    fn from(error: optimize::Error) -> Error {
        match error {
            optimize::Error::Checkpoint { reason } => Error::Checkpoint { reason },
            optimize::Error::Physics(error) => Error::Physics(error),
            other => Error::Layout(other),
        }
    }
}

/// Runs the search and writes its directory.
pub fn run(request: &RunRequest<'_>, hooks: &mut dyn Hooks) -> Result<RunSummary, Error> {
    search_and_write(request, hooks).map_err(|error| error.named_by(request))
}

impl Error {
    /// Names the file as the results name it: where their directory stands on
    /// this machine is no affair of those who are told.
    fn named_by(self, request: &RunRequest<'_>) -> Error {
        match self {
            Error::Write { path, source } => {
                let path = match path.strip_prefix(request.dir) {
                    Ok(inner) => Path::new(request.dir_name).components().chain(inner.components()).collect(),
                    Err(_) => path,
                };
                Error::Write { path, source }
            }
            other => other,
        }
    }
}

fn search_and_write(request: &RunRequest<'_>, hooks: &mut dyn Hooks) -> Result<RunSummary, Error> {
    let (mut recorder, search) = Recorder::open(request, hooks)?;
    let outcome = optimize::run(request.satellite, request.settings, search.as_ref(), &mut recorder);
    let (hooks, trace) = recorder.close()?;
    let outcome = outcome?;
    if hooks.abandoned() {
        return Err(Error::Abandoned);
    }
    let summary = RunSummary {
        status: if outcome.reason == StopReason::Stopped { "STOPPED" } else { "SUCCESS" }.to_owned(),
        final_iteration: outcome.iterations,
        timestamp: hooks.now(),
        run_dir: request.dir_name.to_owned(),
        notes: notes(&outcome),
        feasible: outcome.evaluation.is_feasible(),
        num_components: request.satellite.components.len(),
        seed: request.settings.seed,
        stop_reason: reason_name(outcome.reason).to_owned(),
        score: outcome.score,
        metrics: headline_metrics(&outcome.evaluation, outcome.score, request.satellite),
    };
    crate::finish::finish(request, hooks, &outcome, &summary, &trace)?;
    Ok(summary)
}

fn reason_name(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Completed => "completed",
        StopReason::Converged => "converged",
        StopReason::Stopped => "stopped",
    }
}

/// One sentence in each language.
fn notes(outcome: &optimize::Outcome) -> String {
    let count = outcome.iterations;
    let (how, how_zh) = match outcome.reason {
        StopReason::Completed => ("all iterations done", "已完成全部迭代"),
        StopReason::Converged => ("converged", "已收敛"),
        StopReason::Stopped => ("stopped on request", "应请求停止"),
    };
    let violations = outcome.evaluation.num_violations();
    let (verdict, verdict_zh) = if outcome.evaluation.is_feasible() {
        ("feasible".to_owned(), "可行".to_owned())
    } else {
        (format!("infeasible, {violations} violations"), format!("不可行，{violations} 处超限"))
    };
    format!("{count} iterations, {how}; {verdict}. 迭代 {count} 次，{how_zh}；{verdict_zh}。")
}
