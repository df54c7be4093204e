//! A task from its creation to its end, as its events tell it.

use serde_json::{Value, json};

use crate::harness::{Client, Server, small_bom, small_task};

/// A task's events in short.
fn story(updates: &[Value]) -> Vec<String> {
    let tell = |update: &Value| {
        let data = &update["data"];
        match update["event_type"].as_str().expect("a type") {
            "status_change" => format!("status {}", data["status"].as_str().expect("a status")),
            "iteration_complete" => format!("iteration {}", data["iteration"]),
            "progress" if data["message"].is_string() => data["message"].as_str().expect("text").to_owned(),
            "progress" => format!("progress {}/{}", data["current_iteration"], data["max_iterations"]),
            other => other.to_owned(),
        }
    };
    updates.iter().map(tell).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_iterations_are_told_in_order_to_one_who_came_late() {
    let server = Server::start().await;
    let id = server.create(&small_task(20)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&id).await;
    let updates = client.updates_to_the_end().await;

    let mut expected =
        vec!["status pending".to_owned(), "status running".to_owned(), "progress 0/20".to_owned()];
    for k in 1..=20 {
        expected.extend([format!("iteration {k}"), format!("progress {k}/20")]);
    }
    expected.extend(["Generating visualizations...".to_owned(), "status completed".to_owned()]);
    // A slow machine may add progress within an iteration; drop what only repeats k.
    let mut told = story(&updates);
    let mut seen = std::collections::HashSet::new();
    told.retain(|line| !line.starts_with("progress") || seen.insert(line.clone()));
    assert_eq!(told, expected);

    let mut percent = 0.0;
    for (index, update) in updates.iter().enumerate() {
        assert_eq!(update["seq"], index + 1, "gapless from 1");
        assert_eq!((&update["task_id"], &update["v"]), (&json!(id), &json!(1)));
        assert!(update["timestamp"].as_str().is_some_and(|time| time.ends_with("+00:00")), "{update}");
        if update["event_type"] == "progress" {
            let next = update["data"]["progress_percent"].as_f64().expect("a number");
            assert!((percent..=100.0).contains(&next), "{next} after {percent}");
            percent = next;
        }
        if update["event_type"] == "iteration_complete" {
            let metrics = update["data"]["metrics"].as_object().expect("metrics");
            assert!(metrics.len() <= 8, "{update}");
            for name in ["max_temp", "min_clearance", "cg_offset", "num_violations", "score", "feasible"] {
                assert!(metrics.contains_key(name), "{name}: {update}");
            }
        }
    }
    assert_eq!(updates[1]["data"]["message"], "Optimization started");
    let last = &updates.last().expect("an end")["data"];
    assert_eq!(last["message"], "Optimization completed successfully");
    assert_eq!(last["result"]["final_iteration"], 20);
    assert_eq!(server.get(&format!("/api/tasks/{id}")).await.json()["result"], last["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_stay_within_their_budget() {
    let server = Server::start().await;
    let id = server.create(&json!({"bom_file": "examples/boms/cubesat_6u_12.json", "max_iterations": 20, "convergence_threshold": 0})).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&id).await;
    let updates = client.updates_to_the_end().await;
    let size = |update: &Value| format!("42/tasks,[\"task_update\",{update}]").len();
    let largest = updates.iter().map(size).max().expect("updates");
    // How often a long iteration reports is up to the machine's speed.
    let is_fraction = |update: &&Value| {
        let data = &update["data"];
        let percent = data["current_iteration"].as_f64().map(|k| 100.0 * k / 20.0);
        update["event_type"] == "progress"
            && percent.is_some()
            && percent != data["progress_percent"].as_f64()
    };
    let total: usize = updates.iter().filter(|update| !is_fraction(update)).map(size).sum();
    assert!(largest <= 500, "{largest} bytes in one message");
    assert!(total <= 20_000, "{total} bytes in {} messages", updates.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_give_equal_layouts_and_others_give_others() {
    let server = Server::start().await;
    let mut tasks = Vec::new();
    for seed in [7, 7, 8] {
        let mut body = small_task(3);
        body["seed"] = json!(seed);
        tasks.push(server.create(&body).await);
    }
    let mut states = Vec::new();
    for id in &tasks {
        assert_eq!(server.finished(id).await["status"], "completed");
        let state = server.get(&format!("/api/tasks/{id}/iterations/3")).await.json();
        states.push(state["components"].clone());
    }
    assert_eq!(states[0], states[1]);
    assert_ne!(states[0], states[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_task_win_over_those_of_the_bom() {
    let server = Server::start().await;
    let mut bom = small_bom();
    // Two boxes on the walls of this envelope cannot be balanced any better.
    bom["constraints"] = json!({"max_temp_c": 80, "max_cg_offset_mm": 50});
    let mut feasible = Vec::new();
    for constraints in [json!({}), json!({"max_temp_c": -200})] {
        let id = server.create(&json!({"bom": bom, "max_iterations": 2, "constraints": constraints})).await;
        feasible.push(server.finished(&id).await["result"]["feasible"].clone());
    }
    assert_eq!(feasible, [json!(true), json!(false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_fails_the_task_with_its_cause() {
    let server = Server::start_with(|_, dir| {
        std::fs::write(dir.join("experiments"), "a file where results should go").expect("written");
    })
    .await;
    let id = server.create(&small_task(3)).await;
    let cause = fails_with(&server, &id, "experiment.write_failed").await;
    let data_dir = server.dir.path().to_str().expect("UTF-8");
    assert!(cause.contains("cannot write experiments/run_") && !cause.contains(data_dir), "{cause}");
    assert_eq!(server.get("/api/experiments").await.json(), json!({"experiments": [], "total": 0}));
}

/// `error`, then `status_change failed`, and the task says why.
async fn fails_with(server: &Server, id: &str, code: &str) -> String {
    let mut client = Client::connect(server).await;
    client.subscribe(id).await;
    let updates = client.updates_to_the_end().await;
    let [.., error, status] = updates.as_slice() else { panic!("two events at least: {updates:?}") };
    assert_eq!(error["event_type"], "error", "{updates:?}");
    assert_eq!((&error["data"]["status"], &error["data"]["code"]), (&json!("failed"), &json!(code)));
    let cause = error["data"]["error"].as_str().expect("a cause");
    assert!(!cause.is_empty());
    assert_eq!((&status["data"]["status"], &status["data"]["error"]), (&json!("failed"), &json!(cause)));
    let task = server.get(&format!("/api/tasks/{id}")).await.json();
    assert_eq!((&task["status"], &task["error"]), (&json!("failed"), &json!(cause)));
    assert!(task["completed_at"].is_string());
    assert_eq!(server.get(&format!("/api/tasks/{id}/result")).await.refused(400), "task_not_completed");
    cause.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_goes_on_where_it_was() {
    let server = Server::start().await;
    let id = server.create(&small_task(150)).await;
    let mut client = Client::connect(&server).await;
    client.subscribe(&id).await;
    let mut before = Vec::new();
    while before.last().is_none_or(|update: &Value| update["event_type"] != "iteration_complete") {
        before.push(client.update().await);
    }
    let server = server.restart().await;
    let last = before.last().expect("an update")["seq"].clone();
    let mut client = Client::connect(&server).await;
    client.subscribe_with(json!({"task_id": id, "after_seq": last})).await;
    let after = client.updates_to_the_end().await;
    let all: Vec<Value> = before.into_iter().chain(after).collect();
    for (index, update) in all.iter().enumerate() {
        assert_eq!(update["seq"], index + 1);
    }
    let iterations: Vec<&Value> = all
        .iter()
        .filter(|update| update["event_type"] == "iteration_complete")
        .map(|update| &update["data"]["iteration"])
        .collect();
    assert_eq!(iterations, (1..=150).map(Value::from).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(story(&all).iter().filter(|line| line.starts_with("status running")).count(), 1);
    assert_eq!(story(&all).iter().filter(|line| *line == "progress 0/150").count(), 1);
    assert_eq!(all.last().expect("an end")["data"]["result"]["final_iteration"], 150);
}
