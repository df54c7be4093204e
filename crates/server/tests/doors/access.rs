//! Who may come in: the same table of refusals at every door.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::auth::Scopes;
use server::auth::desk::Desk;
use server::config::{AuthMode, Jwt, JwtAlgorithm};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Answer, Client, Server, is_final, small_task, soon};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "msgalaxy";

/// A server that asks everybody, its operator, and an issuer that it trusts.
struct Place {
    server: Server,
    desk: Desk,
    issuer: Ed25519KeyPair,
}

impl Place {
    async fn new() -> Place {
        Place::with(60, 30).await
    }

    async fn with(expiry_warning_s: u64, expiry_grace_s: u64) -> Place {
        let issuer = Ed25519KeyPair::generate().expect("a key");
        let pem = pem(&issuer);
        let server = Server::start_with(|settings, dir| {
            let path = dir.join("issuer.pem");
            std::fs::write(&path, pem).expect("written");
            settings.auth.mode = AuthMode::Required;
            settings.auth.expiry_warning_s = expiry_warning_s;
            settings.auth.expiry_grace_s = expiry_grace_s;
            settings.auth.jwt = Some(Jwt {
                algorithm: JwtAlgorithm::EdDSA,
                secret_file: None,
                public_key_file: Some(path),
                jwks_file: None,
                issuer: ISSUER.to_owned(),
                audience: AUDIENCE.to_owned(),
                leeway_s: 0,
                scope_claim: "scope".to_owned(),
            });
        })
        .await;
        let desk = Desk::open_existing(server.dir.path()).await.expect("the store");
        Place { server, desk, issuer }
    }

    async fn key(&self, name: &str, words: &str) -> String {
        self.key_for(name, words, None).await
    }

    async fn key_for(&self, name: &str, words: &str, lifetime: Option<Duration>) -> String {
        let made = self.desk.create(name, Scopes::from_words(words), lifetime).await;
        made.expect("a key").1.reveal()
    }

