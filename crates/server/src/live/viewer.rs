//! A connection's subscriptions, as far as whoever is connected may see.
//!
//! A task is subscribed to by who sees it. Of the status changes of all tasks,
//! those of other people's tasks are left out here: who may see what is not
//! known where events are read.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use tasks::{EventKind, format_timestamp};

use super::hub::STORE_RETRY;
use super::signal::Signal;
use super::{Answer, Delivery, EVERY_TASK, Hub, Item, Reader, Refusal, Request, Room};
use crate::auth::{self, Admission, AuthError, Change, Principal, RefreshError, Scope, Standing};

/// What somebody follows over one connection.
pub(crate) struct Viewer {
    reader: Reader,
    standing: Standing,
    /// Taken from the reader, not yet looked through.
    taken: Vec<Item>,
    over: Option<Over>,
}

/// Why somebody may not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// What they have shown does not hold any more.
    Refused(auth::Refusal),
    /// An administrator has ended the connection.
    Disconnected,
}

impl Over {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Over::Refused(refusal) => refusal.code(),
            Over::Disconnected => "disconnected_by_admin",
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Over::Refused(refusal) => refusal.fmt(formatter),
            Over::Disconnected => formatter.write_str("an administrator has ended this connection"),
        }
    }
}

impl Viewer {
    pub(crate) fn new(hub: &Hub, limit: usize, admission: Admission, principal: Principal) -> Viewer {
        let standing = Standing::new(admission, principal);
        Viewer { reader: Reader::new(hub, limit), standing, taken: Vec::new(), over: None }
    }

    /// Handles `subscribe`, see [`Reader::subscribe`].
    pub(crate) async fn subscribe(&mut self, argument: Option<&Value>) -> Result<Answer, Refusal> {
        // Anything else the reader will explain.
        if let Some(task_id) = argument.and_then(|argument| argument.get("task_id")).and_then(Value::as_str) {
            self.check(task_id).await?;
        }
        let request = Request::parse(argument)?;
        let tells_statuses = request.wishes.kinds.contains(EventKind::StatusChange);
        let answer = self.reader.subscribe_to(request).await?;
        if let (Some(task_id), Some(from)) = (answer.body["task_id"].as_str(), answer.body["from"].as_u64()) {
            let told_from = match answer.body["mode"].as_str() {
                Some("snapshot") => 0,
                _ if tells_statuses => from,
                _ => u64::MAX,
            };
            self.forget(task_id, told_from);
        }
        Ok(answer)
    }

    /// Handles `unsubscribe`.
    pub(crate) fn unsubscribe(&mut self, argument: Option<&Value>) -> Result<Answer, Refusal> {
        let answer = self.reader.unsubscribe(argument)?;
        match answer.body["task_id"].as_str() {
            Some(EVERY_TASK) => self.taken.retain(|item| match item {
                Item::Update(delivery) => !delivery.is_of_all,
                Item::Notice(_, body) => body["task_id"] != EVERY_TASK,
            }),
            Some(task_id) => self.forget(task_id, u64::MAX),
            None => {}
        }
        Ok(answer)
    }

    /// Forgets what was taken of a task whose subscription began anew or ended:
    /// the client said from where it goes on. Its status changes are then for
    /// the subscription to all tasks, but for those that are told anew, from
    /// this seq on.
    fn forget(&mut self, task_id: &str, told_from: u64) {
        let hears_statuses = self.reader.follows_every_task();
        self.taken.retain_mut(|item| match item {
            Item::Update(delivery) if delivery.update.event().task_id == task_id => {
                let update = &delivery.update;
                let is_status = update.kind() == EventKind::StatusChange;
                let stays = hears_statuses && is_status && update.seq() < told_from;
                if stays {
                    *delivery = Delivery::of_all(update.clone());
                }
                stays
            }
            Item::Notice("subscribed" | "task_update", body) => body["task_id"] != task_id,
            Item::Update(_) | Item::Notice(..) => true,
        });
    }

    /// Handles `auth_refresh {token}`: what is shown takes the place of what was
    /// shown before; who saw all tasks and does not any more loses the
    /// subscriptions to those of others. `None` where nobody is asked.
    pub(crate) async fn refresh(&mut self, argument: Option<&Value>) -> Option<Result<Answer, Refusal>> {
        if !self.standing.admission().is_required() {
            return None;
        }
        let saw_all = self.standing.principal().sees_all();
        let token = argument.and_then(|argument| argument.get("token")).and_then(Value::as_str);
        if let Err(error) = self.standing.refresh(token.ok_or(auth::Refusal::Missing)).await {
            return Some(Err(match error {
                RefreshError::Auth(AuthError::Refused(refusal)) => refused(refusal),
                RefreshError::Auth(failure) => {
                    tracing::error!("auth_refresh: {failure}");
                    Refusal::new("internal", "the store did not answer; try again", None)
                }
                other @ RefreshError::Other => Refusal::new("token_of_another", other.to_string(), None),
            }));
        }
        // Owners never change, so everybody else sees what they saw. Where the
        // store does not answer, rather too little is seen than too much.
        let sees_less = saw_all && !self.standing.principal().sees_all();
        let mut unseen = Vec::new();
        for task_id in if sees_less { self.reader.followed() } else { Vec::new() } {
            if self.check(&task_id).await.is_err() {
                self.reader.stop(&task_id);
                self.forget(&task_id, u64::MAX);
                unseen.push(task_id);
            }
        }
        let principal = self.standing.principal();
        let mut body = json!({
            "message": "Token renewed",
            "expires_at": principal.expires_ms().map(format_timestamp),
        });
        if !unseen.is_empty() {
            body["unsubscribed"] = unseen.iter().map(|task_id| &**task_id).collect();
        }
        Some(Ok(Answer { event: "auth_refreshed", body, updates: Vec::new() }))
    }

