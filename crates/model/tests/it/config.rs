//! The configuration file: every key honoured or warned about.

use model::config::{MAX_CONFIG_BYTES, Origin, SystemConfig};
use model::{Checked, Problem, examples, parse_config};
use serde_json::json;

use crate::{assert_complete, with_code};

fn parse(text: &str) -> Result<Checked<SystemConfig>, Vec<Problem>> {
    parse_config(text.as_bytes(), Origin::Client)
}

fn config(text: &str) -> SystemConfig {
    parse(text).unwrap_or_else(|problems| panic!("{problems:#?}")).value
}

/// The shape of the files in use, with every key such a file may have.
const IN_USE: &str = r#"
project: {name: Sat, version: 1.0, description: demo}
geometry:
  envelope: {auto_envelope: true, fill_ratio: 0.30, size_ratio: [1.7, 1.8, 1.5], shell_thickness_mm: 5.0, origin: center}
  components:
    - {id: box_a, dims_mm: [100, 80, 50], mass_kg: 1.5, power_w: 10, category: avionics}
  keepouts:
    - {min_mm: [0, 0, 0], max_mm: [10, 10, 10], tag: sensor_fov}
  clearance_mm: 20
  multistart: 3
  synth: {n_parts: 5, dims_min_mm: [1, 1, 1], dims_max_mm: [2, 2, 2], seed: 42}
simulation:
  backend: comsol
  type: COMSOL
  matlab_workspace: w
  matlab_function: f
  comsol_model: models/x.mph
  comsol_parameters: [a]
  constraints: {max_temp_c: 50, min_clearance_mm: 3, max_mass_kg: 150, max_power_w: 500}
optimization: {max_iterations: 20, convergence_threshold: 0.01, allowed_operators: [MOVE, ROTATE], solver_method: bounded, solver_tolerance: 1.0e-6}
openai: {api_key: "${OPENAI_API_KEY}", model: m, base_url: "http://localhost", temperature: 0.7, max_tokens: 2000}
knowledge: {base_path: data/knowledge_base}
logging: {output_dir: experiments, level: INFO, save_llm_interactions: true, save_visualizations: true}
"#;

#[test]
fn a_file_in_use_is_accepted_and_each_key_without_effect_is_named() {
    let checked =
        parse_config(IN_USE.as_bytes(), Origin::Operator(&|_| Some("secret".to_owned()))).expect("valid");
    checked.warnings.iter().for_each(assert_complete);
    let named: Vec<&str> = checked.warnings.iter().map(|warning| warning.pointer.as_str()).collect();
    assert_eq!(
        named,
        [
            "/geometry/multistart",
            "/geometry/synth",
            "/simulation/backend",
            "/simulation/type",
            "/simulation/matlab_workspace",
            "/simulation/matlab_function",
            "/simulation/comsol_model",
            "/simulation/comsol_parameters",
            "/optimization/allowed_operators",
            "/optimization/solver_method",
            "/optimization/solver_tolerance",
            "/openai",
            "/knowledge",
            "/logging/level",
            "/logging/save_llm_interactions",
        ]
    );
    assert!(checked.warnings.iter().all(|warning| warning.code == "config.no_effect"));
    let config = checked.value;
    assert_eq!(config.project_name.as_deref(), Some("Sat"));
    assert_eq!(config.envelope.size_ratio, [1.7, 1.8, 1.5]);
    assert_eq!(config.envelope.shell_thickness_m, 0.005);
    assert_eq!(config.components[0].size_m, [0.1, 0.08, 0.05]);
    assert_eq!(config.components[0].name, "box_a");
    assert_eq!(config.keep_outs[0].tag, "sensor_fov");
    assert_eq!(config.start_spacing_m, 0.02);
    assert_eq!(config.limits.max_temp_k, Some(323.15));
    assert_eq!(config.optimization.max_iterations, Some(20));
    assert_eq!(config.logging.output_dir.as_deref(), Some("experiments"));
    let kept = serde_json::to_string(&config).expect("JSON");
    assert!(!kept.contains("secret"), "a key must not be kept: {kept}");
}

#[test]
fn the_sample_file_has_no_warning_and_gives_the_defaults() {
    let checked = parse(examples::SYSTEM_YAML).expect("valid");
    assert_eq!(checked.warnings, []);
    let (config, default) = (checked.value, SystemConfig::default());
    assert_eq!(config.thermal, default.thermal, "the file prints the defaults");
    assert_eq!(config.envelope.fill_ratio, default.envelope.fill_ratio);
    assert_eq!(config.limits.max_mass_kg, Some(150.0));
    assert_eq!(config.optimization.max_iterations, Some(20));
    assert_eq!(config.orbit, None);
}

