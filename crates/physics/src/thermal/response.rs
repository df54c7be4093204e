use ::model::{Layout, Placement};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};

use super::model::{Model, Solution};
use super::network::{STEFAN_BOLTZMANN, radiation_slope};
use super::sheet::CellArea;
use crate::Error;

/// Below this a component has no contact worth the name, W/K.
const LEAST_CONTACT_W_PER_K: f64 = 1e-6;

/// How panel cells answer to heat put into them, linearised around a solution:
/// T = base + Z q with one row and column per cell. Z is symmetric and, within
/// the linearisation, conserves heat.
///
/// Radiation between panels is that of bare panels; the slopes of radiation are
/// those of the solution.
#[derive(Debug, Clone)]
pub struct Response {
    cells: usize,
    /// Z, row by row, K/W.
    influence: Vec<f64>,
    base_temps_k: Vec<f64>,
}

impl Response {
    pub(super) fn new(model: &Model, layout: &Layout, solution: &Solution) -> Result<Response, Error> {
        let mut response = Response {
            cells: model.cells(),
            influence: influence(model, &solution.cell_temps_k)?,
            base_temps_k: solution.cell_temps_k.clone(),
        };
        // The base is what remains of the solution without its components.
        let mut heat_w = vec![0.0; response.cells];
        for (component, placement) in layout.placements.iter().enumerate() {
            let cells = model.component_footprint(component, placement);
            let conductance = model.satellite.components[component].contact_conductance_w_per_m2_k;
            let own_w = solution.contact_w[component]
                + doubler_heat_w(model, component, placement, &cells, &solution.cell_temps_k);
            for (part, share) in cells.iter().zip(response.shares(&cells, conductance)) {
                heat_w[part.cell] += own_w * share;
            }
        }
        for (cell, heat) in heat_w.iter().enumerate().filter(|(_, heat)| **heat != 0.0) {
            let row = &response.influence[cell * response.cells..(cell + 1) * response.cells];
            for (temp, influence) in response.base_temps_k.iter_mut().zip(row) {
                *temp -= influence * heat;
            }
        }
        Ok(response)
    }

    /// Number of cells, 6 n².
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Temperature of each cell when no component gives heat to it, K
    /// (extrapolated linearly, so it may lie far from any real field).
    pub fn base_temps_k(&self) -> &[f64] {
        &self.base_temps_k
    }

    /// Row of Z: temperature change of `cell` per watt into each cell, K/W. Z is
    /// symmetric, so it is the column as well: the field that one watt into
    /// `cell` makes.
    pub fn influence_k_per_w(&self, cell: usize) -> &[f64] {
        &self.influence[cell * self.cells..(cell + 1) * self.cells]
    }

    /// How an isothermal plate spreads one watt over cells that answer by Z
    /// through contacts D: f with (Z + D) f even and Σf = 1.
    fn shares(&self, cells: &[CellArea], conductance_w_per_m2_k: f64) -> Vec<f64> {
        let size = cells.len();
        let mut matrix = vec![0.0; size * size];
        for (row, part) in cells.iter().enumerate() {
            let influence = self.influence_k_per_w(part.cell);
            for (column, other) in cells.iter().enumerate() {
                matrix[row * size + column] = influence[other.cell];
            }
            matrix[row * size + row] += contact_k_per_w(conductance_w_per_m2_k, part.area_m2);
        }
        let mut flows = vec![1.0; size];
        eliminate(&mut matrix, &mut flows);
        let sum: f64 = flows.iter().sum();
        flows.iter().map(|flow| flow / sum).collect()
    }
}

/// Heat that a component with outer optics of its own adds to the outer face
/// under it, W.
fn doubler_heat_w(
    model: &Model,
    component: usize,
    placement: &Placement,
    cells: &[CellArea],
    temps_k: &[f64],
) -> f64 {
    if model.satellite.components[component].outer_optics.is_none() {
        return 0.0;
    }
    let space = model.satellite.environment.space_temp_k.powi(4);
    let mut heat_w = 0.0;
    for part in cells {
        let (emitting_m2, absorbed_w) = model.doubler_change(component, placement.panel, part.area_m2);
        heat_w += absorbed_w - emitting_m2 * STEFAN_BOLTZMANN * (temps_k[part.cell].powi(4) - space);
    }
    heat_w
}

