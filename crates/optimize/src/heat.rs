use model::{Layout, Placement};
use physics::thermal::{Model, Solution};

use crate::footprint::Footprint;
use crate::objective::Breach;
use crate::problem::Problem;
use crate::straps::Straps;

/// The thermal side of a satellite, linear around one solution: what all
/// replicas share during an epoch.
#[derive(Debug)]
pub(crate) struct Heat<'p> {
    pub(crate) problem: &'p Problem<'p>,
    pub(crate) model: &'p Model,
    straps: &'p Straps,
    /// Temperature of cell `i` per watt into cell `j`, K/W, at `i + j * cells`.
    /// Single precision: the error, 1e-7 of a rise, is far below the model's.
    influence: Vec<f32>,
    base_temps_k: Vec<f64>,
}

impl<'p> Heat<'p> {
    /// Linearizes around the solution of `layout`.
    pub(crate) fn new(
        problem: &'p Problem<'p>,
        model: &'p Model,
        straps: &'p Straps,
        layout: &Layout,
    ) -> Result<Self, physics::Error> {
        let solution = model.solve(layout, None)?;
        let response = model.response(layout, &solution)?;
        let cells = response.cells();
        let influence = (0..cells)
            .flat_map(|cell| response.influence_k_per_w(cell).iter().map(|&value| value as f32))
            .collect();
        Ok(Heat { problem, model, straps, influence, base_temps_k: response.base_temps_k().to_vec() })
    }

    /// Rise of the mean temperature under each of `others` per watt into
    /// `source`, K/W. The response is symmetric, so this is also the rise under
    /// `source` per watt into each of the others.
    fn mutual(&self, source: &Footprint, others: &[Footprint], field: &mut Vec<f32>, rises: &mut Vec<f64>) {
        let cells = self.base_temps_k.len();
        rises.clear();
        let covered: usize = others.iter().map(Footprint::cells).sum();
        if covered < cells {
            rises.extend(others.iter().map(|other| {
                let mut sum = 0.0;
                source.for_each(|cell, share| {
                    let column = &self.influence[cell * cells..(cell + 1) * cells];
                    sum += share * other.mean_f32(column);
                });
                sum
            }));
            return;
        }
        // With many components the whole field of the source is cheaper.
        field.clear();
        field.resize(cells, 0.0);
        source.for_each(|cell, share| {
            let column = &self.influence[cell * cells..(cell + 1) * cells];
            let share = share as f32;
            for (sum, value) in field.iter_mut().zip(column) {
                *sum += share * value;
            }
        });
        rises.extend(others.iter().map(|other| other.mean_f32(field)));
    }
}

/// Component temperatures of a layout that changes by moves.
///
/// The panels answer linearly to the heat of the components: `plate = base +
/// M q`, where `M` (components by components) holds the rise of the mean panel
/// temperature under one component per watt of another. Each component then
/// follows its plate; strapped components are solved together. A full solve now
/// and then ([`HeatTrack::calibrate`]) shifts everything onto the nonlinear model.
#[derive(Debug, Clone)]
pub(crate) struct HeatTrack<'p> {
    heat: &'p Heat<'p>,
    warm: Option<Solution>,
    /// Finer mesh minus this mesh, K, by component.
    mesh_shift_k: Vec<f64>,
    /// Full solve minus linear answer, K, at the last calibration.
    bias_k: Vec<f64>,
    /// Heat to the panel, W, plate and component temperature, K, at the last
    /// calibration.
    heat_w: Vec<f64>,
    plate_ref_k: Vec<f64>,
    temp_ref_k: Vec<f64>,
    footprints: Vec<Footprint>,
    mutual_k_per_w: Vec<f64>,
    plates_k: Vec<f64>,
    temps_k: Vec<f64>,
    trial: Trial,
}

