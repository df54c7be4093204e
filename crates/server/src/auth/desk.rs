//! Where the operator makes and ends access keys: works on the store itself,
//! also while a server runs on it, which notices within a second.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;
use tasks::{Access, AccessKey, Clock, EngineSettings, NewAccessKey, format_timestamp, system_clock};

use crate::auth::authenticator::AuthError;
use crate::auth::key::{self, KeyText, random_bytes};
use crate::auth::principal::is_name;
use crate::auth::share::{self, ShareLinks};
use crate::auth::{Refusal, Scopes};
use crate::run::STORE;

/// The keys of one store.
pub struct Desk {
    access: Access,
    clock: Clock,
}

/// What may be known of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Names the key.
    pub id: String,
    /// Who is who shows it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<&'static str>,
    /// Whether it is of use.
    pub state: KeyState,
    /// When it was made (RFC 3339, as all times here).
    pub created_at: String,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// When it was used last, to within ten minutes.
    pub last_used_at: Option<String>,
}

/// Whether a key is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It is.
    Valid,
    /// Its time is over.
    Expired,
    /// Somebody has ended it.
    Revoked,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inspection {
    /// An access key.
    AccessKey {
        /// Why this store's server would refuse it, as a code.
        refusal: Option<&'static str>,
        /// The key, if the secret is its own.
        key: Option<KeyInfo>,
    },
    /// A share link.
    ShareLink {
        /// Why this store's server would refuse it, as a code.
        refusal: Option<&'static str>,
        /// The task that it shows.
        task_id: Option<String>,
        /// When it ends.
        expires_at: Option<String>,
    },
    /// A signed token. What it says was read, not checked.
    Jwt {
        /// How it is signed.
        header: Value,
        /// What it says.
        claims: Value,
    },
}

/// Why a key is not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody can have this name.
    #[error("name {found:?}; allowed: 1 to 128 characters in one line, without a space before or after them")]
    Name {
        /// What was given.
        found: String,
    },
    /// A key that allows nothing is of no use.
    #[error("no scope; allowed: tasks:read, tasks:write, admin")]
    NoScope,
    /// The store or the system does not do its part.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<tasks::Error> for Error {
    fn from(error: tasks::Error) -> Error {
        Error::Auth(error.into())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Auth(error.into())
    }
}

impl Desk {
    /// The keys of the store in a data directory; the store is made when it is
    /// missing.
    pub async fn open(data_dir: &Path) -> Result<Desk, Error> {
        Ok(Desk::of(Access::open(&store_url(data_dir)).await?, system_clock()))
    }

    /// The same, of a store that must be there.
    pub async fn open_existing(data_dir: &Path) -> Result<Desk, Error> {
        Ok(Desk::of(Access::open_existing(&store_url(data_dir)).await?, system_clock()))
    }

    /// The keys of a store that is open already.
    pub fn of(access: Access, clock: Clock) -> Desk {
        Desk { access, clock }
    }

