//! The response of panel cells to heat.

use model::Panel;
use physics::thermal::{Model, STEFAN_BOLTZMANN};

use crate::fixture::busy;

#[test]
fn the_influence_is_symmetric_positive_and_conserves_heat() {
    let (satellite, layout) = busy();
    let model = Model::new(&satellite, 8).expect("a model");
    let solution = model.solve(&layout, None).expect("a steady state");
    let response = model.response(&layout, &solution).expect("a response");
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
        .map(|panel| satellite.envelope.outer_area_m2(panel) / (model.mesh() * model.mesh()) as f64)
        .collect();
    for from in [0, 77, 200, 383] {
        let leaving: f64 = response
            .influence_k_per_w(from)
            .iter()
            .zip(&solution.cell_temps_k)
            .zip(&area_m2)
            .map(|((influence, temp), area)| influence * 0.85 * area * 4.0 * STEFAN_BOLTZMANN * temp.powi(3))
            .sum();
        assert!((leaving - 1.0).abs() < 1e-9, "{from}: {leaving}");
    }
}

#[test]
fn the_base_lacks_the_heat_of_the_components_and_nothing_else() {
    let (mut satellite, layout) = busy();
    satellite.components.iter_mut().for_each(|component| component.outer_optics = None);
    let model = Model::new(&satellite, 8).expect("a model");
    let solution = model.solve(&layout, None).expect("a steady state");
    let response = model.response(&layout, &solution).expect("a response");
    let per_panel = model.mesh() * model.mesh();
    // What the components give to the panels leaves through the slopes of all cells.
    let leaving_w: f64 = (0..response.cells())
        .map(|cell| {
            let area_m2 = satellite.envelope.outer_area_m2(Panel::ALL[cell / per_panel]) / per_panel as f64;
            let slope = 0.85 * area_m2 * 4.0 * STEFAN_BOLTZMANN * solution.cell_temps_k[cell].powi(3);
            slope * (solution.cell_temps_k[cell] - response.base_temps_k()[cell])
        })
        .sum();
    let given_w: f64 = solution.contact_w.iter().sum();
    assert!(given_w > 10.0, "the components must matter: {given_w}");
    assert!((leaving_w - given_w).abs() < 1e-6 * given_w, "{leaving_w} {given_w}");
}
