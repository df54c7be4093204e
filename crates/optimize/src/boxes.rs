use model::{Placement, Vec3};

/// The space a component takes, sides along the body axes. Quarter turns keep
/// every component axis-aligned, so this is exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aabb {
    pub(crate) lo: Vec3,
    pub(crate) hi: Vec3,
}

impl Aabb {
    /// The box of a component of unrotated size `size_m`.
    pub(crate) fn of(size_m: Vec3, placement: &Placement) -> Self {
        let extents = placement.extents_m(size_m);
        Aabb {
            lo: std::array::from_fn(|axis| placement.center_m[axis] - 0.5 * extents[axis]),
            hi: std::array::from_fn(|axis| placement.center_m[axis] + 0.5 * extents[axis]),
        }
    }

    /// A box of these extents around a centre.
    pub(crate) fn around(center_m: Vec3, extents_m: Vec3) -> Self {
        Aabb {
            lo: std::array::from_fn(|axis| center_m[axis] - 0.5 * extents_m[axis]),
            hi: std::array::from_fn(|axis| center_m[axis] + 0.5 * extents_m[axis]),
        }
    }

    /// Gap along one axis; negative when the intervals overlap.
    #[inline]
    fn gap_m(&self, other: &Aabb, axis: usize) -> f64 {
        (self.lo[axis] - other.hi[axis]).max(other.lo[axis] - self.hi[axis])
    }

    /// Signed distance: Euclidean when apart, minus the smallest shift that
    /// parts them when they overlap.
    pub(crate) fn clearance_m(&self, other: &Aabb) -> f64 {
        let gaps: Vec3 = std::array::from_fn(|axis| self.gap_m(other, axis));
        let deepest = gaps[0].max(gaps[1]).max(gaps[2]);
        if deepest <= 0.0 {
            return deepest;
        }
        gaps.iter().map(|gap| gap.max(0.0).powi(2)).sum::<f64>().sqrt()
    }

    /// Whether the clearance is certainly at least `distance_m`, by the axis
    /// gaps alone. The common case of two components far apart.
    #[inline]
    pub(crate) fn is_apart(&self, other: &Aabb, distance_m: f64) -> bool {
        self.gap_m(other, 0) >= distance_m
            || self.gap_m(other, 1) >= distance_m
            || self.gap_m(other, 2) >= distance_m
    }

    /// How far the box leaves the box `-half..half` around the origin; 0 inside.
    pub(crate) fn protrusion_m(&self, half: &Vec3) -> f64 {
        (0..3).fold(0.0, |worst: f64, axis| {
            worst.max(-half[axis] - self.lo[axis]).max(self.hi[axis] - half[axis])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cube(center: Vec3) -> Aabb {
        Aabb { lo: center.map(|value| value - 0.5), hi: center.map(|value| value + 0.5) }
    }

    #[test]
    fn signed_distances() {
        let origin = cube([0.0; 3]);
        let cases = [
            ([2.0, 0.0, 0.0], 1.0),
            ([4.0, 5.0, 0.0], 5.0),
            ([0.75, 0.2, 0.1], -0.25),
            ([1.0, 0.0, 0.0], 0.0),
            ([0.0, 0.0, 0.0], -1.0),
        ];
        for (center, expected) in cases {
            let found = origin.clearance_m(&cube(center));
            assert!((found - expected).abs() < 1e-15, "{center:?}: {found}");
            assert_eq!(cube(center).clearance_m(&origin), found);
            assert_eq!(origin.is_apart(&cube(center), 0.9), expected >= 0.9);
        }
    }

    #[test]
    fn protrusion_is_the_worst_wall() {
        assert_eq!(cube([0.0; 3]).protrusion_m(&[0.5, 0.6, 0.7]), 0.0);
        assert!((cube([0.2, -0.5, 0.0]).protrusion_m(&[0.6, 0.6, 0.6]) - 0.4).abs() < 1e-15);
    }
}
