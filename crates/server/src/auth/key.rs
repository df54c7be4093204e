//! The text form of an access key: `msg_`, its id, `_`, its secret. Whoever
//! finds one in a file can tell what it is and, by its id, which to revoke.

use std::fmt;

use aws_lc_rs::{constant_time, digest, rand};

/// How every access key begins.
pub const PREFIX: &str = "msg_";

const ID_LENGTH: usize = 10;
/// 43 characters out of 62 are more than 256 bits.
const SECRET_LENGTH: usize = 43;
const CHARACTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An access key with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: String,
    secret: String,
}

impl KeyText {
    /// A new key. Fails only where the system has no randomness.
    pub fn generate() -> std::io::Result<KeyText> {
        Ok(KeyText { id: random(ID_LENGTH)?, secret: random(SECRET_LENGTH)? })
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<KeyText> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let fits = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        (fits(id, ID_LENGTH) && fits(secret, SECRET_LENGTH))
            .then(|| KeyText { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// Names the key; no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, to be shown once to whoever it is for.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }

    /// What is kept of the secret. It is random and long, so that nothing slower
    /// is needed against guessing.
    pub fn hash(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.secret.as_bytes());
        digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// Whether this is the key of which `hash` was kept; takes as long whatever
    /// the answer is.
    pub fn has_hash(&self, hash: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(&self.hash(), hash).is_ok()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}_...", self.id)
    }
}

/// Random characters, each equally likely.
fn random(length: usize) -> std::io::Result<String> {
    // The largest multiple of 62 that fits into a byte.
    const BOUND: u8 = 248;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let bytes = random_bytes::<64>()?;
        let characters = bytes.iter().filter(|byte| **byte < BOUND);
        text.extend(
            characters.take(length - text.len()).map(|byte| char::from(CHARACTERS[usize::from(byte % 62)])),
        );
    }
    Ok(text)
}

/// Bytes from the system's source of randomness.
pub(super) fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text_and_fits_its_hash_alone() {
        let key = KeyText::generate().unwrap();
        let text = key.reveal();
        let read = KeyText::parse(&text).unwrap();
        assert_eq!((read.id(), read.hash()), (key.id(), key.hash()));
        assert!(read.has_hash(&key.hash()));
        let other = KeyText::generate().unwrap();
        assert_ne!((other.id(), other.hash()), (key.id(), key.hash()));
        assert!(!other.has_hash(&key.hash()));
        let last = if text.ends_with('a') { "b" } else { "a" };
        let tampered = KeyText::parse(&format!("{}{last}", &text[..text.len() - 1])).unwrap();
        assert!(tampered.id() == key.id() && !tampered.has_hash(&key.hash()));
    }

    #[test]
    fn the_secret_is_not_shown_by_accident() {
        let key = KeyText::parse(&format!("msg_abcdefghij_{}", "x".repeat(43))).unwrap();
        assert_eq!(format!("{key:?}"), "msg_abcdefghij_...");
    }

    #[test]
    fn what_is_no_key_is_not_read_as_one() {
        let secret = "x".repeat(43);
        for text in [
            "",
            "msg_",
            "msg_abcdefghij",
            "msg_abcdefghij_",
            &format!("msg_abcdefghij_{secret}x"),
            &format!("msg_abcdefghij_{}", &secret[1..]),
            &format!("msg_abcdefghi_{secret}"),
            &format!("MSG_abcdefghij_{secret}"),
            &format!(" msg_abcdefghij_{secret}"),
            &format!("msg_abcdefghij_{secret}\n"),
            &format!("msg_abcdefghij_{}é", &secret[2..]),
            &format!("msg_abcde/ghij_{secret}"),
        ] {
            assert_eq!(KeyText::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_character_occurs_about_as_often() {
        let text: String = (0..2000).map(|_| random(SECRET_LENGTH).unwrap()).collect();
        let expected = text.len() as f64 / 62.0;
        for character in CHARACTERS {
            let found = text.bytes().filter(|byte| byte == character).count() as f64;
            // Eight standard deviations: never by chance.
            assert!((found - expected).abs() < 8.0 * expected.sqrt(), "{}: {found}", char::from(*character));
        }
    }
}
