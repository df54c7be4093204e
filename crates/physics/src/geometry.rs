use model::satellite::{Envelope, KeepOut};
use model::{Placement, Vec3};
use parry3d_f64::math::{Pose, Rot3, Vector};
use parry3d_f64::query;
use parry3d_f64::shape::Cuboid;

/// Distances within this of a limit count as meeting it, m. Positions near one
/// metre carry rounding errors of 1e-16 m; sums of a dozen of them stay far
/// below this, and no manufacturer reaches it.
pub const LENGTH_TOLERANCE_M: f64 = 1e-9;

/// A box whose edges follow the body axes: what every placed component is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignedBox {
    /// Minimum corner, m.
    pub min_m: Vec3,
    /// Maximum corner, m.
    pub max_m: Vec3,
}

impl AlignedBox {
    /// The box of a component of unrotated size `size_m`.
    pub fn of_component(size_m: Vec3, placement: &Placement) -> AlignedBox {
        let extents = placement.extents_m(size_m);
        AlignedBox {
            min_m: std::array::from_fn(|axis| placement.center_m[axis] - 0.5 * extents[axis]),
            max_m: std::array::from_fn(|axis| placement.center_m[axis] + 0.5 * extents[axis]),
        }
    }

    /// The box of a keep-out.
    pub fn of_keep_out(keep_out: &KeepOut) -> AlignedBox {
        AlignedBox { min_m: keep_out.min_m, max_m: keep_out.max_m }
    }

    /// Signed clearance to another box, m: the Euclidean distance of the
    /// surfaces when apart, 0 when touching, and minus the penetration depth
    /// when they overlap. The depth is the shortest translation that parts the
    /// boxes; for boxes along the same axes it is along one of them.
    pub fn clearance_m(&self, other: &AlignedBox) -> f64 {
        let mut squared = 0.0;
        let mut largest = f64::NEG_INFINITY;
        for axis in 0..3 {
            let gap = (other.min_m[axis] - self.max_m[axis]).max(self.min_m[axis] - other.max_m[axis]);
            if gap > 0.0 {
                squared += gap * gap;
            }
            largest = largest.max(gap);
        }
        if largest > 0.0 { squared.sqrt() } else { largest }
    }

    /// Smallest distance of a face to the wall it looks at, m; negative when it
    /// passes through.
    pub fn containment_m(&self, envelope: &Envelope) -> f64 {
        let mut smallest = f64::INFINITY;
        for axis in 0..3 {
            let half = 0.5 * envelope.inner_size_m[axis];
            smallest = smallest.min(self.min_m[axis] + half).min(half - self.max_m[axis]);
        }
        smallest
    }
}

/// A box in any orientation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrientedBox {
    /// Centre, m.
    pub center_m: Vec3,
    /// Half extents along its own axes, m.
    pub half_m: Vec3,
    /// Unit quaternion w, x, y, z from its own axes to the body axes.
    pub orientation_wxyz: [f64; 4],
}

impl OrientedBox {
    /// Signed clearance as for [`AlignedBox::clearance_m`]: GJK distance when
    /// apart, separating-axis penetration over the 15 candidate axes when they
    /// overlap.
    pub fn clearance_m(&self, other: &OrientedBox) -> f64 {
        let (pose_a, pose_b) = (self.pose(), other.pose());
        let (cuboid_a, cuboid_b) = (self.cuboid(), other.cuboid());
        // Two cuboids are a supported pair of the query dispatcher; the
        // separating axes answer when it has nothing to say.
        match query::distance(&pose_a, &cuboid_a, &pose_b, &cuboid_b) {
            Ok(found) if found.distance > 0.0 => found.distance,
            _ => self.largest_gap_m(other).min(0.0),
        }
    }

