use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use experiment::{Control, Evaluation, Hooks, Iteration, RunRequest, RunSummary, SearchWishes};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::config::{MAX_ITERATIONS, MAX_SEED};
use model::{Checked, Layout, LimitSet, Problem, Satellite, SystemConfig};
use serde_json::{Map, Value, json};

use crate::{Exit, bom, fail, report, say, system, write_out};

/// Options of `msgalaxy optimize`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The BOM: a .json, .csv, .yaml or .yml file
    bom: PathBuf,
    /// Configuration file (YAML) [default: config/system.yaml; the one that is built in when there is no such file]
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// Iterations at most [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ITERATIONS)))]
    max_iterations: Option<u32>,
    /// End when feasible and improving less than this; 0 never ends early [default: 0.01]
    #[arg(long, value_name = "X", value_parser = threshold)]
    convergence_threshold: Option<f64>,
    /// Seed of the search; equal seeds give equal layouts [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=MAX_SEED))]
    seed: Option<u64>,
    /// Directory for the results, new or empty [default: a new one under experiments/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Exit {
    let Input { satellite, config, warnings } = match read(options) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let wishes = SearchWishes {
        max_iterations: options.max_iterations,
        convergence_threshold: options.convergence_threshold,
        seed: options.seed,
    };
    let settings = wishes.settings(&config);
    let dir = options.out.clone().unwrap_or_else(|| new_dir(&config));
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        say(format_args!("error: --out: {} is not empty; name a new directory", dir.display()));
        return Exit::Usage;
    }
    let signals = Signals::watch();
    let mut watcher = Watcher::new(&satellite, &warnings, settings.max_iterations, signals.clone());
    let dir_name = dir.to_string_lossy();
    let request = RunRequest {
        satellite: &satellite,
        settings: &settings,
        dir: &dir,
        dir_name: &dir_name,
        images: config.logging.save_visualizations,
        checkpoint: None,
    };
    let outcome = experiment::run(&request, &mut watcher);
    watcher.bar.finish_and_clear();
    match outcome {
        Ok(summary) => {
            let text = if options.json {
                format!("{:#}\n", watcher.as_json(&summary))
            } else {
                watcher.as_table(&summary)
            };
            match write_out(text.as_bytes()) {
                Exit::Done if signals.count() > 0 => Exit::Interrupted,
                Exit::Done if !summary.feasible => Exit::Infeasible,
                written => written,
            }
        }
        Err(_) if signals.count() > 0 => Exit::Interrupted,
        Err(error) => fail(error),
    }
}

/// What is optimized, and what the user should look at all the same.
struct Input {
    satellite: Satellite,
    config: SystemConfig,
    warnings: Vec<Problem>,
}

/// Reads BOM and configuration; problems go to standard error.
fn read(options: &Options) -> Result<Input, Exit> {
    let language = report::language();
    let show = |path: &Path, problems: &[Problem]| {
        if !problems.is_empty() {
            say(report::warnings(path, problems, language).trim_end());
        }
    };
    let refuse = |path: &Path, problems: &[Problem]| {
        say(report::problems(path, problems, language).trim_end());
        Exit::InvalidInput
    };
    let bom = bom::read(&options.bom).map_err(|error| refuse(&options.bom, error.problems()))?;
    show(&options.bom, &bom.warnings);
    let config = system::read(options.system.as_deref())?;
    let Checked { value: satellite, warnings } =
        model::assemble(Some(&bom.value), &config, &LimitSet::default())
            .map_err(|problems| refuse(&options.bom, &problems))?;
    show(&options.bom, &warnings);
    let warnings = bom.warnings.into_iter().chain(warnings).collect();
    Ok(Input { satellite, config, warnings })
}

fn new_dir(config: &SystemConfig) -> PathBuf {
    let base = config.logging.output_dir.as_deref().unwrap_or(experiment::directory::EXPERIMENTS_DIR);
    let (now, id) = (jiff::Timestamp::now().to_string(), uuid::Uuid::now_v7().to_string());
    Path::new(base).join(experiment::directory::run_name(&now, &id))
}

/// Counts interrupts: the first ends the search, the second the process.
#[derive(Debug, Clone)]
struct Signals(Arc<AtomicU8>);

impl Signals {
    fn watch() -> Signals {
        let count = Arc::new(AtomicU8::new(0));
        let counter = count.clone();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if counter.fetch_add(1, Ordering::Relaxed) > 0 {
                        std::process::exit(130);
                    }
                    say("stopping; the best layout so far is written. A second Ctrl-C ends at once");
                }
            });
        });
        Signals(count)
    }

    fn count(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shows how the run goes, and keeps what the result is made of.
struct Watcher<'a> {
    satellite: &'a Satellite,
    warnings: &'a [Problem],
    signals: Signals,
    bar: ProgressBar,
    constraints: Value,
}

