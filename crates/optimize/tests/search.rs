//! The search as its callers see it.

mod support;

use model::satellite::Relation;
use model::{Panel, PanelSet, Placement, Satellite};
use optimize::{Checkpoint, Error, Settings, StopReason, run};
use physics::ConstraintGroup;
use support::{Recorder, box_of, small_satellite};

fn settings(max_iterations: u32) -> Settings {
    Settings { max_iterations, convergence_threshold: 0.0, seed: 11 }
}

fn search(satellite: &Satellite, settings: &Settings) -> (optimize::Outcome, Recorder) {
    let mut recorder = Recorder::default();
    let outcome = run(satellite, settings, None, &mut recorder).expect("a valid search");
    (outcome, recorder)
}

#[test]
fn the_same_seed_gives_the_same_layout_and_another_seed_another() {
    let satellite = small_satellite(6);
    let (first, _) = search(&satellite, &settings(3));
    let (again, _) = search(&satellite, &settings(3));
    assert_eq!(first, again);
    let (other, _) = search(&satellite, &Settings { seed: 12, ..settings(3) });
    assert_ne!(first.layout, other.layout);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let satellite = small_satellite(6);
    let with_threads = |count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("a pool");
        let mut recorder = Recorder::default();
        let outcome = pool.install(|| run(&satellite, &settings(2), None, &mut recorder)).expect("a search");
        (
            serde_json::to_string(&outcome.layout).expect("JSON"),
            serde_json::to_string(&recorder.checkpoints).expect("JSON"),
        )
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(4));
}

#[test]
fn resuming_after_any_iteration_gives_the_undisturbed_result() {
    let satellite = small_satellite(5);
    let (whole, recorder) = search(&satellite, &settings(5));
    assert_eq!(recorder.checkpoints.len(), 5);
    for (done, checkpoint) in recorder.checkpoints.iter().enumerate() {
        let text = serde_json::to_string(checkpoint).expect("JSON");
        let read: Checkpoint = serde_json::from_str(&text).expect("the same");
        assert_eq!(&read, checkpoint, "after {}", done + 1);
        // Through a tree of values, as databases and web services hand it on.
        let tree: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let read: Checkpoint = serde_json::from_value(tree).expect("the same");
        let mut rest = Recorder::default();
        let outcome = run(&satellite, &settings(5), Some(&read), &mut rest).expect("a search");
        assert_eq!(outcome, whole, "after {}", done + 1);
        assert_eq!(rest.started, 0);
        assert_eq!(rest.checkpoints, recorder.checkpoints[done + 1..], "after {}", done + 1);
    }
}

#[test]
fn the_observer_hears_everything_in_order() {
    let (outcome, recorder) = search(&small_satellite(4), &settings(4));
    assert_eq!(outcome.reason, StopReason::Completed);
    assert_eq!(recorder.started, 1);
    assert_eq!(recorder.numbers, [1, 2, 3, 4]);
    assert!(recorder.fractions.iter().all(|&(_, fraction)| fraction > 0.0 && fraction < 1.0));
    assert!(recorder.fractions.is_sorted_by(|a, b| a < b), "{:?}", recorder.fractions);
    assert!(recorder.scores.is_sorted_by(|a, b| a >= b), "{:?}", recorder.scores);
    assert_eq!(recorder.scores.last(), Some(&outcome.score));
    assert_eq!(outcome.evaluation.thermal.mesh, physics::REPORT_MESH);
}

#[test]
fn stop_is_obeyed_wherever_it_is_said() {
    let satellite = small_satellite(4);
    let stopped = |recorder: Recorder| {
        let mut recorder = recorder;
        let outcome = run(&satellite, &settings(5), None, &mut recorder).expect("a search");
        assert_eq!(outcome.reason, StopReason::Stopped);
        assert_eq!(outcome.layout.placements.len(), 4);
        (outcome.iterations, recorder.calls)
    };
    assert_eq!(stopped(Recorder { stop_at_start: true, ..Recorder::default() }), (0, 1));
    let (iterations, calls) = stopped(Recorder { stop_after_calls: Some(4), ..Recorder::default() });
    assert_eq!((iterations, calls), (0, 4));
    let (iterations, _) = stopped(Recorder { stop_at_iteration: Some(2), ..Recorder::default() });
    assert_eq!(iterations, 2);
}

