use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;
use tasks::EventKind::{Progress, StatusChange};

use super::super::delivery::{Item, Room};
use super::super::hub::STATUSES;
use super::super::mixed::NAMES;
use super::super::{Hub, Reader, RingLimits};
use super::log::MemoryLog;
use super::{few, pairs, read, status, subscribe, told};

#[test]
fn what_happened_before_is_not_told() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(9), false);
    let append = |task_id, of| log.append(task_id, StatusChange, status(of));
    let ended = [append("a", "pending"), append("a", "completed")];
    append("b", "pending");
    let late = append("b", "running");
    let mut all = Reader::new(&hub, 1);
    subscribe(&mut all, &json!({"task_id": "*"}));
    // Announced only now, and some of it again.
    hub.publish(ended.into_iter().chain([
        late.clone(),
        late,
        append("b", "completed"),
        append("c", "pending"),
    ]));
    assert_eq!(told(read(&mut all, 9)), pairs(&[("b", 3), ("c", 1)]));
    // Who comes later hears what comes later.
    let mut late = Reader::new(&hub, 1);
    subscribe(&mut late, &json!({"task_id": "*"}));
    hub.publish([append("c", "running")]);
    for reader in [&mut all, &mut late] {
        assert_eq!(told(read(reader, 9)), pairs(&[("c", 2)]));
        reader.unsubscribe(Some(&json!({"task_id": "*"}))).expect("unsubscribed");
    }
    // Nobody was told of this one, and nobody is when the telling begins anew.
    let unheard = append("c", "completed");
    subscribe(&mut all, &json!({"task_id": "*"}));
    hub.publish([unheard, append("d", "pending")]);
    assert_eq!(told(read(&mut all, 9)), pairs(&[("d", 1)]));
}

/// A subscription to a task that is far behind ends before it has told what is
/// left to it.
#[test]
fn a_status_left_to_a_subscription_that_ends_too_early_is_told() {
    for how in ["unsubscribe", "other events", "from the head", "from before it", "task deleted"] {
        let log = Arc::new(MemoryLog::default());
        let hub = Hub::new(log.clone(), few(2), false);
        hub.publish([log.append("t", StatusChange, status("pending"))]);
        let mut reader = Reader::new(&hub, 1);
        subscribe(&mut reader, &json!({"task_id": "*"}));
        for _ in 0..50 {
            hub.publish([log.append("t", Progress, json!({}))]);
        }
        subscribe(&mut reader, &json!({"task_id": "t"}));
        hub.publish([log.append("t", StatusChange, status("running"))]);
        for expected in [[1, 2, 3], [4, 5, 6]] {
            let items =
                reader.next(Room { updates: 3, bytes: 1 << 20 }).now_or_never().expect("there is more");
            assert_eq!(told(items), pairs(&expected.map(|seq| ("t", seq))), "{how}");
        }
        let mut expected = vec![("t", 52)];
        match how {
            "unsubscribe" => drop(reader.unsubscribe(Some(&json!({"task_id": "t"}))).expect("unsubscribed")),
            "other events" => {
                subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 52, "events": ["progress"]}));
            }
            "from the head" => drop(subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 52}))),
            "from before it" => {
                // It is told there, and not once more when that ends.
                subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 50}));
                expected.insert(0, ("t", 51));
            }
            _ => {
                log.delete("t");
                let items =
                    reader.next(Room { updates: 3, bytes: 1 << 20 }).now_or_never().expect("a notice");
                let [Item::Notice("error", body), rest @ ..] = &items[..] else { panic!("{items:?}") };
                assert_eq!(body["code"], "task_not_found");
                assert_eq!(told(rest.to_vec()), pairs(&expected));
                continue;
            }
        }
        assert_eq!(told(read(&mut reader, 3)), pairs(&expected), "{how}");
        reader.unsubscribe(Some(&json!({"task_id": "t"}))).expect("unsubscribed");
        hub.publish([log.append("t", StatusChange, status("completed"))]);
        assert_eq!(told(read(&mut reader, 3)), pairs(&[("t", 53)]), "{how}");
    }
}

#[test]
fn one_who_hears_only_progress_of_an_ended_task_hears_of_its_end() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(9), false);
    let mut reader = Reader::new(&hub, 1);
    hub.publish([log.append("t", StatusChange, status("running"))]);
    subscribe(&mut reader, &json!({"task_id": "*"}));
    hub.publish([log.append("t", StatusChange, status("completed"))]);
    subscribe(&mut reader, &json!({"task_id": "t", "after_seq": 2, "events": ["progress"]}));
    assert_eq!(told(read(&mut reader, 9)), pairs(&[("t", 2)]));
}

#[test]
fn one_who_stood_still_hears_which_tasks_it_missed_and_then_the_rest() {
    const LOST: usize = 300;
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    let mut all = Reader::new(&hub, 1);
    subscribe(&mut all, &json!({"task_id": "*"}));
    let name = |task: usize| format!("{task:04}");
    for task in 0..LOST + STATUSES {
        hub.publish([log.append(&name(task), StatusChange, status("pending"))]);
    }
    let expected = (0..LOST).map(|task| (name(task), 0));
    let expected = expected.chain((LOST..LOST + STATUSES).map(|task| (name(task), 1)));
    assert_eq!(told(read(&mut all, 100)), expected.collect::<Vec<_>>());
    hub.publish([log.append(&name(0), StatusChange, status("running"))]);
    assert_eq!(told(read(&mut all, 100)), [(name(0), 2)]);
}

#[test]
fn one_who_missed_more_than_can_be_named_hears_that_it_may_be_any() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), RingLimits::default(), false);
    let mut all = Reader::new(&hub, 1);
    subscribe(&mut all, &json!({"task_id": "*"}));
    for task in 0..STATUSES + NAMES + 1 {
        hub.publish([log.append(&format!("{task:05}"), StatusChange, status("pending"))]);
    }
    let heard = told(read(&mut all, 100));
    let named = heard.iter().filter(|(task_id, seq)| *seq == 0 && task_id != "*");
    assert_eq!((named.count(), heard.len()), (NAMES, NAMES + 1 + STATUSES));
    assert_eq!(heard[NAMES], ("*".to_owned(), 0));
}

#[test]
fn a_store_that_does_not_answer_refuses_the_subscription() {
    let log = Arc::new(MemoryLog::default());
    let hub = Hub::new(log.clone(), few(9), false);
    let mut all = Reader::new(&hub, 1);
    log.fail(1);
    let refused = all.subscribe(Some(&json!({"task_id": "*"}))).now_or_never().expect("at once");
    assert_eq!(refused.expect_err("no answer").code, "internal");
    assert!(all.is_idle());
    subscribe(&mut all, &json!({"task_id": "*"}));
}
