//! Socket.IO protocol v5, default parser: the text between Engine.IO's `4` and
//! the end of the packet, `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//! Pure; knows neither tasks nor transports.

use serde_json::{Value, json};

/// A packet that a client sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// Wants to talk in a namespace.
    Connect { namespace: String, auth: Option<Value> },
    /// Leaves a namespace.
    Disconnect { namespace: String },
    /// An event with its arguments; `ack` asks for an answer under that id.
    Event { namespace: String, name: String, arguments: Vec<Value>, ack: Option<u64> },
    /// The answer to an acknowledgement that we asked for.
    Ack,
    /// Announces binary attachments, which follow as messages of their own.
    /// `ack` asks for an answer under that id.
    Binary { namespace: String, attachments: usize, ack: Option<u64> },
}

/// What is wrong with a packet, and where an answer to it would go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed {
    /// Namespace of the packet as far as it could be read.
    pub(crate) namespace: String,
    /// Id of the acknowledgement that the client waits for.
    pub(crate) ack: Option<u64>,
    /// For people.
    pub(crate) reason: String,
}

/// Reads one packet.
pub(crate) fn decode(text: &str) -> Result<Incoming, Malformed> {
    let malformed = |namespace: &str, ack: Option<u64>, reason: String| Malformed {
        namespace: namespace.to_owned(),
        ack,
        reason,
    };
    let mut chars = text.chars();
    let kind = chars.next().and_then(|c| c.to_digit(10)).filter(|kind| *kind <= 6);
    let Some(kind) = kind else {
        return Err(malformed("/tasks", None, "a packet starts with its type, 0 to 6".to_owned()));
    };
    let mut rest = chars.as_str();
    let mut attachments = 0;
    if kind == 5 || kind == 6 {
        let Some((count, after)) = rest.split_once('-') else {
            return Err(malformed(
                "/tasks",
                None,
                "a binary packet names its attachments: 51-...".to_owned(),
            ));
        };
        attachments = count.parse().map_err(|_| {
            malformed("/tasks", None, format!("number of attachments expected, found {count:.20}"))
        })?;
        rest = after;
    }
    let namespace = if rest.starts_with('/') {
        // A namespace ends at the first comma; without one it is all there is.
        let (namespace, after) = rest.split_once(',').unwrap_or((rest, ""));
        rest = after;
        // Engine.IO query parameters may trail the namespace of a CONNECT.
        namespace.split('?').next().unwrap_or(namespace).to_owned()
    } else {
        "/".to_owned()
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ack = if digits > 0 && matches!(kind, 2 | 3 | 5 | 6) {
        let ack = rest[..digits].parse();
        rest = &rest[digits..];
        Some(ack.map_err(|_| malformed(&namespace, None, "the acknowledgement id is too large".to_owned()))?)
    } else {
        None
    };
    let body = if rest.is_empty() {
        None
    } else {
        let parsed = serde_json::from_str::<Value>(rest);
        Some(
            parsed
                .map_err(|error| malformed(&namespace, ack, format!("the payload is not JSON: {error}")))?,
        )
    };
    match kind {
        0 => Ok(Incoming::Connect { namespace, auth: body }),
        1 => Ok(Incoming::Disconnect { namespace }),
        2 => match body {
            Some(Value::Array(mut arguments)) if arguments.first().is_some_and(Value::is_string) => {
                let Value::String(name) = arguments.remove(0) else {
                    return Err(malformed(&namespace, ack, "an event has a name".to_owned()));
                };
                Ok(Incoming::Event { namespace, name, arguments, ack })
            }
            _ => Err(malformed(&namespace, ack, "an event is an array that starts with its name".to_owned())),
        },
        3 | 6 => Ok(Incoming::Ack),
        5 => Ok(Incoming::Binary { namespace, attachments, ack }),
        _ => Err(malformed(&namespace, None, "only a server sends CONNECT_ERROR".to_owned())),
    }
}

/// Accepts a CONNECT.
pub(crate) fn connect(namespace: &str, sid: &str) -> String {
    format!("0{}{}", prefix(namespace), json!({ "sid": sid }))
}

/// Refuses a CONNECT.
pub(crate) fn connect_error(namespace: &str, message: &str) -> String {
    format!("4{}{}", prefix(namespace), json!({ "message": message }))
}

/// The same with a code, which clients find in the error's `data`.
pub(crate) fn connect_error_with_code(namespace: &str, code: &str, message: &str) -> String {
    format!("4{}{}", prefix(namespace), json!({ "message": message, "data": { "code": code } }))
}

/// An event with one argument.
pub(crate) fn event(namespace: &str, name: &str, argument: &impl serde::Serialize) -> String {
    // Serializing our own types into a string cannot fail.
    let argument = serde_json::to_string(argument).unwrap_or_else(|_| "null".to_owned());
    event_with_text(namespace, name, &argument)
}

/// The same with an argument that is JSON already.
pub(crate) fn event_with_text(namespace: &str, name: &str, argument: &str) -> String {
    format!("2{}[{},{argument}]", prefix(namespace), Value::from(name))
}

/// Answers an event that asked for an acknowledgement.
pub(crate) fn ack(namespace: &str, id: u64, argument: &Value) -> String {
    format!("3{}{id}[{argument}]", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_official_clients_send() {
        let tasks = || "/tasks".to_owned();
        let cases = [
            ("0/tasks,", Incoming::Connect { namespace: tasks(), auth: None }),
            ("0", Incoming::Connect { namespace: "/".to_owned(), auth: None }),
            (
                "0/tasks,{\"token\":\"a\"}",
                Incoming::Connect { namespace: tasks(), auth: Some(json!({"token":"a"})) },
            ),
            ("0/tasks?x=1,", Incoming::Connect { namespace: tasks(), auth: None }),
            ("1/tasks,", Incoming::Disconnect { namespace: tasks() }),
            (
                "2/tasks,[\"subscribe\",{\"task_id\":\"x\"}]",
                Incoming::Event {
                    namespace: tasks(),
                    name: "subscribe".to_owned(),
                    arguments: vec![json!({"task_id":"x"})],
                    ack: None,
                },
            ),
            (
                "2/tasks,7[\"subscribe\"]",
                Incoming::Event {
                    namespace: tasks(),
                    name: "subscribe".to_owned(),
                    arguments: vec![],
                    ack: Some(7),
                },
            ),
            (
                "51-/tasks,[\"a\",{\"_placeholder\":true,\"num\":0}]",
                Incoming::Binary { namespace: tasks(), attachments: 1, ack: None },
            ),
            (
                "52-/tasks,12[\"a\",{\"_placeholder\":true,\"num\":0}]",
                Incoming::Binary { namespace: tasks(), attachments: 2, ack: Some(12) },
            ),
            ("3/tasks,1[]", Incoming::Ack),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_what_is_malformed_and_keeps_the_ack_id() {
        for text in
            ["", "9", "x", "5", "5x-", "2/tasks,", "2/tasks,{}", "2/tasks,[]", "2/tasks,[1]", "4/tasks,{}"]
        {
            assert!(decode(text).is_err(), "{text}");
        }
        let found = decode("2/tasks,12[\"subscribe\",").expect_err("the JSON ends early");
        assert_eq!((found.namespace.as_str(), found.ack), ("/tasks", Some(12)));
        assert!(decode("2/tasks,99999999999999999999999[\"a\"]").is_err());
    }

    #[test]
    fn writes_what_the_official_clients_read() {
        assert_eq!(connect("/tasks", "s"), "0/tasks,{\"sid\":\"s\"}");
        assert_eq!(connect("/", "s"), "0{\"sid\":\"s\"}");
        assert_eq!(connect_error("/x", "Invalid namespace"), "4/x,{\"message\":\"Invalid namespace\"}");
        assert_eq!(event("/tasks", "a", &json!({"b":1})), "2/tasks,[\"a\",{\"b\":1}]");
        assert_eq!(ack("/tasks", 7, &json!({})), "3/tasks,7[{}]");
    }
}
