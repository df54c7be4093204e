//! What exists is documented, and what is documented exists.

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
