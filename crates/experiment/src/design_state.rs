use model::design_state::{ComponentNumbers, DesignState, StateMetadata};
use model::{Layout, Satellite};
use physics::Evaluation;

use crate::metrics::{headline_metrics, state_constraints};

/// A layout and all that the models say about it, in the form of the file.
pub fn design_state(
    iteration: u32,
    satellite: &Satellite,
    layout: &Layout,
    evaluation: &Evaluation,
    score: Option<f64>,
    seed: Option<u64>,
) -> DesignState {
    let numbers: Vec<ComponentNumbers> = evaluation
        .components
        .iter()
        .map(|state| ComponentNumbers {
            temp_k: Some(state.temp_k),
            temp_margin_k: Some(state.temp_margin_k),
            clearance_m: state.clearance_m,
            containment_m: Some(state.containment_m),
        })
        .collect();
    let metadata = StateMetadata {
        model_version: evaluation.model_version.clone(),
        mesh: u32::try_from(evaluation.thermal.mesh).ok(),
        energy_balance: Some(evaluation.thermal.energy_balance).filter(|value| value.is_finite()),
        seed,
        score: score.filter(|value| value.is_finite()),
        feasible: Some(evaluation.is_feasible()),
        metrics: headline_metrics(evaluation, score.unwrap_or(f64::NAN), satellite),
        constraints: state_constraints(evaluation, satellite),
        ..StateMetadata::default()
    };
    DesignState::new(iteration, satellite, layout, &numbers, metadata)
}

/// The file's bytes: indented JSON with a line end.
pub(crate) fn to_file(state: &DesignState) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(state).expect("a design state holds nothing that JSON cannot have");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fixture::case;

    fn check_numbers(value: &Value, path: &str, nulls: &mut Vec<String>) {
        match value {
            Value::Null => nulls.push(path.to_owned()),
            Value::Number(number) => assert!(number.as_f64().is_some_and(f64::is_finite), "{path}: {number}"),
            Value::Array(items) => {
                items.iter().for_each(|item| check_numbers(item, &format!("{path}[]"), nulls))
            }
            Value::Object(map) => {
                map.iter().for_each(|(key, item)| check_numbers(item, &format!("{path}/{key}"), nulls))
            }
            Value::Bool(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_file_has_the_contracts_form_and_agrees_with_itself() {
        let case = case(25, [0.6, 0.6, 0.64]);
        let state = design_state(3, &case.satellite, &case.layout, &case.evaluation, Some(0.5), Some(7));
        let file: Value = serde_json::from_slice(&to_file(&state)).expect("json");
        let mut nulls = Vec::new();
        check_numbers(&file, "", &mut nulls);
        assert_eq!(nulls, ["/envelope/fill_ratio"]);
        assert_eq!(file["iteration"], 3);
        assert_eq!(file["envelope"]["origin"], "center");
        assert_eq!(file["keepouts"][0]["tag"], "sensor_fov");
        let metadata = &file["metadata"];
        assert_eq!(
            (&metadata["seed"], &metadata["score"], &metadata["feasible"]),
            (&7.into(), &0.5.into(), &false.into())
        );
        assert!(metadata["position"].as_str().is_some_and(|text| text.contains("minimum corner")));
        assert_eq!(metadata["metrics"]["num_violations"], case.evaluation.num_violations());
        assert_eq!(metadata["constraints"][1]["unit"], "degC");
        let components = file["components"].as_array().expect("a list");
        assert_eq!(components.len(), 25);
        for (component, placement) in components.iter().zip(&case.layout.placements) {
            let at = |key: &str, axis: &str| component[key][axis].as_f64().expect("a number");
            // The quarter turns leave the axes: each extent is one of the unrotated ones.
            let extents = placement.extents_m(["x", "y", "z"].map(|axis| at("dimensions", axis)));
            for (axis, extent) in ["x", "y", "z"].into_iter().zip(extents) {
                let corner = at("center", axis) - 0.5 * extent;
                assert!((corner - at("position", axis)).abs() < 2e-6, "{component}");
            }
            assert!(component["temperature"].as_f64().is_some_and(|temp| (0.0..100.0).contains(&temp)));
            for key in [
                "id",
                "rotation",
                "mass",
                "power",
                "category",
                "clearance",
                "panel",
                "turn",
                "temp_margin",
                "containment",
            ] {
                assert!(!component[key].is_null(), "{key}");
            }
        }
    }

    #[test]
    fn one_component_has_no_clearance_but_all_other_numbers() {
        let case = case(1, [0.2; 3]);
        let state = design_state(1, &case.satellite, &case.layout, &case.evaluation, Some(0.5), Some(7));
        assert_eq!(state.components[0].clearance, None);
        assert_eq!(state.metadata.metrics["min_clearance"], Value::Null);
        assert!(state.components[0].temperature.is_some());
    }
}
