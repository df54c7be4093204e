use std::collections::{BTreeMap, HashMap};

use crate::bom::{BomEntry, KeepOutEntry, RelationEntry};
use crate::input::node::show_number;
use crate::satellite::{Envelope, FixedMass, KeepOut, Relation, Strap};
use crate::{Bom, Component, Problem, SystemConfig};

/// Which components an id of the file stands for.
pub(super) struct Units {
    by_id: HashMap<String, Vec<usize>>,
}

impl Units {
    /// Numbers the units of all entries in order.
    pub(super) fn new(entries: &[BomEntry]) -> Units {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        let mut next = 0;
        for entry in entries {
            let ids = entry.unit_ids();
            let indices: Vec<usize> = (next..next + ids.len()).collect();
            next += ids.len();
            if ids.len() > 1 {
                for (id, index) in ids.into_iter().zip(&indices) {
                    by_id.insert(id, vec![*index]);
                }
            }
            by_id.insert(entry.id.clone(), indices);
        }
        Units { by_id }
    }

    /// The components an entry's or a unit's id stands for; none when unknown.
    fn of(&self, id: &str) -> &[usize] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }

    fn of_all(&self, ids: &[String]) -> Vec<usize> {
        let mut indices: Vec<usize> = ids.iter().flat_map(|id| self.of(id)).copied().collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// Every pair of a unit of `a` and another unit of `b`.
    fn pairs<'u>(&'u self, a: &str, b: &str) -> impl Iterator<Item = (usize, usize)> + 'u {
        let others = self.of(b);
        self.of(a).iter().flat_map(move |a| others.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b)
    }
}

/// `thermal_contacts` as straps: the stated W/(m² K) times the smaller of the
/// two base areas. A pair stated from both ends is one strap.
pub(super) fn straps(
    entries: &[BomEntry],
    units: &Units,
    components: &[Component],
    pointer: &str,
) -> (Vec<Strap>, Vec<Problem>) {
    let mut stated: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut problems = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        for (other, conductance) in &entry.extras.thermal_contacts {
            let mut differs_from = None;
            for (a, b) in units.pairs(&entry.id, other) {
                let value = stated.entry((a.min(b), a.max(b))).or_insert(*conductance);
                if value != conductance {
                    differs_from = Some(*value);
                    // The poorer contact is the careful assumption.
                    *value = value.min(*conductance);
                }
            }
            if let Some(earlier) = differs_from {
                problems.push(
                    Problem::warning(
                        "bom.contact_conflict",
                        format!("{}与{other}的热连接两端数值不同，采用较小值", entry.id),
                        format!(
                            "the two ends of the contact {}-{other} differ, the smaller counts",
                            entry.id
                        ),
                    )
                    .at(format!("{pointer}/{at}/thermal_contacts/{}", crate::input::table::escape(other)))
                    .of_component(&entry.id)
                    .found(show_number(*conductance), show_number(earlier)),
                );
            }
        }
    }
    let straps = stated
        .into_iter()
        .map(|((a, b), conductance)| Strap {
            a,
            b,
            conductance_w_per_k: conductance * components[a].base_area_m2().min(components[b].base_area_m2()),
        })
        .collect();
    (straps, problems)
}

/// Keep-out boxes of the BOM, then those of the configuration.
pub(super) fn keep_outs(
    bom: &Bom,
    config: &SystemConfig,
    units: &Units,
    envelope: &Envelope,
) -> Vec<KeepOut> {
    let shift = if config.envelope.origin_at_corner { 0.5 } else { 0.0 };
    let resolved = |entry: &KeepOutEntry, shift: f64| KeepOut {
        tag: entry.tag.clone(),
        min_m: std::array::from_fn(|axis| entry.min_m[axis] - shift * envelope.inner_size_m[axis]),
        max_m: std::array::from_fn(|axis| entry.max_m[axis] - shift * envelope.inner_size_m[axis]),
        exempt: units.of_all(&entry.exempt),
    };
    let of_bom = bom.keep_outs.iter().map(|entry| resolved(entry, 0.0));
    of_bom.chain(config.keep_outs.iter().map(|entry| resolved(entry, shift))).collect()
}

/// Masses that are not placed.
pub(super) fn fixed_masses(bom: &Bom) -> Vec<FixedMass> {
    bom.fixed_masses
        .iter()
        .map(|entry| FixedMass {
            name: entry.name.clone(),
            mass_kg: entry.mass_kg,
            position_m: entry.position_m,
        })
        .collect()
}

/// Most rules after quantity expansion. Each is looked at for every layout.
const MAX_RELATIONS: usize = 10_000;

/// A rule about two entries of 100 units each is 10,000 rules about pairs.
pub(super) fn too_many_relations(bom: &Bom, units: &Units) -> Option<Problem> {
    let count: usize = bom
        .relations
        .iter()
        .map(|entry| match entry {
            RelationEntry::MinDistance { a, b, .. }
            | RelationEntry::MaxDistance { a, b, .. }
            | RelationEntry::SymmetricPair { a, b, .. } => units.of(a).len() * units.of(b).len(),
            // A rule about a group counts as many as it has members.
            RelationEntry::DifferentPanel { group } | RelationEntry::DifferentDirection { group, .. } => {
                group.iter().map(|id| units.of(id).len()).sum()
            }
        })
        .sum();
    (count > MAX_RELATIONS).then(|| {
        Problem::error(
            "bom.too_many_relations",
            format!("数量展开后关系过多: {count}，最多 {MAX_RELATIONS} 条"),
            format!("too many relations: {count}, at most {MAX_RELATIONS} after quantity expansion"),
        )
        .at("/relations")
        .found(count.to_string(), format!("<= {MAX_RELATIONS}"))
    })
}

/// Rules by index. A rule about an entry with a quantity holds for each unit.
pub(super) fn relations(bom: &Bom, units: &Units) -> Vec<Relation> {
    let mut relations = Vec::new();
    for entry in &bom.relations {
        match entry {
            RelationEntry::MinDistance { a, b, distance_m } => {
                relations.extend(units.pairs(a, b).map(|(a, b)| Relation::MinDistance {
                    a,
                    b,
                    distance_m: *distance_m,
                }))
            }
            RelationEntry::MaxDistance { a, b, distance_m } => {
                relations.extend(units.pairs(a, b).map(|(a, b)| Relation::MaxDistance {
                    a,
                    b,
                    distance_m: *distance_m,
                }))
            }
            RelationEntry::DifferentPanel { group } => {
                relations.push(Relation::DifferentPanel { group: units.of_all(group) });
            }
            RelationEntry::DifferentDirection { group, min_angle_rad } => {
                relations.push(Relation::DifferentDirection {
                    group: units.of_all(group),
                    min_angle_rad: *min_angle_rad,
                });
            }
            RelationEntry::SymmetricPair { a, b, axis } => relations
                .extend(units.pairs(a, b).map(|(a, b)| Relation::SymmetricPair { a, b, axis: *axis })),
        }
    }
    relations
}
