use std::sync::Arc;

use ::model::{Layout, Panel, Placement, Satellite};

use super::conduction::{Conduction, Link};
use super::enclosure::Enclosure;
use super::factor::Factor;
use super::network::{Interior, Network, STEFAN_BOLTZMANN, Surface};
use super::newton::{LOAD_FLOOR_W, TOLERANCE};
use super::response::Response;
use super::sheet::{CellArea, Rectangle, Sheet};
use crate::Error;
use crate::orbit::{FluxCase, IncidentFluxes, incident_fluxes};

/// Finest grid, cells per panel edge.
pub const MAX_MESH: usize = 64;
/// Patches per panel edge of the enclosure. Against one patch per cell this
/// moves panel means by at most 0.07 K (golden case `thermal_box_six_panels`).
pub const PATCHES_PER_EDGE: usize = 4;

/// The thermal model of a satellite on a grid: everything that no layout
/// changes. The hot case.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) satellite: Satellite,
    pub(crate) mesh: usize,
    pub(crate) sheets: [Sheet; 6],
    /// Panels and joints, no components.
    pub(crate) panels: Conduction,
    pub(crate) enclosure: Enclosure,
    /// Patches of each cell with the shared area, m².
    pub(crate) cell_patches: Vec<Vec<CellArea>>,
    /// Emissivity times outer area of each bare cell, m².
    pub(crate) radiator_m2: Vec<f64>,
    /// Absorbed by each bare cell, plus heat put into the panel itself, W.
    pub(crate) panel_heat_w: Vec<f64>,
    incident: Option<IncidentFluxes>,
}

/// Temperatures of one layout.
#[derive(Debug, Clone)]
pub struct Solution {
    /// 6 n² cell temperatures, K (index `panel * n * n + iv * n + iu`).
    pub cell_temps_k: Vec<f64>,
    /// One per component, K.
    pub component_temps_k: Vec<f64>,
    /// Heat that each component passes to its panel through the base plate, W.
    pub contact_w: Vec<f64>,
    /// Net heat that each component radiates into the enclosure, W.
    pub radiated_w: Vec<f64>,
    /// Heat in: dissipated plus absorbed, W.
    pub heat_in_w: f64,
    /// Net heat radiated to space, W.
    pub heat_out_w: f64,
    /// |in - out| over heat in (over 1 mW when less comes in).
    pub energy_balance: f64,
    /// Largest absolute residual of a node, W.
    pub residual_w: f64,
    /// Newton steps taken.
    pub newton_steps: usize,
    factor: Arc<Factor>,
}

impl Model {
    /// Builds grid, enclosure and loads. `mesh`: cells per panel edge.
    pub fn new(satellite: &Satellite, mesh: usize) -> Result<Model, Error> {
        Model::with_patches(satellite, mesh, PATCHES_PER_EDGE)
    }

    /// As [`Model::new`] with `patches_per_edge` patches per panel edge in the
    /// enclosure.
    pub fn with_patches(satellite: &Satellite, mesh: usize, patches_per_edge: usize) -> Result<Model, Error> {
        if mesh == 0 || mesh > MAX_MESH || patches_per_edge == 0 || patches_per_edge > MAX_MESH {
            let found = if mesh == 0 || mesh > MAX_MESH { mesh } else { patches_per_edge };
            return Err(Error::Mesh { found, allowed: MAX_MESH });
        }
        super::input::check(satellite)?;
        let inner = satellite.envelope.inner_size_m;
        let sheets = Panel::ALL.map(|panel| {
            let (u, v) = panel.in_plane_axes();
            Sheet {
                cells: [mesh, mesh],
                size_m: [inner[u], inner[v]],
                kt_w_per_k: satellite.panels[panel.index()].kt_w_per_k,
            }
        });
        let incident = satellite.environment.orbit.map(|orbit| incident_fluxes(&orbit, FluxCase::Hot));
        let cells = 6 * mesh * mesh;
        let mut model = Model {
            satellite: satellite.clone(),
            mesh,
            sheets,
            panels: Conduction::new(cells, super::panels::links(satellite, &sheets)).with_elimination_order(),
            enclosure: Enclosure::new(
                inner,
                patches_per_edge,
                satellite.panels.map(|properties| properties.inner_emissivity),
            ),
            cell_patches: super::panels::cell_patches(&sheets, patches_per_edge),
            radiator_m2: vec![0.0; cells],
            panel_heat_w: vec![0.0; cells],
            incident,
        };
        for panel in Panel::ALL {
            let properties = &satellite.panels[panel.index()];
            let flux =
                model.absorbed_w_per_m2(panel, properties.outer_absorptivity, properties.outer_emissivity);
            let area_m2 = model.sheets[panel.index()].cell_area_m2() * model.outer_per_inner(panel);
            for cell in model.cells_of(panel) {
                model.radiator_m2[cell] = properties.outer_emissivity * area_m2;
                model.panel_heat_w[cell] = flux * area_m2;
            }
        }
        Ok(model)
    }

