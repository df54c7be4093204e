//! From files to a satellite: quantities, defaults, references, precedence.

use model::config::{Origin, SystemConfig};
use model::satellite::{PanelProperties, Relation, Strap};
use model::{Checked, LimitSet, Panel, Problem, Satellite, assemble, parse_config};
use serde_json::{Value, json};

use crate::{assert_complete, bom, unit, unit_with, with_code};

fn assembled(value: Value, config: &SystemConfig) -> Result<Checked<Satellite>, Vec<Problem>> {
    assemble(Some(&bom(value)), config, &LimitSet::default())
}

fn satellite(value: Value) -> Satellite {
    assembled(value, &SystemConfig::default()).unwrap_or_else(|problems| panic!("{problems:#?}")).value
}

fn config(text: &str) -> SystemConfig {
    parse_config(text.as_bytes(), Origin::Client).unwrap_or_else(|problems| panic!("{problems:#?}")).value
}

fn close(a: f64, b: f64) -> bool {
    // Sums and quotients of a few f64: a relative error of 1e-12 is rounding.
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

#[test]
fn quantities_expand_in_order() {
    let satellite = satellite(json!([unit("a"), unit_with("b", json!({"quantity": 3}))]));
    let ids: Vec<&str> = satellite.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(ids, ["a", "b_01", "b_02", "b_03"]);
}

#[test]
fn an_automatic_envelope_has_the_volume_and_the_ratio() {
    let config = config(
        "geometry: {envelope: {auto_envelope: true, fill_ratio: 0.30, size_ratio: [1.7, 1.8, 1.5], shell_thickness_mm: 5.0}}",
    );
    let units = json!([
        unit_with("a", json!({"dimensions": {"x": 200, "y": 150, "z": 100}})),
        unit_with("b", json!({"dimensions": {"x": 180, "y": 180, "z": 120}})),
    ]);
    let envelope = assembled(units, &config).expect("valid").value.envelope;
    let outer_mm = envelope.outer_size_m.map(|size| (size * 1e4).round() / 10.0);
    // The known result for these sizes, to a tenth of a millimetre.
    assert_eq!(outer_mm, [290.7, 307.8, 256.5]);
    assert!(close(envelope.outer_size_m.iter().product::<f64>(), (3.0e-3 + 3.888e-3) / 0.3));
    assert!((0..3).all(|axis| close(envelope.inner_size_m[axis], envelope.outer_size_m[axis] - 0.01)));
    assert_eq!(envelope.fill_ratio, Some(0.3));
}

#[test]
fn the_envelope_of_the_bom_wins_and_is_the_inner_size() {
    let stated = config("geometry: {envelope: {size_mm: [400, 500, 600], shell_thickness_mm: 10}}");
    let inner = |value: Value| assembled(value, &stated).expect("valid").value.envelope;
    let of_config = inner(json!([unit("a")]));
    assert!(close(of_config.inner_size_m[0], 0.38) && of_config.outer_size_m == [0.4, 0.5, 0.6]);
    let of_bom = inner(json!({"components": [unit("a")], "envelope": {"x": 300, "y": 310, "z": 320}}));
    assert_eq!(of_bom.inner_size_m, [0.3, 0.31, 0.32]);
    assert!(close(of_bom.outer_size_m[0], 0.32) && close(of_bom.thickness_m(), 0.01));
    let with_outer = inner(json!({"components": [unit("a")], "envelope": [300, 310, 320],
        "envelope_outer": [306, 312, 320], "shell_thickness_mm": 2}));
    assert_eq!(with_outer.outer_size_m, [0.306, 0.312, 0.32]);
}

#[test]
fn a_shell_that_leaves_no_room_is_an_error() {
    let thick = config("geometry: {envelope: {shell_thickness_mm: 300}}");
    let problems = assembled(json!([unit("a")]), &thick).expect_err("no room");
    assert_complete(with_code(&problems, "envelope.shell_too_thick"));
}

#[test]
fn the_default_thermal_world_is_the_documented_one() {
    let satellite = satellite(json!([unit("a")]));
    let panel = satellite.panels[0];
    let expected = PanelProperties {
        kt_w_per_k: 0.334,
        area_density_kg_per_m2: 5.4,
        outer_emissivity: 0.85,
        outer_absorptivity: 0.25,
        outer_absorptivity_bol: 0.25,
        inner_emissivity: 0.80,
    };
    assert!(satellite.panels.iter().all(|other| *other == panel));
    for (found, wanted) in [
        (panel.kt_w_per_k, expected.kt_w_per_k),
        (panel.area_density_kg_per_m2, expected.area_density_kg_per_m2),
        (panel.outer_emissivity, expected.outer_emissivity),
        (panel.outer_absorptivity, expected.outer_absorptivity),
        (panel.outer_absorptivity_bol, expected.outer_absorptivity_bol),
        (panel.inner_emissivity, expected.inner_emissivity),
        (satellite.edge_conductance_w_per_m_k, 50.0),
        (satellite.environment.space_temp_k, 2.7),
        (satellite.environment.hot_absorbed_w_per_m2[3], 60.0),
        (satellite.environment.cold_absorbed_w_per_m2[3], 20.0),
        (satellite.components[0].contact_conductance_w_per_m2_k, 150.0),
        (satellite.components[0].emissivity, 0.80),
        (satellite.components[0].power_min_w, 2.5),
        (satellite.components[0].power_peak_w, 5.0),
        (satellite.limits.temperature_uncertainty_k, 10.0),
    ] {
        assert!(close(found, wanted), "{found} {wanted}");
    }
    assert_eq!(satellite.environment.orbit, None);
}

#[test]
fn insulation_covers_what_is_not_radiator() {
    let satellite = satellite(json!({"components": [unit("a")], "panels": {
        "+Y": {"absorptivity_eol": 0.2, "absorptivity_bol": 0.12, "emissivity": 0.8, "radiator_fraction": 0.49},
        "-Z": {"absorptivity": 0.5}}}));
    let panel = satellite.panels[Panel::YPlus.index()];
    assert!(close(panel.outer_emissivity, 0.49 * 0.8 + 0.51 * 0.03));
    assert!(close(panel.outer_absorptivity, 0.49 * 0.2 + 0.51 * 0.018));
    assert!(close(panel.outer_absorptivity_bol, 0.49 * 0.12 + 0.51 * 0.012));
    let absorbed = satellite.environment.hot_absorbed_w_per_m2;
    assert!(close(absorbed[Panel::YPlus.index()], 60.0 * panel.outer_absorptivity / 0.25));
    assert!(close(absorbed[Panel::ZMinus.index()], 120.0), "twice the absorptivity, twice the heat");
    assert!(close(satellite.environment.cold_absorbed_w_per_m2[Panel::ZMinus.index()], 40.0));
    assert_eq!(absorbed[0], 60.0);
}

#[test]
fn limits_of_the_task_count_before_bom_configuration_and_default() {
    let bom =
        bom(json!({"components": [unit("a")], "constraints": {"max_temp_c": 40, "min_clearance_mm": 4}}));
    let plain = bom.clone();
    let file =
        config("simulation: {constraints: {max_temp_c: 50, min_clearance_mm: 3, max_cg_offset_mm: 99}}");
    let task = model::limits_from_value(&json!({"max_temp": 30}), "/constraints").expect("valid").value;
    let limits = assemble(Some(&bom), &file, &task).expect("valid").value.limits;
    assert_eq!((limits.max_temp_k, limits.min_clearance_m, limits.max_cg_offset_m), (303.15, 0.004, 0.099));
    assert_eq!((limits.max_mass_kg, limits.max_power_w), (Some(150.0), Some(500.0)));
    let limits =
        assemble(Some(&plain), &SystemConfig::default(), &LimitSet::default()).expect("valid").value.limits;
    assert_eq!((limits.max_temp_k, limits.max_cg_offset_m), (313.15, 0.02));
    let bare = satellite(json!([unit("a")])).limits;
    assert_eq!((bare.max_temp_k, bare.min_clearance_m, bare.max_cg_offset_m), (338.15, 0.006, 0.02));
    assert_eq!((bare.max_mass_kg, bare.max_power_w, bare.enforce_power_budget), (None, Some(200.0), false));
}

#[test]
fn thermal_contacts_are_straps_over_the_smaller_base() {
    let units = json!([
        unit_with("a", json!({"thermal_contacts": {"b": 100, "c": 50}})),
        unit_with("b", json!({"thermal_contacts": {"a": 80}, "dimensions": {"x": 20, "y": 10, "z": 90}})),
        unit_with("c", json!({"quantity": 2})),
    ]);
    let checked = assembled(units, &SystemConfig::default()).expect("valid");
    let straps = &checked.value.straps;
    let pairs: Vec<(usize, usize)> = straps.iter().map(|Strap { a, b, .. }| (*a, *b)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (0, 3)]);
    // Both ends state a-b; the smaller figure counts.
    assert!(close(straps[0].conductance_w_per_k, 80.0 * 0.02 * 0.01));
    assert!(close(straps[1].conductance_w_per_k, 50.0 * 0.1 * 0.08));
    assert_complete(with_code(&checked.warnings, "bom.contact_conflict"));
}

