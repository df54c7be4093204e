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
/// Held at the values of the solution: what each component radiates, and the
/// slopes of radiation. Radiation between panels is that of bare panels. A base
/// plate spreads its heat over the cells of its footprint as an isothermal plate
/// on an otherwise even panel does. At the layout of the solution the
/// temperatures are those of the solution.
#[derive(Debug, Clone)]
pub struct Response {
    model: Model,
    cells: usize,
    /// Z, row by row, K/W.
    influence: Vec<f64>,
    base_temps_k: Vec<f64>,
    /// The solution's cell temperatures, K.
    cell_temps_k: Vec<f64>,
    /// Power less what it radiates, per component, W.
    load_w: Vec<f64>,
    /// What the even panel misses at the solution, per component, K.
    offset_k: Vec<f64>,
}

impl Response {
    pub(super) fn new(model: &Model, layout: &Layout, solution: &Solution) -> Result<Response, Error> {
        let cells = model.cells();
        let components = &model.satellite.components;
        let mut response = Response {
            model: model.clone(),
            cells,
            influence: influence(model, &solution.cell_temps_k)?,
            base_temps_k: solution.cell_temps_k.clone(),
            cell_temps_k: solution.cell_temps_k.clone(),
            load_w: components
                .iter()
                .zip(&solution.radiated_w)
                .map(|(component, radiated)| component.power_w - radiated)
                .collect(),
            offset_k: vec![0.0; components.len()],
        };
        // The base is what remains of the solution without its components.
        let mut heat_w = vec![0.0; cells];
        for (component, placement) in layout.placements.iter().enumerate() {
            let footprint = response.footprint(component, placement);
            let own_w = solution.contact_w[component] + footprint.doubler_heat_w;
            for part in &footprint.shares {
                heat_w[part.cell] += own_w * part.share;
            }
        }
        for (cell, heat) in heat_w.iter().enumerate().filter(|(_, heat)| **heat != 0.0) {
            let row = &response.influence[cell * cells..(cell + 1) * cells];
            for (temp, influence) in response.base_temps_k.iter_mut().zip(row) {
                *temp -= influence * heat;
            }
        }
        let scored = response.component_temps_k(layout);
        response.offset_k =
            solution.component_temps_k.iter().zip(scored).map(|(solved, scored)| solved - scored).collect();
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

    /// Heat of a component that its base plate has to pass on, without straps, W.
    pub fn load_w(&self, component: usize) -> f64 {
        self.load_w[component]
    }

    /// Component temperatures of any layout of the same satellite, K.
    pub fn component_temps_k(&self, layout: &Layout) -> Vec<f64> {
        Scorer::new(self, layout).temps_k()
    }

    fn footprint(&self, component: usize, placement: &Placement) -> Footprint {
        let cells = self.model.component_footprint(component, placement);
        let properties = &self.model.satellite.components[component];
        let mut footprint = Footprint {
            shares: self.shares(&cells, properties.contact_conductance_w_per_m2_k),
            contact_k_per_w: 0.0,
            base_temp_k: 0.0,
            doubler_heat_w: 0.0,
            doubler_slope_w_per_k: 0.0,
            reference_temp_k: 0.0,
        };
        let space = self.model.satellite.environment.space_temp_k.powi(4);
        for (part, CellArea { cell, area_m2 }) in footprint.shares.iter().zip(cells) {
            footprint.contact_k_per_w +=
                part.share * part.share * contact_k_per_w(properties.contact_conductance_w_per_m2_k, area_m2);
            footprint.base_temp_k += part.share * self.base_temps_k[cell];
            if properties.outer_optics.is_some() {
                let temp = self.cell_temps_k[cell];
                let (emitting_m2, absorbed_w) =
                    self.model.doubler_change(component, placement.panel, area_m2);
                footprint.doubler_heat_w +=
                    absorbed_w - emitting_m2 * STEFAN_BOLTZMANN * (temp.powi(4) - space);
                footprint.doubler_slope_w_per_k += emitting_m2 * radiation_slope(temp);
                footprint.reference_temp_k += part.share * temp;
            }
        }
        footprint
    }

    /// How an isothermal plate spreads one watt over cells that answer by Z
    /// through contacts D: f with (Z + D) f even and Σf = 1. Because Z is
    /// symmetric, the same f weighs the panel temperatures the plate feels.
    fn shares(&self, cells: &[CellArea], conductance_w_per_m2_k: f64) -> Vec<CellShare> {
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
        cells.iter().zip(flows).map(|(part, flow)| CellShare { cell: part.cell, share: flow / sum }).collect()
    }
}

/// Resistance of a contact; of an almost missing one when there is none.
fn contact_k_per_w(conductance_w_per_m2_k: f64, area_m2: f64) -> f64 {
    (conductance_w_per_m2_k * area_m2).max(LEAST_CONTACT_W_PER_K).recip()
}

/// Where a component gives its heat, and what its place adds.
#[derive(Debug, Clone)]
struct Footprint {
    shares: Vec<CellShare>,
    /// Rise of the base plate over the panel per watt, K/W.
    contact_k_per_w: f64,
    /// Mean of the base temperatures, K.
    base_temp_k: f64,
    /// Heat that a doubler adds at the reference temperature, W ...
    doubler_heat_w: f64,
    /// ... and takes off per kelvin above it, W/K.
    doubler_slope_w_per_k: f64,
    reference_temp_k: f64,
}

#[derive(Debug, Clone, Copy)]
struct CellShare {
    cell: usize,
    share: f64,
}

/// Component temperatures of a layout that changes one placement at a time,
/// through a [`Response`]. A pure function of the placements: any sequence of
/// moves that ends in the same layout gives the same bits.
#[derive(Debug, Clone)]
pub struct Scorer<'a> {
    response: &'a Response,
    footprints: Vec<Footprint>,
    /// Per component the field that one watt into its footprint makes, K/W.
    fields: Vec<f64>,
    /// Mean of field j over footprint i, K/W; symmetric, row by row.
    mutual: Vec<f64>,
}

