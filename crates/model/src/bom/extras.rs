use super::entry::{MAX_POWER_W, MAX_SIZE_MM, TEMP_C};
use super::{EntryExtras, MAX_COMPONENTS};
use crate::file_units::{k_from_c, m_from_mm};
use crate::input::node::show_text;
use crate::input::{CONTACT, Content, EMISSIVITY, Node, Number, Problems, Table};
use crate::{Panel, PanelSet};

const STRAP: Number = Number::within(0.0, 1e6, "W/(m² K)");

/// Reads everything of an entry beyond the plain form.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems) -> EntryExtras {
    let fraction = Number::within(0.0, 1.0, "");
    let watts = Number::within(0.0, MAX_POWER_W, "W");
    let mut extras = EntryExtras {
        min_temp_k: table.number("min_temp", TEMP_C, problems).map(k_from_c),
        power_min_w: table.number("power_min", watts, problems),
        power_peak_w: table.number("power_peak", watts, problems),
        allowed_panels: allowed_panels(table, problems),
        contact_conductance_w_per_m2_k: table.number_any(
            &["contact_conductance_w_m2k", "contact_conductance"],
            CONTACT,
            problems,
        ),
        emissivity: table.number("emissivity", EMISSIVITY, problems),
        absorptivity: table.number("absorptivity", fraction, problems),
        coating_type: table.text("coating_type", problems),
        thermal_contacts: thermal_contacts(table, problems),
        long_axis: table
            .choice("long_axis", &["x", "y", "z"], problems)
            .and_then(|axis| ["x", "y", "z"].iter().position(|name| *name == axis)),
        fixed: table.boolean("fixed", problems).unwrap_or(false),
        fixed_position_min_m: table
            .triple("fixed_position_min_mm", Number::within(-MAX_SIZE_MM, MAX_SIZE_MM, "mm"), problems)
            .map(|corner| corner.map(m_from_mm)),
        fixed_turn: fixed_turn(table, problems),
        symmetric_pair: table.text("symmetric_pair", problems),
        heater: heater(table, problems),
        kept: serde_json::Map::new(),
    };
    table.text("reference", problems);
    fixing(table, &extras, problems);
    for key in ["min_temp", "power_min", "power_peak", "heater"] {
        if let Some(node) = table.get(key) {
            problems.not_evaluated(table, key, node);
        }
    }
    keep_later_physics(table, &mut extras, problems);
    extras
}

fn allowed_panels(table: &Table<'_>, problems: &mut Problems) -> Option<PanelSet> {
    let labels = table.texts("allowed_panels", problems)?;
    let node = table.get("allowed_panels")?;
    let mut set = PanelSet::EMPTY;
    let mut all_known = true;
    for label in &labels {
        match Panel::from_label(label) {
            Some(panel) => set.insert(panel),
            None => {
                all_known = false;
                problems.push(
                    table
                        .error_at(
                            "allowed_panels",
                            node,
                            problems.code("unknown_panel"),
                            format!("未知安装板 {}", show_text(label)),
                            format!("unknown panel {}", show_text(label)),
                        )
                        .found(show_text(label), "+X, -X, +Y, -Y, +Z, -Z"),
                );
            }
        }
    }
    if labels.is_empty() {
        problems.push(
            table
                .error_at(
                    "allowed_panels",
                    node,
                    problems.code("no_panel"),
                    "allowed_panels不能为空",
                    "allowed_panels must not be empty",
                )
                .found("[]", "at least one of +X, -X, +Y, -Y, +Z, -Z"),
        );
    }
    (all_known && !set.is_empty()).then_some(set)
}

fn thermal_contacts(table: &Table<'_>, problems: &mut Problems) -> Vec<(String, f64)> {
    let Some(contacts) = table.table("thermal_contacts", problems) else { return vec![] };
    let Content::Table(fields) = &contacts.node.content else { return vec![] };
    let stated = fields.iter().filter(|(_, node)| !node.is_null()).take(MAX_COMPONENTS);
    stated
        .filter_map(|(id, node)| Some((id.clone(), contacts.number_of(id, node, STRAP, problems)?)))
        .collect()
}

