//! What a live view of a layout needs, for those who follow a task with
//! `layout: true`: where each component is and how warm, and the temperature
//! field of the panels. Nothing is computed for it.

use bytes::{BufMut, Bytes, BytesMut};
use experiment::Evaluation;
use model::file_units::{c_from_k, mm_from_m3};
use model::{Layout, Satellite, Vec3};
use realtime::socketio::Placeholder;
use serde_json::{Value, json};

/// The fields that an event gets besides its own, and the binary data in them:
/// `layout {components, panels {mesh, temperatures}}`. `temperatures` are 6 n²
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
            })
        })
        .collect();
    let temps = &evaluation.thermal.panel_temps_k;
    let mut field = BytesMut::with_capacity(4 * temps.len());
    for temp_k in temps {
        field.put_f32_le((c_from_k(*temp_k) * 8.0).round() as f32 / 8.0);
    }
    let panels = json!({ "mesh": evaluation.thermal.mesh, "temperatures": Value::from(Placeholder(0)) });
    (json!({ "layout": { "components": components, "panels": panels } }), vec![field.freeze()])
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
