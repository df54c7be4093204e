use super::{Content, Node, Place};

/// Reads JSON text into a tree with places. The message of a syntax error
/// does not repeat its place.
pub(crate) fn parse(text: &str) -> Result<Node, (String, Place)> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let place = (error.line() > 0).then_some((error.line() as u64, error.column().max(1) as u64));
        let full = error.to_string();
        // serde_json ends its message with " at line 1 column 2".
        let message = full.rfind(" at line ").map_or(full.as_str(), |end| &full[..end]).to_owned();
        (not_a_number(text, place).unwrap_or(message), place)
    })?;
    drop(value);
    // The text is known to be well-formed now; a second, simpler walk notes
    // where each value stands, which serde_json cannot tell.
    let mut walk = Walk { text: text.as_bytes(), at: 0, line: 1, counted_to: 0, column: 1 };
    Ok(walk.value(text))
}

/// A clearer message when the parser stopped at a number that JSON lacks but
/// other programs write.
fn not_a_number(text: &str, place: Place) -> Option<String> {
    let (line, column) = place?;
    let line = text.as_bytes().split(|byte| *byte == b'\n').nth(line as usize - 1)?;
    // serde_json counts bytes and stops on the word or just behind its start.
    let start = (column as usize).saturating_sub(2);
    let here = line.get(start..)?;
    let near = String::from_utf8_lossy(&here[..here.len().min(12)]).into_owned();
    let word = ["NaN", "Infinity"].into_iter().find(|word| near.contains(word))?;
    Some(format!("{word} is not a JSON number, write a finite number"))
}

/// A walk over well-formed JSON. Depth is bounded because serde_json refused
/// anything nested deeper than 128.
struct Walk<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
    /// Up to here the characters of the line are in `column`. Counting on from
    /// there, not from the line's start, keeps a file of one line linear.
    counted_to: usize,
    column: u64,
}

impl Walk<'_> {
    fn value(&mut self, text: &str) -> Node {
        self.skip_space();
        self.column += text[self.counted_to..self.at].chars().count() as u64;
        self.counted_to = self.at;
        let place = Some((self.line, self.column));
        let content = match self.peek() {
            b'{' => Content::Table(self.table(text)),
            b'[' => Content::List(self.list(text)),
            b'"' => Content::Text(self.string(text)),
            b't' => self.word(4, Content::Bool(true)),
            b'f' => self.word(5, Content::Bool(false)),
            b'n' => self.word(4, Content::Null),
            _ => Content::Number(self.number(text)),
        };
        Node { content, place }
    }

    fn table(&mut self, text: &str) -> Vec<(String, Node)> {
        let mut fields = Vec::new();
        self.at += 1;
        loop {
            self.skip_space();
            match self.peek() {
                b'"' => {
                    let key = self.string(text);
                    self.skip_space();
                    self.at += 1; // the colon
                    let value = self.value(text);
                    fields.push((key, value));
                }
                b',' => self.at += 1,
                _ => {
                    self.at += 1; // the closing brace
                    return fields;
                }
            }
        }
    }

    fn list(&mut self, text: &str) -> Vec<Node> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.skip_space();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return items;
                }
                _ => items.push(self.value(text)),
            }
        }
    }

    fn string(&mut self, text: &str) -> String {
        let start = self.at;
        self.at += 1;
        while self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(&text[start..self.at]).expect("a string of a document that parsed")
    }

    fn number(&mut self, text: &str) -> f64 {
        let start = self.at;
        while self.at < self.text.len()
            && matches!(self.text[self.at], b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
        {
            self.at += 1;
        }
        text[start..self.at].parse().expect("a number of a document that parsed")
    }

    fn word(&mut self, length: usize, content: Content) -> Content {
        self.at += length;
        content
    }

    fn peek(&self) -> u8 {
        self.text[self.at]
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.counted_to = self.at + 1;
                    self.column = 1;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => return,
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_line_and_column() {
        let tree = parse("{\n  \"名\": [1, -2.5e1,\n \"a\\\"\\u4e2d\", true, null, {}]\n}").unwrap();
        let Content::List(items) = &tree.get("名").unwrap().content else { panic!("{tree:?}") };
        let found: Vec<_> = items.iter().map(|item| (item.content.clone(), item.place.unwrap())).collect();
        assert_eq!(
            found,
            [
                (Content::Number(1.0), (2, 9)),
                (Content::Number(-25.0), (2, 12)),
                (Content::Text("a\"中".to_owned()), (3, 2)),
                (Content::Bool(true), (3, 15)),
                (Content::Null, (3, 21)),
                (Content::Table(vec![]), (3, 27)),
            ]
        );
    }

    #[test]
    fn a_syntax_error_has_a_place_and_a_message_without_it() {
        let (message, place) = parse("{\"components\": [}").unwrap_err();
        assert_eq!(place, Some((1, 17)));
        assert!(!message.contains("line"), "{message}");
    }

    #[test]
    fn the_walk_agrees_with_the_parser() {
        let text = r#" [ {"a":{"b":[[],[0]]},"c":"\\"} , 1e-3,false ]"#;
        let plain = Node::from(&serde_json::from_str::<serde_json::Value>(text).unwrap());
        fn strip(node: &Node) -> Node {
            Node::new(match &node.content {
                Content::List(items) => Content::List(items.iter().map(strip).collect()),
                Content::Table(fields) => {
                    Content::Table(fields.iter().map(|(k, v)| (k.clone(), strip(v))).collect())
                }
                other => other.clone(),
            })
        }
        assert_eq!(strip(&parse(text).unwrap()), plain);
    }
}
