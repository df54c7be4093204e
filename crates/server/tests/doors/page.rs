//! What a browser gets besides the API.

use crate::harness::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_or_says_how_to_build_it() {
    let server = Server::start().await;
    let answer = server.get("/").await;
    if answer.status == 503 {
        assert_eq!(answer.refused(503), "page_not_built");
        assert!(answer.text().contains("make"));
        return;
    }
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let etag = answer.header("etag").expect("a tag").to_owned();
    let again = server.request("GET", "/", &[("if-none-match", &etag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = server.request("HEAD", "/", &[], b"").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(server.request("POST", "/", &[], b"x").await.refused(405), "method_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = server.get("/docs").await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(
        text.contains("/api/tasks/{id}/events")
            && !text.contains("<script")
            && !text.contains("http://")
            && !text.contains("https://")
    );
    assert_eq!(server.get("/docs/style.css").await.header("content-type"), Some("text/css; charset=utf-8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_guarded() {
    let server = Server::start().await;
    for path in ["/", "/api/health", "/api/nope", "/docs", "/socket.io/?EIO=4&transport=polling"] {
        let answer = server.get(path).await;
        let policy = answer.header("content-security-policy").expect(path).to_owned();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_for_those_who_can_read_it() {
    let server = Server::start().await;
    for encoding in ["gzip", "br"] {
        let answer = server.request("GET", "/api/openapi.json", &[("accept-encoding", encoding)], b"").await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(encoding)));
        assert!(answer.body.len() < 20_000);
    }
}
