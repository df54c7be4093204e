//! Many seeds of one BOM: what each ends with, and how fast the search is.
//!
//! `cargo run --release -p optimize --example seeds -- FILE [SEEDS] [ITERATIONS] [THRESHOLD] [CONFIG]`
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::{Duration, Instant};

use model::{BomFormat, LimitSet, SystemConfig};
use optimize::{Control, Iteration, Observer, Settings};
use physics::{ConstraintGroup, Evaluation};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |position: usize, default: f64| {
        arguments.get(position).map_or(default, |text| text.parse().expect("a number"))
    };
    let path = arguments.first().expect("the path of a BOM");
    let satellite = satellite(path, arguments.get(4).map(String::as_str));
    let seeds = number(1, 10.0) as u64;
    let mut totals = Totals::default();
    let mut totals_iterations = 0.0;
    for seed in 0..seeds {
        let settings =
            Settings { max_iterations: number(2, 20.0) as u32, convergence_threshold: number(3, 0.0), seed };
        let mut watch = Watch {
            began: Instant::now(),
            first: None,
            feasible_at: None,
            longest: Duration::ZERO,
            last: Instant::now(),
            scores: Vec::new(),
        };
        let outcome = optimize::run(&satellite, &settings, None, &mut watch).expect("a search");
        let elapsed = watch.began.elapsed();
        let evaluation = &outcome.evaluation;
        totals_iterations += f64::from(outcome.iterations);
        let broken: Vec<String> = evaluation
            .constraints
            .iter()
            .filter(|constraint| !constraint.is_met())
            .map(|constraint| {
                format!(
                    "{:?} {} ({:.4} {})",
                    constraint.group, constraint.violations, constraint.margin, constraint.unit
                )
            })
            .collect();
        println!(
            "seed {seed:3} {} score {:8.4} violations {:2} at {:?} margin {:6.2} K cg {:5.1} mm iterations {} start {:3} ms total {:5} ms, longest silence {} ms {:?} {}",
            if evaluation.is_feasible() { "feasible  " } else { "infeasible" },
            outcome.score,
            evaluation.num_violations(),
            watch.feasible_at,
            evaluation.worst_temp_margin_k(),
            evaluation.cg_offset_m() * 1e3,
            outcome.iterations,
            watch.first.unwrap_or_default().as_millis(),
            elapsed.as_millis(),
            watch.longest.as_millis(),
            if seeds < 4 { &watch.scores[..] } else { &[] },
            broken.join(", "),
        );
        totals.add(evaluation, outcome.score, elapsed, watch.first.unwrap_or_default());
    }
    totals.print(path, satellite.components.len(), seeds);
    let proposals = optimize::proposals_per_epoch(satellite.components.len()) as f64 * totals_iterations;
    println!(
        "{proposals} proposals in {:.1} s of processor time, all included: {:.0} per second and core",
        cpu_s(),
        proposals / cpu_s(),
    );
}

/// Processor time of this process so far, s; by /proc, so on Linux only.
fn cpu_s() -> f64 {
    const TICKS_PER_S: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

fn satellite(path: &str, config: Option<&str>) -> model::Satellite {
    let bytes = std::fs::read(path).expect("a readable file");
    let format = BomFormat::from_file_name(path).expect("a known ending");
    let bom = model::parse_bom(&bytes, format).expect("a valid BOM").value;
    let config = match config {
        None => SystemConfig::default(),
        Some(path) => {
            let bytes = std::fs::read(path).expect("a readable file");
            model::parse_config(&bytes, model::config::Origin::Client).expect("a valid configuration").value
        }
    };
    model::assemble(Some(&bom), &config, &LimitSet::default()).expect("a satellite").value
}

struct Watch {
    began: Instant,
    first: Option<Duration>,
    feasible_at: Option<u32>,
    longest: Duration,
    last: Instant,
    scores: Vec<f64>,
}

impl Watch {
    fn heard(&mut self) -> Control {
        self.longest = self.longest.max(self.last.elapsed());
        self.last = Instant::now();
        Control::Continue
    }
}

impl Observer for Watch {
    fn started(&mut self, _: &model::Layout, evaluation: &Evaluation) -> Control {
        self.first = Some(self.began.elapsed());
        if evaluation.is_feasible() {
            self.feasible_at = Some(0);
        }
        self.heard()
    }

    fn progress(&mut self, _: u32, _: f64) -> Control {
        self.heard()
    }

    fn iteration(&mut self, iteration: &Iteration<'_>) -> Control {
        if iteration.evaluation.is_feasible() && self.feasible_at.is_none() {
            self.feasible_at = Some(iteration.number);
        }
        self.scores.push((iteration.score * 1e4).round() / 1e4);
        self.heard()
    }
}

#[derive(Default)]
struct Totals {
    feasible: usize,
    solid: usize,
    scores: Vec<f64>,
    times: Vec<Duration>,
    starts: Vec<Duration>,
}

impl Totals {
    fn add(&mut self, evaluation: &Evaluation, score: f64, time: Duration, start: Duration) {
        self.feasible += usize::from(evaluation.is_feasible());
        let solid = |constraint: &physics::Constraint| {
            constraint.is_met()
                || !matches!(constraint.group, ConstraintGroup::Collision | ConstraintGroup::Boundary)
        };
        self.solid += usize::from(evaluation.constraints.iter().all(solid));
        self.scores.push(score);
        self.times.push(time);
        self.starts.push(start);
    }

    fn print(mut self, path: &str, components: usize, seeds: u64) {
        self.scores.sort_by(f64::total_cmp);
        self.times.sort();
        self.starts.sort();
        println!(
            "{path}: {components} components, feasible {}/{seeds}, no overlap and inside {}/{seeds}, score best {:.4} median {:.4} worst {:.4}, time median {} ms worst {} ms, start worst {} ms",
            self.feasible,
            self.solid,
            self.scores[0],
            self.scores[self.scores.len() / 2],
            self.scores[self.scores.len() - 1],
            self.times[self.times.len() / 2].as_millis(),
            self.times[self.times.len() - 1].as_millis(),
            self.starts[self.starts.len() - 1].as_millis(),
        );
    }
}
