use std::collections::HashMap;

use super::{Bom, BomEntry, MAX_COMPONENTS};
use crate::Problem;
use crate::file_units::c_from_k;
use crate::input::node::{show_number, show_text};
use crate::input::table::nearest;
use crate::input::{Content, Node, Problems, Table};

/// Densest element (osmium), kg/m³: a denser unit has a wrong mass or size.
const MAX_DENSITY_KG_PER_M3: f64 = 22_590.0;
/// Lighter than foam: the size or the mass is in another unit.
const MIN_DENSITY_KG_PER_M3: f64 = 1.0;
/// No single unit of a satellite dissipates more.
const SUSPECT_POWER_W: f64 = 10_000.0;
/// Above this a temperature limit was probably meant in kelvin.
const SUSPECT_MAX_TEMP_C: f64 = 200.0;

/// Values that are possible but look like another unit. Warnings.
pub(super) fn units(table: &Table<'_>, entry: &BomEntry, problems: &mut Problems) {
    let largest_m = entry.size_m.iter().copied().fold(0.0, f64::max);
    let smallest_m = entry.size_m.iter().copied().fold(f64::INFINITY, f64::min);
    let mut suspect = |key: &str, zh: String, en: String, fix: String| {
        if let Some(node) = table.get(key) {
            let code = problems.code("unit_suspect");
            let found = if key == "dimensions" {
                format!("shortest side {} mm", show_number(smallest_m * 1000.0))
            } else {
                node.shown()
            };
            problems.push(table.warning_at(key, node, code, zh, en).found(found, unit_of(key)).fix(fix));
        }
    };
    let density = entry.mass_kg / entry.size_m.iter().product::<f64>();
    if largest_m < 0.003 || smallest_m < 0.0005 {
        suspect(
            "dimensions",
            format!("最短边只有 {} mm，单位是否写成了米？", show_number(smallest_m * 1000.0)),
            format!("the shortest side is only {} mm, is it in metres?", show_number(smallest_m * 1000.0)),
            {
                let [x, y, z] = entry.size_m.map(|size| show_number(size * 1e6));
                format!("x {x}, y {y}, z {z}?")
            },
        );
    } else if density > MAX_DENSITY_KG_PER_M3 {
        suspect(
            "mass",
            format!("密度为 {} kg/m³，质量单位是否写成了克？", show_number(density.round())),
            format!("the density is {} kg/m³, is the mass in grams?", show_number(density.round())),
            format!("{}?", show_number(entry.mass_kg / 1000.0)),
        );
    } else if density < MIN_DENSITY_KG_PER_M3 {
        suspect(
            "mass",
            format!("密度仅 {} kg/m³，请检查质量和尺寸的单位", show_number(density)),
            format!("the density is only {} kg/m³, check the units of mass and size", show_number(density)),
            "mass in kg, dimensions in mm".to_owned(),
        );
    }
    if entry.power_w > SUSPECT_POWER_W {
        suspect(
            "power",
            "功率超过 10 kW，单位是否写成了毫瓦？".to_owned(),
            "the power exceeds 10 kW, is it in milliwatts?".to_owned(),
            format!("{}?", show_number(entry.power_w / 1000.0)),
        );
    }
    if let Some(max_temp_c) = entry.max_temp_k.map(c_from_k)
        && max_temp_c > SUSPECT_MAX_TEMP_C
    {
        suspect(
            "max_temp",
            format!("max_temp为 {} °C，单位是否写成了开尔文？", show_number(max_temp_c)),
            format!("max_temp is {} °C, is it in kelvin?", show_number(max_temp_c)),
            format!("{}?", show_number(max_temp_c - crate::ZERO_CELSIUS_K)),
        );
    }
}

fn unit_of(key: &str) -> &'static str {
    match key {
        "dimensions" => "mm",
        "mass" => "kg",
        "power" => "W",
        _ => "°C",
    }
}

/// Ids must be unique as written, also among entries with other errors.
pub(crate) fn ids(pointer: &str, items: &[Node], problems: &mut Problems) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let Some(Content::Text(id)) = item.get("id").map(|id| &id.content) else { continue };
        let earlier = *first.entry(id).or_insert(at);
        if earlier == at {
            continue;
        }
        problems.push(
            Problem::error(
                problems.code("duplicate_id"),
                format!("组件ID不唯一: {id}"),
                format!("component ids are not unique: {id}"),
            )
            .at(format!("{pointer}/{at}/id"))
            .on_line(item.get("id").and_then(|id| id.place).or(item.place))
            .of_component(id)
            .found(format!("{} at {pointer}/{earlier} and {pointer}/{at}", show_text(id)), "each id once"),
        );
    }
}

