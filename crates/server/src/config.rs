//! Everything an operator can set, in one place, each with its default.
//!
//! The file given by `--config` is TOML; every key is optional, an unknown one
//! is an error that names the nearest known key.

/// Who may come in.
mod auth;
/// Which events are kept.
mod events;
/// Who may read the metrics.
mod metrics;
/// Addresses.
mod network;
/// What stands in front.
mod proxy;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::accept::Patience;

pub use auth::{Auth, AuthMode, Jwt, JwtAlgorithm};
pub use events::Events;
pub use metrics::Metrics;
pub use network::Network;
pub use proxy::Proxy;

/// How a server works.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where to listen, `ADDRESS:PORT` or `NAME:PORT`. Default `127.0.0.1:5000`.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Holds the store (`msgalaxy.db`), `experiments/` and `boms/`; BOM and
    /// configuration files named by clients are looked up under it. Default `.`.
    pub data_dir: PathBuf,
    /// Further directories in which clients may name BOM and configuration
    /// files. Default none.
    pub bom_roots: Vec<PathBuf>,
    /// Tasks that run at the same time. Default: half of the processors, at
    /// least 2.
    pub workers: usize,
    /// Sends every event of every task to every connection, as servers did
    /// before there were subscriptions. Default `false`.
    pub legacy_broadcast: bool,
    /// Serves without authentication beyond this machine, or behind a proxy.
    /// Default `false`.
    pub insecure_no_auth: bool,
    /// Who may come in.
    pub auth: Auth,
    /// Who may call from other pages.
    pub cors: Cors,
    /// Which events of tasks are kept.
    pub events: Events,
    /// Who may read the metrics.
    pub metrics: Metrics,
    /// What stands in front of the server.
    pub proxy: Proxy,
    /// What may grow, and how far.
    pub limits: Limits,
}

/// Who may call from other pages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins beyond the server's own, such as `https://example.org`; `*` for
    /// all. While the server listens on loopback only, loopback origins and
    /// `null` (pages opened from a file) are allowed as well. Default none.
    pub origins: Vec<String>,
}

/// What may grow, and how far.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body and largest file that a client names, bytes.
    /// Default 8 MiB. A BOM has at most [`model::bom::MAX_BOM_BYTES`] (2 MiB)
    /// whatever stands here.
    pub body_bytes: usize,
    /// Longest time in which a request body must have arrived, s. Default 30.
    pub body_timeout_s: u64,
    /// Longest time in which the head of a request must have arrived, s; a
    /// connection may rest as long between two requests. Default 60.
    pub head_timeout_s: u64,
    /// Largest BOM inside the body of `POST /api/tasks`, bytes; larger ones are
    /// uploaded first. Default 1 MiB. The rest of the body has at most 64 KiB.
    pub inline_bom_bytes: usize,
    /// Tasks that wait or run; more are refused with `queue_full`. Default 1000.
    pub queued_tasks: usize,
    /// Uploaded BOM files; more are refused with `uploads_full`. Default 1000.
    pub uploaded_boms: usize,
    /// Connections of Socket.IO, of the native stream and of server-sent events
    /// together; more are refused with `too_many_connections`, in the
    /// `data.code` of CONNECT_ERROR or with status 503. Default 10000.
    pub connections: usize,
    /// Tasks one connection follows; more are refused with
    /// `too_many_subscriptions`. Default 100.
    pub subscriptions_per_connection: usize,
    /// Messages that a client of Socket.IO or of the native stream may send in a
    /// second, and ten times as many at once; who sends more hears the error
    /// `too_many_messages`, and the connection ends. 0: any number. Default 100.
    pub messages_per_second: u32,
    /// Bytes of those messages; beyond them `too_many_bytes`. 0: any number.
    /// Default 1 MiB.
    pub message_bytes_per_second: u32,
    /// A client that takes no byte for this long while there are some for it is
    /// disconnected, s: whatever the answer or the stream is, REST, server-sent
    /// events, polling or WebSocket. Default 20.
    pub write_timeout_s: u64,
    /// How long the server may take to end when it is told to, s: running tasks
    /// reach a checkpoint, then clients are told. A quarter of it, 2 s at most,
    /// is kept for the clients; who takes nothing meanwhile is cut off. Default
    /// 10.
    pub shutdown_s: u64,
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

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 8 << 20,
            body_timeout_s: 30,
            head_timeout_s: 60,
            inline_bom_bytes: 1 << 20,
            queued_tasks: 1000,
            uploaded_boms: 1000,
            connections: 10_000,
            subscriptions_per_connection: 100,
            messages_per_second: 100,
            message_bytes_per_second: 1 << 20,
            write_timeout_s: 20,
            shutdown_s: 10,
        }
    }
}

