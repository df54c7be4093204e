use serde::{Deserialize, Serialize};

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
