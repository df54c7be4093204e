use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::described::described;

described! {
    /// Who may come in.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Auth {
        /// Whether callers have to say who they are, `required`, or not, `none`.
        pub mode: AuthMode,
        /// So long before a token ends, who is connected with it is told, s.
        pub expiry_warning_s: u64,
        /// So long after a token has ended, who is connected with it is
        /// disconnected, s.
        pub expiry_grace_s: u64,
        /// Tokens of an issuer, beside the server's own access keys.
        pub jwt: Option<Jwt>,
    }
}

/// Whether callers have to say who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Nobody is asked.
    #[default]
    None,
    /// Everybody is, at every door.
    Required,
}

impl Default for Auth {
    fn default() -> Self {
        Auth { mode: AuthMode::None, expiry_warning_s: 60, expiry_grace_s: 30, jwt: None }
    }
}

impl Auth {
    /// Whether everybody is asked who they are.
    pub fn is_required(&self) -> bool {
        self.mode == AuthMode::Required
    }

    /// Key, value, whether it may be, what may be.
    pub(super) fn checks(&self) -> [(&'static str, u64, bool, &'static str); 3] {
        let leeway_s = self.jwt.as_ref().map_or(0, |jwt| jwt.leeway_s);
        [
            (
                "auth.expiry_warning_s",
                self.expiry_warning_s,
                (1..=86_400).contains(&self.expiry_warning_s),
                "1 to 86400",
            ),
            ("auth.expiry_grace_s", self.expiry_grace_s, self.expiry_grace_s <= 3600, "0 to 3600"),
            ("auth.jwt.leeway_s", leeway_s, leeway_s <= 3600, "0 to 3600"),
        ]
    }

    pub(crate) fn expiry_warning(&self) -> Duration {
        Duration::from_secs(self.expiry_warning_s)
    }

    pub(crate) fn expiry_grace(&self) -> Duration {
        Duration::from_secs(self.expiry_grace_s)
    }
}

described! {
    /// Signed tokens (JWT) of one issuer.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Jwt {
        /// The one way of signing that is taken, whatever a token says of itself:
        /// `HS256`, `RS256`, `ES256` or `EdDSA`.
        pub algorithm: JwtAlgorithm,
        /// File with the secret, at least 32 bytes; a line end after it does not
        /// count. For HS256.
        pub secret_file: Option<PathBuf>,
        /// File with the issuer's public key (PEM). For RS256, ES256, EdDSA.
        pub public_key_file: Option<PathBuf>,
        /// File with the issuer's public keys as a JWK set, instead of
        /// `public_key_file`.
        pub jwks_file: Option<PathBuf>,
        /// What `iss` must be.
        pub issuer: String,
        /// What `aud` must be or hold.
        pub audience: String,
        /// By how much the issuer's clock may differ, s.
        #[serde(default = "leeway_s")]
        pub leeway_s: u64,
        /// The claim that holds the scopes, as words in a text or as a list.
        #[serde(default = "scope_claim")]
        pub scope_claim: String,
    }
}

impl Jwt {
    /// One with a value for every key, as nobody would have it.
    pub(super) fn example() -> Jwt {
        let file = |name: &str| Some(PathBuf::from("/etc/msgalaxy").join(name));
        Jwt {
            algorithm: JwtAlgorithm::RS256,
            secret_file: file("jwt.secret"),
            public_key_file: file("issuer.pem"),
            jwks_file: file("issuer.jwks.json"),
            issuer: "https://id.example.org".to_owned(),
            audience: "msgalaxy".to_owned(),
            leeway_s: leeway_s(),
            scope_claim: scope_claim(),
        }
    }
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256: issuer and server share a secret.
    HS256,
    /// RSA (PKCS #1 v1.5) with SHA-256, 2048 bits at least.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl JwtAlgorithm {
    /// The name in tokens.
    pub fn name(self) -> &'static str {
        match self {
            JwtAlgorithm::HS256 => "HS256",
            JwtAlgorithm::RS256 => "RS256",
            JwtAlgorithm::ES256 => "ES256",
            JwtAlgorithm::EdDSA => "EdDSA",
        }
    }
}

fn leeway_s() -> u64 {
    30
}

fn scope_claim() -> String {
    "scope".to_owned()
}
