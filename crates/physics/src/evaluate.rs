use model::{Layout, Satellite};

use crate::thermal::{Model, Solution};
use crate::{Error, Evaluation};

/// Evaluates a layout on a fresh model. `mesh`: cells per panel edge, 16 for
/// what is reported.
pub fn evaluate(satellite: &Satellite, layout: &Layout, mesh: usize) -> Result<Evaluation, Error> {
    let model = Model::new(satellite, mesh)?;
    let solution = model.solve(layout, None)?;
    Ok(evaluate_solution(satellite, layout, &model, &solution))
}

/// Evaluates a layout whose temperatures are known. `model` and `solution`
/// belong to the same satellite and layout.
pub fn evaluate_solution(
    satellite: &Satellite,
    layout: &Layout,
    model: &Model,
    solution: &Solution,
) -> Evaluation {
    let _ = (satellite, layout, model, solution);
    unreachable!("filled in below")
}
