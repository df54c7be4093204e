use std::sync::Arc;

use super::factor::Factor;
use super::gmres;
use super::network::{Network, radiation_slope};
use crate::Error;

/// The sum of the absolute residuals of all nodes ends below this share of the
/// load. Rounding leaves about 1e-13.
pub const TOLERANCE: f64 = 1e-9;
/// When rounding stops the iteration earlier (conductances of 1e6 W/K and
/// more), this still counts as solved; above it there is an error.
const ACCEPTED: f64 = 1e-6;
/// Smallest load that residuals are compared with, W.
pub(crate) const LOAD_FLOOR_W: f64 = 1e-3;
/// From 300 K down to space each step takes a quarter off; from far above too.
const MAX_STEPS: usize = 100;
/// Share of the linear residual that each Newton step leaves.
const FORCING: f64 = 1e-3;
/// More iterations than this with an old factor, and a new one is cheaper.
const OLD_FACTOR_ITERATIONS: usize = 7;
const MAX_ITERATIONS: usize = 60;

/// The steady state of a network.
#[derive(Debug, Clone)]
pub struct Field {
    /// One per node, K.
    pub temps_k: Vec<f64>,
    /// Largest absolute residual, W.
    pub residual_w: f64,
    /// Newton steps taken.
    pub newton_steps: usize,
    /// Last factor of P, for the next similar network.
    pub(crate) factor: Arc<Factor>,
}

impl Network<'_> {
    /// Steady state by Newton's method from `start_k`. P, conduction plus the
    /// slopes of radiation, is factorised; what comes back from the enclosure is
    /// not symmetric and is left to GMRES with P as preconditioner.
    pub fn solve(&self, start_k: Vec<f64>) -> Result<Field, Error> {
        if let Some(node) = self.stranded_node() {
            return Err(Error::NoSteadyState { what: format!("node {node}") });
        }
        self.solve_with(start_k, None, TOLERANCE)
    }

    /// As [`Network::solve`] for a network known to reach space; an old factor
    /// of as many nodes saves factorising when the networks are alike.
    pub(crate) fn solve_with(
        &self,
        start_k: Vec<f64>,
        old: Option<Arc<Factor>>,
        tolerance: f64,
    ) -> Result<Field, Error> {
        let mut temps_k = start_k;
        let mut factor = old.filter(|factor| factor.nodes() == self.nodes());
        let mut is_old = factor.is_some();
        let mut scratch = Vec::new();
        let (mut residual, mut diagonal) = (Vec::new(), Vec::new());
        let mut last_sum = f64::INFINITY;
        let mut newton_steps = 0;
        loop {
            self.residual_w(&temps_k, &mut residual);
            let sum: f64 = residual.iter().map(|value| value.abs()).sum();
            let load_w = self.load_w(&temps_k);
            let is_stuck = sum > 0.5 * last_sum && sum <= ACCEPTED * load_w;
            if (sum <= tolerance * load_w || is_stuck)
                && let Some(factor) = factor
            {
                let residual_w = residual.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
                return Ok(Field { temps_k, residual_w, newton_steps, factor });
            }
            if newton_steps == MAX_STEPS || !sum.is_finite() {
                return Err(Error::NotConverged {
                    newton_steps,
                    residual_w: sum,
                    allowed_w: ACCEPTED * load_w,
                });
            }
            last_sum = sum;
            newton_steps += 1;
            self.diagonal_w_per_k(&temps_k, &mut diagonal);
            residual.iter_mut().for_each(|value| *value = -*value);
            let mut step = None;
            if let Some(factor) = &factor {
                let limit = if is_old { OLD_FACTOR_ITERATIONS } else { MAX_ITERATIONS };
                let solved = self.linear_solve(factor, &temps_k, &diagonal, &residual, limit, &mut scratch);
                // A factor of this very solve is kept while it does its work.
                if solved.converged || !is_old {
                    is_old = solved.iterations > OLD_FACTOR_ITERATIONS;
                    step = Some(solved.solution);
                }
            }
            let step = match step {
                Some(step) => step,
                None => {
                    let new = Factor::new(&self.conduction, &diagonal).ok_or(Error::NotConverged {
                        newton_steps,
                        residual_w: sum,
                        allowed_w: ACCEPTED * load_w,
                    })?;
                    let solved =
                        self.linear_solve(&new, &temps_k, &diagonal, &residual, MAX_ITERATIONS, &mut scratch);
                    is_old = solved.iterations > OLD_FACTOR_ITERATIONS + 5;
                    factor = Some(Arc::new(new));
                    solved.solution
                }
            };
            for (temp, change) in temps_k.iter_mut().zip(&step) {
                // Exact Newton for T⁴ never takes off more than it should, but
                // an inexact step must not turn a temperature negative.
                *temp = (*temp + change).max(0.5 * *temp);
            }
        }
    }

    fn linear_solve(
        &self,
        factor: &Factor,
        temps_k: &[f64],
        diagonal: &[f64],
        right_side: &[f64],
        limit: usize,
        scratch: &mut Vec<f64>,
    ) -> gmres::Solved {
        let patches = self.interior.as_ref().map_or(0, |interior| interior.enclosure.patches());
        let (mut emissive, mut irradiation) = (vec![0.0; patches], vec![0.0; patches]);
        gmres::solve(
            right_side,
            FORCING,
            limit,
            |vector, image| {
                for ((image, value), slope) in image.iter_mut().zip(vector).zip(diagonal) {
                    *image = value * slope;
                }
                if let Some(interior) = &self.interior {
                    let change = |node: usize| radiation_slope(temps_k[node]) * vector[node];
                    interior.irradiate(change, &mut emissive, &mut irradiation);
                    for surface in &interior.surfaces {
                        image[surface.node] -= surface.weight_m2 * irradiation[surface.patch];
                    }
                }
                self.conduction.add_outflow(vector, image);
            },
            |vector| factor.solve(vector, scratch),
        )
    }

    /// What residuals are compared with, W.
    fn load_w(&self, temps_k: &[f64]) -> f64 {
        let put_in: f64 = self.heat_w.iter().map(|heat| heat.abs()).sum();
        let fixed: f64 = self
            .fixed
            .iter()
            .map(|link| (link.conductance_w_per_k * (temps_k[link.node] - link.temp_k)).abs())
            .sum();
        put_in.max(fixed).max(LOAD_FLOOR_W)
    }
}