    /// Makes a key, which nobody can show again.
    pub async fn create(
        &self,
        name: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<(KeyInfo, KeyText), Error> {
        if !is_name(name) {
            return Err(Error::Name { found: name.to_owned() });
        }
        if scopes.is_empty() {
            return Err(Error::NoScope);
        }
        let lifetime_ms = lifetime.map(|lifetime| i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        let expires_ms = lifetime_ms.map(|lifetime_ms| (self.clock)().saturating_add(lifetime_ms));
        loop {
            let key = KeyText::generate()?;
            let new = NewAccessKey {
                id: key.id().to_owned(),
                secret_hash: key.hash(),
                principal: name.to_owned(),
                scopes: scopes.to_string(),
                expires_ms,
            };
            // Else another key has this id by chance.
            if let Some(made) = self.access.add(new).await? {
                return Ok((self.info(made), key));
            }
        }
    }

    /// All keys, the newest first.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, Error> {
        Ok(self.access.keys().await?.into_iter().map(|key| self.info(key)).collect())
    }

    /// Ends a key; `None` when there is none of this id.
    pub async fn revoke(&self, id: &str) -> Result<Option<KeyInfo>, Error> {
        Ok(self.access.revoke(id).await?.map(|key| self.info(key)))
    }

    /// Ends all share links that were given out so far.
    pub async fn revoke_share_links(&self) -> Result<(), Error> {
        Ok(self.access.replace_secret(share::SECRET, &random_bytes()?).await?)
    }

    /// What a token is; `None` when it is none.
    pub async fn inspect(&self, token: &str) -> Result<Option<Inspection>, Error> {
        if token.starts_with(share::PREFIX) {
            let links = ShareLinks::new(&self.access.secret(share::SECRET, &random_bytes()?).await?);
            return Ok(match links.read(token, (self.clock)()) {
                Ok(share) => Some(Inspection::ShareLink {
                    refusal: None,
                    task_id: Some(share.task_id),
                    expires_at: Some(format_timestamp(share.expires_ms)),
                }),
                Err(Refusal::Malformed) => None,
                Err(refusal) => Some(Inspection::ShareLink {
                    refusal: Some(refusal.code()),
                    task_id: None,
                    expires_at: None,
                }),
            });
        }
        if token.starts_with(key::PREFIX) {
            let Some(text) = KeyText::parse(token) else { return Ok(None) };
            let known = self.access.key(text.id()).await?.filter(|known| text.has_hash(&known.secret_hash));
            let key = known.map(|known| self.info(known));
            let refusal = match key.as_ref().map(|key| key.state) {
                None => Some(Refusal::UnknownKey),
                Some(KeyState::Expired) => Some(Refusal::Expired),
                Some(KeyState::Revoked) => Some(Refusal::Revoked),
                Some(KeyState::Valid) => None,
            };
            return Ok(Some(Inspection::AccessKey { refusal: refusal.map(Refusal::code), key }));
        }
        Ok(unverified(token))
    }

    fn info(&self, key: AccessKey) -> KeyInfo {
        let state = if key.revoked_ms.is_some() {
            KeyState::Revoked
        } else if key.expires_ms.is_some_and(|expires_ms| expires_ms <= (self.clock)()) {
            KeyState::Expired
        } else {
            KeyState::Valid
        };
        KeyInfo {
            scopes: Scopes::from_words(&key.scopes).iter().map(|scope| scope.name()).collect(),
            id: key.id,
            name: key.principal,
            state,
            created_at: format_timestamp(key.created_ms),
            expires_at: key.expires_ms.map(format_timestamp),
            revoked_at: key.revoked_ms.map(format_timestamp),
            last_used_at: key.used_ms.map(format_timestamp),
        }
    }
}

fn store_url(data_dir: &Path) -> String {
    EngineSettings::sqlite(&data_dir.join(STORE)).store_url
}

/// What a JWT says, whoever has signed it.
fn unverified(token: &str) -> Option<Inspection> {
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let mut parts = token.split('.');
    let (header, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    match parts.next() {
        None => Some(Inspection::Jwt { header: part(header)?, claims: part(claims)? }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use serde_json::json;

    use super::*;
    use crate::auth::Scope;

    async fn desk(directory: &Path) -> (Desk, Arc<AtomicI64>) {
        let now = Arc::new(AtomicI64::new(1_000));
        let told = now.clone();
        let clock: Clock = Arc::new(move || told.load(Ordering::Relaxed));
        let access = Access::open_with(&store_url(directory), clock.clone()).await.unwrap();
        (Desk::of(access, clock), now)
    }

    fn refusal(inspection: Option<Inspection>) -> Option<&'static str> {
        match inspection.unwrap() {
            Inspection::AccessKey { refusal, .. } | Inspection::ShareLink { refusal, .. } => refusal,
            Inspection::Jwt { .. } => panic!("a JWT"),
        }
    }

    #[tokio::test]
    async fn a_key_is_made_listed_inspected_and_revoked() {
        let directory = tempfile::tempdir().unwrap();
        let (desk, now) = desk(directory.path()).await;
        let scopes = Scopes::from_iter([Scope::TasksRead]);
        let (made, key) = desk.create("李雷", scopes, Some(Duration::from_secs(9))).await.unwrap();
        assert_eq!(
            (made.state, &*made.name, &made.scopes[..]),
            (KeyState::Valid, "李雷", &["tasks:read"][..])
        );
        assert_eq!(made.expires_at.as_deref(), Some("1970-01-01T00:00:10.000+00:00"));
        assert_eq!(desk.list().await.unwrap(), std::slice::from_ref(&made));
        let text = key.reveal();
        assert_eq!(refusal(desk.inspect(&text).await.unwrap()), None);
        now.store(10_000, Ordering::Relaxed);
        assert_eq!(refusal(desk.inspect(&text).await.unwrap()), Some("token_expired"));
        assert_eq!(desk.revoke(&made.id).await.unwrap().unwrap().state, KeyState::Revoked);
        assert_eq!(refusal(desk.inspect(&text).await.unwrap()), Some("token_revoked"));
        assert_eq!(desk.revoke("unknown").await.unwrap(), None);
        // Who has a part of it learns nothing.
        let other = KeyText::generate().unwrap().reveal();
        let mixed = format!("{}{}", &text[..15], &other[15..]);
        let inspection = desk.inspect(&mixed).await.unwrap();
        assert_eq!(inspection, Some(Inspection::AccessKey { refusal: Some("token_unknown"), key: None }));
    }

    #[tokio::test]
    async fn share_links_end_all_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let (desk, _) = desk(directory.path()).await;
        let secret = desk.access.secret(share::SECRET, &[1; 32]).await.unwrap();
        let task = "0197f000-0000-7000-8000-0000deadbeef";
        let token = ShareLinks::new(&secret).token(task, 60_000).unwrap();
        assert_eq!(refusal(desk.inspect(&token).await.unwrap()), None);
        desk.revoke_share_links().await.unwrap();
        assert_eq!(refusal(desk.inspect(&token).await.unwrap()), Some("token_bad_signature"));
    }

    #[tokio::test]
    async fn what_can_be_no_key_is_not_made_and_what_is_no_token_not_inspected() {
        let directory = tempfile::tempdir().unwrap();
        let (desk, _) = desk(directory.path()).await;
        let admin = Scopes::from_iter([Scope::Admin]);
        for name in ["", " a", "a\n"] {
            assert!(matches!(desk.create(name, admin, None).await, Err(Error::Name { .. })), "{name:?}");
        }
        assert!(matches!(desk.create("a", Scopes::NONE, None).await, Err(Error::NoScope)));
        for text in ["", "msg_short", "msgshare_x", "a.b", "a.b.c", "e30.e30.x.y"] {
            assert_eq!(desk.inspect(text).await.unwrap(), None, "{text}");
        }
        let jwt = Inspection::Jwt { header: json!({}), claims: json!({"sub": "a"}) };
        assert_eq!(desk.inspect("e30.eyJzdWIiOiJhIn0.x").await.unwrap(), Some(jwt));
    }
}
