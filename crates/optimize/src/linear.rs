/// A small dense square matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    size: usize,
    entries: Vec<f64>,
}

impl Matrix {
    /// All entries zero.
    pub(crate) fn zero(size: usize) -> Self {
        Matrix { size, entries: vec![0.0; size * size] }
    }

    /// One entry.
    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.entries[row * self.size + column]
    }

    /// One entry, to change.
    pub(crate) fn at(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.entries[row * self.size + column]
    }

    /// The product with a vector.
    pub(crate) fn times<'a>(&'a self, vector: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.entries
            .chunks(self.size.max(1))
            .map(move |row| row.iter().zip(vector).map(|(entry, value)| entry * value).sum())
    }
}

/// Gaussian elimination with row pivoting: `right` becomes the solution, the
/// matrix is used up. A vanishing pivot leaves its unknown at zero.
pub(crate) fn solve(matrix: &mut Matrix, right: &mut [f64]) {
    let size = matrix.size;
    for step in 0..size {
        let pivot = (step..size)
            .max_by(|&a, &b| matrix.get(a, step).abs().total_cmp(&matrix.get(b, step).abs()))
            .expect("the range holds at least `step`");
        if matrix.get(pivot, step) == 0.0 {
            continue;
        }
        if pivot != step {
            for column in 0..size {
                matrix.entries.swap(pivot * size + column, step * size + column);
            }
            right.swap(pivot, step);
        }
        for row in step + 1..size {
            let factor = matrix.get(row, step) / matrix.get(step, step);
            if factor != 0.0 {
                for column in step..size {
                    *matrix.at(row, column) -= factor * matrix.get(step, column);
                }
                right[row] -= factor * right[step];
            }
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| matrix.get(row, column) * right[column]).sum();
        let pivot = matrix.get(row, row);
        right[row] = if pivot == 0.0 { 0.0 } else { (right[row] - known) / pivot };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_system_that_needs_pivoting() {
        let mut matrix = Matrix::zero(3);
        let entries = [[0.0, 2.0, 1.0], [1.0, -1.0, 0.0], [3.0, 0.0, 4.0]];
        for (row, values) in entries.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                *matrix.at(row, column) = *value;
            }
        }
        let expected = [2.0, -3.0, 0.5];
        let mut right: Vec<f64> = matrix.times(&expected).collect();
        solve(&mut matrix, &mut right);
        for (found, wanted) in right.iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-14, "{right:?}");
        }
    }

    #[test]
    fn nothing_to_solve() {
        solve(&mut Matrix::zero(0), &mut []);
        let mut right = [1.0];
        solve(&mut Matrix::zero(1), &mut right);
        assert_eq!(right, [0.0]);
    }
}
