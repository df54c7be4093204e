//! The document `protocol/openapi.json` and the routes say the same.

use serde_json::{Value, json};

use crate::harness::{Client, Server, small_task};

const GOLDEN: &str = include_str!("../../../../protocol/openapi.json");
/// What the contract's operations use.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn document() -> Value {
    serde_json::from_str(GOLDEN).expect("the document is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_is_the_committed_one() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/openapi.json").await.text(), GOLDEN);
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// Every path of the document exists with exactly its methods: an existing
/// route answers 405 to the others and names its own in `Allow`.
#[tokio::test(flavor = "multi_thread")]
async fn every_documented_route_exists_with_its_methods() {
    let server = Server::start().await;
    let document = document();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let concrete = path
            .replace("{id}", "x")
            .replace("{number}", "1")
            .replace("{filename}", "y")
            .replace("{name}", "z");
        let mut documented: Vec<String> =
            item.as_object().expect("methods").keys().map(|method| method.to_uppercase()).collect();
        if documented.contains(&"GET".to_owned()) {
            documented.push("HEAD".to_owned());
        }
        documented.sort();
        let other = METHODS
            .into_iter()
            .find(|method| !documented.iter().any(|known| known == method))
            .expect("one is not used");
        let answer = server.request(other, &concrete, &[], b"").await;
        assert_eq!(answer.status, 405, "{other} {path}");
        let mut allowed: Vec<String> =
            answer.header("allow").expect("Allow").split(',').map(|word| word.trim().to_owned()).collect();
        allowed.sort();
        assert_eq!(allowed, documented, "{path}");
    }
}

/// Every route in the source is in the document, except for the native stream,
/// which protocol/README.md specifies.
#[test]
fn every_route_is_documented() {
    let source = include_str!("../../src/routes.rs");
    let document = document();
    let mut routes = 0;
    for piece in source.split(".route(\"").skip(1) {
        let path = piece.split('"').next().expect("a path");
        if path.starts_with("/api/") && path != "/api/stream" {
            assert!(!document["paths"][path].is_null(), "{path} is not in protocol/openapi.json");
            routes += 1;
        }
    }
    assert_eq!(routes, document["paths"].as_object().map_or(0, serde_json::Map::len));
}

/// Answers have the keys that the document requires.
#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_documented_keys() {
    let server = Server::start().await;
    let document = document();
    let created = server.post("/api/tasks", &small_task(1)).await.json();
    check(&document, &document["paths"]["/api/tasks"]["post"]["responses"]["201"], &created);
    let id = created["task_id"].as_str().expect("an id").to_owned();
    server.finished(&id).await;
    let _connected = Client::connect(&server).await;
    for (path, concrete) in [
        ("/api/admin/connections", "/api/admin/connections".to_owned()),
        ("/api/admin/workers", "/api/admin/workers".to_owned()),
        ("/api/health", "/api/health".to_owned()),
        ("/api/tasks", "/api/tasks".to_owned()),
        ("/api/tasks/{id}", format!("/api/tasks/{id}")),
        ("/api/tasks/{id}/result", format!("/api/tasks/{id}/result")),
        ("/api/tasks/{id}/events", format!("/api/tasks/{id}/events")),
        ("/api/experiments", "/api/experiments".to_owned()),
        ("/api/boms", "/api/boms".to_owned()),
    ] {
        let answer = server.get(&concrete).await;
        assert_eq!(answer.status, 200, "{path}");
        check(&document, &document["paths"][path]["get"]["responses"]["200"], &answer.json());
    }
    let verdict =
        server.post("/api/bom/validate", &json!({"bom_file": "config/bom_example.json"})).await.json();
    check(&document, &document["paths"]["/api/bom/validate"]["post"]["responses"]["200"], &verdict);
    let refusal = server.get("/api/tasks/nope").await.json();
    check(&document, &document["paths"]["/api/tasks/{id}"]["get"]["responses"]["404"], &refusal);
}

fn check(document: &Value, response: &Value, answer: &Value) {
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{response}");
    matches(document, schema, answer, "answer");
}

/// Required keys, types and constants; enough to notice that the two differ.
fn matches(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return matches(document, document.pointer(&reference[1..]).expect("a schema"), value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = if value.is_null() { choices.last() } else { choices.first() };
        return matches(document, choice.expect("a choice"), value, at);
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let fits = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => false,
    };
    assert!(types.is_empty() || types.iter().any(|kind| fits(kind)), "{at}: {value} is not {types:?}");
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(value.get(key).is_some(), "{at}: {key} is missing in {value}");
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (key, field) in fields {
            let known = properties.get(key);
            assert!(
                known.is_some() || schema["additionalProperties"] == true,
                "{at}: {key} is not documented"
            );
            if let Some(known) = known {
                matches(document, known, field, &format!("{at}.{key}"));
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        matches(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
}