#[test]
fn a_thermal_component_with_emissivity_gives_the_panel_its_optics() {
    let satellite = satellite(json!([
        unit_with("r", json!({"category": "thermal", "emissivity": 0.86, "absorptivity": 0.3})),
        unit_with("s", json!({"category": "Thermal", "emissivity": 0.7})),
        unit_with("t", json!({"category": "thermal"})),
        unit_with("u", json!({"category": "payload", "emissivity": 0.1})),
    ]));
    let optics = |at: usize| satellite.components[at].outer_optics.map(|o| (o.emissivity, o.absorptivity));
    assert_eq!(optics(0), Some((0.86, 0.3)));
    assert_eq!(optics(1), Some((0.7, 0.25)));
    assert_eq!((optics(2), optics(3)), (None, None));
    assert_eq!((satellite.components[0].emissivity, satellite.components[3].emissivity), (0.86, 0.1));
}

#[test]
fn ids_become_indices_also_of_units() {
    let satellite =
        satellite(json!({"components": [unit("a"), unit_with("b", json!({"quantity": 2})), unit("c")],
        "relations": [
            {"type": "min_distance", "a": "b", "b": "c", "mm": 10},
            {"type": "max_distance", "a": "a", "b": "b_02", "mm": 20},
            {"type": "different_panel", "group": ["b", "a"]},
            {"type": "different_direction", "group": ["b_01", "c"], "min_angle_deg": 180},
            {"type": "symmetric_pair", "a": "b_01", "b": "b_02", "plane": "z=0"}],
        "keepouts": [{"tag": "k", "min_mm": [0, 0, 0], "max_mm": [1, 1, 1], "exempt": ["b"]}]}));
    assert_eq!(
        satellite.relations,
        [
            Relation::MinDistance { a: 1, b: 3, distance_m: 0.01 },
            Relation::MinDistance { a: 2, b: 3, distance_m: 0.01 },
            Relation::MaxDistance { a: 0, b: 2, distance_m: 0.02 },
            Relation::DifferentPanel { group: vec![0, 1, 2] },
            Relation::DifferentDirection { group: vec![1, 3], min_angle_rad: std::f64::consts::PI },
            Relation::SymmetricPair { a: 1, b: 2, axis: 2 },
        ]
    );
    assert_eq!(satellite.keep_outs[0].exempt, [1, 2]);
}

