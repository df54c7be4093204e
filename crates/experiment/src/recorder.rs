use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use model::Layout;
use optimize::{Control, Iteration, Observer};
use physics::Evaluation;
use serde::{Deserialize, Serialize};

use crate::directory::{IMAGE_DIR, LLM_DIR, design_state_name};
use crate::disk;
use crate::evolution::{EVOLUTION_FILE, EvolutionRow, to_csv, to_csv_line};
use crate::packed::Packed;
use crate::run::{Error, Hooks, RunRequest};

/// Form of the checkpoint; another number is another form.
const CHECKPOINT_VERSION: u32 = 2;

/// What the iterations so far have left.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Trace {
    /// The start layout; `None` before there is one.
    pub(crate) start: Option<EvolutionRow>,
    /// One row per iteration.
    pub(crate) rows: Vec<EvolutionRow>,
}

#[derive(Deserialize)]
struct Checkpoint {
    search: optimize::Checkpoint,
    start: Packed,
    rows: Packed,
}

/// Of any form.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// A checkpoint, borrowed.
#[derive(Serialize)]
struct CheckpointView<'a> {
    version: u32,
    search: &'a optimize::Checkpoint,
    start: &'a Packed,
    rows: &'a Packed,
}

/// Writes what each iteration leaves, then tells the hooks. The first failure
/// ends the search and is what [`Recorder::close`] returns.
pub(crate) struct Recorder<'a> {
    request: &'a RunRequest<'a>,
    hooks: &'a mut dyn Hooks,
    trace: Trace,
    csv: File,
    failure: Option<Error>,
}

impl<'a> Recorder<'a> {
    /// Makes the directory, puts it into the state of the checkpoint, and
    /// returns with it where the search goes on.
    pub(crate) fn open(
        request: &'a RunRequest<'a>,
        hooks: &'a mut dyn Hooks,
    ) -> Result<(Self, Option<optimize::Checkpoint>), Error> {
        let (trace, search) = match request.checkpoint {
            Some(bytes) => {
                let (trace, search) = read(bytes)?;
                (trace, Some(search))
            }
            None => (Trace::default(), None),
        };
        disk::make_directory(request.dir)?;
        disk::remove_leftovers(request.dir);
        for inner in request.images.then_some(IMAGE_DIR).into_iter().chain([LLM_DIR]) {
            disk::make_directory(&request.dir.join(inner))?;
            disk::remove_leftovers(&request.dir.join(inner));
        }
        let path = csv_path(request);
        disk::write_atomically(&path, &to_csv(&trace.rows))?;
        let csv =
            OpenOptions::new().append(true).open(&path).map_err(|source| Error::Write { path, source })?;
        Ok((Recorder { request, hooks, trace, csv, failure: None }, search))
    }

    /// What was left, or why it could not be.
    pub(crate) fn close(self) -> Result<(&'a mut dyn Hooks, Trace), Error> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok((self.hooks, self.trace)),
        }
    }

    fn record(&mut self, iteration: &Iteration<'_>) -> Result<Control, Error> {
        let (request, number) = (self.request, iteration.number);
        write_design_state(request, number, iteration.layout, iteration.evaluation, Some(iteration.score))?;
        let row = EvolutionRow::new(number, self.hooks.now(), iteration.evaluation, Some(iteration.score));
        let appended = self.csv.write_all(&to_csv_line(&row)).and_then(|()| self.csv.sync_data());
        appended.map_err(|source| Error::Write { path: csv_path(request), source })?;
        disk::sync_directory(request.dir);
        self.trace.rows.push(row);
        let bytes = write(&self.trace, iteration.checkpoint)
            .map_err(|reason| Error::Checkpoint { reason: format!("it cannot be written: {reason}") })?;
        Ok(self.hooks.iteration(iteration, &bytes))
    }

    /// Notes a failure or an abandoned run, and stops the search for it.
    fn settle(&mut self, told: Result<Control, Error>) -> Control {
        match told {
            Err(error) => {
                self.failure = Some(error);
                Control::Stop
            }
            Ok(_) if self.hooks.abandoned() => {
                self.failure = Some(Error::Abandoned);
                Control::Stop
            }
            Ok(control) => control,
        }
    }
}

impl Observer for Recorder<'_> {
    fn started(&mut self, layout: &Layout, evaluation: &Evaluation) -> Control {
        self.trace.start = Some(EvolutionRow::new(0, self.hooks.now(), evaluation, None));
        let control = self.hooks.started(layout, evaluation);
        self.settle(Ok(control))
    }

    fn progress(&mut self, number: u32, fraction: f64) -> Control {
        let control = self.hooks.progress(number, fraction);
        self.settle(Ok(control))
    }

    fn iteration(&mut self, iteration: &Iteration<'_>) -> Control {
        let told = self.record(iteration);
        self.settle(told)
    }
}

/// Writes a layout's file.
pub(crate) fn write_design_state(
    request: &RunRequest<'_>,
    number: u32,
    layout: &Layout,
    evaluation: &Evaluation,
    score: Option<f64>,
) -> Result<(), Error> {
    let seed = Some(request.settings.seed);
    let state = crate::design_state::design_state(number, request.satellite, layout, evaluation, score, seed);
    disk::write_atomically(
        &request.dir.join(design_state_name(number)),
        &crate::design_state::to_file(&state),
    )
}

fn csv_path(request: &RunRequest<'_>) -> PathBuf {
    request.dir.join(EVOLUTION_FILE)
}

fn write(trace: &Trace, search: &optimize::Checkpoint) -> Result<Vec<u8>, String> {
    let view = CheckpointView {
        version: CHECKPOINT_VERSION,
        search,
        start: &Packed::pack(trace.start.as_slice())?,
        rows: &Packed::pack(&trace.rows)?,
    };
    serde_json::to_vec(&view).map_err(|error| error.to_string())
}

fn read(bytes: &[u8]) -> Result<(Trace, optimize::Checkpoint), Error> {
    let refused = |reason| Error::Checkpoint { reason };
    let unreadable = |error| refused(format!("it cannot be read: {error}"));
    let Version { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
    if version != CHECKPOINT_VERSION {
        return Err(refused(format!("its form is {version}, this program reads {CHECKPOINT_VERSION}")));
    }
    let checkpoint: Checkpoint = serde_json::from_slice(bytes).map_err(unreadable)?;
    let trace = Trace {
        start: checkpoint.start.unpack().map_err(refused)?.pop(),
        rows: checkpoint.rows.unpack().map_err(refused)?,
    };
    let (rows, done) = (trace.rows.len(), checkpoint.search.iteration);
    if rows != done as usize {
        return Err(refused(format!("it has {rows} rows for {done} iterations")));
    }
    Ok((trace, checkpoint.search))
}
