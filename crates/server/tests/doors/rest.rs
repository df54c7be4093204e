//! What the contract promises of each route.

use serde_json::{Value, json};

use crate::harness::{Server, small_bom, small_task};

#[tokio::test(flavor = "multi_thread")]
async fn health_answers_get_and_head() {
    let server = Server::start().await;
    let answer = server.get("/api/health").await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")));
    let timestamp = answer.json()["timestamp"].as_str().expect("a time").to_owned();
    assert!(timestamp.ends_with("+00:00"), "{timestamp}");
    let head = server.request("HEAD", "/api/health", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_task_is_pending_and_found() {
    let server = Server::start().await;
    // The original read the body as JSON whatever its type was said to be.
    let body = json!({"bom_file": "config/bom_example.json", "max_iterations": 1, "note": "kept"});
    let headers = [("content-type", "text/plain")];
    let answer = server.request("POST", "/api/tasks", &headers, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let created = answer.json();
    assert_eq!(created["status"], "pending");
    assert_eq!(created["id"], created["task_id"]);
    assert!(created["created_at"].is_string());

    let task = server.get(&format!("/api/tasks/{}", created["id"].as_str().expect("an id"))).await.json();
    for key in ["id", "status", "config", "created_at", "started_at", "completed_at", "result", "error"] {
        assert!(task.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(task["config"], body);
    assert_eq!(task["created_at"], created["created_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_before_a_body_is_passed_over() {
    let server = Server::start().await;
    let marked = |body: &Value| format!("\u{feff}{body}").into_bytes();
    let created = server.request("POST", "/api/tasks", &[], &marked(&small_task(1))).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let body = json!({"bom_file": "config/bom_example.json"});
    let checked = server.request("POST", "/api/bom/validate", &[], &marked(&body)).await;
    assert_eq!(checked.json()["valid"], true, "{}", checked.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_newest_first_and_in_pages() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    assert_eq!(server.get("/api/tasks").await.json(), json!({"tasks": [], "total": 0, "next_cursor": null}));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.create(&small_task(1)).await);
    }
    ids.reverse();
    // Parameters the original did not know are ignored as it did.
    let all = server.get("/api/tasks?status=running").await.json();
    assert_eq!(all["total"], 3);
    let listed = |answer: &Value| -> Vec<String> {
        let tasks = answer["tasks"].as_array().expect("a list");
        tasks.iter().map(|task| task["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(listed(&all), ids);
    assert_eq!(all["tasks"][0]["config"]["bom"], json!({"omitted": true}));

    let first = server.get("/api/tasks?limit=2").await.json();
    assert_eq!(listed(&first), ids[..2]);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = server.get(&format!("/api/tasks?limit=2&cursor={cursor}")).await.json();
    assert_eq!((listed(&second), &second["next_cursor"]), (ids[2..].to_vec(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_task_gives_its_files() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    let task = server.finished(&id).await;
    assert_eq!(task["status"], "completed", "{task}");
    let result = &task["result"];
    assert_eq!((&result["final_iteration"], &result["num_components"]), (&json!(2), &json!(2)));
    assert!(result["feasible"].is_boolean() && result["score"].is_number() && result["seed"] == 0);
    let dir = result["experiment_dir"].as_str().expect("a directory");
    assert!(server.dir.path().join(dir).is_dir());
    assert_eq!(result["images"], true);

    let answer = server.get(&format!("/api/tasks/{id}/result")).await.json();
    assert_eq!((&answer["task_id"], &answer["experiment_dir"]), (&json!(id), &json!(dir)));
    assert_eq!(answer["summary"]["status"], "SUCCESS");
    assert_eq!(answer["summary"]["final_iteration"], 2);
    let rows = answer["evolution"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row.as_object().expect("a row").values().all(Value::is_string), "{row}");
    }
    assert_eq!(answer["iterations"][1]["iteration"], 2);
    assert!(answer["iterations"][1]["max_temp"].is_number());

    for name in ["evolution_trace.png", "final_layout_3d.png", "thermal_heatmap.png"] {
        let image = server.get(&format!("/api/tasks/{id}/visualizations/{name}")).await;
        assert_eq!((image.status, image.header("content-type")), (200, Some("image/png")), "{name}");
        assert!(image.body.starts_with(b"\x89PNG"), "{name}");
    }
    for (name, kind) in [
        ("evolution_trace.csv", "text/csv; charset=utf-8"),
        ("summary.json", "application/json"),
        ("report.md", "text/markdown; charset=utf-8"),
        ("design_state_iter_01.json", "application/json"),
    ] {
        let file = server.get(&format!("/api/tasks/{id}/files/{name}")).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some(kind)), "{name}");
    }
    let state = server.get(&format!("/api/tasks/{id}/iterations/2")).await.json();
    assert_eq!(state["iteration"], 2);
    assert_eq!(state["components"].as_array().map(Vec::len), Some(2));

    for path in
        ["visualizations/other.png", "visualizations/..%2f..%2fmsgalaxy.db", "files/..", "files/msgalaxy.db"]
    {
        server.get(&format!("/api/tasks/{id}/{path}")).await.refused(404);
    }
    for number in ["0", "3", "x", "-1", "99999999999"] {
        assert_eq!(
            server.get(&format!("/api/tasks/{id}/iterations/{number}")).await.refused(404),
            "iteration_not_found"
        );
    }
    let experiments = server.get("/api/experiments").await.json();
    assert_eq!((&experiments["total"], &experiments["experiments"][0]["path"]), (&json!(1), &json!(dir)));
    assert_eq!(experiments["experiments"][0]["summary"]["status"], "SUCCESS");

    assert_eq!(
        server.post(&format!("/api/tasks/{id}/cancel"), &json!({})).await.refused(409),
        "task_status_conflict"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_pages() {
    let server = Server::start().await;
    let id = server.create(&small_task(3)).await;
    let head = server.finished(&id).await["head_seq"].as_u64().expect("a seq");
    let whole = server.get(&format!("/api/tasks/{id}/events")).await.json();
    let events = whole["events"].as_array().expect("a list");
    assert_eq!(events.len() as u64, head);
    assert_eq!((&whole["head_seq"], &whole["next_after"]), (&json!(head), &json!(head)));
    assert!(whole["log_id"].as_str().is_some_and(|id| !id.is_empty()));
    let mut paged = Vec::new();
    let mut after = 0;
    while after < head {
        let page = server.get(&format!("/api/tasks/{id}/events?after={after}&limit=4")).await.json();
        paged.extend(page["events"].as_array().expect("a list").clone());
        after = page["next_after"].as_u64().expect("a seq");
    }
    assert_eq!(&paged, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_finished_has_no_result_yet() {
    let server = Server::start_with(|settings, _| settings.workers = 1).await;
    let running = server.create(&small_task(10_000)).await;
    let waiting = server.create(&small_task(1)).await;
    for path in ["result", "visualizations/thermal_heatmap.png", "files/report.md"] {
        let answer = server.get(&format!("/api/tasks/{waiting}/{path}")).await;
        assert_eq!(answer.refused(400), "task_not_completed");
        assert_eq!(answer.json()["error"], "Task not completed");
    }
    let cancelled = server.post(&format!("/api/tasks/{waiting}/cancel"), &json!({})).await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(server.get(&format!("/api/tasks/{waiting}/result")).await.refused(400), "task_not_completed");
    server.post(&format!("/api/tasks/{running}/cancel"), &json!({})).await;
    assert_eq!(server.finished(&running).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_gives_its_best_so_far() {
    let server = Server::start().await;
    let id = server.create(&small_task(10_000)).await;
    let mut client = crate::harness::Client::connect(&server).await;
    client.subscribe(&id).await;
    while client.update().await["event_type"] != "iteration_complete" {}
    assert_eq!(server.post(&format!("/api/tasks/{id}/cancel"), &json!({})).await.status, 200);
    let updates = client.updates_to_the_end().await;
    let last = &updates.last().expect("an end")["data"];
    assert_eq!(last["status"], "cancelled", "{last}");
    assert!(
        last["result"]["final_iteration"].as_u64().is_some_and(|number| (1..10_000).contains(&number)),
        "{last}"
    );
    let answer = server.get(&format!("/api/tasks/{id}/result")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(answer.json()["result"], last["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn boms_are_listed_validated_and_uploaded() {
    let server = Server::start().await;
    let boms = server.get("/api/boms").await.json();
    let boms = boms["boms"].as_array().expect("a list");
    assert_eq!(boms.len(), 4);
    for bom in boms {
        assert_eq!((&bom["source"], &bom["valid"]), (&json!("example"), &json!(true)), "{bom}");
        assert!(bom["num_components"].as_u64().is_some_and(|count| count >= 2), "{bom}");
        let verdict = server.post("/api/bom/validate", &json!({"bom_file": bom["bom_file"]})).await;
        assert_eq!((verdict.status, &verdict.json()["valid"]), (200, &json!(true)), "{bom}");
    }

    let csv =
        "id,name,dim_x,dim_y,dim_z,mass,power,category\na,A,50,50,50,1,2,power\nb,B,50,50,50,1,2,power\n";
    let upload = server.request("POST", "/api/boms?filename=../my%20parts.csv", &[], csv.as_bytes()).await;
    assert_eq!(upload.status, 201, "{}", upload.text());
    let kept = upload.json();
    assert_eq!((&kept["bom_file"], &kept["valid"]), (&json!("boms/my_parts.csv"), &json!(true)));
    assert_eq!(std::fs::read_to_string(server.dir.path().join("boms/my_parts.csv")).expect("kept"), csv);
    let again = server.request("POST", "/api/boms?filename=my_parts.csv", &[], csv.as_bytes()).await.json();
    assert_eq!(again["bom_file"], kept["bom_file"]);
    let id = server.create(&json!({"bom_file": kept["bom_file"], "max_iterations": 1})).await;
    assert_eq!(server.finished(&id).await["status"], "completed");
    let listed = server.get("/api/boms").await.json();
    assert_eq!(listed["boms"].as_array().map(Vec::len), Some(5));

    let headers = [("content-type", "application/json")];
    let typed = server.request("POST", "/api/boms", &headers, small_bom().to_string().as_bytes()).await;
    assert_eq!(typed.json()["bom_file"], "boms/bom.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_bom_is_explained_in_the_wanted_language() {
    let server = Server::start().await;
    let bom = json!([{"id": "tx", "name": "T", "dimensions": {"x": 1, "y": 1, "z": 1}, "mass": -1, "power": 5, "category": "c"}]);
    std::fs::write(server.dir.path().join("bad.json"), bom.to_string()).expect("written");
    let body = json!({"bom_file": "bad.json"}).to_string();
    let ask = async |language: &str| {
        let headers = [("accept-language", language)];
        server.request("POST", "/api/bom/validate", &headers, body.as_bytes()).await.json()
    };
    let chinese = ask("").await;
    assert_eq!((&chinese["valid"], &chinese["num_components"]), (&json!(false), &json!(1)));
    assert_eq!(chinese["components"][0]["mass"], -1.0);
    assert!(chinese["errors"][0].as_str().is_some_and(|text| text.contains("质量必须大于0")), "{chinese}");
    let english = ask("en").await;
    assert!(english["errors"][0].as_str().is_some_and(|text| text.is_ascii()), "{english}");
    assert_eq!(english["problems"], chinese["problems"]);
    assert_eq!(chinese["problems"][0]["pointer"], "/0/mass");
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_of_later_versions_say_so() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    for verb in ["pause", "resume", "branch"] {
        let answer = server.post(&format!("/api/tasks/{id}/{verb}"), &json!({})).await;
        assert_eq!(answer.refused(501), "not_implemented_yet", "{verb}");
    }
    assert_eq!(
        server.request("DELETE", &format!("/api/tasks/{id}"), &[], b"").await.refused(501),
        "not_implemented_yet"
    );
    assert_eq!(server.post("/api/evaluate", &json!({})).await.refused(501), "not_implemented_yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_and_results_outlive_the_server() {
    let server = Server::start().await;
    let id = server.create(&small_task(2)).await;
    let before = server.finished(&id).await;
    let events = server.get(&format!("/api/tasks/{id}/events")).await.json();
    let server = server.restart().await;
    assert_eq!(server.get(&format!("/api/tasks/{id}")).await.json(), before);
    assert_eq!(server.get(&format!("/api/tasks/{id}/events")).await.json(), events);
    assert_eq!(server.get(&format!("/api/tasks/{id}/result")).await.status, 200);
}