#[test]
fn the_commented_keys_of_the_sample_file_are_valid_too() {
    let sample = examples::SYSTEM_YAML
        .replace("keepouts: []", "keepouts:")
        .replace("components: []", "components:")
        .replace("  #  - {", "    - {");
    // Prose starts at the comment mark; keys of a section are indented or end in a colon.
    let is_key = |comment: &str| {
        ["size_mm:", "seed:", "environment:", "  "].iter().any(|start| comment.starts_with(start))
    };
    let mut text = String::new();
    for line in sample.lines() {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        match bare.strip_prefix("# ") {
            Some(comment) if is_key(comment) => text += &format!("{indent}{comment}\n"),
            Some(_) => {}
            None => text += &format!("{line}\n"),
        }
    }
    let checked = parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
    assert_eq!(checked.warnings, []);
    let config = checked.value;
    assert!(config.orbit.is_some() && config.optimization.seed == Some(1), "{config:?}");
    assert_eq!((config.components.len(), config.keep_outs.len()), (1, 1));
    assert_eq!(config.envelope.size_m, Some([0.3, 0.32, 0.26]));
}

#[test]
fn both_spellings_of_keep_outs_and_of_the_directory_mean_the_same() {
    let boxes = "[{min_mm: [0, 0, 0], max_mm: [1, 1, 1]}]";
    let one = config(&format!("geometry: {{keepouts: {boxes}}}"));
    let other = config(&format!("geometry: {{keep_out: {boxes}}}"));
    assert_eq!(one.keep_outs, other.keep_outs);
    for key in ["output_dir", "base_dir"] {
        let text = format!("logging: {{{key}: elsewhere}}");
        let operator = parse_config(text.as_bytes(), Origin::Operator(&|_| None)).expect("valid");
        assert_eq!(operator.value.logging.output_dir.as_deref(), Some("elsewhere"));
        let client = parse(&text).expect("valid");
        assert_eq!(client.value.logging.output_dir, None);
        assert_eq!(
            with_code(&client.warnings, "config.directory_not_allowed").pointer,
            format!("/logging/{key}")
        );
    }
}

#[test]
fn only_an_operators_file_reads_variables() {
    let text = "project: {name: 'a ${ONE} b ${TWO} ${broken'}";
    let lookup = |name: &str| (name == "ONE").then(|| "1".to_owned());
    let operator = parse_config(text.as_bytes(), Origin::Operator(&lookup)).expect("valid");
    assert_eq!(operator.value.project_name.as_deref(), Some("a 1 b  ${broken"));
    let client = parse(text).expect("valid");
    assert_eq!(client.value.project_name.as_deref(), Some("a ${ONE} b ${TWO} ${broken"));
    assert_eq!(with_code(&client.warnings, "config.variable_not_expanded").pointer, "/project/name");
}

#[test]
fn a_file_that_states_no_limits_has_those_of_files_in_use() {
    for text in ["", "{}", "project: {name: x}", "simulation: {constraints: {}}"] {
        let limits = config(text).limits;
        assert_eq!(limits.max_temp_k, Some(323.15), "{text}");
        assert_eq!(limits.min_clearance_m, Some(0.003));
        assert_eq!((limits.max_mass_kg, limits.max_power_w), (Some(150.0), Some(500.0)));
    }
}

#[test]
fn aliases_of_limits_are_understood() {
    for (key, value) in [("max_temp_c", 41), ("max_temp", 41), ("peak_temp", 41), ("temp", 41)] {
        let limits = config(&format!("simulation: {{constraints: {{{key}: {value}}}}}")).limits;
        assert_eq!(limits.max_temp_k, Some(314.15), "{key}");
    }
    let limits =
        model::limits_from_value(&json!({"distance": 7, "com_offset": 9}), "/constraints").expect("valid");
    assert_eq!((limits.value.min_clearance_m, limits.value.max_cg_offset_m), (Some(0.007), Some(0.009)));
}