/// A proposed move, and what is needed to take it back.
#[derive(Debug, Clone, Default)]
struct Trial {
    undo: Vec<Undo>,
    plates_k: Vec<f64>,
    temps_k: Vec<f64>,
    /// Buffers of [`Heat::mutual`].
    field: Vec<f32>,
    rises: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Undo {
    index: usize,
    footprint: Footprint,
    row: Vec<f64>,
}

impl<'p> HeatTrack<'p> {
    /// Temperatures of nothing yet: call [`HeatTrack::calibrate`] before use.
    pub(crate) fn new(heat: &'p Heat<'p>, mesh_shift_k: &[f64]) -> Self {
        let count = heat.problem.len();
        HeatTrack {
            heat,
            warm: None,
            mesh_shift_k: mesh_shift_k.to_vec(),
            bias_k: vec![0.0; count],
            heat_w: vec![0.0; count],
            plate_ref_k: vec![0.0; count],
            temp_ref_k: vec![0.0; count],
            footprints: vec![Footprint::default(); count],
            mutual_k_per_w: vec![0.0; count * count],
            plates_k: vec![0.0; count],
            temps_k: vec![0.0; count],
            trial: Trial::default(),
        }
    }

    /// Shifts the linear answer onto the full solution of `layout`. The layout
    /// need not be the one that is tracked, but should be close to it.
    pub(crate) fn calibrate(&mut self, layout: &Layout) -> Result<(), physics::Error> {
        let solution = self.heat.model.solve(layout, self.warm.as_ref())?;
        self.heat_w.copy_from_slice(&solution.contact_w);
        self.map_out(&layout.placements);
        for index in 0..self.footprints.len() {
            let exact_k = self.footprints[index].mean(&solution.cell_temps_k);
            self.bias_k[index] = 0.0;
            self.bias_k[index] = exact_k - self.linear_plate_k(index);
            self.plate_ref_k[index] = exact_k;
            self.temp_ref_k[index] = solution.component_temps_k[index] + self.mesh_shift_k[index];
        }
        self.warm = Some(solution);
        Ok(())
    }

    /// Everything from scratch for these placements, with the last calibration.
    pub(crate) fn rebuild(&mut self, placements: &[Placement]) {
        self.map_out(placements);
        let plates: Vec<f64> = (0..self.footprints.len()).map(|index| self.linear_plate_k(index)).collect();
        self.plates_k.copy_from_slice(&plates);
        let mut temps = std::mem::take(&mut self.temps_k);
        self.follow(&self.plates_k, &mut temps);
        self.temps_k = temps;
    }

    /// Moves components on trial; answer with [`HeatTrack::accept`] or
    /// [`HeatTrack::reject`] before the next.
    pub(crate) fn propose(&mut self, moves: &[(usize, Placement)]) {
        let count = self.footprints.len();
        let mut plates = std::mem::take(&mut self.trial.plates_k);
        plates.clear();
        plates.extend_from_slice(&self.plates_k);
        for (index, placement) in moves {
            let index = *index;
            let footprint = Footprint::of(self.heat.problem, index, placement);
            let undo = Undo {
                index,
                footprint: std::mem::replace(&mut self.footprints[index], footprint),
                row: self.mutual_k_per_w[index * count..(index + 1) * count].to_vec(),
            };
            let Trial { field, rises, .. } = &mut self.trial;
            self.heat.mutual(&footprint, &self.footprints, field, rises);
            for (other, &rise) in rises.iter().enumerate() {
                plates[other] += (rise - undo.row[other]) * self.heat_w[index];
                self.mutual_k_per_w[index * count + other] = rise;
                self.mutual_k_per_w[other * count + index] = rise;
            }
            self.trial.undo.push(undo);
        }
        for (index, _) in moves {
            plates[*index] = self.linear_plate_k(*index);
        }
        let mut temps = std::mem::take(&mut self.trial.temps_k);
        self.follow(&plates, &mut temps);
        self.trial.temps_k = temps;
        self.trial.plates_k = plates;
    }

    /// Keeps the proposed move.
    pub(crate) fn accept(&mut self) {
        std::mem::swap(&mut self.plates_k, &mut self.trial.plates_k);
        std::mem::swap(&mut self.temps_k, &mut self.trial.temps_k);
        self.trial.undo.clear();
    }

    /// Takes the proposed move back.
    pub(crate) fn reject(&mut self) {
        let count = self.footprints.len();
        while let Some(undo) = self.trial.undo.pop() {
            self.footprints[undo.index] = undo.footprint;
            for other in 0..count {
                self.mutual_k_per_w[undo.index * count + other] = undo.row[other];
                self.mutual_k_per_w[other * count + undo.index] = undo.row[other];
            }
        }
    }

