use serde::Deserialize;

use super::Network;

/// What stands in front of the server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Addresses and networks of proxies whose `X-Forwarded-For` is believed,
    /// such as `127.0.0.1` and `10.0.0.0/8`. Who has passed on a request is
    /// taken for the client otherwise. Default none.
    pub trusted: Vec<Network>,
}

pub(super) const KEYS: &[&str] = &["trusted"];
