//! What waits for a client, and how much may go out. Answers go out at once;
//! updates only as far as the client granted credit for them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::format::{Batch, Format, Outgoing};
use crate::live::{Delivery, Item};

/// Updates that can be granted at most, at once and together.
pub(super) const MAX_CREDIT: u32 = 1_000_000;

/// Bytes of updates after which a message ends.
const BATCH_BYTES: usize = 64 << 10;

/// One for each connection.
pub(super) struct Outbox {
    format: Format,
    credit: u32,
    held: VecDeque<Held>,
    /// Messages ready to go.
    messages: Vec<Outgoing>,
}

enum Held {
    Delivery(Delivery),
    /// A `task_update` that is no event of the log: part of a snapshot.
    Update(Value),
    Notice(&'static str, Value),
}

impl Held {
    fn is_update_of(&self, task_id: &str) -> bool {
        match self {
            Held::Delivery(delivery) => delivery.update.event().task_id == task_id,
            Held::Update(update) => update["task_id"] == task_id,
            // Announces updates that are forgotten with it.
            Held::Notice("subscribed", body) => body["task_id"] == task_id,
            Held::Notice(..) => false,
        }
    }
}

impl Outbox {
    pub(super) fn new(format: Format, credit: u32) -> Outbox {
        Outbox { format, credit, held: VecDeque::new(), messages: Vec::new() }
    }

    /// How many updates may be taken from the subscriptions now.
    pub(super) fn room(&self) -> usize {
        if self.held.is_empty() { self.credit as usize } else { 0 }
    }

    /// Grants more; what is granted together then.
    pub(super) fn grant(&mut self, updates: u32) -> u32 {
        self.credit = self.credit.saturating_add(updates).min(MAX_CREDIT);
        self.credit
    }

    /// A message that needs no credit, ahead of all updates.
    pub(super) fn say(&mut self, kind: &str, id: Option<u64>, body: Value) {
        self.messages.push(Outgoing::Message(self.format.message(kind, id, body)));
    }

    /// What the subscriptions brought, in order.
    pub(super) fn hold(&mut self, items: impl IntoIterator<Item = Item>) {
        self.held.extend(items.into_iter().map(|item| match item {
            Item::Update(delivery) => Held::Delivery(delivery),
            Item::Notice("task_update", update) => Held::Update(update),
            Item::Notice(kind, body) => Held::Notice(kind, body),
        }));
    }

    /// What comes while there is no credit: word of the connection goes out at
    /// once, updates wait.
    pub(super) fn say_now(&mut self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            match item {
                Item::Notice(kind, body) if kind != "task_update" => self.say(kind, None, body),
                update => self.hold([update]),
            }
        }
    }

    /// The updates that follow the answer to a subscription at once.
    pub(super) fn hold_snapshot(&mut self, updates: Vec<Value>) {
        self.held.extend(updates.into_iter().map(Held::Update));
    }

    /// Snapshots of other tasks that wait for credit: they are all that takes
    /// memory for a client without being a subscription.
    pub(super) fn snapshots_beside(&self, task_id: &str) -> usize {
        let snapshots = self.held.iter().filter(|held| match held {
            Held::Update(update) => update["event_type"] == "snapshot" && update["task_id"] != task_id,
            Held::Delivery(_) | Held::Notice(..) => false,
        });
        snapshots.count()
    }

    /// Forgets what waits of a task that is subscribed to anew, or no more: the
    /// client said from where it goes on.
    pub(super) fn forget(&mut self, task_id: &str) {
        self.held.retain(|held| !held.is_update_of(task_id));
    }

