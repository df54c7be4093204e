use std::sync::Arc;

use tasks::{Access, EngineSettings};

use super::*;
use crate::auth::desk::Desk;
use crate::auth::{Scope, Scopes};

#[tokio::test]
async fn each_kind_of_token_goes_to_whoever_knows_it() {
    let directory = tempfile::tempdir().unwrap();
    let url = EngineSettings::sqlite(&directory.path().join("msgalaxy.db")).store_url;
    let access = Access::open(&url).await.unwrap();
    let clock: Clock = Arc::new(|| 1_000);
    let ring = KeyRing::open(access.clone(), clock.clone()).await.unwrap();
    let share = ring.share_token("0197f000-0000-7000-8000-0000deadbeef", 5_000).unwrap();
    let desk = Desk::of(access, clock.clone());
    let (_, key) = desk.create("ann", Scopes::from_iter([Scope::Admin]), None).await.unwrap();
    let authenticator = Authenticator::new(ring, None, clock);
    let name = async |token: &str| match authenticator.authenticate(token).await {
        Ok(principal) => Ok(principal.name().to_owned()),
        Err(AuthError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(name(&key.reveal()).await.as_deref(), Ok("ann"));
    assert_eq!(name(&share).await.as_deref(), Ok("share"));
    for (token, refusal) in [
        ("eyJhbGciOiJub25lIn0.e30.", Refusal::UnknownKey),
        ("anything", Refusal::UnknownKey),
        ("", Refusal::UnknownKey),
        ("msg_", Refusal::Malformed),
        ("msgshare_", Refusal::Malformed),
    ] {
        assert_eq!(name(token).await, Err(refusal), "{token}");
    }
}

#[test]
fn a_bearer_token_is_read_from_one_header() {
    let read = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers).map(str::to_owned)
    };
    for value in ["Bearer msg_x", "bearer msg_x", "BEARER  msg_x "] {
        assert_eq!(read(&[value]).as_deref(), Ok("msg_x"), "{value}");
    }
    for (values, refusal) in [
        (&[][..], Refusal::Missing),
        (&["Bearer "], Refusal::Missing),
        (&["Bearer"], Refusal::Malformed),
        (&["Basic YTpi"], Refusal::Malformed),
        (&["msg_x"], Refusal::Malformed),
        (&["Bearer é"], Refusal::Malformed),
        (&["Bearer a", "Bearer a"], Refusal::Malformed),
    ] {
        assert_eq!(read(values), Err(refusal), "{values:?}");
    }
}
