use super::*;
use crate::epoch::Ground;
use crate::fixture;
use crate::moves::Mover;
use crate::random::Random;
use crate::start;

/// The sums kept by moves against the sums of the same layout from scratch.
fn compare(state: &State<'_>, context: &str) {
    let mut scratch = state.clone();
    scratch.recount();
    // Linear temperatures are single precision sums in another order: some
    // 1e-5 K on terms that weigh a fifth per kelvin.
    assert!((scratch.energy - state.energy).abs() < 2e-5, "{context}: {} {}", scratch.energy, state.energy);
    assert_eq!(scratch.solid.count, state.solid.count, "{context}");
    assert!((scratch.solid.energy - state.solid.energy).abs() < 1e-9, "{context}");
    assert_eq!(scratch.untidy, state.untidy, "{context}");
    assert_eq!(state.alignments, tidy::alignments(&state.placements, &state.boxes), "{context}");
    for axis in 0..3 {
        assert!((scratch.moment_kg_m[axis] - state.moment_kg_m[axis]).abs() < 1e-10, "{context}");
    }
}

#[test]
fn thousands_of_moves_leave_the_sums_of_the_layout() {
    for (count, seed) in [(5, 1), (9, 2), (24, 3)] {
        let satellite = fixture::satellite(count);
        let ground = Ground::new(&satellite).expect("models");
        let mut random = Random::new(seed, 0);
        let layout = start::construct(&ground.problem, &ground.ballast, &mut random);
        let heat = ground.heat(&layout).expect("a response");
        let mut track = HeatTrack::new(&heat, &vec![0.0; count]);
        track.calibrate(&layout).expect("a solution");
        let mut state = State::new(&ground.problem, ground.ballast, Some(track), &layout);
        let mut mover = Mover::default();
        let (mut accepted, mut rejected) = (0, 0);
        for step in 0..4_000 {
            if step % 100 == 0 {
                mover.look(&state);
            }
            let Some(proposal) = mover.draw(&ground.problem, &state, &mut random) else { continue };
            // Now and then anything goes, so that bad layouts are seen too.
            let slack = if random.chance(0.2) { f64::INFINITY } else { 0.3 * random.unit() };
            if state.attempt(&proposal, state.energy() + slack) {
                accepted += 1;
            } else {
                rejected += 1;
            }
            if step % 97 == 0 {
                compare(&state, &format!("{count} components, step {step}"));
            }
        }
        assert!(accepted > 500 && rejected > 500, "{accepted} {rejected}");
    }
}

#[test]
fn a_calibrated_state_agrees_with_the_full_models() {
    let satellite = fixture::satellite(8);
    let ground = Ground::new(&satellite).expect("models");
    for seed in 0..5 {
        let layout = start::construct(&ground.problem, &ground.ballast, &mut Random::new(seed, 7));
        let judged = ground.evaluate(&layout).expect("an evaluation");
        let heat = ground.heat(&layout).expect("a response");
        let mut track = HeatTrack::new(&heat, &judged.mesh_shift_k);
        track.calibrate(&layout).expect("a solution");
        let state = State::new(&ground.problem, ground.ballast, Some(track), &layout);
        let margin_k = state.heat.as_ref().expect("it has temperatures").worst_margin_k();
        let exact_k = judged.evaluation.worst_temp_margin_k();
        assert!((margin_k - exact_k).abs() < 1e-5, "{margin_k} {exact_k}");
        assert_eq!(state.count == 0, judged.evaluation.is_feasible(), "{:?}", judged.evaluation.constraints);
        for axis in 0..3 {
            let moment = ground.ballast.moment_kg_m[axis] + state.moment_kg_m[axis];
            let cg_m = moment / ground.ballast.total_mass_kg;
            assert!((cg_m - judged.evaluation.cg_m[axis]).abs() < 1e-12);
        }
    }
}

