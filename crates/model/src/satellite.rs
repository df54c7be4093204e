use serde::{Deserialize, Serialize};

use crate::{Component, Vec3};

/// Everything that stays the same while a layout is searched. A value of this
/// type has been checked: sizes and masses are positive, indices are in range,
/// ids are unique.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Satellite {
    /// Name or `scenario_id` of the input, for titles.
    pub name: String,
    /// The box that holds the components.
    pub envelope: Envelope,
    /// The six panels by [`crate::Panel::index`].
    pub panels: [PanelProperties; 6],
    /// Heat conductance of the joint along an edge between two panels,
    /// W/(m K); `f64::INFINITY` for a perfect joint.
    pub edge_conductance_w_per_m_k: f64,
    /// The units to place.
    pub components: Vec<Component>,
    /// Thermal straps between two components, independent of their distance.
    pub straps: Vec<Strap>,
    /// Volumes that components may not enter.
    pub keep_outs: Vec<KeepOut>,
    /// Mass that is not placed: structure, harness, propellant.
    pub fixed_masses: Vec<FixedMass>,
    /// Wishes about pairs and groups of components.
    pub relations: Vec<Relation>,
    /// What the outside does to the panels.
    pub environment: Environment,
    /// The limits that a feasible layout meets.
    pub limits: Limits,
    /// Spacing of the constructive start, m (`geometry.clearance_mm`).
    pub start_spacing_m: f64,
}

/// The box around the components; its centre is the origin of the body frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Free space inside, m.
    pub inner_size_m: Vec3,
    /// Outside of the panels, m. At least the inner size.
    pub outer_size_m: Vec3,
    /// Share of the volume that an automatic envelope was to be filled to.
    pub fill_ratio: Option<f64>,
}

impl Envelope {
    /// Wall thickness along x, m.
    pub fn thickness_m(&self) -> f64 {
        0.5 * (self.outer_size_m[0] - self.inner_size_m[0])
    }

    /// Inner area of a panel, m².
    pub fn inner_area_m2(&self, panel: crate::Panel) -> f64 {
        let (u, v) = panel.in_plane_axes();
        self.inner_size_m[u] * self.inner_size_m[v]
    }

    /// Outer area of a panel, m².
    pub fn outer_area_m2(&self, panel: crate::Panel) -> f64 {
        let (u, v) = panel.in_plane_axes();
        self.outer_size_m[u] * self.outer_size_m[v]
    }
}

/// One structural face: plate, mounting surface and radiator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PanelProperties {
    /// In-plane conductivity times thickness, W/K.
    pub kt_w_per_k: f64,
    /// Mass per area, kg/m².
    pub area_density_kg_per_m2: f64,
    /// Infrared emissivity of the outer face: the area mean over radiator and
    /// insulation.
    pub outer_emissivity: f64,
    /// Solar absorptivity of the outer face at end of life, area mean.
    pub outer_absorptivity: f64,
    /// Solar absorptivity at begin of life, area mean.
    pub outer_absorptivity_bol: f64,
    /// Infrared emissivity of the inner face.
    pub inner_emissivity: f64,
}

/// A thermal strap (`thermal_contacts`): a heat path between two components.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Strap {
    /// Index of one component.
    pub a: usize,
    /// Index of the other.
    pub b: usize,
    /// Heat conductance, W/K.
    pub conductance_w_per_k: f64,
}

/// A box that components may not enter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeepOut {
    /// What it is, for people.
    pub tag: String,
    /// Minimum corner in the body frame, m.
    pub min_m: Vec3,
    /// Maximum corner, m.
    pub max_m: Vec3,
    /// Components that may enter it all the same, by index.
    pub exempt: Vec<usize>,
}

/// A mass at a fixed point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixedMass {
    /// What it is, for people.
    pub name: String,
    /// Mass, kg.
    pub mass_kg: f64,
    /// Position in the body frame, m.
    pub position_m: Vec3,
}

/// A rule about two or more components, by index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Relation {
    /// The clearance of two components is at least `distance_m`.
    MinDistance {
        /// First component.
        a: usize,
        /// Second component.
        b: usize,
        /// Smallest allowed clearance, m.
        distance_m: f64,
    },
    /// The clearance of two components is at most `distance_m`.
    MaxDistance {
        /// First component.
        a: usize,
        /// Second component.
        b: usize,
        /// Largest allowed clearance, m.
        distance_m: f64,
    },
    /// No two of the group stand on the same panel.
    DifferentPanel {
        /// The group.
        group: Vec<usize>,
    },
    /// The outward normals of the panels of any two of the group include at
    /// least `min_angle_rad`.
    DifferentDirection {
        /// The group.
        group: Vec<usize>,
        /// Smallest allowed angle, rad.
        min_angle_rad: f64,
    },
    /// The centres of two components mirror each other in the plane normal to
    /// `axis` through the origin.
    SymmetricPair {
        /// First component.
        a: usize,
        /// Second component.
        b: usize,
        /// Axis (0, 1, 2) normal to the mirror plane.
        axis: usize,
    },
}

/// What the outside does to the panels in the hot case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Temperature of space, K.
    pub space_temp_k: f64,
    /// Heat absorbed by the outer face of each panel in the hot case with the
    /// panel's own optics, W/m² of outer area.
    pub hot_absorbed_w_per_m2: [f64; 6],
    /// The same in the cold case.
    pub cold_absorbed_w_per_m2: [f64; 6],
    /// The circular orbit the fluxes come from, when one was configured.
    pub orbit: Option<Orbit>,
}

/// A circular orbit and the fluxes along it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Orbit {
    /// Height above the Earth's surface, m.
    pub altitude_m: f64,
    /// Angle between the Sun and the orbit plane, rad.
    pub beta_rad: f64,
    /// Solar flux, hot and cold case, W/m².
    pub solar_w_per_m2: [f64; 2],
    /// Albedo, hot and cold case, 0 to 1.
    pub albedo: [f64; 2],
    /// Infrared flux of the Earth at its surface, hot and cold case, W/m².
    pub earth_ir_w_per_m2: [f64; 2],
}

/// What a feasible layout meets. `None`: not limited.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Upper limit for every component in the hot case, K. A component's own
    /// limit applies as well.
    pub max_temp_k: f64,
    /// Subtracted from every temperature margin, K.
    pub temperature_uncertainty_k: f64,
    /// Smallest clearance between any two components, m.
    pub min_clearance_m: f64,
    /// Largest distance of the centre of mass from the envelope's centre, m.
    pub max_cg_offset_m: f64,
    /// Largest offset along each axis, m.
    pub cg_limits_m: Option<Vec3>,
    /// Largest mass of components, panels and fixed masses together, kg.
    pub max_mass_kg: Option<f64>,
    /// Largest heat of all components in the hot case, W; checked only when
    /// [`Limits::enforce_power_budget`] says so.
    pub max_power_w: Option<f64>,
    /// Whether `max_power_w` is a constraint.
    pub enforce_power_budget: bool,
}
