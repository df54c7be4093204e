use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tasks::EventKind::{Progress, StatusChange};
use tasks::{Clock, Engine, EngineSettings, Submission};
use tempfile::TempDir;

use super::super::delivery::{Item, Room};
use super::super::{Hub, Viewer};
use super::log::MemoryLog;
use super::{few, status};
use crate::auth::desk::Desk;
use crate::auth::ring::KeyRing;
use crate::auth::{Admission, Authenticator, Pace, Scopes};

const ROOM: Room = Room { updates: 64, bytes: 1 << 20 };
const PACE: Pace = Pace { warning: Duration::from_secs(60), grace: Duration::from_secs(10) };

/// A server that asks everybody, whose store can fail.
struct Place {
    engine: Engine,
    admission: Admission,
    log: Arc<MemoryLog>,
    hub: Hub,
    keys: [String; 2],
    dir: TempDir,
}

impl Place {
    async fn new() -> Place {
        let dir = tempfile::tempdir().expect("a directory");
        let settings = EngineSettings { workers: 0, ..EngineSettings::sqlite(&dir.path().join("a.db")) };
        let engine = Engine::open(settings, Arc::new(|_| unreachable!("nothing runs"))).await.expect("open");
        let clock: Clock = Arc::new(|| 1_800_000_000_000);
        let desk = Desk::of(engine.access(), clock.clone());
        let key = async |words| {
            let made = desk.create("ann", Scopes::from_words(words), None).await;
            made.expect("a key").1.reveal()
        };
        let keys = [key("tasks:read").await, key("admin").await];
        let ring = KeyRing::open(engine.access(), clock.clone()).await.expect("the keys");
        let authenticator = Authenticator::new(ring, None, clock.clone());
        let admission = Admission::required(authenticator, engine.clone(), PACE, clock);
        let log = Arc::new(MemoryLog::default());
        let hub = Hub::new(log.clone(), few(99), false);
        Place { engine, admission, log, hub, keys, dir }
    }

    /// Somebody with this key who follows these tasks, whose owners the server
    /// does not remember.
    async fn viewer(&self, key: usize, task_ids: &[&str]) -> Viewer {
        let principal = self.admission.admit(Ok(&self.keys[key])).await.expect("admitted");
        let mut viewer = Viewer::new(&self.hub, 9, self.admission.clone(), principal);
        for task_id in task_ids {
            viewer.subscribe(Some(&json!({ "task_id": task_id }))).await.expect("subscribed");
        }
        self.admission.forget_owners();
        viewer
    }

    /// A task with its first event.
    async fn task(&self, owner: &str) -> String {
        let submission = Submission {
            config: json!({}),
            spec: json!({}),
            owner: Some(owner.to_owned()),
            ..Submission::default()
        };
        let id = self.engine.submit_as(submission).await.expect("submitted").id;
        self.log.append(&id, StatusChange, status("pending"));
        id
    }

    fn status(&self, task_id: &str) {
        self.hub.publish([self.log.append(task_id, StatusChange, status("running"))]);
    }

    fn progress(&self, task_id: &str) {
        self.hub.publish([self.log.append(task_id, Progress, json!({}))]);
    }

    async fn sql(&self, statement: &'static str) {
        let url = format!("sqlite://{}", self.dir.path().join("a.db").display());
        let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
        sqlx::query(statement).execute(&mut connection).await.expect("executed");
    }

    async fn break_store(&self) {
        self.sql("ALTER TABLE tasks RENAME TO hidden").await;
    }

    async fn mend_store(&self) {
        self.sql("ALTER TABLE hidden RENAME TO tasks").await;
    }
}

/// The seqs that come of these tasks, until there are so many together.
async fn seqs(viewer: &mut Viewer, task_ids: [&str; 2], count: usize) -> [Vec<u64>; 2] {
    let mut seqs = [Vec::new(), Vec::new()];
    while seqs.iter().map(Vec::len).sum::<usize>() < count {
        let items = tokio::time::timeout(Duration::from_secs(20), viewer.next(Some(ROOM))).await;
        for item in items.expect("more in time") {
            let Item::Update(delivery) = item else { panic!("{item:?}") };
            let of = task_ids.iter().position(|id| *id == delivery.update.event().task_id);
            seqs[of.expect("one of these")].push(delivery.update.seq());
        }
    }
    assert!(viewer.next(Some(ROOM)).now_or_never().is_none(), "more than {seqs:?}");
    seqs
}

