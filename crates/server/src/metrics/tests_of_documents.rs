//! What exists is documented, and what is documented exists.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Metrics;
use super::registrar::{Declared, PREFIX};

/// `| name | type | labels | meaning |`, the labels apart by commas or `-`.
fn documented(text: &str) -> Vec<(String, String, Vec<String>)> {
    let rows = text.lines().filter(|line| line.starts_with(&format!("| `{PREFIX}_")));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("a row has four cells: {row}") };
        assert!(meaning.len() > 10, "what does {name} mean?");
        let labels = labels.split(", ").filter(|label| *label != "-");
        (
            name.trim_matches('`').to_owned(),
            kind.to_owned(),
            labels.map(|label| label.trim_matches('`').to_owned()).collect(),
        )
    })
    .collect()
}

#[test]
fn every_metric_is_in_the_handbook_as_it_is_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let text = std::fs::read_to_string(path).expect("the handbook");
    let mut found = documented(&text);
    found.sort();
    let expected: Vec<_> = Metrics::new()
        .declared()
        .into_iter()
        .map(|Declared { name, kind, labels }| {
            (name, kind.to_owned(), labels.into_iter().map(str::to_owned).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found, expected);
}

/// All that a dashboard asks Prometheus for.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

/// The metrics that an expression names; a histogram's parts stand for it.
fn names_in(expression: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression.split(move |c| !is_part(c)).filter(|word| word.starts_with(PREFIX)).map(|word| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.into_iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word)
    })
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana/msgalaxy.json");
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("the dashboard")).expect("JSON");
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    let found: BTreeSet<String> =
        asked.iter().flat_map(|expression| names_in(expression)).map(str::to_owned).collect();
    let expected = Metrics::new().declared().into_iter().map(|declared| declared.name).collect();
    assert_eq!(found, expected);
}
