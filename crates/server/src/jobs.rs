//! The single place where a task becomes an experiment.
//!
//! The task's `spec` holds the checked problem and the settings of the search,
//! so that a worker needs nothing but the store. What the run reports goes to
//! the log in the order that clients rely on: `progress` 0/N, then for each
//! iteration `iteration_complete` and `progress` together with the checkpoint
//! in one commit, then the message about the images.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use experiment::{Control as RunControl, Evaluation, Hooks, Iteration, RunRequest, Settings};
use model::{Layout, Problem, Satellite};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tasks::{Control, JobContext, JobFailure, JobFunction, JobSuccess, NewEvent};

use crate::layout;

/// Pause between two fractional `progress` events of one long iteration.
const FRACTION_PAUSE: Duration = Duration::from_secs(1);

/// What a worker is given.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The problem, checked.
    pub(crate) satellite: Satellite,
    /// The search.
    pub(crate) settings: Settings,
    /// Whether images are drawn; tasks stored by an older version have them.
    #[serde(default = "wanted")]
    pub(crate) images: bool,
    /// What the input's reader would like the user to look at.
    pub(crate) warnings: Vec<Problem>,
}

fn wanted() -> bool {
    true
}

/// Runs tasks whose results go under `data_dir`.
pub(crate) fn job(data_dir: PathBuf) -> JobFunction {
    Arc::new(move |context: &JobContext| run(context, &data_dir))
}

/// What clients were already told by an earlier run of the task that was
/// interrupted, so that nothing is said twice and the percentage never falls.
#[derive(Debug, Default, PartialEq)]
struct Told {
    started: bool,
    visualizing: bool,
    percent: f64,
}

impl Told {
    fn new(progress: Option<&Value>) -> Told {
        let percent = |progress: &Value| progress.get("progress_percent").and_then(Value::as_f64);
        Told {
            started: progress.is_some(),
            visualizing: progress.is_some_and(|progress| progress.get("message").is_some()),
            percent: progress.and_then(percent).unwrap_or(0.0),
        }
    }
}

fn run(context: &JobContext, data_dir: &Path) -> Result<JobSuccess, JobFailure> {
    let failed = |code: &str, error: String| JobFailure::Failed { code: code.to_owned(), error };
    let spec: Spec = Spec::deserialize(&context.spec).map_err(|error| {
        failed("task.spec_unreadable", format!("the stored task cannot be read: {error}"))
    })?;
    let dir_name = experiment::directory_name(&context.created_at, &context.task_id);
    let dir = data_dir.join(&dir_name);
    let request = RunRequest {
        satellite: &spec.satellite,
        settings: &spec.settings,
        dir: &dir,
        dir_name: &dir_name,
        images: spec.images,
        checkpoint: context.checkpoint.as_deref(),
    };
    let mut reporter = Reporter::new(context, &spec);
    match experiment::run(&request, &mut reporter) {
        Ok(summary) => Ok(JobSuccess {
            result: json!({
                "experiment_dir": dir_name,
                "final_iteration": summary.final_iteration,
                "num_components": summary.num_components,
                "feasible": summary.feasible,
                "seed": summary.seed,
                "score": summary.metrics.get("score"),
                "stop_reason": summary.stop_reason,
                "images": spec.images,
            }),
            message: "Optimization completed successfully".to_owned(),
        }),
        Err(experiment::Error::Abandoned) => Err(JobFailure::Yielded),
        Err(error) => Err(failed(failure_code(&error), error.to_string())),
    }
}

/// Stable codes of what can go wrong in a run, by its stage.
fn failure_code(error: &experiment::Error) -> &'static str {
    match error {
        experiment::Error::Layout(_) => "experiment.layout_failed",
        experiment::Error::Physics(_) => "experiment.physics_failed",
        experiment::Error::Write { .. } => "experiment.write_failed",
        experiment::Error::Draw { .. } => "experiment.draw_failed",
        experiment::Error::Checkpoint { .. } => "experiment.checkpoint_unusable",
        experiment::Error::Abandoned => "experiment.abandoned",
    }
}

/// Carries what the run reports to the log.
struct Reporter<'a> {
    context: &'a JobContext,
    satellite: &'a Satellite,
    warnings: &'a [Problem],
    max_iterations: u32,
    told: Told,
    last_fraction: Option<Instant>,
    control: Control,
}

