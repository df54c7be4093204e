use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Network;
use super::described::described;

described! {
    /// Who may read `/metrics`.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Metrics {
        /// Addresses and networks beyond this machine, such as `10.1.2.3` and
        /// `10.0.0.0/8`. What comes through a proxy is never this machine itself.
        pub readers: Vec<Network>,
    }
}

impl Metrics {
    /// Whether this address may read them.
    pub(crate) fn may_read(&self, address: IpAddr) -> bool {
        self.readers.iter().any(|network| network.contains(address))
    }
}
