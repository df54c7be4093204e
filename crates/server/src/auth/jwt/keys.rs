use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Refusal;
use crate::config::{Jwt, JwtAlgorithm};

/// A shared secret must not be easier to guess than a signature.
const LEAST_SECRET_BYTES: usize = 32;
const LEAST_RSA_BYTES: usize = 256;
const MOST_FILE_BYTES: u64 = 1 << 20;

/// Keys of one algorithm.
pub(super) enum Keys {
    Secret(Box<hmac::Key>),
    Public(Vec<PublicKey>),
}

pub(super) struct PublicKey {
    /// By what name tokens ask for it.
    id: Option<String>,
    key: ParsedPublicKey,
}

/// Why the keys of an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// None of the files that the algorithm needs is named, or too many.
    #[error("auth.jwt: algorithm {} needs {needs}; found: {found}", algorithm.name())]
    Source {
        /// The algorithm.
        algorithm: JwtAlgorithm,
        /// Which keys of the settings it needs.
        needs: &'static str,
        /// Which are there.
        found: String,
    },
    /// A file cannot be read.
    #[error("auth.jwt: cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("auth.jwt: {path} {found}; needed: {needed}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// What should be there.
        needed: &'static str,
    },
}

impl Keys {
    /// Reads the keys that the settings name.
    pub(super) fn read(settings: &Jwt) -> Result<Keys, KeyError> {
        let Jwt { algorithm, secret_file, public_key_file, jwks_file, .. } = settings;
        match (algorithm, secret_file, public_key_file, jwks_file) {
            (JwtAlgorithm::HS256, Some(path), None, None) => secret(path),
            (JwtAlgorithm::HS256, ..) => Err(source(settings, "secret_file alone")),
            (_, None, Some(path), None) => public_key(path, *algorithm),
            (_, None, None, Some(path)) => jwks(path, *algorithm),
            _ => Err(source(settings, "either public_key_file or jwks_file")),
        }
    }

    /// Whether the key that a token asks for has signed the message.
    pub(super) fn verify(&self, id: Option<&str>, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        match self {
            Keys::Secret(key) => hmac::verify(key, message, signature).map_err(|_| Refusal::BadSignature),
            Keys::Public(keys) => {
                let PublicKey { key, .. } = find(keys, id).ok_or(Refusal::UnknownKey)?;
                key.verify_sig(message, signature).map_err(|_| Refusal::BadSignature)
            }
        }
    }
}

/// Never shows a secret.
impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keys::Secret(_) => formatter.write_str("Secret(...)"),
            Keys::Public(keys) => write!(formatter, "Public({} keys)", keys.len()),
        }
    }
}

/// A key without a name serves whatever name a token asks for; of several keys,
/// a token without a name means none.
fn find<'a>(keys: &'a [PublicKey], id: Option<&str>) -> Option<&'a PublicKey> {
    if let [only] = keys
        && (only.id.is_none() || id.is_none())
    {
        return Some(only);
    }
    let id = id?;
    keys.iter().find(|key| key.id.as_deref() == Some(id))
}

fn source(settings: &Jwt, needs: &'static str) -> KeyError {
    let named = [
        ("secret_file", &settings.secret_file),
        ("public_key_file", &settings.public_key_file),
        ("jwks_file", &settings.jwks_file),
    ];
    let found: Vec<_> = named.into_iter().filter(|(_, path)| path.is_some()).map(|(name, _)| name).collect();
    let found = if found.is_empty() { "none of them".to_owned() } else { found.join(", ") };
    KeyError::Source { algorithm: settings.algorithm, needs, found }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let too_large = || std::io::Error::other("it is larger than 1 MiB");
    let read = std::fs::metadata(path).and_then(|metadata| {
        if metadata.len() > MOST_FILE_BYTES { Err(too_large()) } else { std::fs::read(path) }
    });
    read.map_err(|source| KeyError::Read { path: path.to_owned(), source })
}

fn secret(path: &Path) -> Result<Keys, KeyError> {
    let bytes = read(path)?;
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    let content = |found: String| {
        let needed = "a random secret of at least 32 bytes";
        Err(KeyError::Content { path: path.to_owned(), found, needed })
    };
    // A public key is no secret: who has it could sign.
    if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
        return content("holds a PEM key, which is not a secret that two share".to_owned());
    }
    if secret.len() < LEAST_SECRET_BYTES {
        return content(format!("holds {} bytes", secret.len()));
    }
    Ok(Keys::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))))
}

