use super::conduction::Conduction;
use super::enclosure::Enclosure;

/// Stefan-Boltzmann constant (CODATA 2018, exact), W/(m² K⁴).
pub const STEFAN_BOLTZMANN: f64 = 5.670374419e-8;

/// A heat balance of nodes. Node i in steady state:
///
/// Σⱼ Gᵢⱼ (Tᵢ - Tⱼ) + Aᵢ σ (Tᵢ⁴ - T_space⁴) + Σₚ wᵢₚ (σTᵢ⁴ - Hₚ) + Gᵢ (Tᵢ - T_fixed) = Qᵢ
#[derive(Debug, Clone)]
pub struct Network<'a> {
    /// Gᵢⱼ.
    pub conduction: Conduction,
    /// Emissivity times area that looks to space, m², per node.
    pub radiator_m2: Vec<f64>,
    /// Temperature of space, K.
    pub space_temp_k: f64,
    /// Heat put into each node, W.
    pub heat_w: Vec<f64>,
    /// Linear paths to given temperatures.
    pub fixed: Vec<FixedLink>,
    /// What radiates into the enclosure.
    pub interior: Option<Interior<'a>>,
}

/// A path from a node to a given temperature: a film, a held edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedLink {
    /// The node.
    pub node: usize,
    /// Heat per temperature difference, W/K.
    pub conductance_w_per_k: f64,
    /// The given temperature, K.
    pub temp_k: f64,
}

/// The surfaces of an enclosure. The weights of the surfaces of one patch add up
/// to its [`Enclosure::emitting_m2`]; that makes the exchange conserve heat.
#[derive(Debug, Clone)]
pub struct Interior<'a> {
    /// The exchange between patches.
    pub enclosure: &'a Enclosure,
    /// Who radiates through which patch.
    pub surfaces: Vec<Surface>,
}

/// A node's share of a patch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surface {
    /// The node.
    pub node: usize,
    /// The patch.
    pub patch: usize,
    /// wᵢₚ: emitting area, m².
    pub weight_m2: f64,
}

