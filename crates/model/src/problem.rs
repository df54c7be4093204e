use serde::{Deserialize, Serialize};

/// Code of a warning about a key that is understood and kept although no model
/// uses it yet.
pub const NOT_EVALUATED_YET: &str = "not_evaluated_yet";

/// Whether an input can be used in spite of the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is used; the user should look.
    Warning,
}

/// One thing that is wrong with an input: what was found, what is allowed, and
/// where, in words for people (Chinese and English) and a code for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Whether the input is refused.
    pub severity: Severity,
    /// Stable identifier, dotted, such as `bom.mass_nonpositive`.
    pub code: String,
    /// JSON pointer into the input (`/components/3/mass`); empty for the whole.
    pub pointer: String,
    /// Line in the file, from 1, when the format has lines.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// Column in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u64>,
    /// The component concerned, when it has an id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub component_id: Option<String>,
    /// What stands in the input.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
    /// A change that would mend it, when one can be named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fix: Option<String>,
    /// The sentence in Chinese.
    pub message_zh: String,
    /// The sentence in English.
    pub message_en: String,
}

/// A value together with what the user should look at although it is usable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked<T> {
    /// The usable value.
    pub value: T,
    /// Problems of severity [`Severity::Warning`].
    pub warnings: Vec<Problem>,
}

/// Languages that texts for people come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Problem {
    /// A problem that refuses the input, still without its place.
    pub fn error(
        code: impl Into<String>,
        message_zh: impl Into<String>,
        message_en: impl Into<String>,
    ) -> Problem {
        Problem {
            severity: Severity::Error,
            code: code.into(),
            pointer: String::new(),
            line: None,
            column: None,
            component_id: None,
            found: String::new(),
            allowed: String::new(),
            fix: None,
            message_zh: message_zh.into(),
            message_en: message_en.into(),
        }
    }

    /// A problem that the user should look at, still without its place.
    pub fn warning(
        code: impl Into<String>,
        message_zh: impl Into<String>,
        message_en: impl Into<String>,
    ) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(code, message_zh, message_en) }
    }

    /// Says where, as a JSON pointer.
    pub fn at(mut self, pointer: impl Into<String>) -> Problem {
        self.pointer = pointer.into();
        self
    }

    /// Says where in the file, when that is known.
    pub fn on_line(mut self, place: Option<(u64, u64)>) -> Problem {
        (self.line, self.column) = (place.map(|place| place.0), place.map(|place| place.1));
        self
    }

    /// Names the component concerned.
    pub fn of_component(mut self, id: impl Into<String>) -> Problem {
        self.component_id = Some(id.into());
        self
    }

    /// Says what stands in the input and what may stand there.
    pub fn found(mut self, found: impl Into<String>, allowed: impl Into<String>) -> Problem {
        self.found = found.into();
        self.allowed = allowed.into();
        self
    }

    /// Names a change that would mend it.
    pub fn fix(mut self, fix: impl Into<String>) -> Problem {
        self.fix = Some(fix.into());
        self
    }

    /// Whether the problem refuses the input.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The sentence in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.message_zh,
            Language::En => &self.message_en,
        }
    }
}