#[test]
fn linear_temperatures_follow_the_full_solution_after_a_move() {
    let satellite = fixture::satellite(8);
    let ground = Ground::new(&satellite).expect("models");
    let mut random = Random::new(5, 5);
    let layout = start::construct(&ground.problem, &ground.ballast, &mut random);
    let heat = ground.heat(&layout).expect("a response");
    let mut track = HeatTrack::new(&heat, &[0.0; 8]);
    track.calibrate(&layout).expect("a solution");
    let mut state = State::new(&ground.problem, ground.ballast, Some(track), &layout);
    let before = state.heat.as_ref().expect("it has temperatures").temps_k().to_vec();
    let (mut error_k, mut change_k) = (0.0_f64, 0.0_f64);
    for index in 0..8 {
        for mount in &ground.problem.mounts[index] {
            let placement = ground.problem.place(mount, [0.05, -0.05, 0.08]);
            let back = state.placements()[index];
            assert!(state.attempt(&Proposal::one(index, placement), f64::INFINITY));
            let exact = heat.model.solve(&state.layout(), None).expect("a solution");
            let linear = state.heat.as_ref().expect("it has temperatures").temps_k();
            for k in 0..8 {
                error_k += (linear[k] - exact.component_temps_k[k]).powi(2);
                change_k += (exact.component_temps_k[k] - before[k]).powi(2);
            }
            assert!(state.attempt(&Proposal::one(index, back), f64::INFINITY));
        }
    }
    // The linear answer explains most of what a move changes; the rest is
    // the fourth power of the temperature and the shifted free area.
    assert!(error_k.sqrt() < 0.35 * change_k.sqrt(), "{} of {}", error_k.sqrt(), change_k.sqrt());
}

/// What docs/optimizer.md states of the error: run with `--nocapture` to see it.
#[test]
fn linear_temperatures_after_random_moves_are_as_near_as_the_document_says() {
    for (count, mean_k, worst_k) in [(8, 1.0, 3.0), (24, 7.0, 45.0)] {
        let satellite = fixture::satellite(count);
        let ground = Ground::new(&satellite).expect("models");
        let mut random = Random::new(11, 3);
        let layout = start::construct(&ground.problem, &ground.ballast, &mut random);
        let heat = ground.heat(&layout).expect("a response");
        let mut track = HeatTrack::new(&heat, &vec![0.0; count]);
        track.calibrate(&layout).expect("a solution");
        let mut state = State::new(&ground.problem, ground.ballast, Some(track), &layout);
        let before = state.heat.as_ref().expect("it has temperatures").temps_k().to_vec();
        let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let (mut errors, mut changes) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let index = ground.problem.movable[random.below(ground.problem.movable.len())];
            let mounts = &ground.problem.mounts[index];
            let mount = mounts[random.below(mounts.len())];
            // Anywhere on the panel, whatever stands there.
            let center_m = ground.problem.half_m.map(|half| half * (2.0 * random.unit() - 1.0));
            let back = state.placements()[index];
            let there = Proposal::one(index, ground.problem.place(&mount, center_m));
            assert!(state.attempt(&there, f64::INFINITY));
            let exact = heat.model.solve(&state.layout(), None).expect("a solution").component_temps_k;
            errors.push(gap(state.heat.as_ref().expect("it has temperatures").temps_k(), &exact));
            changes.push(gap(&before, &exact));
            assert!(state.attempt(&Proposal::one(index, back), f64::INFINITY));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        println!(
            "{count} components: error mean {:.2} K, worst {:.2} K; change mean {:.2} K, worst {:.2} K",
            mean(&errors),
            worst(&errors),
            mean(&changes),
            worst(&changes)
        );
        assert!(mean(&errors) < mean_k && worst(&errors) < worst_k);
        assert!(mean(&errors) < 0.4 * mean(&changes), "a move must be seen");
    }
}

#[test]
fn footprints_are_those_of_the_model() {
    let satellite = fixture::satellite(9);
    let ground = Ground::new(&satellite).expect("models");
    let layout = start::construct(&ground.problem, &ground.ballast, &mut Random::new(1, 1));
    let heat = ground.heat(&layout).expect("a response");
    for (index, placement) in layout.placements.iter().enumerate() {
        let mut shares = vec![0.0; heat.model.cells()];
        let footprint = crate::footprint::Footprint::of(&ground.problem, index, placement);
        footprint.for_each(|cell, share| shares[cell] += share);
        for part in heat.model.component_footprint(index, placement) {
            shares[part.cell] -= part.area_m2 / satellite.components[index].base_area_m2();
        }
        assert!(shares.iter().all(|rest| rest.abs() < 1e-12), "{index}");
    }
}