impl<'a> Reporter<'a> {
    fn new(context: &'a JobContext, spec: &'a Spec) -> Self {
        let told = Told::new(context.progress.as_ref());
        let (satellite, max_iterations) = (&spec.satellite, spec.settings.max_iterations);
        let (warnings, control) = (spec.warnings.as_slice(), context.control());
        Reporter { context, satellite, warnings, max_iterations, told, last_fraction: None, control }
    }

    fn commit(&mut self, events: Vec<NewEvent>, checkpoint: Option<&[u8]>) -> RunControl {
        self.control = self.context.commit(events, checkpoint.map(<[u8]>::to_vec));
        self.as_run_control()
    }

    fn as_run_control(&self) -> RunControl {
        match self.control {
            Control::Continue => RunControl::Continue,
            Control::Cancel | Control::Yield => RunControl::Stop,
        }
    }

    fn progress_event(&mut self, done: u32, percent: f64) -> NewEvent {
        self.told.percent = self.told.percent.max(percent);
        NewEvent::progress(json!({
            "current_iteration": done,
            "max_iterations": self.max_iterations,
            "progress_percent": percent_value(self.told.percent),
        }))
    }
}

impl Hooks for Reporter<'_> {
    fn started(&mut self, layout: &Layout, evaluation: &Evaluation) -> RunControl {
        if self.told.started {
            self.control = self.context.control();
            return self.as_run_control();
        }
        self.told.started = true;
        let (fields, attachments) = layout::detail(self.satellite, layout, evaluation);
        let event = self.progress_event(0, 0.0).with_detail(&fields, attachments);
        self.commit(vec![event], None)
    }

    fn progress(&mut self, number: u32, fraction: f64) -> RunControl {
        let now = Instant::now();
        let due = *self.last_fraction.get_or_insert(now) + FRACTION_PAUSE;
        let done = number.saturating_sub(1);
        let percent = 100.0 * (f64::from(done) + fraction.clamp(0.0, 1.0)) / f64::from(self.max_iterations);
        if now < due || percent <= self.told.percent {
            self.control = self.context.control();
            return self.as_run_control();
        }
        self.last_fraction = Some(now);
        let event = self.progress_event(done, percent);
        self.commit(vec![event], None)
    }

    fn iteration(&mut self, iteration: &Iteration<'_>, checkpoint: &[u8]) -> RunControl {
        let Iteration { number, layout, evaluation, score, .. } = *iteration;
        let metrics = experiment::headline_metrics(evaluation, score, self.satellite);
        self.last_fraction = Some(Instant::now());
        let (fields, attachments) = layout::detail(self.satellite, layout, evaluation);
        let complete = NewEvent::iteration_complete(json!({ "iteration": number, "metrics": metrics }))
            .with_detail(&fields, attachments);
        let progress =
            self.progress_event(number, 100.0 * f64::from(number) / f64::from(self.max_iterations));
        self.commit(vec![complete, progress], Some(checkpoint))
    }

    fn visualizing(&mut self) -> RunControl {
        if self.told.visualizing {
            return RunControl::Continue;
        }
        self.told.visualizing = true;
        let event = NewEvent::progress(json!({
            "message": "Generating visualizations...",
            "progress_percent": percent_value(self.told.percent),
        }));
        self.commit(vec![event], None)
    }

    fn abandoned(&self) -> bool {
        self.control == Control::Yield || self.context.control() == Control::Yield
    }

    fn now(&self) -> String {
        now()
    }

    fn warnings(&self) -> &[Problem] {
        self.warnings
    }
}

/// Now, RFC 3339, UTC with `+00:00` and milliseconds.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

