/// A conductance between two nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// One node.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Heat per temperature difference, W/K.
    pub conductance_w_per_k: f64,
}

/// The linear heat paths between nodes: the upper triangle of their Laplacian
/// by columns, rows ascending, the diagonal last in each column.
#[derive(Debug, Clone)]
pub struct Conduction {
    col_ptr: Vec<usize>,
    row_idx: Vec<usize>,
    /// Conductance for the off-diagonal places, the sum of a node's
    /// conductances on the diagonal.
    values: Vec<f64>,
    /// A good order of elimination, when one was worked out.
    order: Option<Vec<u32>>,
}

impl Conduction {
    /// Paths between `nodes` nodes. Links that conduct nothing and links of a
    /// node with itself are left out; parallel links add up.
    pub fn new(nodes: usize, links: Vec<Link>) -> Conduction {
        Conduction { col_ptr: vec![0], row_idx: Vec::new(), values: Vec::new(), order: None }
            .extended(nodes, links)
    }

    /// The same paths and `nodes` nodes more. Every link ends at a new node.
    pub fn extended(&self, nodes: usize, mut links: Vec<Link>) -> Conduction {
        links.retain(|link| link.conductance_w_per_k > 0.0 && link.a != link.b);
        for link in &mut links {
            if link.a > link.b {
                std::mem::swap(&mut link.a, &mut link.b);
            }
        }
        // Stable: parallel links add up in the order they were given.
        links.sort_by_key(|link| (link.b, link.a));
        let (old, total) = (self.nodes(), self.nodes() + nodes);
        let entries = self.row_idx.len() + links.len() + nodes;
        let mut extended = Conduction {
            col_ptr: Vec::with_capacity(total + 1),
            row_idx: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
            order: None,
        };
        extended.col_ptr.extend_from_slice(&self.col_ptr);
        extended.row_idx.extend_from_slice(&self.row_idx);
        extended.values.extend_from_slice(&self.values);
        let mut next = 0;
        for column in old..total {
            let mut sum = 0.0;
            let first = extended.row_idx.len();
            while let Some(link) = links.get(next).filter(|link| link.b == column) {
                let repeated = extended.row_idx.len() > first && extended.row_idx.last() == Some(&link.a);
                match extended.values.last_mut() {
                    Some(value) if repeated => *value += link.conductance_w_per_k,
                    _ => {
                        extended.row_idx.push(link.a);
                        extended.values.push(link.conductance_w_per_k);
                    }
                }
                sum += link.conductance_w_per_k;
                let diagonal = extended.diagonal(link.a);
                extended.values[diagonal] += link.conductance_w_per_k;
                next += 1;
            }
            extended.row_idx.push(column);
            extended.values.push(sum);
            extended.col_ptr.push(extended.row_idx.len());
        }
        assert_eq!(next, links.len(), "every link ends at a new node");
        extended.order = self.order.as_ref().map(|order| extended.extended_order(order));
        extended
    }

    /// The same paths with an order of elimination, which [`Conduction::extended`]
    /// carries on: worked out once for what does not change.
    pub fn with_elimination_order(mut self) -> Conduction {
        self.order = super::factor::elimination_order(&self);
        self
    }

    pub(crate) fn order(&self) -> Option<&[u32]> {
        self.order.as_deref()
    }

    /// A new node is eliminated just before the last of the old nodes it is
    /// joined to: by then most of them are gone, and the fill stays small.
    fn extended_order(&self, old: &[u32]) -> Vec<u32> {
        let mut place = vec![0; old.len()];
        for (at, node) in old.iter().enumerate() {
            place[*node as usize] = at;
        }
        let mut insertions: Vec<(usize, u32)> = (old.len()..self.nodes())
            .map(|node| {
                let joined = &self.row_idx[self.col_ptr[node]..self.diagonal(node)];
                let last = joined.iter().filter(|row| **row < old.len()).map(|row| place[*row]).max();
                (last.unwrap_or(old.len()), node as u32)
            })
            .collect();
        insertions.sort_unstable();
        let mut order = Vec::with_capacity(self.nodes());
        let mut next = insertions.into_iter().peekable();
        for (at, node) in old.iter().enumerate() {
            while let Some((_, new)) = next.next_if(|insertion| insertion.0 == at) {
                order.push(new);
            }
            order.push(*node);
        }
        order.extend(next.map(|insertion| insertion.1));
        order
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.col_ptr.len() - 1
    }

    /// Adds the heat that conduction takes out of each node, W. Each path takes
    /// from one node exactly what it gives to the other.
    pub fn add_outflow(&self, temps_k: &[f64], outflow_w: &mut [f64]) {
        for column in 0..self.nodes() {
            let temp_k = temps_k[column];
            let mut sum = 0.0;
            for place in self.col_ptr[column]..self.diagonal(column) {
                let row = self.row_idx[place];
                let flow = self.values[place] * (temps_k[row] - temp_k);
                outflow_w[row] += flow;
                sum += flow;
            }
            outflow_w[column] -= sum;
        }
    }

    /// The paths in storage order.
    pub fn links(&self) -> impl Iterator<Item = Link> + '_ {
        (0..self.nodes()).flat_map(move |column| {
            (self.col_ptr[column]..self.diagonal(column)).map(move |place| Link {
                a: self.row_idx[place],
                b: column,
                conductance_w_per_k: self.values[place],
            })
        })
    }

    /// Values of the matrix with this pattern that has minus the conductances
    /// off the diagonal and their sums plus `diagonal` on it.
    pub(crate) fn matrix_values(&self, diagonal_w_per_k: &[f64], values: &mut Vec<f64>) {
        values.clear();
        values.extend(self.values.iter().map(|value| -value));
        for (node, extra) in diagonal_w_per_k.iter().enumerate() {
            let place = self.diagonal(node);
            values[place] = self.values[place] + extra;
        }
    }

    pub(crate) fn col_ptr(&self) -> &[usize] {
        &self.col_ptr
    }

    pub(crate) fn row_idx(&self) -> &[usize] {
        &self.row_idx
    }

    fn diagonal(&self, node: usize) -> usize {
        self.col_ptr[node + 1] - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(a: usize, b: usize, conductance_w_per_k: f64) -> Link {
        Link { a, b, conductance_w_per_k }
    }

    #[test]
    fn parallel_links_add_up_and_heat_is_conserved() {
        let base =
            Conduction::new(3, vec![link(0, 1, 1.0), link(2, 1, 2.0), link(1, 0, 0.5), link(1, 1, 9.0)]);
        let grown = base.extended(2, vec![link(3, 0, 4.0), link(4, 3, 8.0), link(2, 4, 0.0)]);
        assert_eq!(
            grown.links().collect::<Vec<_>>(),
            [link(0, 1, 1.5), link(1, 2, 2.0), link(0, 3, 4.0), link(3, 4, 8.0)]
        );
        let mut outflow = [0.0; 5];
        grown.add_outflow(&[300.0, 290.0, 280.0, 310.0, 305.0], &mut outflow);
        assert_eq!(outflow, [15.0 - 40.0, -15.0 + 20.0, -20.0, 40.0 + 40.0, -40.0]);
        let mut values = Vec::new();
        grown.matrix_values(&[0.25; 5], &mut values);
        assert_eq!(values[grown.diagonal(0)], 1.5 + 4.0 + 0.25);
    }
}