    /// Cells per panel edge.
    pub fn mesh(&self) -> usize {
        self.mesh
    }

    /// Cells of all six panels.
    pub fn cells(&self) -> usize {
        6 * self.mesh * self.mesh
    }

    /// Puts heat into a panel itself, spread evenly over a rectangle, W.
    pub fn add_panel_heat(&mut self, panel: Panel, rectangle: Rectangle, heat_w: f64) {
        let cells = self.footprint(panel, rectangle);
        let area_m2: f64 = cells.iter().map(|part| part.area_m2).sum();
        for part in cells {
            self.panel_heat_w[part.cell] += heat_w * part.area_m2 / area_m2;
        }
    }

    /// Cells of a panel under a rectangle with the shared areas, by
    /// [`Sheet::footprint`].
    pub fn footprint(&self, panel: Panel, rectangle: Rectangle) -> Vec<CellArea> {
        let first = self.cells_of(panel).start;
        let mut cells = self.sheets[panel.index()].footprint(rectangle);
        cells.iter_mut().for_each(|part| part.cell += first);
        cells
    }

    /// Cells under the base plate of a component.
    pub fn component_footprint(&self, component: usize, placement: &Placement) -> Vec<CellArea> {
        self.footprint(placement.panel, self.base_rectangle(component, placement))
    }

    /// The hot case of a layout.
    ///
    /// `warm`: a solution of a similar layout of the same satellite and mesh. It
    /// only saves time: the answers agree within the tolerance (1e-9 of the
    /// load, some 1e-7 K), though not bit for bit.
    pub fn solve(&self, layout: &Layout, warm: Option<&Solution>) -> Result<Solution, Error> {
        self.solve_within(layout, warm, TOLERANCE)
    }

    /// As [`Model::solve`], ended when the residuals together are below
    /// `tolerance` times the load: 1e-5 costs half and leaves some 1e-3 K, good
    /// enough to steer a search by, not to report. At least 1e-9 is taken.
    pub fn solve_within(
        &self,
        layout: &Layout,
        warm: Option<&Solution>,
        tolerance: f64,
    ) -> Result<Solution, Error> {
        let tolerance = tolerance.max(TOLERANCE);
        let network = self.network(layout)?;
        let warm = warm.filter(|warm| {
            warm.cell_temps_k.len() == self.cells() && warm.component_temps_k.len() == layout.placements.len()
        });
        let field = match warm {
            Some(warm) => {
                let start = [warm.cell_temps_k.as_slice(), warm.component_temps_k.as_slice()].concat();
                network.solve_with(start, Some(warm.factor.clone()), tolerance)?
            }
            None => {
                if let Some(node) = network.stranded_node() {
                    return Err(Error::NoSteadyState { what: self.node_name(node) });
                }
                network.solve_with(self.start_k(&network), None, tolerance)?
            }
        };
        let irradiation = network.irradiation_w_per_m2(&field.temps_k);
        let cells = self.cells();
        let mut radiated_w = vec![0.0; layout.placements.len()];
        for surface in network.interior.iter().flat_map(|interior| &interior.surfaces) {
            if surface.node >= cells {
                let emitted = STEFAN_BOLTZMANN * field.temps_k[surface.node].powi(4);
                radiated_w[surface.node - cells] +=
                    surface.weight_m2 * (emitted - irradiation[surface.patch]);
            }
        }
        let mut contact_w = vec![0.0; layout.placements.len()];
        for (component, placement) in layout.placements.iter().enumerate() {
            let conductance = self.satellite.components[component].contact_conductance_w_per_m2_k;
            for part in self.component_footprint(component, placement) {
                contact_w[component] += conductance
                    * part.area_m2
                    * (field.temps_k[cells + component] - field.temps_k[part.cell]);
            }
        }
        let (heat_in_w, heat_out_w) = (network.heat_in_w(), network.heat_out_w(&field.temps_k));
        let mut cell_temps_k = field.temps_k;
        let component_temps_k = cell_temps_k.split_off(cells);
        Ok(Solution {
            cell_temps_k,
            component_temps_k,
            contact_w,
            radiated_w,
            heat_in_w,
            heat_out_w,
            energy_balance: (heat_in_w - heat_out_w).abs() / heat_in_w.abs().max(LOAD_FLOOR_W),
            residual_w: field.residual_w,
            newton_steps: field.newton_steps,
            factor: field.factor,
        })
    }

