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

use crate::harness::{Answer, Client, Server, small_task, soon};

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "msgalaxy";

/// A server that asks everybody, its operator, and an issuer that it trusts.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) desk: Desk,
    issuer: Ed25519KeyPair,
}

impl Place {
    pub(crate) async fn new() -> Place {
        Place::with(60, 30).await
    }

    pub(crate) async fn with(expiry_warning_s: u64, expiry_grace_s: u64) -> Place {
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

    pub(crate) async fn key(&self, name: &str, words: &str) -> String {
        self.key_for(name, words, None).await
    }

    pub(crate) async fn key_for(&self, name: &str, words: &str, lifetime: Option<Duration>) -> String {
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
    pub(crate) async fn finished_task(&self, token: &str) -> String {
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

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
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
    pub(crate) async fn join(&mut self, token: &str) {
        self.send(&format!("40/tasks,{}", json!({ "token": token }))).await;
        let accepted = self.next().await;
        assert!(accepted.starts_with("40/tasks,{\"sid\":"), "{accepted}");
        assert_eq!(self.event().await.0, "connected");
    }
}

/// Every way in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
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

pub(crate) const DOORS: [Door; 7] = [
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
    pub(crate) async fn read(
        self,
        server: &Server,
        token: Option<&str>,
        task_id: &str,
    ) -> Result<(), String> {
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
