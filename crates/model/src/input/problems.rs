use std::collections::BTreeSet;

use super::{Node, Table};
use crate::{NOT_EVALUATED_YET, Problem};

/// Problems that one answer carries; what is found beyond is counted.
pub(crate) const MAX_PROBLEMS: usize = 300;

/// Collects what is wrong with one input. Errors are never crowded out by
/// warnings: each severity has its own limit.
#[derive(Debug)]
pub(crate) struct Problems {
    /// First word of every code: `bom`, `config`, `limits`.
    pub(crate) family: &'static str,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    uncounted_errors: usize,
    uncounted_warnings: usize,
    not_evaluated: BTreeSet<String>,
}

impl Problems {
    /// None yet.
    pub(crate) fn new(family: &'static str) -> Problems {
        Problems {
            family,
            errors: vec![],
            warnings: vec![],
            uncounted_errors: 0,
            uncounted_warnings: 0,
            not_evaluated: BTreeSet::new(),
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, problem: Problem) {
        let (list, uncounted) = if problem.is_error() {
            (&mut self.errors, &mut self.uncounted_errors)
        } else {
            (&mut self.warnings, &mut self.uncounted_warnings)
        };
        if list.len() < MAX_PROBLEMS {
            list.push(problem);
        } else {
            *uncounted += 1;
        }
    }

    /// Whether another warning would be listed.
    pub(crate) fn has_room_for_warnings(&self) -> bool {
        self.warnings.len() < MAX_PROBLEMS
    }

    /// Counts a warning that is not listed.
    pub(crate) fn skip_warning(&mut self) {
        self.uncounted_warnings += 1;
    }

    /// A code of this family: `bom.wrong_type`.
    pub(crate) fn code(&self, name: &str) -> String {
        format!("{}.{name}", self.family)
    }

    /// Notes, once for each key, that it is understood and kept although no
    /// model uses it yet.
    pub(crate) fn not_evaluated(&mut self, table: &Table<'_>, key: &str, node: &Node) {
        if !self.not_evaluated.insert(key.to_owned()) {
            return;
        }
        let problem = Problem::warning(
            NOT_EVALUATED_YET,
            format!("{key} 已读取并保留，但目前尚未参与评估"),
            format!("{key} is read and kept, but not evaluated yet"),
        );
        self.push(table.about(problem, node, key).found(node.shown(), "any value; it has no effect yet"));
    }

    /// Gives every problem that knows only its pointer its place in the file.
    pub(crate) fn locate(&mut self, tree: &Node) {
        for problem in self.errors.iter_mut().chain(&mut self.warnings) {
            if problem.line.is_none()
                && let Some((line, column)) = tree.place_at(&problem.pointer)
            {
                (problem.line, problem.column) = (Some(line), Some(column));
            }
        }
    }

    /// Whether the input is refused.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The warnings alone, when nothing refuses the input; else all, errors first.
    pub(crate) fn finish(mut self) -> Result<Vec<Problem>, Vec<Problem>> {
        let code = self.code("more_problems");
        let more = |count: usize| {
            Problem::warning(
                code.clone(),
                format!("还有 {count} 个问题未列出"),
                format!("{count} more problems are not listed"),
            )
            .found(count.to_string(), format!("at most {MAX_PROBLEMS} listed"))
        };
        if self.uncounted_warnings > 0 {
            self.warnings.push(more(self.uncounted_warnings));
        }
        if self.uncounted_errors > 0 {
            self.errors.push(more(self.uncounted_errors));
        }
        if self.errors.is_empty() {
            return Ok(self.warnings);
        }
        self.errors.append(&mut self.warnings);
        Err(self.errors)
    }
}
