//! Problems of an input, for people at a terminal.

use std::fmt::Write;
use std::path::Path;

use model::{Language, Problem};

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
    text
}
