use super::{Auth, Cors, Events, Jwt, Limits, Metrics, Proxy, Settings};

/// A key of a table, and the lines of its doc comment.
pub(super) struct Described {
    pub(super) key: &'static str,
    pub(super) meaning: &'static [&'static str],
}

/// A struct of settings as it stands here, which also knows its keys and what
/// their doc comments say: whoever prints or checks settings asks it, so that
/// nothing is written down twice.
macro_rules! described {
    (
        $(#[$about:meta])*
        pub struct $table:ident {
            $(
                $(#[doc = $line:literal])+
                $(#[serde($($serde:tt)*)])?
                pub $key:ident: $value:ty,
            )*
        }
    ) => {
        $(#[$about])*
        pub struct $table {
            $(
                $(#[doc = $line])+
                $(#[serde($($serde)*)])?
                pub $key: $value,
            )*
        }

        impl $table {
            pub(in crate::config) const KEYS: &'static [$crate::config::described::Described] = &[
                $($crate::config::described::Described { key: stringify!($key), meaning: &[$($line),+] },)*
            ];
        }
    };
}
pub(super) use described;

/// All tables in the order of a printed file, dotted; the first is the file
/// itself.
pub(super) const TABLES: &[(&str, &[Described])] = &[
    ("", Settings::KEYS),
    ("auth", Auth::KEYS),
    ("auth.jwt", Jwt::KEYS),
    ("cors", Cors::KEYS),
    ("events", Events::KEYS),
    ("metrics", Metrics::KEYS),
    ("proxy", Proxy::KEYS),
    ("limits", Limits::KEYS),
];

/// The keys of a table.
pub(super) fn keys(table: &str) -> Option<&'static [Described]> {
    TABLES.iter().find(|(name, _)| *name == table).map(|(_, keys)| *keys)
}

/// The names of the keys of a table.
pub(super) fn names(table: &str) -> Vec<&'static str> {
    keys(table).unwrap_or_default().iter().map(|described| described.key).collect()
}

/// Whether a dotted key is a table.
pub(super) fn is_table(key: &str) -> bool {
    keys(key).is_some()
}

/// The dotted names of everything that has a value.
pub(super) fn options() -> impl Iterator<Item = String> {
    TABLES
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(|described| dotted(table, described.key)))
        .filter(|key| !is_table(key))
}

/// The key of a table with the table's name.
pub(super) fn dotted(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// Settings in which every key has a value: the default, else an example.
pub(super) fn complete() -> toml::Table {
    let auth = Auth { jwt: Some(Jwt::example()), ..Auth::default() };
    table_of(&Settings { auth, ..Settings::default() })
}

/// Settings as a table.
pub(super) fn table_of(settings: &Settings) -> toml::Table {
    toml::Table::try_from(settings).expect("all that a settings file can say can be written")
}

/// The value of a dotted key.
pub(super) fn get<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    match key.rsplit_once('.') {
        None => table.get(key),
        Some((inner, key)) => get(table, inner)?.as_table()?.get(key),
    }
}

/// Sets the value of a dotted key.
pub(super) fn set(table: &mut toml::Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((name, key)) => {
            let inner = table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                set(inner, key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn leaves(table: &toml::Table, name: &str, found: &mut BTreeSet<String>) {
        for (key, value) in table {
            match value.as_table() {
                Some(inner) => leaves(inner, &dotted(name, key), found),
                None => assert!(found.insert(dotted(name, key))),
            }
        }
    }

    #[test]
    fn what_is_described_is_what_there_is() {
        let mut found = BTreeSet::new();
        leaves(&complete(), "", &mut found);
        assert_eq!(found, options().collect());
        for (table, keys) in TABLES {
            for Described { key, meaning } in *keys {
                let text = meaning.concat();
                assert!(text.trim().len() > 10 && !text.contains("[`"), "{table} {key}: {text}");
            }
        }
    }
}
