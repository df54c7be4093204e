use super::conduction::Link;

/// A rectangle in a sheet's own coordinates u, v, m. On a panel their origin is
/// the panel's centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// From and to along u, m.
    pub u_m: [f64; 2],
    /// From and to along v, m.
    pub v_m: [f64; 2],
}

/// A cell and the part of a footprint that lies on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellArea {
    /// Index of the cell.
    pub cell: usize,
    /// Shared area, m².
    pub area_m2: f64,
}

/// A flat sheet cut into equal cells, its centre the origin of u and v. Cell
/// (iu, iv) has index `iv * cells_u + iu`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheet {
    /// Cells along u and v.
    pub cells: [usize; 2],
    /// Extent along u and v, m.
    pub size_m: [f64; 2],
    /// In-plane conductivity times thickness, W/K.
    pub kt_w_per_k: f64,
}

impl Sheet {
    /// Number of cells.
    pub fn count(&self) -> usize {
        self.cells[0] * self.cells[1]
    }

    /// Extent of a cell, m.
    pub fn cell_m(&self) -> [f64; 2] {
        [self.size_m[0] / self.cells[0] as f64, self.size_m[1] / self.cells[1] as f64]
    }

    /// Area of a cell, m².
    pub fn cell_area_m2(&self) -> f64 {
        let [du, dv] = self.cell_m();
        du * dv
    }

    /// Conduction between neighbours: k t × width / distance. Node indices start
    /// at `first`.
    pub fn links(&self, first: usize) -> Vec<Link> {
        let [nu, nv] = self.cells;
        let [du, dv] = self.cell_m();
        let mut links = Vec::with_capacity(2 * self.count());
        for iv in 0..nv {
            for iu in 0..nu {
                let node = first + iv * nu + iu;
                if iu + 1 < nu {
                    links.push(Link { a: node, b: node + 1, conductance_w_per_k: self.kt_w_per_k * dv / du });
                }
                if iv + 1 < nv {
                    links.push(Link {
                        a: node,
                        b: node + nu,
                        conductance_w_per_k: self.kt_w_per_k * du / dv,
                    });
                }
            }
        }
        links
    }

    /// Cells under a rectangle with the shared areas, exactly. A rectangle that
    /// reaches over an edge is first shifted inward until it lies on the sheet;
    /// one that is longer than the sheet covers its whole length. So every
    /// footprint has cells, and areas change continuously with its position.
    pub fn footprint(&self, rectangle: Rectangle) -> Vec<CellArea> {
        let along_u = overlaps(onto(rectangle.u_m, self.size_m[0]), self.size_m[0], self.cells[0]);
        let along_v = overlaps(onto(rectangle.v_m, self.size_m[1]), self.size_m[1], self.cells[1]);
        let mut cells = Vec::with_capacity(along_u.len() * along_v.len());
        for (iv, v_m) in &along_v {
            for (iu, u_m) in &along_u {
                cells.push(CellArea { cell: iv * self.cells[0] + iu, area_m2: u_m * v_m });
            }
        }
        cells
    }
}

/// Shifts a range onto a sheet of extent `size_m` around 0.
fn onto([from, to]: [f64; 2], size_m: f64) -> [f64; 2] {
    let half = 0.5 * size_m;
    let length = to - from;
    if length >= size_m {
        return [-half, half];
    }
    let start = from.max(-half).min(half - length);
    [start, start + length]
}

/// Cells of one axis under a range, with the shared lengths. Never empty.
fn overlaps([from, to]: [f64; 2], size_m: f64, cells: usize) -> Vec<(usize, f64)> {
    let cell_m = size_m / cells as f64;
    // Slivers that rounding makes would only fill the matrix.
    let least_m = 1e-12 * cell_m;
    let place = |position: f64| ((position / size_m + 0.5) * cells as f64).floor();
    let first = place(from).clamp(0.0, cells as f64 - 1.0) as usize;
    let last = place(to).clamp(0.0, cells as f64 - 1.0) as usize;
    let edge = |index: usize| size_m * (index as f64 / cells as f64 - 0.5);
    let shared = |index: usize| {
        let low = if index == first { from } else { edge(index) };
        let high = if index == last { to } else { edge(index + 1) };
        high - low
    };
    let found: Vec<_> =
        (first..=last).map(|index| (index, shared(index))).filter(|(_, length)| *length > least_m).collect();
    if found.is_empty() { vec![(first, to - from)] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: Sheet = Sheet { cells: [4, 2], size_m: [0.8, 0.4], kt_w_per_k: 0.3 };

    fn covered(u_m: [f64; 2], v_m: [f64; 2]) -> Vec<(usize, f64)> {
        SHEET
            .footprint(Rectangle { u_m, v_m })
            .into_iter()
            .map(|part| (part.cell, (part.area_m2 * 1e9).round() / 1e9))
            .collect()
    }

    #[test]
    fn footprints_are_shared_exactly() {
        assert_eq!(covered([-0.3, 0.1], [-0.2, 0.0]), [(0, 0.02), (1, 0.04), (2, 0.02)]);
        assert_eq!(covered([0.2, 0.4], [-0.05, 0.15]), [(3, 0.01), (7, 0.03)]);
    }

    #[test]
    fn footprints_over_the_edge_come_back_whole() {
        assert_eq!(covered([0.5, 0.6], [-0.1, 0.0]), [(3, 0.01)]);
        assert_eq!(covered([-9.0, -8.8], [7.0, 7.2]), [(4, 0.04)]);
        let all: f64 = covered([-2.0, 2.0], [-2.0, 2.0]).iter().map(|part| part.1).sum();
        assert!((all - 0.32).abs() < 1e-12);
    }

    #[test]
    fn areas_add_up_wherever_the_rectangle_stands() {
        for step in 0..500 {
            let (u, v) = ((f64::from(step) * 0.61).sin() * 0.5, (f64::from(step) * 0.37).cos() * 0.3);
            let area: f64 = covered([u, u + 0.123], [v, v + 0.077]).iter().map(|part| part.1).sum();
            assert!((area - 0.123 * 0.077).abs() < 1e-8, "{u} {v}: {area}");
        }
    }
}