#[test]
fn wrong_configurations_are_refused_with_place() {
    for (text, code, pointer) in [
        (
            "geometry: {envelope: {auto_envelope: false}}",
            "config.missing_field",
            "/geometry/envelope/size_mm",
        ),
        ("geometry: {envelope: {fill_ratio: 0}}", "config.out_of_range", "/geometry/envelope/fill_ratio"),
        ("geometry: {envelope: {fill_ratio: 1.5}}", "config.out_of_range", "/geometry/envelope/fill_ratio"),
        ("geometry: {envelope: {size_ratio: [1, 2]}}", "config.wrong_type", "/geometry/envelope/size_ratio"),
        (
            "geometry: {envelope: {size_mm: [10, 10, 10], shell_thickness_mm: 5}}",
            "config.shell_too_thick",
            "/geometry/envelope/size_mm",
        ),
        ("geometry: {envelope: {origin: middle}}", "config.unknown_value", "/geometry/envelope/origin"),
        ("geometry: {components: [{id: a}]}", "config.missing_field", "/geometry/components/0/dims_mm"),
        (
            "geometry: {components: [{id: a, dims_mm: [1, 1, 1], mass_kg: 1, power_w: 1, category: c}, {id: a, dims_mm: [1, 1, 1], mass_kg: 1, power_w: 1, category: c}]}",
            "config.duplicate_id",
            "/geometry/components/1/id",
        ),
        ("geometry: {multistart: 0}", "config.out_of_range", "/geometry/multistart"),
        ("geometry: {multistart: 2.5}", "config.not_integer", "/geometry/multistart"),
        ("geometry: 5", "config.wrong_type", "/geometry"),
        ("simulation: {backend: magic}", "config.unknown_value", "/simulation/backend"),
        (
            "simulation: {constraints: {max_temp_c: hot}}",
            "config.wrong_type",
            "/simulation/constraints/max_temp_c",
        ),
        (
            "simulation: {constraints: {max_temp_c: .nan}}",
            "config.not_finite",
            "/simulation/constraints/max_temp_c",
        ),
        ("thermal: {outer_emissivity: 0}", "config.out_of_range", "/thermal/outer_emissivity"),
        ("optimization: {max_iterations: 10001}", "config.out_of_range", "/optimization/max_iterations"),
        ("optimization: {seed: -1}", "config.out_of_range", "/optimization/seed"),
        ("environment: {altitude_km: 5}", "config.out_of_range", "/environment/altitude_km"),
        ("logging: {save_visualizations: maybe}", "config.wrong_type", "/logging/save_visualizations"),
        ("- 1", "config.wrong_type", ""),
        ("a: [", "config.syntax", ""),
    ] {
        let problems = parse(text).expect_err(text);
        problems.iter().for_each(assert_complete);
        let problem = with_code(&problems, code);
        assert_eq!(problem.pointer, pointer, "{text}");
        assert!(problem.line.is_some(), "{problem:?}");
    }
    let large = vec![b'#'; MAX_CONFIG_BYTES + 1];
    assert_eq!(parse_config(&large, Origin::Client).expect_err("large")[0].code, "config.too_large");
    assert_eq!(parse_config(b"a: \xff", Origin::Client).expect_err("bytes")[0].code, "config.not_utf8");
    let many = "{id: a, dims_mm: [1, 1, 1], mass_kg: 1, power_w: 1, category: c}, ".repeat(501);
    let problems = parse(&format!("geometry: {{components: [{many}]}}")).expect_err("many");
    assert_eq!(problems[0].code, "config.too_many_components");
}

#[test]
fn unknown_keys_warn_with_the_nearest_one() {
    let checked = parse("geometry: {clearence_mm: 5}\noptimisation: {}").expect("valid");
    let fixes: Vec<Option<&str>> = checked.warnings.iter().map(|warning| warning.fix.as_deref()).collect();
    assert_eq!(fixes, [Some("optimization"), Some("clearance_mm")]);
}

#[test]
fn wrong_task_limits_are_refused_at_their_pointer() {
    let problems = model::limits_from_value(&json!({"max_temp": "hot", "min_clearance": -1}), "/constraints")
        .expect_err("wrong");
    assert_eq!(with_code(&problems, "limits.wrong_type").pointer, "/constraints/max_temp");
    assert_eq!(with_code(&problems, "limits.out_of_range").pointer, "/constraints/min_clearance");
    assert!(model::limits_from_value(&json!([]), "/constraints").is_err());
}

/// The keys of a configuration that says everything stand in the guide.
#[test]
fn every_key_is_documented() {
    let guide = include_str!("../../../../docs/configuration.md");
    let words = IN_USE.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let sample = examples::SYSTEM_YAML.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    for key in words.chain(sample).filter(|word| {
        word.contains('_') && word.chars().all(|c| c.is_lowercase() || c.is_ascii_digit() || c == '_')
    }) {
        // Values and BOM keys are explained elsewhere.
        let elsewhere = include_str!("../../../../docs/bom.md").contains(key);
        let values = ["box_a", "knowledge_base", "sensor_fov", "n_parts", "dims_min_mm", "dims_max_mm"];
        assert!(
            guide.contains(key) || elsewhere || values.contains(&key),
            "docs/configuration.md lacks {key}"
        );
    }
}

#[test]
fn images_can_be_switched_off() {
    for (text, wanted) in
        [("{save_visualizations: false}", false), ("{save_visualizations: true}", true), ("{}", true)]
    {
        let checked = parse(&format!("logging: {text}")).expect("valid");
        assert_eq!(
            (checked.value.logging.save_visualizations, checked.warnings.len()),
            (wanted, 0),
            "{text}"
        );
    }
}
