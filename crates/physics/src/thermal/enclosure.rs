use ::model::{Panel, Vec3};
use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef};

use super::view_factor::{parallel_m2, perpendicular_m2};

/// The inside of the box as a diffuse grey enclosure of `k × k` patches per
/// panel. No layout changes it.
///
/// Radiosity J = εE + (1 - ε)FJ, irradiation H = FJ = M E with E the area mean
/// of σT⁴ over a patch and M = F (1 - (1 - ε)F)⁻¹ ε.
#[derive(Debug, Clone)]
pub struct Enclosure {
    patches_per_edge: usize,
    /// Geometric area of each patch, m².
    area_m2: Vec<f64>,
    /// Emissivity times area of each patch, m².
    emitting_m2: Vec<f64>,
    /// S = A F, row-major, m². Symmetric.
    exchange_m2: Vec<f64>,
    /// M, column-major: irradiation of all patches by one is contiguous.
    irradiation: Vec<f64>,
}

impl Enclosure {
    /// Patches are indexed like cells: `panel * k * k + iv * k + iu`.
    pub fn new(inner_size_m: Vec3, patches_per_edge: usize, emissivity: [f64; 6]) -> Enclosure {
        let patches: Vec<Patch> = Panel::ALL
            .into_iter()
            .flat_map(|panel| patches_of(panel, inner_size_m, patches_per_edge))
            .collect();
        let count = patches.len();
        let area_m2: Vec<f64> = patches.iter().map(Patch::area_m2).collect();
        let mut exchange_m2 = vec![0.0; count * count];
        for a in 0..count {
            for b in a + 1..count {
                let value = patches[a].exchange_m2(&patches[b], inner_size_m);
                exchange_m2[a * count + b] = value;
                exchange_m2[b * count + a] = value;
            }
        }
        let per_panel = patches_per_edge * patches_per_edge;
        let epsilon: Vec<f64> = (0..count).map(|patch| emissivity[patch / per_panel]).collect();
        let emitting_m2: Vec<f64> =
            area_m2.iter().zip(&epsilon).map(|(area, epsilon)| area * epsilon).collect();
        let irradiation = irradiation(&exchange_m2, &area_m2, &epsilon);
        Enclosure { patches_per_edge, area_m2, emitting_m2, exchange_m2, irradiation }
    }

    /// k.
    pub fn patches_per_edge(&self) -> usize {
        self.patches_per_edge
    }

    /// 6 k².
    pub fn patches(&self) -> usize {
        self.area_m2.len()
    }

    /// Area of a patch, m².
    pub fn area_m2(&self, patch: usize) -> f64 {
        self.area_m2[patch]
    }

    /// Emissivity times area of a patch, m².
    pub fn emitting_m2(&self, patch: usize) -> f64 {
        self.emitting_m2[patch]
    }

    /// View factor from one patch to another.
    pub fn view_factor(&self, from: usize, to: usize) -> f64 {
        self.exchange_m2[from * self.patches() + to] / self.area_m2[from]
    }

    /// εA M of two patches, m²: heat that `to` absorbs per W/m² of σT⁴ on
    /// `from`, all reflections included. Symmetric.
    pub fn gray_exchange_m2(&self, to: usize, from: usize) -> f64 {
        self.emitting_m2[to] * self.irradiation[from * self.patches() + to]
    }

    /// H = M E.
    pub fn irradiate(&self, emissive_w_per_m2: &[f64], irradiation_w_per_m2: &mut [f64]) {
        irradiation_w_per_m2.fill(0.0);
        for (column, emissive) in self.irradiation.chunks_exact(self.patches()).zip(emissive_w_per_m2) {
            for (sum, factor) in irradiation_w_per_m2.iter_mut().zip(column) {
                *sum += factor * emissive;
            }
        }
    }
}

