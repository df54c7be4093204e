use serde::{Deserialize, Serialize};

use super::Network;
use super::described::described;

described! {
    /// What stands in front of the server.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Proxy {
        /// Addresses and networks of proxies whose `X-Forwarded-For` is believed,
        /// such as `127.0.0.1` and `10.0.0.0/8`. Who has passed on a request is
        /// taken for the client otherwise.
        pub trusted: Vec<Network>,
    }
}