impl<'a> Scorer<'a> {
    /// Starts from a layout of the response's satellite.
    pub fn new(response: &'a Response, layout: &Layout) -> Scorer<'a> {
        let footprints: Vec<Footprint> = layout
            .placements
            .iter()
            .enumerate()
            .map(|(component, placement)| response.footprint(component, placement))
            .collect();
        let count = footprints.len();
        let mut scorer = Scorer {
            response,
            footprints,
            fields: vec![0.0; count * response.cells],
            mutual: vec![0.0; count * count],
        };
        for component in 0..count {
            scorer.write_field(component);
        }
        for a in 0..count {
            for b in a..count {
                scorer.write_mutual(a, b);
            }
        }
        scorer
    }

    /// Moves one component.
    pub fn place(&mut self, component: usize, placement: &Placement) {
        self.footprints[component] = self.response.footprint(component, placement);
        self.write_field(component);
        for other in 0..self.footprints.len() {
            self.write_mutual(component.min(other), component.max(other));
        }
    }

    /// Temperatures of the present placements, K.
    pub fn temps_k(&self) -> Vec<f64> {
        let count = self.footprints.len();
        let response = self.response;
        let mut heat_w = response.load_w.clone();
        let mut contact_w = heat_w.clone();
        let unknowns = self.unknowns();
        if !unknowns.is_empty() {
            let flows = self.flows_w(&unknowns);
            for (unknown, flow) in unknowns.iter().zip(flows) {
                match *unknown {
                    Unknown::Strap { a, b, .. } => {
                        for (component, flow) in [(a, -flow), (b, flow)] {
                            heat_w[component] += flow;
                            contact_w[component] += flow;
                        }
                    }
                    Unknown::Doubler(component) => heat_w[component] += flow,
                }
            }
        }
        (0..count)
            .map(|component| {
                self.panel_temp_k(component, &heat_w)
                    + contact_w[component] * self.footprints[component].contact_k_per_w
                    + response.offset_k[component]
            })
            .collect()
    }

    /// Mean panel temperature under a component, K.
    fn panel_temp_k(&self, component: usize, heat_w: &[f64]) -> f64 {
        let count = self.footprints.len();
        let row = &self.mutual[component * count..(component + 1) * count];
        self.footprints[component].base_temp_k
            + row.iter().zip(heat_w).map(|(influence, heat)| influence * heat).sum::<f64>()
    }

    fn write_field(&mut self, component: usize) {
        let cells = self.response.cells;
        let field = &mut self.fields[component * cells..(component + 1) * cells];
        field.fill(0.0);
        for part in &self.footprints[component].shares {
            for (sum, influence) in field.iter_mut().zip(self.response.influence_k_per_w(part.cell)) {
                *sum += part.share * influence;
            }
        }
    }

    /// The pair's entry from the field of the first, whoever moved last.
    fn write_mutual(&mut self, first: usize, second: usize) {
        let (cells, count) = (self.response.cells, self.footprints.len());
        let field = &self.fields[first * cells..(first + 1) * cells];
        let mean: f64 = self.footprints[second].shares.iter().map(|part| part.share * field[part.cell]).sum();
        self.mutual[first * count + second] = mean;
        self.mutual[second * count + first] = mean;
    }

    fn unknowns(&self) -> Vec<Unknown> {
        let satellite = &self.response.model.satellite;
        let straps = satellite.straps.iter().filter(|strap| strap.a != strap.b).map(|strap| Unknown::Strap {
            a: strap.a,
            b: strap.b,
            conductance_w_per_k: strap.conductance_w_per_k,
        });
        let doublers = (0..self.footprints.len())
            .filter(|component| satellite.components[*component].outer_optics.is_some())
            .map(Unknown::Doubler);
        straps.chain(doublers).collect()
    }

    /// Heat along each strap and from each doubler: a small dense system, for
    /// all of them act on each other.
    fn flows_w(&self, unknowns: &[Unknown]) -> Vec<f64> {
        let count = self.footprints.len();
        let size = unknowns.len();
        let mutual = |a: usize, b: usize| self.mutual[a * count + b];
        let contact = |component: usize| self.footprints[component].contact_k_per_w;
        // Panel temperature under `at`, and the rise over its contact there, per watt of an unknown.
        let panel_rise = |at: usize, unknown: &Unknown| match *unknown {
            Unknown::Strap { a, b, .. } => mutual(at, b) - mutual(at, a),
            Unknown::Doubler(component) => mutual(at, component),
        };
        let contact_rise = |at: usize, unknown: &Unknown| match *unknown {
            Unknown::Strap { a, .. } if a == at => -contact(at),
            Unknown::Strap { b, .. } if b == at => contact(at),
            _ => 0.0,
        };
        let load_w = &self.response.load_w;
        let mut matrix = vec![0.0; size * size];
        let mut flows = vec![0.0; size];
        for (row, unknown) in unknowns.iter().enumerate() {
            match *unknown {
                Unknown::Strap { a, b, conductance_w_per_k } => {
                    let temp = |at: usize| self.panel_temp_k(at, load_w) + load_w[at] * contact(at);
                    flows[row] = conductance_w_per_k * (temp(a) - temp(b));
                    for (column, other) in unknowns.iter().enumerate() {
                        let rise = |at: usize| panel_rise(at, other) + contact_rise(at, other);
                        matrix[row * size + column] = -conductance_w_per_k * (rise(a) - rise(b));
                    }
                }
                Unknown::Doubler(component) => {
                    let footprint = &self.footprints[component];
                    flows[row] = footprint.doubler_heat_w
                        - footprint.doubler_slope_w_per_k
                            * (self.panel_temp_k(component, load_w) - footprint.reference_temp_k);
                    for (column, other) in unknowns.iter().enumerate() {
                        matrix[row * size + column] =
                            footprint.doubler_slope_w_per_k * panel_rise(component, other);
                    }
                }
            }
            matrix[row * size + row] += 1.0;
        }
        eliminate(&mut matrix, &mut flows);
        flows
    }
}

/// Heat that depends on the temperatures of a layout.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// From `a` to `b`.
    Strap { a: usize, b: usize, conductance_w_per_k: f64 },
    /// Into the panel under the component.
    Doubler(usize),
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
