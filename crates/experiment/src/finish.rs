use optimize::Outcome;

use crate::directory::{IMAGE_DIR, REPORT_FILE, SUMMARY_FILE, design_state_iteration};
use crate::disk;
use crate::evolution::EvolutionRow;
use crate::picture::drawing::Drawing;
use crate::picture::fonts::Fonts;
use crate::picture::{IMAGE_NAMES, png};
use crate::recorder::{Trace, write_design_state};
use crate::report::{self, Report};
use crate::run::{Error, Hooks, RunRequest, RunSummary};

/// Writes what stands at the end of a run: the images if wanted, the report, and last the
/// summary, so that a directory with a summary is whole.
pub(crate) fn finish(
    request: &RunRequest<'_>,
    hooks: &mut dyn Hooks,
    outcome: &Outcome,
    summary: &RunSummary,
    trace: &Trace,
) -> Result<(), Error> {
    // An interrupted run may have written the file of an iteration that was
    // never told; it does not belong to this result.
    disk::remove_files(request.dir, |name| {
        design_state_iteration(name).is_some_and(|iteration| iteration > outcome.iterations)
    });
    if outcome.iterations == 0 {
        write_design_state(request, 0, &outcome.layout, &outcome.evaluation, Some(outcome.score))?;
    }
    if request.images {
        draw(request, hooks, outcome, trace)?;
    }
    let report = Report {
        summary,
        satellite: request.satellite,
        layout: &outcome.layout,
        evaluation: &outcome.evaluation,
        warnings: hooks.warnings(),
        images: request.images,
    };
    disk::write_atomically(&request.dir.join(REPORT_FILE), report::write(&report).as_bytes())?;
    let mut bytes = serde_json::to_vec_pretty(summary).expect("a summary is plain data");
    bytes.push(b'\n');
    disk::write_atomically(&request.dir.join(SUMMARY_FILE), &bytes)?;
    disk::sync_directory(request.dir);
    Ok(())
}

fn draw(
    request: &RunRequest<'_>,
    hooks: &mut dyn Hooks,
    outcome: &Outcome,
    trace: &Trace,
) -> Result<(), Error> {
    hooks.visualizing();
    let history: Vec<EvolutionRow> = trace.start.iter().chain(&trace.rows).cloned().collect();
    let drawing = Drawing {
        satellite: request.satellite,
        layout: &outcome.layout,
        evaluation: &outcome.evaluation,
        history: &history,
        seed: request.settings.seed,
        score: outcome.score,
        fonts: Fonts::system(),
    };
    for name in IMAGE_NAMES {
        if hooks.abandoned() {
            return Err(Error::Abandoned);
        }
        let bytes = png(name, &drawing).map_err(|reason| Error::Draw { name, reason })?;
        disk::write_atomically(&request.dir.join(IMAGE_DIR).join(name), &bytes)?;
    }
    Ok(())
}
