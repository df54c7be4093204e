//! What a live view of a layout needs, for those who follow a task with
//! `layout: true`: the box, where each component is and how warm, how the
//! layout stands to every limit, and the temperature field of the panels.
//! Nothing is computed for it.

use bytes::{BufMut, Bytes, BytesMut};
use experiment::{Evaluation, constraints_json};
use model::file_units::{c_from_k, mm_from_m, mm_from_m3};
use model::{Layout, Satellite, Vec3};
use realtime::socketio::Placeholder;
use serde_json::{Value, json};

/// The fields that an event gets besides its own, and the binary data in them:
/// `layout {components, envelope, keepouts, constraints, panels {mesh,
/// temperatures}}`, named as in the design state. `temperatures` are 6 n²
/// numbers for n = `mesh`, 32-bit floats, little-endian, °C: panel by panel in
/// the order of [`model::Panel::ALL`], in each row by row along its second
/// axis, in a row along its first; to the nearest eighth of a degree, far below
/// what the model knows, so that they compress.
pub(crate) fn detail(satellite: &Satellite, layout: &Layout, evaluation: &Evaluation) -> (Value, Vec<Bytes>) {
    let placed = satellite.components.iter().zip(&layout.placements).zip(&evaluation.components);
    let components: Vec<Value> = placed
        .map(|((component, placement), state)| {
            json!({
                "id": component.id,
                "panel": placement.panel.label(),
                "position": millimeters(placement.min_corner_m(component.size_m)),
                "center": millimeters(placement.center_m),
                "dimensions": millimeters(component.size_m),
                "rotation": xyz(placement.rotation_deg()),
                "temperature": rounded(c_from_k(state.temp_k), 100.0),
                "temp_margin": rounded(state.temp_margin_k, 100.0),
                "clearance": state.clearance_m.and_then(|clearance_m| rounded(mm_from_m(clearance_m), 100.0)),
            })
        })
        .collect();
    let temps = &evaluation.thermal.panel_temps_k;
    let mut field = BytesMut::with_capacity(4 * temps.len());
    for temp_k in temps {
        field.put_f32_le((c_from_k(*temp_k) * 8.0).round() as f32 / 8.0);
    }
    let panels = json!({ "mesh": evaluation.thermal.mesh, "temperatures": Value::from(Placeholder(0)) });
    let keepouts = satellite.keep_outs.iter().map(|keep_out| {
        json!({
            "min_point": millimeters(keep_out.min_m),
            "max_point": millimeters(keep_out.max_m),
            "tag": keep_out.tag,
        })
    });
    let layout = json!({
        "components": components,
        "envelope": { "inner_size": millimeters(satellite.envelope.inner_size_m) },
        "keepouts": keepouts.collect::<Vec<_>>(),
        "constraints": constraints(satellite, evaluation),
        "panels": panels,
    });
    (json!({ "layout": layout }), vec![field.freeze()])
}

/// As in the design state, to a millionth of each unit.
fn constraints(satellite: &Satellite, evaluation: &Evaluation) -> Value {
    let mut constraints = constraints_json(evaluation, satellite);
    for constraint in constraints.as_array_mut().into_iter().flatten() {
        for key in ["value", "limit", "margin"] {
            let number = constraint[key].as_f64();
            constraint[key] = number.and_then(|number| rounded(number, 1e6)).into();
        }
    }
    constraints
}

/// To a thousandth of a millimeter.
fn millimeters(value_m: Vec3) -> Value {
    xyz(mm_from_m3(value_m).map(|value| (value * 1000.0).round() / 1000.0 + 0.0))
}

fn xyz([x, y, z]: Vec3) -> Value {
    json!({ "x": x, "y": y, "z": z })
}

fn rounded(value: f64, parts: f64) -> Option<f64> {
    value.is_finite().then(|| (value * parts).round() / parts)
}
