use model::{Layout, Satellite};

use crate::constraints::constraints;
use crate::evaluation::{ComponentState, ThermalState};
use crate::geometry::AlignedBox;
use crate::thermal::{Model, Solution};
use crate::{Error, Evaluation, MODEL_VERSION, mass};

/// Evaluates a layout on a fresh model. `mesh`: cells per panel edge,
/// [`crate::REPORT_MESH`] for what is reported.
pub fn evaluate(satellite: &Satellite, layout: &Layout, mesh: usize) -> Result<Evaluation, Error> {
    let model = Model::new(satellite, mesh)?;
    let solution = model.solve(layout, None)?;
    Ok(evaluate_solution(satellite, layout, &model, &solution))
}

/// Evaluates a layout whose temperatures are known: saves the model when many
/// layouts of one satellite are evaluated. `model` and `solution` belong to the
/// same satellite and layout.
pub fn evaluate_solution(
    satellite: &Satellite,
    layout: &Layout,
    model: &Model,
    solution: &Solution,
) -> Evaluation {
    let geometry = Geometry::new(satellite, layout);
    let mass = mass::of_layout(satellite, layout);
    let components: Vec<ComponentState> = satellite
        .components
        .iter()
        .enumerate()
        .map(|(index, component)| {
            let temp_k = solution.component_temps_k[index];
            let limit_k = component_limit_k(satellite, component);
            ComponentState {
                temp_k,
                temp_margin_k: limit_k - satellite.limits.temperature_uncertainty_k - temp_k,
                clearance_m: geometry.clearance_m[index],
                containment_m: geometry.containment_m[index],
            }
        })
        .collect();
    // Without any component the panels stand for it.
    let temps_k = if components.is_empty() { &solution.cell_temps_k } else { &solution.component_temps_k };
    let mut evaluation = Evaluation {
        model_version: MODEL_VERSION.to_owned(),
        max_temp_k: temps_k.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        min_temp_k: temps_k.iter().copied().fold(f64::INFINITY, f64::min),
        min_clearance_m: geometry.clearance_m.iter().flatten().copied().reduce(f64::min),
        min_containment_m: geometry.containment_m.iter().copied().reduce(f64::min).unwrap_or_else(|| {
            0.5 * satellite.envelope.inner_size_m.iter().copied().fold(f64::INFINITY, f64::min)
        }),
        keep_out_depth_m: geometry.keep_out_depth_m(satellite),
        component_mass_kg: satellite.components.iter().map(|component| component.mass_kg).sum(),
        total_mass_kg: mass.mass_kg,
        cg_m: mass.cg_m,
        inertia_kg_m2: mass.inertia_kg_m2,
        principal_inertia_kg_m2: mass.principal_inertia_kg_m2,
        total_power_w: satellite.components.iter().map(|component| component.power_w).sum(),
        constraints: Vec::new(),
        components,
        thermal: ThermalState {
            mesh: model.mesh(),
            panel_temps_k: solution.cell_temps_k.clone(),
            heat_in_w: solution.heat_in_w,
            heat_out_w: solution.heat_out_w,
            energy_balance: solution.energy_balance,
            residual_w: solution.residual_w,
            newton_steps: solution.newton_steps,
        },
    };
    evaluation.constraints = constraints(satellite, layout, &geometry, &evaluation);
    evaluation
}

/// The lower of a component's own upper limit and the global one, K; the
/// uncertainty is not taken off.
pub fn component_limit_k(satellite: &Satellite, component: &model::Component) -> f64 {
    component.max_temp_k.map_or(satellite.limits.max_temp_k, |own| own.min(satellite.limits.max_temp_k))
}

/// Boxes of a layout and their distances.
pub(crate) struct Geometry {
    pub(crate) boxes: Vec<AlignedBox>,
    /// To the nearest other component; `None` when alone.
    clearance_m: Vec<Option<f64>>,
    containment_m: Vec<f64>,
}

impl Geometry {
    fn new(satellite: &Satellite, layout: &Layout) -> Geometry {
        let boxes: Vec<AlignedBox> = satellite
            .components
            .iter()
            .zip(&layout.placements)
            .map(|(component, placement)| AlignedBox::of_component(component.size_m, placement))
            .collect();
        let mut clearance_m: Vec<Option<f64>> = vec![None; boxes.len()];
        for a in 0..boxes.len() {
            for b in a + 1..boxes.len() {
                let found = boxes[a].clearance_m(&boxes[b]);
                for index in [a, b] {
                    clearance_m[index] = Some(clearance_m[index].map_or(found, |known| known.min(found)));
                }
            }
        }
        let containment_m =
            boxes.iter().map(|component| component.containment_m(&satellite.envelope)).collect();
        Geometry { boxes, clearance_m, containment_m }
    }

    fn keep_out_depth_m(&self, satellite: &Satellite) -> f64 {
        self.keep_out_clearances_m(satellite).map(|(_, _, clearance)| -clearance).fold(0.0, f64::max)
    }

    /// Component, keep-out box and their signed clearance, exempt pairs left out.
    pub(crate) fn keep_out_clearances_m<'a>(
        &'a self,
        satellite: &'a Satellite,
    ) -> impl Iterator<Item = (usize, usize, f64)> + 'a {
        satellite.keep_outs.iter().enumerate().flat_map(move |(index, keep_out)| {
            let volume = AlignedBox::of_keep_out(keep_out);
            self.boxes
                .iter()
                .enumerate()
                .filter(|(component, _)| !keep_out.exempt.contains(component))
                .map(move |(component, body)| (component, index, body.clearance_m(&volume)))
        })
    }
}
