//! What a client may say. Pure.

use serde_json::Value;

use super::outbox::MAX_CREDIT;
use crate::live::Refusal;

/// One message of a client.
#[derive(Debug, PartialEq)]
pub(super) struct Command {
    /// Repeated in the answer.
    pub(super) id: Option<u64>,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// The argument is the whole message, as with Socket.IO.
    Subscribe(Value),
    Unsubscribe(Value),
    /// Shows a new token.
    Refresh(Value),
    /// So many more updates may be sent.
    Credit(u32),
}

/// A refusal, and the id to answer it under.
pub(super) type Refused = (Option<u64>, Refusal);

impl Command {
    pub(super) fn parse(message: Value) -> Result<Command, Refused> {
        let Some(fields) = message.as_object() else {
            return Err((None, malformed(format!("a message is an object; found {}", excerpt(&message)))));
        };
        let id = match fields.get("id") {
            None | Some(Value::Null) => None,
            Some(id) => match id.as_u64() {
                Some(id) => Some(id),
                None => {
                    let message = format!("id must be an integer, 0 or more; found {}", excerpt(id));
                    return Err((None, Refusal::new("invalid_id", message, None)));
                }
            },
        };
        let action = match fields.get("type").and_then(Value::as_str) {
            Some("subscribe") => Action::Subscribe(message),
            Some("unsubscribe") => Action::Unsubscribe(message),
            Some("auth_refresh") => Action::Refresh(message),
            Some("credit") => Action::Credit(credit(fields.get("updates")).map_err(|refusal| (id, refusal))?),
            Some(unknown) => return Err((id, unknown_type(unknown))),
            None => {
                let found = fields.get("type").map_or("none".to_owned(), excerpt);
                let message = format!("a message names its type, a string; found {found}");
                return Err((id, malformed(message)));
            }
        };
        Ok(Command { id, action })
    }
}

/// What no message is called.
pub(super) fn unknown_type(unknown: &str) -> Refusal {
    let unknown: String = unknown.chars().take(SHOWN).collect();
    let message = format!("unknown type {unknown}; known: subscribe, unsubscribe, credit");
    Refusal::new("unknown_message", message, None)
}

/// What cannot be read as a message at all.
pub(super) fn malformed(message: String) -> Refusal {
    Refusal::new("malformed_message", message, None)
}

fn credit(updates: Option<&Value>) -> Result<u32, Refusal> {
    let granted = updates.and_then(Value::as_u64).and_then(|granted| u32::try_from(granted).ok());
    granted.filter(|granted| (1..=MAX_CREDIT).contains(granted)).ok_or_else(|| {
        let found = updates.map_or("none".to_owned(), excerpt);
        let message = format!("updates must be an integer from 1 to {MAX_CREDIT}; found {found}");
        Refusal::new("invalid_credit", message, None)
    })
}

/// Characters of what a client sent that an answer repeats.
const SHOWN: usize = 64;

fn excerpt(value: &Value) -> String {
    value.to_string().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_read_with_their_id() {
        let subscribe = json!({"type": "subscribe", "id": 7, "task_id": "x"});
        let unsubscribe = json!({"type": "unsubscribe", "task_id": "x", "id": null});
        let cases = [
            (subscribe.clone(), Some(7), Action::Subscribe(subscribe)),
            (unsubscribe.clone(), None, Action::Unsubscribe(unsubscribe)),
            (json!({"type": "credit", "updates": 1, "id": 0}), Some(0), Action::Credit(1)),
            (json!({"type": "credit", "updates": MAX_CREDIT}), None, Action::Credit(MAX_CREDIT)),
        ];
        for (message, id, action) in cases {
            assert_eq!(Command::parse(message), Ok(Command { id, action }));
        }
    }

    #[test]
    fn every_malformed_message_is_named_and_answered_under_its_id() {
        let cases = [
            (json!([]), None, "malformed_message"),
            (json!("subscribe"), None, "malformed_message"),
            (json!(null), None, "malformed_message"),
            (json!({}), None, "malformed_message"),
            (json!({"type": 3, "id": 4}), Some(4), "malformed_message"),
            (json!({"type": "watch", "id": 4}), Some(4), "unknown_message"),
            (json!({"type": "subscribe", "id": -1}), None, "invalid_id"),
            (json!({"type": "subscribe", "id": "a"}), None, "invalid_id"),
            (json!({"type": "credit", "id": 4}), Some(4), "invalid_credit"),
            (json!({"type": "credit", "updates": 0}), None, "invalid_credit"),
            (json!({"type": "credit", "updates": -1}), None, "invalid_credit"),
            (json!({"type": "credit", "updates": 1.5}), None, "invalid_credit"),
            (json!({"type": "credit", "updates": "3"}), None, "invalid_credit"),
            (json!({"type": "credit", "updates": 1_000_001}), None, "invalid_credit"),
            (json!({"type": "credit", "updates": u64::MAX}), None, "invalid_credit"),
        ];
        for (message, id, code) in cases {
            let (found_id, refusal) = Command::parse(message.clone()).expect_err("malformed");
            assert_eq!((found_id, refusal.code), (id, code), "{message}");
        }
        let long = Command::parse(json!({"type": "x".repeat(10_000)})).expect_err("unknown").1;
        assert!(long.message.len() < 200);
    }
    #[test]
    fn the_specification_shows_messages_as_they_are() {
        let specification = include_str!("../../../../protocol/README.md");
        let (mut commands, mut known) = (0, Vec::new());
        for block in specification.split("```json\n").skip(1) {
            let text = block.split("```").next().unwrap_or_default();
            let message: Value = serde_json::from_str(text).expect("an example is JSON");
            let kind = message["type"].as_str().expect("a type").to_owned();
            match Command::parse(message.clone()) {
                Ok(command) => {
                    assert!(command.id.is_some());
                    commands += 1;
                }
                // `credit` goes both ways.
                Err((_, refusal)) => assert!(matches!(refusal.code, "unknown_message" | "invalid_credit")),
            }
            known.push(kind);
        }
        assert_eq!(commands, 3);
        for kind in ["hello", "subscribed", "unsubscribed", "credit", "error", "updates", "out_of_credit"] {
            assert!(known.iter().any(|found| found == kind), "no example of {kind}");
        }
        for code in ["malformed_message", "unknown_message", "invalid_id", "invalid_credit"] {
            assert!(specification.contains(&format!("| `{code}` |")), "{code}");
        }
    }
}
