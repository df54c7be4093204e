//! A connection's subscriptions, as far as whoever is connected may see.
//!
//! A task is subscribed to by who sees it. Of the status changes of all tasks,
//! those of other people's tasks are left out here: who may see what is not
//! known where events are read.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use tasks::format_timestamp;

use super::signal::Signal;
use super::{Answer, EVERY_TASK, Hub, Item, Reader, Refusal, Room};
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
        self.reader.subscribe(argument).await
    }

    /// Handles `unsubscribe`.
    pub(crate) fn unsubscribe(&mut self, argument: Option<&Value>) -> Result<Answer, Refusal> {
        self.reader.unsubscribe(argument)
    }

    /// Handles `auth_refresh {token}`: what is shown takes the place of what was
    /// shown before, and every subscription is looked at again. `None` where
    /// nobody is asked.
    pub(crate) async fn refresh(&mut self, argument: Option<&Value>) -> Option<Result<Answer, Refusal>> {
        if !self.standing.admission().is_required() {
            return None;
        }
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
        let mut unseen = Vec::new();
        for task_id in self.reader.followed() {
            if self.check(&task_id).await.is_err() {
                self.reader.stop(&task_id);
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
        loop {
            let sees_some = self.reader.follows_every_task() && !self.standing.principal().sees_all();
            if sees_some && !self.taken.is_empty() {
                Box::pin(self.look_through()).await;
            }
            if !self.taken.is_empty() {
                return std::mem::take(&mut self.taken);
            }
            let reader = &mut self.reader;
            let taken = async {
                match room {
                    Some(room) => reader.next(room).await,
                    None => {
                        reader.end().await;
                        Vec::new()
                    }
                }
            };
            tokio::select! {
                biased;
                change = self.standing.change() => return vec![self.tell(change)],
                taken = taken => self.taken = taken,
            }
            if self.reader.has_ended() {
                return vec![self.ends(Over::Disconnected)];
            }
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

    /// Leaves out what is not theirs to see.
    async fn look_through(&mut self) {
        let (admission, principal) = (self.standing.admission(), self.standing.principal());
        // What the store cannot say now is left out: rather too little than too much.
        let sees = async |task_id: &str| admission.sees(principal, task_id).await.unwrap_or(false);
        let mut index = 0;
        while let Some(item) = self.taken.get_mut(index) {
            let keep = match item {
                Item::Update(delivery) => sees(&delivery.update.event().task_id).await,
                Item::Notice(_, body) => {
                    if let Some(ids) = body.get_mut("task_ids").and_then(Value::as_array_mut) {
                        let mut seen = Vec::new();
                        for id in ids.iter() {
                            if let Some(task_id) = id.as_str()
                                && sees(task_id).await
                            {
                                seen.push(id.clone());
                            }
                        }
                        *ids = seen;
                        !ids.is_empty()
                    } else {
                        true
                    }
                }
            };
            if keep {
                index += 1;
            } else {
                self.taken.remove(index);
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

/// A refusal in the form of the live doors.
pub(crate) fn refused(refusal: auth::Refusal) -> Refusal {
    Refusal::new(refusal.code(), refusal.to_string(), None)
}
