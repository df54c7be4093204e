use std::fmt;

use crate::Problem;
use crate::input::node::show_text;
use crate::input::{Content, Node, Problems};

/// Who named the file. Only what the operator configured may read variables
/// and choose directories; a file that a client named never does.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// The operator; `${NAME}` is replaced by what the function gives, and by
    /// nothing when it gives none.
    Operator(&'a dyn Fn(&str) -> Option<String>),
    /// A client.
    Client,
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Origin::Operator(_) => "Operator",
            Origin::Client => "Client",
        })
    }
}

/// Longest text after `${NAME}` replacement, so that variables cannot swell it.
const MAX_EXPANDED_BYTES: usize = 64 * 1024;

/// Replaces `${NAME}` in every text below `node`.
pub(super) fn expand(node: &mut Node, pointer: &str, origin: Origin<'_>, problems: &mut Problems) {
    let place = node.place;
    match &mut node.content {
        Content::Text(text) if text.contains("${") => match origin {
            Origin::Operator(lookup) => *text = expanded(text, lookup),
            Origin::Client => problems.push(
                Problem::warning(
                    "config.variable_not_expanded",
                    format!("{} 中的变量不会展开，只有运维者配置的文件才展开变量", show_text(text)),
                    format!(
                        "variables in {} are not replaced, only files that the operator configured do that",
                        show_text(text)
                    ),
                )
                .at(pointer)
                .on_line(place)
                .found(show_text(text), "text without ${NAME}"),
            ),
        },
        Content::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                expand(item, &format!("{pointer}/{at}"), origin, problems);
            }
        }
        Content::Table(fields) => {
            for (key, value) in fields {
                let pointer = format!("{pointer}/{}", crate::input::table::escape(key));
                expand(value, &pointer, origin, problems);
            }
        }
        _ => {}
    }
}

fn expanded(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 2..start + length];
        result.push_str(&rest[..start]);
        // A variable that is not set is empty, as in the files in use.
        result.push_str(&lookup(name).unwrap_or_default());
        rest = &rest[start + length + 1..];
        if result.len() > MAX_EXPANDED_BYTES {
            break;
        }
    }
    result.push_str(rest);
    result
}
