use std::path::PathBuf;

use serde::Deserialize;

/// Signed tokens (JWT) of one issuer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The one way of signing that is taken, whatever a token says of itself.
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
    /// By how much the issuer's clock may differ, s. Default 30.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
    /// The claim that holds the scopes, as words in a text or as a list.
    /// Default `scope`.
    #[serde(default = "scope_claim")]
    pub scope_claim: String,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
