use std::collections::HashSet;

use super::node::{show_number, show_text};
use super::{Content, Node, Number, Problems};
use crate::{Problem, Vec3};

/// Whom a message is about: `tx_01`, `the 3rd component`, a section's name.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// In Chinese.
    pub(crate) zh: String,
    /// In English.
    pub(crate) en: String,
    /// The component's id, when it is a component with one.
    pub(crate) id: Option<String>,
}

impl Subject {
    /// A section of the file, named alike in both languages.
    pub(crate) fn section(name: &str) -> Subject {
        Subject { zh: name.to_owned(), en: name.to_owned(), id: None }
    }
}

/// The keys and values of one object of the input, with its pointer. Every
/// reading method notes what is wrong and then gives `None`.
#[derive(Debug)]
pub(crate) struct Table<'n> {
    /// The object.
    pub(crate) node: &'n Node,
    /// Its JSON pointer.
    pub(crate) pointer: String,
    /// Whom messages are about.
    pub(crate) subject: Subject,
}

impl<'n> Table<'n> {
    /// The object at `pointer`; notes a problem when it is something else.
    pub(crate) fn open(
        node: &'n Node,
        pointer: impl Into<String>,
        subject: Subject,
        problems: &mut Problems,
    ) -> Option<Table<'n>> {
        let table = Table { node, pointer: pointer.into(), subject };
        if matches!(node.content, Content::Table(_)) {
            return Some(table);
        }
        let (zh, en) = (table.subject.zh.as_str(), table.subject.en.as_str());
        let problem = Problem::error(
            problems.code("wrong_type"),
            format!("{}必须是对象", if zh.is_empty() { "内容" } else { zh }),
            format!("{} must be an object", if en.is_empty() { "the content" } else { en }),
        );
        problems.push(table.about(problem, node, "").found(node.shown(), "an object of keys and values"));
        None
    }

    /// The table under a key, when there is one.
    pub(crate) fn table(&self, key: &str, problems: &mut Problems) -> Option<Table<'n>> {
        let node = self.get(key)?;
        let mut subject = self.subject.clone();
        for text in [&mut subject.zh, &mut subject.en] {
            *text = if text.is_empty() { key.to_owned() } else { format!("{text}: {key}") };
        }
        Table::open(node, self.pointer_to(key), subject, problems)
    }

    /// The value of a key; nothing when absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// The first of several spellings that has a value, with the spelling.
    pub(crate) fn get_any<'k>(&self, keys: &[&'k str]) -> Option<(&'k str, &'n Node)> {
        keys.iter().find_map(|key| self.get(key).map(|node| (*key, node)))
    }

    /// JSON pointer of a key.
    pub(crate) fn pointer_to(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, escape(key))
    }

    /// Puts the place of `key` (or of the table, when empty) into a problem.
    pub(crate) fn about(&self, problem: Problem, node: &Node, key: &str) -> Problem {
        let pointer = if key.is_empty() { self.pointer.clone() } else { self.pointer_to(key) };
        let problem = problem.at(pointer).on_line(node.place.or(self.node.place));
        match &self.subject.id {
            Some(id) => problem.of_component(id),
            None => problem,
        }
    }

    /// An error at a key whose two sentences follow the subject's name.
    pub(crate) fn error_at(
        &self,
        key: &str,
        node: &Node,
        code: String,
        zh: impl AsRef<str>,
        en: impl AsRef<str>,
    ) -> Problem {
        let problem = Problem::error(code, self.sentence_zh(zh), self.sentence_en(en));
        self.about(problem, node, key)
    }

    /// A warning at a key whose two sentences follow the subject's name.
    pub(crate) fn warning_at(
        &self,
        key: &str,
        node: &Node,
        code: String,
        zh: impl AsRef<str>,
        en: impl AsRef<str>,
    ) -> Problem {
        let problem = Problem::warning(code, self.sentence_zh(zh), self.sentence_en(en));
        self.about(problem, node, key)
    }

    /// `tx_01: ` and the sentence; the sentence alone without a subject.
    pub(crate) fn sentence_zh(&self, text: impl AsRef<str>) -> String {
        sentence(&self.subject.zh, text.as_ref())
    }

    /// The same in English.
    pub(crate) fn sentence_en(&self, text: impl AsRef<str>) -> String {
        sentence(&self.subject.en, text.as_ref())
    }

    /// A finite number within `rule`.
    pub(crate) fn number(&self, key: &str, rule: Number, problems: &mut Problems) -> Option<f64> {
        let node = self.get(key)?;
        self.number_of(key, node, rule, problems)
    }

    /// The same under any of several spellings.
    pub(crate) fn number_any(&self, keys: &[&str], rule: Number, problems: &mut Problems) -> Option<f64> {
        let (key, node) = self.get_any(keys)?;
        self.number_of(key, node, rule, problems)
    }

    /// The same for a value that is at hand.
    pub(crate) fn number_of(
        &self,
        key: &str,
        node: &Node,
        rule: Number,
        problems: &mut Problems,
    ) -> Option<f64> {
        let value = self.finite(key, node, problems)?;
        if rule.admits(value) {
            return Some(value);
        }
        let allowed = rule.shown();
        problems.push(
            self.error_at(
                key,
                node,
                problems.code("out_of_range"),
                format!("{key}超出范围，应为 {allowed}"),
                format!("{key} is out of range, expected {allowed}"),
            )
            .found(node.shown(), allowed),
        );
        None
    }

    /// A finite number, whatever its size.
    pub(crate) fn finite(&self, key: &str, node: &Node, problems: &mut Problems) -> Option<f64> {
        match &node.content {
            Content::Number(value) if value.is_finite() => Some(*value),
            Content::Number(_) => {
                problems.push(
                    self.error_at(
                        key,
                        node,
                        problems.code("not_finite"),
                        format!("{key}必须是有限数值"),
                        format!("{key} must be a finite number"),
                    )
                    .found(node.shown(), "a finite number"),
                );
                None
            }
            _ => {
                let mut problem = self
                    .error_at(
                        key,
                        node,
                        problems.code("wrong_type"),
                        format!("{key}必须是数字"),
                        format!("{key} must be a number"),
                    )
                    .found(node.shown(), "a number");
                if let Content::Text(text) = &node.content
                    && let Ok(value) = text.trim().parse::<f64>()
                    && value.is_finite()
                {
                    problem = problem.fix(format!("{} without quotes", show_number(value)));
                }
                problems.push(problem);
                None
            }
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, key: &str, min: u64, max: u64, problems: &mut Problems) -> Option<u64> {
        let value = self.number(key, Number::within(min as f64, max as f64, ""), problems)?;
        if value.fract() == 0.0 {
            return Some(value as u64);
        }
        let node = self.get(key)?;
        problems.push(
            self.error_at(
                key,
                node,
                problems.code("not_integer"),
                format!("{key}必须是整数"),
                format!("{key} must be a whole number"),
            )
            .found(node.shown(), format!("a whole number from {min} to {max}")),
        );
        None
    }

    /// True or false.
    pub(crate) fn boolean(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(key)?;
        if let Content::Bool(value) = node.content {
            return Some(value);
        }
        problems.push(
            self.error_at(
                key,
                node,
                problems.code("wrong_type"),
                format!("{key}必须是 true 或 false"),
                format!("{key} must be true or false"),
            )
            .found(node.shown(), "true, false"),
        );
        None
    }

    /// Any text.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let node = self.get(key)?;
        if let Content::Text(text) = &node.content {
            return Some(text.clone());
        }
        let mut problem = self
            .error_at(
                key,
                node,
                problems.code("wrong_type"),
                format!("{key}必须是文本"),
                format!("{key} must be text"),
            )
            .found(node.shown(), "text");
        if matches!(node.content, Content::Number(_) | Content::Bool(_)) {
            problem = problem.fix(format!("\"{}\" in quotes", node.shown()));
        }
        problems.push(problem);
        None
    }

    /// One of a few words, exactly as spelled.
    pub(crate) fn choice(&self, key: &str, choices: &[&str], problems: &mut Problems) -> Option<String> {
        let text = self.text(key, problems)?;
        if choices.contains(&text.as_str()) {
            return Some(text);
        }
        let node = self.get(key)?;
        let allowed = choices.join(", ");
        let mut problem = self
            .error_at(
                key,
                node,
                problems.code("unknown_value"),
                format!("{key}的取值无效，应为: {allowed}"),
                format!("{key} has an unknown value, expected one of: {allowed}"),
            )
            .found(show_text(&text), allowed);
        if let Some(near) = nearest(&text, choices.iter().copied()) {
            problem = problem.fix(format!("\"{near}\"?"));
        }
        problems.push(problem);
        None
    }

    /// Three numbers: `[x, y, z]` or `{x, y, z}`, each within `rule`.
    pub(crate) fn triple(&self, key: &str, rule: Number, problems: &mut Problems) -> Option<Vec3> {
        let node = self.get(key)?;
        let (names, items): (Vec<String>, Vec<&Node>) = match &node.content {
            Content::List(items) => (0..items.len()).map(|at| at.to_string()).zip(items).unzip(),
            Content::Table(_) => {
                ["x", "y", "z"].iter().filter_map(|axis| Some((axis.to_string(), node.get(axis)?))).unzip()
            }
            _ => (vec![], vec![]),
        };
        if items.len() != 3 {
            problems.push(
                self.error_at(
                    key,
                    node,
                    problems.code("wrong_type"),
                    format!("{key}必须包含x, y, z三个数值"),
                    format!("{key} must hold three numbers x, y, z"),
                )
                .found(node.shown(), "[x, y, z] or {x, y, z}"),
            );
            return None;
        }
        let inner = Table { node, pointer: self.pointer_to(key), subject: self.subject.clone() };
        let values: Vec<Option<f64>> = names
            .iter()
            .zip(items)
            .map(|(name, item)| {
                let value = inner.finite(name, item, problems)?;
                if rule.admits(value) {
                    return Some(value);
                }
                let allowed = rule.shown();
                problems.push(
                    inner
                        .error_at(
                            name,
                            item,
                            problems.code("out_of_range"),
                            format!("{key}超出范围，应为 {allowed}"),
                            format!("{key} is out of range, expected {allowed}"),
                        )
                        .found(item.shown(), allowed),
                );
                None
            })
            .collect();
        Some([values[0]?, values[1]?, values[2]?])
    }

    /// A list of texts. A single text counts as a list of one.
    pub(crate) fn texts(&self, key: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let node = self.get(key)?;
        let items: Vec<&Node> = match &node.content {
            Content::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| match &item.content {
                Content::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        if texts.is_none() {
            problems.push(
                self.error_at(
                    key,
                    node,
                    problems.code("wrong_type"),
                    format!("{key}必须是文本列表"),
                    format!("{key} must be a list of texts"),
                )
                .found(node.shown(), "a list of texts"),
            );
        }
        texts
    }

    /// The items of a list, with their pointers.
    pub(crate) fn items(&self, key: &str, problems: &mut Problems) -> Vec<(String, &'n Node)> {
        let Some(node) = self.get(key) else { return vec![] };
        if let Content::List(items) = &node.content {
            let pointer = self.pointer_to(key);
            return items.iter().enumerate().map(|(at, item)| (format!("{pointer}/{at}"), item)).collect();
        }
        problems.push(
            self.error_at(
                key,
                node,
                problems.code("wrong_type"),
                format!("{key}必须是列表"),
                format!("{key} must be a list"),
            )
            .found(node.shown(), "a list"),
        );
        vec![]
    }

    /// Warns of keys that are not in `known`, and of keys that stand there twice.
    pub(crate) fn check_keys(&self, known: &[&str], problems: &mut Problems) {
        let Content::Table(fields) = &self.node.content else { return };
        let mut seen = HashSet::new();
        for (key, node) in fields {
            // A hostile file may hold 100,000 keys; beyond the limit they are
            // not worth a search for the nearest word.
            if !problems.has_room_for_warnings() {
                problems.skip_warning();
                continue;
            }
            if !seen.insert(key.as_str()) {
                problems.push(
                    self.warning_at(
                        key,
                        node,
                        problems.code("repeated_key"),
                        format!("字段 {} 重复，采用最后一个值", show_text(key)),
                        format!("the key {} stands there twice, the last value counts", show_text(key)),
                    )
                    .found(show_text(key), "each key once"),
                );
            }
            if known.contains(&key.as_str()) {
                continue;
            }
            let near = nearest(key, known.iter().copied());
            let hint_zh = near.map(|near| format!("，是否应为 {near}")).unwrap_or_default();
            let hint_en = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            let mut problem = self
                .warning_at(
                    key,
                    node,
                    problems.code("unknown_key"),
                    format!("未知字段 {} 已忽略{hint_zh}", show_text(key)),
                    format!("the unknown key {} is ignored{hint_en}", show_text(key)),
                )
                .found(show_text(key), known.join(", "));
            if let Some(near) = near {
                problem = problem.fix(near);
            }
            problems.push(problem);
        }
    }
}

/// The candidate that a misspelled word was meant to be, if one is near enough.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // Comparing is quadratic in the length; nobody misspells a novel.
    if word.len() > 100 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '.'], "_");
    let word = plain(word);
    candidates
        .map(|candidate| (strsim::jaro_winkler(&word, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= 0.87)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Escapes a key for a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn sentence(subject: &str, text: &str) -> String {
    if subject.is_empty() { text.to_owned() } else { format!("{subject}: {text}") }
}
