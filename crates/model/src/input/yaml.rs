use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::{Content, Node, Place};

/// Keys and values in one file, aliases expanded. A BOM of 500 components with
/// every key has about 60,000.
const MAX_NODES: usize = 120_000;
/// Nodes that aliases may add, so that a page of text cannot become a gigabyte.
const MAX_REPLAYED: usize = 50_000;
/// Nesting of lists and tables.
const MAX_DEPTH: usize = 64;

/// Reads one YAML document into a tree with places.
pub(crate) fn parse(text: &str) -> Result<Node, (String, Place)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        // `no` and `on` are texts here as in YAML 1.2.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Option<Spanned<Value>>>(text, options)
        .map(|value| value.map_or(Node::new(Content::Null), node))
        .map_err(|error| {
            let place = error.location().map(|location| (location.line(), location.column()));
            (error.without_snippet().to_string(), place)
        })
}

fn node(value: Spanned<Value>) -> Node {
    let place = (value.referenced.line() > 0).then(|| (value.referenced.line(), value.referenced.column()));
    Node { content: value.value.0, place }
}

/// A value of any kind, as serde sees it.
struct Value(Content);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value(Content::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(Content::Number(value as f64)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(Content::Number(value as f64)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value(Content::Number(value as f64)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value(Content::Number(value as f64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(Content::Number(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value(Content::Text(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(Content::Null))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value(Content::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value(Content::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, Spanned<Value>>()? {
            fields.push((key, node(value)));
        }
        Ok(Value(Content::Table(fields)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_line_and_column() {
        let tree =
            parse("components:\n  - {id: tx, mass: 1.2}\n  - id: 'no'\n    mass: .nan\n    n: ~\n").unwrap();
        let Content::List(items) = &tree.get("components").unwrap().content else { panic!("{tree:?}") };
        let mass = items[0].get("mass").unwrap();
        assert_eq!((mass.content.clone(), mass.place), (Content::Number(1.2), Some((2, 20))));
        assert_eq!(items[1].get("id").unwrap().content, Content::Text("no".to_owned()));
        assert!(items[1].get("n").unwrap().is_null());
        let Content::Number(mass) = items[1].get("mass").unwrap().content else { panic!("{items:?}") };
        assert!(mass.is_nan());
    }

    #[test]
    fn a_repeated_key_is_kept_for_the_reader_to_see() {
        let Content::Table(fields) = parse("a: 1\na: 2\n").unwrap().content else { panic!() };
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn nothing_is_null() {
        for text in ["", "# only a comment\n", "---\n", "null"] {
            assert!(parse(text).unwrap().is_null(), "{text:?}");
        }
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..10 {
            let alias = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(","));
        }
        assert!(parse(&text).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&format!("{}1{}", "[".repeat(200), "]".repeat(200))).is_err());
    }
}