    /// Largest signed gap over the 15 separating-axis candidates, m. Negative
    /// means overlap, and then it is minus the penetration depth.
    fn largest_gap_m(&self, other: &OrientedBox) -> f64 {
        let (axes_a, axes_b) = (self.axes(), other.axes());
        let offset = Vector::from_array(other.center_m) - Vector::from_array(self.center_m);
        let gap = |axis: Vector| {
            let reach = |axes: &[Vector; 3], half: &Vec3| -> f64 {
                (0..3).map(|side| half[side] * axes[side].dot(axis).abs()).sum()
            };
            offset.dot(axis).abs() - reach(&axes_a, &self.half_m) - reach(&axes_b, &other.half_m)
        };
        let mut largest = f64::NEG_INFINITY;
        for axis in axes_a.iter().chain(&axes_b) {
            largest = largest.max(gap(*axis));
        }
        for a in axes_a {
            for b in axes_b {
                let cross = a.cross(b);
                let length = cross.length();
                // Parallel edges span no new axis.
                if length > 1e-9 {
                    largest = largest.max(gap(cross / length));
                }
            }
        }
        largest
    }

    fn axes(&self) -> [Vector; 3] {
        let rotation = self.pose().rotation;
        [rotation * Vector::X, rotation * Vector::Y, rotation * Vector::Z]
    }

    fn pose(&self) -> Pose {
        let [w, x, y, z] = self.orientation_wxyz;
        Pose::from_parts(Vector::from_array(self.center_m), Rot3::from_xyzw(x, y, z, w).normalize())
    }

    fn cuboid(&self) -> Cuboid {
        Cuboid::new(Vector::from_array(self.half_m))
    }
}

impl From<AlignedBox> for OrientedBox {
    fn from(aligned: AlignedBox) -> OrientedBox {
        OrientedBox {
            center_m: std::array::from_fn(|axis| 0.5 * (aligned.min_m[axis] + aligned.max_m[axis])),
            half_m: std::array::from_fn(|axis| 0.5 * (aligned.max_m[axis] - aligned.min_m[axis])),
            orientation_wxyz: [1.0, 0.0, 0.0, 0.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cube(center_m: Vec3, side_m: f64) -> AlignedBox {
        AlignedBox {
            min_m: center_m.map(|value| value - 0.5 * side_m),
            max_m: center_m.map(|value| value + 0.5 * side_m),
        }
    }

    #[test]
    fn clearance_by_hand() {
        let unit = cube([0.0; 3], 1.0);
        let cases = [
            ("face to face", cube([1.5, 0.0, 0.0], 1.0), 0.5),
            ("touching", cube([0.0, 1.0, 0.3], 1.0), 0.0),
            ("corner to corner, 3-4-12", cube([1.3, 1.4, 2.2], 1.0), 1.3),
            ("overlap by a quarter", cube([0.75, 0.1, 0.0], 1.0), -0.25),
            ("inside: the shortest way out", cube([0.2, 0.0, 0.0], 0.2), -0.4),
        ];
        for (name, other, expected) in cases {
            assert!(
                (unit.clearance_m(&other) - expected).abs() < 1e-12,
                "{name}: {}",
                unit.clearance_m(&other)
            );
            assert_eq!(unit.clearance_m(&other), other.clearance_m(&unit), "{name}");
        }
    }

    #[test]
    fn the_formula_agrees_with_the_general_boxes() {
        // A deterministic walk through separated and overlapping positions.
        for step in 0..200 {
            let phase = f64::from(step);
            let center = [(phase * 0.37).sin(), (phase * 0.73).cos(), (phase * 1.13).sin()];
            let (a, b) = (cube([0.0; 3], 0.8), cube(center, 0.5));
            let general = OrientedBox::from(a).clearance_m(&OrientedBox::from(b));
            assert!(
                (a.clearance_m(&b) - general).abs() < 1e-12,
                "{center:?}: {} {general}",
                a.clearance_m(&b)
            );
        }
    }

    #[test]
    fn containment_is_negative_outside() {
        let envelope =
            Envelope { inner_size_m: [1.0, 2.0, 3.0], outer_size_m: [1.01, 2.01, 3.01], fill_ratio: None };
        assert!((cube([0.0; 3], 0.4).containment_m(&envelope) - 0.3).abs() < 1e-15);
        assert!((cube([0.4, 0.0, 0.0], 0.4).containment_m(&envelope) + 0.1).abs() < 1e-15);
        assert!((cube([0.0, 0.0, -9.0], 0.4).containment_m(&envelope) + 7.7).abs() < 1e-12);
    }
}
