//! Problems of an input, for people at a terminal.

use std::fmt::Write;
use std::path::Path;

use model::{Language, NOT_EVALUATED_YET, Problem};

/// The terminal's language, by the usual variables.
pub(crate) fn language() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if locale.is_some_and(|locale| locale.starts_with("zh")) { Language::Zh } else { Language::En }
}

/// One block per problem: where, what, and what would be allowed.
pub(crate) fn problems(path: &Path, problems: &[Problem], language: Language) -> String {
    let mut text = String::new();
    for problem in problems {
        let severity = match (problem.is_error(), language) {
            (true, Language::En) => "error",
            (true, Language::Zh) => "错误",
            (false, Language::En) => "warning",
            (false, Language::Zh) => "警告",
        };
        let _ = write!(text, "{}", path.display());
        if let Some(line) = problem.line {
            let _ = write!(text, ":{line}:{}", problem.column.unwrap_or(1));
        }
        let _ = writeln!(text, ": {severity}[{}]: {}", problem.code, problem.text(language));
        let (at, found, allowed, fix) = match language {
            Language::En => ("at", "found", "allowed", "fix"),
            Language::Zh => ("位置", "实际", "允许", "建议"),
        };
        let details = [
            (at, problem.pointer.as_str()),
            (found, problem.found.as_str()),
            (allowed, problem.allowed.as_str()),
            (fix, problem.fix.as_deref().unwrap_or_default()),
        ];
        for (name, detail) in details.into_iter().filter(|(_, detail)| !detail.is_empty()) {
            let _ = writeln!(text, "    {name}: {detail}");
        }
    }
    printable(&text)
}

/// What an input brings along must not steer the terminal: control characters
/// other than the line's end are shown as escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown
}

/// The warnings of an input that is run all the same: those that name keys
/// without effect in one line, the others in full.
pub(crate) fn warnings(path: &Path, warnings: &[Problem], language: Language) -> String {
    let (without_effect, others): (Vec<Problem>, Vec<Problem>) =
        warnings.iter().cloned().partition(|warning| warning.code == NOT_EVALUATED_YET);
    let mut text = problems(path, &others, language);
    let mut keys: Vec<&str> =
        without_effect.iter().filter_map(|warning| warning.pointer.rsplit('/').next()).collect();
    keys.sort_unstable();
    keys.dedup();
    if !keys.is_empty() {
        let keys = keys.join(", ");
        let _ = match language {
            Language::En => writeln!(text, "{}: read, but not evaluated yet: {keys}", path.display()),
            Language::Zh => writeln!(text, "{}: 已读取但尚未评估: {keys}", path.display()),
        };
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_effect_take_one_line_and_other_warnings_keep_theirs() {
        let keyed = |code: &str, pointer: &str| Problem {
            pointer: pointer.to_owned(),
            ..Problem::warning(code, "中文".to_owned(), "english".to_owned())
        };
        let all = [
            keyed(NOT_EVALUATED_YET, "/components/3/heater"),
            keyed("bom.unit_suspect", "/components/0/dimensions"),
            keyed(NOT_EVALUATED_YET, "/constraints/bus_voltage_v"),
            keyed(NOT_EVALUATED_YET, "/components/5/heater"),
        ];
        let text = warnings(Path::new("a.json"), &all, Language::En);
        assert!(text.contains("warning[bom.unit_suspect]"), "{text}");
        assert!(text.ends_with("a.json: read, but not evaluated yet: bus_voltage_v, heater\n"), "{text}");
        assert!(warnings(Path::new("a.json"), &[], Language::En).is_empty());
    }

    #[test]
    fn what_an_input_holds_does_not_steer_the_terminal() {
        let hostile = [Problem::warning("bom.x", "\u{1b}[31m红\0", "a\u{1b}[31mred\0")];
        let text = problems(Path::new("a.json"), &hostile, Language::En);
        assert!(text.contains("a\\u{1b}[31mred\\u{0}"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