    /// Smallest margin of the present layout, K.
    pub(crate) fn worst_margin_k(&self) -> f64 {
        self.worst(&self.temps_k)
    }

    /// Smallest margin after the proposed move, K.
    pub(crate) fn proposed_margin_k(&self) -> f64 {
        self.worst(&self.trial.temps_k)
    }

    /// Components over their limits.
    pub(crate) fn breach(&self) -> Breach {
        self.over(&self.temps_k)
    }

    /// Components over their limits after the proposed move.
    pub(crate) fn proposed_breach(&self) -> Breach {
        self.over(&self.trial.temps_k)
    }

    /// Whether a component is over its limit.
    pub(crate) fn is_too_hot(&self, index: usize) -> bool {
        self.temps_k[index] > self.heat.problem.hottest_k[index]
    }

    /// The component with the smallest margin.
    pub(crate) fn hottest(&self) -> usize {
        let margin_k = |index: usize| self.heat.problem.hottest_k[index] - self.temps_k[index];
        (0..self.temps_k.len()).min_by(|&a, &b| margin_k(a).total_cmp(&margin_k(b))).unwrap_or(0)
    }

    /// Component temperatures, K.
    #[cfg(test)]
    pub(crate) fn temps_k(&self) -> &[f64] {
        &self.temps_k
    }

    fn worst(&self, temps_k: &[f64]) -> f64 {
        let limits = &self.heat.problem.hottest_k;
        limits.iter().zip(temps_k).map(|(limit, temp)| limit - temp).fold(f64::INFINITY, f64::min)
    }

    fn over(&self, temps_k: &[f64]) -> Breach {
        let mut breach = Breach::default();
        for (limit, temp) in self.heat.problem.hottest_k.iter().zip(temps_k) {
            breach.add_heat(limit - temp);
        }
        breach
    }

    /// Footprints and mutual rises of these placements.
    fn map_out(&mut self, placements: &[Placement]) {
        let count = placements.len();
        for (index, placement) in placements.iter().enumerate() {
            self.footprints[index] = Footprint::of(self.heat.problem, index, placement);
        }
        let Trial { field, rises, .. } = &mut self.trial;
        for index in 0..count {
            self.heat.mutual(&self.footprints[index], &self.footprints, field, rises);
            for (other, &rise) in rises.iter().enumerate().take(index + 1) {
                self.mutual_k_per_w[index * count + other] = rise;
                self.mutual_k_per_w[other * count + index] = rise;
            }
        }
    }

    /// Mean panel temperature under a component with the heat of the last
    /// calibration, K.
    fn linear_plate_k(&self, index: usize) -> f64 {
        let count = self.footprints.len();
        let row = &self.mutual_k_per_w[index * count..(index + 1) * count];
        let rise: f64 = row.iter().zip(&self.heat_w).map(|(rise, heat)| rise * heat).sum();
        self.footprints[index].mean(&self.heat.base_temps_k) + self.bias_k[index] + rise
    }

    /// Component temperatures from plate temperatures.
    fn follow(&self, plates_k: &[f64], temps_k: &mut Vec<f64>) {
        temps_k.clear();
        let rise = |index: usize, plate_k: f64| {
            self.temp_ref_k[index] + self.heat.problem.follow[index] * (plate_k - self.plate_ref_k[index])
        };
        temps_k.extend(plates_k.iter().enumerate().map(|(index, &plate_k)| rise(index, plate_k)));
        let shift = self.heat.straps.solve(plates_k, &self.plate_ref_k, &self.mutual_k_per_w);
        let Some(shift) = shift else { return };
        let count = plates_k.len();
        for index in 0..count {
            let row = &self.mutual_k_per_w[index * count..(index + 1) * count];
            let moved_k: f64 =
                self.heat.straps.members().iter().zip(&shift.heat_w).map(|(&s, q)| row[s] * q).sum();
            temps_k[index] = rise(index, plates_k[index] + moved_k);
        }
        for (&member, rise_k) in self.heat.straps.members().iter().zip(&shift.temps_k) {
            temps_k[member] = self.temp_ref_k[member] + rise_k;
        }
    }
}
