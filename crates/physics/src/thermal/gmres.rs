//! GMRES without restart, preconditioned from the left: a Krylov method for the
//! few iterations that a good preconditioner leaves to do.

/// The end of a linear solve.
pub(crate) struct Solved {
    pub(crate) solution: Vec<f64>,
    pub(crate) iterations: usize,
    /// Whether the preconditioned residual fell by the factor asked for.
    pub(crate) converged: bool,
}

/// Solves A x = b from x = 0 until the preconditioned residual is below
/// `tolerance` times that of b. `apply(v, image)` writes A v; `precondition(v)`
/// replaces v by P⁻¹ v.
pub(crate) fn solve(
    right_side: &[f64],
    tolerance: f64,
    max_iterations: usize,
    mut apply: impl FnMut(&[f64], &mut [f64]),
    mut precondition: impl FnMut(&mut [f64]),
) -> Solved {
    let nodes = right_side.len();
    let mut first = right_side.to_vec();
    precondition(&mut first);
    let start_norm = norm(&first);
    if start_norm == 0.0 || !start_norm.is_finite() {
        return Solved { solution: first, iterations: 0, converged: start_norm == 0.0 };
    }
    first.iter_mut().for_each(|value| *value /= start_norm);
    let mut basis = vec![first];
    // Columns of the Hessenberg matrix, rotated to triangular form as they come.
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut rotations: Vec<(f64, f64)> = Vec::new();
    let mut target = vec![start_norm];
    let mut converged = false;
    while columns.len() < max_iterations && !converged {
        let k = columns.len();
        let mut next = vec![0.0; nodes];
        apply(&basis[k], &mut next);
        precondition(&mut next);
        let mut column = Vec::with_capacity(k + 1);
        for direction in &basis {
            let share = dot(direction, &next);
            for (value, along) in next.iter_mut().zip(direction) {
                *value -= share * along;
            }
            column.push(share);
        }
        let rest = norm(&next);
        for (row, (cos, sin)) in rotations.iter().enumerate() {
            let (upper, lower) = (column[row], column[row + 1]);
            column[row] = cos * upper + sin * lower;
            column[row + 1] = -sin * upper + cos * lower;
        }
        let length = column[k].hypot(rest);
        if length == 0.0 || !length.is_finite() {
            break;
        }
        let (cos, sin) = (column[k] / length, rest / length);
        rotations.push((cos, sin));
        column[k] = length;
        columns.push(column);
        target.push(-sin * target[k]);
        target[k] *= cos;
        converged = target[k + 1].abs() <= tolerance * start_norm;
        if rest > 0.0 {
            next.iter_mut().for_each(|value| *value /= rest);
        }
        basis.push(next);
    }
    let mut weights = target[..columns.len()].to_vec();
    for k in (0..columns.len()).rev() {
        weights[k] /= columns[k][k];
        for row in 0..k {
            weights[row] -= columns[k][row] * weights[k];
        }
    }
    let mut solution = vec![0.0; nodes];
    for (weight, direction) in weights.iter().zip(&basis) {
        for (sum, along) in solution.iter_mut().zip(direction) {
            *sum += weight * along;
        }
    }
    Solved { solution, iterations: columns.len(), converged }
}

/// Eight running sums in a fixed order: quick, and the same bits everywhere.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks_a, chunks_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in chunks_a.zip(chunks_b) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_unsymmetric_system_is_solved() {
        let matrix = [[4.0, -1.0, 0.5], [-2.0, 5.0, 0.0], [0.25, 1.0, 3.0]];
        let exact = [1.0, -2.0, 3.0];
        let right: Vec<f64> = matrix.iter().map(|row| (0..3).map(|k| row[k] * exact[k]).sum()).collect();
        let solved = solve(
            &right,
            1e-14,
            10,
            |vector, image| {
                for (row, value) in image.iter_mut().enumerate() {
                    *value = (0..3).map(|k| matrix[row][k] * vector[k]).sum();
                }
            },
            |vector| (0..3).for_each(|row| vector[row] /= matrix[row][row]),
        );
        assert!(solved.converged && solved.iterations <= 3);
        for (found, expected) in solved.solution.iter().zip(exact) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn nothing_to_solve_takes_no_iteration() {
        let solved = solve(&[0.0; 4], 1e-3, 5, |_, _| (), |_| ());
        assert_eq!((solved.iterations, solved.solution), (0, vec![0.0; 4]));
    }
}
