/// A value of a JSON, YAML or CSV input and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The value.
    pub(crate) content: Content,
    /// Line and column from 1; `None` when the input has none.
    pub(crate) place: Place,
}

/// Line and column, both from 1.
pub(crate) type Place = Option<(u64, u64)>;

/// What all input formats have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Nothing, or an explicit null.
    Null,
    /// True or false.
    Bool(bool),
    /// Any number, also NaN and infinities.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the input. A key may stand there twice.
    Table(Vec<(String, Node)>),
}

/// Characters of an input's text that a message repeats.
const MAX_FOUND_CHARS: usize = 80;

impl Node {
    /// A value without a place.
    pub(crate) fn new(content: Content) -> Node {
        Node { content, place: None }
    }

    /// The value of a key; the last one when the key stands there twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let Content::Table(fields) = &self.content else { return None };
        fields.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Place of the value at a JSON pointer, or of the nearest thing around it.
    pub(crate) fn place_at(&self, pointer: &str) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in pointer.split('/').skip(1) {
            let next = match &node.content {
                Content::List(items) => step.parse::<usize>().ok().and_then(|at| items.get(at)),
                Content::Table(_) => node.get(&step.replace("~1", "/").replace("~0", "~")),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
            place = node.place.or(place);
        }
        place
    }

    /// Whether it is nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// The same as a JSON value; numbers that JSON lacks become null.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::from(*value),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Node::to_value).collect(),
            Content::Table(fields) => {
                Value::Object(fields.iter().map(|(key, node)| (key.clone(), node.to_value())).collect())
            }
        }
    }

    /// How a message shows the value: short, and like JSON.
    pub(crate) fn shown(&self) -> String {
        match &self.content {
            Content::Null => "null".to_owned(),
            Content::Bool(value) => value.to_string(),
            Content::Number(value) => show_number(*value),
            Content::Text(text) => show_text(text),
            Content::List(items) => format!("list of {}", items.len()),
            Content::Table(fields) => format!("object with {} keys", fields.len()),
        }
    }
}

/// A number as a person would write it.
pub(crate) fn show_number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if size != 0.0 && !(1e-4..1e9).contains(&size) {
        format!("{value:e}")
    } else {
        // Nine significant digits hide the noise of unit conversions.
        let digits = 9 - (size.max(1.0).log10().floor() as i32);
        let text = format!("{value:.*}", digits.clamp(0, 9) as usize);
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// A text in quotes, cut when long.
pub(crate) fn show_text(text: &str) -> String {
    let cut: String = text.chars().take(MAX_FOUND_CHARS).collect();
    let ellipsis = if cut.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{cut}{ellipsis}"))
}

impl From<&serde_json::Value> for Node {
    fn from(value: &serde_json::Value) -> Node {
        use serde_json::Value;
        Node::new(match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            // Without arbitrary precision every JSON number has an f64.
            Value::Number(number) => Content::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(Node::from).collect()),
            Value::Object(fields) => {
                Content::Table(fields.iter().map(|(key, value)| (key.clone(), Node::from(value))).collect())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_a_person_would_write_them() {
        for (value, text) in [
            (0.2, "0.2"),
            (-1.0, "-1"),
            (120.0, "120"),
            (0.1 + 0.2, "0.3"),
            (1e300, "1e300"),
            (0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(show_number(value), text);
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(show_text(&"长".repeat(500)).chars().count(), MAX_FOUND_CHARS + 3);
    }
}
