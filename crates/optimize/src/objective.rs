use model::{Layout, Satellite, Vec3};
use physics::geometry::LENGTH_TOLERANCE_M;
use physics::{ConstraintGroup, Evaluation};

/// A margin of this much divides the thermal objective by e, K.
const COMFORT_K: f64 = 20.0;
/// Temperature shortfalls are measured by this, K.
const TEMPERATURE_SCALE_K: f64 = 5.0;
/// Two edges closer than this are in one line, m.
pub(crate) const ALIGNED_M: f64 = 1e-6;

/// Weights of the objectives; each objective lies in 0..1.
const WEIGHT_THERMAL: f64 = 1.0;
const WEIGHT_CG: f64 = 0.5;
const WEIGHT_SPREAD: f64 = 0.1;
const WEIGHT_UNTIDY: f64 = 0.1;

/// Score of one violated subject; more than all objectives together.
const VIOLATION: f64 = 10.0;

/// What an acceptable layout is judged by, each 0 (good) to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Merits {
    /// Worst thermal margin of a component, K.
    pub(crate) margin_k: f64,
    /// Centre of mass offset over its limit.
    pub(crate) cg: f64,
    /// Mean distance of the components from their common centre, over the
    /// envelope's half diagonal.
    pub(crate) spread: f64,
    /// Share of component sides that line up with nothing.
    pub(crate) untidy: f64,
}

impl Merits {
    /// The weighted sum, lower is better.
    pub(crate) fn objective(&self) -> f64 {
        WEIGHT_THERMAL * thermal_objective(self.margin_k)
            + WEIGHT_CG * self.cg.min(1.0)
            + WEIGHT_SPREAD * self.spread
            + WEIGHT_UNTIDY * self.untidy
    }
}

/// 1 at a margin of zero and below, falling by e each [`COMFORT_K`].
fn thermal_objective(margin_k: f64) -> f64 {
    (-margin_k.max(0.0) / COMFORT_K).exp()
}

/// How far constraints are broken, in the currency of the annealing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Breach {
    /// Broken subjects.
    pub(crate) count: i32,
    /// Penalty: a fixed part for each subject and a growing one.
    pub(crate) energy: f64,
}

impl Breach {
    /// Counts a shortfall, in multiples of its scale, when it is positive.
    fn add(&mut self, weight: f64, shortfall: f64) {
        self.count += 1;
        // Grows without leaping: far-away partners must not outweigh all else.
        self.energy += weight * (0.5 + shortfall / (1.0 + 0.2 * shortfall));
    }

    /// Two components `clearance_m` apart that shall be `required_m` apart.
    pub(crate) fn add_clearance(&mut self, clearance_m: f64, required_m: f64, scale_m: f64) {
        let short_m = required_m - clearance_m;
        if short_m > LENGTH_TOLERANCE_M {
            self.add(1.0, short_m / scale_m);
        }
        if clearance_m < -LENGTH_TOLERANCE_M {
            self.add(2.0, -clearance_m / scale_m);
        }
    }

    /// A component that leaves the envelope or enters a keep-out box.
    pub(crate) fn add_intrusion(&mut self, depth_m: f64, scale_m: f64) {
        if depth_m > LENGTH_TOLERANCE_M {
            self.add(3.0, depth_m / scale_m);
        }
    }

    /// A broken rule about lengths.
    pub(crate) fn add_length_rule(&mut self, short_m: f64, scale_m: f64) {
        if short_m > LENGTH_TOLERANCE_M {
            self.add(0.7, short_m / scale_m);
        }
    }

    /// A broken rule without a measure.
    pub(crate) fn add_rule(&mut self) {
        self.add(0.7, 1.0);
    }

    /// A component hotter than its limit.
    pub(crate) fn add_heat(&mut self, margin_k: f64) {
        if margin_k < 0.0 {
            self.add(0.7, -margin_k / TEMPERATURE_SCALE_K);
        }
    }

    /// A value over its limit, as the ratio of the two.
    pub(crate) fn add_ratio(&mut self, ratio: f64) {
        if ratio > 1.0 {
            self.add(1.0, 4.0 * (ratio - 1.0));
        }
    }
}

