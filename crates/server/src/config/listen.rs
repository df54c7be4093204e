use std::net::{SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Deserializer};

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

/// Reads one from a settings file.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