impl Network<'_> {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.conduction.nodes()
    }

    /// Σ Q, W.
    pub fn heat_in_w(&self) -> f64 {
        self.heat_w.iter().sum()
    }

    /// Net heat to space and to the given temperatures, W.
    pub fn heat_out_w(&self, temps_k: &[f64]) -> f64 {
        let space = self.space_temp_k.powi(4);
        let radiated: f64 = self
            .radiator_m2
            .iter()
            .zip(temps_k)
            .map(|(area, temp)| area * STEFAN_BOLTZMANN * (temp.powi(4) - space))
            .sum();
        let conducted: f64 =
            self.fixed.iter().map(|link| link.conductance_w_per_k * (temps_k[link.node] - link.temp_k)).sum();
        radiated + conducted
    }

    /// Irradiation of each patch, W/m². Empty without an enclosure.
    pub fn irradiation_w_per_m2(&self, temps_k: &[f64]) -> Vec<f64> {
        let Some(interior) = &self.interior else { return Vec::new() };
        let patches = interior.enclosure.patches();
        let (mut emissive, mut irradiation) = (vec![0.0; patches], vec![0.0; patches]);
        interior.irradiate(|node| STEFAN_BOLTZMANN * temps_k[node].powi(4), &mut emissive, &mut irradiation);
        irradiation
    }

    /// Left side minus right side of every balance, W: what leaves a node and
    /// was not put in. Zero in steady state.
    pub(crate) fn residual_w(&self, temps_k: &[f64], residual: &mut Vec<f64>) {
        let space = self.space_temp_k.powi(4);
        residual.clear();
        residual.extend((0..self.nodes()).map(|node| {
            self.radiator_m2[node] * STEFAN_BOLTZMANN * (temps_k[node].powi(4) - space) - self.heat_w[node]
        }));
        for link in &self.fixed {
            residual[link.node] += link.conductance_w_per_k * (temps_k[link.node] - link.temp_k);
        }
        if let Some(interior) = &self.interior {
            let irradiation = self.irradiation_w_per_m2(temps_k);
            for surface in &interior.surfaces {
                let emitted = STEFAN_BOLTZMANN * temps_k[surface.node].powi(4);
                residual[surface.node] += surface.weight_m2 * (emitted - irradiation[surface.patch]);
            }
        }
        self.conduction.add_outflow(temps_k, residual);
    }

    /// Derivative of a node's outflow by its own temperature, without
    /// conduction and without what comes back from the enclosure, W/K.
    pub(crate) fn diagonal_w_per_k(&self, temps_k: &[f64], diagonal: &mut Vec<f64>) {
        diagonal.clear();
        diagonal.extend_from_slice(&self.radiator_m2);
        if let Some(interior) = &self.interior {
            for surface in &interior.surfaces {
                diagonal[surface.node] += surface.weight_m2;
            }
        }
        for (value, temp) in diagonal.iter_mut().zip(temps_k) {
            *value *= radiation_slope(*temp);
        }
        for link in &self.fixed {
            diagonal[link.node] += link.conductance_w_per_k;
        }
    }

    /// A node whose heat has no path to space or to a given temperature.
    pub(crate) fn stranded_node(&self) -> Option<usize> {
        let sink = self.nodes();
        let mut groups = Groups::new(sink + 1);
        for link in self.conduction.links() {
            groups.join(link.a, link.b);
        }
        for (node, area) in self.radiator_m2.iter().enumerate() {
            if *area > 0.0 {
                groups.join(node, sink);
            }
        }
        for link in &self.fixed {
            if link.conductance_w_per_k > 0.0 {
                groups.join(link.node, sink);
            }
        }
        // Every patch sees every panel, so all surfaces exchange heat.
        let surfaces = self.interior.iter().flat_map(|interior| &interior.surfaces);
        let mut radiating = surfaces.filter(|surface| surface.weight_m2 > 0.0).map(|surface| surface.node);
        if let Some(first) = radiating.next() {
            radiating.for_each(|node| groups.join(first, node));
        }
        let grounded = groups.root(sink);
        (0..sink).find(|node| groups.root(*node) != grounded)
    }
}

impl Interior<'_> {
    /// H = M E with E from each node's σT⁴, or from any other value per node.
    pub(crate) fn irradiate(
        &self,
        value: impl Fn(usize) -> f64,
        emissive: &mut [f64],
        irradiation: &mut [f64],
    ) {
        emissive.fill(0.0);
        for surface in &self.surfaces {
            emissive[surface.patch] += surface.weight_m2 * value(surface.node);
        }
        for (patch, sum) in emissive.iter_mut().enumerate() {
            let emitting = self.enclosure.emitting_m2(patch);
            *sum = if emitting > 0.0 { *sum / emitting } else { 0.0 };
        }
        self.enclosure.irradiate(emissive, irradiation);
    }
}

/// d(σT⁴)/dT, W/(m² K).
pub(crate) fn radiation_slope(temp_k: f64) -> f64 {
    4.0 * STEFAN_BOLTZMANN * temp_k.powi(3)
}

/// Sets of nodes that are joined by heat paths.
struct Groups(Vec<usize>);

impl Groups {
    fn new(nodes: usize) -> Groups {
        Groups((0..nodes).collect())
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thermal::conduction::Link;

    #[test]
    fn a_node_without_a_path_to_space_is_found() {
        let links = vec![
            Link { a: 0, b: 1, conductance_w_per_k: 1.0 },
            Link { a: 2, b: 3, conductance_w_per_k: 1.0 },
        ];
        let mut network = Network {
            conduction: Conduction::new(4, links),
            radiator_m2: vec![0.0, 0.5, 0.0, 0.0],
            space_temp_k: 2.7,
            heat_w: vec![0.0; 4],
            fixed: Vec::new(),
            interior: None,
        };
        assert_eq!(network.stranded_node(), Some(2));
        network.fixed.push(FixedLink { node: 3, conductance_w_per_k: 0.1, temp_k: 300.0 });
        assert_eq!(network.stranded_node(), None);
    }
}
