use super::{Bom, FixedMassEntry, KeepOutEntry, PanelEntry, relations};
use crate::file_units::m_from_mm;
use crate::input::node::show_text;
use crate::input::table::nearest;
use crate::input::{Content, EMISSIVITY, Node, Number, PANEL_KT, Problems, Subject, Table};
use crate::{Orbit, Panel, limits};

/// Every key beside `components`.
const KEYS: &[&str] = &[
    "components",
    "scenario_id",
    "description",
    "envelope",
    "envelope_outer",
    "shell_thickness_mm",
    "panels",
    "edge_conductance_w_per_m_k",
    "fixed_masses",
    "keepouts",
    "keep_out",
    "relations",
    "environment",
    "constraints",
    "units",
    "frame",
];

const LENGTH_MM: Number = Number::within(-1e5, 1e5, "mm");
const SIZE_MM: Number = Number::within(0.01, 1e5, "mm");

/// Reads everything of a BOM object beside its components.
pub(super) fn read(table: &Table<'_>, bom: &mut Bom, problems: &mut Problems) {
    table.check_keys(KEYS, problems);
    bom.scenario_id = table.text("scenario_id", problems);
    bom.description = table.text("description", problems);
    bom.envelope_m = table.triple("envelope", SIZE_MM, problems).map(|size| size.map(m_from_mm));
    bom.envelope_outer_m = table.triple("envelope_outer", SIZE_MM, problems).map(|size| size.map(m_from_mm));
    bom.shell_thickness_m = table.number("shell_thickness_mm", SIZE_MM, problems).map(m_from_mm);
    check_envelope(table, bom, problems);
    bom.panels = panels(table, problems);
    bom.edge_conductance_w_per_m_k =
        table.number("edge_conductance_w_per_m_k", Number::within(0.0, 1e6, "W/(m K)"), problems);
    bom.fixed_masses = fixed_masses(table, problems);
    bom.keep_outs = keep_outs(table, problems);
    bom.relations = relations::read(table, problems);
    bom.orbit = table.table("environment", problems).and_then(|section| environment(&section, problems));
    if let Some(section) = table.table("constraints", problems) {
        bom.limits = limits::read(&section, problems);
    }
    check_units(table, problems);
}

fn check_envelope(table: &Table<'_>, bom: &Bom, problems: &mut Problems) {
    let (Some(inner), Some(node)) = (bom.envelope_m, table.get("envelope")) else { return };
    if inner.iter().all(|size| *size < 0.01) {
        problems.push(
            table
                .warning_at(
                    "envelope",
                    node,
                    problems.code("unit_suspect"),
                    "包络尺寸小于10 mm，单位是否写成了米？",
                    "the envelope is smaller than 10 mm, is it in metres?",
                )
                .found(format!("{} mm", crate::input::node::show_number(inner[0] * 1000.0)), "mm")
                .fix("multiply by 1000"),
        );
    }
    let Some(outer) = bom.envelope_outer_m else { return };
    if (0..3).any(|axis| outer[axis] < inner[axis])
        && let Some(node) = table.get("envelope_outer")
    {
        problems.push(
            table
                .error_at(
                    "envelope_outer",
                    node,
                    problems.code("outer_smaller_than_inner"),
                    "envelope_outer不能小于envelope",
                    "envelope_outer must not be smaller than envelope",
                )
                .found(show_mm(outer), format!(">= {}", show_mm(inner))),
        );
    }
}

fn show_mm(size_m: crate::Vec3) -> String {
    let [x, y, z] = size_m.map(|value| crate::input::node::show_number(crate::file_units::mm_from_m(value)));
    format!("{x} x {y} x {z} mm")
}

/// What stands under `panels`: an object by panel label.
fn panels(table: &Table<'_>, problems: &mut Problems) -> Vec<(Panel, PanelEntry)> {
    let Some(section) = table.table("panels", problems) else { return vec![] };
    let Content::Table(fields) = &section.node.content else { return vec![] };
    let labels = Panel::ALL.map(Panel::label);
    section.check_keys(&labels, problems);
    let known = fields.iter().filter_map(|(label, _)| {
        // Only exact labels: anything else was reported as unknown.
        labels.contains(&label.as_str()).then(|| Panel::from_label(label)).flatten()
    });
    let known: std::collections::BTreeSet<Panel> = known.collect();
    known
        .into_iter()
        .filter_map(|panel| Some((panel, panel_entry(&section.table(panel.label(), problems)?, problems))))
        .collect()
}

