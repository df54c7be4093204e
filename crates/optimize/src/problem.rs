use model::satellite::Relation;
use model::{Component, Panel, Placement, Satellite, Vec3};
use physics::thermal::STEFAN_BOLTZMANN;

use crate::boxes::Aabb;
use crate::random::mix;

/// Added to a spacing that a move makes on purpose, so that rounding cannot
/// turn it into a violation, m.
pub(crate) const SPACING_SLACK_M: f64 = 1e-6;

/// A way to mount one component: panel, quarter turn, and the extents that follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mount {
    pub(crate) panel: Panel,
    pub(crate) turn: u8,
    pub(crate) extents_m: Vec3,
}

/// What the search needs of a satellite, worked out once.
#[derive(Debug)]
pub(crate) struct Problem<'a> {
    pub(crate) satellite: &'a Satellite,
    /// Half of the inner size, m: a component inside has all coordinates in
    /// `-half_m..half_m`.
    pub(crate) half_m: Vec3,
    /// Length that a shortfall is measured by, m.
    pub(crate) length_scale_m: f64,
    /// Components that may move, by index.
    pub(crate) movable: Vec<usize>,
    /// For each component the mounts to choose from; never empty. Opposite
    /// turns take the same space and are one mount.
    pub(crate) mounts: Vec<Vec<Mount>>,
    /// For each component the relations that name it, ascending.
    pub(crate) relations_of: Vec<Vec<usize>>,
    /// For each component the partner and the mirror axis of a symmetric pair.
    pub(crate) mirror_of: Vec<Option<(usize, usize)>>,
    /// Temperature that each component may reach, K: its own limit or the
    /// global one, less the uncertainty.
    pub(crate) hottest_k: Vec<f64>,
    /// Base plate to panel, W/K.
    pub(crate) contact_w_per_k: Vec<f64>,
    /// Rise of a component per rise of its plate: below 1 as it also radiates
    /// to the other walls.
    pub(crate) follow: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// Works out the choices that the satellite leaves.
    pub(crate) fn new(satellite: &'a Satellite) -> Self {
        let half_m = satellite.envelope.inner_size_m.map(|size| 0.5 * size);
        let count = satellite.components.len();
        let mounts: Vec<_> = (0..count).map(|index| mounts(satellite, index, &half_m)).collect();
        let mut relations_of = vec![Vec::new(); count];
        let mut mirror_of = vec![None; count];
        for (number, relation) in satellite.relations.iter().enumerate() {
            for member in members(relation) {
                if relations_of[member].last() != Some(&number) {
                    relations_of[member].push(number);
                }
            }
            if let Relation::SymmetricPair { a, b, axis } = *relation {
                mirror_of[a] = Some((b, axis));
                mirror_of[b] = Some((a, axis));
            }
        }
        let contact_w_per_k: Vec<f64> = satellite
            .components
            .iter()
            .map(|component| component.contact_conductance_w_per_m2_k * component.base_area_m2())
            .collect();
        let follow = satellite
            .components
            .iter()
            .zip(&contact_w_per_k)
            .map(|(component, contact)| contact / (contact + radiation_w_per_k(component)))
            .collect();
        let limits = &satellite.limits;
        let hottest_k = satellite
            .components
            .iter()
            .map(|component| {
                physics::evaluate::component_limit_k(satellite, component) - limits.temperature_uncertainty_k
            })
            .collect();
        Problem {
            satellite,
            half_m,
            length_scale_m: 0.1 * half_m.iter().copied().fold(f64::INFINITY, f64::min),
            movable: (0..count).filter(|&index| satellite.components[index].fixed.is_none()).collect(),
            mounts,
            relations_of,
            mirror_of,
            hottest_k,
            contact_w_per_k,
            follow,
        }
    }

    /// Number of components.
    pub(crate) fn len(&self) -> usize {
        self.satellite.components.len()
    }

    /// The placement of a component on a mount with its centre near
    /// `center_m` in the panel's plane: the base plate on the panel, the sides
    /// inside the envelope where they fit.
    pub(crate) fn place(&self, mount: &Mount, center_m: Vec3) -> Placement {
        let normal = mount.panel.normal_axis();
        let center_m = std::array::from_fn(|axis| {
            let room_m = self.half_m[axis] - 0.5 * mount.extents_m[axis];
            if axis == normal {
                mount.panel.outward_sign() * room_m
            } else if room_m <= 0.0 {
                0.0
            } else {
                center_m[axis].clamp(-room_m, room_m)
            }
        });
        Placement { panel: mount.panel, turn: mount.turn, center_m }
    }

    /// The mount of a component that has this panel and takes this space.
    pub(crate) fn mount_on(&self, index: usize, panel: Panel, turn: u8) -> Option<&Mount> {
        let extents_m =
            model::layout::extents_on_panel_m(self.satellite.components[index].size_m, panel, turn);
        self.mounts[index].iter().find(|mount| mount.panel == panel && mount.extents_m == extents_m)
    }

    /// The space that a component takes at a placement.
    pub(crate) fn aabb(&self, index: usize, placement: &Placement) -> Aabb {
        Aabb::of(self.satellite.components[index].size_m, placement)
    }

    /// The clearance that moves aim at, m.
    pub(crate) fn spacing_m(&self) -> f64 {
        self.satellite.limits.min_clearance_m + SPACING_SLACK_M
    }

    /// A number that differs between satellites for which a checkpoint must not
    /// be exchanged.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hash = mix(self.len() as u64);
        let mut add = |value: f64| hash = mix(hash ^ value.to_bits());
        self.satellite.envelope.inner_size_m.iter().for_each(|&value| add(value));
        add(self.satellite.limits.max_temp_k);
        add(self.satellite.limits.min_clearance_m);
        for component in &self.satellite.components {
            component.size_m.iter().for_each(|&value| add(value));
            add(component.mass_kg);
            add(component.power_w);
            component.fixed.iter().flat_map(|placement| placement.center_m).for_each(&mut add);
        }
        hash
    }
}

