//! What a client asks for when it subscribes. Pure.

use serde_json::{Map, Value, json};
use tasks::EventKind;

/// The task id that stands for the status changes of all tasks.
pub const EVERY_TASK: &str = "*";

/// Longest task id that is looked up.
const TASK_ID_CHARS: usize = 128;

/// `subscribe {task_id, after_seq?, log_id?, events?, coalesce?, layout?}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The task, or [`EVERY_TASK`].
    pub task_id: String,
    /// Seq of the last event that the client has.
    pub after_seq: Option<u64>,
    /// The store that it has it from.
    pub log_id: Option<String>,
    /// What it wants to hear.
    pub wishes: Wishes,
}

/// What of a task a subscriber wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Kinds of events.
    pub kinds: Kinds,
    /// Whether of several unsent `progress` only the newest is wanted.
    pub coalesce: bool,
    /// Whether `iteration_complete` is to carry the layout.
    pub layout: bool,
}

impl Wishes {
    /// Whether events are left out, so that each delivery names the one before.
    pub fn skips_events(&self) -> bool {
        self.coalesce || self.kinds != Kinds::default()
    }
}

/// A set of kinds of events; all by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Default for Kinds {
    fn default() -> Self {
        Kinds(u8::MAX)
    }
}

impl Kinds {
    /// Exactly these.
    pub fn only(kinds: impl IntoIterator<Item = EventKind>) -> Kinds {
        Kinds(kinds.into_iter().fold(0, |set, kind| set | bit(kind)))
    }

    /// Whether the kind is wanted.
    pub fn contains(self, kind: EventKind) -> bool {
        self.0 & bit(kind) != 0
    }
}

fn bit(kind: EventKind) -> u8 {
    match kind {
        EventKind::StatusChange => 1,
        EventKind::Progress => 2,
        EventKind::IterationComplete => 4,
        EventKind::Error => 8,
    }
}

/// Why a request is refused; becomes the event `error`.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Stable.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// The task it is about, as far as that is known.
    pub task_id: Option<String>,
    /// Everything that is wrong, when it is more than one thing.
    pub problems: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal for one reason.
    pub fn new(code: &'static str, message: impl Into<String>, task_id: Option<&str>) -> Refusal {
        Refusal { code, message: message.into(), task_id: task_id.map(str::to_owned), problems: Vec::new() }
    }

    /// The argument of the event `error`.
    pub fn body(&self) -> Value {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(task_id) = &self.task_id {
            body["task_id"] = task_id.as_str().into();
        }
        if self.problems.len() > 1 {
            let problem = |(code, message): &(&str, String)| json!({ "code": code, "message": message });
            body["problems"] = self.problems.iter().map(problem).collect();
        }
        body
    }
}

impl Request {
    /// Reads the argument of `subscribe` and tells everything that is wrong
    /// with it.
    pub fn parse(argument: Option<&Value>) -> Result<Request, Refusal> {
        let task_id = task_id(argument)?;
        let empty = Map::new();
        let fields = argument.and_then(Value::as_object).unwrap_or(&empty);
        let mut problems = Vec::new();
        let request = Request {
            after_seq: read(fields, "after_seq", &mut problems, Value::as_u64, AFTER_SEQ),
            log_id: read(fields, "log_id", &mut problems, |value| value.as_str().map(str::to_owned), LOG_ID),
            wishes: Wishes {
                kinds: read(fields, "events", &mut problems, kinds, EVENTS).unwrap_or_default(),
                coalesce: read(fields, "coalesce", &mut problems, Value::as_bool, COALESCE)
                    .unwrap_or_default(),
                layout: read(fields, "layout", &mut problems, Value::as_bool, LAYOUT).unwrap_or_default(),
            },
            task_id,
        };
        if request.task_id == EVERY_TASK {
            for (key, (code, _)) in
                [("after_seq", AFTER_SEQ), ("events", EVENTS), ("coalesce", COALESCE), ("layout", LAYOUT)]
            {
                if fields.get(key).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
                    problems.push((code, format!("{key} has no meaning for task_id \"*\", which brings the status changes of all tasks from now on")));
                }
            }
        }
        match problems.first() {
            None => Ok(request),
            Some((code, _)) => {
                let messages: Vec<&str> = problems.iter().map(|(_, message)| message.as_str()).collect();
                let message = messages.join("; ");
                Err(Refusal {
                    problems: problems.clone(),
                    ..Refusal::new(code, message, Some(&request.task_id))
                })
            }
        }
    }
}

type Rule = (&'static str, &'static str);
const AFTER_SEQ: Rule = ("invalid_after_seq", "must be an integer, 0 or more");
const LOG_ID: Rule = ("invalid_log_id", "must be a string");
const EVENTS: Rule = (
    "invalid_events",
    "must be a list with one or more of status_change, progress, iteration_complete, error",
);
const COALESCE: Rule = ("invalid_coalesce", "must be true or false");
const LAYOUT: Rule = ("invalid_layout", "must be true or false");

