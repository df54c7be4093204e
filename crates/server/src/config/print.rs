//! Settings as a file that explains itself.

use std::fmt::Write;

use super::Settings;
use super::described::{Described, TABLES, complete, dotted, get, is_table, keys, table_of};

/// What depends on the machine: a file that goes to another one must not hold
/// the first one's default.
const OF_THE_MACHINE: &[&str] = &["workers"];

const HEAD: &str = "\
# Settings of a MsGalaxy server. A key that is left out has its default, so a file needs only what differs.
# Environment variables win over the file, options of the command line over both. The variable of a key is its
# name in capitals: MSGALAXY_LISTEN, and MSGALAXY_LIMITS__CONNECTIONS for `connections` in [limits]; lists with commas.
# A key behind a # without a space is not set: it has no value by default, or one that depends on the machine.
";

impl Settings {
    /// These settings as the text of a settings file, with what each key means
    /// and, where a value is not the default, the default. Read again it gives
    /// these settings.
    pub fn to_commented_toml(&self) -> String {
        let (values, defaults, complete) = (table_of(self), table_of(&Settings::default()), complete());
        let mut text = HEAD.to_owned();
        for (table, options) in TABLES {
            if !table.is_empty() {
                let mark = if get(&values, table).is_some() { "" } else { "#" };
                text.push('\n');
                comment(&mut text, meaning(table));
                let _ = writeln!(text, "{mark}[{table}]");
            }
            for Described { key, meaning } in *options {
                let key = dotted(table, key);
                if is_table(&key) {
                    continue;
                }
                // Short tables read better without gaps.
                if table.is_empty() {
                    text.push('\n');
                }
                comment(&mut text, meaning);
                let (value, default) = (get(&values, &key), get(&defaults, &key));
                if let Some(default) = default.filter(|default| value.is_some_and(|value| value != *default))
                {
                    let _ = writeln!(text, "# Default: {default}");
                }
                let is_default = value == default && OF_THE_MACHINE.contains(&key.as_str());
                let name = key.rsplit('.').next().unwrap_or(&key);
                match (value, get(&complete, &key)) {
                    (Some(value), _) if !is_default => {
                        let _ = writeln!(text, "{name} = {value}");
                    }
                    (_, Some(example)) => {
                        let _ = writeln!(text, "#{name} = {example}");
                    }
                    (_, None) => {}
                }
            }
        }
        text
    }
}

/// What the table is for, as the field says that holds it.
fn meaning(table: &str) -> &'static [&'static str] {
    let (outer, name) = table.rsplit_once('.').unwrap_or(("", table));
    let field = keys(outer).unwrap_or_default().iter().find(|described| described.key == name);
    field.map_or(&[], |described| described.meaning)
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "{}", format!("#{line}").trim_end());
    }
}
