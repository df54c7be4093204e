use std::net::IpAddr;

use serde::Deserialize;

use super::Network;

/// Who may read `/metrics`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Addresses and networks beyond this machine, such as `10.1.2.3` and
    /// `10.0.0.0/8`. What comes through a proxy is never this machine itself.
    /// Default none.
    pub readers: Vec<Network>,
}

pub(super) const KEYS: &[&str] = &["readers"];

impl Metrics {
    /// Whether this address may read them.
    pub(crate) fn may_read(&self, address: IpAddr) -> bool {
        self.readers.iter().any(|network| network.contains(address))
    }
}