    /// What comes next: items of at most so much room, if there is any, or word
    /// that what was shown ends. May be dropped while it waits.
    pub(crate) async fn next(&mut self, room: Option<Room>) -> Vec<Item> {
        let Some(room) = room else { return vec![self.change().await] };
        loop {
            let sees_some = self.reader.follows_every_task() && !self.standing.principal().sees_all();
            if sees_some && !self.taken.is_empty() {
                let (admission, principal) =
                    (self.standing.admission().clone(), self.standing.principal().clone());
                let Viewer { reader, standing, taken, .. } = self;
                let looked = tokio::select! {
                    biased;
                    change = standing.change() => Err(Some(change)),
                    () = reader.end() => Err(None),
                    looked = Box::pin(look_through(&admission, &principal, taken)) => Ok(looked),
                };
                match looked {
                    Ok(looked) => {
                        let rest = self.taken.split_off(looked);
                        let seen = std::mem::replace(&mut self.taken, rest);
                        if !seen.is_empty() {
                            return seen;
                        }
                    }
                    Err(Some(change)) => return vec![self.tell(change)],
                    Err(None) => return vec![self.ends(Over::Disconnected)],
                }
            } else if !self.taken.is_empty() {
                return std::mem::take(&mut self.taken);
            }
            let reader = &mut self.reader;
            tokio::select! {
                biased;
                change = self.standing.change() => return vec![self.tell(change)],
                taken = reader.next(room) => self.taken = taken,
            }
            if self.reader.has_ended() {
                return vec![self.ends(Over::Disconnected)];
            }
        }
    }

    /// Word of a change, while there is no room for anything else.
    async fn change(&mut self) -> Item {
        tokio::select! {
            biased;
            change = self.standing.change() => self.tell(change),
            () = self.reader.end() => self.ends(Over::Disconnected),
        }
    }

    /// Why they may not stay, once it was told.
    pub(crate) fn over(&self) -> Option<Over> {
        self.over
    }

    /// As whom others know the connection, and by what it is told to end.
    pub(super) fn identity(&self) -> (Arc<str>, Arc<Signal>) {
        (self.standing.principal().shared_name().clone(), self.reader.signal().clone())
    }

    /// Whether no event can come any more unless something is subscribed to.
    pub(crate) fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    async fn check(&self, task_id: &str) -> Result<(), Refusal> {
        let principal = self.standing.principal();
        principal.require(Scope::TasksRead).map_err(refused)?;
        if task_id == EVERY_TASK {
            return match principal.only_task() {
                None => Ok(()),
                Some(_) => Err(refused(auth::Refusal::ScopeMissing(Scope::TasksRead))),
            };
        }
        match self.standing.admission().sees(principal, task_id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::new("task_not_found", "Task not found", Some(task_id))),
            Err(failure) => {
                tracing::error!("subscribe: {failure}");
                Err(Refusal::new("internal", "the store did not answer; try again", Some(task_id)))
            }
        }
    }

    fn tell(&mut self, change: Change) -> Item {
        let refusal = match change {
            Change::Expiring(end_ms) => {
                let mut body = Refusal::new(
                    "token_expiring",
                    "the token is about to expire; send auth_refresh with a new one",
                    None,
                )
                .body();
                body["expires_at"] = format_timestamp(end_ms).into();
                return Item::Notice("error", body);
            }
            Change::Over(refusal) => refusal,
        };
        self.ends(Over::Refused(refusal))
    }

    fn ends(&mut self, over: Over) -> Item {
        self.over = Some(over);
        Item::Notice("error", Refusal::new(over.code(), over.to_string(), None).body())
    }
}

/// Leaves out what is not theirs to see, up to where the store does not answer;
/// at least one item is waited for. How many items it got through. May be
/// dropped.
async fn look_through(admission: &Admission, principal: &Principal, taken: &mut Vec<Item>) -> usize {
    let mut looked = 0;
    while let Some(item) = taken.get_mut(looked) {
        match is_theirs(admission, principal, item).await {
            Ok(true) => looked += 1,
            Ok(false) => drop(taken.remove(looked)),
            Err(_) if looked > 0 => break,
            Err(failure) => {
                tracing::error!("whose task: {failure}");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
    looked
}

/// Whether any of an item is theirs to see, which then stays in it. Only what
/// comes from the subscription to all tasks was not looked at before.
async fn is_theirs(
    admission: &Admission,
    principal: &Principal,
    item: &mut Item,
) -> Result<bool, tasks::Error> {
    let ids = match item {
        Item::Update(delivery) if delivery.is_of_all => {
            return admission.sees(principal, &delivery.update.event().task_id).await;
        }
        Item::Update(_) => None,
        Item::Notice(_, body) => body.get_mut("task_ids").and_then(Value::as_array_mut),
    };
    let Some(ids) = ids else { return Ok(true) };
    let mut seen = Vec::new();
    for id in ids.iter() {
        if let Some(task_id) = id.as_str()
            && admission.sees(principal, task_id).await?
        {
            seen.push(id.clone());
        }
    }
    *ids = seen;
    Ok(!ids.is_empty())
}

/// A refusal in the form of the live doors.
pub(crate) fn refused(refusal: auth::Refusal) -> Refusal {
    Refusal::new(refusal.code(), refusal.to_string(), None)
}
