//! One BOM in each form, and the liberties each form takes.

use model::{Bom, BomFormat, bom_from_value, parse_bom};
use serde_json::json;

use crate::{bom, unit, unit_with, with_code};

const CSV: &str = "id,name,dim_x,dim_y,dim_z,mass,power,category,quantity,max_temp,notes\n\
                   tx,\"Radio, S band\",120,90,40,1.2,25,communication,2,55,\n\
                   obc,计算机,100,80,50,1.8,12,avionics,,,\"two\nlines\"\n";

const YAML: &str = "
- {id: tx, name: 'Radio, S band', dimensions: {x: 120, y: 90, z: 40}, mass: 1.2, power: 25,
   category: communication, quantity: 2, max_temp: 55}
- id: obc
  name: 计算机
  dimensions: {x: 100, y: 80, z: 50}
  mass: 1.8
  power: 12
  category: avionics
  notes: \"two\\nlines\"
";

fn parsed(text: &str, format: BomFormat) -> Bom {
    let checked = parse_bom(text.as_bytes(), format).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(checked.warnings, []);
    checked.value
}

#[test]
fn the_three_forms_say_the_same() {
    let json = json!([
        unit_with(
            "tx",
            json!({"name": "Radio, S band", "dimensions": {"x": 120, "y": 90, "z": 40}, "mass": 1.2,
            "power": 25, "category": "communication", "quantity": 2, "max_temp": 55})
        ),
        unit_with("obc", json!({"name": "计算机", "mass": 1.8, "power": 12, "notes": "two\nlines"})),
    ]);
    let from_json = bom(json.clone());
    for other in [
        parsed(CSV, BomFormat::Csv),
        parsed(YAML, BomFormat::Yaml),
        bom_from_value(&json).expect("valid").value,
        bom(json!({"components": json})),
    ] {
        assert_eq!(other.entries, from_json.entries);
    }
    assert_eq!(from_json.num_components(), 3);
    assert_eq!(from_json.entries[0].size_m, [0.12, 0.09, 0.04]);
    assert_eq!(from_json.entries[0].max_temp_k, Some(328.15));
    assert_eq!(from_json.entries[0].unit_ids(), ["tx_01", "tx_02"]);
    assert_eq!(from_json.entries[1].unit_ids(), ["obc"]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    for (text, format) in [(CSV, BomFormat::Csv), (YAML, BomFormat::Yaml), ("\n [ ]", BomFormat::Json)] {
        let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
        let same = |bytes: &[u8]| parse_bom(bytes, format).map(|checked| checked.value.entries);
        assert_eq!(same(&marked), same(text.as_bytes()), "{format:?}");
    }
}

#[test]
fn csv_takes_any_column_order_separator_and_line_end() {
    let expected = parsed(CSV, BomFormat::Csv).entries;
    let semicolons = "category;id;dim_z;dim_y;dim_x;name;mass;power;quantity;max_temp;notes\r\n\
                      communication;tx;40;90;120;Radio, S band;1.2;25;2;55;\r\n\
                      avionics;obc;50;80;100;计算机;1.8;12; ;;\"two\nlines\"\r\n;;;;;;;;;;\r\n\r\n";
    assert_eq!(parsed(semicolons, BomFormat::Csv).entries, expected);
    assert_eq!(parsed(&semicolons.replace(';', "\t"), BomFormat::Csv).entries, expected);
}

#[test]
fn csv_knows_columns_of_the_richer_form() {
    let text = "id,name,dim_x,dim_y,dim_z,mass,power,category,allowed_panels,contact_conductance,emissivity,long_axis\n\
                a,A,10,10,10,0.01,1,x,+X|-Y,30,0.7,z\n";
    let entry = &parsed(text, BomFormat::Csv).entries[0];
    let panels: Vec<_> =
        entry.extras.allowed_panels.expect("given").iter().map(|panel| panel.label()).collect();
    assert_eq!(panels, ["+X", "-Y"]);
    assert_eq!(entry.extras.contact_conductance_w_per_m2_k, Some(30.0));
    assert_eq!((entry.extras.emissivity, entry.extras.long_axis), (Some(0.7), Some(2)));
}

#[test]
fn a_blank_quantity_is_one() {
    for quantity in [json!(""), json!(" "), json!(null), json!(1), json!(1.0)] {
        assert_eq!(bom(json!([unit_with("a", json!({ "quantity": quantity }))])).entries[0].quantity, 1);
    }
}

#[test]
fn yaml_anchors_and_merges_work() {
    let text = "
base: &base {dimensions: {x: 100, y: 80, z: 50}, mass: 1, power: 2, category: avionics}
components:
  - {<<: *base, id: a, name: A}
  - {<<: *base, id: b, name: B, mass: 3}
";
    let checked = parse_bom(text.as_bytes(), BomFormat::Yaml).expect("valid");
    let masses: Vec<f64> = checked.value.entries.iter().map(|entry| entry.mass_kg).collect();
    assert_eq!(masses, [1.0, 3.0]);
    assert_eq!(with_code(&checked.warnings, "bom.unknown_key").found, "\"base\"");
}

#[test]
fn yaml_words_that_look_like_booleans_stay_text() {
    let text = "- {id: no, name: on, dimensions: {x: 10, y: 10, z: 10}, mass: 0.01, power: 0, category: y}";
    let entry = &parsed(text, BomFormat::Yaml).entries[0];
    assert_eq!((entry.id.as_str(), entry.name.as_str(), entry.category.as_str()), ("no", "on", "y"));
}

#[test]
fn every_richer_key_is_read() {
    let value = json!({
        "scenario_id": "s", "description": "d",
        "components": [
            unit_with("a", json!({
                "material": "Al", "thermal_conductivity": 167, "max_temp": 60, "notes": "n", "min_temp": -10,
                "power_min": 1, "power_peak": 9, "allowed_panels": ["+Z", "-X"],
                "contact_conductance_w_m2k": 25, "emissivity": 0.5, "absorptivity": 0.3, "coating_type": "paint",
                "thermal_contacts": {"b": 120}, "long_axis": "y", "heater": {"max_power": 4, "setpoint_on": 5},
                "fov": {"axis": "out", "half_angle_deg": 20, "range_mm": 500}, "spin_axis": "out",
                "thrust_axis": "-z", "redundancy_group": "g", "heat_pipe": true, "reference": "r"})),
            unit_with("b", json!({"fixed": true, "fixed_position_min_mm": [-150, 0, 0], "fixed_turn_deg": 90,
                "fixed_panel": true, "allowed_panels": ["-X"]})),
        ],
        "envelope": {"x": 300, "y": 310, "z": 320}, "envelope_outer": [310, 320, 330], "shell_thickness_mm": 5,
        "panels": {"+X": {"absorptivity_eol": 0.2, "absorptivity_bol": 0.1, "emissivity": 0.8, "kt_w_per_k": 0.5,
            "radiator_fraction": 0.5, "coating": "OSR", "inner_emissivity": 0.7, "area_density_kg_m2": 8}},
        "edge_conductance_w_per_m_k": 60,
        "fixed_masses": [{"name": "tank", "mass": 5, "position": {"x": 0, "y": 10, "z": -20}}],
        "keepouts": [{"tag": "t", "min_mm": [0, 0, 0], "max_mm": [10, 20, 30], "exempt": ["a"], "note": "n"}],
        "relations": [
            {"type": "min_distance", "a": "a", "b": "b", "mm": 30, "reason": "r"},
            {"type": "max_distance", "a": "a", "b": "b", "mm": 300},
            {"type": "different_panel", "group": ["a", "b"]},
            {"type": "different_direction", "group": ["a", "b"], "min_angle_deg": 90},
            {"type": "symmetric_pair", "a": "a", "b": "b", "plane": "y=0"}],
        "environment": {"altitude_km": 500, "beta_deg": 30, "attitude": "nadir", "solar_hot": 1400},
        "constraints": {"max_temp_c": 60, "min_clearance_mm": 4, "max_cg_offset_mm": 30,
            "cg_limits_mm": {"x": 1, "y": 2, "z": 3}, "max_mass_kg": 50, "max_power_w": 90,
            "temperature_uncertainty_k": 5, "enforce_power_budget": true, "min_modal_freq_hz": 60},
        "units": {"length": "mm"}, "frame": {}
    });
    let checked = crate::parse_value(&value).expect("valid");
    let kept: Vec<&str> = checked
        .warnings
        .iter()
        .map(|warning| {
            assert_eq!(warning.code, "not_evaluated_yet", "{warning:?}");
            warning.pointer.rsplit('/').next().expect("a key")
        })
        .collect();
    assert_eq!(
        kept,
        [
            "min_temp",
            "power_min",
            "power_peak",
            "heater",
            "spin_axis",
            "thrust_axis",
            "redundancy_group",
            "heat_pipe",
            "fov",
            "min_modal_freq_hz"
        ]
    );
    let bom = checked.value;
    let extras = &bom.entries[0].extras;
    assert_eq!(extras.min_temp_k, Some(263.15));
    assert_eq!((extras.power_min_w, extras.power_peak_w), (Some(1.0), Some(9.0)));
    assert_eq!(extras.thermal_contacts, [("b".to_owned(), 120.0)]);
    assert_eq!(extras.heater, Some((4.0, 278.15)));
    assert_eq!(extras.kept["fov"], json!({"axis": "out", "half_angle_deg": 20.0, "range_mm": 500.0}));
    assert_eq!(extras.kept["heat_pipe"], json!(true));
    assert_eq!(bom.entries[1].extras.fixed_turn, Some(1));
    assert_eq!(bom.envelope_outer_m, Some([0.31, 0.32, 0.33]));
    assert_eq!(bom.panels[0].1.radiator_fraction, Some(0.5));
    assert_eq!(bom.fixed_masses[0].position_m, [0.0, 0.01, -0.02]);
    assert_eq!(bom.keep_outs[0].max_m, [0.01, 0.02, 0.03]);
    assert_eq!(bom.relations.len(), 5);
    let orbit = bom.orbit.expect("given");
    assert_eq!((orbit.altitude_m, orbit.solar_w_per_m2), (5e5, [1400.0, 1322.0]));
    assert_eq!(bom.limits.cg_limits_m, Some([0.001, 0.002, 0.003]));
    assert_eq!(bom.limits.kept["min_modal_freq_hz"], json!(60.0));
}

#[test]
fn a_key_that_is_not_evaluated_is_reported_once() {
    let value =
        json!([unit_with("a", json!({"min_temp": 0})), unit_with("b", json!({"min_temp": 0})), unit("c")]);
    assert_eq!(crate::parse_value(&value).expect("valid").warnings.len(), 1);
}

#[test]
fn a_bom_survives_serialization() {
    let bom =
        bom(json!({"components": [unit_with("a", json!({"quantity": 3}))], "envelope": [300, 300, 300]}));
    let text = serde_json::to_string(&bom).expect("JSON");
    assert_eq!(serde_json::from_str::<Bom>(&text).expect("a BOM"), bom);
}
