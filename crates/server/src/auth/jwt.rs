//! Signed tokens (JWT, RFC 7519) of one configured issuer.
//!
//! The operator names one algorithm, and keys are read as keys of that algorithm
//! alone. What a token says of itself can only make it fit or not; it never
//! chooses how it is checked.

/// The keys that signatures are checked with.
mod keys;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::auth::principal::is_name;
use crate::auth::{Principal, Proof, Refusal, Scopes};
use crate::config::Jwt;
use keys::Keys;

pub use keys::KeyError;

/// Longer tokens are not looked at.
const MOST_BYTES: usize = 8192;
/// Before the name that a token's `sub` gives: who may choose a `sub` must not
/// become the holder of a key of that name.
pub const NAME_PREFIX: &str = "jwt:";

/// Checks the tokens of one issuer.
pub struct Verifier {
    keys: Keys,
    settings: Jwt,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What whoever reads the token must understand.
    crit: Option<Value>,
}

impl Verifier {
    /// Reads the keys that `settings` names.
    pub fn open(settings: Jwt) -> Result<Verifier, KeyError> {
        Ok(Verifier { keys: Keys::read(&settings)?, settings })
    }

    /// Who has this token.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<Principal, Refusal> {
        if token.len() > MOST_BYTES {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed)?;
        if claims.contains('.') {
            return Err(Refusal::Malformed);
        }
        let header: Header = part(header)?;
        if header.alg != self.settings.algorithm.name() {
            return Err(Refusal::WrongAlgorithm);
        }
        // No extension is understood here.
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Malformed)?;
        self.keys.verify(header.kid.as_deref(), message.as_bytes(), &signature)?;
        self.principal(&part(claims)?, now_ms)
    }

    /// Who these claims, whose signature is right, speak of.
    fn principal(&self, claims: &Map<String, Value>, now_ms: i64) -> Result<Principal, Refusal> {
        let leeway_ms = i64::try_from(self.settings.leeway_s).unwrap_or(i64::MAX).saturating_mul(1000);
        let expires_ms = time_ms(claims, "exp")?.ok_or(Refusal::Malformed)?;
        if now_ms >= expires_ms.saturating_add(leeway_ms) {
            return Err(Refusal::Expired);
        }
        if time_ms(claims, "nbf")?.is_some_and(|begin_ms| begin_ms > now_ms.saturating_add(leeway_ms)) {
            return Err(Refusal::NotYetValid);
        }
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(Refusal::WrongIssuer);
        }
        if !words(claims.get("aud")).any(|word| word == self.settings.audience) {
            return Err(Refusal::WrongAudience);
        }
        let subject = claims.get("sub").and_then(Value::as_str).ok_or(Refusal::Malformed)?;
        let name = format!("{NAME_PREFIX}{subject}");
        if subject.is_empty() || !is_name(&name) {
            return Err(Refusal::Malformed);
        }
        let scopes = words(claims.get(&self.settings.scope_claim)).collect::<Vec<_>>().join(" ");
        Ok(Principal::new(&name, Scopes::from_words(&scopes), Some(expires_ms), Proof::Jwt))
    }
}

/// The JSON in one part of a token.
fn part<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}

/// A time in seconds since 1970, which may have decimals.
fn time_ms(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        // Conversion of a float saturates.
        Some(value) => Ok(Some((value.as_f64().ok_or(Refusal::Malformed)? * 1000.0) as i64)),
    }
}

/// One text, or the texts of a list.
fn words(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(many)
}
