use std::sync::Arc;

use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side, Spec};

use super::conduction::Conduction;

/// The order of elimination and the places of the factor, for one pattern.
#[derive(Debug, Clone)]
pub(crate) struct Symbolic(Arc<SymbolicCholesky<usize>>);

/// P = LLᵀ of conduction plus a diagonal.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    symbolic: Symbolic,
    values: Vec<f64>,
}

impl Symbolic {
    /// `None` when there is no memory for it.
    pub(crate) fn new(pattern: &Conduction) -> Option<Symbolic> {
        let symbolic = factorize_symbolic_cholesky(
            symbolic_ref(pattern),
            Side::Upper,
            SymmetricOrdering::Amd,
            CholeskySymbolicParams::default(),
        );
        symbolic.ok().map(|symbolic| Symbolic(Arc::new(symbolic)))
    }
}

impl Factor {
    /// `None` when the matrix is not positive definite.
    pub(crate) fn new(symbolic: Symbolic, pattern: &Conduction, diagonal_w_per_k: &[f64]) -> Option<Factor> {
        let mut matrix_values = Vec::new();
        pattern.matrix_values(diagonal_w_per_k, &mut matrix_values);
        let matrix = SparseColMatRef::new(symbolic_ref(pattern), matrix_values.as_slice());
        let mut values = vec![0.0; symbolic.0.len_val()];
        let scratch = symbolic.0.factorize_numeric_llt_scratch::<f64>(Par::Seq, Spec::default());
        symbolic
            .0
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
        Some(Factor { symbolic, values })
    }

    pub(crate) fn nodes(&self) -> usize {
        self.symbolic.0.nrows()
    }

    /// Memory that [`Factor::solve`] works in.
    pub(crate) fn scratch(&self) -> MemBuffer {
        let request: StackReq = self.symbolic.0.solve_in_place_scratch::<f64>(1, Par::Seq);
        MemBuffer::new(request)
    }

    /// Replaces the right side by the solution.
    pub(crate) fn solve(&self, right_side: &mut [f64], scratch: &mut MemBuffer) {
        let count = right_side.len();
        LltRef::new(&self.symbolic.0, &self.values).solve_in_place_with_conj(
            Conj::No,
            MatMut::from_column_major_slice_mut(right_side, count, 1),
            Par::Seq,
            MemStack::new(scratch),
        );
    }
}

fn symbolic_ref(pattern: &Conduction) -> SymbolicSparseColMatRef<'_, usize> {
    let nodes = pattern.nodes();
    SymbolicSparseColMatRef::new_checked(nodes, nodes, pattern.col_ptr(), None, pattern.row_idx())
}
