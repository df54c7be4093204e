//! The file forms from outside: what is accepted, what is refused and how.

mod config;
mod examples;
mod files;
mod formats;
mod never_panics;
mod refusals;
mod satellite;
mod states;

use model::{Bom, BomError, Checked, Problem};
use serde_json::{Value, json};

/// A valid component to change in one place.
fn unit(id: &str) -> Value {
    json!({"id": id, "name": "Unit", "dimensions": {"x": 100, "y": 80, "z": 50},
           "mass": 1.0, "power": 5.0, "category": "avionics"})
}

/// `unit(id)` with some keys changed; null removes a key.
fn unit_with(id: &str, changes: Value) -> Value {
    let mut unit = unit(id);
    for (key, value) in changes.as_object().expect("an object of changes") {
        if value.is_null() {
            unit.as_object_mut().expect("a unit").remove(key);
        } else {
            unit[key] = value.clone();
        }
    }
    unit
}

/// Reads a BOM value through its JSON text, so that lines are known.
fn parse_value(value: &Value) -> Result<Checked<Bom>, BomError> {
    let text = serde_json::to_string_pretty(value).expect("JSON");
    model::parse_bom(text.as_bytes(), model::BomFormat::Json)
}

/// A BOM that must be valid.
fn bom(value: Value) -> Bom {
    parse_value(&value).unwrap_or_else(|error| panic!("{error:?}")).value
}

/// The problem with this code, which must be there.
fn with_code<'p>(problems: &'p [Problem], code: &str) -> &'p Problem {
    problems
        .iter()
        .find(|problem| problem.code == code)
        .unwrap_or_else(|| panic!("no {code} among {problems:#?}"))
}

/// What every problem must have.
fn assert_complete(problem: &Problem) {
    assert!(!problem.message_zh.is_empty() && !problem.message_en.is_empty(), "{problem:?}");
    assert!(problem.message_zh.chars().any(|c| c as u32 > 0x2E80), "not Chinese: {problem:?}");
    assert!(!problem.found.is_empty() && !problem.allowed.is_empty(), "{problem:?}");
    assert!(problem.code.contains('.') || problem.code == "not_evaluated_yet", "{problem:?}");
    assert!(problem.pointer.is_empty() || problem.pointer.starts_with('/'), "{problem:?}");
}
