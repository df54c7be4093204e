use ::model::{Panel, Satellite};

use super::conduction::Link;
use super::sheet::{CellArea, Rectangle, Sheet};

/// Conduction within the six panels and across the joints of their edges.
pub(super) fn links(satellite: &Satellite, sheets: &[Sheet; 6]) -> Vec<Link> {
    let mut links = Vec::new();
    for (panel, sheet) in sheets.iter().enumerate() {
        links.extend(sheet.links(panel * sheet.count()));
    }
    for a in Panel::ALL {
        for b in Panel::ALL {
            if a < b && a.normal_axis() != b.normal_axis() {
                joint(satellite, sheets, a, b, &mut links);
            }
        }
    }
    links
}

/// The joint along the edge of two panels: per cell pair half a cell of one
/// sheet, the joint, half a cell of the other in series.
fn joint(satellite: &Satellite, sheets: &[Sheet; 6], a: Panel, b: Panel, links: &mut Vec<Link>) {
    let common = 3 - a.normal_axis() - b.normal_axis();
    let cells = sheets[a.index()].cells[0];
    let width_m = satellite.envelope.inner_size_m[common] / cells as f64;
    let resistance = |panel: Panel, other: Panel| {
        let axis = other.normal_axis();
        let half_m = 0.5 * satellite.envelope.inner_size_m[axis] / cells as f64;
        half_m / (sheets[panel.index()].kt_w_per_k * width_m)
    };
    // An infinite conductance is a perfect joint, zero none at all.
    let conductance_w_per_k =
        (resistance(a, b) + 1.0 / (satellite.edge_conductance_w_per_m_k * width_m) + resistance(b, a))
            .recip();
    for along in 0..cells {
        links.push(Link {
            a: edge_cell(a, b, common, along, cells),
            b: edge_cell(b, a, common, along, cells),
            conductance_w_per_k,
        });
    }
}

/// The cell of `panel` beside `other`, `along` cells up the common axis.
fn edge_cell(panel: Panel, other: Panel, common: usize, along: usize, cells: usize) -> usize {
    let across = if other.outward_sign() > 0.0 { cells - 1 } else { 0 };
    let (iu, iv) = if panel.in_plane_axes().0 == common { (along, across) } else { (across, along) };
    (panel.index() * cells + iv) * cells + iu
}

/// Patches of each cell with the shared area.
pub(super) fn cell_patches(sheets: &[Sheet; 6], patches_per_edge: usize) -> Vec<Vec<CellArea>> {
    let mut shared = Vec::new();
    for (panel, sheet) in sheets.iter().enumerate() {
        let coarse = Sheet { cells: [patches_per_edge; 2], ..*sheet };
        let [du, dv] = sheet.cell_m();
        for iv in 0..sheet.cells[1] {
            for iu in 0..sheet.cells[0] {
                let range = |index: usize, cell_m: f64, size_m: f64| {
                    let from = index as f64 * cell_m - 0.5 * size_m;
                    [from, from + cell_m]
                };
                let rectangle =
                    Rectangle { u_m: range(iu, du, sheet.size_m[0]), v_m: range(iv, dv, sheet.size_m[1]) };
                let mut patches = coarse.footprint(rectangle);
                // Rounding at patch edges must not make a neighbour's sliver.
                patches.retain(|part| part.area_m2 > 1e-9 * du * dv);
                patches.iter_mut().for_each(|part| part.cell += panel * coarse.count());
                shared.push(patches);
            }
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_share_patches_by_area() {
        let sheets = [Sheet { cells: [6, 6], size_m: [0.6, 0.3], kt_w_per_k: 0.3 }; 6];
        let shared = cell_patches(&sheets, 4);
        assert_eq!(shared.len(), 216);
        let mut sums = vec![0.0; 96];
        for part in shared.iter().flatten() {
            sums[part.cell] += part.area_m2;
        }
        for sum in sums {
            assert!((sum - 0.6 * 0.3 / 16.0).abs() < 1e-12, "{sum}");
        }
        assert_eq!(cell_patches(&[Sheet { cells: [8, 8], ..sheets[0] }; 6], 4)[9].len(), 1);
    }

    #[test]
    fn joints_meet_at_the_same_edge() {
        // -X and +Y meet along z: on -X (u = y, v = z) at the last u, on +Y (u = x, v = z) at the first u.
        assert_eq!(edge_cell(Panel::XMinus, Panel::YPlus, 2, 3, 8), 3 * 8 + 7);
        assert_eq!(edge_cell(Panel::YPlus, Panel::XMinus, 2, 3, 8), (3 * 8 + 3) * 8);
        // +X and -Z meet along y: on +X (u = y, v = z) at the first v, on -Z (u = x, v = y) at the last u.
        assert_eq!(edge_cell(Panel::XPlus, Panel::ZMinus, 1, 2, 8), 64 + 2);
        assert_eq!(edge_cell(Panel::ZMinus, Panel::XPlus, 1, 2, 8), 4 * 64 + 2 * 8 + 7);
    }
}
