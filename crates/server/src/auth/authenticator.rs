use axum::http::{HeaderMap, header};
use tasks::Clock;

use crate::auth::jwt::Verifier;
use crate::auth::ring::KeyRing;
use crate::auth::{Principal, Refusal, key, share};

/// Turns tokens into principals.
pub struct Authenticator {
    ring: KeyRing,
    jwt: Option<Verifier>,
    clock: Clock,
}

/// Why there is no principal.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Whoever calls is turned away.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The store did not answer, which is no fault of who calls.
    #[error(transparent)]
    Store(#[from] tasks::Error),
    /// The system did not give what was needed.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl Authenticator {
    /// For the keys in a ring and the tokens of an issuer, if there is one.
    pub fn new(ring: KeyRing, jwt: Option<Verifier>, clock: Clock) -> Authenticator {
        Authenticator { ring, jwt, clock }
    }

    /// Who has this token.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AuthError> {
        if token.starts_with(share::PREFIX) {
            return Ok(self.ring.share(token)?);
        }
        if token.starts_with(key::PREFIX) {
            return self.ring.principal(token).await;
        }
        match &self.jwt {
            Some(verifier) => Ok(verifier.verify(token, (self.clock)())?),
            None => Err(Refusal::UnknownKey.into()),
        }
    }

    /// The keys that hold now.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }
}

/// The token in a request's `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    // Of two tokens nobody could say which one counts.
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Malformed);
    }
    match token.trim_matches(' ') {
        "" => Err(Refusal::Missing),
        token => Ok(token),
    }
}

#[cfg(test)]
mod tests;
