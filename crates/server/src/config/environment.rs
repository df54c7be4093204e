//! What environment variables say.

use model::Problem;
use toml::{Table, Value};

use super::described::{get, is_table, options};
use super::load::{Entry, Place, nearest};

/// What the names of ours begin with.
const PREFIX: &str = "MSGALAXY_";

/// The values of all variables that name a setting, in the order of their
/// names. An empty one counts as one that is not set.
pub(super) fn entries(
    variables: impl IntoIterator<Item = (String, String)>,
    complete: &Table,
    problems: &mut Vec<Problem>,
) -> Vec<Entry> {
    let mut variables: Vec<(String, String)> =
        variables.into_iter().filter(|(name, text)| name.starts_with(PREFIX) && !text.is_empty()).collect();
    variables.sort();
    let mut entries = Vec::new();
    for (name, text) in variables {
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        match get(complete, &key).filter(|_| !is_table(&key)) {
            Some(known) => {
                entries.push(Entry { value: value(&text, known), key, place: Place::Variable(name) });
            }
            None => problems.extend(unknown(&name, &key)),
        }
    }
    entries
}

/// The variable that sets a dotted key.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// What a text means where a value such as the known one is expected. What
/// does not fit stays a text, and is refused as one.
fn value(text: &str, known: &Value) -> Value {
    let plain = text.trim();
    let read = match known {
        Value::Integer(_) => plain.parse().ok().map(Value::Integer),
        Value::Boolean(_) => plain.parse().ok().map(Value::Boolean),
        Value::Array(_) if plain.starts_with('[') => plain.parse().ok(),
        Value::Array(_) => {
            let items = plain.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => None,
    };
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Not every variable with our name in front is a setting: programs have some
/// of their own (`MSGALAXY_TOKEN`), and Kubernetes makes `MSGALAXY_PORT` and
/// others for a service of that name. What has the form of a setting, or nearly
/// the name of one, was meant to be one.
fn unknown(name: &str, key: &str) -> Option<Problem> {
    let suggestion = if key.contains('.') {
        nearest(key, options())
    } else {
        let one_underscore = options().find(|known| known.contains('.') && known.replace('.', "_") == key);
        one_underscore.or_else(|| nearest(key, options().filter(|known| !known.contains('.'))))
    };
    if suggestion.is_none() && !key.contains('.') {
        return None;
    }
    let suggestion = suggestion.as_deref().map(variable);
    let (zh, en) = match &suggestion {
        Some(near) => (format!("，是否是 `{near}`？"), format!(", did you mean `{near}`?")),
        None => (String::new(), String::new()),
    };
    let problem = Problem::error(
        "settings.unknown_key",
        format!("没有名为 `{name}` 的设置变量{zh}"),
        format!("the variable `{name}` names no setting{en}"),
    )
    .at(name)
    .found(name, format!("{PREFIX}KEY, {PREFIX}TABLE__KEY"));
    Some(match suggestion {
        Some(near) => problem.fix(near),
        None => problem,
    })
}
