//! What a settings file says.

use std::collections::BTreeSet;

use model::Problem;
use serde::Deserialize;
use toml::Value;
use toml::de::{DeTable, ValueDeserializer};

use super::described::{dotted, is_table, names};
use super::load::{Entry, Place, no_table, unknown_key};

/// The values of all known keys, and empty tables; what else there is, is a
/// problem.
pub(super) fn entries(text: &str, problems: &mut Vec<Problem>) -> Vec<Entry> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut entries = Vec::new();
    if errors.is_empty() {
        walk(text, document.get_ref(), "", &mut entries, problems);
    }
    let mut lines = BTreeSet::new();
    for error in errors {
        let place = error.span().map(|span| position(text, span.start));
        // What follows from the first error of a line says nothing new.
        if lines.insert(place.map(|(line, _)| line)) {
            // The parser's own excerpt of the file might show a secret.
            problems.push(syntax(error.message()).on_line(place));
        }
    }
    entries
}

fn walk(text: &str, table: &DeTable, name: &str, entries: &mut Vec<Entry>, problems: &mut Vec<Problem>) {
    let known = names(name);
    for (key, value) in table.iter() {
        let (line, column) = position(text, key.span().start);
        let here = Some((line, column));
        let key: &str = key.get_ref();
        let full = dotted(name, key);
        if !known.contains(&key) {
            problems.push(unknown_key(name, key).on_line(here));
        } else if is_table(&full) {
            match value.get_ref().as_table() {
                Some(inner) if inner.is_empty() => {
                    let value = Value::Table(toml::Table::new());
                    entries.push(Entry { key: full, value, place: Place::File(line, column) });
                }
                Some(inner) => walk(text, inner, &full, entries, problems),
                None => problems.push(no_table(&full, value.get_ref().type_str()).on_line(here)),
            }
        } else {
            match Value::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(value) => entries.push(Entry { key: full, value, place: Place::File(line, column) }),
                Err(error) => problems.push(syntax(error.message()).at(full).on_line(here)),
            }
        }
    }
}

fn syntax(message: &str) -> Problem {
    Problem::error(
        "settings.syntax",
        format!("不是有效的 TOML：{message}"),
        format!("this is no TOML: {message}"),
    )
}

/// Line and column, from 1, of a byte.
fn position(text: &str, byte: usize) -> (u64, u64) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (1 + before.matches('\n').count() as u64, 1 + line.chars().count() as u64)
}
