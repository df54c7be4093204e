use serde::{Deserialize, Serialize};

use crate::{Panel, Vec3};

/// Panel, centre and orientation of one component.
///
/// The base plate is the component's local -z face; on a panel local +z points
/// inward. `turn` counts quarter turns of the component in the panel's plane.
/// With an even turn the local x side lies along the panel's u axis and local y
/// along v (see [`Panel::in_plane_axes`]); with an odd turn they are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// The panel that carries the base plate.
    pub panel: Panel,
    /// Quarter turns about the inward normal, 0 to 3.
    pub turn: u8,
    /// Centre of the component's box in the body frame (origin at the
    /// envelope's centre), m.
    pub center_m: Vec3,
}

impl Placement {
    /// Extents of the component's box along the body axes, from its unrotated
    /// size, m. Exact: no rotation leaves the axes.
    pub fn extents_m(&self, size_m: Vec3) -> Vec3 {
        extents_on_panel_m(size_m, self.panel, self.turn)
    }

    /// Minimum corner of the component's box in the body frame, m.
    pub fn min_corner_m(&self, size_m: Vec3) -> Vec3 {
        let extents = self.extents_m(size_m);
        std::array::from_fn(|axis| self.center_m[axis] - 0.5 * extents[axis])
    }

    /// Rotation from the component's frame to the body frame; columns are the
    /// images of local x, y, z. Proper (determinant 1), entries -1, 0 or 1.
    pub fn rotation(&self) -> [[f64; 3]; 3] {
        let normal = self.panel.inward_normal();
        let mut local_x = [0.0; 3];
        local_x[self.panel.in_plane_axes().0] = 1.0;
        let mut local_y = cross(normal, local_x);
        for _ in 0..self.turn % 4 {
            (local_x, local_y) = (local_y, local_x.map(|value| -value));
        }
        std::array::from_fn(|row| [local_x[row], local_y[row], normal[row]])
    }

    /// The same rotation as angles in degrees, `R = Rz * Ry * Rx`, each in
    /// (-180, 180].
    pub fn rotation_deg(&self) -> Vec3 {
        let r = self.rotation();
        let (x, y, z) = if r[2][0].abs() > 0.5 {
            // Gimbal lock: only the sum of x and z is determined, so z is 0.
            let y = -r[2][0].signum() * 90.0;
            ((r[0][1] * -r[2][0]).atan2(r[1][1]).to_degrees(), y, 0.0)
        } else {
            (r[2][1].atan2(r[2][2]).to_degrees(), 0.0, r[1][0].atan2(r[0][0]).to_degrees())
        };
        [x, y, z].map(|angle| angle.round() + 0.0)
    }
}

/// Extents along the body axes of a box of unrotated size `size_m` mounted on
/// `panel` with `turn` quarter turns, m.
pub fn extents_on_panel_m(size_m: Vec3, panel: Panel, turn: u8) -> Vec3 {
    let (u, v) = panel.in_plane_axes();
    let mut extents = [0.0; 3];
    extents[panel.normal_axis()] = size_m[2];
    let (along_u, along_v) = if turn.is_multiple_of(2) { (0, 1) } else { (1, 0) };
    extents[u] = size_m[along_u];
    extents[v] = size_m[along_v];
    extents
}

/// One placement per component, in the order of the satellite's components.
/// A component that fits nowhere still has a placement: the overlap or the
/// protrusion is a violation with a number, never a silent omission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Placement `i` belongs to component `i`.
    pub placements: Vec<Placement>,
}

fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation_from_deg(deg: Vec3) -> [[f64; 3]; 3] {
        let [x, y, z] = deg.map(f64::to_radians);
        let (sx, cx, sy, cy, sz, cz) = (x.sin(), x.cos(), y.sin(), y.cos(), z.sin(), z.cos());
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    }

    fn all_placements() -> impl Iterator<Item = Placement> {
        Panel::ALL
            .into_iter()
            .flat_map(|panel| (0..4).map(move |turn| Placement { panel, turn, center_m: [0.0; 3] }))
    }

    #[test]
    fn angles_give_the_rotation_back() {
        for placement in all_placements() {
            let (expected, found) = (placement.rotation(), rotation_from_deg(placement.rotation_deg()));
            for row in 0..3 {
                for column in 0..3 {
                    assert!(
                        (expected[row][column] - found[row][column]).abs() < 1e-12,
                        "{placement:?}: {expected:?} {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn extents_are_the_rotated_size() {
        let size = [0.3, 0.2, 0.1];
        for placement in all_placements() {
            let r = placement.rotation();
            let rotated: Vec3 =
                std::array::from_fn(|row| (0..3).map(|column| (r[row][column] * size[column]).abs()).sum());
            assert_eq!(placement.extents_m(size), rotated, "{placement:?}");
        }
    }
}
