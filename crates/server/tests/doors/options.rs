//! What a subscription may ask for besides everything: some kinds of events,
//! only the newest progress, layouts, all tasks.

use realtime::websocket::{Window, deflate};
use serde_json::{Value, json};

use crate::harness::{Client, Server, is_final, small_task};

/// Every event names the one before it on this subscription.
fn assert_linked(updates: &[Value], after: u64) {
    let mut last = after;
    for update in updates {
        assert_eq!(update["prev_seq"], last, "{update}");
        last = update["seq"].as_u64().expect("a seq");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_subscription_brings_those_kinds_and_names_what_came_before() {
    let server = Server::start().await;
    let id = server.create(&small_task(4)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "events": ["iteration_complete", "status_change"]})).await;
    let heard = client.updates_to_the_end().await;
    assert_linked(&heard, 0);
    let page = server.get(&format!("/api/tasks/{id}/events")).await.json();
    let mut expected: Vec<Value> = page["events"].as_array().expect("a list").clone();
    expected.retain(|event| event["event_type"] != "progress");
    let mut bare = heard.clone();
    bare.iter_mut().for_each(|update| drop(update.as_object_mut().expect("an object").remove("prev_seq")));
    assert_eq!(bare, expected);

    // Resumed in the middle, with the last seq that was seen.
    let after = heard[2]["seq"].as_u64().expect("a seq");
    let request =
        json!({"task_id": id, "events": ["iteration_complete", "status_change"], "after_seq": after});
    client.subscribe_with(request).await;
    let rest = client.updates_to_the_end().await;
    assert_linked(&rest, after);
    assert_eq!(rest, heard[3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_coalesces_gets_the_newest_progress_and_everything_else() {
    let server = Server::start().await;
    let id = server.create(&small_task(20)).await;
    let task = server.finished(&id).await;
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "coalesce": true})).await;
    let heard = client.updates_to_the_end().await;
    assert_linked(&heard, 0);
    let of = |kind: &str| heard.iter().filter(|update| update["event_type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("iteration_complete").len(), 20);
    let progress = of("progress");
    assert!(progress.len() < 20, "{} are not coalesced", progress.len());
    assert_eq!(progress.last().expect("one at least")["data"], task["progress"]);
    // The oldest one that any of them stands for is the first of all.
    assert_eq!(progress[0]["coalesced_from"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_comes_with_the_start_and_each_iteration_and_its_field_as_binary() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "layout": true})).await;
    let has_layout = |update: &Value| {
        update["event_type"] == "iteration_complete" || update["data"]["progress_percent"] == 0
    };
    let (mut starts, mut iterations) = (0, 0);
    let mut first = Value::Null;
    let mut next = 1;
    loop {
        let packet = client.next().await;
        let (update, field) = match packet.strip_prefix("451-/tasks,") {
            Some(body) => (body, Some(client.attachment().await)),
            None => (packet.strip_prefix("42/tasks,").expect("an event"), None),
        };
        let update: Value = serde_json::from_str::<Value>(update).expect("JSON")[1].clone();
        assert_eq!(update["seq"], next);
        next += 1;
        let layout = &update["data"]["layout"];
        let Some(field) = field else {
            assert!(layout.is_null() && !has_layout(&update), "{update}");
            if is_final(&update) {
                break;
            }
            continue;
        };
        assert!(has_layout(&update), "{update}");
        assert_eq!(layout["panels"]["temperatures"], json!({"_placeholder": true, "num": 0}));
        let mesh = layout["panels"]["mesh"].as_u64().expect("cells") as usize;
        assert_eq!(field.len(), 4 * 6 * mesh * mesh);
        let temps: Vec<f32> =
            field.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four"))).collect();
        // Heat flows from the components to the panels, which are all in
        // one box: so warm, and no warmer than the warmest component.
        assert!(temps.iter().all(|panel| (-80.0..120.0).contains(panel)));
        starts += usize::from(update["event_type"] == "progress");
        if update["event_type"] == "progress" {
            // No file has the start; it is of the same components, each with a place.
            first = layout.clone();
            continue;
        }
        iterations += 1;
        let state = server.get(&format!("/api/tasks/{id}/iterations/{iterations}")).await.json();
        for (shown, stored) in layout["components"]
            .as_array()
            .expect("a list")
            .iter()
            .zip(state["components"].as_array().expect("a list"))
        {
            assert_eq!((&shown["id"], &shown["panel"]), (&stored["id"], &stored["panel"]));
            assert_eq!(shown["rotation"], stored["rotation"]);
            for key in ["position", "center", "dimensions"] {
                for axis in ["x", "y", "z"] {
                    let number = |value: &Value| value[key][axis].as_f64().expect("a number");
                    // Shown to a thousandth of a millimeter.
                    assert!((number(shown) - number(stored)).abs() <= 0.000_51, "{shown} {stored}");
                }
            }
            let temp = |value: &Value| value["temperature"].as_f64().expect("a number");
            assert!((temp(shown) - temp(stored)).abs() <= 0.005_1, "{shown} {stored}");
            for key in ["clearance", "temp_margin"] {
                let number = |value: &Value| value[key].as_f64().expect("a number");
                assert!((number(shown) - number(stored)).abs() <= 0.005_1, "{shown} {stored}");
            }
        }
        // What does not move is the same in all, the start included.
        for key in ["envelope", "keepouts"] {
            assert_eq!(layout[key], first[key]);
        }
        for axis in ["x", "y", "z"] {
            let size = |value: &Value| value["envelope"]["inner_size"][axis].as_f64().expect("a number");
            assert!((size(layout) - size(&state)).abs() <= 0.000_51, "{axis}");
        }
        let ids = |value: &Value| -> Vec<Value> {
            value["components"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect()
        };
        assert_eq!(ids(&first), ids(&state));
        let stored = state["metadata"]["constraints"].as_array().expect("a list");
        let shown = layout["constraints"].as_array().expect("a list");
        assert_eq!((shown.len(), shown.is_empty()), (stored.len(), false));
        for (shown, stored) in shown.iter().zip(stored) {
            for key in ["group", "unit", "subject", "violations"] {
                assert_eq!(shown[key], stored[key]);
            }
            for key in ["value", "limit", "margin"] {
                let number = |value: &Value| value[key].as_f64().expect("a number");
                assert!((number(shown) - number(stored)).abs() <= 5.1e-7, "{shown} {stored}");
            }
        }
    }
    assert_eq!((starts, iterations), (1, 2));
    // Who does not ask does not get it, also from the log.
    let mut other = Client::connect(&server).await;
    other.subscribe(&id).await;
    let heard = other.updates_to_the_end().await;
    assert!(heard.iter().all(|update| update["data"].get("layout").is_none()));
}

/// What a client that offers permessage-deflate is sent for a task with 25
/// components, in relation to all others.
#[tokio::test(flavor = "multi_thread")]
async fn layouts_compress_to_a_third() {
    let server = Server::start().await;
    let bom: Value =
        serde_json::from_str(include_str!("../../../../examples/boms/smallsat_25.json")).expect("JSON");
    let id = server.create(&json!({"bom": bom, "max_iterations": 3, "convergence_threshold": 0})).await;
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "layout": true})).await;
    let mut messages: Vec<Vec<u8>> = Vec::new();
    loop {
        let packet = client.next().await;
        let is_last = packet.contains("\"completed\"");
        let has_attachment = packet.starts_with("451-");
        messages.push(packet.into_bytes());
        if has_attachment {
            messages.push(client.attachment().await);
        }
        if is_last {
            break;
        }
    }
    let plain: usize = messages.iter().map(Vec::len).sum();
    let sent = |message: &Vec<u8>| match message.len() {
        short if short < deflate::DEFAULT_THRESHOLD_BYTES => short,
        _ => deflate::compress(message, Window::Bits15).len(),
    };
    let compressed: usize = messages.iter().map(sent).sum();
    assert!(3 * compressed <= plain, "{plain} bytes become {compressed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_can_be_replayed_from_the_log_after_a_restart() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    server.finished(&id).await;
    let server = server.restart().await;
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "layout": true, "events": ["iteration_complete"]})).await;
    let packet = client.next().await;
    let body = packet.strip_prefix("451-/tasks,").unwrap_or_else(|| panic!("a binary event, not {packet}"));
    let update = serde_json::from_str::<Value>(body).expect("JSON")[1].clone();
    assert_eq!((&update["data"]["iteration"], &update["prev_seq"]), (&json!(1), &json!(0)));
    assert!(!client.attachment().await.is_empty());
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tasks_tell_their_status_to_who_asks_for_all() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let before = server.create(&small_task(1)).await;
    server.finished(&before).await;
    let mut client = Client::connect(&server).await;
    let answer = client.subscribe_with(json!({"task_id": "*"})).await;
    assert_eq!((&answer["task_id"], &answer["mode"]), (&json!("*"), &json!("live")));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.create(&small_task(2)).await);
    }
    let mut heard: Vec<(String, String)> = Vec::new();
    while heard.len() < 9 {
        let update = client.update().await;
        assert_eq!(update["event_type"], "status_change", "{update}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        heard.push((text(&update["task_id"]), text(&update["data"]["status"])));
    }
    for id in &ids {
        let of: Vec<&str> =
            heard.iter().filter(|(task, _)| task == id).map(|(_, status)| status.as_str()).collect();
        assert_eq!(of, ["pending", "running", "completed"]);
    }
    client.emit("unsubscribe", &json!({"task_id": "*"})).await;
    assert_eq!(client.event().await.0, "unsubscribed");
    let last = server.create(&small_task(1)).await;
    server.finished(&last).await;
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_with_a_subscription_of_its_own_is_told_there_only() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = server.create(&small_task(10_000)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&running).await;
    while client.update().await["data"]["status"] != "running" {}
    drop(client);
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": "*"})).await;
    let id = server.create(&small_task(2)).await;
    let pending = client.update().await;
    assert_eq!((&pending["task_id"], &pending["seq"]), (&json!(id), &json!(1)));
    client.subscribe_with(json!({"task_id": id, "after_seq": 1})).await;
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    let mut seqs = Vec::new();
    let mut cancelled = 0;
    loop {
        let update = client.update().await;
        if update["task_id"] == *running {
            cancelled += 1;
            continue;
        }
        seqs.push(update["seq"].as_u64().expect("a seq"));
        if is_final(&update) {
            break;
        }
    }
    assert_eq!(seqs, (2..=seqs.len() as u64 + 1).collect::<Vec<_>>());
    // The status of the other one may come before or after.
    if cancelled == 0 {
        assert_eq!(client.update().await["data"]["status"], "cancelled");
    }
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_makes_no_sense_is_refused_with_all_that_is_wrong() {
    let server = Server::start().await;
    let mut client = Client::connect(&server).await;
    let request = json!({"task_id": "t", "events": ["progres"], "coalesce": "yes", "layout": 1});
    client.emit("subscribe", &request).await;
    let (name, refusal) = client.event().await;
    assert_eq!((name.as_str(), &refusal["code"]), ("error", &json!("invalid_events")));
    let codes: Vec<&Value> =
        refusal["problems"].as_array().expect("a list").iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["invalid_events", "invalid_coalesce", "invalid_layout"]);
    client.emit("subscribe", &json!({"task_id": "*", "after_seq": 3})).await;
    assert_eq!(client.event().await.1["code"], "invalid_after_seq");
}
