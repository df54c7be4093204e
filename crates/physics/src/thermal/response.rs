use ::model::{Layout, Placement};

/// How panel cells answer to heat put into them, linearised around a solution:
/// T = base + Z q with one row and column per cell. Symmetric.
#[derive(Debug, Clone)]
pub struct Response {}

impl Response {
    /// Number of cells, 6 n².
    pub fn cells(&self) -> usize {
        0
    }

    /// Temperature of each cell when no component gives heat to it, K
    /// (extrapolated linearly, so it may lie far from the real field).
    pub fn base_temps_k(&self) -> &[f64] {
        &[]
    }

    /// Row of Z: temperature change of `cell` per watt into each cell, K/W.
    /// Also its column: Z is symmetric.
    pub fn influence_k_per_w(&self, cell: usize) -> &[f64] {
        let _ = cell;
        &[]
    }

    /// Component temperatures of any layout of the same satellite, K: each
    /// footprint's mean panel temperature plus the contact's rise, straps and
    /// doublers included.
    pub fn component_temps_k(&self, layout: &Layout) -> Vec<f64> {
        Scorer::new(self, layout).temps_k().to_vec()
    }
}

/// Component temperatures of a layout that changes one placement at a time,
/// through a [`Response`]. A pure function of the placements: any sequence of
/// moves that ends in the same layout gives the same bits.
#[derive(Debug, Clone)]
pub struct Scorer<'a> {
    response: &'a Response,
    temps_k: Vec<f64>,
}

impl<'a> Scorer<'a> {
    /// Starts from a layout.
    pub fn new(response: &'a Response, layout: &Layout) -> Scorer<'a> {
        Scorer { response, temps_k: vec![0.0; layout.placements.len()] }
    }

    /// Moves one component. Cost: the cells of its footprint times those of
    /// all others.
    pub fn place(&mut self, component: usize, placement: &Placement) {
        let _ = (component, placement, self.response);
    }

    /// Temperatures of the present placements, K.
    pub fn temps_k(&mut self) -> &[f64] {
        &self.temps_k
    }
}
