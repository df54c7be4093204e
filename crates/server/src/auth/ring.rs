//! The access keys that hold now, in memory, so that a request costs no look
//! into the store and a live connection learns that its key was revoked.
//!
//! Keys are made and revoked by other processes, too. The store counts the
//! changes; the ring compares the count once a second and reads the keys again
//! when it has risen. A key that is not in memory is looked up in the store, so
//! a new one works at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tasks::{Access, AccessKey, Clock};
use tokio::sync::watch;

use crate::auth::authenticator::AuthError;
use crate::auth::key::{KeyText, random_bytes};
use crate::auth::share::{self, ShareLinks};
use crate::auth::{Principal, Proof, Refusal, Scopes};

/// How long a revoked key may go on at most.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The last use of a key is known to within this time.
pub const USE_GRAIN_MS: i64 = 600_000;

/// The keys that hold, kept up to date.
pub struct KeyRing {
    access: Access,
    clock: Clock,
    held: watch::Sender<Arc<Held>>,
    /// One look at the store at a time.
    looking: tokio::sync::Mutex<()>,
    uses: Mutex<HashMap<Arc<str>, Use>>,
}

/// What holds as of one look at the store.
pub struct Held {
    revision: u64,
    keys: HashMap<Arc<str>, AccessKey>,
    share_secret: [u8; 32],
    /// Rises when the secret is replaced.
    share_generation: u64,
    share_links: ShareLinks,
}

struct Use {
    at_ms: i64,
    noted: bool,
}

impl KeyRing {
    /// The keys of a store.
    pub async fn open(access: Access, clock: Clock) -> Result<KeyRing, AuthError> {
        let held = look(&access, None).await?;
        Ok(KeyRing {
            access,
            clock,
            held: watch::Sender::new(Arc::new(held)),
            looking: tokio::sync::Mutex::new(()),
            uses: Mutex::default(),
        })
    }

    /// Keeps the ring up to date for as long as it is polled.
    pub async fn follow(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Until the store answers again, what was known goes on.
            if let Err(error) = self.refresh().await {
                tracing::warn!("the access keys could not be read: {error}");
            }
            if let Err(error) = self.note_uses().await {
                tracing::warn!("the use of access keys could not be noted: {error}");
            }
        }
    }

    /// Looks whether keys were made or revoked.
    pub async fn refresh(&self) -> Result<(), AuthError> {
        let _one = self.looking.lock().await;
        let known = self.held();
        if self.access.revision().await? != known.revision {
            self.held.send_replace(Arc::new(look(&self.access, Some(&known)).await?));
        }
        Ok(())
    }

    /// What holds now.
    pub fn held(&self) -> Arc<Held> {
        self.held.borrow().clone()
    }

    /// Changes whenever keys were made or revoked: then a live connection asks
    /// [`Held::has_withdrawn`].
    pub fn watch(&self) -> watch::Receiver<Arc<Held>> {
        self.held.subscribe()
    }

    /// Who has this key.
    pub async fn principal(&self, text: &str) -> Result<Principal, AuthError> {
        let key = KeyText::parse(text).ok_or(Refusal::Malformed)?;
        if let Some(known) = self.held().keys.get(key.id()) {
            return Ok(self.admit(&key, known)?);
        }
        // It may be new, or have ended.
        let known = self.access.key(key.id()).await?.ok_or(Refusal::UnknownKey)?;
        let principal = self.admit(&key, &known)?;
        // From now on a look at what holds must find it.
        self.refresh().await?;
        Ok(principal)
    }

    /// Who has this share token.
    pub fn share(&self, token: &str) -> Result<Principal, Refusal> {
        let held = self.held();
        let share = held.share_links.read(token, (self.clock)())?;
        Ok(Principal::of_share(&share.task_id, share.expires_ms, held.share_generation))
    }

    /// A share token for a task.
    pub fn share_token(&self, task_id: &str, expires_ms: i64) -> Option<String> {
        self.held().share_links.token(task_id, expires_ms)
    }

    /// Only who has the whole key learns what became of it.
    fn admit(&self, key: &KeyText, known: &AccessKey) -> Result<Principal, Refusal> {
        if !key.has_hash(&known.secret_hash) {
            return Err(Refusal::UnknownKey);
        }
        if known.revoked_ms.is_some() {
            return Err(Refusal::Revoked);
        }
        let now_ms = (self.clock)();
        if known.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms) {
            return Err(Refusal::Expired);
        }
        self.use_at(known, now_ms);
        let proof = Proof::Key(known.id.as_str().into());
        Ok(Principal::new(&known.principal, Scopes::from_words(&known.scopes), known.expires_ms, proof))
    }

    fn use_at(&self, key: &AccessKey, now_ms: i64) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let last_ms = uses.get(key.id.as_str()).map(|last| last.at_ms).max(key.used_ms);
        if last_ms.is_none_or(|last_ms| now_ms - last_ms >= USE_GRAIN_MS) {
            uses.insert(key.id.as_str().into(), Use { at_ms: now_ms, noted: false });
        }
    }

    /// Stores which keys were used since it did so last.
    pub async fn note_uses(&self) -> Result<(), AuthError> {
        let fresh: Vec<(Arc<str>, i64)> = {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that ended are used no more.
            let held = self.held();
            uses.retain(|id, last| !last.noted || held.keys.contains_key(id));
            uses.iter().filter(|(_, last)| !last.noted).map(|(id, last)| (id.clone(), last.at_ms)).collect()
        };
        if fresh.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, i64)> = fresh.iter().map(|(id, at_ms)| (id.to_string(), *at_ms)).collect();
        self.access.note_uses(&rows).await?;
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, at_ms) in fresh {
            if let Some(last) = uses.get_mut(&id)
                && last.at_ms == at_ms
            {
                last.noted = true;
            }
        }
        Ok(())
    }
}

impl Held {
    /// Whether what a principal has shown was withdrawn before its time.
    pub fn has_withdrawn(&self, principal: &Principal, now_ms: i64) -> bool {
        // An expired key is not held any more either.
        if principal.expires_ms().is_some_and(|expires_ms| expires_ms <= now_ms) {
            return false;
        }
        match principal.proof() {
            Proof::Nothing | Proof::Jwt => false,
            Proof::Key(id) => !self.keys.contains_key(id),
            Proof::Share(generation) => *generation != self.share_generation,
        }
    }
}

async fn look(access: &Access, known: Option<&Held>) -> Result<Held, AuthError> {
    // Before the rest: what changes meanwhile is then seen by the next look.
    let mut revision = access.revision().await?;
    let candidate = random_bytes::<32>()?;
    let share_secret = access.secret(share::SECRET, &candidate).await?;
    if share_secret == candidate {
        // It was made by this look, and nothing else needs another.
        revision = access.revision().await?;
    }
    let keys = access.usable_keys().await?;
    let share_generation = match known {
        Some(known) if known.share_secret == share_secret => known.share_generation,
        Some(known) => known.share_generation + 1,
        None => 0,
    };
    Ok(Held {
        revision,
        keys: keys.into_iter().map(|key| (key.id.as_str().into(), key)).collect(),
        share_links: ShareLinks::new(&share_secret),
        share_secret,
        share_generation,
    })
}

#[cfg(test)]
mod tests;
