use std::sync::Arc;

use crate::clock::{Clock, system_clock};
use crate::error::Error;
use crate::store::{AccessTables, Store};

/// A key with which a program says who it is. What its scopes mean is not known
/// here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Names the key; no secret.
    pub id: String,
    /// SHA-256 of the secret, which is not kept.
    pub secret_hash: [u8; 32],
    /// Who is who shows the key.
    pub principal: String,
    /// What it allows.
    pub scopes: String,
    /// When it was made, ms since 1970 UTC.
    pub created_ms: i64,
    /// When it ends by itself.
    pub expires_ms: Option<i64>,
    /// When somebody ended it.
    pub revoked_ms: Option<i64>,
    /// When it was used last, coarsely.
    pub used_ms: Option<i64>,
}

/// What a key is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessKey {
    /// Names the key.
    pub id: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Who is who shows the key.
    pub principal: String,
    /// What it allows.
    pub scopes: String,
    /// When it ends by itself, ms since 1970 UTC.
    pub expires_ms: Option<i64>,
}

/// The keys that a store holds, and the secrets that it keeps for its server.
/// Cheap to clone. Works also beside a process that owns the store.
#[derive(Clone)]
pub struct Access {
    tables: Arc<AccessTables>,
    clock: Clock,
}

impl Access {
    /// Keys that are neither revoked nor expired beyond which none is made.
    pub const MAX_KEYS: usize = 10_000;

    pub(crate) fn of(store: &Store, clock: Clock) -> Access {
        Access { tables: Arc::new(AccessTables::of(store)), clock }
    }

    /// The keys of the store at `store_url`, which is made when it is missing.
    pub async fn open(store_url: &str) -> Result<Access, Error> {
        Access::open_with(store_url, system_clock()).await
    }

    /// The same with another clock.
    pub async fn open_with(store_url: &str, clock: Clock) -> Result<Access, Error> {
        Ok(Access { tables: Arc::new(AccessTables::open(store_url, true).await?), clock })
    }

    /// The same, of a store that must be there.
    pub async fn open_existing(store_url: &str) -> Result<Access, Error> {
        Ok(Access { tables: Arc::new(AccessTables::open(store_url, false).await?), clock: system_clock() })
    }

    /// Adds a key; `None` when its id is taken.
    pub async fn add(&self, key: NewAccessKey) -> Result<Option<AccessKey>, Error> {
        let key = AccessKey {
            id: key.id,
            secret_hash: key.secret_hash,
            principal: key.principal,
            scopes: key.scopes,
            created_ms: (self.clock)(),
            expires_ms: key.expires_ms,
            revoked_ms: None,
            used_ms: None,
        };
        let usable = self.tables.add(&key, Access::MAX_KEYS).await?;
        match usable {
            Some(true) => Ok(Some(key)),
            Some(false) => Ok(None),
            None => Err(Error::TooManyAccessKeys { limit: Access::MAX_KEYS }),
        }
    }

    /// The key of this id, whatever its state.
    pub async fn key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        Ok(self.tables.key(id).await?)
    }

    /// All keys, the newest first.
    pub async fn keys(&self) -> Result<Vec<AccessKey>, Error> {
        Ok(self.tables.keys(None).await?)
    }

    /// The keys that are neither revoked nor expired.
    pub async fn usable_keys(&self) -> Result<Vec<AccessKey>, Error> {
        Ok(self.tables.keys(Some((self.clock)())).await?)
    }

    /// Ends a key and returns it; `None` when there is none of this id. A key
    /// that was revoked before keeps the time.
    pub async fn revoke(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        self.tables.revoke(id, (self.clock)()).await?;
        self.key(id).await
    }

    /// Rises whenever a key is added or revoked or a secret replaced, by
    /// whatever process. Read it before what it counts.
    pub async fn revision(&self) -> Result<u64, Error> {
        Ok(self.tables.revision().await?)
    }

    /// Notes when keys were used last. No change in the sense of
    /// [`Access::revision`].
    pub async fn note_uses(&self, uses: &[(String, i64)]) -> Result<(), Error> {
        Ok(self.tables.note_uses(uses).await?)
    }

    /// The secret of this name. When there is none yet, `candidate` becomes it.
    pub async fn secret(&self, name: &str, candidate: &[u8; 32]) -> Result<[u8; 32], Error> {
        Ok(self.tables.secret(name, candidate).await?)
    }

    /// Puts another secret in the place of the one of this name.
    pub async fn replace_secret(&self, name: &str, secret: &[u8; 32]) -> Result<(), Error> {
        Ok(self.tables.replace_secret(name, secret).await?)
    }
}
