//! Exchange areas A₁F₁₂ of rectangles with parallel edges, by the exact corner
//! sums (configurations C-13 and C-15 of Howell's catalogue).

use std::f64::consts::TAU;

/// Two rectangles in parallel planes at `distance_m`, both given in one pair of
/// axes, m. Result in m².
pub fn parallel_m2(x_m: [[f64; 2]; 2], y_m: [[f64; 2]; 2], distance_m: f64) -> f64 {
    let z_square = distance_m * distance_m;
    // For offsets a along x and b along y between two corners.
    let corner = |a: f64, b: f64| {
        let from_a = (a * a + z_square).sqrt();
        let from_b = (b * b + z_square).sqrt();
        b * from_a * (b / from_a).atan() + a * from_b * (a / from_b).atan()
            - 0.5 * z_square * (a * a + b * b + z_square).ln()
    };
    let mut sum = 0.0;
    for i in 0..2 {
        for k in 0..2 {
            let a = x_m[0][i] - x_m[1][k];
            for j in 0..2 {
                for l in 0..2 {
                    let b = y_m[0][j] - y_m[1][l];
                    sum += sign(i + j + k + l) * corner(a, b);
                }
            }
        }
    }
    sum / TAU
}

/// Two rectangles in perpendicular planes. `along_m`: each one's range along
/// the line in which the planes meet; `away_m`: each one's range of distances
/// from that line. Result in m².
pub fn perpendicular_m2(along_m: [[f64; 2]; 2], away_m: [[f64; 2]; 2]) -> f64 {
    let mut sum = 0.0;
    for i in 0..2 {
        for k in 0..2 {
            let square = away_m[0][i].powi(2) + away_m[1][k].powi(2);
            let reach = square.sqrt();
            for j in 0..2 {
                for l in 0..2 {
                    let d = along_m[0][j] - along_m[1][l];
                    let total = square + d * d;
                    // Both terms vanish with the distance of the corners.
                    if total > 0.0 {
                        let angle = if reach > 0.0 { d * reach * (d / reach).atan() } else { 0.0 };
                        sum += sign(i + j + k + l) * (angle - 0.25 * (square - d * d) * total.ln());
                    }
                }
            }
        }
    }
    sum / TAU
}

fn sign(corner: usize) -> f64 {
    if corner.is_multiple_of(2) { 1.0 } else { -1.0 }
}
