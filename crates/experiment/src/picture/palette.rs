use super::svg::Color;

pub(crate) const INK: Color = Color(28, 34, 46);
pub(crate) const MUTED: Color = Color(96, 106, 122);
pub(crate) const GRID: Color = Color(226, 230, 237);
pub(crate) const FRAME: Color = Color(176, 184, 197);
pub(crate) const PANEL: Color = Color(247, 249, 252);
pub(crate) const BLUE: Color = Color(0, 100, 178);
pub(crate) const ORANGE: Color = Color(222, 120, 0);
pub(crate) const GREEN: Color = Color(0, 138, 104);
pub(crate) const RED: Color = Color(200, 38, 38);

/// Viridis at equal steps from 0 to 1; linear in between is within what the eye
/// tells apart.
const VIRIDIS: [Color; 11] = [
    Color(68, 1, 84),
    Color(72, 37, 118),
    Color(65, 68, 135),
    Color(53, 96, 141),
    Color(42, 120, 142),
    Color(33, 145, 140),
    Color(34, 168, 132),
    Color(67, 191, 113),
    Color(122, 209, 81),
    Color(188, 223, 39),
    Color(253, 231, 37),
];

/// The color of a share from 0 to 1; beyond them the ends.
pub(crate) fn viridis(share: f64) -> Color {
    let steps = (VIRIDIS.len() - 1) as f64;
    let place = share.clamp(0.0, 1.0) * steps;
    let low = (place.floor() as usize).min(VIRIDIS.len() - 2);
    VIRIDIS[low].mixed(VIRIDIS[low + 1], place - low as f64)
}

/// A range of temperatures in degrees Celsius and its colors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TemperatureScale {
    pub(crate) min_c: f64,
    pub(crate) max_c: f64,
}

impl TemperatureScale {
    /// The scale that holds every finite value; never empty.
    pub(crate) fn over(values_c: impl IntoIterator<Item = f64>) -> Self {
        let (mut min_c, mut max_c) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values_c.into_iter().filter(|value| value.is_finite()) {
            min_c = min_c.min(value);
            max_c = max_c.max(value);
        }
        if min_c > max_c {
            (min_c, max_c) = (0.0, 1.0);
        }
        // A field that is the same everywhere is drawn in one color, not as noise.
        if max_c - min_c < 1.0 {
            let middle = 0.5 * (min_c + max_c);
            (min_c, max_c) = (middle - 0.5, middle + 0.5);
        }
        TemperatureScale { min_c, max_c }
    }

    pub(crate) fn share(self, value_c: f64) -> f64 {
        ((value_c - self.min_c) / (self.max_c - self.min_c)).clamp(0.0, 1.0)
    }

    pub(crate) fn color(self, value_c: f64) -> Color {
        viridis(self.share(value_c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_scale_are_the_ends_of_the_colors() {
        let scale = TemperatureScale::over([20.0, f64::NAN, 40.0, 30.0]);
        assert_eq!((scale.min_c, scale.max_c), (20.0, 40.0));
        assert_eq!(scale.color(-300.0), VIRIDIS[0]);
        assert_eq!(scale.color(40.0), VIRIDIS[10]);
        assert_eq!(scale.color(30.0), VIRIDIS[5]);
    }

    #[test]
    fn a_uniform_field_still_has_a_scale() {
        let scale = TemperatureScale::over([25.0; 4]);
        assert_eq!((scale.min_c, scale.max_c), (24.5, 25.5));
        assert_eq!(TemperatureScale::over([]).max_c, 1.0);
    }
}
