use model::Placement;

use crate::problem::Problem;

/// Cells per panel edge of the search's grid.
pub(crate) const MESH: usize = physics::SEARCH_MESH;

/// How the base plate of a component spreads over the cells of its panel: the
/// product of a share along u and a share along v.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Footprint {
    first_cell: usize,
    along_u: Shares,
    along_v: Shares,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Shares {
    from: usize,
    to: usize,
    share: [f64; MESH],
}

impl Footprint {
    /// The footprint of a component at a placement. Shares add up to 1, or are
    /// all 0 when nothing of the base plate lies on the panel.
    pub(crate) fn of(problem: &Problem<'_>, index: usize, placement: &Placement) -> Self {
        let space = problem.aabb(index, placement);
        let (u, v) = placement.panel.in_plane_axes();
        Footprint {
            first_cell: placement.panel.index() * MESH * MESH,
            along_u: Shares::of(space.lo[u], space.hi[u], problem.half_m[u]),
            along_v: Shares::of(space.lo[v], space.hi[v], problem.half_m[v]),
        }
    }

    /// Number of cells under the base plate.
    pub(crate) fn cells(&self) -> usize {
        (self.along_u.to - self.along_u.from) * (self.along_v.to - self.along_v.from)
    }

    /// Visits the cells and their shares.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, f64)) {
        for iv in self.along_v.from..self.along_v.to {
            for iu in self.along_u.from..self.along_u.to {
                visit(self.first_cell + iv * MESH + iu, self.along_v.share[iv] * self.along_u.share[iu]);
            }
        }
    }

    /// Mean of a cell field under the footprint.
    pub(crate) fn mean(&self, field: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.for_each(|cell, share| sum += share * field[cell]);
        sum
    }

    /// The same of a field in single precision.
    #[inline]
    pub(crate) fn mean_f32(&self, field: &[f32]) -> f64 {
        let mut sum = 0.0;
        self.for_each(|cell, share| sum += share * f64::from(field[cell]));
        sum
    }
}

impl Shares {
    fn of(from_m: f64, to_m: f64, half_m: f64) -> Self {
        let mut shares = Shares::default();
        let cell_m = 2.0 * half_m / MESH as f64;
        let (from_m, to_m) = (from_m.max(-half_m), to_m.min(half_m));
        if to_m <= from_m {
            return shares;
        }
        let first = (((from_m + half_m) / cell_m) as usize).min(MESH - 1);
        let last = (((to_m + half_m) / cell_m) as usize).min(MESH - 1);
        (shares.from, shares.to) = (first, last + 1);
        for cell in first..=last {
            let low_m = cell as f64 * cell_m - half_m;
            shares.share[cell] = (to_m.min(low_m + cell_m) - from_m.max(low_m)).max(0.0) / (to_m - from_m);
        }
        shares
    }
}
