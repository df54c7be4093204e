use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::perm::PermRef;
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, SymbolicCholesky, SymbolicCholeskyRaw, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Par, Side, Spec};

use super::conduction::Conduction;

/// P = LLᵀ of conduction plus a diagonal, column by column, after a permutation
/// that keeps L sparse.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    /// Node at each place of the elimination.
    order: Vec<u32>,
    col_ptr: Vec<u32>,
    /// Rows below the diagonal, by place.
    row_idx: Vec<u32>,
    values: Vec<f64>,
    /// One over the diagonal of L.
    inverse_diagonal: Vec<f64>,
}

/// An order of elimination with little fill, by approximate minimum degree.
/// `None` when there is no memory for it.
pub(crate) fn elimination_order(pattern: &Conduction) -> Option<Vec<u32>> {
    let symbolic = analyze(pattern, SymmetricOrdering::Amd)?;
    let order = match symbolic.perm() {
        Some(perm) => perm.arrays().0.to_vec(),
        None => (0..pattern.nodes()).collect(),
    };
    Some(order.into_iter().map(|node| node as u32).collect())
}

impl Factor {
    /// `None` when the matrix is not positive definite.
    pub(crate) fn new(pattern: &Conduction, diagonal_w_per_k: &[f64]) -> Option<Factor> {
        let symbolic = match pattern.order() {
            Some(order) => {
                let order: Vec<usize> = order.iter().map(|node| *node as usize).collect();
                let mut place = vec![0; order.len()];
                for (at, node) in order.iter().enumerate() {
                    place[*node] = at;
                }
                let permutation = PermRef::new_checked(&order, &place, order.len());
                analyze(pattern, SymmetricOrdering::Custom(permutation))?
            }
            None => analyze(pattern, SymmetricOrdering::Amd)?,
        };
        let mut matrix_values = Vec::new();
        pattern.matrix_values(diagonal_w_per_k, &mut matrix_values);
        let matrix = SparseColMatRef::new(symbolic_ref(pattern), matrix_values.as_slice());
        let mut values = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Spec::default());
        symbolic
            .factorize_numeric_llt(
                &mut values,
                matrix,
                Side::Upper,
                LltRegularization::default(),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Spec::default(),
            )
            .ok()?;
        Factor::by_columns(&symbolic, &values, pattern.nodes())
    }

    fn by_columns(symbolic: &SymbolicCholesky<usize>, values: &[f64], nodes: usize) -> Option<Factor> {
        // The threshold asked for the simplicial form.
        let SymbolicCholeskyRaw::Simplicial(places) = symbolic.raw() else { return None };
        let order = match symbolic.perm() {
            Some(perm) => perm.arrays().0.iter().map(|node| *node as u32).collect(),
            None => (0..nodes as u32).collect(),
        };
        let mut factor = Factor {
            order,
            col_ptr: vec![0],
            row_idx: Vec::with_capacity(values.len()),
            values: Vec::with_capacity(values.len()),
            inverse_diagonal: vec![0.0; nodes],
        };
        for column in 0..nodes {
            let range = places.col_ptr()[column]..places.col_ptr()[column + 1];
            for (row, value) in places.row_idx()[range.clone()].iter().zip(&values[range]) {
                if *row == column {
                    factor.inverse_diagonal[column] = value.recip();
                } else {
                    factor.row_idx.push(*row as u32);
                    factor.values.push(*value);
                }
            }
            factor.col_ptr.push(factor.row_idx.len() as u32);
        }
        factor.inverse_diagonal.iter().all(|value| value.is_finite() && *value > 0.0).then_some(factor)
    }

    pub(crate) fn nodes(&self) -> usize {
        self.order.len()
    }

    /// Replaces the right side by the solution.
    pub(crate) fn solve(&self, right_side: &mut [f64], scratch: &mut Vec<f64>) {
        scratch.clear();
        scratch.extend(self.order.iter().map(|node| right_side[*node as usize]));
        for column in 0..self.nodes() {
            let value = scratch[column] * self.inverse_diagonal[column];
            scratch[column] = value;
            let range = self.range(column);
            for (row, factor) in self.row_idx[range.clone()].iter().zip(&self.values[range]) {
                scratch[*row as usize] -= factor * value;
            }
        }
        for column in (0..self.nodes()).rev() {
            let range = self.range(column);
            let (rows, factors) =
                (self.row_idx[range.clone()].chunks_exact(4), self.values[range].chunks_exact(4));
            let mut sum = scratch[column];
            for (row, factor) in rows.remainder().iter().zip(factors.remainder()) {
                sum -= factor * scratch[*row as usize];
            }
            // Four sums that do not wait for each other.
            let mut sums = [0.0; 4];
            for (row, factor) in rows.zip(factors) {
                for lane in 0..4 {
                    sums[lane] += factor[lane] * scratch[row[lane] as usize];
                }
            }
            scratch[column] =
                (sum - (sums[0] + sums[1]) - (sums[2] + sums[3])) * self.inverse_diagonal[column];
        }
        for (node, value) in self.order.iter().zip(scratch.iter()) {
            right_side[*node as usize] = *value;
        }
    }

    fn range(&self, column: usize) -> std::ops::Range<usize> {
        self.col_ptr[column] as usize..self.col_ptr[column + 1] as usize
    }
}

