use std::fs;
use std::path::PathBuf;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::JwtAlgorithm;

const NOW_S: i64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// What an issuer signs with.
enum Signer {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn new(algorithm: JwtAlgorithm) -> Signer {
        match algorithm {
            JwtAlgorithm::HS256 => Signer::Secret(SECRET.to_vec()),
            JwtAlgorithm::RS256 => Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            JwtAlgorithm::ES256 => {
                Signer::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            JwtAlgorithm::EdDSA => Signer::Ed(Ed25519KeyPair::generate().unwrap()),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The public key as its owner would hand it out.
    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Signer::Secret(_) => panic!("a secret has no public key"),
            Signer::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Signer::Ec(pair) => pair.public_key().as_der().unwrap(),
            Signer::Ed(pair) => pair.public_key().as_der().unwrap(),
        };
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// An issuer and a verifier that trusts it.
struct Issuer {
    directory: TempDir,
    signer: Signer,
    algorithm: JwtAlgorithm,
    verifier: Verifier,
}

impl Issuer {
    fn new(algorithm: JwtAlgorithm) -> Issuer {
        let directory = tempfile::tempdir().unwrap();
        let signer = Signer::new(algorithm);
        let path = directory.path().join("key");
        let mut settings = settings(algorithm);
        match &signer {
            Signer::Secret(secret) => {
                fs::write(&path, [secret, &b"\n"[..]].concat()).unwrap();
                settings.secret_file = Some(path);
            }
            _ => {
                fs::write(&path, signer.pem()).unwrap();
                settings.public_key_file = Some(path);
            }
        }
        let verifier = Verifier::open(settings).unwrap();
        Issuer { directory, signer, algorithm, verifier }
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.algorithm.name()})
    }

    fn token(&self, claims: &Value) -> String {
        self.signer.token(&self.header(), claims)
    }

