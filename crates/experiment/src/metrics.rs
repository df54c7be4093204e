use model::Satellite;
use model::design_state::StateConstraint;
use model::file_units::{c_from_k, mm_from_m};
use physics::{ConstraintGroup, Evaluation, Subject};
use serde_json::{Map, Value};

/// The few numbers that every message, file and table about a layout leads
/// with: millimetres, degrees Celsius, kilograms. What a layout does not have,
/// such as the clearance of a single component, is null.
///
/// They have at most nine decimals, far beyond what the models can promise, so
/// that a message with all of them stays short.
pub fn headline_metrics(evaluation: &Evaluation, score: f64, satellite: &Satellite) -> Map<String, Value> {
    debug_assert_eq!(evaluation.components.len(), satellite.components.len());
    let numbers = [
        ("max_temp", finite(c_from_k(evaluation.max_temp_k))),
        (
            "min_clearance",
            evaluation.min_clearance_m.map_or(Value::Null, |clearance| finite(mm_from_m(clearance))),
        ),
        ("cg_offset", finite(mm_from_m(evaluation.cg_offset_m()))),
        ("num_violations", evaluation.num_violations().into()),
        ("score", finite(score)),
        ("temp_margin", finite(evaluation.worst_temp_margin_k())),
        ("total_mass", finite(evaluation.component_mass_kg)),
        ("feasible", evaluation.is_feasible().into()),
    ];
    numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every evaluated constraint in the form of the design state file: `group`,
/// `value`, `limit`, `margin`, `unit`, `subject` (component ids), `violations`.
pub fn constraints_json(evaluation: &Evaluation, satellite: &Satellite) -> Value {
    serde_json::to_value(state_constraints(evaluation, satellite)).expect("constraints are plain data")
}

/// Every evaluated constraint, in the units of files.
pub(crate) fn state_constraints(evaluation: &Evaluation, satellite: &Satellite) -> Vec<StateConstraint> {
    let in_file_units = |constraint: &physics::Constraint| {
        let numbers = (constraint.value, constraint.limit, constraint.margin);
        let subject = subject_ids(constraint.subject, satellite);
        StateConstraint::from_si(
            group_name(constraint.group),
            numbers,
            &constraint.unit,
            subject,
            constraint.violations,
        )
    };
    evaluation.constraints.iter().map(in_file_units).collect()
}

/// The group's name on the wire.
pub(crate) fn group_name(group: ConstraintGroup) -> String {
    match serde_json::to_value(group) {
        Ok(Value::String(name)) => name,
        other => unreachable!("a group serializes to its name, not {other:?}"),
    }
}

/// Ids of the components that a number belongs to; none for the satellite.
pub(crate) fn subject_ids(subject: Subject, satellite: &Satellite) -> Vec<String> {
    let id = |component: usize| satellite.components[component].id.clone();
    match subject {
        Subject::Satellite => Vec::new(),
        Subject::Component(component) | Subject::KeepOut { component, .. } => vec![id(component)],
        Subject::Pair(a, b) if a == b => vec![id(a)],
        Subject::Pair(a, b) => vec![id(a), id(b)],
    }
}

/// The number with at most nine decimals; null when JSON cannot have it.
fn finite(value: f64) -> Value {
    let scaled = value * 1e9;
    if !value.is_finite() {
        Value::Null
    } else if scaled.abs() < 9e15 {
        (scaled.round() / 1e9 + 0.0).into()
    } else {
        value.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::case;

    #[test]
    fn headlines_are_in_the_units_of_pages_and_short() {
        let mut case = case(12, [0.222, 0.0984, 0.36]);
        case.evaluation.max_temp_k = 273.15 + 1.0 / 3.0;
        let metrics = headline_metrics(&case.evaluation, 0.1 + 0.2, &case.satellite);
        assert_eq!(metrics["max_temp"], json!(0.333_333));
        assert_eq!(metrics["min_clearance"], json!(10.0));
        assert_eq!(metrics["cg_offset"], json!(12.5));
        assert_eq!(metrics["score"], json!(0.3));
        assert_eq!(metrics["num_violations"], json!(0));
        assert_eq!(metrics["feasible"], json!(true));
        assert_eq!(metrics.len(), 8);
        assert!(serde_json::to_string(&metrics).expect("json").len() < 260);
    }

    #[test]
    fn what_json_cannot_have_is_null() {
        let case = case(1, [0.2; 3]);
        let metrics = headline_metrics(&case.evaluation, f64::INFINITY, &case.satellite);
        assert_eq!((&metrics["score"], &metrics["min_clearance"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn constraints_are_in_millimetres_and_degrees_and_name_their_components() {
        let case = case(2, [0.28, 0.3, 0.25]);
        let constraints = constraints_json(&case.evaluation, &case.satellite);
        assert_eq!(
            constraints[0],
            json!({"group": "clearance", "value": 10.0, "limit": 5.0, "margin": 5.0, "unit": "mm",
                   "subject": ["battery_01", "obc_01"], "violations": 0})
        );
        assert_eq!((&constraints[1]["group"], &constraints[1]["limit"]), (&json!("thermal"), &json!(50.0)));
        assert_eq!(constraints[2]["subject"], json!([]));
        assert_eq!(constraints[3]["subject"], json!(["battery_01"]));
    }
}
