use model::Vec3;

/// An orthographic look at the body frame: which way is right, up and toward
/// the viewer, and where and how large the result stands on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    right: Vec3,
    up: Vec3,
    /// Unit vector from the scene to the viewer.
    pub(crate) toward: Vec3,
    pixels_per_m: f64,
    origin: [f64; 2],
}

impl View {
    /// Looks from a direction given by azimuth (from +x toward +y) and
    /// elevation (toward +z), z upright.
    pub(crate) fn from_direction(azimuth_deg: f64, elevation_deg: f64) -> Self {
        let (sin_a, cos_a) = azimuth_deg.to_radians().sin_cos();
        let (sin_e, cos_e) = elevation_deg.to_radians().sin_cos();
        View {
            right: [-sin_a, cos_a, 0.0],
            up: [-sin_e * cos_a, -sin_e * sin_a, cos_e],
            toward: [cos_e * cos_a, cos_e * sin_a, sin_e],
            pixels_per_m: 1.0,
            origin: [0.0, 0.0],
        }
    }

    /// Scaled and moved so that the box (minimum and maximum corner) fills the
    /// area (left, top, width, height).
    pub(crate) fn fitted(mut self, min: Vec3, max: Vec3, [left, top, width, height]: [f64; 4]) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for corner in corners(min, max) {
            let place = [dot(corner, self.right), -dot(corner, self.up)];
            for axis in 0..2 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        self.pixels_per_m = (width / (high[0] - low[0])).min(height / (high[1] - low[1]));
        self.origin = [
            left + 0.5 * width - 0.5 * (low[0] + high[0]) * self.pixels_per_m,
            top + 0.5 * height - 0.5 * (low[1] + high[1]) * self.pixels_per_m,
        ];
        self
    }

    /// The pixel of a point.
    pub(crate) fn project(&self, point: Vec3) -> [f64; 2] {
        let [x, y] = self.direction(point);
        [self.origin[0] + x, self.origin[1] + y]
    }

    /// The pixels that a vector spans.
    pub(crate) fn direction(&self, vector: Vec3) -> [f64; 2] {
        [dot(vector, self.right) * self.pixels_per_m, -dot(vector, self.up) * self.pixels_per_m]
    }

    /// Whether a face with this outward normal is seen from outside.
    pub(crate) fn faces_viewer(&self, axis: usize, sign: f64) -> bool {
        self.toward[axis] * sign > 0.0
    }
}

/// The eight corners of a box; bit k of the index says maximum along axis k.
pub(crate) fn corners(min: Vec3, max: Vec3) -> [Vec3; 8] {
    std::array::from_fn(|index| {
        std::array::from_fn(|axis| if index >> axis & 1 == 1 { max[axis] } else { min[axis] })
    })
}

fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_fills_the_area_and_stays_inside() {
        let area = [100.0, 50.0, 800.0, 400.0];
        let view = View::from_direction(-52.0, 24.0).fitted([-0.3, -0.2, -0.4], [0.3, 0.2, 0.4], area);
        let places = corners([-0.3, -0.2, -0.4], [0.3, 0.2, 0.4]).map(|corner| view.project(corner));
        let (low, high) = places.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), place| {
            assert!((99.9..900.1).contains(&place[0]) && (49.9..450.1).contains(&place[1]), "{place:?}");
            (low.min(place[1]), high.max(place[1]))
        });
        assert!((high - low - 400.0).abs() < 1e-6);
    }

    #[test]
    fn from_plus_x_one_sees_y_to_the_right_and_z_up() {
        let view = View::from_direction(0.0, 0.0).fitted([-1.0; 3], [1.0; 3], [0.0, 0.0, 200.0, 200.0]);
        let at = view.project([0.0, 1.0, 1.0]);
        assert!((at[0] - 200.0).abs() < 1e-9 && at[1].abs() < 1e-9, "{at:?}");
        assert!(view.faces_viewer(0, 1.0) && !view.faces_viewer(0, -1.0));
    }
}
