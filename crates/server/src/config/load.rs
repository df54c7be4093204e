//! From what a file and the environment say to settings, or to all that is
//! wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::Problem;
use toml::Value;

use super::described::{self, complete, dotted, get, is_table, names, set, table_of};
use super::{Refused, Settings, cors, environment, file};

/// A value, or an empty table, that was found.
pub(super) struct Entry {
    /// What it is for, dotted.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

/// Where it was found.
pub(super) enum Place {
    /// Line and column of the file.
    File(u64, u64),
    /// The name of an environment variable.
    Variable(String),
}

/// What is wrong in each place.
#[derive(Default)]
struct Findings {
    file: Vec<Problem>,
    environment: Vec<Problem>,
}

impl Settings {
    /// Reads the settings of a file and of environment variables, which win
    /// over the file. Of the variables only those count whose names begin with
    /// `MSGALAXY_`; they may be all that there are.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Settings, Refused> {
        let text = match file.map(std::fs::read_to_string).transpose() {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => {
                let path = file.unwrap_or(Path::new("")).to_owned();
                let name = path.display();
                let problem = Problem::error(
                    "settings.file_unreadable",
                    format!("无法读取 {name}"),
                    format!("cannot read {name}"),
                )
                .found(error.to_string(), "a readable file");
                return Err(Refused { findings: vec![(path, vec![problem])] });
            }
        };
        assemble(&text, file, environment)
    }

    /// Reads the text of a settings file; `path` names it in problems.
    pub fn parse(text: &str, path: &Path) -> Result<Settings, Refused> {
        assemble(text, Some(path), [])
    }
}

fn assemble(
    text: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Refused> {
    let complete = complete();
    let mut findings = Findings::default();
    let mut entries = file::entries(text, &mut findings.file);
    entries.extend(environment::entries(environment, &complete, &mut findings.environment));
    let mut merged = table_of(&Settings::default());
    let mut settled = BTreeSet::new();
    for entry in &entries {
        if is_table(&entry.key) {
            // An empty one; it may need keys all the same.
            if get(&merged, &entry.key).is_none() {
                set(&mut merged, &entry.key, entry.value.clone());
            }
            continue;
        }
        // With its own value alone, whatever is wrong is wrong with it; and one
        // that is refused must not hide what is wrong with others.
        let mut trial = complete.clone();
        set(&mut trial, &entry.key, entry.value.clone());
        let value = match trial.try_into::<Settings>() {
            Ok(_) => entry.value.clone(),
            Err(error) => {
                let Some(known) = get(&complete, &entry.key) else { continue };
                settled.insert(entry.key.clone());
                findings.add(Some(entry), refused(entry, allowed(known, &entry.value, error.message())));
                known.clone()
            }
        };
        set(&mut merged, &entry.key, value);
    }
    for key in missing(&merged, &complete) {
        findings.add(None, missing_key(&key));
        if let Some(example) = get(&complete, &key) {
            set(&mut merged, &key, example.clone());
        }
        settled.insert(key);
    }
    match merged.try_into::<Settings>() {
        Ok(settings) => {
            let found = |key: &str| entries.iter().rev().find(|entry| entry.key == key);
            for (key, value, ok, allowed) in settings.checks() {
                if !ok && !settled.contains(key) {
                    findings.add(found(key), out_of_range(key, value, allowed));
                }
            }
            for origin in settings.cors.impossible() {
                findings.add(found("cors.origins"), impossible_origin(origin));
            }
            findings.into_result(file, settings)
        }
        // A name may have had an address a moment ago.
        Err(error) => {
            let text = error.message();
            findings.add(None, Problem::error("settings.wrong_value", format!("设置不能使用：{text}"), text));
            findings.into_result(file, Settings::default())
        }
    }
}

impl Findings {
    fn add(&mut self, entry: Option<&Entry>, problem: Problem) {
        match entry.map(|entry| &entry.place) {
            Some(Place::Variable(name)) => self.environment.push(problem.at(name)),
            Some(Place::File(line, column)) => self.file.push(problem.on_line(Some((*line, *column)))),
            None => self.file.push(problem),
        }
    }

    fn into_result(mut self, file: Option<&Path>, settings: Settings) -> Result<Settings, Refused> {
        // What no single place says, as a key that is missing, is the file's
        // matter; without one it can only come from the environment.
        if file.is_none() {
            self.environment.append(&mut self.file);
        }
        self.file.sort_by_key(|problem| (problem.line.is_none(), problem.line, problem.column));
        let findings: Vec<(PathBuf, Vec<Problem>)> = [
            (file.unwrap_or(Path::new("")).to_owned(), self.file),
            (PathBuf::from("environment"), self.environment),
        ]
        .into_iter()
        .filter(|(_, problems)| !problems.is_empty())
        .collect();
        if findings.is_empty() { Ok(settings) } else { Err(Refused { findings }) }
    }
}

/// Keys that a table needs once it is there, and that are not.
fn missing(merged: &toml::Table, complete: &toml::Table) -> Vec<String> {
    let is_needed = |key: &String| {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut without = complete.clone();
        let inner = if table.is_empty() { Some(&mut without) } else { table_mut(&mut without, table) };
        inner.is_some_and(|inner| inner.remove(name).is_some()) && without.try_into::<Settings>().is_err()
    };
    described::TABLES
        .iter()
        .filter(|(table, _)| !table.is_empty() && get(merged, table).is_some())
        .flat_map(|(table, keys)| keys.iter().map(move |described| dotted(table, described.key)))
        .filter(|key| get(merged, key).is_none() && is_needed(key))
        .collect()
}

fn table_mut<'a>(table: &'a mut toml::Table, name: &str) -> Option<&'a mut toml::Table> {
    name.split('.').try_fold(table, |table, part| table.get_mut(part)?.as_table_mut())
}