    /// A token of the issuer, with some claims changed.
    fn jwt(&self, changes: &[(&str, Value)]) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now_s() + 600, "scope": "tasks:read",
        });
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        signed(&json!({"alg": "EdDSA"}), &claims, |message| self.issuer.sign(message).as_ref().to_vec())
    }

    /// A task of this caller, run to its end.
    async fn finished_task(&self, token: &str) -> String {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let body = small_task(1).to_string();
        let made = self.server.request("POST", "/api/tasks", &headers, body.as_bytes()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let id = made.json()["task_id"].as_str().expect("an id").to_owned();
        let mut client = Client::open(&self.server).await;
        client.join(token).await;
        client.subscribe(&id).await;
        client.updates_to_the_end().await;
        id
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.server.request("GET", path, &[("authorization", &format!("Bearer {token}"))], b"").await
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn pem(pair: &Ed25519KeyPair) -> String {
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let [header, claims] = [header, claims].map(|json| URL_SAFE_NO_PAD.encode(json.to_string()));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

impl Client {
    /// Joins `/tasks` with a token; must be let in.
    async fn join(&mut self, token: &str) {
        self.send(&format!("40/tasks,{}", json!({ "token": token }))).await;
        let accepted = self.next().await;
        assert!(accepted.starts_with("40/tasks,{\"sid\":"), "{accepted}");
        assert_eq!(self.event().await.0, "connected");
    }
}

/// Every way in.
#[derive(Debug, Clone, Copy)]
enum Door {
    Rest,
    ServerSent,
    Polling,
    WebSocket,
    /// The same with the token in the header of the handshake.
    WebSocketHeader,
    Stream,
    /// The same with the token among the subprotocols.
    StreamSubprotocol,
}

const DOORS: [Door; 7] = [
    Door::Rest,
    Door::ServerSent,
    Door::Polling,
    Door::WebSocket,
    Door::WebSocketHeader,
    Door::Stream,
    Door::StreamSubprotocol,
];

impl Door {
    /// Reads a task through the door; the error is the code of the refusal.
    async fn read(self, server: &Server, token: Option<&str>, task_id: &str) -> Result<(), String> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> =
            bearer.as_deref().map(|bearer| ("authorization", bearer)).into_iter().collect();
        match self {
            Door::Rest => {
                code_of(&server.request("GET", &format!("/api/tasks/{task_id}"), &headers, b"").await)
            }
            Door::ServerSent => {
                let headers = [&headers[..], &[("accept", "text/event-stream")]].concat();
                let path = format!("/api/tasks/{task_id}/events");
                code_of(&server.request("GET", &path, &headers, b"").await)
            }
            Door::Polling => poll(server, token, task_id).await,
            Door::WebSocket => converse(Client::open(server).await, token, task_id).await,
            Door::WebSocketHeader => converse(Client::open_with(server, &headers).await, None, task_id).await,
            Door::Stream => stream(server, &headers, task_id).await,
            Door::StreamSubprotocol => {
                let words = match token {
                    Some(token) => format!("msgalaxy.v1+json, msgalaxy.bearer.{token}"),
                    None => "msgalaxy.v1+json".to_owned(),
                };
                stream(server, &[("sec-websocket-protocol", &words)], task_id).await
            }
        }
    }
}

fn code_of(answer: &Answer) -> Result<(), String> {
    match answer.status {
        200 => Ok(()),
        401 => {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            Err(answer.refused(401))
        }
        status => Err(answer.refused(status)),
    }
}

fn connect_packet(token: Option<&str>) -> String {
    match token {
        Some(token) => format!("40/tasks,{}", json!({ "token": token })),
        None => "40/tasks,".to_owned(),
    }
}

/// What a packet after CONNECT or `subscribe` means: `None`, nothing yet.
fn meaning(packet: &str) -> Option<Result<(), String>> {
    if let Some(refusal) = packet.strip_prefix("44/tasks,") {
        let refusal: Value = serde_json::from_str(refusal).expect("JSON");
        assert!(refusal["message"].is_string(), "{refusal}");
        return Some(Err(refusal["data"]["code"].as_str().expect("a code").to_owned()));
    }
    let event: Value = serde_json::from_str(packet.strip_prefix("42/tasks,")?).expect("JSON");
    match event[0].as_str().expect("a name") {
        "subscribed" => Some(Ok(())),
        "error" => Some(Err(event[1]["code"].as_str().expect("a code").to_owned())),
        _ => None,
    }
}

async fn converse(mut client: Client, token: Option<&str>, task_id: &str) -> Result<(), String> {
    client.send(&connect_packet(token)).await;
    let joined = client.next().await;
    if let Some(outcome) = meaning(&joined) {
        return outcome;
    }
    client.emit("subscribe", &json!({ "task_id": task_id })).await;
    loop {
        if let Some(outcome) = meaning(&client.next().await) {
            return outcome;
        }
    }
}

async fn poll(server: &Server, token: Option<&str>, task_id: &str) -> Result<(), String> {
    let open = server.get("/socket.io/?EIO=4&transport=polling").await.text();
    let open: Value = serde_json::from_str(open.strip_prefix('0').expect("an open packet")).expect("JSON");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().expect("a sid"));
    let subscribe = format!("42/tasks,{}", json!(["subscribe", { "task_id": task_id }]));
    for packet in [connect_packet(token), subscribe] {
        let sent = server.request("POST", &path, &[], packet.as_bytes()).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    loop {
        let answer = server.get(&path).await.text();
        if let Some(outcome) = answer.split('\u{1e}').find_map(meaning) {
            return outcome;
        }
    }
}

async fn stream(server: &Server, headers: &[(&str, &str)], task_id: &str) -> Result<(), String> {
    let mut request = format!("ws://{}/api/stream", server.address).into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", "msgalaxy.v1+json".parse().expect("a header"));
    for (name, value) in headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    let (mut socket, _) = match soon("handshake", tokio_tungstenite::connect_async(request)).await {
        Ok(opened) => opened,
        Err(Error::Http(response)) => {
            let body: Value =
                serde_json::from_slice(response.body().as_deref().expect("a body")).expect("JSON");
            return Err(body["code"].as_str().expect("a code").to_owned());
        }
        Err(other) => panic!("{other}"),
    };
    let subscribe = json!({"type": "subscribe", "id": 1, "task_id": task_id});
    socket.send(Message::text(subscribe.to_string())).await.expect("sent");
    loop {
        let message = soon("message", socket.next()).await.expect("open").expect("a frame");
        let message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
        match message["type"].as_str().expect("a type") {
            "subscribed" => return Ok(()),
            "error" => return Err(message["code"].as_str().expect("a code").to_owned()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_door_takes_and_refuses_the_same() {
    let place = Place::new().await;
    let ann = place.key("jwt:ann", "tasks:read tasks:write").await;
    let task = place.finished_task(&ann).await;
    let revoked = place.key("jwt:ann", "tasks:read").await;
    let id = revoked["msg_".len()..].split_once('_').expect("an id").0;
    place.desk.revoke(id).await.expect("revoked");
    let other = place.key("bob", "tasks:read").await;
    let good = place.jwt(&[]);
    let (message, signature) = good.rsplit_once('.').expect("a signature");
    let (header, claims) = message.split_once('.').expect("claims");
    let admin = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now_s() + 600, "scope": "admin"});
    let tampered = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(admin.to_string()));
    let unsigned = signed(&json!({"alg": "none"}), &admin, |_| Vec::new());
    let public = pem(&place.issuer);
    let confused = signed(&json!({"alg": "HS256"}), &admin, |message| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), message).as_ref().to_vec()
    });
    let stranger = Ed25519KeyPair::generate().expect("a key");
    let foreign =
        signed(&json!({"alg": "EdDSA"}), &admin, |message| stranger.sign(message).as_ref().to_vec());
    let past = place.jwt(&[("exp", json!(now_s() - 1))]);
    let future = place.jwt(&[("nbf", json!(now_s() + 300))]);
    let elsewhere = place.jwt(&[("aud", json!("another"))]);
    let impostor = place.jwt(&[("iss", json!("https://evil.example"))]);
    let powerless = place.jwt(&[("scope", json!("openid tasks:write"))]);
    let cases: Vec<(Option<&str>, Result<(), &str>)> = vec![
        (Some(&ann), Ok(())),
        (Some(&good), Ok(())),
        (None, Err("token_missing")),
        (Some("nonsense"), Err("token_malformed")),
        (Some(claims), Err("token_malformed")),
        (Some("msg_abc"), Err("token_malformed")),
        (Some(&other[..other.len() - 1]), Err("token_malformed")),
        (Some(&past), Err("token_expired")),
        (Some(&future), Err("token_not_yet_valid")),
        (Some(&elsewhere), Err("token_wrong_audience")),
        (Some(&impostor), Err("token_wrong_issuer")),
        (Some(&unsigned), Err("token_wrong_algorithm")),
        (Some(&confused), Err("token_wrong_algorithm")),
        (Some(&tampered), Err("token_bad_signature")),
        (Some(&foreign), Err("token_bad_signature")),
        (Some(&revoked), Err("token_revoked")),
        (Some(&powerless), Err("scope_missing")),
        (Some(&other), Err("task_not_found")),
    ];
    for (token, expected) in cases {
        for door in DOORS {
            let outcome = door.read(&place.server, token, &task).await;
            assert_eq!(
                outcome.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|code| *code),
                "{door:?} {token:?}"
            );
            // A task that there is not looks the same as one that is not theirs.
            if expected.is_ok() {
                let unknown = door.read(&place.server, token, "0197f000-0000-7000-8000-0000deadbeef").await;
                assert_eq!(unknown, Err("task_not_found".to_owned()), "{door:?}");
            }
        }
    }
}

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
async fn a_token_that_ends_is_warned_of_and_can_be_renewed_without_losing_an_event() {
    let place = Place::with(3600, 0).await;
    let ann = place.key_for("ann", "tasks:read tasks:write", Some(Duration::from_secs(600))).await;
    let bearer = format!("Bearer {ann}");
    let body = small_task(30).to_string();
    let made =
        place.server.request("POST", "/api/tasks", &[("authorization", &bearer)], body.as_bytes()).await;
    let id = made.json()["task_id"].as_str().expect("an id").to_owned();
    let mut client = Client::open(&place.server).await;
    client.join(&ann).await;
    client.emit("subscribe", &json!({ "task_id": id })).await;
    let (fresh, of_bob) = (place.key("ann", "tasks:read").await, place.key("bob", "tasks:read").await);
    let (mut seqs, mut told, mut answers, mut has_ended) = (Vec::new(), 0, Vec::new(), false);
    while !has_ended || answers.len() < 4 {
        let (name, body) = client.event().await;
        match name.as_str() {
            "error" if body["code"] == "token_expiring" => {
                assert!(body["expires_at"].is_string(), "{body}");
                told += 1;
                for token in [json!(of_bob), json!("msg_x"), json!(null), json!(fresh)] {
                    client.emit("auth_refresh", &json!({ "token": token })).await;
                }
            }
            "error" => answers.push(body["code"].as_str().expect("a code").to_owned()),
            "auth_refreshed" => {
                assert_eq!(body["expires_at"], Value::Null, "{body}");
                answers.push(name);
            }
            "task_update" => {
                seqs.push(body["seq"].as_u64().expect("a seq"));
                has_ended |= is_final(&body);
            }
            _ => {}
        }
    }
    assert_eq!(answers, ["token_of_another", "token_malformed", "token_missing", "auth_refreshed"]);
    assert_eq!(told, 1, "once, and not of the new one");
    let expected: Vec<u64> = (1..=seqs.len() as u64).collect();
    assert_eq!(seqs, expected);
}

