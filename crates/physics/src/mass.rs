use model::satellite::Envelope;
use model::{Layout, Panel, Satellite, Vec3};
use nalgebra::{Matrix3, SymmetricEigen};

/// Mass, centre of mass and inertia of a set of bodies. SI units, body frame.
#[derive(Debug, Clone, PartialEq)]
pub struct MassProperties {
    /// Total, kg.
    pub mass_kg: f64,
    /// Centre of mass from the frame's origin, m.
    pub cg_m: Vec3,
    /// Inertia tensor about the centre of mass, axes of the frame, kg m². The
    /// off-diagonal entries are minus the products of inertia.
    pub inertia_kg_m2: [[f64; 3]; 3],
    /// Principal moments, ascending, kg m².
    pub principal_inertia_kg_m2: [f64; 3],
}

/// A homogeneous box; size zero along an axis makes it a plate, along all three
/// a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Body {
    /// Mass, kg.
    pub mass_kg: f64,
    /// Extents along its own axes, m.
    pub size_m: Vec3,
    /// Centre in the frame, m.
    pub center_m: Vec3,
    /// Columns are the images of its own axes.
    pub rotation: [[f64; 3]; 3],
}

/// No rotation.
pub const IDENTITY: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Mass properties of components, panels and fixed masses together.
///
/// Components are homogeneous boxes, fixed masses points. A panel is a thin
/// plate of its inner area in the middle plane of the wall.
pub fn of_layout(satellite: &Satellite, layout: &Layout) -> MassProperties {
    let components = satellite.components.iter().zip(&layout.placements).map(|(component, placement)| Body {
        mass_kg: component.mass_kg,
        size_m: component.size_m,
        center_m: placement.center_m,
        rotation: placement.rotation(),
    });
    let fixed = satellite.fixed_masses.iter().map(|fixed| Body {
        mass_kg: fixed.mass_kg,
        size_m: [0.0; 3],
        center_m: fixed.position_m,
        rotation: IDENTITY,
    });
    let panels = Panel::ALL.into_iter().map(|panel| {
        plate(&satellite.envelope, panel, satellite.panels[panel.index()].area_density_kg_per_m2)
    });
    of_bodies(&components.chain(fixed).chain(panels).collect::<Vec<_>>())
}

fn plate(envelope: &Envelope, panel: Panel, area_density_kg_per_m2: f64) -> Body {
    let axis = panel.normal_axis();
    let mut size_m = envelope.inner_size_m;
    size_m[axis] = 0.0;
    let mut center_m = [0.0; 3];
    center_m[axis] =
        panel.outward_sign() * 0.25 * (envelope.inner_size_m[axis] + envelope.outer_size_m[axis]);
    Body {
        mass_kg: area_density_kg_per_m2 * envelope.inner_area_m2(panel),
        size_m,
        center_m,
        rotation: IDENTITY,
    }
}

/// m = Σ mᵢ; r = Σ mᵢ rᵢ / m; I = Σ Rᵢ Iᵢ Rᵢᵀ + mᵢ (|dᵢ|² 1 - dᵢ dᵢᵀ) with dᵢ = rᵢ - r.
/// Without any mass everything is zero.
pub fn of_bodies(bodies: &[Body]) -> MassProperties {
    let mass_kg: f64 = bodies.iter().map(|body| body.mass_kg).sum();
    let mut cg_m = [0.0; 3];
    if mass_kg > 0.0 {
        for (axis, cg) in cg_m.iter_mut().enumerate() {
            *cg = bodies.iter().map(|body| body.mass_kg * body.center_m[axis]).sum::<f64>() / mass_kg;
        }
    }
    let mut inertia = [[0.0; 3]; 3];
    for body in bodies {
        let square = body.size_m.map(|side| side * side);
        let own = [square[1] + square[2], square[0] + square[2], square[0] + square[1]]
            .map(|sum| body.mass_kg * sum / 12.0);
        let d: Vec3 = std::array::from_fn(|axis| body.center_m[axis] - cg_m[axis]);
        let d_square = d.iter().map(|value| value * value).sum::<f64>();
        for row in 0..3 {
            for column in 0..3 {
                let rotated: f64 =
                    (0..3).map(|k| body.rotation[row][k] * own[k] * body.rotation[column][k]).sum();
                let parallel = if row == column { d_square } else { 0.0 } - d[row] * d[column];
                inertia[row][column] += rotated + body.mass_kg * parallel;
            }
        }
    }
    let matrix = Matrix3::from_fn(|row, column| 0.5 * (inertia[row][column] + inertia[column][row]));
    let eigenvalues = SymmetricEigen::new(matrix).eigenvalues;
    let mut principal = [eigenvalues[0], eigenvalues[1], eigenvalues[2]];
    principal.sort_by(f64::total_cmp);
    MassProperties { mass_kg, cg_m, inertia_kg_m2: inertia, principal_inertia_kg_m2: principal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_box_of_plates_has_the_inertia_of_a_shell() {
        let envelope = Envelope { inner_size_m: [1.0; 3], outer_size_m: [1.0; 3], fill_ratio: None };
        let plates: Vec<Body> = Panel::ALL.into_iter().map(|panel| plate(&envelope, panel, 1.0)).collect();
        let properties = of_bodies(&plates);
        assert!((properties.mass_kg - 6.0).abs() < 1e-15);
        // Thin cubic shell: I = 5/18 m a².
        for moment in properties.principal_inertia_kg_m2 {
            assert!((moment - 5.0 / 18.0 * 6.0).abs() < 1e-14, "{moment}");
        }
    }

    #[test]
    fn nothing_weighs_nothing() {
        let properties = of_bodies(&[]);
        assert_eq!((properties.mass_kg, properties.cg_m), (0.0, [0.0; 3]));
        assert_eq!(properties.principal_inertia_kg_m2, [0.0; 3]);
    }
}
