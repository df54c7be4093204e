//! The linear response against the full solve.

use model::{Layout, Panel, Placement};
use physics::thermal::{Model, Response, Scorer, Solution};

use crate::fixture::{busy, on_panel};

fn parts() -> (model::Satellite, Layout, Model, Solution, Response) {
    let (satellite, layout) = busy();
    let model = Model::new(&satellite, 8).expect("a model");
    let solution = model.solve(&layout, None).expect("a steady state");
    let response = model.response(&layout, &solution).expect("a response");
    (satellite, layout, model, solution, response)
}

fn largest_gap(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// A place for one component by rule, anywhere on any panel.
fn place(satellite: &model::Satellite, component: usize, step: usize) -> Placement {
    let panel = Panel::ALL[(component + step) % 6];
    let uv = [0.22 * (step as f64 * 1.7).sin(), 0.22 * (step as f64 * 2.3).cos()];
    on_panel(satellite, component, panel, (step % 4) as u8, uv)
}

#[test]
fn at_its_own_layout_the_response_is_the_solution() {
    let (_, layout, _, solution, response) = parts();
    let gap = largest_gap(&response.component_temps_k(&layout), &solution.component_temps_k);
    // The rounding of sums over 384 cells.
    assert!(gap < 1e-6, "{gap}");
}

#[test]
fn one_component_moved_is_scored_within_a_kelvin() {
    let (satellite, layout, model, solution, response) = parts();
    let mut worst: f64 = 0.0;
    let mut largest_change: f64 = 0.0;
    let mut sum = 0.0;
    let mut count = 0;
    for step in 0..60 {
        let component = (step * 7) % 25;
        let mut moved = layout.clone();
        moved.placements[component] = place(&satellite, component, step);
        let exact = model.solve(&moved, Some(&solution)).expect("a steady state").component_temps_k;
        let scored = response.component_temps_k(&moved);
        let gap = largest_gap(&exact, &scored);
        worst = worst.max(gap);
        sum += gap;
        count += 1;
        largest_change = largest_change.max(largest_gap(&exact, &solution.component_temps_k));
    }
    println!("one move: worst {worst:.3} K, mean of the worst {:.3} K", sum / f64::from(count));
    println!("largest change scored: {largest_change:.1} K");
    assert!(largest_change > 5.0, "the moves must matter: {largest_change}");
    assert!(worst < 1.0, "{worst}");
}

#[test]
fn a_wholly_different_layout_is_still_scored_usefully() {
    let (satellite, layout, model, _, response) = parts();
    let mut worst: f64 = 0.0;
    for step in 0..10 {
        let placements = (0..layout.placements.len())
            .map(|index| place(&satellite, index, 25 * step + 3 * index))
            .collect();
        let other = Layout { placements };
        let exact = model.solve(&other, None).expect("a steady state").component_temps_k;
        worst = worst.max(largest_gap(&exact, &response.component_temps_k(&other)));
    }
    println!("all moved: worst {worst:.3} K");
    assert!(worst < 4.0, "{worst}");
}

#[test]
fn the_influence_is_symmetric_positive_and_conserves_heat() {
    let (_, _, model, solution, response) = parts();
    let cells = response.cells();
    for from in 0..cells {
        let row = response.influence_k_per_w(from);
        for (to, influence) in row.iter().enumerate() {
            assert!(*influence > 0.0, "{from} {to}: {influence}");
            assert_eq!(*influence, response.influence_k_per_w(to)[from]);
        }
    }
    // One watt into any cell leaves to space through the slopes of all cells.
    let area_m2: Vec<f64> = Panel::ALL
        .into_iter()
        .flat_map(|panel| std::iter::repeat_n(panel, model.mesh() * model.mesh()))
        .map(|panel| {
            let envelope = busy().0.envelope;
            envelope.outer_area_m2(panel) / (model.mesh() * model.mesh()) as f64
        })
        .collect();
    for from in [0, 77, 200, 383] {
        let leaving: f64 = response
            .influence_k_per_w(from)
            .iter()
            .zip(&solution.cell_temps_k)
            .zip(&area_m2)
            .map(|((influence, temp), area)| influence * 0.85 * area * 4.0 * 5.670374419e-8 * temp.powi(3))
            .sum();
        assert!((leaving - 1.0).abs() < 1e-9, "{from}: {leaving}");
    }
}

#[test]
fn the_scorer_remembers_no_history() {
    let (satellite, layout, _, _, response) = parts();
    let mut scorer = Scorer::new(&response, &layout);
    let mut moved = layout;
    for step in 0..80 {
        let component = (step * 11) % 25;
        moved.placements[component] = place(&satellite, component, step);
        scorer.place(component, &moved.placements[component]);
    }
    assert_eq!(scorer.temps_k(), Scorer::new(&response, &moved).temps_k());
    assert_eq!(scorer.temps_k(), response.component_temps_k(&moved));
}
