use super::node::show_number;

/// What a number may be. Values outside are errors with the named code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    /// Smallest value.
    pub(crate) min: f64,
    /// Whether the smallest value itself is allowed.
    pub(crate) min_included: bool,
    /// Largest value.
    pub(crate) max: f64,
    /// Unit for messages; empty for a ratio.
    pub(crate) unit: &'static str,
}

impl Number {
    /// Above `min`, up to `max`.
    pub(crate) const fn above(min: f64, max: f64, unit: &'static str) -> Number {
        Number { min, min_included: false, max, unit }
    }

    /// From `min` to `max`.
    pub(crate) const fn within(min: f64, max: f64, unit: &'static str) -> Number {
        Number { min, min_included: true, max, unit }
    }

    pub(super) fn admits(&self, value: f64) -> bool {
        (value > self.min || (self.min_included && value == self.min)) && value <= self.max
    }

    /// `> 0, <= 100000 mm`
    pub(crate) fn shown(&self) -> String {
        let sign = if self.min_included { ">=" } else { ">" };
        let space = if self.unit.is_empty() { "" } else { " " };
        format!("{sign} {}, <= {}{space}{}", show_number(self.min), show_number(self.max), self.unit)
    }
}

/// Infrared emissivity. At 0 a surface loses no heat, and a panel of such a
/// surface has no steady temperature.
pub(crate) const EMISSIVITY: Number = Number::within(0.01, 1.0, "");

/// In-plane conductivity times thickness of a panel: from a foil of plastic to
/// a plate with heat pipes.
pub(crate) const PANEL_KT: Number = Number::within(1e-4, 1e4, "W/K");

/// Contact of a component with its panel. At 0 the heat could not leave.
pub(crate) const CONTACT: Number = Number::within(0.1, 1e6, "W/(m² K)");