/// 0 to 100 with four decimals at most; a whole number is an integer.
fn percent_value(percent: f64) -> Value {
    let parts = (percent.clamp(0.0, 100.0) * 1e4).round() as u32;
    if parts.is_multiple_of(10_000) {
        Value::from(parts / 10_000)
    } else {
        Value::from(f64::from(parts) / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<(NewEvent, bool)>>>);

    impl tasks::Reporter for Recorder {
        fn commit(&self, events: Vec<NewEvent>, checkpoint: Option<Vec<u8>>) -> Control {
            let mut log = self.0.lock().expect("not poisoned");
            log.extend(events.into_iter().map(|event| (event, checkpoint.is_some())));
            Control::Continue
        }
        fn control(&self) -> Control {
            Control::Continue
        }
    }

    fn context(recorder: &Recorder) -> JobContext {
        JobContext::new(
            "0197f000-0000-7000-8000-0000deadbeef".to_owned(),
            "2026-11-24T05:48:18.123+00:00".to_owned(),
            Value::Null,
            None,
            Box::new(recorder.clone()),
        )
    }

    fn satellite() -> Satellite {
        let text = model::template::bom_template(model::BomFormat::Json);
        let bom =
            model::parse_bom(text.as_bytes(), model::BomFormat::Json).expect("the template is sound").value;
        model::assemble(Some(&bom), &model::SystemConfig::default(), &model::LimitSet::default())
            .expect("the template is a satellite")
            .value
    }

    #[test]
    fn a_resumed_run_repeats_nothing_and_its_percentage_does_not_fall() {
        let recorder = Recorder::default();
        let mut context = context(&recorder);
        context.progress =
            Some(json!({"current_iteration": 4, "max_iterations": 10, "progress_percent": 47.5}));
        let spec = Spec {
            satellite: satellite(),
            settings: Settings { max_iterations: 10, convergence_threshold: 0.0, seed: 0 },
            images: true,
            warnings: Vec::new(),
        };
        let mut reporter = Reporter::new(&context, &spec);
        assert_eq!(reporter.told, Told { started: true, visualizing: false, percent: 47.5 });
        reporter.last_fraction = Instant::now().checked_sub(FRACTION_PAUSE);
        reporter.progress(5, 0.1);
        assert!(recorder.0.lock().expect("not poisoned").is_empty());
        reporter.progress(5, 0.9);
        reporter.visualizing();
        reporter.visualizing();
        let log = recorder.0.lock().expect("not poisoned");
        let data: Vec<&Value> = log.iter().map(|(event, _)| &event.data).collect();
        assert_eq!(
            data,
            [
                &json!({"current_iteration": 4, "max_iterations": 10, "progress_percent": 49}),
                &json!({"message": "Generating visualizations...", "progress_percent": 49}),
            ]
        );
    }

    #[test]
    fn a_task_that_drew_images_when_it_was_interrupted_says_so_once() {
        let told =
            Told::new(Some(&json!({"message": "Generating visualizations...", "progress_percent": 60})));
        assert_eq!(told, Told { started: true, visualizing: true, percent: 60.0 });
        assert_eq!(Told::new(None), Told::default());
    }

    /// No request leads here: what could not radiate, and a search without
    /// iterations, are refused at the door. The stages behind it say so all
    /// the same.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_stage_that_fails_fails_the_task_with_its_cause() {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = tasks::EngineSettings::sqlite(&dir.path().join("tasks.db"));
        let engine = tasks::Engine::open(settings, job(dir.path().to_owned())).await.expect("an engine");
        let mut cold = satellite();
        cold.panels.iter_mut().for_each(|panel| panel.outer_emissivity = 0.0);
        let cases = [(cold, 2, "experiment.physics_failed"), (satellite(), 0, "experiment.layout_failed")];
        for (satellite, max_iterations, code) in cases {
            let settings = Settings { max_iterations, convergence_threshold: 0.0, seed: 0 };
            let spec = Spec { satellite, settings, images: true, warnings: Vec::new() };
            let spec = serde_json::to_value(spec).expect("a spec");
            let mut live = engine.watch();
            let task = engine.submit(json!({}), spec).await.expect("submitted");
            let mut events = Vec::new();
            while events.last().is_none_or(|event: &Arc<tasks::Event>| !event.is_terminal()) {
                events.push(live.recv().await.expect("an event"));
            }
            let [.., error, status] = events.as_slice() else { panic!("two events at least") };
            assert_eq!(error.event_type, tasks::EventKind::Error);
            assert_eq!(error.data["code"], code);
            assert_eq!(status.data["status"], "failed");
            assert_eq!(status.data["error"], error.data["error"]);
            let task = engine.task(&task.id).await.expect("the task");
            assert_eq!(task.error.as_deref(), error.data["error"].as_str());
        }
        engine.shutdown(Duration::from_secs(5)).await;
    }

    #[test]
    fn whole_numbers_have_no_fraction_on_the_wire() {
        let cases = [
            (50.0, "50"),
            (100.0 / 3.0, "33.3333"),
            (200.0 / 3.0, "66.6667"),
            (12.5, "12.5"),
            (100.0 * 7.0 / 10_000.0, "0.07"),
            (-0.00001, "0"),
            (99.99999, "100"),
            (100.0, "100"),
        ];
        for (percent, expected) in cases {
            assert_eq!(percent_value(percent).to_string(), expected);
        }
    }
}
