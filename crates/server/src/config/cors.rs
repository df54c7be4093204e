use serde::{Deserialize, Serialize};

use super::described::described;

/// What may stand in `cors.origins`.
pub(super) const ALLOWED: &str = "\"https://host[:port]\", \"http://host[:port]\", \"null\", \"*\"";

described! {
    /// Who may call from other pages.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Cors {
        /// Origins beyond the server's own, such as `https://example.org`; `*` for
        /// all. While the server listens on loopback only, loopback origins and
        /// `null` (pages opened from a file) are allowed as well.
        pub origins: Vec<String>,
    }
}

impl Cors {
    /// Origins that no browser sends: it names them as scheme, host and port.
    /// Anything else would never match, and nobody would see why.
    pub(super) fn impossible(&self) -> impl Iterator<Item = &String> {
        let is_origin = |text: &str| {
            let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
            let host = host.map(|host| host.trim_end_matches('/'));
            host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '@', '?', '#']))
        };
        self.origins
            .iter()
            .filter(move |origin| !matches!(origin.as_str(), "*" | "null") && !is_origin(origin))
    }
}