impl Limits {
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_s)
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { head: Duration::from_secs(self.head_timeout_s), write: self.write_timeout() }
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_s)
    }

    pub(crate) fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_s)
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key that means nothing.
    #[error("{path}: unknown key `{key}`{}; known here: {known}", suggestion.as_ref().map(|s| format!(", did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key with its table, dotted.
        key: String,
        /// The nearest known key.
        suggestion: Option<String>,
        /// All known keys of the table.
        known: String,
    },
    /// A value of the wrong type, or no TOML at all.
    #[error("{path}: {source}")]
    Value {
        /// The file.
        path: PathBuf,
        /// What the parser found, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A number outside its range.
    #[error("{path}: `{key}` is {found}; allowed: {allowed}")]
    Range {
        /// The file.
        path: PathBuf,
        /// The key, dotted.
        key: &'static str,
        /// What stands there.
        found: u64,
        /// What may stand there.
        allowed: &'static str,
    },
    /// An origin that no browser sends.
    #[error(
        "{path}: `cors.origins` holds {found:?}; allowed: \"https://host[:port]\", \"http://host[:port]\", \"null\", \"*\""
    )]
    Origin {
        /// The file.
        path: PathBuf,
        /// What stands there.
        found: String,
    },
}

const KEYS: &[&str] = &[
    "listen",
    "data_dir",
    "bom_roots",
    "workers",
    "legacy_broadcast",
    "insecure_no_auth",
    "auth",
    "cors",
    "events",
    "metrics",
    "proxy",
    "limits",
];
const CORS_KEYS: &[&str] = &["origins"];
const LIMIT_KEYS: &[&str] = &[
    "body_bytes",
    "body_timeout_s",
    "head_timeout_s",
    "inline_bom_bytes",
    "queued_tasks",
    "uploaded_boms",
    "connections",
    "subscriptions_per_connection",
    "messages_per_second",
    "message_bytes_per_second",
    "write_timeout_s",
    "shutdown_s",
];

impl Settings {
    /// Reads a settings file.
    pub fn load(path: &Path) -> Result<Settings, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Settings::parse(&text, path)
    }

    /// Reads the text of a settings file; `path` names it in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Settings, Error> {
        let value = |source| Error::Value { path: path.to_owned(), source: Box::new(source) };
        let table: toml::Table = text.parse().map_err(value)?;
        check_keys(&table, "", KEYS, path)?;
        for (name, keys) in [
            ("auth", auth::KEYS),
            ("auth.jwt", auth::JWT_KEYS),
            ("cors", CORS_KEYS),
            ("events", events::KEYS),
            ("metrics", metrics::KEYS),
            ("proxy", proxy::KEYS),
            ("limits", LIMIT_KEYS),
        ] {
            let inner = name.split('.').try_fold(&table, |table, part| table.get(part)?.as_table());
            if let Some(inner) = inner {
                check_keys(inner, name, keys, path)?;
            }
        }
        let settings: Settings = toml::from_str(text).map_err(value)?;
        settings.check_ranges(path)?;
        settings.check_origins(path)?;
        Ok(settings)
    }

    /// Whether only this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// A browser names an origin as scheme, host and port: anything else would
    /// never match, and nobody would see why.
    fn check_origins(&self, path: &Path) -> Result<(), Error> {
        let is_origin = |text: &str| {
            let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
            let host = host.map(|host| host.trim_end_matches('/'));
            host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '@', '?', '#']))
        };
        match self
            .cors
            .origins
            .iter()
            .find(|origin| !matches!(origin.as_str(), "*" | "null") && !is_origin(origin))
        {
            Some(found) => Err(Error::Origin { path: path.to_owned(), found: found.clone() }),
            None => Ok(()),
        }
    }

    fn check_ranges(&self, path: &Path) -> Result<(), Error> {
        let limits = &self.limits;
        let checks: [(&'static str, u64, bool, &'static str); 10] = [
            ("workers", self.workers as u64, (1..=256).contains(&self.workers), "1 to 256"),
            (
                "limits.body_bytes",
                limits.body_bytes as u64,
                (1024..=1 << 30).contains(&limits.body_bytes),
                "1024 to 1073741824",
            ),
            (
                "limits.body_timeout_s",
                limits.body_timeout_s,
                (1..=3600).contains(&limits.body_timeout_s),
                "1 to 3600",
            ),
            (
                "limits.head_timeout_s",
                limits.head_timeout_s,
                (1..=3600).contains(&limits.head_timeout_s),
                "1 to 3600",
            ),
            ("limits.queued_tasks", limits.queued_tasks as u64, limits.queued_tasks > 0, "at least 1"),
            ("limits.connections", limits.connections as u64, limits.connections > 0, "at least 1"),
            (
                "limits.subscriptions_per_connection",
                limits.subscriptions_per_connection as u64,
                limits.subscriptions_per_connection > 0,
                "at least 1",
            ),
            (
                "limits.message_bytes_per_second",
                limits.message_bytes_per_second.into(),
                limits.message_bytes_per_second == 0 || limits.message_bytes_per_second >= 1024,
                "0, or at least 1024",
            ),
            (
                "limits.write_timeout_s",
                limits.write_timeout_s,
                (1..=3600).contains(&limits.write_timeout_s),
                "1 to 3600",
            ),
            ("limits.shutdown_s", limits.shutdown_s, limits.shutdown_s <= 3600, "0 to 3600"),
        ];
        for (key, found, ok, allowed) in
            checks.into_iter().chain(self.events.checks()).chain(self.auth.checks())
        {
            if !ok {
                return Err(Error::Range { path: path.to_owned(), key, found, allowed });
            }
        }
        Ok(())
    }
}