fn refused(entry: &Entry, allowed: String) -> Problem {
    // A secret that was put where its file belongs must not be shown.
    let found = if entry.key.contains("secret") {
        entry.value.type_str().to_owned()
    } else {
        shortened(&entry.value.to_string())
    };
    let name = match &entry.place {
        Place::Variable(name) => name,
        Place::File(..) => &entry.key,
    };
    Problem::error(
        "settings.wrong_value",
        format!("`{name}` 不能是 {found}"),
        format!("`{name}` cannot be {found}"),
    )
    .at(&entry.key)
    .found(found, allowed)
}

/// What may stand where something else was found.
fn allowed(known: &Value, found: &Value, message: &str) -> String {
    let whole = match (known, found) {
        (Value::Integer(_), Value::Integer(_)) if message.contains("u32") => {
            "a whole number, 0 to 4294967295"
        }
        (Value::Integer(_), _) => "a whole number, 0 or more",
        (Value::Boolean(_), _) => "true or false",
        (Value::Array(_), found) if !found.is_array() => "a list of texts",
        (Value::String(_), found) if !found.is_str() => "a text in quotes",
        _ => message
            .split_once("allowed: ")
            .or_else(|| message.split_once("expected "))
            .map_or(message, |(_, allowed)| allowed),
    };
    whole.trim_end().to_owned()
}

fn out_of_range(key: &str, found: u64, allowed: &str) -> Problem {
    Problem::error(
        "settings.out_of_range",
        format!("`{key}` 不能是 {found}"),
        format!("`{key}` cannot be {found}"),
    )
    .at(key)
    .found(found.to_string(), allowed)
}

fn impossible_origin(origin: &str) -> Problem {
    let found = shortened(&format!("{origin:?}"));
    Problem::error(
        "settings.wrong_value",
        format!("`cors.origins` 中不能有 {found}"),
        format!("`cors.origins` cannot hold {found}"),
    )
    .at("cors.origins")
    .found(found, cors::ALLOWED)
}

fn missing_key(key: &str) -> Problem {
    Problem::error("settings.missing_key", format!("缺少 `{key}`"), format!("`{key}` is missing")).at(key)
}

/// A key that means nothing in a table.
pub(super) fn unknown_key(table: &str, key: &str) -> Problem {
    let known = names(table);
    let mut suggestion = nearest(key, known.iter().copied());
    if suggestion.is_none() {
        // One that is known elsewhere was put into the wrong table.
        suggestion = described::options().find(|known| known.rsplit('.').next() == Some(key));
    }
    let name = shortened(&dotted(table, key));
    let allowed = known.join(", ");
    let (zh, en) = match &suggestion {
        Some(near) => (format!("，是否是 `{near}`？"), format!(", did you mean `{near}`?")),
        None => (String::new(), String::new()),
    };
    let problem = Problem::error(
        "settings.unknown_key",
        format!("没有名为 `{name}` 的设置{zh}"),
        format!("unknown key `{name}`{en}"),
    )
    .at(&name)
    .found(&name, allowed);
    match suggestion {
        Some(near) => problem.fix(near),
        None => problem,
    }
}

/// A table was expected.
pub(super) fn no_table(key: &str, found: &str) -> Problem {
    debug_assert!(is_table(key));
    Problem::error(
        "settings.wrong_value",
        format!("`{key}` 应为表，而不是 {found}"),
        format!("`{key}` is a table, not a value"),
    )
    .at(key)
    .found(found, format!("[{key}]"))
}

/// The known word that was probably meant.
pub(super) fn nearest(word: &str, known: impl IntoIterator<Item = impl Into<String>>) -> Option<String> {
    // Comparing is quadratic in the length; nobody misspells a novel.
    if word.len() > 100 {
        return None;
    }
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(Into::into)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// As much of a text as a line of a terminal has room for.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
