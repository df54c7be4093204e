use serde::{Deserialize, Serialize};

use crate::Vec3;

/// One of the six faces of the envelope box: a mounting surface on its inner
/// side, a radiator on its outer side.
///
/// The discriminant is the panel's index in every array of six panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Panel {
    /// The face at minimum x.
    #[serde(rename = "-X")]
    XMinus = 0,
    /// The face at maximum x.
    #[serde(rename = "+X")]
    XPlus = 1,
    /// The face at minimum y.
    #[serde(rename = "-Y")]
    YMinus = 2,
    /// The face at maximum y.
    #[serde(rename = "+Y")]
    YPlus = 3,
    /// The face at minimum z.
    #[serde(rename = "-Z")]
    ZMinus = 4,
    /// The face at maximum z.
    #[serde(rename = "+Z")]
    ZPlus = 5,
}

impl Panel {
    /// All panels, in index order.
    pub const ALL: [Panel; 6] =
        [Panel::XMinus, Panel::XPlus, Panel::YMinus, Panel::YPlus, Panel::ZMinus, Panel::ZPlus];

    /// Position in arrays of six.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Axis (0, 1, 2 for x, y, z) along the panel's normal.
    pub fn normal_axis(self) -> usize {
        self.index() / 2
    }

    /// +1 for the face at the positive end of its axis, -1 for the other: the
    /// sign of the outward normal.
    pub fn outward_sign(self) -> f64 {
        if self.index() % 2 == 1 { 1.0 } else { -1.0 }
    }

    /// The panel's own coordinates (u, v): the remaining axes in the order x, y, z.
    pub fn in_plane_axes(self) -> (usize, usize) {
        match self.normal_axis() {
            0 => (1, 2),
            1 => (0, 2),
            _ => (0, 1),
        }
    }

    /// Unit normal pointing into the satellite.
    pub fn inward_normal(self) -> Vec3 {
        let mut normal = [0.0; 3];
        normal[self.normal_axis()] = -self.outward_sign();
        normal
    }

    /// Label of the BOM files: `+X`, `-X`, ...
    pub fn label(self) -> &'static str {
        ["-X", "+X", "-Y", "+Y", "-Z", "+Z"][self.index()]
    }

    /// Reads a label (`+X`); `None` when it names no panel.
    pub fn from_label(label: &str) -> Option<Panel> {
        Panel::ALL.into_iter().find(|panel| panel.label().eq_ignore_ascii_case(label.trim()))
    }
}

/// A set of panels, for instance those that a component may be mounted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanelSet(u8);

impl PanelSet {
    /// All six panels.
    pub const ALL: PanelSet = PanelSet(0b11_1111);
    /// No panel.
    pub const EMPTY: PanelSet = PanelSet(0);

    /// Adds a panel.
    pub fn insert(&mut self, panel: Panel) {
        self.0 |= 1 << panel.index();
    }

    /// Whether the panel belongs to the set.
    pub fn contains(self, panel: Panel) -> bool {
        self.0 & (1 << panel.index()) != 0
    }

    /// Whether no panel belongs to the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The panels of the set in index order.
    pub fn iter(self) -> impl Iterator<Item = Panel> {
        Panel::ALL.into_iter().filter(move |panel| self.contains(*panel))
    }
}

impl FromIterator<Panel> for PanelSet {
    fn from_iter<I: IntoIterator<Item = Panel>>(panels: I) -> Self {
        let mut set = PanelSet::EMPTY;
        for panel in panels {
            set.insert(panel);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_normals_agree() {
        for panel in Panel::ALL {
            assert_eq!(Panel::from_label(panel.label()), Some(panel));
            let sign = if panel.label().starts_with('+') { -1.0 } else { 1.0 };
            assert_eq!(panel.inward_normal()[panel.normal_axis()], sign);
        }
        assert_eq!(Panel::from_label("top"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: PanelSet = [Panel::ZPlus, Panel::XMinus].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Panel::XMinus, Panel::ZPlus]);
        assert!(!set.contains(Panel::YPlus));
    }
}