/// Totals and ids after quantity expansion.
pub(super) fn quantities(bom: &Bom, pointer: &str, problems: &mut Problems) {
    let count = bom.num_components();
    if count > MAX_COMPONENTS {
        problems.push(too_many(count, pointer));
        return;
    }
    let mut owners: HashMap<String, usize> = HashMap::new();
    for (at, entry) in bom.entries.iter().enumerate() {
        if entry.quantity > 1 && entry.extras.fixed {
            problems.push(
                Problem::error(
                    problems.code("fixed_quantity"),
                    format!("{}: fixed的组件数量只能是1", entry.id),
                    format!("{}: a fixed component must have quantity 1", entry.id),
                )
                .at(format!("{pointer}/{at}/quantity"))
                .of_component(&entry.id)
                .found(entry.quantity.to_string(), "1"),
            );
        }
        for id in entry.unit_ids() {
            let owner = *owners.entry(id.clone()).or_insert(at);
            // Equal ids as written were reported already.
            if owner == at || bom.entries[owner].id == entry.id {
                continue;
            }
            problems.push(
                Problem::error(
                    problems.code("duplicate_id_after_expansion"),
                    format!("数量展开后组件ID不唯一: {id}"),
                    format!("component ids are not unique after quantity expansion: {id}"),
                )
                .at(format!("{pointer}/{at}/id"))
                .of_component(&entry.id)
                .found(
                    format!("{} from {pointer}/{owner} and {pointer}/{at}", show_text(&id)),
                    "each id once",
                ),
            );
        }
    }
}

/// More components than one satellite may have.
pub(super) fn too_many(count: usize, pointer: &str) -> Problem {
    Problem::error(
        "bom.too_many_components",
        format!("组件过多: {count}，最多 {MAX_COMPONENTS} 个（数量展开后）"),
        format!("too many components: {count}, at most {MAX_COMPONENTS} after quantity expansion"),
    )
    .at(pointer)
    .found(count.to_string(), format!("<= {MAX_COMPONENTS}"))
}

/// Ids in relations, keep-outs and straps must name entries or their units.
pub(super) fn references(bom: &Bom, pointer: &str, problems: &mut Problems) {
    let units: Vec<Vec<String>> = bom.entries.iter().map(BomEntry::unit_ids).collect();
    let known: std::collections::BTreeSet<&str> = bom
        .entries
        .iter()
        .map(|entry| entry.id.as_str())
        .chain(units.iter().flatten().map(String::as_str))
        .collect();
    let unknown = |id: &str, pointer: String, warn: bool| {
        let near = nearest(id, known.iter().copied());
        let hint_zh = near.map(|near| format!("，是否应为 {near}")).unwrap_or_default();
        let hint_en = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        let zh = format!("引用了不存在的组件 {}{hint_zh}", show_text(id));
        let en = format!("there is no component {}{hint_en}", show_text(id));
        let code = "bom.unknown_component";
        let problem = if warn { Problem::warning(code, zh, en) } else { Problem::error(code, zh, en) };
        let problem = problem.at(pointer).found(show_text(id), "the id of a component");
        match near {
            Some(near) => problem.fix(near),
            None => problem,
        }
    };
    for (at, relation) in bom.relations.iter().enumerate() {
        for id in relation.ids().into_iter().filter(|id| !known.contains(id)) {
            problems.push(unknown(id, format!("/relations/{at}"), false));
        }
    }
    for (at, keep_out) in bom.keep_outs.iter().enumerate() {
        for id in keep_out.exempt.iter().filter(|id| !known.contains(id.as_str())) {
            problems.push(unknown(id, format!("/keepouts/{at}/exempt"), false));
        }
    }
    for (at, entry) in bom.entries.iter().enumerate() {
        for (id, _) in &entry.extras.thermal_contacts {
            let pointer = format!("{pointer}/{at}/thermal_contacts/{}", crate::input::table::escape(id));
            if *id == entry.id {
                problems.push(
                    Problem::warning(
                        "bom.contact_with_itself",
                        format!("{id}: 与自身的热连接已忽略"),
                        format!("{id}: a thermal contact with itself is ignored"),
                    )
                    .at(pointer)
                    .of_component(id)
                    .found(show_text(id), "the id of another component"),
                );
            } else if !known.contains(id.as_str()) {
                // Only a warning: a strap to nowhere carries no heat, and
                // files in use were accepted with it.
                problems.push(unknown(id, pointer, true).of_component(&entry.id));
            }
        }
        check_symmetric_label(bom, at, pointer, problems);
    }
}

/// A shared `symmetric_pair` label needs a relation that names the plane.
fn check_symmetric_label(bom: &Bom, at: usize, pointer: &str, problems: &mut Problems) {
    let entry = &bom.entries[at];
    let Some(label) = &entry.extras.symmetric_pair else { return };
    let has_plane = bom.relations.iter().any(|relation| {
        matches!(relation, super::RelationEntry::SymmetricPair { a, b, .. } if *a == entry.id || *b == entry.id)
    });
    if has_plane {
        return;
    }
    problems.push(
        Problem::warning(
            "bom.pair_without_plane",
            format!("{}: symmetric_pair没有说明对称面，不起作用", entry.id),
            format!("{}: symmetric_pair names no plane and has no effect", entry.id),
        )
        .at(format!("{pointer}/{at}/symmetric_pair"))
        .of_component(&entry.id)
        .found(show_text(label), "a relation of type symmetric_pair with a plane")
        .fix("relations: {\"type\": \"symmetric_pair\", \"a\": ..., \"b\": ..., \"plane\": \"y=0\"}"),
    );
}