/// The components that a relation names.
pub(crate) fn members(relation: &Relation) -> Vec<usize> {
    match relation {
        Relation::MinDistance { a, b, .. }
        | Relation::MaxDistance { a, b, .. }
        | Relation::SymmetricPair { a, b, .. } => vec![*a, *b],
        Relation::DifferentPanel { group } | Relation::DifferentDirection { group, .. } => group.clone(),
    }
}

/// The placement mirrored in the plane through the origin normal to `axis`.
pub(crate) fn mirrored(placement: &Placement, axis: usize) -> Placement {
    let mut image = *placement;
    image.center_m[axis] = -image.center_m[axis];
    if placement.panel.normal_axis() == axis {
        image.panel = Panel::ALL[placement.panel.index() ^ 1];
    }
    image
}

/// Allowed mounts that fit into the envelope; when none does, all that are
/// allowed; when none is allowed, every turn on the allowed panels. What is left
/// broken then is a violation of the layout.
fn mounts(satellite: &Satellite, index: usize, half_m: &Vec3) -> Vec<Mount> {
    let component = &satellite.components[index];
    let mut all: Vec<Mount> = Vec::new();
    for panel in component.allowed_panels.iter() {
        for turn in 0..2 {
            let extents_m = model::layout::extents_on_panel_m(component.size_m, panel, turn);
            if !all.iter().any(|mount| mount.panel == panel && mount.extents_m == extents_m) {
                all.push(Mount { panel, turn, extents_m });
            }
        }
    }
    let allowed: Vec<Mount> =
        all.iter().copied().filter(|mount| component.allows(mount.panel, mount.turn)).collect();
    if !allowed.is_empty() {
        all = allowed;
    }
    let fits = |mount: &Mount| (0..3).all(|axis| mount.extents_m[axis] <= 2.0 * half_m[axis]);
    let fitting: Vec<Mount> = all.iter().copied().filter(fits).collect();
    if fitting.is_empty() { all } else { fitting }
}

/// Linear radiation of a component's free faces at room temperature, W/K:
/// 4 ε σ T³ A. Only the search's linear model uses it.
fn radiation_w_per_k(component: &Component) -> f64 {
    const PER_AREA_W_PER_M2_K: f64 = 4.0 * STEFAN_BOLTZMANN * 300.0 * 300.0 * 300.0;
    let [x, y, z] = component.size_m;
    component.emissivity * PER_AREA_W_PER_M2_K * (x * y + 2.0 * z * (x + y))
}