impl std::ops::AddAssign for Breach {
    fn add_assign(&mut self, other: Breach) {
        self.count += other.count;
        self.energy += other.energy;
    }
}

impl std::ops::SubAssign for Breach {
    fn sub_assign(&mut self, other: Breach) {
        self.count -= other.count;
        self.energy -= other.energy;
    }
}

/// Largest ratio of the centre of mass offset to a limit on it. Without a
/// limit, to a tenth of the envelope.
pub(crate) fn cg_ratio(satellite: &Satellite, cg_m: Vec3, half_m: &Vec3) -> f64 {
    let length_m = cg_m.iter().map(|value| value * value).sum::<f64>().sqrt();
    let limit_m = satellite.limits.max_cg_offset_m;
    let limit_m = if limit_m.is_finite() && limit_m > 0.0 { limit_m } else { 0.1 * half_m[0] };
    let by_axis = satellite.limits.cg_limits_m.map_or(0.0, |limits| {
        (0..3).map(|axis| cg_m[axis].abs() / limits[axis].max(1e-6)).fold(0.0, f64::max)
    });
    (length_m / limit_m).max(by_axis)
}

/// The score of an evaluated layout; lower is better. Below [`VIOLATION`]
/// exactly when the layout is feasible.
pub fn score(satellite: &Satellite, layout: &Layout, evaluation: &Evaluation) -> f64 {
    penalty(satellite, evaluation) + merits(satellite, layout, evaluation).objective()
}

/// Every violated subject costs its group's weight; the worst of each group
/// adds its shortfall, so that a smaller one is better.
fn penalty(satellite: &Satellite, evaluation: &Evaluation) -> f64 {
    let inner = satellite.envelope.inner_size_m;
    let length_scale_m = 0.05 * inner.iter().copied().fold(f64::INFINITY, f64::min);
    let mut penalty = 0.0;
    for constraint in evaluation.constraints.iter().filter(|constraint| !constraint.is_met()) {
        let scale = match constraint.unit.as_str() {
            "m" => length_scale_m,
            "K" => TEMPERATURE_SCALE_K,
            _ => constraint.limit.abs().max(1e-9),
        };
        // Solid bodies first: a layout that cannot be built is worse than any
        // that can, whatever else it promises.
        let weight = match constraint.group {
            ConstraintGroup::Collision | ConstraintGroup::Boundary => 10.0,
            ConstraintGroup::MissionKeepout | ConstraintGroup::Mounting => 5.0,
            ConstraintGroup::Clearance => 2.0,
            _ => 1.0,
        };
        let shortfall = (-constraint.margin).max(0.0) / scale;
        penalty += VIOLATION * weight * (constraint.violations as f64 + shortfall / (1.0 + shortfall));
    }
    penalty
}

/// The merits of a layout by the full models.
fn merits(satellite: &Satellite, layout: &Layout, evaluation: &Evaluation) -> Merits {
    let half_m = satellite.envelope.inner_size_m.map(|size| 0.5 * size);
    let centers: Vec<Vec3> = layout.placements.iter().map(|placement| placement.center_m).collect();
    Merits {
        margin_k: evaluation.worst_temp_margin_k(),
        cg: cg_ratio(satellite, evaluation.cg_m, &half_m),
        spread: spread(
            centers.len(),
            std::array::from_fn(|axis| centers.iter().map(|center| center[axis]).sum()),
            centers.iter().flatten().map(|value| value * value).sum(),
            &half_m,
        ),
        untidy: crate::tidy::untidy_share(satellite, layout),
    }
}

/// Root mean square distance of `count` points from their mean, over the half
/// diagonal, from the sum of the points and the sum of their squares.
pub(crate) fn spread(count: usize, sum_m: Vec3, square_sum_m2: f64, half_m: &Vec3) -> f64 {
    let count = count.max(1) as f64;
    let mean_square = sum_m.iter().map(|value| (value / count).powi(2)).sum::<f64>();
    let diagonal_m = half_m.iter().map(|value| value * value).sum::<f64>().sqrt();
    (square_sum_m2 / count - mean_square).max(0.0).sqrt() / diagonal_m
}