/// The address that `ADDRESS:PORT` or `NAME:PORT` stands for. Of the addresses
/// of a name, an IPv4 one counts first: who types a name reaches that most
/// surely. Blocks while a name is looked up.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
    let Some((name, port)) = port.filter(|(name, _)| !name.is_empty() && !name.contains(':')) else {
        return Err(format!(
            "found {text:?}; allowed: ADDRESS:PORT or NAME:PORT, such as 127.0.0.1:5000, [::1]:5000, localhost:5000"
        ));
    };
    let found: Vec<SocketAddr> = (name, port)
        .to_socket_addrs()
        .map_err(|error| {
            format!("found {text:?}, whose name has no address ({error}); allowed: a name that resolves")
        })?
        .collect();
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied()
        .ok_or_else(|| format!("found {text:?}, whose name has no address; allowed: a name that resolves"))
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn check_keys(table: &toml::Table, prefix: &str, known: &[&str], path: &Path) -> Result<(), Error> {
    for key in table.keys() {
        if !known.contains(&key.as_str()) {
            return Err(Error::UnknownKey {
                path: path.to_owned(),
                key: if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") },
                suggestion: nearest(key, known).map(str::to_owned),
                known: known.join(", "),
            });
        }
    }
    Ok(())
}

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, Error> {
        Settings::parse(text, Path::new("msgalaxy.toml"))
    }

    #[test]
    fn every_key_is_honored() {
        let settings = parse(
            r#"
            listen = "127.0.0.1:6000"
            data_dir = "data"
            bom_roots = ["library"]
            workers = 3
            legacy_broadcast = true
            insecure_no_auth = true
            [auth]
            mode = "required"
            expiry_warning_s = 20
            expiry_grace_s = 21
            [auth.jwt]
            algorithm = "ES256"
            public_key_file = "issuer.pem"
            issuer = "https://id.example.org"
            audience = "msgalaxy"
            leeway_s = 22
            scope_claim = "roles"
            [cors]
            origins = ["https://example.org"]
            [events]
            keep_per_task = 100
            keep_days = 30
            ring_events = 10
            ring_bytes = 4096
            ring_total_bytes = 8192
            sse_heartbeat_s = 3
            [limits]
            body_bytes = 2048
            body_timeout_s = 5
            head_timeout_s = 10
            inline_bom_bytes = 100
            queued_tasks = 4
            uploaded_boms = 5
            connections = 6
            subscriptions_per_connection = 7
            messages_per_second = 11
            message_bytes_per_second = 4096
            write_timeout_s = 8
            shutdown_s = 9
            "#,
        )
        .expect("every key is known");
        assert_eq!(settings.listen.port(), 6000);
        assert_eq!(settings.workers, 3);
        assert!(settings.legacy_broadcast && settings.insecure_no_auth);
        assert_eq!(settings.cors.origins, ["https://example.org"]);
        let auth = settings.auth;
        assert!(auth.is_required());
        assert_eq!((auth.expiry_warning_s, auth.expiry_grace_s), (20, 21));
        let jwt = auth.jwt.expect("a table");
        assert_eq!((jwt.algorithm, jwt.leeway_s), (JwtAlgorithm::ES256, 22));
        assert_eq!(jwt.public_key_file.as_deref(), Some(Path::new("issuer.pem")));
        assert_eq!(
            (&*jwt.issuer, &*jwt.audience, &*jwt.scope_claim),
            ("https://id.example.org", "msgalaxy", "roles")
        );
        let events = settings.events;
        let retention = events.retention();
        assert_eq!(retention.keep_per_task.map(u64::from), Some(100));
        assert_eq!(retention.keep_ended, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((events.ring_events, events.ring_bytes, events.ring_total_bytes), (10, 4096, 8192));
        assert_eq!(events.sse_heartbeat(), Duration::from_secs(3));
        let limits = settings.limits;
        assert_eq!((limits.body_bytes, limits.body_timeout_s, limits.inline_bom_bytes), (2048, 5, 100));
        assert_eq!((limits.queued_tasks, limits.uploaded_boms, limits.connections), (4, 5, 6));
        assert_eq!((limits.subscriptions_per_connection, limits.write_timeout_s), (7, 8));
        assert_eq!((limits.messages_per_second, limits.message_bytes_per_second), (11, 4096));
        assert_eq!((limits.shutdown_s, limits.head_timeout_s), (9, 10));
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let settings = parse("").expect("nothing is required");
        assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 5000)));
        assert!(!settings.legacy_broadcast && settings.is_loopback() && !settings.auth.is_required());
    }

    #[test]
    fn the_name_of_this_machine_is_a_loopback_address() {
        let settings = parse("listen = \"localhost:6000\"").expect("the name resolves");
        assert_eq!(settings.listen.port(), 6000);
        assert!(settings.is_loopback() && crate::check(&settings).is_ok());
    }

    #[test]
    fn an_address_needs_a_host_and_a_port() {
        for text in [
            "localhost",
            ":5000",
            "localhost:",
            "localhost:70000",
            "::1:5000",
            "[::1]",
            "http://localhost:5000",
        ] {
            let error = listen_address(text).expect_err(text);
            assert!(error.contains(text) && error.contains("allowed: ADDRESS:PORT"), "{error}");
        }
        for text in ["0.0.0.0:1", "[::1]:5000"] {
            assert_eq!(listen_address(text).expect("an address").to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let cases = [
            ("lisen = \"127.0.0.1:1\"", "unknown key `lisen`, did you mean `listen`?"),
            ("[limits]\nbody_byte = 1", "unknown key `limits.body_byte`, did you mean `body_bytes`?"),
            ("[cors]\nfrogs = 1", "unknown key `cors.frogs`; known here: origins"),
            (
                "[cors]\norigins = [\"example.org\"]",
                "`cors.origins` holds \"example.org\"; allowed: \"https://host",
            ),
            ("[cors]\norigins = [\"https://a.org/page\"]", "https://a.org/page"),
            ("workers = 0", "`workers` is 0; allowed: 1 to 256"),
            ("[auth]\nmod = \"none\"", "unknown key `auth.mod`, did you mean `mode`?"),
            ("[auth]\nmode = \"maybe\"", "unknown variant `maybe`, expected `none` or `required`"),
            ("[auth]\nexpiry_warning_s = 0", "`auth.expiry_warning_s` is 0; allowed: 1 to 86400"),
            (
                "[auth.jwt]\nalgorithms = \"RS256\"",
                "unknown key `auth.jwt.algorithms`, did you mean `algorithm`?",
            ),
            ("[auth.jwt]\nalgorithm = \"none\"", "unknown variant `none`, expected one of `HS256`"),
            ("[auth.jwt]\nalgorithm = \"RS256\"", "missing field `issuer`"),
            ("workers = \"many\"", "invalid type"),
            ("[events]\nkeep_day = 1", "unknown key `events.keep_day`, did you mean `keep_days`?"),
            (
                "[events]\nring_total_bytes = 1024",
                "`events.ring_total_bytes` is 1024; allowed: at least events.ring_bytes",
            ),
            ("listen = \"nowhere\"", "found \"nowhere\"; allowed: ADDRESS:PORT or NAME:PORT"),
            ("listen = 5000", "listen"),
            ("= 3", "msgalaxy.toml"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
