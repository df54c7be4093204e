use std::fmt;
use std::path::PathBuf;

use model::{Language, Problem};

/// Why settings cannot be used: all that is wrong at once, by where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// A file, or `environment`, and what is wrong there; never empty.
    pub findings: Vec<(PathBuf, Vec<Problem>)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.findings.iter().flat_map(|(place, problems)| {
            problems.iter().map(move |problem| {
                let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
                let allowed = match problem.allowed.as_str() {
                    "" => String::new(),
                    allowed => format!("; allowed: {allowed}"),
                };
                format!("{}{line}: {}{allowed}", place.display(), problem.text(Language::En))
            })
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Refused {}