fn public_key(path: &Path, algorithm: JwtAlgorithm) -> Result<Keys, KeyError> {
    let bytes = read(path)?;
    let content = |found: &str| KeyError::Content {
        path: path.to_owned(),
        found: found.to_owned(),
        needed: needed(algorithm),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| content("is not text"))?;
    if text.contains("PRIVATE KEY-----") {
        return Err(content("holds a private key, which a server must not have"));
    }
    let der = ["PUBLIC KEY", "RSA PUBLIC KEY"].into_iter().find_map(|label| pem(text, label));
    let der = der.ok_or_else(|| content("holds no PEM block PUBLIC KEY"))?;
    let key = ParsedPublicKey::new(scheme(algorithm), &der)
        .map_err(|_| content("holds a public key of another kind"))?;
    // Of the two forms of an RSA key the shorter has some 14 bytes more than
    // its modulus.
    if algorithm == JwtAlgorithm::RS256 && der.len() < LEAST_RSA_BYTES + 14 {
        return Err(content("holds a shorter RSA key"));
    }
    Ok(Keys::Public(vec![PublicKey { id: None, key }]))
}

/// What stands in the first block of this label.
fn pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (block, _) = rest.split_once(&format!("-----END {label}-----"))?;
    STANDARD.decode(block.split_ascii_whitespace().collect::<String>()).ok()
}

/// A JWK (RFC 7517), as far as it matters for signatures.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn jwks(path: &Path, algorithm: JwtAlgorithm) -> Result<Keys, KeyError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let content =
        |found: String| KeyError::Content { path: path.to_owned(), found, needed: needed(algorithm) };
    let set: Set =
        serde_json::from_slice(&read(path)?).map_err(|error| content(format!("is no JWK set ({error})")))?;
    let count = set.keys.len();
    // An issuer's set may hold keys for other purposes.
    let keys: Vec<PublicKey> = set
        .keys
        .into_iter()
        .filter_map(|key| {
            let jwk: Jwk = serde_json::from_value(key).ok()?;
            Some(PublicKey { key: jwk.key(algorithm)?, id: jwk.kid })
        })
        .collect();
    if keys.is_empty() {
        return Err(content(format!("holds {count} keys, none of which serves")));
    }
    let ids = keys.iter().filter_map(|key| key.id.as_deref());
    if keys.len() > 1 && ids.collect::<std::collections::HashSet<_>>().len() < keys.len() {
        return Err(content("holds several keys that `kid` does not tell apart".to_owned()));
    }
    Ok(Keys::Public(keys))
}

impl Jwk {
    /// The key, if it is one to check signatures of this algorithm with.
    fn key(&self, algorithm: JwtAlgorithm) -> Option<ParsedPublicKey> {
        let excluded = self.purpose.as_deref().is_some_and(|purpose| purpose != "sig")
            || self.alg.as_deref().is_some_and(|alg| alg != algorithm.name())
            || self.key_ops.as_ref().is_some_and(|uses| !uses.iter().any(|word| word == "verify"));
        if excluded {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match (algorithm, self.kty.as_str(), self.crv.as_deref()) {
            (JwtAlgorithm::RS256, "RSA", _) => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                if n.len() < LEAST_RSA_BYTES {
                    return None;
                }
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
            }
            (JwtAlgorithm::ES256, "EC", Some("P-256")) => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                // The uncompressed point.
                ParsedPublicKey::new(scheme(algorithm), [&[4][..], &x, &y].concat()).ok()
            }
            (JwtAlgorithm::EdDSA, "OKP", Some("Ed25519")) => {
                ParsedPublicKey::new(scheme(algorithm), bytes(&self.x)?).ok()
            }
            _ => None,
        }
    }
}

fn scheme(algorithm: JwtAlgorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        JwtAlgorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        JwtAlgorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        JwtAlgorithm::EdDSA => &ED25519,
        JwtAlgorithm::HS256 => unreachable!("HS256 has a secret and no public key"),
    }
}

fn needed(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::HS256 => "a secret",
        JwtAlgorithm::RS256 => "a public RSA key of at least 2048 bits for RS256",
        JwtAlgorithm::ES256 => "a public key on P-256 for ES256",
        JwtAlgorithm::EdDSA => "a public Ed25519 key for EdDSA",
    }
}
