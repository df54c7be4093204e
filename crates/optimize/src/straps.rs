use crate::linear::{Matrix, solve};
use crate::problem::Problem;

/// Components tied by thermal straps: their temperatures depend on each other
/// wherever they stand, so they are solved together.
#[derive(Debug)]
pub(crate) struct Straps {
    members: Vec<usize>,
    /// Rise of the members' temperatures per rise of their plates.
    temps_per_plate: Matrix,
    /// Heat that a member takes from its plate per rise of the plates, W/K.
    heat_per_plate_w_per_k: Matrix,
    /// Components of the satellite.
    count: usize,
}

/// What the straps change.
#[derive(Debug, Clone)]
pub(crate) struct Shift {
    /// Additional heat of each member to its panel, W.
    pub(crate) heat_w: Vec<f64>,
    /// Rise of each member's temperature over its reference, K.
    pub(crate) temps_k: Vec<f64>,
}

impl Straps {
    /// The network of the strapped components: each with its contact to the
    /// panel, its radiation and its straps.
    pub(crate) fn new(problem: &Problem<'_>) -> Self {
        let satellite = problem.satellite;
        let mut members: Vec<usize> = satellite.straps.iter().flat_map(|strap| [strap.a, strap.b]).collect();
        members.sort_unstable();
        members.dedup();
        let size = members.len();
        let position = |index: usize| members.binary_search(&index).expect("every strap end is a member");
        let mut network = Matrix::zero(size);
        for (row, &member) in members.iter().enumerate() {
            *network.at(row, row) += problem.contact_w_per_k[member] / problem.follow[member];
        }
        for strap in &satellite.straps {
            let (a, b) = (position(strap.a), position(strap.b));
            *network.at(a, a) += strap.conductance_w_per_k;
            *network.at(b, b) += strap.conductance_w_per_k;
            *network.at(a, b) -= strap.conductance_w_per_k;
            *network.at(b, a) -= strap.conductance_w_per_k;
        }
        let mut temps_per_plate = Matrix::zero(size);
        let mut heat_per_plate_w_per_k = Matrix::zero(size);
        for (column, &source) in members.iter().enumerate() {
            let mut rise = vec![0.0; size];
            rise[column] = problem.contact_w_per_k[source];
            // Diagonally dominant with a positive diagonal, hence invertible.
            solve(&mut network.clone(), &mut rise);
            for (row, &member) in members.iter().enumerate() {
                *temps_per_plate.at(row, column) = rise[row];
                let own = if row == column { 1.0 } else { 0.0 };
                *heat_per_plate_w_per_k.at(row, column) = problem.contact_w_per_k[member] * (own - rise[row]);
            }
        }
        Straps { members, temps_per_plate, heat_per_plate_w_per_k, count: problem.len() }
    }

    /// The strapped components, ascending.
    pub(crate) fn members(&self) -> &[usize] {
        &self.members
    }

    /// Solves the members together: plates that would be at `plates_k` with the
    /// reference heats, references at `plate_ref_k`, mutual rises in `mutual`.
    /// `None` without straps.
    pub(crate) fn solve(
        &self,
        plates_k: &[f64],
        plate_ref_k: &[f64],
        mutual_k_per_w: &[f64],
    ) -> Option<Shift> {
        if self.members.is_empty() {
            return None;
        }
        let size = self.members.len();
        // (1 + M Y) x = p - p_ref with x the rise of the plates.
        let mut system = Matrix::zero(size);
        for row in 0..size {
            let mutual = &mutual_k_per_w[self.members[row] * self.count..];
            for column in 0..size {
                let mut sum = if row == column { 1.0 } else { 0.0 };
                for (k, &member) in self.members.iter().enumerate() {
                    sum += mutual[member] * self.heat_per_plate_w_per_k.get(k, column);
                }
                *system.at(row, column) = sum;
            }
        }
        let mut rise_k: Vec<f64> =
            self.members.iter().map(|&member| plates_k[member] - plate_ref_k[member]).collect();
        solve(&mut system, &mut rise_k);
        let heat_w = self.heat_per_plate_w_per_k.times(&rise_k).map(|heat| -heat).collect();
        let temps_k = self.temps_per_plate.times(&rise_k).collect();
        Some(Shift { heat_w, temps_k })
    }
}
