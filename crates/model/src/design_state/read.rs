use std::collections::HashMap;

use super::DesignState;
use crate::file_units::m_from_mm;
use crate::input::node::show_text;
use crate::input::table::nearest;
use crate::input::{Content, Node, Number, Problems, Subject, Table};
use crate::{Checked, Layout, Panel, Placement, Problem, Satellite, Vec3};

/// The layout of a design state that belongs to this satellite.
pub fn layout_from_state(
    state: &DesignState,
    satellite: &Satellite,
) -> Result<Checked<Layout>, Vec<Problem>> {
    let value = serde_json::to_value(state).map_err(|error| {
        vec![
            Problem::error("layout.not_json", "布局无法表示为JSON", "the layout is not valid JSON")
                .found(error.to_string(), "finite numbers"),
        ]
    })?;
    layout_from_value(&value, "", satellite)
}

/// The layout of an object `{"components": [...]}` or of a list of
/// `{id, panel, turn, center | position}`. Instead of `panel` and `turn` a
/// `rotation` in degrees will do. `pointer` says where the value stands.
pub fn layout_from_value(
    value: &serde_json::Value,
    pointer: &str,
    satellite: &Satellite,
) -> Result<Checked<Layout>, Vec<Problem>> {
    let mut problems = Problems::new("layout");
    let tree = Node::from(value);
    let (items, pointer) = match (&tree.content, tree.get("components").map(|node| &node.content)) {
        (Content::List(items), _) => (items.as_slice(), pointer.to_owned()),
        (_, Some(Content::List(items))) => (items.as_slice(), format!("{pointer}/components")),
        _ => {
            problems.push(
                Problem::error(
                    "layout.no_components",
                    "布局需要components数组",
                    "a layout needs the list \"components\"",
                )
                .at(pointer)
                .found(tree.shown(), "{\"components\": [...]} or [...]"),
            );
            (&[] as &[Node], String::new())
        }
    };
    let indices: HashMap<&str, usize> =
        satellite.components.iter().enumerate().map(|(at, component)| (component.id.as_str(), at)).collect();
    let mut placements: Vec<Option<Placement>> = vec![None; satellite.components.len()];
    // Twice as many as there are components cannot all be right.
    for (at, item) in items.iter().enumerate().take(2 * placements.len()) {
        let subject = Subject::section(&format!("components[{at}]"));
        let Some(mut table) = Table::open(item, format!("{pointer}/{at}"), subject, &mut problems) else {
            continue;
        };
        let Some(id) = table.text("id", &mut problems) else {
            crate::bom::sections::require(&table, "id", &mut problems);
            continue;
        };
        let Some(&index) = indices.get(id.as_str()) else {
            problems.push(unknown_component(&table, &id, satellite, &problems));
            continue;
        };
        table.subject = Subject { zh: id.clone(), en: id.clone(), id: Some(id.clone()) };
        if let Some(placement) = placement(&table, satellite.components[index].size_m, &mut problems) {
            if placements[index].is_some() {
                problems.push(
                    table
                        .error_at(
                            "id",
                            item,
                            problems.code("duplicate_id"),
                            "组件重复出现",
                            "the component stands there twice",
                        )
                        .found(show_text(&id), "each component once"),
                );
            }
            placements[index] = Some(placement);
        }
    }
    if !problems.has_errors() {
        for (component, _) in
            satellite.components.iter().zip(&placements).filter(|(_, placement)| placement.is_none())
        {
            problems.push(
                Problem::error(
                    "layout.component_missing",
                    format!("{}: 布局中缺少该组件", component.id),
                    format!("{}: the layout lacks this component", component.id),
                )
                .at(pointer.clone())
                .of_component(&component.id)
                .found("nothing", "one placement for each component"),
            );
        }
    }
    let warnings = problems.finish()?;
    Ok(Checked { value: Layout { placements: placements.into_iter().flatten().collect() }, warnings })
}

fn unknown_component(table: &Table<'_>, id: &str, satellite: &Satellite, problems: &Problems) -> Problem {
    let problem = table
        .error_at(
            "id",
            table.node,
            problems.code("unknown_component"),
            format!("不存在组件 {}", show_text(id)),
            format!("there is no component {}", show_text(id)),
        )
        .found(show_text(id), "the id of a component after quantity expansion");
    match nearest(id, satellite.components.iter().map(|component| component.id.as_str())) {
        Some(near) => problem.fix(near),
        None => problem,
    }
}

fn placement(table: &Table<'_>, size_m: Vec3, problems: &mut Problems) -> Option<Placement> {
    let (panel, turn) = orientation(table, problems)?;
    let range = Number::within(-1e6, 1e6, "mm");
    let center = table.triple("center", range, problems).map(|center| center.map(m_from_mm));
    if table.get("center").is_some() {
        return Some(Placement { panel, turn, center_m: center? });
    }
    crate::bom::sections::require(table, "position", problems);
    let corner_m = table.triple("position", range, problems)?.map(m_from_mm);
    let extents_m = crate::layout::extents_on_panel_m(size_m, panel, turn);
    let center_m = std::array::from_fn(|axis| corner_m[axis] + 0.5 * extents_m[axis]);
    Some(Placement { panel, turn, center_m })
}

/// From `panel` and `turn`, or from the rotation alone: each of the 24
/// rotations belongs to one panel and turn.
fn orientation(table: &Table<'_>, problems: &mut Problems) -> Option<(Panel, u8)> {
    if table.get("panel").is_some() {
        let label = table.choice("panel", &Panel::ALL.map(Panel::label), problems);
        let turn = match table.get("turn") {
            Some(_) => table.integer("turn", 0, 3, problems),
            None => Some(0),
        };
        return Some((Panel::from_label(&label?)?, turn? as u8));
    }
    crate::bom::sections::require(table, "rotation", problems);
    let rotation_deg = table.triple("rotation", Number::within(-360.0, 360.0, "°"), problems)?;
    let wanted = rotation_matrix(rotation_deg);
    let found = Panel::ALL.into_iter().flat_map(|panel| (0..4).map(move |turn| (panel, turn))).find(
        |&(panel, turn)| {
            let matrix = Placement { panel, turn, center_m: [0.0; 3] }.rotation();
            // Files round angles; a tenth of a degree is 0.0017.
            (0..9).all(|at| (matrix[at / 3][at % 3] - wanted[at / 3][at % 3]).abs() < 2e-3)
        },
    );
    if found.is_none() {
        let node = table.get("rotation")?;
        problems.push(
            table
                .error_at(
                    "rotation",
                    node,
                    problems.code("rotation_not_mounted"),
                    "角度必须是90度的整数倍",
                    "the angles must be multiples of 90 degrees",
                )
                .found(format!("{rotation_deg:?}"), "multiples of 90 degrees"),
        );
    }
    found
}

fn rotation_matrix(deg: Vec3) -> [[f64; 3]; 3] {
    let [(sx, cx), (sy, cy), (sz, cz)] = deg.map(|angle| angle.to_radians().sin_cos());
    [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
}