fn fixed_turn(table: &Table<'_>, problems: &mut Problems) -> Option<u8> {
    let node = table.get("fixed_turn_deg")?;
    let value = table.finite("fixed_turn_deg", node, problems)?;
    if [0.0, 90.0, 180.0, 270.0].contains(&value) {
        return Some((value / 90.0) as u8);
    }
    problems.push(
        table
            .error_at(
                "fixed_turn_deg",
                node,
                problems.code("unknown_value"),
                "fixed_turn_deg只能是 0、90、180、270",
                "fixed_turn_deg must be 0, 90, 180 or 270",
            )
            .found(node.shown(), "0, 90, 180, 270"),
    );
    None
}

fn heater(table: &Table<'_>, problems: &mut Problems) -> Option<(f64, f64)> {
    let heater = table.table("heater", problems)?;
    heater.check_keys(&["max_power", "setpoint_on"], problems);
    let power_w = heater.number("max_power", Number::within(0.0, MAX_POWER_W, "W"), problems);
    let setpoint_c = heater.number("setpoint_on", TEMP_C, problems);
    Some((power_w?, k_from_c(setpoint_c?)))
}

/// What must be said together about a fixed placement.
fn fixing(table: &Table<'_>, extras: &EntryExtras, problems: &mut Problems) {
    if extras.fixed && table.get("fixed_position_min_mm").is_none() {
        let node = table.get("fixed").unwrap_or(table.node);
        problems.push(
            table
                .error_at(
                    "fixed_position_min_mm",
                    node,
                    problems.code("fixed_without_position"),
                    "fixed为true时必须给出fixed_position_min_mm",
                    "a fixed component needs fixed_position_min_mm",
                )
                .found("nothing", "[x, y, z] in mm, the minimum corner"),
        );
    }
    if let Some(node) = table.get("fixed_position_min_mm")
        && !extras.fixed
    {
        problems.push(
            table
                .warning_at(
                    "fixed_position_min_mm",
                    node,
                    problems.code("position_not_fixed"),
                    "没有fixed: true，fixed_position_min_mm不起作用",
                    "fixed_position_min_mm has no effect without fixed: true",
                )
                .found(node.shown(), "together with fixed: true")
                .fix("fixed: true"),
        );
    }
    let one_panel = extras.allowed_panels.is_some_and(|panels| panels.iter().count() == 1);
    if table.boolean("fixed_panel", problems) == Some(true) && !one_panel {
        let node = table.get("fixed_panel").unwrap_or(table.node);
        problems.push(
            table
                .warning_at(
                    "fixed_panel",
                    node,
                    problems.code("fixed_panel_unclear"),
                    "fixed_panel需要allowed_panels恰好列出一块安装板",
                    "fixed_panel needs exactly one panel in allowed_panels",
                )
                .found(
                    table.get("allowed_panels").map_or_else(|| "all panels".to_owned(), Node::shown),
                    "exactly one panel",
                ),
        );
    }
}

/// Keys that are understood, checked and kept, but enter no number yet.
fn keep_later_physics(table: &Table<'_>, extras: &mut EntryExtras, problems: &mut Problems) {
    const AXES: &[&str] = &["out", "in", "x", "y", "z", "+x", "-x", "+y", "-y", "+z", "-z"];
    for key in ["spin_axis", "thrust_axis"] {
        if let Some(axis) = table.choice(key, AXES, problems) {
            extras.kept.insert(key.to_owned(), axis.into());
        }
    }
    if let Some(group) = table.text("redundancy_group", problems) {
        extras.kept.insert("redundancy_group".to_owned(), group.into());
    }
    if let Some(wanted) = table.boolean("heat_pipe", problems) {
        extras.kept.insert("heat_pipe".to_owned(), wanted.into());
    }
    if let Some(fov) = table.table("fov", problems) {
        fov.check_keys(&["axis", "half_angle_deg", "range_mm"], problems);
        let axis = fov.choice("axis", AXES, problems);
        let half_angle_deg = fov.number("half_angle_deg", Number::above(0.0, 180.0, "°"), problems);
        let range_mm = fov.number("range_mm", Number::above(0.0, 1e7, "mm"), problems);
        let kept = serde_json::json!({"axis": axis, "half_angle_deg": half_angle_deg, "range_mm": range_mm});
        extras.kept.insert("fov".to_owned(), kept);
    }
    for key in ["spin_axis", "thrust_axis", "redundancy_group", "heat_pipe", "fov"] {
        if let Some(node) = table.get(key) {
            problems.not_evaluated(table, key, node);
        }
    }
}
