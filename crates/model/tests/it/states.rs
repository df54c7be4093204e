//! The design state file, and layouts read back.

use model::config::SystemConfig;
use model::design_state::{
    ComponentNumbers, DesignState, StateConstraint, StateMetadata, layout_from_state, layout_from_value,
};
use model::{Layout, LimitSet, Panel, Placement, Satellite, assemble};
use serde_json::{Value, json};

use crate::{assert_complete, bom, unit, unit_with, with_code};

fn satellite() -> Satellite {
    let value = json!({"components": [unit_with("tx", json!({"quantity": 2})), unit("obc")],
        "envelope": [400, 400, 400], "keepouts": [{"tag": "fov", "min_mm": [0, 0, 0], "max_mm": [1, 2, 3]}]});
    assemble(Some(&bom(value)), &SystemConfig::default(), &LimitSet::default()).expect("valid").value
}

fn layout() -> Layout {
    Layout {
        placements: vec![
            Placement { panel: Panel::XPlus, turn: 1, center_m: [0.175, 0.01, -0.02] },
            Placement { panel: Panel::ZMinus, turn: 2, center_m: [0.0, 0.05, -0.175] },
            Placement { panel: Panel::YMinus, turn: 3, center_m: [-0.1, -0.175, 0.1] },
        ],
    }
}

fn state() -> DesignState {
    let numbers = ComponentNumbers {
        temp_k: Some(300.15),
        temp_margin_k: Some(12.5),
        clearance_m: Some(f64::INFINITY),
        containment_m: Some(-0.001),
    };
    DesignState::new(3, &satellite(), &layout(), &[numbers], StateMetadata::default())
}

#[test]
fn the_file_is_in_mm_degrees_and_minimum_corners() {
    let value = serde_json::to_value(state()).expect("JSON");
    let first = &value["components"][0];
    assert_eq!(first["id"], json!("tx_01"));
    // Turned once on +X: 50 along x, 80 along y, 100 along z.
    assert_eq!(first["position"], json!({"x": 150.0, "y": -30.0, "z": -70.0}));
    assert_eq!(first["center"], json!({"x": 175.0, "y": 10.0, "z": -20.0}));
    assert_eq!(first["dimensions"], json!({"x": 100.0, "y": 80.0, "z": 50.0}));
    assert_eq!((first["panel"].clone(), first["turn"].clone()), (json!("+X"), json!(1)));
    assert_eq!(first["temperature"], json!(27.0));
    assert_eq!(first["temp_margin"], json!(12.5));
    assert_eq!(first["clearance"], Value::Null, "infinity is no JSON number");
    assert_eq!(first["containment"], json!(-1.0));
    assert_eq!(value["components"][1]["temperature"], Value::Null);
    assert_eq!(value["iteration"], json!(3));
    assert_eq!(value["envelope"]["inner_size"], json!({"x": 400.0, "y": 400.0, "z": 400.0}));
    assert_eq!(value["envelope"]["thickness"], json!(1.0));
    assert_eq!(value["envelope"]["origin"], json!("center"));
    assert_eq!(value["keepouts"][0]["max_point"], json!({"x": 1.0, "y": 2.0, "z": 3.0}));
    assert!(value["metadata"]["position"].as_str().expect("text").contains("minimum corner"));
}

#[test]
fn constraints_change_their_units() {
    let constraint = |unit: &str, values| StateConstraint::from_si("thermal", values, unit, vec![], 0);
    let temp = constraint("K", (300.15, 323.15, 13.0));
    assert_eq!((temp.value, temp.limit, temp.margin, temp.unit.as_str()), (27.0, 50.0, 13.0, "degC"));
    let length = constraint("m", (0.004, 0.003, 0.001));
    assert_eq!((length.value, length.limit, length.margin, length.unit.as_str()), (4.0, 3.0, 1.0, "mm"));
    assert_eq!(constraint("rad", (std::f64::consts::PI, 0.0, 0.0)).value, 180.0);
    assert_eq!(constraint("kg", (5.0, 6.0, 1.0)).unit, "kg");
}

#[test]
fn a_layout_comes_back_from_its_file() {
    let text = serde_json::to_string(&state()).expect("JSON");
    let read: DesignState = serde_json::from_str(&text).expect("a state");
    let back = layout_from_state(&read, &satellite()).expect("a layout").value;
    for (found, wanted) in back.placements.iter().zip(&layout().placements) {
        assert_eq!((found.panel, found.turn), (wanted.panel, wanted.turn));
        // The file rounds to a nanometre.
        assert!((0..3).all(|axis| (found.center_m[axis] - wanted.center_m[axis]).abs() < 1e-9));
    }
}

#[test]
fn position_and_rotation_alone_are_enough() {
    let mut value = serde_json::to_value(state()).expect("JSON");
    for component in value["components"].as_array_mut().expect("a list") {
        for key in ["panel", "turn", "center"] {
            component.as_object_mut().expect("an object").remove(key);
        }
    }
    let back = layout_from_value(&value, "", &satellite()).expect("a layout").value;
    for (found, wanted) in back.placements.iter().zip(&layout().placements) {
        assert_eq!((found.panel, found.turn), (wanted.panel, wanted.turn));
        assert!((0..3).all(|axis| (found.center_m[axis] - wanted.center_m[axis]).abs() < 1e-9));
    }
}

#[test]
fn layouts_that_do_not_fit_the_satellite_are_refused() {
    let place = |id: &str| json!({"id": id, "panel": "+X", "turn": 0, "center": [0, 0, 0]});
    let all = [place("tx_01"), place("tx_02"), place("obc")];
    for (value, code, pointer) in [
        (json!({}), "layout.no_components", "/layout"),
        (json!([all[0], all[1]]), "layout.component_missing", "/layout"),
        (json!([all[0], all[1], all[2], all[2]]), "layout.duplicate_id", "/layout/3/id"),
        (json!([all[0], all[1], place("ob")]), "layout.unknown_component", "/layout/2/id"),
        (
            json!([{"id": "obc", "panel": "top", "center": [0, 0, 0]}]),
            "layout.unknown_value",
            "/layout/0/panel",
        ),
        (
            json!([{"id": "obc", "panel": "+X", "turn": 4, "center": [0, 0, 0]}]),
            "layout.out_of_range",
            "/layout/0/turn",
        ),
        (json!([{"id": "obc", "panel": "+X"}]), "layout.missing_field", "/layout/0/position"),
        (json!([{"id": "obc", "center": [0, 0, 0]}]), "layout.missing_field", "/layout/0/rotation"),
        (
            json!([{"id": "obc", "rotation": [0, 45, 0], "center": [0, 0, 0]}]),
            "layout.rotation_not_mounted",
            "/layout/0/rotation",
        ),
        (
            json!([{"id": "obc", "panel": "+X", "center": [0, "a", 0]}]),
            "layout.wrong_type",
            "/layout/0/center/1",
        ),
        (json!([{"panel": "+X"}]), "layout.missing_field", "/layout/0/id"),
        (json!([7]), "layout.wrong_type", "/layout/0"),
    ] {
        let problems = layout_from_value(&value, "/layout", &satellite()).expect_err(code);
        problems.iter().for_each(assert_complete);
        assert!(
            problems.iter().any(|p| p.code == code && p.pointer == pointer),
            "{code} {pointer} {problems:#?}"
        );
    }
    let problems = layout_from_value(&json!([place("ob")]), "", &satellite()).expect_err("unknown");
    assert_eq!(with_code(&problems, "layout.unknown_component").fix.as_deref(), Some("obc"));
}
