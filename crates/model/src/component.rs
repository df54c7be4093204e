use serde::{Deserialize, Serialize};

use crate::{PanelSet, Placement, Vec3};

/// One physical unit, as the physics sees it: SI units, quantity expanded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Unique in its satellite.
    pub id: String,
    /// For people.
    pub name: String,
    /// Free text such as `power`, `payload`, `thermal`.
    pub category: String,
    /// Unrotated box: local x and y span the base plate, z stands on it, m.
    pub size_m: Vec3,
    /// Mass, kg.
    pub mass_kg: f64,
    /// Heat in the hot case, W.
    pub power_w: f64,
    /// Heat in the cold case, W.
    pub power_min_w: f64,
    /// Largest electric draw, W.
    pub power_peak_w: f64,
    /// Upper operating limit of its own, K.
    pub max_temp_k: Option<f64>,
    /// Lower operating limit of its own, K.
    pub min_temp_k: Option<f64>,
    /// Base plate to panel, W/(m² K).
    pub contact_conductance_w_per_m2_k: f64,
    /// Infrared emissivity of its faces inside the enclosure, 0 to 1.
    pub emissivity: f64,
    /// A doubler: a component of category `thermal` with optics of its own
    /// gives them to the panel's outer face under it.
    pub outer_optics: Option<OuterOptics>,
    /// Panels that may carry the base plate. Never empty.
    pub allowed_panels: PanelSet,
    /// Body axis (0, 1, 2) that the longest side must follow.
    pub long_axis: Option<usize>,
    /// The placement is given and may not change.
    pub fixed: Option<Placement>,
}

impl Component {
    /// Area of the base plate, m².
    pub fn base_area_m2(&self) -> f64 {
        self.size_m[0] * self.size_m[1]
    }

    /// Volume of the box, m³.
    pub fn volume_m3(&self) -> f64 {
        self.size_m.iter().product()
    }

    /// Whether the component may stand on `panel` with `turn` quarter turns:
    /// an allowed panel, and the longest side along [`Component::long_axis`].
    pub fn allows(&self, panel: crate::Panel, turn: u8) -> bool {
        if !self.allowed_panels.contains(panel) {
            return false;
        }
        let Some(axis) = self.long_axis else { return true };
        let longest = self.size_m.iter().copied().fold(0.0, f64::max);
        crate::layout::extents_on_panel_m(self.size_m, panel, turn)[axis] >= longest
    }
}

/// Optical properties of an outer surface, both 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OuterOptics {
    /// Infrared emissivity.
    pub emissivity: f64,
    /// Solar absorptivity at end of life (hot case).
    pub absorptivity: f64,
}
