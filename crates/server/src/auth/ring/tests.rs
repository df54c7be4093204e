use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use tasks::EngineSettings;
use tempfile::TempDir;

use super::*;
use crate::auth::desk::Desk;

const NOW_MS: i64 = 1_800_000_000_000;
const TASK: &str = "0197f000-0000-7000-8000-0000deadbeef";

/// A ring, and the desk of another process beside it.
struct Place {
    ring: KeyRing,
    desk: Desk,
    access: Access,
    now_ms: Arc<AtomicI64>,
    _directory: TempDir,
}

async fn open(path: &Path, clock: &Clock) -> Access {
    Access::open_with(&EngineSettings::sqlite(path).store_url, clock.clone()).await.unwrap()
}

impl Place {
    async fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("msgalaxy.db");
        let now_ms = Arc::new(AtomicI64::new(NOW_MS));
        let told = now_ms.clone();
        let clock: Clock = Arc::new(move || told.load(Ordering::Relaxed));
        let ring = KeyRing::open(open(&path, &clock).await, clock.clone()).await.unwrap();
        let access = open(&path, &clock).await;
        let desk = Desk::of(access.clone(), clock);
        Place { ring, desk, access, now_ms, _directory: directory }
    }

    async fn key(&self, words: &str, lifetime_s: Option<u64>) -> KeyText {
        let lifetime = lifetime_s.map(Duration::from_secs);
        self.desk.create("ann", Scopes::from_words(words), lifetime).await.unwrap().1
    }

    fn pass_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn has_withdrawn(&self, principal: &Principal) -> bool {
        self.ring.held().has_withdrawn(principal, self.now_ms.load(Ordering::Relaxed))
    }
}

fn refusal(outcome: Result<Principal, AuthError>) -> Refusal {
    match outcome {
        Err(AuthError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_works_at_once_although_another_process_made_it() {
    let place = Place::new().await;
    let key = place.key("tasks:read tasks:write", None).await;
    let principal = place.ring.principal(&key.reveal()).await.unwrap();
    assert_eq!((principal.name(), principal.owner()), ("ann", Some("ann")));
    assert_eq!(principal.scopes().to_string(), "tasks:read tasks:write");
    assert_eq!(principal.proof(), &Proof::Key(key.id().into()));
    assert!(!place.has_withdrawn(&principal), "and is known from then on");
}

#[tokio::test]
async fn a_key_with_another_secret_is_unknown_and_so_is_one_that_never_was() {
    let place = Place::new().await;
    let key = place.key("tasks:read", None).await;
    let other = KeyText::generate().unwrap();
    let forged = format!("msg_{}_{}", key.id(), &other.reveal()[15..]);
    for known in [false, true] {
        for text in [&forged, &other.reveal()] {
            assert_eq!(refusal(place.ring.principal(text).await), Refusal::UnknownKey, "{known}");
        }
        place.ring.principal(&key.reveal()).await.unwrap();
    }
    assert_eq!(refusal(place.ring.principal("msg_x").await), Refusal::Malformed);
}

#[tokio::test]
async fn a_revoked_key_ends_also_for_who_is_connected() {
    let place = Place::new().await;
    let [key, other] = [place.key("tasks:read", None).await, place.key("tasks:read", None).await];
    let principal = place.ring.principal(&key.reveal()).await.unwrap();
    let bystander = place.ring.principal(&other.reveal()).await.unwrap();
    let mut changes = place.ring.watch();
    changes.mark_unchanged();
    place.desk.revoke(key.id()).await.unwrap();
    place.ring.refresh().await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(place.has_withdrawn(&principal));
    assert!(!place.has_withdrawn(&bystander));
    assert_eq!(refusal(place.ring.principal(&key.reveal()).await), Refusal::Revoked);
    // Nothing changed, so nobody is woken.
    changes.mark_unchanged();
    place.ring.refresh().await.unwrap();
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn the_ring_notices_by_itself() {
    let place = Place::new().await;
    let key = place.key("tasks:read", None).await;
    let principal = place.ring.principal(&key.reveal()).await.unwrap();
    let mut changes = place.ring.watch();
    changes.mark_unchanged();
    place.desk.revoke(key.id()).await.unwrap();
    tokio::select! {
        () = place.ring.follow() => unreachable!("it goes on"),
        changed = changes.changed() => changed.unwrap(),
    }
    assert!(place.has_withdrawn(&principal));
}

#[tokio::test]
async fn a_key_expires_to_the_millisecond() {
    let place = Place::new().await;
    let key = place.key("tasks:read", Some(10)).await;
    place.pass_ms(9_999);
    let principal = place.ring.principal(&key.reveal()).await.unwrap();
    assert_eq!(principal.expires_ms(), Some(NOW_MS + 10_000));
    assert!(!place.has_withdrawn(&principal));
    place.pass_ms(1);
    assert_eq!(refusal(place.ring.principal(&key.reveal()).await), Refusal::Expired, "from memory");
    place.key("tasks:read", None).await;
    place.ring.refresh().await.unwrap();
    assert!(!place.has_withdrawn(&principal), "it has expired, which is something else");
    assert_eq!(refusal(place.ring.principal(&key.reveal()).await), Refusal::Expired, "from the store");
}

#[tokio::test]
async fn the_last_use_is_noted_coarsely() {
    let place = Place::new().await;
    let key = place.key("tasks:read", None).await;
    let used_ms = async || place.access.key(key.id()).await.unwrap().unwrap().used_ms;
    for (pass_ms, expected) in
        [(0, NOW_MS), (1, NOW_MS), (USE_GRAIN_MS - 2, NOW_MS), (1, NOW_MS + USE_GRAIN_MS)]
    {
        place.pass_ms(pass_ms);
        place.ring.principal(&key.reveal()).await.unwrap();
        place.ring.note_uses().await.unwrap();
        assert_eq!(used_ms().await, Some(expected), "after {pass_ms} ms more");
    }
}

#[tokio::test]
async fn a_share_link_shows_one_task_until_it_ends_or_all_are_ended() {
    let place = Place::new().await;
    let token = place.ring.share_token(TASK, NOW_MS + 10_000).unwrap();
    let principal = place.ring.share(&token).unwrap();
    assert!(principal.sees(TASK, Some("ann")) && !principal.sees("other", None));
    assert_eq!((principal.scopes().to_string().as_str(), principal.sees_all()), ("tasks:read", false));
    place.key("tasks:read", None).await;
    place.ring.refresh().await.unwrap();
    assert!(!place.has_withdrawn(&principal), "keys are no matter of links");
    place.desk.revoke_share_links().await.unwrap();
    place.ring.refresh().await.unwrap();
    assert!(place.has_withdrawn(&principal));
    assert_eq!(place.ring.share(&token), Err(Refusal::BadSignature));
    let later = place.ring.share_token(TASK, NOW_MS + 10_000).unwrap();
    let principal = place.ring.share(&later).unwrap();
    assert!(!place.has_withdrawn(&principal));
    place.pass_ms(10_000);
    assert_eq!(place.ring.share(&later), Err(Refusal::Expired));
}

#[tokio::test]
async fn a_secret_outlives_the_process() {
    let place = Place::new().await;
    let token = place.ring.share_token(TASK, NOW_MS + 10_000).unwrap();
    let clock: Clock = Arc::new(|| NOW_MS);
    let again = KeyRing::open(place.access.clone(), clock).await.unwrap();
    assert!(again.share(&token).is_ok());
}
