//! The promise of the readers: whatever the feed, the log and the connections
//! go through, each subscriber gets each event once and in order.

/// A log whose troubles are made.
mod log;
/// Subscriptions to single tasks, at random.
mod promise;
/// Who is slow, and what is far behind.
mod pace;
/// What the feed does not bring.
mod missing;
/// Subscriptions to the status changes of all tasks.
mod statuses;
/// The same at random, with subscriptions to single tasks beside them.
mod statuses_promise;
/// Those who hear everything unasked.
mod unasked;
/// Those who do not see all tasks.
mod viewer;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::answer::Answer;
use super::delivery::{Item, Room};
use super::{Reader, RingLimits};

/// Rings that hold a few updates.
fn few(updates: usize) -> RingLimits {
    RingLimits { updates, bytes: 1 << 20, total_bytes: 1 << 20 }
}

/// Subscribes where the log answers at once.
fn subscribe(reader: &mut Reader, request: &Value) -> Answer {
    reader.subscribe(Some(request)).now_or_never().expect("at once").expect("subscribed")
}

/// All that is there for a client, in goes of `updates`.
fn read(reader: &mut Reader, updates: usize) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(more) = reader.next(Room { updates, bytes: 1 << 20 }).now_or_never() {
        assert!(!more.is_empty());
        items.extend(more);
    }
    items
}

/// Updates as task and seq, the tasks that are named as missed with seq 0.
fn told(items: Vec<Item>) -> Vec<(String, u64)> {
    let tell = |item| match item {
        Item::Update(delivery) => vec![(delivery.update.event().task_id.clone(), delivery.update.seq())],
        Item::Notice("error", body) => {
            assert_eq!((&body["code"], &body["task_id"]), (&json!("events_missed"), &json!("*")), "{body}");
            let Some(named) = body["task_ids"].as_array() else { return vec![("*".to_owned(), 0)] };
            named.iter().map(|task_id| (task_id.as_str().expect("an id").to_owned(), 0)).collect()
        }
        Item::Notice(name, body) => panic!("{name} {body}"),
    };
    items.into_iter().flat_map(tell).collect()
}

/// What is expected of it.
fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(task_id, seq)| ((*task_id).to_owned(), *seq)).collect()
}

fn status(status: &str) -> Value {
    json!({ "status": status })
}