/// Steps of the bar per iteration, so that it also moves within long ones.
const STEPS: u32 = 100;

impl<'a> Watcher<'a> {
    fn new(satellite: &'a Satellite, warnings: &'a [Problem], max_iterations: u32, signals: Signals) -> Self {
        // Draws nothing when standard error is no terminal.
        let bar = ProgressBar::with_draw_target(
            Some(u64::from(max_iterations) * u64::from(STEPS)),
            ProgressDrawTarget::stderr(),
        );
        let style = ProgressStyle::with_template("{bar:32.cyan} {percent:>3}% {elapsed} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Watcher { satellite, warnings, signals, bar, constraints: json!([]) }
    }

    fn control(&self) -> Control {
        if self.signals.count() > 0 { Control::Stop } else { Control::Continue }
    }

    fn as_json(&self, summary: &RunSummary) -> Value {
        json!({
            "experiment_dir": summary.run_dir,
            "status": summary.status,
            "feasible": summary.feasible,
            "final_iteration": summary.final_iteration,
            "num_components": summary.num_components,
            "seed": summary.seed,
            "stop_reason": summary.stop_reason,
            "metrics": summary.metrics,
            "constraints": self.constraints,
        })
    }

    fn as_table(&self, summary: &RunSummary) -> String {
        let mut text = String::new();
        let verdict = if summary.feasible { "feasible" } else { "NOT feasible" };
        let _ = writeln!(
            text,
            "{verdict} after {} iterations ({}), seed {}, {} components",
            summary.final_iteration, summary.stop_reason, summary.seed, summary.num_components
        );
        let _ = writeln!(text, "\n{:<18}{:>14}{:>14}{:>14}  worst", "constraint", "value", "limit", "margin");
        for constraint in self.constraints.as_array().into_iter().flatten() {
            let word = |key: &str| constraint[key].as_str().unwrap_or_default();
            let subjects: Vec<&str> =
                constraint["subject"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let _ = writeln!(
                text,
                "{:<18}{:>14}{:>14}{:>14}  {}{}",
                word("group"),
                with_unit(&constraint["value"], word("unit")),
                with_unit(&constraint["limit"], word("unit")),
                with_unit(&constraint["margin"], if word("unit") == "degC" { "K" } else { word("unit") }),
                subjects.join(" - "),
                if constraint["violations"] == json!(0) { "" } else { "  violated" },
            );
        }
        text.push('\n');
        for (name, value) in &summary.metrics {
            let value = value.as_f64().map_or_else(|| value.to_string(), |number| format!("{number:.3}"));
            let _ = writeln!(text, "{name:<18}{value:>14}");
        }
        let _ = writeln!(text, "\nResults saved to: {}", summary.run_dir);
        text
    }
}

impl Hooks for Watcher<'_> {
    fn started(&mut self, _layout: &Layout, evaluation: &Evaluation) -> Control {
        self.constraints = experiment::constraints_json(evaluation, self.satellite);
        self.control()
    }

    fn progress(&mut self, number: u32, fraction: f64) -> Control {
        let within = (fraction.clamp(0.0, 1.0) * f64::from(STEPS)) as u64;
        self.bar.set_position(u64::from(number.saturating_sub(1)) * u64::from(STEPS) + within);
        self.control()
    }

    fn iteration(&mut self, iteration: &Iteration<'_>, _checkpoint: &[u8]) -> Control {
        let Iteration { number, evaluation, score, .. } = *iteration;
        let metrics: Map<String, Value> = experiment::headline_metrics(evaluation, score, self.satellite);
        self.constraints = experiment::constraints_json(evaluation, self.satellite);
        self.bar.set_position(u64::from(number) * u64::from(STEPS));
        let metric = |key: &str| metrics.get(key).and_then(Value::as_f64);
        let clearance =
            metric("min_clearance").map(|value| format!(", clearance {value:.2} mm")).unwrap_or_default();
        self.bar.set_message(format!(
            "iteration {number}: {:.1} degC{clearance}, {} violations",
            metric("max_temp").unwrap_or(f64::NAN),
            evaluation.num_violations()
        ));
        self.control()
    }

    fn visualizing(&mut self) -> Control {
        self.bar.set_message("drawing images");
        self.control()
    }

    fn abandoned(&self) -> bool {
        false
    }

    fn warnings(&self) -> &[Problem] {
        self.warnings
    }

    fn now(&self) -> String {
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
    }
}

fn with_unit(value: &Value, unit: &str) -> String {
    value
        .as_f64()
        .map_or_else(|| "-".to_owned(), |number| format!("{number:.2} {unit}").trim_end().to_owned())
}

fn threshold(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("allowed: a number, 0 or more".to_owned()),
    }
}
