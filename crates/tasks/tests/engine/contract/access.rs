//! Keys, secrets, and whose a task is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use tasks::{Access, AccessKey, Clock, Engine, Error, NewAccessKey, Submission};

use crate::support::*;

fn key(id: &str, expires_ms: Option<i64>) -> NewAccessKey {
    NewAccessKey {
        id: id.to_owned(),
        secret_hash: [7; 32],
        principal: "卫星 team".to_owned(),
        scopes: "tasks:read tasks:write".to_owned(),
        expires_ms,
    }
}

/// A clock that the test sets.
fn clock(start_ms: i64) -> (Clock, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(start_ms));
    let told = now.clone();
    (Arc::new(move || told.load(Ordering::Relaxed)), now)
}

fn ids(keys: &[AccessKey]) -> Vec<&str> {
    keys.iter().map(|key| key.id.as_str()).collect()
}

#[tokio::test]
async fn a_key_is_kept_as_it_was_made_until_it_is_revoked() {
    let store = TestStore::new().await;
    let (clock, now) = clock(1000);
    let access = Access::open_with(&store.url, clock).await.unwrap();
    let revision = access.revision().await.unwrap();
    let made = access.add(key("a", Some(5000))).await.unwrap().unwrap();
    assert_eq!((made.created_ms, made.revoked_ms, made.used_ms), (1000, None, None));
    assert_eq!(access.key("a").await.unwrap().as_ref(), Some(&made));
    assert_eq!(access.key("b").await.unwrap(), None);
    assert_eq!(access.add(key("a", None)).await.unwrap(), None, "its id is taken");
    assert_eq!(access.key("a").await.unwrap().as_ref(), Some(&made), "and it stays as it was");
    assert_eq!(access.revision().await.unwrap(), revision + 1, "a refused one is no change");

    now.store(2000, Ordering::Relaxed);
    let revoked = access.revoke("a").await.unwrap().unwrap();
    assert_eq!(revoked, AccessKey { revoked_ms: Some(2000), ..made });
    now.store(3000, Ordering::Relaxed);
    assert_eq!(access.revoke("a").await.unwrap(), Some(revoked), "once is enough");
    assert_eq!(access.revoke("b").await.unwrap(), None);
    assert_eq!(access.revision().await.unwrap(), revision + 2);
}

#[tokio::test]
async fn keys_are_usable_until_they_expire_or_are_revoked() {
    let store = TestStore::new().await;
    let (clock, now) = clock(1000);
    let access = Access::open_with(&store.url, clock).await.unwrap();
    for (at, id, expires_ms) in [(1000, "first", None), (1001, "short", Some(2000)), (1002, "last", None)] {
        now.store(at, Ordering::Relaxed);
        access.add(key(id, expires_ms)).await.unwrap().unwrap();
    }
    access.revoke("last").await.unwrap();
    assert_eq!(ids(&access.keys().await.unwrap()), ["last", "short", "first"], "newest first");
    for (at, usable) in [(1999, &["short", "first"][..]), (2000, &["first"])] {
        now.store(at, Ordering::Relaxed);
        assert_eq!(ids(&access.usable_keys().await.unwrap()), usable, "at {at}");
    }
}

#[tokio::test]
async fn the_last_use_moves_forward_only_and_is_no_change() {
    let store = TestStore::new().await;
    let access = Access::open(&store.url).await.unwrap();
    for id in ["a", "b"] {
        access.add(key(id, None)).await.unwrap().unwrap();
    }
    let revision = access.revision().await.unwrap();
    access.note_uses(&[("a".to_owned(), 50), ("gone".to_owned(), 50)]).await.unwrap();
    access.note_uses(&[("a".to_owned(), 40), ("b".to_owned(), 40)]).await.unwrap();
    for (id, used_ms) in [("a", 50), ("b", 40)] {
        assert_eq!(access.key(id).await.unwrap().unwrap().used_ms, Some(used_ms), "{id}");
    }
    assert_eq!(access.revision().await.unwrap(), revision);
}