#[tokio::test]
async fn who_does_not_renew_a_token_is_disconnected() {
    let place = Place::with(60, 0).await;
    let owner = place.key("ann", "tasks:read tasks:write").await;
    let task = place.finished_task(&owner).await;
    let short = place.key_for("ann", "tasks:read", Some(Duration::from_secs(2))).await;
    let mut client = Client::open(&place.server).await;
    client.join(&short).await;
    let mut codes = Vec::new();
    while codes.len() < 2 {
        let (name, body) = client.event().await;
        assert_eq!(name, "error", "{body}");
        codes.push(body["code"].as_str().expect("a code").to_owned());
    }
    assert_eq!(codes, ["token_expiring", "token_expired"]);
    assert!(client.ended().await);
    assert_eq!(Door::Rest.read(&place.server, Some(&short), &task).await, Err("token_expired".to_owned()));
}

#[tokio::test]
async fn a_revoked_key_ends_every_open_connection() {
    let place = Place::new().await;
    let key = place.key("ann", "tasks:read tasks:write").await;
    let mut client = Client::open(&place.server).await;
    client.join(&key).await;
    let mut request =
        format!("ws://{}/api/stream?credit=0", place.server.address).into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", "msgalaxy.v1+json".parse().expect("a header"));
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().expect("a header"));
    let (mut stream, _) = soon("handshake", tokio_tungstenite::connect_async(request)).await.expect("open");
    let events = tokio::spawn({
        let (address, bearer) = (place.server.address, format!("Bearer {key}"));
        async move { follow_all(address, &bearer).await }
    });
    let id = key["msg_".len()..].split_once('_').expect("an id").0;
    place.desk.revoke(id).await.expect("revoked");
    let (name, body) = client.event().await;
    assert_eq!((name.as_str(), &body["code"]), ("error", &json!("token_revoked")));
    assert!(client.ended().await);
    let mut kinds = Vec::new();
    let closed = loop {
        match soon("message", stream.next()).await.expect("a close frame").expect("a frame") {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                kinds.push((message["type"].clone(), message["code"].clone()));
            }
            Message::Close(close) => break close.expect("a reason"),
            _ => {}
        }
    };
    assert_eq!(kinds, [(json!("hello"), json!(null)), (json!("error"), json!("token_revoked"))]);
    assert_eq!(u16::from(closed.code), 1008);
    let events = soon("the end of the stream", events).await.expect("no panic");
    assert!(events.contains("event: notice") && events.contains("token_revoked"), "{events}");
}

