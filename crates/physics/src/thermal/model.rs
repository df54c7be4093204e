use ::model::{Layout, Panel, Placement, Satellite};

use crate::Error;

/// A rectangle in a panel's own coordinates u, v (origin at the panel's centre), m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// From and to along u, m.
    pub u_m: [f64; 2],
    /// From and to along v, m.
    pub v_m: [f64; 2],
}

/// A cell and the part of a footprint that lies on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellArea {
    /// Index of the cell: `panel * n * n + iv * n + iu`.
    pub cell: usize,
    /// Shared area, m².
    pub area_m2: f64,
}

/// The thermal model of a satellite on a grid: everything that no layout changes.
#[derive(Debug)]
pub struct Model {}

/// Temperatures of one layout.
#[derive(Debug, Clone)]
pub struct Solution {
    /// 6 n² cell temperatures, K (index `panel * n * n + iv * n + iu`).
    pub cell_temps_k: Vec<f64>,
    /// One per component, K.
    pub component_temps_k: Vec<f64>,
    /// Heat that each component passes to its panel through the base plate, W.
    pub contact_w: Vec<f64>,
    /// Heat in: dissipated plus absorbed, W.
    pub heat_in_w: f64,
    /// Net heat radiated to space, W.
    pub heat_out_w: f64,
    /// |in - out| over heat in.
    pub energy_balance: f64,
    /// Largest absolute residual of a node, W.
    pub residual_w: f64,
    /// Newton steps taken.
    pub newton_steps: usize,
}

impl Model {
    /// Builds grid, enclosure and loads. `mesh`: cells per panel edge.
    pub fn new(satellite: &Satellite, mesh: usize) -> Result<Model, Error> {
        let _ = satellite;
        Err(Error::Mesh { found: mesh, allowed: 64 })
    }

    /// Cells per panel edge.
    pub fn mesh(&self) -> usize {
        8
    }

    /// The hot case of a layout. `warm`: a solution of a similar layout of the
    /// same model; it saves time, and changes the result by less than the tolerance.
    pub fn solve(&self, layout: &Layout, warm: Option<&Solution>) -> Result<Solution, Error> {
        let _ = warm;
        Err(Error::PlacementCount { found: layout.placements.len(), expected: 0 })
    }

    /// Cells under a rectangle with the shared areas.
    pub fn footprint(&self, panel: Panel, rectangle: Rectangle) -> Vec<CellArea> {
        let _ = (panel, rectangle);
        Vec::new()
    }

    /// Cells under the base plate of a component.
    pub fn component_footprint(&self, component: usize, placement: &Placement) -> Vec<CellArea> {
        let _ = (component, placement);
        Vec::new()
    }

    /// The linear response around a solution of `layout`. Build it on a coarse
    /// grid (8): it holds (6 n²)² numbers.
    pub fn response(&self, layout: &Layout, solution: &Solution) -> Result<crate::thermal::Response, Error> {
        let _ = layout;
        Err(Error::PlacementCount { found: 0, expected: solution.contact_w.len() })
    }
}