/// Reads the properties of one panel.
pub(crate) fn panel_entry(table: &Table<'_>, problems: &mut Problems) -> PanelEntry {
    table.check_keys(
        &[
            "absorptivity_eol",
            "absorptivity_bol",
            "absorptivity",
            "emissivity",
            "kt_w_per_k",
            "area_density_kg_m2",
            "inner_emissivity",
            "radiator_fraction",
            "coating",
        ],
        problems,
    );
    table.text("coating", problems);
    let fraction = Number::within(0.0, 1.0, "");
    let either = table.number("absorptivity", fraction, problems);
    PanelEntry {
        absorptivity_eol: table.number("absorptivity_eol", fraction, problems).or(either),
        absorptivity_bol: table.number("absorptivity_bol", fraction, problems).or(either),
        emissivity: table.number("emissivity", EMISSIVITY, problems),
        kt_w_per_k: table.number("kt_w_per_k", PANEL_KT, problems),
        area_density_kg_per_m2: table.number(
            "area_density_kg_m2",
            Number::within(0.0, 1e3, "kg/m²"),
            problems,
        ),
        inner_emissivity: table.number("inner_emissivity", EMISSIVITY, problems),
        radiator_fraction: table.number("radiator_fraction", fraction, problems),
    }
}

fn fixed_masses(table: &Table<'_>, problems: &mut Problems) -> Vec<FixedMassEntry> {
    let items = limited(table, "fixed_masses", problems);
    let mut masses = Vec::new();
    for (at, (pointer, node)) in items.into_iter().enumerate() {
        let subject = Subject::section(&format!("fixed_masses[{at}]"));
        let Some(item) = Table::open(node, pointer, subject, problems) else { continue };
        item.check_keys(&["name", "mass", "position"], problems);
        let name = item.text("name", problems).unwrap_or_else(|| format!("fixed mass {}", at + 1));
        require(&item, "mass", problems);
        let mass_kg = item.number("mass", Number::within(0.0, 1e5, "kg"), problems);
        let position_m = match item.get("position") {
            Some(_) => item.triple("position", LENGTH_MM, problems).map(|position| position.map(m_from_mm)),
            None => Some([0.0; 3]),
        };
        if let (Some(mass_kg), Some(position_m)) = (mass_kg, position_m) {
            masses.push(FixedMassEntry { name, mass_kg, position_m });
        }
    }
    masses
}

/// Reads keep-out boxes under either spelling, also of a configuration.
pub(crate) fn keep_outs(table: &Table<'_>, problems: &mut Problems) -> Vec<KeepOutEntry> {
    let mut boxes = Vec::new();
    for key in ["keepouts", "keep_out"] {
        for (at, (pointer, node)) in limited(table, key, problems).into_iter().enumerate() {
            let subject = Subject::section(&format!("{key}[{at}]"));
            let Some(item) = Table::open(node, pointer, subject, problems) else { continue };
            boxes.extend(keep_out(&item, at, problems));
        }
    }
    boxes
}

fn keep_out(item: &Table<'_>, at: usize, problems: &mut Problems) -> Option<KeepOutEntry> {
    item.check_keys(&["tag", "min_mm", "max_mm", "exempt", "note"], problems);
    item.text("note", problems);
    let tag = item.text("tag", problems).unwrap_or_else(|| format!("keep-out {}", at + 1));
    let exempt = item.texts("exempt", problems).unwrap_or_default();
    require(item, "min_mm", problems);
    require(item, "max_mm", problems);
    let min_m = item.triple("min_mm", LENGTH_MM, problems).map(|corner| corner.map(m_from_mm));
    let max_m = item.triple("max_mm", LENGTH_MM, problems).map(|corner| corner.map(m_from_mm));
    let (min_m, max_m) = (min_m?, max_m?);
    if (0..3).any(|axis| min_m[axis] >= max_m[axis]) {
        problems.push(
            item.error_at(
                "max_mm",
                item.get("max_mm").unwrap_or(item.node),
                problems.code("keepout_empty"),
                "max_mm的每个分量都必须大于min_mm",
                "every component of max_mm must be greater than that of min_mm",
            )
            .found(format!("min {}, max {}", show_mm(min_m), show_mm(max_m)), "min_mm < max_mm on each axis"),
        );
        return None;
    }
    Some(KeepOutEntry { tag, min_m, max_m, exempt })
}