#[tokio::test]
async fn what_was_taken_of_a_subscription_ends_with_it() {
    let place = Place::new().await;
    for (how, request, expected) in [
        // Its status changes are still those of a task.
        ("unsubscribe", json!({}), [vec![2], vec![2, 5]]),
        ("subscribe", json!({"after_seq": 1}), [vec![2], vec![2, 3, 4, 5]]),
        ("subscribe", json!({"after_seq": 3}), [vec![2], vec![2, 4, 5]]),
        ("subscribe", json!({"after_seq": 3, "events": ["progress"]}), [vec![2], vec![2, 4, 5]]),
        ("unsubscribe", json!({"task_id": "*"}), [vec![], vec![2, 3, 4, 5]]),
    ] {
        let (other, own) = (place.task("ann").await, place.task("ann").await);
        let mut viewer = place.viewer(0, &["*", &own]).await;
        let first = viewer.next(Some(ROOM)).await;
        assert_eq!(first.len(), 1, "the first event of the task: {first:?}");
        place.status(&other);
        place.status(&own);
        place.progress(&own);
        place.progress(&own);
        place.break_store().await;
        place.admission.forget_owners();
        // Whose the first one is cannot be said; something else happens then.
        assert!(viewer.next(Some(ROOM)).now_or_never().is_none());
        let mut request = request;
        if request["task_id"].is_null() {
            request["task_id"] = own.as_str().into();
        }
        place.mend_store().await;
        match how {
            "subscribe" => drop(viewer.subscribe(Some(&request)).await.expect("subscribed")),
            _ => drop(viewer.unsubscribe(Some(&request)).expect("unsubscribed")),
        }
        place.status(&own);
        let count = expected.iter().map(Vec::len).sum();
        assert_eq!(seqs(&mut viewer, [&other, &own], count).await, expected, "{how} {request}");
    }
}

#[tokio::test]
async fn what_was_taken_waits_for_room() {
    let place = Place::new().await;
    let (one, two) = (place.task("ann").await, place.task("ann").await);
    let mut viewer = place.viewer(0, &["*"]).await;
    place.status(&one);
    place.break_store().await;
    assert!(viewer.next(Some(ROOM)).now_or_never().is_none());
    place.mend_store().await;
    tokio::select! {
        biased;
        items = viewer.next(None) => panic!("{items:?}"),
        // Longer than it takes to look the owner up.
        () = async { for _ in 0..9 { place.engine.task(&one).await.expect("there"); } } => {}
    }
    place.status(&two);
    assert_eq!(seqs(&mut viewer, [&one, &two], 2).await, [[2], [2]]);
}

#[tokio::test]
async fn a_store_that_does_not_answer_makes_no_gap() {
    let place = Place::new().await;
    let (own, other) = (place.task("ann").await, place.task("ann").await);
    let of_bob = place.task("bob").await;
    let mut viewer = place.viewer(0, &["*", &own]).await;
    place.break_store().await;
    place.status(&own);
    // A subscription of one's own asks for no owner.
    assert_eq!(seqs(&mut viewer, [&own, &other], 2).await, [vec![1, 2], vec![]]);
    place.status(&of_bob);
    place.status(&other);
    assert!(viewer.next(Some(ROOM)).now_or_never().is_none());
    let waited = tokio::select! {
        items = viewer.next(Some(ROOM)) => Some(items),
        // Several answers of a store that knows nothing.
        () = async { for _ in 0..9 { place.engine.owner(&own).await.expect_err("broken"); } } => None,
    };
    assert!(waited.is_none(), "{waited:?}");
    place.mend_store().await;
    assert_eq!(seqs(&mut viewer, [&own, &other], 1).await, [vec![], vec![2]]);
}

#[tokio::test]
async fn a_renewed_token_keeps_subscriptions_whatever_the_store_answers() {
    let place = Place::new().await;
    let (own, of_bob) = (place.task("ann").await, place.task("bob").await);
    let [reader, _] = &place.keys;
    let renew = json!({ "token": reader });
    let mut viewer = place.viewer(0, &[&own]).await;
    place.break_store().await;
    let renewed = viewer.refresh(Some(&renew)).await.expect("asked").expect("taken");
    assert_eq!(renewed.body["unsubscribed"], Value::Null);
    place.status(&own);
    assert_eq!(seqs(&mut viewer, [&own, &of_bob], 2).await, [vec![1, 2], vec![]]);
    place.mend_store().await;
    // Who was an administrator keeps their own.
    let mut viewer = place.viewer(1, &[&own, &of_bob]).await;
    let renewed = viewer.refresh(Some(&renew)).await.expect("asked").expect("taken");
    assert_eq!(renewed.body["unsubscribed"], json!([of_bob]));
    assert_eq!(seqs(&mut viewer, [&own, &of_bob], 2).await, [vec![1, 2], vec![]]);
}