#[test]
fn a_stopped_epoch_leaves_its_checkpoint_usable() {
    let satellite = small_satellite(4);
    let (whole, _) = search(&satellite, &settings(3));
    let mut stopping = Recorder { stop_after_calls: Some(12), ..Recorder::default() };
    run(&satellite, &settings(3), None, &mut stopping).expect("a search");
    let last = stopping.checkpoints.last().expect("one epoch was done");
    let resumed = run(&satellite, &settings(3), Some(last), &mut Recorder::default()).expect("a search");
    assert_eq!(resumed, whole);
}

#[test]
fn converges_only_when_feasible_and_asked_to() {
    let satellite = small_satellite(3);
    let eager = Settings { convergence_threshold: 0.9, ..settings(50) };
    let (outcome, recorder) = search(&satellite, &eager);
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Converged, 5));
    // The last checkpoint knows that it was the last.
    let again = run(&satellite, &eager, recorder.checkpoints.last(), &mut Recorder::default());
    assert_eq!(again.expect("a search"), outcome);

    let mut impossible = satellite;
    impossible.limits.max_temp_k = 150.0;
    let (outcome, _) = search(&impossible, &Settings { convergence_threshold: 0.9, ..settings(7) });
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Completed, 7));
    assert!(outcome.score >= 10.0, "{}", outcome.score);
}

#[test]
fn fixed_components_never_move() {
    let mut satellite = small_satellite(6);
    let place = Placement { panel: Panel::YPlus, turn: 3, center_m: [0.013, 0.2, -0.021] };
    satellite.components[2].fixed = Some(place);
    let (outcome, recorder) = search(&satellite, &settings(2));
    assert_eq!(outcome.layout.placements[2], place);
    assert!(recorder.layouts.iter().all(|layout| layout.placements[2] == place));

    for component in &mut satellite.components {
        component.fixed = Some(place);
    }
    let (outcome, _) = search(&satellite, &settings(2));
    assert!(outcome.layout.placements.iter().all(|found| *found == place));
    assert!(outcome.evaluation.num_violations() > 0);
}

#[test]
fn what_fits_nowhere_is_a_violation_and_stays() {
    let mut satellite = small_satellite(5);
    satellite.components.push(box_of("bar", [3.0, 0.05, 0.05], 2.0, 1.0));
    let (outcome, _) = search(&satellite, &settings(2));
    assert_eq!(outcome.layout.placements.len(), 6);
    let boundary = broken(&outcome.evaluation, ConstraintGroup::Boundary);
    assert_eq!(boundary, 1, "the bar and nothing else");
    assert_eq!(broken(&outcome.evaluation, ConstraintGroup::Collision), 0);

    let mut satellite = small_satellite(12);
    satellite.envelope.inner_size_m = [0.14; 3];
    satellite.envelope.outer_size_m = [0.15; 3];
    let (outcome, _) = search(&satellite, &settings(2));
    assert_eq!(outcome.layout.placements.len(), 12);
    assert!(!outcome.evaluation.is_feasible());
    assert!(broken(&outcome.evaluation, ConstraintGroup::Collision) > 0);
}

#[test]
fn rules_are_kept() {
    let mut satellite = small_satellite(8);
    satellite.keep_outs.push(model::satellite::KeepOut {
        tag: "antenna".to_owned(),
        min_m: [-0.25, -0.25, 0.0],
        max_m: [0.25, 0.0, 0.25],
        exempt: vec![7],
    });
    satellite.components[0].allowed_panels = PanelSet::from_iter([Panel::ZMinus]);
    satellite.components[1].size_m = [0.2, 0.05, 0.04];
    satellite.components[1].long_axis = Some(1);
    satellite.relations = vec![
        Relation::MaxDistance { a: 0, b: 2, distance_m: 0.05 },
        Relation::MinDistance { a: 2, b: 3, distance_m: 0.15 },
        Relation::DifferentPanel { group: vec![3, 4, 5] },
        Relation::DifferentDirection { group: vec![4, 6], min_angle_rad: 1.5 },
        Relation::SymmetricPair { a: 5, b: 6, axis: 0 },
    ];
    satellite.components[6].size_m = satellite.components[5].size_m;
    let (outcome, _) = search(&satellite, &settings(4));
    let broken: Vec<_> =
        outcome.evaluation.constraints.iter().filter(|constraint| !constraint.is_met()).collect();
    assert!(broken.is_empty(), "{broken:?}");
    assert_eq!(outcome.layout.placements[0].panel, Panel::ZMinus);
    let bar = satellite.components[1].size_m;
    assert_eq!(outcome.layout.placements[1].extents_m(bar)[1], 0.2);
}

