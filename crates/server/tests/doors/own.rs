//! Whose tasks somebody sees.

use serde_json::json;

use crate::access::{DOORS, Door, Place};
use crate::harness::{Client, is_final, small_task};

#[tokio::test]
async fn everybody_lists_their_own_tasks_and_an_administrator_all() {
    let place = Place::new().await;
    let [ann, bob] =
        [place.key("ann", "tasks:read tasks:write").await, place.key("bob", "tasks:read tasks:write").await];
    let root = place.key("root", "admin").await;
    let [of_ann, of_bob] = [place.finished_task(&ann).await, place.finished_task(&bob).await];
    for (token, expected) in [(&ann, vec![&of_ann]), (&bob, vec![&of_bob]), (&root, vec![&of_bob, &of_ann])] {
        let listed = place.get("/api/tasks", token).await.json();
        let ids: Vec<&str> = listed["tasks"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|task| task["id"].as_str())
            .collect();
        assert_eq!(
            (ids, &listed["total"]),
            (expected.iter().map(|id| id.as_str()).collect(), &json!(expected.len()))
        );
    }
    // Nor can they change each other's, or what is the server's.
    for (method, path, token, status, code) in [
        ("POST", format!("/api/tasks/{of_ann}/cancel"), &bob, 404, "task_not_found"),
        ("DELETE", format!("/api/tasks/{of_ann}"), &bob, 404, "task_not_found"),
        ("GET", format!("/api/tasks/{of_ann}/result"), &bob, 404, "task_not_found"),
        ("GET", format!("/api/tasks/{of_ann}/files/summary.json"), &bob, 404, "task_not_found"),
        ("GET", "/api/tasks/%FF".to_owned(), &bob, 404, "task_not_found"),
        ("GET", "/api/experiments".to_owned(), &bob, 403, "scope_missing"),
    ] {
        let bearer = format!("Bearer {token}");
        let answer = place.server.request(method, &path, &[("authorization", &bearer)], b"").await;
        assert_eq!(answer.refused(status), code, "{method} {path}");
    }
    let reader = place.key("ann", "tasks:read").await;
    let bearer = format!("Bearer {reader}");
    let body = small_task(1).to_string();
    let refused =
        place.server.request("POST", "/api/tasks", &[("authorization", &bearer)], body.as_bytes()).await;
    assert_eq!(refused.refused(403), "scope_missing");
    assert_eq!(place.get(&format!("/api/tasks/{of_ann}"), &reader).await.status, 200);
    // Whether the server lives, and its page, are nobody's secret.
    for path in ["/api/health", "/livez", "/readyz", "/api/openapi.json", "/docs"] {
        assert_eq!(place.server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn status_changes_of_all_tasks_are_those_that_one_may_see() {
    let place = Place::new().await;
    let [ann, bob] =
        [place.key("ann", "tasks:read tasks:write").await, place.key("bob", "tasks:read tasks:write").await];
    let mut clients = Vec::new();
    for token in [&ann, &place.key("root", "admin").await] {
        let mut client = Client::open(&place.server).await;
        client.join(token).await;
        client.subscribe("*").await;
        clients.push(client);
    }
    let of_bob = place.finished_task(&bob).await;
    let of_ann = place.finished_task(&ann).await;
    let mut heard = Vec::new();
    for client in &mut clients {
        let mut ids: Vec<String> = Vec::new();
        loop {
            let update = client.update().await;
            let id = update["task_id"].as_str().expect("an id");
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
            if is_final(&update) && id == of_ann {
                break;
            }
        }
        heard.push(ids);
    }
    assert_eq!(heard, [vec![of_ann.clone()], vec![of_bob, of_ann]]);
}

#[tokio::test]
async fn a_share_link_shows_its_task_and_nothing_else() {
    let place = Place::new().await;
    let ann = place.key("ann", "tasks:read tasks:write").await;
    let [task, other] = [place.finished_task(&ann).await, place.finished_task(&ann).await];
    let path = format!("/api/tasks/{task}/share");
    let headers = [("authorization", format!("Bearer {ann}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let shared = place.server.request("POST", &path, &headers, b"{\"expires_in_s\": 600}").await;
    assert_eq!(shared.status, 201, "{}", shared.text());
    let link = shared.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(shared.json()["fragment"], format!("#share={link}"));
    for door in DOORS {
        assert_eq!(door.read(&place.server, Some(&link), &task).await, Ok(()), "{door:?}");
        let outcome = door.read(&place.server, Some(&link), &other).await;
        assert_eq!(outcome, Err("task_not_found".to_owned()), "{door:?}");
    }
    assert_eq!(Door::WebSocket.read(&place.server, Some(&link), "*").await, Err("scope_missing".to_owned()));
    for path in ["/api/tasks", "/api/boms", "/api/experiments", "/api/tasks/*/events"] {
        assert_eq!(place.get(path, &link).await.refused(403), "scope_missing", "{path}");
    }
    let bearer = format!("Bearer {link}");
    let path = format!("/api/tasks/{task}/cancel");
    let refused = place.server.request("POST", &path, &[("authorization", &bearer)], b"").await;
    assert_eq!(refused.refused(403), "scope_missing");
}
