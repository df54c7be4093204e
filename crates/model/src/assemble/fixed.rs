use crate::bom::BomEntry;
use crate::satellite::Envelope;
use crate::{Component, Panel, PanelSet, Placement, Problem, Vec3};

use super::envelope::show_size;

/// How far a fixed unit's base may be from its panel, m. Files round to tenths
/// of a millimetre.
pub(super) const TOUCH_M: f64 = 1e-4;

/// The placement of a fixed entry: the one allowed panel that its box touches
/// with the base plate, and the turn that keeps the box inside. `None` when
/// the entry is not fixed.
pub(super) fn placement(
    entry: &BomEntry,
    envelope: &Envelope,
    pointer: &str,
) -> Result<Option<Placement>, Box<Problem>> {
    let Some(corner_m) = entry.extras.fixed_position_min_m.filter(|_| entry.extras.fixed) else {
        return Ok(None);
    };
    let allowed = entry.extras.allowed_panels.unwrap_or(PanelSet::ALL);
    let turns: &[u8] = match &entry.extras.fixed_turn {
        Some(turn) => std::slice::from_ref(turn),
        // A half turn gives the same box, so two are enough to try.
        None => &[0, 1],
    };
    let mut touching: Vec<(bool, Panel, u8)> = Vec::new();
    for panel in allowed.iter() {
        for &turn in turns {
            let extents_m = crate::layout::extents_on_panel_m(entry.size_m, panel, turn);
            let axis_obeyed = entry
                .extras
                .long_axis
                .is_none_or(|axis| extents_m[axis] >= entry.size_m.iter().copied().fold(0.0, f64::max));
            if axis_obeyed && touches(corner_m, extents_m, panel, envelope) {
                touching.push((is_inside(corner_m, extents_m, envelope), panel, turn));
            }
        }
    }
    // A reading inside the envelope counts before one that sticks out.
    let inside = touching.iter().any(|(inside, ..)| *inside);
    touching.retain(|(is_inside, ..)| *is_inside == inside);
    let shown = show_corner(corner_m);
    let panels: std::collections::BTreeSet<Panel> = touching.iter().map(|(_, panel, _)| *panel).collect();
    let labels =
        |panels: &mut dyn Iterator<Item = Panel>| panels.map(Panel::label).collect::<Vec<_>>().join(", ");
    let problem = match (panels.len(), touching.first()) {
        (1, Some(&(_, panel, turn))) => {
            // Of two turns that fit, the file's own x and y order is meant.
            let extents_m = crate::layout::extents_on_panel_m(entry.size_m, panel, turn);
            let mut center_m: Vec3 = std::array::from_fn(|axis| corner_m[axis] + 0.5 * extents_m[axis]);
            // Exactly on the panel, so that rounding in the file is no gap.
            let axis = panel.normal_axis();
            center_m[axis] = panel.outward_sign() * 0.5 * (envelope.inner_size_m[axis] - extents_m[axis]);
            return Ok(Some(Placement { panel, turn, center_m }));
        }
        (0, _) => Problem::error(
            "bom.fixed_not_on_panel",
            format!("{}: 固定位置不在任何允许的安装板上", entry.id),
            format!("{}: at the fixed position the base plate touches no allowed panel", entry.id),
        )
        .found(
            format!("minimum corner {shown}, size {}", show_size(entry.size_m)),
            format!(
                "a corner at which the box touches {} of the inner box {}",
                labels(&mut allowed.iter()),
                show_size(envelope.inner_size_m)
            ),
        ),
        _ => Problem::error(
            "bom.fixed_ambiguous",
            format!("{}: 固定位置同时接触多块允许的安装板", entry.id),
            format!("{}: at the fixed position the box touches several allowed panels", entry.id),
        )
        .found(labels(&mut panels.iter().copied()), "exactly one allowed panel")
        .fix("name one panel in allowed_panels"),
    };
    Err(Box::new(problem.at(format!("{pointer}/fixed_position_min_mm"))))
}

/// Fixed units that stand in each other: each is named once, with the first of
/// those before it that it overlaps.
pub(super) fn overlap_warnings(components: &[Component], pointer: &str) -> Vec<Problem> {
    let fixed: Vec<(&Component, Placement)> =
        components.iter().filter_map(|component| Some((component, component.fixed?))).collect();
    let later = fixed.iter().enumerate().filter_map(|(at, &(unit, placement))| {
        let earlier = fixed[..at].iter().find_map(|&(other, standing)| {
            overlap_m((unit, placement), (other, standing)).map(|depth_m| (other, depth_m))
        });
        earlier.map(|(other, depth_m)| (other, unit, depth_m))
    });
    later
        .map(|(other, unit, depth_m)| {
            let (a, b) = (&other.id, &unit.id);
            let depth =
                crate::input::node::show_number((crate::file_units::mm_from_m(depth_m) * 1e3).round() / 1e3);
            Problem::warning(
                "envelope.fixed_overlap",
                format!("{a} 与 {b}: 两个固定位置的组件相互重叠，布局不可能可行"),
                format!("{a} and {b}: two fixed components overlap, no layout can be feasible"),
            )
            .at(pointer)
            .of_component(b)
            .found(format!("{a} and {b} overlap by {depth} mm"), "fixed components that stand apart")
            .fix(format!("another fixed_position_min_mm of {a} or {b}"))
        })
        .collect()
}

/// How far two placed units reach into each other, m; `None` when they do not,
/// to the tenth of a millimetre that files round to.
fn overlap_m(a: (&Component, Placement), b: (&Component, Placement)) -> Option<f64> {
    let extents_m = |(unit, placement): (&Component, Placement)| {
        crate::layout::extents_on_panel_m(unit.size_m, placement.panel, placement.turn)
    };
    let (sizes_a, sizes_b) = (extents_m(a), extents_m(b));
    let depth_m = (0..3)
        .map(|axis| {
            let apart_m = (a.1.center_m[axis] - b.1.center_m[axis]).abs();
            0.5 * (sizes_a[axis] + sizes_b[axis]) - apart_m
        })
        .fold(f64::INFINITY, f64::min);
    // A nanometre more: a tenth in the file must stay one here.
    (depth_m > TOUCH_M + 1e-9).then_some(depth_m)
}

fn touches(corner_m: Vec3, extents_m: Vec3, panel: Panel, envelope: &Envelope) -> bool {
    let axis = panel.normal_axis();
    let wall_m = panel.outward_sign() * 0.5 * envelope.inner_size_m[axis];
    let base_m = if panel.outward_sign() > 0.0 { corner_m[axis] + extents_m[axis] } else { corner_m[axis] };
    (base_m - wall_m).abs() <= TOUCH_M
}

fn is_inside(corner_m: Vec3, extents_m: Vec3, envelope: &Envelope) -> bool {
    (0..3).all(|axis| {
        let half = 0.5 * envelope.inner_size_m[axis] + TOUCH_M;
        corner_m[axis] >= -half && corner_m[axis] + extents_m[axis] <= half
    })
}

fn show_corner(corner_m: Vec3) -> String {
    let [x, y, z] =
        corner_m.map(|value| crate::input::node::show_number(crate::file_units::mm_from_m(value)));
    format!("({x}, {y}, {z}) mm")
}