/// All that server-sent events bring until the server ends them.
async fn follow_all(address: std::net::SocketAddr, bearer: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/tasks/*/events HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\nauthorization: {bearer}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).await.expect("text");
    text
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

#[tokio::test]
async fn settings_that_contradict_each_other_do_not_start() {
    let check = |change: &dyn Fn(&mut server::Settings)| {
        let mut settings = server::Settings::default();
        settings.auth.mode = AuthMode::Required;
        change(&mut settings);
        server::check(&settings).map_err(|error| error.to_string())
    };
    assert_eq!(check(&|settings| settings.listen = "0.0.0.0:5000".parse().expect("an address")), Ok(()));
    let insecure = check(&|settings| settings.insecure_no_auth = true).expect_err("a contradiction");
    assert!(insecure.contains("--insecure-no-auth"), "{insecure}");
    let broadcast = check(&|settings| settings.legacy_broadcast = true).expect_err("a contradiction");
    assert!(broadcast.contains("legacy_broadcast"), "{broadcast}");
}

#[tokio::test]
async fn a_server_that_asks_everybody_may_stand_behind_a_proxy() {
    let place = Place::new().await;
    let key = place.key("ann", "tasks:read").await;
    let bearer = format!("Bearer {key}");
    let headers =
        [("host", "sat.example"), ("x-forwarded-for", "1.2.3.4"), ("authorization", bearer.as_str())];
    assert_eq!(place.server.request("GET", "/api/tasks", &headers, b"").await.status, 200);
}