/// Resistance of a contact; of an almost missing one when there is none.
fn contact_k_per_w(conductance_w_per_m2_k: f64, area_m2: f64) -> f64 {
    (conductance_w_per_m2_k * area_m2).max(LEAST_CONTACT_W_PER_K).recip()
}

/// Z: inverse of conduction plus the slopes of radiation outward and inward.
///
/// Heat that j radiates reaches i in proportion to the slope at j's
/// temperature; the geometric mean of both slopes is used instead. That keeps
/// the matrix symmetric, positive definite and free of heat from nowhere.
fn influence(model: &Model, temps_k: &[f64]) -> Result<Vec<f64>, Error> {
    let cells = model.cells();
    let mut matrix = vec![0.0; cells * cells];
    let mut couple = |a: usize, b: usize, conductance: f64| {
        matrix[a * cells + b] -= conductance;
        matrix[b * cells + a] -= conductance;
        matrix[a * cells + a] += conductance;
        matrix[b * cells + b] += conductance;
    };
    for link in model.panels.links() {
        couple(link.a, link.b, link.conductance_w_per_k);
    }
    let slopes: Vec<f64> = temps_k.iter().map(|temp| radiation_slope(*temp)).collect();
    let roots: Vec<f64> = slopes.iter().map(|slope| slope.sqrt()).collect();
    let enclosure = &model.enclosure;
    for a in 0..cells {
        for b in a + 1..cells {
            let mut exchange_m2 = 0.0;
            for from in &model.cell_patches[a] {
                for to in &model.cell_patches[b] {
                    let shares =
                        from.area_m2 / enclosure.area_m2(from.cell) * to.area_m2 / enclosure.area_m2(to.cell);
                    exchange_m2 += shares * enclosure.gray_exchange_m2(to.cell, from.cell);
                }
            }
            couple(a, b, exchange_m2 * roots[a] * roots[b]);
        }
    }
    for (cell, slope) in slopes.iter().enumerate() {
        matrix[cell * cells + cell] += model.radiator_m2[cell] * slope;
    }
    let system = Mat::from_fn(cells, cells, |row, column| matrix[row * cells + column]);
    let factor = system
        .llt(Side::Lower)
        .map_err(|_| Error::NoSteadyState { what: "a panel cell without the components".into() })?;
    let inverse = factor.inverse();
    for row in 0..cells {
        for column in 0..cells {
            // Both triangles are mathematically equal; one is taken for both.
            matrix[row * cells + column] = inverse[(row.max(column), row.min(column))];
        }
    }
    Ok(matrix)
}

/// Gaussian elimination with row pivoting, in place; the right side becomes the
/// solution.
fn eliminate(matrix: &mut [f64], right: &mut [f64]) {
    let size = right.len();
    for pivot in 0..size {
        let best = (pivot..size)
            .max_by(|a, b| matrix[a * size + pivot].abs().total_cmp(&matrix[b * size + pivot].abs()))
            .unwrap_or(pivot);
        if best != pivot {
            for column in 0..size {
                matrix.swap(best * size + column, pivot * size + column);
            }
            right.swap(best, pivot);
        }
        for row in pivot + 1..size {
            let factor = matrix[row * size + pivot] / matrix[pivot * size + pivot];
            if factor != 0.0 {
                for column in pivot..size {
                    matrix[row * size + column] -= factor * matrix[pivot * size + column];
                }
                right[row] -= factor * right[pivot];
            }
        }
    }
    for row in (0..size).rev() {
        for column in row + 1..size {
            right[row] -= matrix[row * size + column] * right[column];
        }
        right[row] /= matrix[row * size + row];
    }
}
