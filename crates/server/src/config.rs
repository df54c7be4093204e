//! Everything an operator can set, in one place, each with its default.
//!
//! Settings come from a TOML file (`--config`), from environment variables and
//! from options of the command line, the later winning. Every key is optional,
//! an unknown one is an error that names the nearest known key. What a key means
//! stands in its doc comment, and `msgalaxy config print` repeats it.

/// Structs of settings that know their doc comments.
mod described;
/// Where to listen.
mod listen;
/// Who may come in.
mod auth;
/// Who may call from other pages.
mod cors;
/// Which events are kept.
mod events;
/// What may grow, and how far.
mod limits;
/// Who may read the metrics.
mod metrics;
/// Addresses.
mod network;
/// What stands in front.
mod proxy;

/// From a file and the environment to settings.
mod load;
/// What a file says.
mod file;
/// What the environment says.
mod environment;
/// What is wrong with them.
mod refused;
/// A file that explains itself.
mod print;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use described::described;

pub use auth::{Auth, AuthMode, Jwt, JwtAlgorithm};
pub use cors::Cors;
pub use events::Events;
pub use limits::Limits;
pub use listen::listen_address;
pub use metrics::Metrics;
pub use network::Network;
pub use proxy::Proxy;
pub use refused::Refused;

described! {
    /// How a server works.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Settings {
        /// Where to listen, `ADDRESS:PORT` or `NAME:PORT`.
        #[serde(deserialize_with = "listen::deserialize")]
        pub listen: SocketAddr,
        /// Holds the store (`msgalaxy.db`), `experiments/` and `boms/`; BOM and
        /// configuration files named by clients are looked up under it.
        pub data_dir: PathBuf,
        /// Further directories in which clients may name BOM and configuration
        /// files.
        pub bom_roots: Vec<PathBuf>,
        /// Tasks that run at the same time; by default half of the processors, at
        /// least 2.
        pub workers: usize,
        /// Sends every event of every task to every connection, as servers did
        /// before there were subscriptions.
        pub legacy_broadcast: bool,
        /// Serves without authentication beyond this machine, or behind a proxy.
        pub insecure_no_auth: bool,
        /// Who may come in.
        pub auth: Auth,
        /// Who may call from other pages.
        pub cors: Cors,
        /// Which events of tasks are kept, on the disk and in memory.
        pub events: Events,
        /// Who may read `/metrics`.
        pub metrics: Metrics,
        /// What stands in front of the server.
        pub proxy: Proxy,
        /// What may grow, and how far.
        pub limits: Limits,
    }
}

impl Default for Settings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            data_dir: PathBuf::from("."),
            bom_roots: Vec::new(),
            workers: (processors / 2).max(2),
            legacy_broadcast: false,
            insecure_no_auth: false,
            auth: Auth::default(),
            cors: Cors::default(),
            events: Events::default(),
            metrics: Metrics::default(),
            proxy: Proxy::default(),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// Whether only this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// Key, value, whether it may be, what may be.
    fn checks(&self) -> impl Iterator<Item = (&'static str, u64, bool, &'static str)> {
        let workers = ("workers", self.workers as u64, (1..=256).contains(&self.workers), "1 to 256");
        std::iter::once(workers)
            .chain(self.auth.checks())
            .chain(self.events.checks())
            .chain(self.limits.checks())
    }
}
