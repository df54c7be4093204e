//! What all doors ask: who this is, and whether they may see that task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tasks::{Clock, Engine};

use crate::auth::authenticator::{AuthError, Authenticator};
use crate::auth::{Principal, Refusal};

/// Owners that are remembered; owners never change.
const REMEMBERED: usize = 10_000;

/// Who may come in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission(Option<Arc<Inner>>);

pub(super) struct Inner {
    pub(super) authenticator: Authenticator,
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    engine: Engine,
    owners: Mutex<HashMap<Arc<str>, Option<Arc<str>>>>,
}

/// When a connection that stays open hears of its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// So long before what it has shown ends.
    pub(crate) warning: Duration,
    /// So long after it is closed.
    pub(crate) grace: Duration,
}

impl Admission {
    /// Nobody is asked, and everybody may do everything.
    pub(crate) fn open() -> Admission {
        Admission(None)
    }

    /// Everybody is asked.
    pub(crate) fn required(
        authenticator: Authenticator,
        engine: Engine,
        pace: Pace,
        clock: Clock,
    ) -> Admission {
        let owners = Mutex::default();
        Admission(Some(Arc::new(Inner { authenticator, clock, pace, engine, owners })))
    }

    /// Keeps the keys up to date for as long as it is polled.
    pub(crate) async fn follow_keys(&self) {
        if let Some(inner) = &self.0 {
            inner.authenticator.ring().follow().await;
        }
    }

    /// Whether anybody is asked.
    pub(crate) fn is_required(&self) -> bool {
        self.0.is_some()
    }

    /// Who shows this.
    pub(crate) async fn admit(&self, token: Result<&str, Refusal>) -> Result<Principal, AuthError> {
        match &self.0 {
            None => Ok(Principal::anyone()),
            Some(inner) => inner.authenticator.authenticate(token?).await,
        }
    }

    /// Whether somebody sees a task. One that there is not is seen by nobody but
    /// those who see all.
    pub(crate) async fn sees(&self, principal: &Principal, task_id: &str) -> Result<bool, tasks::Error> {
        let Some(inner) = self.0.as_ref().filter(|_| !principal.sees_all()) else { return Ok(true) };
        if let Some(only) = principal.only_task() {
            return Ok(only == task_id);
        }
        match inner.owner(task_id).await {
            Ok(owner) => Ok(principal.sees(task_id, owner.as_deref())),
            Err(tasks::Error::UnknownTask { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// A token that shows one task until this time, ms since 1970 UTC.
    pub(crate) fn share_token(&self, task_id: &str, expires_ms: i64) -> Option<String> {
        self.0.as_ref()?.authenticator.ring().share_token(task_id, expires_ms)
    }

    /// Looks all owners up anew.
    #[cfg(test)]
    pub(crate) fn forget_owners(&self) {
        if let Some(inner) = &self.0 {
            inner.owners.lock().expect("not poisoned").clear();
        }
    }

    pub(super) fn inner(&self) -> Option<&Arc<Inner>> {
        self.0.as_ref()
    }
}

impl Inner {
    async fn owner(&self, task_id: &str) -> Result<Option<Arc<str>>, tasks::Error> {
        let owners = || self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners().get(task_id) {
            return Ok(owner.clone());
        }
        let owner: Option<Arc<str>> = self.engine.owner(task_id).await?.map(Into::into);
        let mut owners = owners();
        if owners.len() >= REMEMBERED {
            owners.clear();
        }
        owners.insert(task_id.into(), owner.clone());
        Ok(owner)
    }
}
