//! Whether who is connected may stay: what they have shown ends some time, or
//! is withdrawn. They are warned, and may show something new.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::auth::admission::Admission;
use crate::auth::authenticator::AuthError;
use crate::auth::ring::Held;
use crate::auth::{Principal, Refusal, Scope};

/// The clock on the wall may be set; so it is looked at again after this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A principal, for as long as they are connected.
pub(crate) struct Standing {
    admission: Admission,
    principal: Principal,
    changes: Option<watch::Receiver<Arc<Held>>>,
    warned: bool,
}

/// What happens to a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// What was shown ends at this time, ms since 1970 UTC.
    Expiring(i64),
    /// They may not stay.
    Over(Refusal),
}

/// Why what is shown anew is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// It would not be taken from anybody.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// It is somebody else's.
    #[error("the token is for another principal; open another connection for it")]
    Other,
}

impl Standing {
    pub(crate) fn new(admission: Admission, principal: Principal) -> Standing {
        let changes = admission.inner().map(|inner| {
            let mut changes = inner.authenticator.ring().watch();
            // What was revoked between the look at the key and now counts, too.
            changes.mark_changed();
            changes
        });
        Standing { admission, principal, changes, warned: false }
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Resolves when something changes; never, where nobody is asked. Cancel
    /// safe.
    pub(crate) async fn change(&mut self) -> Change {
        // Most connections wait here most of the time, and where nobody is asked
        // they should take no room for it.
        if self.changes.is_some() { Box::pin(self.next_change()).await } else { std::future::pending().await }
    }

    async fn next_change(&mut self) -> Change {
        let (Some(inner), Some(changes)) = (self.admission.inner(), &mut self.changes) else {
            return std::future::pending().await;
        };
        loop {
            let now_ms = (inner.clock)();
            let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            let due_ms = match self.principal.expires_ms() {
                None => None,
                Some(end_ms) if !self.warned => Some(end_ms.saturating_sub(ms(inner.pace.warning))),
                Some(end_ms) => Some(end_ms.saturating_add(ms(inner.pace.grace))),
            };
            if let (Some(due_ms), Some(end_ms)) = (due_ms, self.principal.expires_ms())
                && due_ms <= now_ms
            {
                if self.warned {
                    return Change::Over(Refusal::Expired);
                }
                self.warned = true;
                return Change::Expiring(end_ms);
            }
            let wait = due_ms.map_or(LONGEST_SLEEP, |due_ms| {
                LONGEST_SLEEP.min(Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0)))
            });
            tokio::select! {
                changed = changes.changed() => {
                    // The ring lives as long as the server does.
                    if changed.is_err() || changes.borrow().has_withdrawn(&self.principal, (inner.clock)()) {
                        return Change::Over(Refusal::Revoked);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes what the same principal shows anew.
    pub(crate) async fn refresh(&mut self, token: Result<&str, Refusal>) -> Result<(), RefreshError> {
        let principal = self.admission.admit(token).await?;
        principal.require(Scope::TasksRead).map_err(AuthError::from)?;
        let is_same =
            principal.name() == self.principal.name() && principal.only_task() == self.principal.only_task();
        if !is_same {
            return Err(RefreshError::Other);
        }
        *self = Standing::new(self.admission.clone(), principal);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
