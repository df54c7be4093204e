use crate::bom::BomEntry;
use crate::file_units::mm_from_m;
use crate::input::node::show_number;
use crate::satellite::Envelope;
use crate::{Bom, Component, Panel, PanelSet, Placement, Problem, SystemConfig, Vec3};

/// The box: the BOM's inner size, or the configuration's outer size, or an
/// outer size of the components' volume over the fill ratio.
pub(super) fn envelope(
    bom: &Bom,
    entries: &[BomEntry],
    config: &SystemConfig,
) -> Result<Envelope, Box<Problem>> {
    let wanted = &config.envelope;
    let thickness_m = bom.shell_thickness_m.unwrap_or(wanted.shell_thickness_m);
    if let Some(inner_size_m) = bom.envelope_m {
        let outer_size_m =
            bom.envelope_outer_m.unwrap_or_else(|| inner_size_m.map(|size| size + 2.0 * thickness_m));
        return Ok(Envelope { inner_size_m, outer_size_m, fill_ratio: None });
    }
    let stated = bom.envelope_outer_m.or_else(|| wanted.size_m.filter(|_| !wanted.auto));
    let (outer_size_m, fill_ratio) = match stated {
        Some(size) => (size, None),
        None => (automatic_size_m(entries, wanted.fill_ratio, wanted.size_ratio), Some(wanted.fill_ratio)),
    };
    let inner_size_m = outer_size_m.map(|size| size - 2.0 * thickness_m);
    if inner_size_m.iter().any(|size| *size <= 0.0) {
        return Err(Box::new(
            Problem::error(
                "envelope.shell_too_thick",
                "外壳太厚，内部没有空间",
                "the shell is so thick that nothing is left inside",
            )
            .at("/geometry/envelope/shell_thickness_mm")
            .found(
                format!("{} mm", show_number(mm_from_m(thickness_m))),
                format!("less than half of the smallest side of {}", show_size(outer_size_m)),
            ),
        ));
    }
    Ok(Envelope { inner_size_m, outer_size_m, fill_ratio })
}

/// Outer size whose volume is that of all units over the fill ratio, with
/// sides in the given ratio, m.
fn automatic_size_m(entries: &[BomEntry], fill_ratio: f64, size_ratio: Vec3) -> Vec3 {
    let volume_m3: f64 =
        entries.iter().map(|entry| f64::from(entry.quantity) * entry.size_m.iter().product::<f64>()).sum();
    let scale = (volume_m3 / fill_ratio / size_ratio.iter().product::<f64>()).cbrt();
    size_ratio.map(|ratio| ratio * scale)
}

/// Warns of a unit that fits on none of its panels.
pub(super) fn fit_warnings(
    entry: &BomEntry,
    envelope: &Envelope,
    fixed: Option<Placement>,
    pointer: &str,
) -> Vec<Problem> {
    if let Some(placement) = fixed {
        return fixed_warning(entry, envelope, placement, pointer).into_iter().collect();
    }
    let allowed = entry.extras.allowed_panels.unwrap_or(PanelSet::ALL);
    let options = || allowed.iter().flat_map(|panel| [0u8, 1].map(|turn| (panel, turn)));
    let fits = |panel: Panel, turn: u8| {
        let extents_m = crate::layout::extents_on_panel_m(entry.size_m, panel, turn);
        // A nanometre: sizes that are equal in the file must stay so here.
        (0..3).all(|axis| extents_m[axis] <= envelope.inner_size_m[axis] + 1e-9)
    };
    let follows_axis = |panel: Panel, turn: u8| {
        let Some(axis) = entry.extras.long_axis else { return true };
        let longest = entry.size_m.iter().copied().fold(0.0, f64::max);
        crate::layout::extents_on_panel_m(entry.size_m, panel, turn)[axis] >= longest
    };
    let mut warnings = Vec::new();
    if !options().any(|(panel, turn)| fits(panel, turn)) {
        warnings.push(
            Problem::warning(
                "envelope.component_too_large",
                format!("{}: 组件放不进包络，布局不可能可行", entry.id),
                format!(
                    "{}: the component does not fit into the envelope, no layout can be feasible",
                    entry.id
                ),
            )
            .at(format!("{pointer}/dimensions"))
            .found(show_size(entry.size_m), format!("inner size {}", show_size(envelope.inner_size_m)))
            .fix("a larger envelope, or other allowed_panels"),
        );
    }
    if !options().any(|(panel, turn)| follows_axis(panel, turn)) {
        warnings.push(
            Problem::warning(
                "bom.long_axis_impossible",
                format!("{}: 在允许的安装板上，最长边无法沿long_axis", entry.id),
                format!("{}: on its panels the longest side cannot follow long_axis", entry.id),
            )
            .at(format!("{pointer}/long_axis"))
            .found(
                entry.extras.long_axis.map_or("", |axis| ["x", "y", "z"][axis]),
                "an axis that the longest side can follow on an allowed panel",
            ),
        );
    }
    warnings
}

/// Warns of a fixed unit that sticks out of the envelope.
fn fixed_warning(
    entry: &BomEntry,
    envelope: &Envelope,
    placement: Placement,
    pointer: &str,
) -> Option<Problem> {
    let (corner_m, extents_m) = (placement.min_corner_m(entry.size_m), placement.extents_m(entry.size_m));
    // The tolerance of the fixed reading itself: files round to 0.1 mm.
    let outside = (0..3).any(|axis| {
        let half = 0.5 * envelope.inner_size_m[axis] + super::fixed::TOUCH_M;
        corner_m[axis] < -half || corner_m[axis] + extents_m[axis] > half
    });
    outside.then(|| {
        Problem::warning(
            "envelope.fixed_outside",
            format!("{}: 固定位置超出包络，布局不可能可行", entry.id),
            format!("{}: the fixed position leaves the envelope, no layout can be feasible", entry.id),
        )
        .at(format!("{pointer}/fixed_position_min_mm"))
        .found(show_size(extents_m), format!("inside {}", show_size(envelope.inner_size_m)))
    })
}

/// Warns when all units together cannot fit.
pub(super) fn crowding_warnings(
    components: &[Component],
    envelope: &Envelope,
    pointer: &str,
) -> Option<Problem> {
    let volume_m3: f64 = components.iter().map(Component::volume_m3).sum();
    let free_m3: f64 = envelope.inner_size_m.iter().product();
    (volume_m3 > free_m3).then(|| {
        let litres = |volume_m3: f64| format!("{} dm³", show_number((volume_m3 * 1e6).round() / 1e3));
        Problem::warning(
            "envelope.too_small",
            "组件总体积大于包络内部体积，布局不可能可行",
            "the components have more volume than the envelope, no layout can be feasible",
        )
        .at(pointer)
        .found(litres(volume_m3), format!("<= {}", litres(free_m3)))
        .fix("a larger envelope")
    })
}

/// `120 x 90 x 40 mm`
pub(super) fn show_size(size_m: Vec3) -> String {
    let [x, y, z] = size_m.map(|value| show_number(mm_from_m(value)));
    format!("{x} x {y} x {z} mm")
}