#[test]
fn relations_cannot_swell_without_limit() {
    let units = json!([unit_with("a", json!({"quantity": 250})), unit_with("b", json!({"quantity": 250}))]);
    let relation = json!({"type": "min_distance", "a": "a", "b": "b", "mm": 10});
    let problems = assembled(json!({"components": units, "relations": [relation]}), &SystemConfig::default())
        .expect_err("62,500 rules");
    assert_eq!(with_code(&problems, "bom.too_many_relations").found, "62500");
}

fn fixed(changes: Value) -> Value {
    let mut all = json!({"fixed": true, "dimensions": {"x": 200, "y": 100, "z": 50}});
    for (key, value) in changes.as_object().expect("an object") {
        all[key] = value.clone();
    }
    json!({"components": [unit_with("f", all)], "envelope": [400, 400, 400]})
}

#[test]
fn a_fixed_placement_is_read_from_its_corner() {
    for (changes, panel, turn, center_mm) in [
        (json!({"fixed_position_min_mm": [-100, -50, -200]}), Panel::ZMinus, 0, [0.0, 0.0, -175.0]),
        (json!({"fixed_position_min_mm": [-100, -50, 150]}), Panel::ZPlus, 0, [0.0, 0.0, 175.0]),
        // On +X local x lies along y: 50 x 200 x 100.
        (json!({"fixed_position_min_mm": [150, -100, -50]}), Panel::XPlus, 0, [175.0, 0.0, 0.0]),
        (
            json!({"fixed_position_min_mm": [-50, -100, -200], "fixed_turn_deg": 90}),
            Panel::ZMinus,
            1,
            [0.0, 0.0, -175.0],
        ),
        // At y = 150 only the turned box stays inside.
        (
            json!({"fixed_position_min_mm": [100, 0, -200], "allowed_panels": ["-Z"]}),
            Panel::ZMinus,
            1,
            [150.0, 100.0, -175.0],
        ),
        // Files round: 0.05 mm off the panel is on the panel.
        (json!({"fixed_position_min_mm": [-100, -50, -199.95]}), Panel::ZMinus, 0, [0.0, 0.0, -175.0]),
        (
            json!({"fixed_position_min_mm": [-100, -50, -200], "long_axis": "y"}),
            Panel::ZMinus,
            1,
            [-50.0, 50.0, -175.0],
        ),
    ] {
        let found = satellite(fixed(changes.clone())).components[0].fixed.expect("fixed");
        assert_eq!((found.panel, found.turn), (panel, turn), "{changes}");
        assert!(
            (0..3).all(|axis| close(found.center_m[axis] * 1000.0, center_mm[axis])),
            "{changes} {found:?}"
        );
    }
}

