//! Events of real runs, which clients read too: each is what this crate's
//! types say of it, and nothing is lost on the way.

use std::collections::BTreeSet;

use serde_json::Value;
use tasks::{Event, EventKind, Task};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol/fixtures/task_update");

/// Keys that a subscription adds to the events of the log.
const OF_A_SUBSCRIPTION: [&str; 2] = ["prev_seq", "coalesced_from"];

fn fixtures() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(FOLDER).expect("the folder of fixtures").map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let mut update: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let fields = update.as_object_mut().expect("an object");
            fields.retain(|key, _| !OF_A_SUBSCRIPTION.contains(&key.as_str()));
            (path.display().to_string(), update)
        })
        .collect()
}

#[test]
fn an_event_of_each_kind_is_read_and_written_as_it_was() {
    let mut kinds = BTreeSet::new();
    for (name, update) in fixtures().into_iter().filter(|(_, update)| update["event_type"] != "snapshot") {
        let event: Event =
            serde_json::from_value(update.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(&event).unwrap(), update, "{name}");
        assert_eq!(event.status().is_some(), event.event_type == EventKind::StatusChange, "{name}");
        kinds.insert(event.event_type.name());
    }
    assert_eq!(kinds, EventKind::ALL.map(EventKind::name).into());
}

#[test]
fn a_snapshot_is_the_task_object() {
    let snapshots: Vec<_> =
        fixtures().into_iter().filter(|(_, update)| update["event_type"] == "snapshot").collect();
    assert!(!snapshots.is_empty());
    for (name, update) in snapshots {
        let task: Task =
            serde_json::from_value(update["data"].clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(&task).unwrap(), update["data"], "{name}");
        assert_eq!(update["seq"], task.head_seq, "{name}");
    }
}