    fn verify(&self, token: &str) -> Result<Principal, Refusal> {
        self.verifier.verify(token, NOW_S * 1000)
    }
}

fn settings(algorithm: JwtAlgorithm) -> Jwt {
    Jwt {
        algorithm,
        secret_file: None,
        public_key_file: None,
        jwks_file: None,
        issuer: "https://id.example".to_owned(),
        audience: "msgalaxy".to_owned(),
        leeway_s: 30,
        scope_claim: "scope".to_owned(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": "msgalaxy", "sub": "李雷", "exp": NOW_S + 100,
        "scope": "openid tasks:read",
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

const ALGORITHMS: [JwtAlgorithm; 4] =
    [JwtAlgorithm::HS256, JwtAlgorithm::RS256, JwtAlgorithm::ES256, JwtAlgorithm::EdDSA];

#[test]
fn a_token_of_each_algorithm_says_who_has_it_and_what_they_may() {
    for algorithm in ALGORITHMS {
        let issuer = Issuer::new(algorithm);
        let principal = issuer.verify(&issuer.token(&claims())).unwrap();
        assert_eq!(principal.name(), "jwt:李雷");
        assert_eq!(principal.scopes().to_string(), "tasks:read");
        assert_eq!(principal.expires_ms(), Some((NOW_S + 100) * 1000));
        assert_eq!((principal.proof(), principal.only_task()), (&Proof::Jwt, None));
    }
}

#[test]
fn a_token_of_another_algorithm_is_refused_whatever_it_is_signed_with() {
    for algorithm in ALGORITHMS {
        let issuer = Issuer::new(algorithm);
        let message = |alg: &str| format!("{}.{}", encoded(&json!({"alg": alg})), encoded(&claims()));
        for alg in ["none", "None", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA"] {
            if alg == algorithm.name() {
                continue;
            }
            for token in [format!("{}.", message(alg)), issuer.signer.token(&json!({"alg": alg}), &claims())]
            {
                assert_eq!(issuer.verify(&token), Err(Refusal::WrongAlgorithm), "{algorithm:?} {alg}");
            }
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // The classic: a token signed with HMAC, with the text of the public key
    // that everybody has as the secret.
    for algorithm in &ALGORITHMS[1..] {
        let issuer = Issuer::new(*algorithm);
        let pem = issuer.signer.pem();
        let forger = Signer::Secret(pem.clone().into_bytes());
        let forged = forger.token(&json!({"alg": "HS256"}), &claims());
        assert_eq!(issuer.verify(&forged), Err(Refusal::WrongAlgorithm));
        let forged = forger.token(&issuer.header(), &claims());
        assert_eq!(issuer.verify(&forged), Err(Refusal::BadSignature));
        // And an operator who mixes them up is told.
        let path = issuer.directory.path().join("key");
        let mixed = Jwt { secret_file: Some(path), ..settings(JwtAlgorithm::HS256) };
        let error = Verifier::open(mixed).err().unwrap().to_string();
        assert!(error.contains("holds a PEM key") && !error.contains(&pem), "{error}");
    }
}

#[test]
fn a_changed_token_is_refused() {
    for algorithm in ALGORITHMS {
        let issuer = Issuer::new(algorithm);
        let token = issuer.token(&claims());
        let parts: Vec<&str> = token.split('.').collect();
        let admin = encoded(&claims_with("scope", json!("admin")));
        let other_header = encoded(&json!({"alg": algorithm.name()}));
        let foreign = Signer::new(JwtAlgorithm::HS256).sign(b"another message");
        for changed in [
            format!("{}.{admin}.{}", parts[0], parts[2]),
            format!("{other_header}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(foreign)),
        ] {
            assert_eq!(issuer.verify(&changed), Err(Refusal::BadSignature), "{algorithm:?} {changed}");
        }
        let stranger = match algorithm {
            JwtAlgorithm::HS256 => Signer::Secret(vec![7; 32]),
            other => Signer::new(other),
        };
        assert_eq!(issuer.verify(&stranger.token(&issuer.header(), &claims())), Err(Refusal::BadSignature));
    }
}

#[test]
fn what_is_no_token_is_malformed() {
    let issuer = Issuer::new(JwtAlgorithm::HS256);
    let good = issuer.token(&claims());
    let critical = issuer.signer.token(&json!({"alg": "HS256", "crit": ["exp"]}), &claims());
    let list = issuer.token(&json!([1]));
    let long = issuer.token(&claims_with("note", json!("x".repeat(MOST_BYTES))));
    for token in [
        "",
        ".",
        "..",
        "a.b.c",
        &good.replace('.', ""),
        &format!("{good}."),
        &format!("{good}="),
        &format!("{good}.{good}"),
        &format!(" {good}"),
        &critical,
        &list,
        &long,
        "eyJhbGciOjF9.e30.",
        "é.é.é",
    ] {
        assert_eq!(issuer.verify(token), Err(Refusal::Malformed), "{token}");
    }
}

#[test]
fn each_claim_is_checked() {
    let issuer = Issuer::new(JwtAlgorithm::HS256);
    let cases = [
        ("exp", json!(null), Refusal::Malformed),
        ("exp", json!("1900000000"), Refusal::Malformed),
        ("exp", json!(0), Refusal::Expired),
        ("exp", json!(-1), Refusal::Expired),
        ("nbf", json!("soon"), Refusal::Malformed),
        ("nbf", json!(NOW_S + 31), Refusal::NotYetValid),
        ("nbf", json!(1e300), Refusal::NotYetValid),
        ("iss", json!(null), Refusal::WrongIssuer),
        ("iss", json!("https://id.example/"), Refusal::WrongIssuer),
        ("iss", json!(["https://id.example"]), Refusal::WrongIssuer),
        ("aud", json!(null), Refusal::WrongAudience),
        ("aud", json!("msgalaxy2"), Refusal::WrongAudience),
        ("aud", json!([]), Refusal::WrongAudience),
        ("aud", json!(["other", 1]), Refusal::WrongAudience),
        ("sub", json!(null), Refusal::Malformed),
        ("sub", json!(""), Refusal::Malformed),
        ("sub", json!("a\nb"), Refusal::Malformed),
        ("sub", json!("x".repeat(200)), Refusal::Malformed),
    ];
    for (name, value, refusal) in cases {
        let token = issuer.token(&claims_with(name, value.clone()));
        assert_eq!(issuer.verify(&token), Err(refusal), "{name} {value}");
    }
    for (name, value) in [
        ("aud", json!(["other", "msgalaxy"])),
        ("exp", json!(1e300)),
        ("exp", json!((NOW_S + 1) as f64 + 0.5)),
        ("nbf", json!(NOW_S)),
        ("iat", json!("whatever")),
    ] {
        let token = issuer.token(&claims_with(name, value.clone()));
        assert!(issuer.verify(&token).is_ok(), "{name} {value}");
    }
}

#[test]
fn time_counts_to_the_millisecond_with_the_configured_leeway() {
    let issuer = Issuer::new(JwtAlgorithm::HS256);
    let token = issuer.token(&claims_with("nbf", json!(NOW_S)));
    let leeway_ms = 30_000;
    let (begin_ms, end_ms) = (NOW_S * 1000 - leeway_ms, (NOW_S + 100) * 1000 + leeway_ms);
    for (now_ms, refusal) in [
        (begin_ms - 1, Some(Refusal::NotYetValid)),
        (begin_ms, None),
        (end_ms - 1, None),
        (end_ms, Some(Refusal::Expired)),
    ] {
        assert_eq!(issuer.verifier.verify(&token, now_ms).err(), refusal, "{now_ms}");
    }
}

#[test]
fn scopes_come_as_words_or_as_a_list_from_the_configured_claim() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, SECRET).unwrap();
    let settings = Jwt {
        secret_file: Some(path),
        scope_claim: "https://id.example/roles".to_owned(),
        ..settings(JwtAlgorithm::HS256)
    };
    let verifier = Verifier::open(settings).unwrap();
    let signer = Signer::new(JwtAlgorithm::HS256);
    for (value, scopes) in [
        (json!(["tasks:write", "admin tasks:read", 5]), "tasks:read tasks:write admin"),
        (json!("tasks:write"), "tasks:write"),
        (json!({"admin": true}), ""),
        (json!(null), ""),
    ] {
        let claims = claims_with("https://id.example/roles", value);
        let token = signer.token(&json!({"alg": "HS256"}), &claims);
        let principal = verifier.verify(&token, NOW_S * 1000).unwrap();
        assert_eq!(principal.scopes().to_string(), scopes);
    }
}

/// Keys and signatures from RFC 7515, appendices A.1 to A.3, and RFC 8037,
/// appendix A.4.
#[test]
fn the_published_examples_verify() {
    let joe =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let cases = [
        (
            JwtAlgorithm::HS256,
            json!(null),
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{joe}"),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            JwtAlgorithm::RS256,
            json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
            format!("eyJhbGciOiJSUzI1NiJ9.{joe}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            JwtAlgorithm::ES256,
            json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            format!("eyJhbGciOiJFUzI1NiJ9.{joe}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            JwtAlgorithm::EdDSA,
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    for (algorithm, jwk, message, signature) in cases {
        let mut settings = settings(algorithm);
        if algorithm == JwtAlgorithm::HS256 {
            fs::write(&path, URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap();
            settings.secret_file = Some(path.clone());
        } else {
            fs::write(&path, json!({"keys": [jwk]}).to_string()).unwrap();
            settings.jwks_file = Some(path.clone());
        }
        let keys = Keys::read(&settings).unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(keys.verify(None, message.as_bytes(), &signature), Ok(()), "{algorithm:?}");
        signature[5] ^= 1;
        let refused = keys.verify(None, message.as_bytes(), &signature);
        assert_eq!(refused, Err(Refusal::BadSignature), "{algorithm:?}");
    }
}

fn ed_jwk(signer: &Signer, id: &str) -> Value {
    let Signer::Ed(pair) = signer else { panic!("an Ed25519 key") };
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x})
}

#[test]
fn of_a_set_the_key_that_a_token_names_counts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let [old, new] = [(); 2].map(|()| Signer::new(JwtAlgorithm::EdDSA));
    let set = |keys: Value| {
        fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
        Verifier::open(Jwt { jwks_file: Some(path.clone()), ..settings(JwtAlgorithm::EdDSA) })
    };
    let mut for_encryption = ed_jwk(&old, "enc");
    for_encryption["use"] = json!("enc");
    let others = [
        json!({"kty": "oct", "kid": "oct", "k": "c2VjcmV0"}),
        json!({"kty": "RSA", "kid": "rsa", "n": "AQ", "e": "AQAB"}),
        json!({"kty": "new kind"}),
        json!(5),
        for_encryption,
    ];
    let mut keys = others.to_vec();
    keys.extend([ed_jwk(&old, "old"), ed_jwk(&new, "new")]);
    let verifier = set(keys.into()).unwrap();
    let verify = |signer: &Signer, id: Value| {
        let token = signer.token(&json!({"alg": "EdDSA", "kid": id}), &claims());
        verifier.verify(&token, NOW_S * 1000).map(|principal| principal.name().to_owned())
    };
    assert_eq!(verify(&old, json!("old")).as_deref(), Ok("jwt:李雷"));
    assert_eq!(verify(&new, json!("new")).as_deref(), Ok("jwt:李雷"));
    assert_eq!(verify(&new, json!("old")), Err(Refusal::BadSignature));
    for id in [json!("enc"), json!("oct"), json!("third"), json!(null)] {
        assert_eq!(verify(&old, id.clone()), Err(Refusal::UnknownKey), "{id}");
    }
    let error = set(others.to_vec().into()).err().unwrap().to_string();
    assert!(error.contains("holds 5 keys, none of which serves"), "{error}");
    let error = set(json!([ed_jwk(&old, "a"), ed_jwk(&new, "a")])).err().unwrap().to_string();
    assert!(error.contains("does not tell apart"), "{error}");
    // One key alone needs no name.
    let verifier = set(json!([ed_jwk(&old, "old")])).unwrap();
    let token = old.token(&json!({"alg": "EdDSA"}), &claims());
    assert!(verifier.verify(&token, NOW_S * 1000).is_ok());
    let token = old.token(&json!({"alg": "EdDSA", "kid": "new"}), &claims());
    assert_eq!(verifier.verify(&token, NOW_S * 1000), Err(Refusal::UnknownKey));
}

#[test]
fn keys_that_cannot_serve_are_named_and_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let ed = Signer::new(JwtAlgorithm::EdDSA).pem();
    let rsa = Signer::new(JwtAlgorithm::RS256).pem();
    let some = Some(file("some.pem", &ed));
    let cases: Vec<(Jwt, &str)> = vec![
        (settings(JwtAlgorithm::HS256), "HS256 needs secret_file alone; found: none of them"),
        (
            Jwt { public_key_file: some.clone(), ..settings(JwtAlgorithm::HS256) },
            "HS256 needs secret_file alone; found: public_key_file",
        ),
        (
            Jwt { secret_file: some.clone(), ..settings(JwtAlgorithm::EdDSA) },
            "EdDSA needs either public_key_file or jwks_file; found: secret_file",
        ),
        (
            Jwt { public_key_file: some.clone(), jwks_file: some.clone(), ..settings(JwtAlgorithm::EdDSA) },
            "found: public_key_file, jwks_file",
        ),
        (
            Jwt { secret_file: Some(file("short", "geheim")), ..settings(JwtAlgorithm::HS256) },
            "short holds 6 bytes; needed: a random secret of at least 32 bytes",
        ),
        (
            Jwt { public_key_file: Some(directory.path().join("none.pem")), ..settings(JwtAlgorithm::EdDSA) },
            "cannot read",
        ),
        (
            Jwt { public_key_file: some.clone(), ..settings(JwtAlgorithm::ES256) },
            "some.pem holds a public key of another kind; needed: a public key on P-256",
        ),
        (Jwt { public_key_file: some.clone(), ..settings(JwtAlgorithm::RS256) }, "of another kind"),
        (
            Jwt { public_key_file: Some(file("rsa.pem", &rsa)), ..settings(JwtAlgorithm::EdDSA) },
            "of another kind",
        ),
        (
            Jwt {
                public_key_file: Some(file("k", "-----BEGIN PRIVATE KEY-----\ngeheim\n")),
                ..settings(JwtAlgorithm::EdDSA)
            },
            "holds a private key",
        ),
        (
            Jwt { public_key_file: Some(file("t", "geheim")), ..settings(JwtAlgorithm::EdDSA) },
            "holds no PEM block PUBLIC KEY",
        ),
        (Jwt { jwks_file: some, ..settings(JwtAlgorithm::EdDSA) }, "is no JWK set"),
        (
            Jwt { jwks_file: Some(file("empty.json", r#"{"keys": []}"#)), ..settings(JwtAlgorithm::EdDSA) },
            "holds 0 keys",
        ),
    ];
    for (settings, expected) in cases {
        let error = Verifier::open(settings).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }
}

/// Made once with `openssl genrsa 1024`, for this test alone.
const SHORT_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCnjckReHHiRVbMmqprEpYLw5qt
/VUEE2MNDIaxaEC0BLUD1SWqSIrnW3D262nnIVzXvegAXX3sPCkNfp7mfjbB6XcC
gAw6J64ognfbG4DWlSfslCPs1WbjhyB6kgdWHFXiYvUs0KIHTi2JkdJC15aMigKo
P6kst2wclFR3PPOVjQIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn a_short_rsa_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rsa.pem");
    fs::write(&path, SHORT_RSA).unwrap();
    let error = Verifier::open(Jwt { public_key_file: Some(path), ..settings(JwtAlgorithm::RS256) });
    let error = error.err().unwrap().to_string();
    assert!(error.contains("holds a shorter RSA key; needed: a public RSA key of at least 2048"), "{error}");
}