#[test]
fn a_fixed_placement_off_its_panels_or_on_two_is_an_error() {
    let problems =
        assembled(fixed(json!({"fixed_position_min_mm": [-100, -50, 0]})), &SystemConfig::default());
    assert_complete(with_code(&problems.expect_err("floats"), "bom.fixed_not_on_panel"));
    let not_allowed = fixed(json!({"fixed_position_min_mm": [-100, -50, -200], "allowed_panels": ["+Z"]}));
    let problems = assembled(not_allowed, &SystemConfig::default()).expect_err("another panel");
    assert_eq!(with_code(&problems, "bom.fixed_not_on_panel").pointer, "/components/0/fixed_position_min_mm");
    let cube =
        json!({"dimensions": {"x": 50, "y": 50, "z": 50}, "fixed_position_min_mm": [-200, -200, -200]});
    let problems = assembled(fixed(cube), &SystemConfig::default()).expect_err("a corner");
    let problem = with_code(&problems, "bom.fixed_ambiguous");
    assert_complete(problem);
    assert_eq!(problem.found, "-X, -Y, -Z");
}

#[test]
fn the_impossible_is_a_warning_and_not_an_error() {
    let beam = json!({"dimensions": {"x": 3000, "y": 50, "z": 50}});
    for (value, code) in [
        (
            json!({"components": [unit_with("beam", beam.clone())], "envelope": [400, 400, 400]}),
            "envelope.component_too_large",
        ),
        (json!([unit("a"), unit_with("beam", beam)]), "envelope.component_too_large"),
        (
            json!({"components": [unit_with("a", json!({"quantity": 9}))], "envelope": [110, 110, 110]}),
            "envelope.too_small",
        ),
        (
            json!([unit_with("a", json!({"long_axis": "z", "allowed_panels": ["+Z"]}))]),
            "bom.long_axis_impossible",
        ),
        (
            fixed(json!({"fixed_position_min_mm": [250, -50, -200], "allowed_panels": ["-Z"]})),
            "envelope.fixed_outside",
        ),
    ] {
        let checked = assembled(value, &SystemConfig::default()).expect("a value");
        assert_complete(with_code(&checked.warnings, code));
    }
}