#[test]
fn one_component_and_no_power_are_fine() {
    let satellite = small_satellite(1);
    let (outcome, _) = search(&satellite, &settings(2));
    assert!(outcome.evaluation.is_feasible());
    assert_eq!(outcome.evaluation.min_clearance_m, None);

    let mut satellite = small_satellite(4);
    satellite.components.iter_mut().for_each(|component| component.power_w = 0.0);
    let (outcome, _) = search(&satellite, &settings(2));
    assert!(outcome.evaluation.is_feasible());
}

#[test]
fn settings_out_of_range_are_refused_with_their_limits() {
    let satellite = small_satellite(2);
    let cases = [
        (Settings { max_iterations: 0, ..settings(1) }, "max_iterations is 0, allowed is 1 to 10000"),
        (
            Settings { max_iterations: 10_001, ..settings(1) },
            "max_iterations is 10001, allowed is 1 to 10000",
        ),
        (
            Settings { convergence_threshold: -0.5, ..settings(1) },
            "convergence_threshold is -0.5, allowed is 0 or a positive finite number",
        ),
        (
            Settings { convergence_threshold: f64::NAN, ..settings(1) },
            "convergence_threshold is NaN, allowed is 0 or a positive finite number",
        ),
    ];
    for (settings, expected) in cases {
        let error = run(&satellite, &settings, None, &mut Recorder::default()).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_checkpoint_of_another_search_is_refused() {
    let satellite = small_satellite(3);
    let (_, recorder) = search(&satellite, &settings(1));
    let checkpoint = &recorder.checkpoints[0];
    let refused = |satellite: &Satellite, settings: &Settings, checkpoint: &Checkpoint| match run(
        satellite,
        settings,
        Some(checkpoint),
        &mut Recorder::default(),
    ) {
        Err(Error::Checkpoint { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let reason = refused(&small_satellite(4), &settings(2), checkpoint);
    assert_eq!(reason, "it has 3 placements, the satellite has 4 components");
    let reason = refused(&satellite, &Settings { seed: 5, ..settings(2) }, checkpoint);
    assert_eq!(reason, "its seed is 11, the settings say 5");
    let mut heavier = satellite.clone();
    heavier.components[0].mass_kg += 0.5;
    assert_eq!(refused(&heavier, &settings(2), checkpoint), "it was made for another satellite");
    let mut tree = serde_json::to_value(checkpoint).expect("JSON");
    tree["replicas"][0]["rung"] = 9.into();
    let damaged: Checkpoint = serde_json::from_value(tree).expect("the shape is right");
    assert_eq!(refused(&satellite, &settings(2), &damaged), "its replicas are damaged");
}

#[test]
fn the_physics_has_the_last_word_on_bad_input() {
    let mut satellite = small_satellite(2);
    satellite.components[0].power_w = f64::NAN;
    let error = run(&satellite, &settings(1), None, &mut Recorder::default()).expect_err("not a number");
    assert!(matches!(error, Error::Physics(_)), "{error:?}");
}

/// The example BOMs are known to have feasible layouts.
#[test]
fn the_examples_end_feasible() {
    for (name, bytes, iterations) in [
        ("cubesat_6u_12", &include_bytes!("../../../examples/boms/cubesat_6u_12.json")[..], 2),
        ("smallsat_25", include_bytes!("../../../examples/boms/smallsat_25.json"), 2),
    ] {
        let satellite = support::read(bytes);
        for seed in 0..3 {
            let (outcome, _) = search(&satellite, &Settings { seed, ..settings(iterations) });
            let evaluation = &outcome.evaluation;
            assert!(evaluation.is_feasible(), "{name} seed {seed}: {:?}", evaluation.constraints);
        }
    }
}

fn broken(evaluation: &physics::Evaluation, group: ConstraintGroup) -> usize {
    evaluation
        .constraints
        .iter()
        .filter(|constraint| constraint.group == group)
        .map(|constraint| constraint.violations)
        .sum()
}
