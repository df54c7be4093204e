use serde::{Deserialize, Serialize};

/// Everything the models say about one layout of one satellite. SI units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`crate::MODEL_VERSION`] of the models that gave the numbers.
    pub model_version: String,
    /// Hottest component in the hot case, K (the model's value, without the
    /// uncertainty).
    pub max_temp_k: f64,
    /// Coldest component in the hot case, K.
    pub min_temp_k: f64,
    /// Smallest signed distance between two components, m; negative when they
    /// overlap; `None` with fewer than two components.
    pub min_clearance_m: Option<f64>,
    /// Smallest distance of a component from the envelope's walls, m; negative
    /// outside.
    pub min_containment_m: f64,
    /// Deepest intrusion into a keep-out box, m; 0 when there is none.
    pub keep_out_depth_m: f64,
    /// Mass of the components, kg.
    pub component_mass_kg: f64,
    /// Mass of components, panels and fixed masses, kg.
    pub total_mass_kg: f64,
    /// Centre of mass of all of it from the envelope's centre, m.
    pub cg_m: [f64; 3],
    /// Inertia tensor about the centre of mass, axes of the body frame, kg m².
    pub inertia_kg_m2: [[f64; 3]; 3],
    /// Principal moments of inertia, ascending, kg m².
    pub principal_inertia_kg_m2: [f64; 3],
    /// Heat of all components in the hot case, W.
    pub total_power_w: f64,
    /// Every evaluated constraint, mandatory groups first.
    pub constraints: Vec<Constraint>,
    /// One entry per component.
    pub components: Vec<ComponentState>,
    /// The hot case on the panels.
    pub thermal: ThermalState,
}

impl Evaluation {
    /// Length of the centre-of-mass offset, m.
    pub fn cg_offset_m(&self) -> f64 {
        self.cg_m.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    /// Whether every evaluated constraint is met.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(Constraint::is_met)
    }

    /// Number of constraints that are not met, each pair and component counted.
    pub fn num_violations(&self) -> usize {
        self.constraints.iter().map(|constraint| constraint.violations).sum()
    }

    /// The smallest thermal margin of a component, K; negative when violated.
    pub fn worst_temp_margin_k(&self) -> f64 {
        self.components.iter().map(|component| component.temp_margin_k).fold(f64::INFINITY, f64::min)
    }
}

/// One limit and how the layout stands to it. The value and the limit are those
/// of the worst subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// Which rule it is.
    pub group: ConstraintGroup,
    /// Value of the worst subject.
    pub value: f64,
    /// Its limit.
    pub limit: f64,
    /// Distance to the limit in the unit of the value; positive is good.
    pub margin: f64,
    /// SI unit of value, limit and margin: `m`, `K`, `kg`, `W`, `rad` or ``.
    pub unit: String,
    /// Where the value comes from.
    pub subject: Subject,
    /// How many subjects break the limit.
    pub violations: usize,
}

impl Constraint {
    /// Whether no subject breaks the limit.
    pub fn is_met(&self) -> bool {
        self.violations == 0
    }
}

/// The rules that are evaluated, in the order they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintGroup {
    /// Two components overlap.
    Collision,
    /// Two components are nearer than the limit.
    Clearance,
    /// A component leaves the envelope.
    Boundary,
    /// A component is hotter than its limit less the uncertainty.
    Thermal,
    /// The centre of mass is too far from the centre.
    CgLimit,
    /// A component enters a keep-out box.
    MissionKeepout,
    /// A component stands on a panel or with a turn that it does not allow.
    Mounting,
    /// Two components are too near or too far for a rule about them.
    DistancePairs,
    /// A group stands on one panel, looks one way, or a pair is not symmetric.
    Separation,
    /// The satellite is too heavy.
    Mass,
    /// The components dissipate more than the budget.
    PowerPeak,
}

/// The component, pair or rule that a number belongs to, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The satellite as a whole.
    Satellite,
    /// One component.
    Component(usize),
    /// Two components, or one twice where a rule is about one.
    Pair(usize, usize),
    /// A component and a keep-out box.
    KeepOut {
        /// The component.
        component: usize,
        /// The box.
        keep_out: usize,
    },
}

/// What is known of one component in the hot case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ComponentState {
    /// Temperature, K.
    pub temp_k: f64,
    /// Its limit (its own or the global one), less the uncertainty, less its
    /// temperature, K.
    pub temp_margin_k: f64,
    /// Signed distance to the nearest other component, m; `None` when alone.
    pub clearance_m: Option<f64>,
    /// Distance from the envelope's walls, m.
    pub containment_m: f64,
}

/// The temperature field of the panels and how well it was solved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThermalState {
    /// Cells per panel edge, n.
    pub mesh: usize,
    /// 6 n² cell temperatures, K: panel-major, then v-major rows of u
    /// (index `panel * n * n + iv * n + iu`).
    pub panel_temps_k: Vec<f64>,
    /// Heat in: dissipated plus absorbed, W.
    pub heat_in_w: f64,
    /// Heat radiated to space, W.
    pub heat_out_w: f64,
    /// |heat in - heat out| over heat in.
    pub energy_balance: f64,
    /// Largest residual of a node, W.
    pub residual_w: f64,
    /// Newton steps taken.
    pub newton_steps: usize,
}
