use model::{Layout, Panel, Placement, Satellite};

use crate::boxes::Aabb;
use crate::objective::ALIGNED_M;

/// Along which of its panel's two axes a component lines up with how many
/// others on the same panel: equal lower edge, upper edge or centre. The
/// panel's own centre line counts as one.
pub(crate) type Alignment = [i32; 2];

/// Whether two components line up along each of the panel's axes; nothing when
/// they stand on different panels.
pub(crate) fn lines_up(a: (&Placement, &Aabb), b: (&Placement, &Aabb)) -> [bool; 2] {
    if a.0.panel != b.0.panel {
        return [false; 2];
    }
    let along = |axis: usize| {
        (a.1.lo[axis] - b.1.lo[axis]).abs() < ALIGNED_M
            || (a.1.hi[axis] - b.1.hi[axis]).abs() < ALIGNED_M
            || (a.0.center_m[axis] - b.0.center_m[axis]).abs() < ALIGNED_M
    };
    let (u, v) = a.0.panel.in_plane_axes();
    [along(u), along(v)]
}

/// Counts another component that lines up, or takes it out with a sign of -1.
pub(crate) fn add(alignment: &mut Alignment, along: [bool; 2], sign: i32) {
    for (count, lines_up) in alignment.iter_mut().zip(along) {
        *count += sign * i32::from(lines_up);
    }
}

/// Whether a component stands on its panel's centre lines.
pub(crate) fn centered(placement: &Placement) -> Alignment {
    let (u, v) = placement.panel.in_plane_axes();
    [u, v].map(|axis| i32::from(placement.center_m[axis].abs() < ALIGNED_M))
}

/// Share of the two directions of every component in which it lines up with
/// nothing, 0 to 1.
pub(crate) fn untidy_share(satellite: &Satellite, layout: &Layout) -> f64 {
    let boxes: Vec<Aabb> = satellite
        .components
        .iter()
        .zip(&layout.placements)
        .map(|(component, placement)| Aabb::of(component.size_m, placement))
        .collect();
    let alignments = alignments(&layout.placements, &boxes);
    let untidy = alignments.iter().flatten().filter(|&&count| count == 0).count();
    untidy as f64 / (2 * boxes.len()).max(1) as f64
}

/// The alignment of every component, from scratch.
pub(crate) fn alignments(placements: &[Placement], boxes: &[Aabb]) -> Vec<Alignment> {
    let mut alignments: Vec<Alignment> = placements.iter().map(centered).collect();
    for panel in Panel::ALL {
        let on_panel: Vec<usize> =
            (0..boxes.len()).filter(|&index| placements[index].panel == panel).collect();
        for (position, &a) in on_panel.iter().enumerate() {
            for &b in &on_panel[position + 1..] {
                let along = lines_up((&placements[a], &boxes[a]), (&placements[b], &boxes[b]));
                add(&mut alignments[a], along, 1);
                add(&mut alignments[b], along, 1);
            }
        }
    }
    alignments
}