    /// The messages that may go out now, in order.
    pub(super) fn take(&mut self) -> Vec<Outgoing> {
        let mut batch = Batch::new(self.format);
        let mut sent = false;
        while let Some(held) = self.held.pop_front() {
            match held {
                Held::Notice(kind, body) => {
                    self.messages.extend(batch.finish());
                    self.say(kind, None, body);
                    continue;
                }
                held if self.credit == 0 => {
                    self.held.push_front(held);
                    break;
                }
                Held::Delivery(delivery) => batch.push(delivery),
                Held::Update(update) => batch.push_value(&update),
            }
            self.credit -= 1;
            sent = true;
            if batch.bytes() >= BATCH_BYTES {
                self.messages.extend(batch.finish());
            }
        }
        self.messages.extend(batch.finish());
        if sent && self.credit == 0 {
            self.say("out_of_credit", None, json!({}));
        }
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
        std::mem::take(&mut self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(task_id: &str, seq: u64) -> Item {
        Item::Notice("task_update", json!({ "task_id": task_id, "seq": seq }))
    }

    fn taken(outbox: &mut Outbox) -> Vec<Value> {
        let read = |outgoing| match outgoing {
            Outgoing::Message(message) => serde_json::from_slice(&message).expect("JSON"),
            Outgoing::Alone(delivery) => panic!("{delivery:?} is no event of the log"),
        };
        outbox.take().into_iter().map(read).collect()
    }

    fn seqs(message: &Value) -> Vec<u64> {
        let updates = message["updates"].as_array().unwrap_or_else(|| panic!("updates: {message}"));
        updates.iter().map(|update| update["seq"].as_u64().expect("a seq")).collect()
    }

    #[test]
    fn updates_go_out_as_far_as_they_are_granted() {
        let mut outbox = Outbox::new(Format::Json, 2);
        assert_eq!(outbox.room(), 2);
        outbox.hold((1..=5).map(|seq| update("a", seq)));
        let messages = taken(&mut outbox);
        assert_eq!(messages.len(), 2);
        assert_eq!(seqs(&messages[0]), [1, 2]);
        assert_eq!(messages[1], json!({"type": "out_of_credit"}));
        assert_eq!((outbox.room(), taken(&mut outbox).len()), (0, 0));

        assert_eq!(outbox.grant(1), 1);
        assert_eq!(seqs(&taken(&mut outbox)[0]), [3]);
        assert_eq!(outbox.grant(10), 10);
        let messages = taken(&mut outbox);
        assert_eq!((messages.len(), seqs(&messages[0])), (1, vec![4, 5]));
        assert_eq!(outbox.room(), 8);
        assert_eq!(outbox.grant(MAX_CREDIT), MAX_CREDIT);
    }

    #[test]
    fn answers_and_notices_need_no_credit_and_notices_keep_their_place() {
        let mut outbox = Outbox::new(Format::Json, 1);
        outbox.hold([update("a", 1), Item::Notice("error", json!({"code": "x"})), update("a", 2)]);
        outbox.say("subscribed", Some(3), json!({"task_id": "b"}));
        let messages = taken(&mut outbox);
        let kinds: Vec<&str> = messages.iter().filter_map(|message| message["type"].as_str()).collect();
        assert_eq!(kinds, ["subscribed", "updates", "error", "out_of_credit"]);
        assert_eq!(messages[0], json!({"type": "subscribed", "id": 3, "task_id": "b"}));
    }

    #[test]
    fn what_comes_without_credit_is_said_or_waits() {
        let mut outbox = Outbox::new(Format::Json, 0);
        outbox.say_now([update("a", 1), Item::Notice("error", json!({"code": "x"})), update("a", 2)]);
        assert_eq!(taken(&mut outbox), [json!({"type": "error", "code": "x"})]);
        outbox.grant(9);
        assert_eq!(seqs(&taken(&mut outbox)[0]), [1, 2]);
    }

    #[test]
    fn what_is_subscribed_to_anew_is_not_sent_twice() {
        let mut outbox = Outbox::new(Format::Json, 0);
        outbox.hold([update("a", 1), update("b", 1), update("a", 2)]);
        outbox.forget("a");
        outbox.grant(9);
        let messages = taken(&mut outbox);
        assert_eq!(messages[0]["updates"], json!([{"task_id": "b", "seq": 1}]));
    }

    #[test]
    fn a_snapshot_that_is_not_wanted_any_more_is_not_announced() {
        let announced =
            |task_id: &str| Item::Notice("subscribed", json!({ "task_id": task_id, "mode": "snapshot" }));
        let snapshot = |task_id: &str| {
            Item::Notice("task_update", json!({ "task_id": task_id, "seq": 9, "event_type": "snapshot" }))
        };
        let mut outbox = Outbox::new(Format::Json, 1);
        outbox.hold([
            update("a", 1),
            update("b", 1),
            announced("a"),
            snapshot("a"),
            announced("b"),
            snapshot("b"),
        ]);
        assert_eq!(taken(&mut outbox).len(), 2);
        assert_eq!((outbox.snapshots_beside("a"), outbox.snapshots_beside("c")), (1, 2));
        outbox.forget("a");
        assert_eq!((outbox.snapshots_beside("b"), outbox.snapshots_beside("c")), (0, 1));
        outbox.grant(9);
        let messages = taken(&mut outbox);
        let tasks: Vec<&Value> = messages
            .iter()
            .map(|message| {
                if message["type"] == "updates" {
                    &message["updates"][0]["task_id"]
                } else {
                    &message["task_id"]
                }
            })
            .collect();
        assert_eq!(tasks, ["b", "b", "b"], "{messages:?}");
    }

    #[test]
    fn a_large_batch_goes_out_in_several_messages() {
        let mut outbox = Outbox::new(Format::Json, 9);
        let large = |seq| Item::Notice("task_update", json!({"seq": seq, "text": "x".repeat(BATCH_BYTES)}));
        outbox.hold((1..=3).map(large));
        let messages = taken(&mut outbox);
        assert_eq!(messages.iter().flat_map(seqs).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(messages.len(), 3);
    }
}
