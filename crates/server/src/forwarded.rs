//! Whose request a proxy passed on. Anybody can write `X-Forwarded-For`; what
//! it says is believed as far as it was written by proxies that the operator
//! named.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

use crate::config::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request came from that `peer` has sent. Each proxy adds at the end
/// from whom it has the request: so it is read from there, as far as those who
/// speak are trusted. The port is 0 where a proxy told the address.
pub(crate) fn client(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> SocketAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer.ip()) {
        return peer;
    }
    let mut client = peer;
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        let Ok(text) = value.to_str() else { return client };
        for told in text.rsplit(',') {
            // What is no address could hide one: nothing before it counts.
            let Some(address) = address(told.trim()) else { return client };
            client = SocketAddr::new(address, 0);
            if !is_trusted(address) {
                return client;
            }
        }
    }
    client
}

/// An address, also with a port, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok()?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let headers = lines.iter().map(|line| (FORWARDED_FOR, line.parse().expect("a header value")));
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        client(peer.parse().expect("an address"), &headers.collect(), &trusted).to_string()
    }

    #[test]
    fn what_nobody_trusted_has_written_is_not_believed() {
        assert_eq!(of("9.9.9.9:1", &["1.1.1.1"], &[]), "9.9.9.9:1");
        assert_eq!(of("9.9.9.9:1", &["1.1.1.1"], &["127.0.0.1"]), "9.9.9.9:1");
        // What the client itself wrote stands before what the proxy added.
        assert_eq!(of("127.0.0.1:1", &["1.1.1.1, 2.2.2.2"], &["127.0.0.1"]), "2.2.2.2:0");
        assert_eq!(of("127.0.0.1:1", &["127.0.0.1, 2.2.2.2"], &["127.0.0.1"]), "2.2.2.2:0");
        assert_eq!(of("127.0.0.1:1", &["1.1.1.1", "2.2.2.2"], &["127.0.0.1"]), "2.2.2.2:0");
    }

    #[test]
    fn proxies_before_proxies_are_passed_over_as_far_as_they_are_trusted() {
        let trusted = ["127.0.0.1", "10.0.0.0/8"];
        assert_eq!(of("127.0.0.1:1", &["3.3.3.3, 10.1.1.1, 10.2.2.2"], &trusted), "3.3.3.3:0");
        assert_eq!(of("127.0.0.1:1", &["3.3.3.3, 11.1.1.1, 10.2.2.2"], &trusted), "11.1.1.1:0");
        assert_eq!(of("127.0.0.1:1", &["10.1.1.1"], &trusted), "10.1.1.1:0");
        assert_eq!(of("127.0.0.1:1", &[], &trusted), "127.0.0.1:1");
    }

    #[test]
    fn what_is_no_address_ends_the_look_back() {
        for (told, expected) in [
            ("1.1.1.1, unknown", "127.0.0.1:1"),
            ("1.1.1.1, ", "127.0.0.1:1"),
            ("1.1.1.1, _hidden, 10.1.1.1", "10.1.1.1:0"),
            ("2.2.2.2:4711", "2.2.2.2:0"),
            ("[2001:db8::1]:4711", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("::ffff:2.2.2.2", "2.2.2.2:0"),
        ] {
            assert_eq!(of("127.0.0.1:1", &[told], &["127.0.0.1", "10.0.0.0/8"]), expected, "{told}");
        }
    }
}
