use serde_json::{Value, json};

use super::stream::Lost;

/// Gaps in a row, without one new event between them, after which the
/// connection is given up.
const MAX_FRUITLESS: u32 = 5;

/// `id` of every request.
const REQUEST: u64 = 1;

/// Where a watcher stands in the log of its task.
#[derive(Debug)]
pub(super) struct Follow {
    task_id: String,
    /// Seq of the last event that was handed on.
    at: u64,
    /// The log that the seq belongs to; unknown until a subscription stood.
    log_id: Option<String>,
    /// The newest request is not answered yet.
    asked: bool,
    fruitless: u32,
}

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its turn has come: hand it on.
    New,
    /// It was handed on before, or is not about this task.
    Old,
    /// At least one before it is missing; it will come again behind that.
    Gap,
}

impl Follow {
    /// Has heard nothing yet.
    pub(super) fn new(task_id: &str) -> Follow {
        Follow { task_id: task_id.to_owned(), at: 0, log_id: None, asked: false, fruitless: 0 }
    }

    /// Seq of the last event that was handed on.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Whether the server has ever taken the subscription.
    pub(super) fn has_stood(&self) -> bool {
        self.log_id.is_some()
    }

    /// The request for everything behind the last event.
    pub(super) fn request(&mut self) -> Value {
        self.asked = true;
        let mut request = json!({ "type": "subscribe", "id": REQUEST, "task_id": self.task_id });
        if self.at > 0 {
            request["after_seq"] = self.at.into();
            if let Some(log_id) = &self.log_id {
                request["log_id"] = log_id.as_str().into();
            }
        }
        request
    }

    /// The request after a gap, unless one is on its way already.
    pub(super) fn ask_again(&mut self) -> Result<Option<Value>, Lost> {
        if self.asked {
            return Ok(None);
        }
        self.fruitless += 1;
        if self.fruitless > MAX_FRUITLESS {
            self.fruitless = 0;
            return Err(Lost::new(format!("the event after seq {} does not arrive", self.at)));
        }
        Ok(Some(self.request()))
    }

    /// Whether an error is about this subscription.
    pub(super) fn is_asked_about(&self, error: &Value) -> bool {
        error["id"] == REQUEST || error["task_id"] == self.task_id.as_str()
    }

    /// The subscription stands.
    pub(super) fn subscribed(&mut self, answer: &Value) {
        self.asked = false;
        let log_id = answer["log_id"].as_str().unwrap_or_default();
        if self.log_id.as_deref().is_some_and(|known| known != log_id) {
            // The numbers so far mean nothing in another log; a snapshot follows.
            self.at = 0;
        }
        self.log_id = Some(log_id.to_owned());
    }

    /// Judges one event; after [`Verdict::New`] this stands behind it.
    pub(super) fn take(&mut self, update: &Value) -> Verdict {
        let (Some(seq), true) = (update["seq"].as_u64(), update["task_id"] == self.task_id.as_str()) else {
            return Verdict::Old;
        };
        if update["event_type"] == "snapshot" {
            // A change of status with the same seq follows and repeats it.
            self.at = seq.saturating_sub(1);
        } else if seq <= self.at {
            return Verdict::Old;
        } else if seq > self.at + 1 {
            return Verdict::Gap;
        } else {
            self.at = seq;
        }
        self.fruitless = 0;
        Verdict::New
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Plays a case that all clients share: what it sends and hands on.
    fn play(case: &Value) {
        let name = case["name"].as_str().expect("a name");
        let mut follow = Follow::new("t");
        follow.at = case["options"]["after_seq"].as_u64().unwrap_or(0);
        follow.log_id = case["options"]["log_id"].as_str().map(str::to_owned);
        let (mut sent, mut delivered) = (Vec::new(), Vec::new());
        for step in case["steps"].as_array().expect("steps") {
            let (kind, value) = step.as_object().and_then(|step| step.iter().next()).expect("a step");
            match kind.as_str() {
                "connect" => sent.push(follow.request()),
                "break" => {}
                "subscribed" => follow.subscribed(value),
                "update" => {
                    let mut update = value.clone();
                    update["task_id"] = "t".into();
                    match follow.take(&update) {
                        Verdict::New => delivered.push(format!(
                            "{} {}",
                            update["event_type"].as_str().expect("a kind"),
                            update["seq"]
                        )),
                        Verdict::Old => {}
                        Verdict::Gap => sent.extend(follow.ask_again().expect("not fruitless")),
                    }
                }
                "sent" => {
                    let packets: Vec<Value> = std::mem::take(&mut sent)
                        .into_iter()
                        .map(|mut packet| {
                            let fields = packet.as_object_mut().expect("an object");
                            for own in ["type", "id", "task_id"] {
                                fields.remove(own);
                            }
                            packet
                        })
                        .collect();
                    assert_eq!(json!(packets), *value, "{name}");
                }
                "delivered" => assert_eq!(json!(std::mem::take(&mut delivered)), *value, "{name}"),
                other => panic!("{name}: unknown step {other}"),
            }
        }
    }

    #[test]
    fn each_event_is_handed_on_once_and_in_order_whatever_arrives_how() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/deliveries");
        let mut played = 0;
        for entry in std::fs::read_dir(folder).expect("the cases") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let case: Value =
                    serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
                // This client asks for everything.
                let options = case["options"].as_object().expect("options");
                if options.keys().all(|option| ["after_seq", "log_id"].contains(&option.as_str())) {
                    play(&case);
                    played += 1;
                }
            }
        }
        assert!(played >= 8, "{played} cases");
    }

    #[test]
    fn a_gap_that_stays_ends_the_connection() {
        let mut follow = Follow::new("t");
        let far = json!({ "task_id": "t", "event_type": "progress", "seq": 9, "data": {} });
        for _ in 0..MAX_FRUITLESS {
            follow.subscribed(&json!({ "log_id": "l" }));
            assert_eq!(follow.take(&far), Verdict::Gap);
            assert!(follow.ask_again().expect("asked").is_some());
        }
        follow.subscribed(&json!({ "log_id": "l" }));
        assert_eq!(follow.take(&far), Verdict::Gap);
        assert!(follow.ask_again().is_err());
    }

    #[test]
    fn what_is_about_another_task_or_has_no_seq_is_passed_over() {
        let mut follow = Follow::new("t");
        for odd in
            [json!(null), json!({"seq": 1}), json!({"task_id": "u", "seq": 1}), json!({"task_id": "t"})]
        {
            assert_eq!(follow.take(&odd), Verdict::Old, "{odd}");
        }
        assert_eq!(follow.at(), 0);
        let excess =
            json!({ "type": "error", "code": "too_many_messages", "message": "the connection ends" });
        assert!(!follow.is_asked_about(&excess));
        for ours in [json!({"id": 1}), json!({"task_id": "t"})] {
            assert!(follow.is_asked_about(&ours), "{ours}");
        }
    }
}