/// Reads an orbit, also of a configuration.
pub(crate) fn environment(section: &Table<'_>, problems: &mut Problems) -> Option<Orbit> {
    section.check_keys(
        &[
            "altitude_km",
            "beta_deg",
            "attitude",
            "solar_hot",
            "solar_cold",
            "albedo_hot",
            "albedo_cold",
            "earth_ir_hot",
            "earth_ir_cold",
        ],
        problems,
    );
    if let Some(attitude) = section.choice("attitude", &["nadir", "inertial", "sun"], problems)
        && attitude != "nadir"
        && let Some(node) = section.get("attitude")
    {
        problems.not_evaluated(section, "attitude", node);
    }
    require(section, "altitude_km", problems);
    let altitude_km = section.number("altitude_km", Number::within(100.0, 100_000.0, "km"), problems);
    let beta_deg = section.number("beta_deg", Number::within(-90.0, 90.0, "°"), problems);
    let mut flux = |key, default, rule| {
        let stated = section.get(key).is_some();
        let value = section.number(key, rule, problems);
        if stated { value } else { Some(default) }
    };
    let watts = Number::within(0.0, 1e4, "W/m²");
    let fraction = Number::within(0.0, 1.0, "");
    let solar = [flux("solar_hot", 1414.0, watts), flux("solar_cold", 1322.0, watts)];
    let albedo = [flux("albedo_hot", 0.35, fraction), flux("albedo_cold", 0.25, fraction)];
    let infrared = [flux("earth_ir_hot", 258.0, watts), flux("earth_ir_cold", 216.0, watts)];
    Some(Orbit {
        altitude_m: altitude_km? * 1000.0,
        beta_rad: beta_deg.unwrap_or(0.0).to_radians(),
        solar_w_per_m2: [solar[0]?, solar[1]?],
        albedo: [albedo[0]?, albedo[1]?],
        earth_ir_w_per_m2: [infrared[0]?, infrared[1]?],
    })
}

/// Notes that a key must be there.
pub(crate) fn require(table: &Table<'_>, key: &str, problems: &mut Problems) {
    if table.get(key).is_some() {
        return;
    }
    problems.push(
        table
            .error_at(
                key,
                table.node,
                problems.code("missing_field"),
                format!("缺少必需字段: {key}"),
                format!("the required field {key} is missing"),
            )
            .found("nothing", key),
    );
}

/// The items of a list, at most 1000 of them.
pub(crate) fn limited<'n>(table: &Table<'n>, key: &str, problems: &mut Problems) -> Vec<(String, &'n Node)> {
    const MAX_ITEMS: usize = 1000;
    let mut items = table.items(key, problems);
    if items.len() > MAX_ITEMS
        && let Some(node) = table.get(key)
    {
        problems.push(
            table
                .error_at(
                    key,
                    node,
                    problems.code("too_many_items"),
                    format!("{key}最多{MAX_ITEMS}项"),
                    format!("{key} has at most {MAX_ITEMS} items"),
                )
                .found(items.len().to_string(), format!("<= {MAX_ITEMS}")),
        );
        items.clear();
    }
    items
}

/// `units` documents the file; it cannot change what the keys mean.
fn check_units(table: &Table<'_>, problems: &mut Problems) {
    let Some(units) = table.table("units", problems) else { return };
    for (key, spellings) in [
        ("length", &["mm", "millimetre", "millimeter", "毫米"] as &[&str]),
        ("mass", &["kg", "kilogram", "千克", "公斤"]),
        ("power", &["W", "watt", "瓦"]),
        ("temperature", &["degC", "°C", "C", "celsius", "摄氏度"]),
    ] {
        let Some(node) = units.get(key) else { continue };
        let Content::Text(text) = &node.content else { continue };
        if spellings.iter().any(|spelling| spelling.eq_ignore_ascii_case(text.trim())) {
            continue;
        }
        let mut problem = units
            .warning_at(
                key,
                node,
                problems.code("units_fixed"),
                format!("单位不可更改，{key}按 {} 读取", spellings[0]),
                format!("units cannot be changed, {key} is read in {}", spellings[0]),
            )
            .found(show_text(text), spellings[0]);
        if nearest(text, ["m", "metre", "meter"].into_iter()).is_some() {
            problem = problem.fix("multiply lengths by 1000");
        }
        problems.push(problem);
    }
}
