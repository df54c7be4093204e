//! The only place where millimetres and degrees Celsius become SI and back.

use crate::{Vec3, ZERO_CELSIUS_K};

/// mm to m. Division, because 1000 is exact in binary and 0.001 is not.
pub fn m_from_mm(value_mm: f64) -> f64 {
    value_mm / 1000.0
}

/// m to mm, rounded to a nanometre so that 0.12 m is written as 120 mm.
pub fn mm_from_m(value_m: f64) -> f64 {
    rounded(value_m * 1000.0)
}

/// m to mm for a position or an extent.
pub fn mm_from_m3(value_m: Vec3) -> Vec3 {
    value_m.map(mm_from_m)
}

/// °C to K.
pub fn k_from_c(value_c: f64) -> f64 {
    value_c + ZERO_CELSIUS_K
}

/// K to °C, rounded to a microkelvin.
pub fn c_from_k(value_k: f64) -> f64 {
    rounded(value_k - ZERO_CELSIUS_K)
}

/// Six decimals; values too large for that stay as they are. Never -0.
fn rounded(value: f64) -> f64 {
    let scaled = value * 1e6;
    if scaled.abs() < 1e15 { scaled.round() / 1e6 + 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_values_come_back_as_written() {
        for value in [0.0, 120.0, 98.4, -180.0, 0.1, 366.0, 1e5] {
            assert_eq!(mm_from_m(m_from_mm(value)), value);
            assert_eq!(c_from_k(k_from_c(value)), value);
        }
        assert!(mm_from_m(-0.0).is_sign_positive());
    }
}