fn read<T>(
    fields: &Map<String, Value>,
    key: &str,
    problems: &mut Vec<(&'static str, String)>,
    parse: impl Fn(&Value) -> Option<T>,
    (code, rule): Rule,
) -> Option<T> {
    match fields.get(key) {
        None | Some(Value::Null) => None,
        Some(value) => {
            let parsed = parse(value);
            if parsed.is_none() {
                let found: String = value.to_string().chars().take(80).collect();
                problems.push((code, format!("{key} {rule}; found {found}")));
            }
            parsed
        }
    }
}

fn kinds(value: &Value) -> Option<Kinds> {
    let names = value.as_array().filter(|names| !names.is_empty())?;
    let kinds: Option<Vec<EventKind>> =
        names.iter().map(|name| name.as_str().and_then(EventKind::from_name)).collect();
    kinds.map(Kinds::only)
}

/// The task id in the argument of `subscribe` and `unsubscribe`.
pub(super) fn task_id(argument: Option<&Value>) -> Result<String, Refusal> {
    let required = || Refusal::new("task_id_required", "task_id is required", None);
    let Some(Value::Object(fields)) = argument else { return Err(required()) };
    match fields.get("task_id") {
        None | Some(Value::Null) => Err(required()),
        Some(Value::String(text)) if text.is_empty() => Err(required()),
        Some(Value::String(text)) if text.len() > TASK_ID_CHARS => {
            let shown: String = text.chars().take(TASK_ID_CHARS).collect();
            Err(Refusal::new("task_not_found", "Task not found", Some(&shown)))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Refusal::new("invalid_task_id", "task_id must be a string", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_malformed_subscription_is_named() {
        let cases = [
            (json!(null), "task_id_required"),
            (json!("abc"), "task_id_required"),
            (json!([1]), "task_id_required"),
            (json!({}), "task_id_required"),
            (json!({"task_id": null}), "task_id_required"),
            (json!({"task_id": ""}), "task_id_required"),
            (json!({"task_id": 7}), "invalid_task_id"),
            (json!({"task_id": {"a": 1}}), "invalid_task_id"),
            (json!({"task_id": "x".repeat(200)}), "task_not_found"),
            (json!({"task_id": "x", "after_seq": -1}), "invalid_after_seq"),
            (json!({"task_id": "x", "after_seq": 1.5}), "invalid_after_seq"),
            (json!({"task_id": "x", "after_seq": "3"}), "invalid_after_seq"),
            (json!({"task_id": "x", "log_id": 3}), "invalid_log_id"),
            (json!({"task_id": "x", "events": []}), "invalid_events"),
            (json!({"task_id": "x", "events": "progress"}), "invalid_events"),
            (json!({"task_id": "x", "events": ["progress", "snapshot"]}), "invalid_events"),
            (json!({"task_id": "x", "coalesce": 1}), "invalid_coalesce"),
            (json!({"task_id": "x", "layout": "yes"}), "invalid_layout"),
            (json!({"task_id": "*", "after_seq": 3}), "invalid_after_seq"),
            (json!({"task_id": "*", "events": ["progress"]}), "invalid_events"),
            (json!({"task_id": "*", "coalesce": true}), "invalid_coalesce"),
            (json!({"task_id": "*", "layout": true}), "invalid_layout"),
        ];
        for (argument, expected) in cases {
            let refusal = Request::parse(Some(&argument)).expect_err("malformed");
            assert_eq!(refusal.code, expected, "{argument}");
        }
        assert_eq!(Request::parse(None).expect_err("nothing").code, "task_id_required");
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let argument = json!({"task_id": "x", "after_seq": -1, "events": ["a"], "layout": 3});
        let body = Request::parse(Some(&argument)).expect_err("malformed").body();
        assert_eq!((&body["code"], &body["task_id"]), (&json!("invalid_after_seq"), &json!("x")));
        let codes: Vec<&Value> =
            body["problems"].as_array().expect("a list").iter().map(|problem| &problem["code"]).collect();
        assert_eq!(codes, ["invalid_after_seq", "invalid_events", "invalid_layout"]);
        assert!(body["message"].as_str().expect("a text").contains("found [\"a\"]"), "{body}");
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let argument = json!({"task_id": "x", "after_seq": 3, "log_id": "l", "layout": true, "coalesce": false,
            "events": ["progress", "error"], "new": 1});
        let request = Request::parse(Some(&argument)).expect("sound");
        let kinds = Kinds::only([EventKind::Progress, EventKind::Error]);
        assert_eq!(request.wishes, Wishes { kinds, coalesce: false, layout: true });
        assert_eq!((request.after_seq, request.log_id.as_deref()), (Some(3), Some("l")));
        assert!(request.wishes.skips_events() && !kinds.contains(EventKind::StatusChange));
        let plain = Request::parse(Some(&json!({"task_id": "x", "events": null}))).expect("sound");
        assert!(!plain.wishes.skips_events());
        let all = Request::parse(Some(&json!({"task_id": "*", "coalesce": false}))).expect("sound");
        assert_eq!(all.task_id, EVERY_TASK);
    }
}
