use std::fs;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tasks::{Clock, Engine, EngineSettings};
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::auth::desk::Desk;
use crate::auth::jwt::Verifier;
use crate::auth::ring::KeyRing;
use crate::auth::{Authenticator, Pace, Scopes};
use crate::config::{Jwt, JwtAlgorithm};

const NOW_S: i64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const PACE: Pace = Pace { warning: Duration::from_secs(60), grace: Duration::from_secs(10) };

/// An admission whose clock is that of the test's runtime.
async fn admission() -> (Admission, Desk, Instant, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, SECRET).unwrap();
    let settings = EngineSettings { workers: 0, ..EngineSettings::sqlite(&directory.path().join("a.db")) };
    let engine = Engine::open(settings, Arc::new(|_| unreachable!("nothing runs"))).await.unwrap();
    let start = Instant::now();
    let clock: Clock = Arc::new(move || {
        NOW_S * 1000 + i64::try_from(Instant::now().duration_since(start).as_millis()).unwrap()
    });
    let verifier = Verifier::open(Jwt {
        algorithm: JwtAlgorithm::HS256,
        secret_file: Some(path),
        public_key_file: None,
        jwks_file: None,
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        leeway_s: 0,
        scope_claim: "scope".to_owned(),
    });
    let ring = KeyRing::open(engine.access(), clock.clone()).await.unwrap();
    let desk = Desk::of(engine.access(), clock.clone());
    let authenticator = Authenticator::new(ring, Some(verifier.unwrap()), clock.clone());
    (Admission::required(authenticator, engine, PACE, clock), desk, start, directory)
}

fn token(subject: &str, expires_s: i64, scope: &str) -> String {
    let claims = json!({"iss": "i", "aud": "a", "sub": subject, "exp": expires_s, "scope": scope});
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Never before its time, and after it by no more than the timer's grain.
fn assert_passed(start: Instant, expected_s: u128) {
    let passed_ms = Instant::now().duration_since(start).as_millis();
    assert!((expected_s * 1000..=expected_s * 1000 + 2).contains(&passed_ms), "{passed_ms} ms");
}

async fn standing(admission: &Admission, token: &str) -> Standing {
    Standing::new(admission.clone(), admission.admit(Ok(token)).await.unwrap())
}

#[tokio::test]
async fn who_is_connected_is_warned_and_ends_in_time() {
    let (admission, _, start, _directory) = admission().await;
    tokio::time::pause();
    let end_s = NOW_S + 7200;
    let mut standing = standing(&admission, &token("ann", end_s, "tasks:read")).await;
    assert_eq!(standing.change().await, Change::Expiring(end_s * 1000));
    assert_passed(start, 7200 - 60);
    assert_eq!(standing.change().await, Change::Over(Refusal::Expired));
    assert_passed(start, 7200 + 10);
    assert_eq!(standing.change().await, Change::Over(Refusal::Expired), "and stays so");
}

#[tokio::test]
async fn waiting_may_be_given_up_and_begun_again() {
    let (admission, _, start, _directory) = admission().await;
    tokio::time::pause();
    let mut standing = standing(&admission, &token("ann", NOW_S + 100, "tasks:read")).await;
    for _ in 0..39 {
        assert!(tokio::time::timeout(Duration::from_secs(1), standing.change()).await.is_err());
    }
    assert_eq!(standing.change().await, Change::Expiring((NOW_S + 100) * 1000));
    assert_passed(start, 40);
}

#[tokio::test]
async fn a_token_of_the_same_principal_takes_the_place_of_the_old_one() {
    let (admission, _, start, _directory) = admission().await;
    tokio::time::pause();
    let mut standing = standing(&admission, &token("ann", NOW_S + 100, "tasks:read")).await;
    assert_eq!(standing.change().await, Change::Expiring((NOW_S + 100) * 1000));
    for (shown, expected) in [
        (Err(Refusal::Missing), "this server wants a token"),
        (Ok(token("bob", NOW_S + 900, "tasks:read")), "the token is for another principal"),
        (Ok(token("ann", NOW_S - 1, "tasks:read")), "the token has expired"),
        (Ok(token("ann", NOW_S + 900, "openid")), "does not allow reading tasks"),
        (Ok("x".to_owned()), "not well formed"),
    ] {
        let error = standing.refresh(shown.as_deref().map_err(|refusal| *refusal)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(standing.principal().expires_ms(), Some((NOW_S + 100) * 1000), "the old one stays");
    }
    standing.refresh(Ok(&token("ann", NOW_S + 900, "tasks:read admin"))).await.unwrap();
    assert!(standing.principal().sees_all());
    assert_eq!(standing.change().await, Change::Expiring((NOW_S + 900) * 1000), "warned of anew");
    assert_passed(start, 840);
}

#[tokio::test]
async fn a_key_revoked_before_anybody_waited_counts_too() {
    let (admission, desk, _, _directory) = admission().await;
    let (info, key) = desk.create("ann", Scopes::from_words("tasks:read"), None).await.unwrap();
    let principal = admission.admit(Ok(&key.reveal())).await.unwrap();
    desk.revoke(&info.id).await.unwrap();
    admission.inner().unwrap().authenticator.ring().refresh().await.unwrap();
    let mut standing = Standing::new(admission, principal);
    assert_eq!(standing.change().await, Change::Over(Refusal::Revoked));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_asked_nothing_ends() {
    let principal = Admission::open().admit(Err(Refusal::Missing)).await.unwrap();
    let mut standing = Standing::new(Admission::open(), principal);
    let waited = tokio::time::timeout(Duration::from_secs(1_000_000), standing.change()).await;
    assert!(waited.is_err());
}