/// M, column-major. Without any emitting patch nothing is exchanged and M is 0.
fn irradiation(exchange_m2: &[f64], area_m2: &[f64], epsilon: &[f64]) -> Vec<f64> {
    let count = area_m2.len();
    if epsilon.iter().all(|value| *value <= 0.0) {
        return vec![0.0; count * count];
    }
    let view = Mat::from_fn(count, count, |row, column| exchange_m2[row * count + column] / area_m2[row]);
    let system = Mat::from_fn(count, count, |row, column| {
        f64::from(u8::from(row == column)) - (1.0 - epsilon[row]) * view[(row, column)]
    });
    let emitted = Mat::from_fn(count, count, |row, column| if row == column { epsilon[row] } else { 0.0 });
    let radiosity = system.partial_piv_lu().solve(emitted);
    let product: Mat<f64> = view * MatRef::from(radiosity.as_ref());
    let mut values = Vec::with_capacity(count * count);
    for column in 0..count {
        values.extend((0..count).map(|row| product[(row, column)]));
    }
    values
}

/// A patch by its panel and its ranges along that panel's axes, m.
struct Patch {
    panel: Panel,
    /// Range along each body axis; the normal axis has none.
    range_m: [[f64; 2]; 3],
}

impl Patch {
    fn area_m2(&self) -> f64 {
        let (u, v) = self.panel.in_plane_axes();
        (self.range_m[u][1] - self.range_m[u][0]) * (self.range_m[v][1] - self.range_m[v][0])
    }

    fn exchange_m2(&self, other: &Patch, inner_size_m: Vec3) -> f64 {
        if self.panel == other.panel {
            return 0.0;
        }
        let (a, b) = (self.panel.normal_axis(), other.panel.normal_axis());
        if a == b {
            let (u, v) = self.panel.in_plane_axes();
            return parallel_m2(
                [self.range_m[u], other.range_m[u]],
                [self.range_m[v], other.range_m[v]],
                inner_size_m[a],
            );
        }
        let common = 3 - a - b;
        perpendicular_m2(
            [self.range_m[common], other.range_m[common]],
            [self.distances_m(other.panel, inner_size_m), other.distances_m(self.panel, inner_size_m)],
        )
    }

    /// Range of distances from the plane of another panel, m.
    fn distances_m(&self, panel: Panel, inner_size_m: Vec3) -> [f64; 2] {
        let axis = panel.normal_axis();
        let half = 0.5 * inner_size_m[axis];
        let [from, to] = self.range_m[axis];
        if panel.outward_sign() > 0.0 { [half - to, half - from] } else { [from + half, to + half] }
    }
}

fn patches_of(panel: Panel, inner_size_m: Vec3, per_edge: usize) -> Vec<Patch> {
    let (u, v) = panel.in_plane_axes();
    let edge = |axis: usize, index: usize| inner_size_m[axis] * (index as f64 / per_edge as f64 - 0.5);
    let mut patches = Vec::with_capacity(per_edge * per_edge);
    for iv in 0..per_edge {
        for iu in 0..per_edge {
            let mut range_m = [[0.0; 2]; 3];
            range_m[u] = [edge(u, iu), edge(u, iu + 1)];
            range_m[v] = [edge(v, iv), edge(v, iv + 1)];
            patches.push(Patch { panel, range_m });
        }
    }
    patches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_close_and_exchange_is_reciprocal() {
        let enclosure = Enclosure::new([0.5, 0.6, 0.8], 4, [0.8, 0.1, 0.5, 0.9, 0.3, 0.7]);
        for from in 0..enclosure.patches() {
            let row: f64 = (0..enclosure.patches()).map(|to| enclosure.view_factor(from, to)).sum();
            // 95 corner sums of 16 terms each, every one good to a few 1e-16 of the box's area.
            assert!((row - 1.0).abs() < 1e-12, "row {from}: {row}");
            let absorbed: f64 = (0..enclosure.patches()).map(|to| enclosure.gray_exchange_m2(to, from)).sum();
            assert!((absorbed - enclosure.emitting_m2(from)).abs() < 1e-12, "column {from}: {absorbed}");
            for to in 0..from {
                let (there, back) =
                    (enclosure.gray_exchange_m2(to, from), enclosure.gray_exchange_m2(from, to));
                assert!((there - back).abs() < 1e-14, "{from} {to}: {there} {back}");
                assert!(there > 0.0);
            }
        }
    }

    #[test]
    fn mirrors_on_every_wall_exchange_nothing() {
        let enclosure = Enclosure::new([1.0; 3], 2, [0.0; 6]);
        assert_eq!(enclosure.gray_exchange_m2(0, 5), 0.0);
    }
}