#[tokio::test]
async fn a_secret_is_the_first_candidate_until_it_is_replaced() {
    let store = TestStore::new().await;
    let access = Access::open(&store.url).await.unwrap();
    assert_eq!(access.secret("share", &[1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(access.secret("share", &[2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(access.secret("other", &[3; 32]).await.unwrap(), [3; 32]);
    let revision = access.revision().await.unwrap();
    access.replace_secret("share", &[4; 32]).await.unwrap();
    assert_eq!(access.secret("share", &[5; 32]).await.unwrap(), [4; 32]);
    assert_eq!(access.revision().await.unwrap(), revision + 1);
}

#[tokio::test]
async fn there_are_no_more_usable_keys_than_the_limit() {
    let store = TestStore::new().await;
    let access = Access::open(&store.url).await.unwrap();
    let rows = if store.url.starts_with("postgres") {
        "generate_series(1, 10000) AS n(i)"
    } else {
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n) AS n"
    };
    let secret = if store.url.starts_with("postgres") { r"'\x00'" } else { "x'00'" };
    store
        .execute_text(format!(
            "INSERT INTO access_keys (id, secret_hash, principal, scopes, created_ms) \
             SELECT 'key ' || i, {secret}, 'p', 's', 0 FROM {rows}"
        ))
        .await;
    let refused = access.add(key("one more", None)).await.unwrap_err();
    assert!(matches!(refused, Error::TooManyAccessKeys { limit: Access::MAX_KEYS }), "{refused}");
    store.execute("UPDATE access_keys SET revoked_ms = 1 WHERE id = 'key 1'").await;
    assert!(access.add(key("one more", None)).await.unwrap().is_some());
}

#[tokio::test]
async fn an_engine_and_whoever_stands_beside_it_see_each_others_keys() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let inside = engine.access();
    let beside = Access::open_existing(&store.url).await.unwrap();
    beside.add(key("a", None)).await.unwrap().unwrap();
    assert_eq!(inside.key("a").await.unwrap(), beside.key("a").await.unwrap());
    inside.revoke("a").await.unwrap();
    assert!(beside.key("a").await.unwrap().unwrap().revoked_ms.is_some());
    assert_eq!(inside.revision().await.unwrap(), beside.revision().await.unwrap());
    // The engine works on.
    engine.submit(json!({}), steps(1)).await.unwrap();
}

#[tokio::test]
async fn a_task_is_its_owners_and_owners_do_not_get_each_others() {
    let store = TestStore::new().await;
    let engine = store.open_idle().await;
    let submit = async |owner: Option<&str>| {
        let submission = Submission {
            config: json!({"a": 1}),
            spec: steps(1),
            owner: owner.map(str::to_owned),
            ..Submission::default()
        };
        engine.submit_as(submission).await.unwrap()
    };
    let nobodys = engine.submit(json!({}), steps(1)).await.unwrap();
    let [first, theirs, second] =
        [submit(Some("ann")).await, submit(Some("李")).await, submit(Some("ann")).await];
    assert_eq!(submit(None).await.config, json!({"a": 1}));
    for (task, owner) in [(&nobodys, None), (&first, Some("ann")), (&theirs, Some("李"))] {
        assert_eq!(engine.owner(&task.id).await.unwrap().as_deref(), owner);
    }
    assert!(matches!(engine.owner("x").await, Err(Error::UnknownTask { .. })));
    let of = async |owner, limit, before: Option<&str>| engine.tasks_of(owner, limit, before).await.unwrap();
    assert_eq!(of("ann", 10, None).await, [second.clone(), first.clone()]);
    assert_eq!(of("ann", 1, None).await, std::slice::from_ref(&second));
    assert_eq!(of("ann", 10, Some(&second.id)).await, [first]);
    assert_eq!(of("李", 10, Some(&second.id)).await, [theirs]);
    assert_eq!(of("nobody", 10, None).await, []);
    let counts = (engine.count_of("ann").await.unwrap(), engine.count_of("x").await.unwrap());
    assert_eq!((counts, engine.count().await.unwrap()), ((2, 0), 5));
    assert_eq!(engine.tasks(Engine::MAX_PAGE, None).await.unwrap().len(), 5);
}
