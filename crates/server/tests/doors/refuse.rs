//! What must not work, each with a clear answer and nothing lost.

use serde_json::{Value, json};

use crate::harness::{Server, small_bom, small_task, soon};

/// The server must still work, and no task have come of it.
async fn unharmed(server: &Server) {
    assert_eq!(server.get("/api/health").await.status, 200);
    assert_eq!(server.get("/api/tasks").await.json()["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_none_is_required() {
    let server = Server::start().await;
    for body in [
        "",
        "   ",
        "{}",
        "[]",
        "null",
        "\"\"",
        "0",
        "false",
        "{\"bom_file\":",
        "{\"max_iterations\": NaN}",
        "\u{feff}",
    ] {
        let answer = server.request("POST", "/api/tasks", &[], body.as_bytes()).await;
        assert_eq!(answer.refused(400), "body_required", "{body}");
        assert_eq!(answer.json()["error"], "Request body is required", "{body}");
    }
    for body in ["[1]", "\"abc\"", "5", "true"] {
        let answer = server.request("POST", "/api/tasks", &[], body.as_bytes()).await;
        assert_eq!(answer.refused(400), "request.invalid", "{body}");
    }
    let answer = server.request("POST", "/api/tasks", &[], b"\xff\xfe").await;
    assert_eq!(answer.refused(400), "body_required");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_the_wrong_kind_or_range_are_named() {
    let server = Server::start().await;
    let cases = [
        ("max_iterations", json!(0)),
        ("max_iterations", json!(-1)),
        ("max_iterations", json!(1e9)),
        ("max_iterations", json!(10_001)),
        ("max_iterations", json!("20")),
        ("max_iterations", json!(1.5)),
        ("max_iterations", json!([5])),
        ("convergence_threshold", json!(-0.1)),
        ("convergence_threshold", json!("0.1")),
        ("convergence_threshold", json!({})),
        ("seed", json!(-1)),
        ("seed", json!(1.5)),
        ("seed", json!("x")),
        ("seed", json!(9_007_199_254_740_993u64)),
        ("config_path", json!(5)),
        ("config_path", json!("")),
        ("constraints", json!([1])),
    ];
    for (key, value) in cases {
        let mut body = json!({"bom": small_bom()});
        body[key] = value.clone();
        let answer = server.post("/api/tasks", &body).await;
        assert_eq!(answer.refused(400), "request.invalid", "{key} {value}");
        let problem = &answer.json()["problems"][0];
        assert!(
            problem["pointer"].as_str().is_some_and(|at| at.starts_with(&format!("/{key}"))),
            "{problem}"
        );
        assert!(problem["found"].is_string() && problem["allowed"].is_string(), "{problem}");
    }
    // A number too large for JSON's readers is no number.
    let text = r#"{"bom_file":"config/bom_example.json","convergence_threshold":1e999}"#;
    let answer = server.request("POST", "/api/tasks", &[], text.as_bytes()).await;
    assert_eq!(answer.refused(400), "body_required");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_is_told_at_once() {
    let server = Server::start().await;
    let body = json!({"bom": [{"id": "a"}], "max_iterations": 0, "seed": -1, "config_path": "missing.yaml"});
    let answer = server.post("/api/tasks", &body).await;
    answer.refused(400);
    let pointers: Vec<String> = answer.json()["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| problem["pointer"].as_str().expect("a pointer").to_owned())
        .collect();
    for expected in ["/max_iterations", "/seed", "/config_path", "/bom/0"] {
        assert!(pointers.iter().any(|pointer| pointer.starts_with(expected)), "{expected}: {pointers:?}");
    }
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_outside_and_missing_files_get_the_same_answer() {
    let server = Server::start().await;
    let outside = tempfile::tempdir().expect("a directory");
    let secret = outside.path().join("secret.json");
    std::fs::write(&secret, small_bom().to_string()).expect("written");
    std::os::unix::fs::symlink(&secret, server.dir.path().join("link.json")).expect("a link");
    std::os::unix::fs::symlink(outside.path(), server.dir.path().join("dir")).expect("a link");
    let absolute = secret.to_str().expect("UTF-8");
    let climb =
        format!("../{}", absolute.trim_start_matches('/').split('/').skip(1).collect::<Vec<_>>().join("/"));
    for name in [
        "missing.json",
        "../../etc/passwd.json",
        "link.json",
        "dir/secret.json",
        absolute,
        &climb,
        "a\u{0}.json",
    ] {
        for (path, body) in
            [("/api/tasks", json!({"bom_file": name})), ("/api/bom/validate", json!({"bom_file": name}))]
        {
            let answer = server.post(path, &body).await;
            assert_eq!(answer.refused(400), "bom.file_missing", "{name}");
            let text = answer.json()["error"].as_str().expect("a text").to_owned();
            assert_eq!(text, format!("BOM文件不存在: {name}"));
        }
    }
    for name in ["missing.yaml", "../../etc/passwd.yaml", "/etc/hostname.yml"] {
        let answer = server.post("/api/tasks", &json!({"bom": small_bom(), "config_path": name})).await;
        assert_eq!(answer.refused(400), "config.file_missing", "{name}");
    }
    for name in ["notes.txt", "msgalaxy.db", "README", ".json"] {
        let answer = server.post("/api/tasks", &json!({"bom_file": name})).await;
        assert_eq!(answer.refused(400), "bom.unsupported_format", "{name}");
    }
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_another_form_is_told_which_forms_there_are() {
    let server = Server::start().await;
    std::fs::write(server.dir.path().join("system.toml"), "").expect("written");
    for name in ["system.toml", "missing.json", "/etc/passwd", "yaml"] {
        let answer = server.post("/api/tasks", &json!({"bom": small_bom(), "config_path": name})).await;
        assert_eq!(answer.refused(400), "config.unsupported_format", "{name}");
        let problem = &answer.json()["problems"][0];
        assert_eq!(
            (&problem["pointer"], &problem["found"], &problem["allowed"]),
            (&json!("/config_path"), &json!(name), &json!(".yaml, .yml"))
        );
    }
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_come_back_in_part() {
    let server = Server::start().await;
    let long = "x".repeat(50_000);
    for body in [
        json!({"bom_file": format!("{long}.json")}),
        json!({"bom_file": format!("a.{long}")}),
        json!({"bom": small_bom(), "config_path": format!("{long}.yaml")}),
        json!({"bom": small_bom(), "max_iterations": long}),
        json!({"bom_file": {"a": long}}),
    ] {
        for path in ["/api/tasks", "/api/bom/validate"] {
            let answer = server.post(path, &body).await;
            if path == "/api/tasks" || answer.status != 200 {
                answer.refused(400);
            }
            assert!(answer.body.len() < 4000, "{path}: {} bytes", answer.body.len());
        }
    }
    let upload = format!("/api/boms?filename=a.{}", "x".repeat(5000));
    assert!(server.request("POST", &upload, &[], b"{}").await.body.len() < 4000);
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bom_that_cannot_be_used_becomes_no_task() {
    let server = Server::start().await;
    let part = |id: &str| json!({"id": id, "name": id, "dimensions": {"x": 50, "y": 50, "z": 50}, "mass": 1, "power": 1, "category": "c"});
    let mut twice = part("a");
    twice["quantity"] = json!(2);
    let cases = [
        (json!([]), "bom.invalid"),
        (json!({"components": []}), "bom.invalid"),
        (json!({"parts": []}), "bom.no_components"),
        (json!([part("a"), part("a")]), "bom.invalid"),
        (json!([twice, part("a_01")]), "bom.invalid"),
        (json!([{"id": "a"}]), "bom.invalid"),
    ];
    for (bom, code) in cases {
        let answer = server.post("/api/tasks", &json!({"bom": bom})).await;
        assert_eq!(answer.refused(400), code, "{bom}");
        assert!(answer.json()["problems"].as_array().is_some_and(|list| !list.is_empty()), "{bom}");
    }
    std::fs::write(server.dir.path().join("broken.json"), "{\"components\": [").expect("written");
    assert_eq!(
        server.post("/api/tasks", &json!({"bom_file": "broken.json"})).await.refused(400),
        "bom.syntax"
    );
    let answer = server.post("/api/tasks", &json!({"max_iterations": 3})).await;
    assert_eq!(answer.refused(400), "request.invalid");
    assert_eq!(answer.json()["problems"][0]["code"], "request.bom_required");
    let both = json!({"bom": small_bom(), "bom_file": "config/bom_example.json"});
    assert_eq!(server.post("/api/tasks", &both).await.json()["problems"][0]["code"], "request.conflict");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_components_needs_no_bom() {
    let server = Server::start().await;
    let yaml = "geometry:\n  components:\n    - {id: a, dims_mm: [50, 50, 50], mass_kg: 1, power_w: 2, category: power}\n    - {id: b, dims_mm: [60, 50, 50], mass_kg: 1, power_w: 2, category: payload}\noptimization: {max_iterations: 2, convergence_threshold: 0}\n";
    std::fs::write(server.dir.path().join("own.yaml"), yaml).expect("written");
    let id = server.create(&json!({"config_path": "own.yaml"})).await;
    let task = server.finished(&id).await;
    assert_eq!(
        (&task["status"], &task["result"]["final_iteration"]),
        (&json!("completed"), &json!(2)),
        "{task}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_can_do_without_images() {
    let server = Server::start().await;
    std::fs::write(server.dir.path().join("plain.yaml"), "logging: {save_visualizations: false}\n")
        .expect("written");
    let mut body = small_task(1);
    body["config_path"] = json!("plain.yaml");
    let id = server.create(&body).await;
    let task = server.finished(&id).await;
    assert_eq!((&task["status"], &task["result"]["images"]), (&json!("completed"), &json!(false)), "{task}");
    let events = server.get(&format!("/api/tasks/{id}/events")).await.json()["events"].to_string();
    assert!(!events.contains("visualizations"), "{events}");
    let image = server.get(&format!("/api/tasks/{id}/visualizations/thermal_heatmap.png")).await;
    assert_eq!(image.refused(404), "visualization_not_found");
    assert_eq!(server.get(&format!("/api/tasks/{id}/files/report.md")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_effect_are_told_to_those_whose_file_has_them() {
    let server = Server::start().await;
    assert!(server.post("/api/tasks", &small_task(1)).await.json()["warnings"].is_null());
    std::fs::create_dir(server.dir.path().join("config")).expect("a directory");
    let yaml = "optimization: {max_iterations: 2, frogs: 3}\n";
    std::fs::write(server.dir.path().join("config/system.yaml"), yaml).expect("written");
    let warnings = server.post("/api/tasks", &small_task(1)).await.json()["warnings"].clone();
    assert!(warnings.to_string().contains("frogs"), "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_impossible_but_well_formed_runs_and_is_called_infeasible() {
    let server = Server::start().await;
    let mut bom = small_bom();
    bom["components"][0]["dimensions"]["x"] = json!(3000);
    let answer = server.post("/api/tasks", &json!({"bom": bom, "max_iterations": 2})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let warnings = answer.json()["warnings"].as_array().expect("warnings").clone();
    assert!(warnings.iter().any(|warning| warning["code"] == "envelope.component_too_large"), "{warnings:?}");
    let task = server.finished(answer.json()["task_id"].as_str().expect("an id")).await;
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(task["warnings"], json!(warnings), "who opens the task later is told, too");
    assert_eq!((&task["result"]["feasible"], &task["result"]["num_components"]), (&json!(false), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_50_mb_is_too_large_and_gets_its_answer() {
    let server = Server::start().await;
    let body = vec![b' '; 50 << 20];
    for path in ["/api/tasks", "/api/boms?filename=a.json", "/api/bom/validate"] {
        assert_eq!(server.request("POST", path, &[], &body).await.refused(413), "body_too_large", "{path}");
    }
    let mut bom = small_bom();
    bom["description"] = json!("x".repeat(2 << 20));
    assert_eq!(server.post("/api/tasks", &json!({"bom": bom})).await.refused(413), "body_too_large");
    // What is kept beside the BOM is in every list, so it is small.
    let mut body = small_task(1);
    body["note"] = json!("x".repeat(64 << 10));
    let answer = server.post("/api/tasks", &body).await;
    assert_eq!(answer.refused(413), "body_too_large");
    assert_eq!(answer.json()["error"], "the request body without its BOM is larger than 65536 bytes");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tasks_routes_and_methods_are_json() {
    let server = Server::start().await;
    let long = "x".repeat(5000);
    for id in ["nope", "01a20c2f-101f-747a-9350-3b63904ce657", "%00", "..", "'%20OR%201=1", &long] {
        for rest in [
            "",
            "/result",
            "/events",
            "/iterations/1",
            "/visualizations/thermal_heatmap.png",
            "/files/report.md",
        ] {
            let answer = server.get(&format!("/api/tasks/{id}{rest}")).await;
            let code = answer.refused(404);
            assert!(code == "task_not_found" || code == "not_found", "{id}{rest}: {code}");
        }
    }
    assert_eq!(server.get("/api/tasks/nope").await.json()["error"], "Task not found");
    assert_eq!(server.post("/api/tasks/nope/cancel", &json!({})).await.refused(404), "task_not_found");
    for path in ["/api", "/api/", "/api/nope", "/nope", "/api/tasks/a/b/c", "/assets/../Cargo.toml"] {
        assert_eq!(server.get(path).await.refused(404), "not_found", "{path}");
    }
    for (method, path) in [
        ("PUT", "/api/tasks"),
        ("DELETE", "/api/health"),
        ("POST", "/api/experiments"),
        ("PATCH", "/api/tasks/x"),
    ] {
        let answer = server.request(method, path, &[], b"").await;
        assert_eq!(answer.refused(405), "method_not_allowed", "{method} {path}");
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_out_of_range_are_refused() {
    let server = Server::start().await;
    let id = server.create(&small_task(1)).await;
    let events = format!("/api/tasks/{id}/events");
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?after=-1", "?after=1.5", "?after="] {
        assert_eq!(server.get(&format!("{events}{query}")).await.refused(400), "invalid_query", "{query}");
    }
    for query in ["?limit=0", "?limit=100000", "?limit=", "?cursor=abc", "?cursor=", "?cursor=1&limit=5"] {
        let answer = server.get(&format!("/api/tasks{query}")).await;
        assert_eq!(answer.refused(400), "invalid_query", "{query}");
        let problem = &answer.json()["problems"][0];
        assert!(problem["found"].is_string() && problem["allowed"] != "", "{query}: {problem}");
    }
    // The task of a cursor may have gone since.
    let gone = "00000000-0000-7000-8000-000000000000";
    assert_eq!(server.get(&format!("/api/tasks?cursor={gone}")).await.json()["tasks"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_and_the_uploads_have_limits() {
    let server = Server::start_with(|settings, _| {
        settings.workers = 1;
        settings.limits.queued_tasks = 2;
        settings.limits.uploaded_boms = 1;
    })
    .await;
    let first = server.create(&small_task(10_000)).await;
    let second = server.create(&small_task(10_000)).await;
    assert_eq!(server.post("/api/tasks", &small_task(1)).await.refused(503), "queue_full");
    server.post(&format!("/api/tasks/{second}/cancel"), &json!({})).await;
    let third = server.create(&small_task(1)).await;
    server.post(&format!("/api/tasks/{first}/cancel"), &json!({})).await;
    assert_eq!(server.finished(&third).await["status"], "completed");

    let upload = async |bom: &Value| {
        server.request("POST", "/api/boms?filename=a.json", &[], bom.to_string().as_bytes()).await
    };
    assert_eq!(upload(&small_bom()).await.status, 201);
    assert_eq!(upload(&json!({"parts": 1})).await.refused(400), "bom.no_components");
    assert_eq!(upload(&json!([])).await.refused(507), "uploads_full");
    let untyped = server.request("POST", "/api/boms", &[], b"{}").await;
    assert_eq!(untyped.refused(400), "bom.format_required");
    let unknown = server.request("POST", "/api/boms?filename=a.exe", &[], b"{}").await;
    assert_eq!(unknown.refused(400), "bom.unsupported_format");
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_asks_for_a_file() {
    let server = Server::start().await;
    for body in ["{}", "", "{\"bom_file\": null}", "{\"bom_file\": \"\"}", "[", "[]", "5"] {
        let answer = server.request("POST", "/api/bom/validate", &[], body.as_bytes()).await;
        assert_eq!(answer.refused(400), "bom_file_required", "{body}");
        assert_eq!(answer.json()["error"], "bom_file is required");
    }
    assert_eq!(
        server.post("/api/bom/validate", &json!({"bom_file": 5})).await.refused(400),
        "request.invalid"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_turned_away_at_the_door() {
    let server = Server::start().await;
    let body = small_task(1).to_string();
    let post =
        async |headers: &[(&str, &str)]| server.request("POST", "/api/tasks", headers, body.as_bytes()).await;
    assert_eq!(post(&[("origin", "https://evil.example")]).await.refused(403), "origin_not_allowed");
    assert_eq!(post(&[("host", "evil.example")]).await.refused(403), "host_not_allowed");
    assert_eq!(post(&[("x-forwarded-for", "1.2.3.4")]).await.refused(403), "forwarded_not_allowed");
    let socket = server
        .request("GET", "/socket.io/?EIO=4&transport=polling", &[("origin", "https://evil.example")], b"")
        .await;
    assert_eq!(socket.refused(403), "origin_not_allowed");
    unharmed(&server).await;

    let file_page = server.request("GET", "/api/tasks", &[("origin", "null")], b"").await;
    assert_eq!(file_page.header("access-control-allow-origin"), Some("null"));
    let stranger = server.request("GET", "/api/tasks", &[("origin", "https://evil.example")], b"").await;
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    let headers = [
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = server.request("OPTIONS", "/api/tasks", &headers, b"").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert!(preflight.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type"));
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_beyond_this_machine_without_a_word_from_the_operator() {
    let settings =
        server::Settings { listen: "0.0.0.0:0".parse().expect("an address"), ..server::Settings::default() };
    let refusal = server::check(&settings).expect_err("refused");
    assert!(refusal.to_string().contains("--insecure-no-auth"), "{refusal}");
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a free port");
    let (ready, _) = tokio::sync::oneshot::channel();
    let outcome = soon("refusal", server::run(settings, listener, ready, std::future::pending())).await;
    assert!(matches!(outcome, Err(server::Error::NoAuth { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_says_what_no_layout_can_mend() {
    let server = Server::start().await;
    let bar = |long: f64, wide: f64| {
        json!([
            {"id": "bar", "name": "bar", "dimensions": {"x": long, "y": wide, "z": wide}, "mass": 1, "power": 1, "category": "c"},
            {"id": "box", "name": "box", "dimensions": {"x": wide, "y": wide, "z": wide}, "mass": 1, "power": 1, "category": "c"},
        ])
    };
    let codes = |answer: &serde_json::Value| -> Vec<String> {
        let problems = answer["problems"].as_array().expect("a list");
        problems.iter().map(|problem| problem["code"].as_str().expect("a code").to_owned()).collect()
    };
    let long = server.post("/api/bom/validate", &json!({"bom": bar(3000.0, 50.0)})).await.json();
    assert_eq!(long["valid"], true, "{long}");
    assert!(codes(&long).iter().any(|code| code == "envelope.component_too_large"), "{long}");
    // So small a satellite has no room inside its shell.
    let tiny = bar(0.3, 0.2);
    let refused = server.post("/api/bom/validate", &json!({"bom": tiny})).await.json();
    assert_eq!(refused["valid"], false, "{refused}");
    assert_eq!(refused["num_components"], 2, "{refused}");
    assert!(codes(&refused).iter().any(|code| code == "envelope.shell_too_thick"), "{refused}");
    let uploaded =
        server.request("POST", "/api/boms?filename=tiny.json", &[], tiny.to_string().as_bytes()).await.json();
    assert_eq!(uploaded["valid"], false, "{uploaded}");
}
