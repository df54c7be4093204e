//! Who hears what: replay, resume, snapshot, isolation.

use serde_json::{Value, json};

use crate::harness::{Client, Server, is_final, small_task};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_a_task_they_did_not_subscribe_to() {
    let server = Server::start().await;
    let (one, other) = (server.create(&small_task(5)).await, server.create(&small_task(5)).await);
    let mut first = Client::connect(&server).await;
    let mut second = Client::connect(&server).await;
    let mut third = Client::connect(&server).await;
    first.subscribe(&one).await;
    second.subscribe(&other).await;
    for (client, id) in [(&mut first, &one), (&mut second, &other)] {
        let updates = client.updates_to_the_end().await;
        assert!(updates.iter().all(|update| update["task_id"] == **id));
    }
    first.heard_nothing().await;
    second.heard_nothing().await;
    third.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_on_one_task_hear_the_same() {
    let server = Server::start().await;
    let id = server.create(&small_task(5)).await;
    let mut early = Client::connect(&server).await;
    early.subscribe(&id).await;
    let heard = early.updates_to_the_end().await;
    let mut late = Client::connect(&server).await;
    let answer = late.subscribe(&id).await;
    assert_eq!(
        (&answer["mode"], &answer["from"], &answer["to"]),
        (&json!("replayed"), &json!(1), &answer["head_seq"])
    );
    assert_eq!(late.updates_to_the_end().await, heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_client_gets_what_it_missed_and_nothing_twice() {
    let server = Server::start().await;
    let id = server.create(&small_task(6)).await;
    let mut client = Client::connect(&server).await;
    let log_id = client.subscribe(&id).await["log_id"].clone();
    let mut heard: Vec<Value> = Vec::new();
    for _ in 0..4 {
        heard.push(client.update().await);
    }
    drop(client);
    let mut client = Client::connect(&server).await;
    let answer = client.subscribe_with(json!({"task_id": id, "after_seq": 4, "log_id": log_id})).await;
    assert!(answer["mode"] == "replayed" || answer["mode"] == "live", "{answer}");
    assert_eq!(answer["from"], 5);
    heard.extend(client.updates_to_the_end().await);
    for (index, update) in heard.iter().enumerate() {
        assert_eq!(update["seq"], index + 1);
    }
    let head = heard.len();
    let answer = client.subscribe_with(json!({"task_id": id, "after_seq": head})).await;
    assert_eq!(
        (&answer["mode"], &answer["from"], &answer["to"]),
        (&json!("live"), &json!(head + 1), &json!(head))
    );
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_cannot_resume_gets_a_snapshot() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    let mut task = server.finished(&id).await;
    // A snapshot is the fold of the events; the warnings are the input's.
    task.as_object_mut().expect("an object").remove("warnings").expect("warnings");
    let head = task["head_seq"].as_u64().expect("a seq");
    for request in [
        json!({"task_id": id, "after_seq": head + 1}),
        json!({"task_id": id, "after_seq": 1, "log_id": "another store"}),
    ] {
        let mut client = Client::connect(&server).await;
        let answer = client.subscribe_with(request).await;
        assert_eq!((&answer["mode"], &answer["head_seq"]), (&json!("snapshot"), &json!(head)));
        let snapshot = client.update().await;
        assert_eq!((&snapshot["event_type"], &snapshot["data"]), (&json!("snapshot"), &task));
        let status = client.update().await;
        assert_eq!(
            (&status["event_type"], &status["data"]["status"]),
            (&json!("status_change"), &json!("completed"))
        );
        assert_eq!(status["data"]["result"], task["result"]);
        client.heard_nothing().await;
        // Who goes on as it was told, here or on its next connection, is at the end.
        for mut client in [client, Client::connect(&server).await] {
            let resume = json!({"task_id": id, "after_seq": snapshot["seq"], "log_id": answer["log_id"]});
            assert_eq!(client.subscribe_with(resume).await["mode"], "live");
            client.heard_nothing().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_twice_starts_over_without_doubling() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = server.create(&small_task(10_000)).await;
    let waiting = server.create(&small_task(2)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&waiting).await;
    assert_eq!(client.update().await["seq"], 1);
    client.subscribe(&waiting).await;
    assert_eq!(client.update().await["seq"], 1);
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    let rest = client.updates_to_the_end().await;
    for (index, update) in rest.iter().enumerate() {
        assert_eq!(update["seq"], index + 2, "each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_unsubscribed_hears_no_more() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = server.create(&small_task(10_000)).await;
    let waiting = server.create(&small_task(2)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&waiting).await;
    assert_eq!(client.update().await["seq"], 1);
    client.emit("unsubscribe", &json!({"task_id": waiting})).await;
    let (name, answer) = client.event().await;
    assert_eq!((name.as_str(), &answer["task_id"]), ("unsubscribed", &json!(waiting)));
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    server.finished(&waiting).await;
    client.heard_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_follows_several_tasks_each_in_order() {
    let server = Server::start().await;
    let mut client = Client::connect(&server).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.create(&small_task(4)).await);
    }
    for id in &ids {
        client.emit("subscribe", &json!({"task_id": id})).await;
    }
    let mut next: std::collections::HashMap<String, u64> = ids.iter().map(|id| (id.clone(), 1)).collect();
    let mut ended = 0;
    while ended < 3 {
        let (name, body) = client.event().await;
        if name == "subscribed" {
            continue;
        }
        let seq = next.get_mut(body["task_id"].as_str().expect("an id")).expect("one of ours");
        assert_eq!(body["seq"], *seq, "{body}");
        *seq += 1;
        if is_final(&body) {
            assert_eq!(body["data"]["status"], "completed", "{body}");
            ended += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_one_connection_have_a_limit() {
    let server = Server::start_with(|settings, _| {
        settings.workers = 1;
        settings.limits.subscriptions_per_connection = 2;
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.create(&small_task(10_000)).await);
    }
    let mut client = Client::connect(&server).await;
    for id in &ids[1..] {
        client.subscribe(id).await;
        client.update().await;
    }
    client.emit("subscribe", &json!({"task_id": ids[0]})).await;
    let (name, answer) = client.event().await;
    assert_eq!((name.as_str(), &answer["code"]), ("error", &json!("too_many_subscriptions")));
    for id in &ids {
        server.post(&format!("/api/tasks/{id}/cancel"), &json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn legacy_broadcast_tells_everybody_everything_once() {
    let server = Server::start_with(|settings, _| settings.legacy_broadcast = true).await;
    let mut silent = Client::connect(&server).await;
    let mut subscriber = Client::connect(&server).await;
    let id = server.create(&small_task(3)).await;
    subscriber.emit("subscribe", &json!({"task_id": id})).await;
    let mut heard = Vec::new();
    loop {
        let (name, body) = subscriber.event().await;
        if name == "task_update" {
            let last = is_final(&body);
            heard.push(body);
            if last {
                break;
            }
        }
    }
    assert_eq!(silent.updates_to_the_end().await, heard);
    for (index, update) in heard.iter().enumerate() {
        assert_eq!(update["seq"], index + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_comes_as_a_snapshot_and_the_rest_is_replayed() {
    let server = Server::start_with(|settings, _| settings.events.keep_per_task = 5).await;
    let id = server.create(&small_task(10)).await;
    let head = server.finished(&id).await["head_seq"].as_u64().expect("a seq");
    // The log is trimmed to its length when a server starts.
    let server = server.restart().await;
    let path = format!("/api/tasks/{id}/events");
    let page = loop {
        let page = server.get(&path).await.json();
        if page["first_seq"] != 1 {
            break page;
        }
    };
    assert_eq!((&page["events"][0]["seq"], &page["head_seq"]), (&page["first_seq"], &json!(head)));
    for after in [0, 1] {
        let mut client = Client::connect(&server).await;
        let answer = client.subscribe_with(json!({"task_id": id, "after_seq": after})).await;
        assert_eq!((&answer["mode"], &answer["to"]), (&json!("snapshot"), &json!(head)));
        assert_eq!(client.update().await["event_type"], "snapshot");
        assert!(is_final(&client.update().await));
        client.heard_nothing().await;
    }
    let mut client = Client::connect(&server).await;
    let answer = client.subscribe_with(json!({"task_id": id, "after_seq": head - 5})).await;
    assert_eq!(answer["mode"], "replayed");
    let seqs: Vec<u64> = client
        .updates_to_the_end()
        .await
        .iter()
        .map(|update| update["seq"].as_u64().expect("a seq"))
        .collect();
    assert_eq!(seqs, (head - 4..=head).collect::<Vec<_>>());
}