fn analyze(pattern: &Conduction, order: SymmetricOrdering<'_, usize>) -> Option<SymbolicCholesky<usize>> {
    let params = CholeskySymbolicParams {
        supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
        ..CholeskySymbolicParams::default()
    };
    factorize_symbolic_cholesky(symbolic_ref(pattern), Side::Upper, order, params).ok()
}

fn symbolic_ref(pattern: &Conduction) -> SymbolicSparseColMatRef<'_, usize> {
    let nodes = pattern.nodes();
    SymbolicSparseColMatRef::new_checked(nodes, nodes, pattern.col_ptr(), None, pattern.row_idx())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thermal::conduction::Link;
    use crate::thermal::sheet::Sheet;

    /// The largest residual of P x = b for a right side by rule.
    fn residual(pattern: &Conduction) -> f64 {
        let nodes = pattern.nodes();
        let diagonal: Vec<f64> = (0..nodes).map(|node| 0.01 + 0.001 * (node % 7) as f64).collect();
        let right: Vec<f64> = (0..nodes).map(|node| (node as f64 * 0.7).sin()).collect();
        let mut solution = right.clone();
        Factor::new(pattern, &diagonal).expect("positive definite").solve(&mut solution, &mut Vec::new());
        let mut image: Vec<f64> = solution.iter().zip(&diagonal).map(|(x, d)| x * d).collect();
        pattern.add_outflow(&solution, &mut image);
        image.iter().zip(&right).map(|(found, asked)| (found - asked).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn the_factor_solves_with_and_without_a_given_order() {
        let sheet = Sheet { cells: [9, 7], size_m: [0.6, 0.4], kt_w_per_k: 0.3 };
        let plain = Conduction::new(sheet.count(), sheet.links(0));
        assert!(residual(&plain) < 1e-12);
        let links = vec![
            Link { a: 10, b: 63, conductance_w_per_k: 2.0 },
            Link { a: 11, b: 63, conductance_w_per_k: 1.0 },
            Link { a: 63, b: 64, conductance_w_per_k: 5.0 },
        ];
        let ordered = plain.clone().with_elimination_order().extended(2, links.clone());
        assert_eq!(ordered.order().map(<[u32]>::len), Some(65));
        assert!(residual(&ordered) < 1e-12);
        assert!(residual(&plain.extended(2, links)) < 1e-12);
    }

    #[test]
    fn an_isolated_node_has_no_factor() {
        let pattern = Conduction::new(2, Vec::new());
        assert!(Factor::new(&pattern, &[1.0, 0.0]).is_none());
    }
}
