//! Share links: whoever has one reads one task until it ends. The token carries
//! all that is said, signed with a secret that the store keeps; replacing the
//! secret ends all share links at once.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::auth::Refusal;

/// How every share token begins.
pub const PREFIX: &str = "msgshare_";
/// The secret's name in the store.
pub(super) const SECRET: &str = "share";

const VERSION: u8 = 1;
/// Version, task id, end in seconds since 1970.
const SAID: usize = 1 + 16 + 8;
const TAG: usize = 32;
/// No other thing is ever signed with these words before it.
const CONTEXT: &[u8] = b"msgalaxy share link\0";

/// Makes and reads share tokens.
pub struct ShareLinks {
    key: hmac::Key,
}

/// What a share token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The task that it shows.
    pub task_id: String,
    /// When it ends, ms since 1970 UTC.
    pub expires_ms: i64,
}

impl ShareLinks {
    /// With the secret of a store.
    pub fn new(secret: &[u8; 32]) -> ShareLinks {
        ShareLinks { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A token for a task. It ends with the second in which `expires_ms` lies.
    /// `None` when this is no id of a task.
    pub fn token(&self, task_id: &str, expires_ms: i64) -> Option<String> {
        let task_id = Uuid::try_parse(task_id).ok().filter(|_| task_id.len() == Hyphenated::LENGTH)?;
        let expires_s = u64::try_from(expires_ms / 1000).ok()?;
        let mut bytes = Vec::with_capacity(SAID + TAG);
        bytes.push(VERSION);
        bytes.extend_from_slice(task_id.as_bytes());
        bytes.extend_from_slice(&expires_s.to_be_bytes());
        let tag = hmac::sign(&self.key, &[CONTEXT, &bytes].concat());
        bytes.extend_from_slice(tag.as_ref());
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a token says, if it was made here and has not ended.
    pub fn read(&self, token: &str, now_ms: i64) -> Result<Share, Refusal> {
        let bytes = token.strip_prefix(PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.filter(|bytes| bytes.len() == SAID + TAG && bytes[0] == VERSION);
        let bytes = bytes.ok_or(Refusal::Malformed)?;
        let (said, tag) = bytes.split_at(SAID);
        hmac::verify(&self.key, &[CONTEXT, said].concat(), tag).map_err(|_| Refusal::BadSignature)?;
        let (task_id, expires_s) = said[1..].split_at(16);
        let task_id = Uuid::from_slice(task_id).map_err(|_| Refusal::Malformed)?;
        let expires_s = expires_s.try_into().map(u64::from_be_bytes).map_err(|_| Refusal::Malformed)?;
        let expires_ms = i64::try_from(expires_s).unwrap_or(i64::MAX).saturating_mul(1000);
        if expires_ms <= now_ms {
            return Err(Refusal::Expired);
        }
        Ok(Share { task_id: task_id.to_string(), expires_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "0197f000-0000-7000-8000-0000deadbeef";

    #[test]
    fn a_token_shows_its_task_until_it_ends() {
        let links = ShareLinks::new(&[1; 32]);
        let token = links.token(TASK, 5_999).unwrap();
        let share = Share { task_id: TASK.to_owned(), expires_ms: 5_000 };
        assert_eq!(links.read(&token, 4_999), Ok(share));
        assert_eq!(links.read(&token, 5_000), Err(Refusal::Expired));
        assert!(
            token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            "fits into a fragment: {token}"
        );
        for id in ["", "x", &TASK.replace('-', ""), &TASK[1..]] {
            assert_eq!(links.token(id, 5_000), None, "{id}");
        }
        assert_eq!(links.token(TASK, -1_000), None);
    }

    #[test]
    fn no_other_token_is_taken() {
        let links = ShareLinks::new(&[1; 32]);
        let token = links.token(TASK, 9_000_000).unwrap();
        assert_eq!(ShareLinks::new(&[2; 32]).read(&token, 0), Err(Refusal::BadSignature));
        let bytes = URL_SAFE_NO_PAD.decode(&token[PREFIX.len()..]).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            let expected = if index == 0 { Refusal::Malformed } else { Refusal::BadSignature };
            assert_eq!(links.read(&changed, 0), Err(expected), "byte {index}");
        }
        let (longer, shorter) = (format!("{token}A"), &token[..token.len() - 4]);
        for text in ["", PREFIX, &longer, shorter, &token.to_uppercase(), &token[1..], "msgshare_é"] {
            assert_eq!(links.read(text, 0), Err(Refusal::Malformed), "{text}");
        }
    }
}