#[test]
fn fixed_components_that_stand_in_each_other_are_both_named() {
    let at = |id: &str, x: f64, more: Value| {
        let mut all = json!({"fixed": true, "allowed_panels": ["-Z"], "fixed_position_min_mm": [x, 0, -200]});
        for (key, value) in more.as_object().expect("an object") {
            all[key] = value.clone();
        }
        unit_with(id, all)
    };
    let overlaps = |units: Value| -> Vec<String> {
        let bom = json!({"components": units, "envelope": [400, 400, 400]});
        let checked = assembled(bom, &SystemConfig::default()).expect("a value");
        let found = checked.warnings.iter().filter(|warning| warning.code == "envelope.fixed_overlap");
        found.inspect(|warning| assert_complete(warning)).map(|warning| warning.message_en.clone()).collect()
    };
    let size = json!({"dimensions": {"x": 100, "y": 80, "z": 50}});
    let b = |x| overlaps(json!([at("a", -150.0, size.clone()), at("b", x, size.clone())]));
    assert_eq!(b(-60.0), ["a and b: two fixed components overlap, no layout can be feasible"]);
    // Side by side, also as files round it; and free units never stand anywhere yet.
    for x in [-50.0, -50.1, 0.0] {
        assert_eq!(b(x), [""; 0], "{x}");
    }
    assert_eq!(overlaps(json!([at("a", -150.0, size.clone()), unit("b")])), [""; 0]);
    let all_in_one =
        json!([at("a", 0.0, size.clone()), at("b", 10.0, size.clone()), at("c", 20.0, size.clone()),]);
    let named = overlaps(all_in_one);
    assert_eq!(named.len(), 2, "each once: {named:?}");
}

#[test]
fn the_configuration_s_components_serve_when_there_is_no_bom() {
    let file = config(
        "geometry: {components: [{id: a, dims_mm: [100, 80, 50], mass_kg: 1, power_w: 3, category: c}]}",
    );
    let satellite = assemble(None, &file, &LimitSet::default()).expect("valid").value;
    assert_eq!(satellite.components[0].id, "a");
    let problems = assemble(None, &SystemConfig::default(), &LimitSet::default()).expect_err("nothing");
    assert_complete(with_code(&problems, "bom.empty"));
}

#[test]
fn keep_outs_of_the_configuration_count_from_center_or_corner() {
    let text = |origin: &str| {
        format!(
            "geometry: {{envelope: {{size_mm: [220, 220, 220], shell_thickness_mm: 10, origin: {origin}}}, keepouts: [{{min_mm: [0, 0, 0], max_mm: [10, 10, 10]}}]}}"
        )
    };
    let corner = |origin: &str| {
        assembled(json!([unit("a")]), &config(&text(origin))).expect("valid").value.keep_outs[0].min_m
    };
    assert_eq!(corner("center"), [0.0; 3]);
    assert!(corner("corner").iter().all(|value| close(*value, -0.1)));
}

#[test]
fn a_satellite_survives_serialization() {
    let satellite = satellite(fixed(json!({"fixed_position_min_mm": [-100, -50, -200]})));
    let text = serde_json::to_string(&satellite).expect("JSON");
    assert_eq!(serde_json::from_str::<Satellite>(&text).expect("a satellite"), satellite);
}

#[test]
fn a_power_limit_that_nobody_enforces_is_warned_about() {
    for (constraints, expected) in [
        (json!({"max_power_w": 3}), true),
        (json!({"max_power_w": 3, "enforce_power_budget": false}), false),
        (json!({"max_power_w": 3, "enforce_power_budget": true}), false),
        (json!({}), false),
    ] {
        let bom = json!({"components": [unit("a")], "constraints": constraints});
        let checked = assembled(bom, &SystemConfig::default()).expect("a satellite");
        let warned = checked.warnings.iter().any(|warning| warning.code == "limits.no_effect");
        assert_eq!(warned, expected, "{constraints}");
    }
}