    /// The linear response around a solution of `layout`. Build it on a coarse
    /// grid (8): it holds (6 n²)² numbers.
    pub fn response(&self, layout: &Layout, solution: &Solution) -> Result<Response, Error> {
        self.check_count(layout)?;
        Response::new(self, layout, solution)
    }

    /// The heat balance of a layout: cells first, then components.
    pub fn network(&self, layout: &Layout) -> Result<Network<'_>, Error> {
        self.check_count(layout)?;
        super::input::check_layout(layout)?;
        let cells = self.cells();
        let count = layout.placements.len();
        let mut links = Vec::new();
        let mut radiator_m2 = self.radiator_m2.clone();
        let mut heat_w = self.panel_heat_w.clone();
        let mut free_inner_m2: Vec<f64> = self.cell_areas_m2();
        // Overlapping doublers share a cell in the order of the components.
        let mut free_outer_m2 = free_inner_m2.clone();
        for (index, (component, placement)) in
            self.satellite.components.iter().zip(&layout.placements).enumerate()
        {
            let panel = placement.panel;
            for part in self.component_footprint(index, placement) {
                links.push(Link {
                    a: part.cell,
                    b: cells + index,
                    conductance_w_per_k: component.contact_conductance_w_per_m2_k * part.area_m2,
                });
                free_inner_m2[part.cell] = (free_inner_m2[part.cell] - part.area_m2).max(0.0);
                if component.outer_optics.is_some() {
                    let covered_m2 = part.area_m2.min(free_outer_m2[part.cell]);
                    free_outer_m2[part.cell] -= covered_m2;
                    let (emitting_m2, absorbed_w) = self.doubler_change(index, panel, covered_m2);
                    radiator_m2[part.cell] = (radiator_m2[part.cell] + emitting_m2).max(0.0);
                    heat_w[part.cell] += absorbed_w;
                }
            }
        }
        for strap in &self.satellite.straps {
            links.push(Link {
                a: cells + strap.a,
                b: cells + strap.b,
                conductance_w_per_k: strap.conductance_w_per_k,
            });
        }
        radiator_m2.resize(cells + count, 0.0);
        heat_w.extend(self.satellite.components.iter().map(|component| component.power_w));
        Ok(Network {
            conduction: self.panels.extended(count, links),
            radiator_m2,
            space_temp_k: self.satellite.environment.space_temp_k,
            heat_w,
            fixed: Vec::new(),
            interior: Some(Interior {
                enclosure: &self.enclosure,
                surfaces: self.surfaces(layout, &free_inner_m2),
            }),
        })
    }

    /// What a doubler changes on `area_m2` (inner side) of a panel: emitting
    /// area, m², and absorbed heat, W.
    pub(crate) fn doubler_change(&self, component: usize, panel: Panel, area_m2: f64) -> (f64, f64) {
        let Some(optics) = self.satellite.components[component].outer_optics else { return (0.0, 0.0) };
        let properties = &self.satellite.panels[panel.index()];
        let outer_m2 = area_m2 * self.outer_per_inner(panel);
        let flux = |absorptivity, emissivity| self.absorbed_w_per_m2(panel, absorptivity, emissivity);
        (
            (optics.emissivity - properties.outer_emissivity) * outer_m2,
            (flux(optics.absorptivity, optics.emissivity)
                - flux(properties.outer_absorptivity, properties.outer_emissivity))
                * outer_m2,
        )
    }

    pub(crate) fn cells_of(&self, panel: Panel) -> std::ops::Range<usize> {
        let per_panel = self.mesh * self.mesh;
        panel.index() * per_panel..(panel.index() + 1) * per_panel
    }

    /// Outer over inner area of a panel: a cell radiates outward over its share
    /// of the outer face.
    pub(crate) fn outer_per_inner(&self, panel: Panel) -> f64 {
        let envelope = &self.satellite.envelope;
        envelope.outer_area_m2(panel) / envelope.inner_area_m2(panel)
    }

    /// Absorbed flux of an outer face with the given optics, W/m². Without an
    /// orbit only the flux that the panel's own optics absorb is known; it is
    /// taken to be sunlight, in proportion to the absorptivity.
    fn absorbed_w_per_m2(&self, panel: Panel, absorptivity: f64, emissivity: f64) -> f64 {
        let index = panel.index();
        if let Some(incident) = &self.incident {
            return absorptivity * incident.solar_w_per_m2[index]
                + emissivity * incident.infrared_w_per_m2[index];
        }
        let given = self.satellite.environment.hot_absorbed_w_per_m2[index];
        let own = self.satellite.panels[index].outer_absorptivity;
        if own > 0.0 { given * (absorptivity / own) } else { given }
    }

    /// Base plate in the panel's coordinates.
    fn base_rectangle(&self, component: usize, placement: &Placement) -> Rectangle {
        let extents = placement.extents_m(self.satellite.components[component].size_m);
        let (u, v) = placement.panel.in_plane_axes();
        let range = |axis: usize| {
            let half = 0.5 * extents[axis];
            [placement.center_m[axis] - half, placement.center_m[axis] + half]
        };
        Rectangle { u_m: range(u), v_m: range(v) }
    }

    fn cell_areas_m2(&self) -> Vec<f64> {
        let per_panel = self.mesh * self.mesh;
        self.sheets.iter().flat_map(|sheet| std::iter::repeat_n(sheet.cell_area_m2(), per_panel)).collect()
    }

    /// Who radiates through which patch, and how much of its opening is whose.
    ///
    /// Behind the opening of a patch lie the free part of its panel and the
    /// faces of the boxes that stand on it. They share the patch's emitting area
    /// in proportion to emissivity times area, so the enclosure stays the same
    /// for every layout and conserves heat exactly.
    fn surfaces(&self, layout: &Layout, free_inner_m2: &[f64]) -> Vec<Surface> {
        let mut shares = Vec::new();
        for (cell, patches) in self.cell_patches.iter().enumerate() {
            let panel = cell / (self.mesh * self.mesh);
            let free = free_inner_m2[cell] / self.sheets[panel].cell_area_m2();
            let emissivity = self.satellite.panels[panel].inner_emissivity;
            for part in patches {
                shares.push(Surface {
                    node: cell,
                    patch: part.cell,
                    weight_m2: emissivity * free * part.area_m2,
                });
            }
        }
        let cells = self.cells();
        let k = self.enclosure.patches_per_edge();
        for (index, (component, placement)) in
            self.satellite.components.iter().zip(&layout.placements).enumerate()
        {
            let [x, y, z] = component.size_m;
            let faces_m2 = x * y + 2.0 * z * (x + y);
            let panel = placement.panel.index();
            let coarse = Sheet { cells: [k, k], ..self.sheets[panel] };
            let footprint = coarse.footprint(self.base_rectangle(index, placement));
            let base_m2: f64 = footprint.iter().map(|part| part.area_m2).sum();
            for part in footprint {
                shares.push(Surface {
                    node: cells + index,
                    patch: panel * k * k + part.cell,
                    weight_m2: component.emissivity * faces_m2 * part.area_m2 / base_m2,
                });
            }
        }
        let mut sums = vec![0.0; self.enclosure.patches()];
        for share in &shares {
            sums[share.patch] += share.weight_m2;
        }
        for share in &mut shares {
            let emitting_m2 = self.enclosure.emitting_m2(share.patch);
            if sums[share.patch] > 0.0 {
                share.weight_m2 *= emitting_m2 / sums[share.patch];
            }
        }
        // A patch covered by boxes that do not radiate: the panel behind them
        // answers for it.
        for (cell, patches) in self.cell_patches.iter().enumerate() {
            for part in patches.iter().filter(|part| sums[part.cell] <= 0.0) {
                let panel = cell / (self.mesh * self.mesh);
                let weight_m2 = self.satellite.panels[panel].inner_emissivity * part.area_m2;
                shares.push(Surface { node: cell, patch: part.cell, weight_m2 });
            }
        }
        shares.retain(|share| share.weight_m2 > 0.0);
        shares
    }

    /// One temperature for all panels that balances the load, and each
    /// component above it by the drop over its contact.
    fn start_k(&self, network: &Network<'_>) -> Vec<f64> {
        let emitting_m2: f64 = network.radiator_m2.iter().sum();
        let space = self.satellite.environment.space_temp_k.powi(4);
        let even_k =
            (network.heat_in_w().max(0.0) / (emitting_m2 * STEFAN_BOLTZMANN) + space).powf(0.25).max(1.0);
        let mut start = vec![even_k; self.cells()];
        start.extend(self.satellite.components.iter().map(|component| {
            let contact = component.contact_conductance_w_per_m2_k * component.base_area_m2();
            let rise_k = if contact > 0.0 { component.power_w / contact } else { 0.0 };
            even_k + rise_k.clamp(0.0, 200.0)
        }));
        start
    }

    fn check_count(&self, layout: &Layout) -> Result<(), Error> {
        let (found, expected) = (layout.placements.len(), self.satellite.components.len());
        if found == expected { Ok(()) } else { Err(Error::PlacementCount { found, expected }) }
    }

    fn node_name(&self, node: usize) -> String {
        match node.checked_sub(self.cells()) {
            Some(component) => format!("component {}", self.satellite.components[component].id),
            None => format!("panel {}", Panel::ALL[node / (self.mesh * self.mesh)].label()),
        }
    }
}
