//! Why somebody is turned away, in words that tell nothing secret.

use model::Language;

use crate::auth::Scope;

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::En))]
pub enum Refusal {
    /// No token came with the request.
    Missing,
    /// It is no token, or lacks what every token has.
    Malformed,
    /// Nobody here knows this key, or the key that signed the token.
    UnknownKey,
    /// The signature does not fit the token.
    BadSignature,
    /// It is signed in another way than the server takes.
    WrongAlgorithm,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It was made for another server.
    WrongAudience,
    /// It was made by somebody else.
    WrongIssuer,
    /// It was withdrawn.
    Revoked,
    /// It does not allow this.
    ScopeMissing(Scope),
}

impl Refusal {
    /// Every reason, for whoever counts them.
    pub const ALL: [Refusal; 11] = [
        Refusal::Missing,
        Refusal::Malformed,
        Refusal::UnknownKey,
        Refusal::BadSignature,
        Refusal::WrongAlgorithm,
        Refusal::Expired,
        Refusal::NotYetValid,
        Refusal::WrongAudience,
        Refusal::WrongIssuer,
        Refusal::Revoked,
        Refusal::ScopeMissing(Scope::Admin),
    ];

    /// The stable code that clients branch on.
    pub fn code(self) -> &'static str {
        self.words().0
    }

    /// The label under which refusals are counted.
    pub fn label(self) -> &'static str {
        self.words().1
    }

    /// What people are told.
    pub fn text(self, language: Language) -> &'static str {
        let (_, _, zh, en) = self.words();
        match language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// Whether who calls is known, but may not do this.
    pub fn is_forbidden(self) -> bool {
        matches!(self, Refusal::ScopeMissing(_))
    }

    fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Refusal::Missing => {
                ("token_missing", "missing", "此服务器需要访问令牌", "this server wants a token")
            }
            Refusal::Malformed => (
                "token_malformed",
                "malformed",
                "令牌格式不正确，或缺少 sub 或 exp",
                "the token is not well formed, or lacks `sub` or `exp`",
            ),
            Refusal::UnknownKey => (
                "token_unknown",
                "unknown_key",
                "此服务器不认识该令牌或其签名密钥",
                "this server knows neither the token nor the key that signed it",
            ),
            Refusal::BadSignature => {
                ("token_bad_signature", "bad_signature", "令牌签名不正确", "the token's signature is wrong")
            }
            Refusal::WrongAlgorithm => (
                "token_wrong_algorithm",
                "wrong_algorithm",
                "令牌的签名算法不是此服务器所用的算法",
                "the token is signed with another algorithm than this server takes",
            ),
            Refusal::Expired => ("token_expired", "expired", "令牌已过期", "the token has expired"),
            Refusal::NotYetValid => {
                ("token_not_yet_valid", "not_yet_valid", "令牌尚未生效", "the token is not valid yet")
            }
            Refusal::WrongAudience => (
                "token_wrong_audience",
                "wrong_audience",
                "令牌不是为此服务器签发的",
                "the token is for another audience",
            ),
            Refusal::WrongIssuer => (
                "token_wrong_issuer",
                "wrong_issuer",
                "令牌的签发者不受此服务器信任",
                "the token is from another issuer",
            ),
            Refusal::Revoked => ("token_revoked", "revoked", "令牌已被撤销", "the token has been revoked"),
            Refusal::ScopeMissing(scope) => {
                let (zh, en) = match scope {
                    Scope::TasksRead => (
                        "令牌不允许读取任务 (tasks:read)",
                        "the token does not allow reading tasks (tasks:read)",
                    ),
                    Scope::TasksWrite => (
                        "令牌不允许创建或更改任务 (tasks:write)",
                        "the token does not allow making or changing tasks (tasks:write)",
                    ),
                    Scope::Admin => {
                        ("令牌不允许管理此服务器 (admin)", "the token does not allow administration (admin)")
                    }
                };
                ("scope_missing", "scope_missing", zh, en)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_code_a_label_and_words_of_its_own() {
        let all = Refusal::ALL;
        let distinct = |of: &dyn Fn(Refusal) -> &'static str| all.map(of).into_iter().collect::<HashSet<_>>();
        assert_eq!(distinct(&Refusal::code).len(), all.len());
        assert_eq!(distinct(&Refusal::label).len(), all.len());
        for language in [Language::Zh, Language::En] {
            assert_eq!(distinct(&|refusal| refusal.text(language)).len(), all.len());
        }
        for scope in Scope::ALL {
            for language in [Language::Zh, Language::En] {
                assert!(Refusal::ScopeMissing(scope).text(language).contains(scope.name()));
            }
        }
    }
}
