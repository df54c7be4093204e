//! What every request passes before it reaches a route: who may call, and what
//! every answer carries. Without authentication the server trusts its own
//! machine only, so a page of a stranger must not be able to borrow it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::Settings;
use crate::problem::{ApiError, Forbidden, REQUEST_ID};
use crate::request::shown;

/// The rules, fixed at start.
#[derive(Debug)]
pub(crate) struct Guard {
    loopback: bool,
    insecure_no_auth: bool,
    any_origin: bool,
    origins: Vec<String>,
}

/// Headers that only a proxy sets.
const FORWARDING: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

impl Guard {
    pub(crate) fn new(settings: &Settings) -> Arc<Guard> {
        let origins = &settings.cors.origins;
        Arc::new(Guard {
            // Who asks everybody may be reached by everybody.
            loopback: settings.is_loopback() && !settings.auth.is_required(),
            insecure_no_auth: settings.insecure_no_auth,
            any_origin: origins.iter().any(|origin| origin == "*"),
            origins: origins.iter().map(|origin| origin.trim_end_matches('/').to_lowercase()).collect(),
        })
    }

    /// Whether a page of this origin may use the server.
    pub(crate) fn allows_origin(&self, origin: &str, headers: &HeaderMap) -> bool {
        let origin = origin.to_lowercase();
        if self.any_origin || self.origins.contains(&origin) {
            return true;
        }
        if self.loopback && origin == "null" {
            return true;
        }
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let same_origin = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .is_some_and(|host| host.eq_ignore_ascii_case(authority));
        same_origin || self.loopback && is_loopback_host(authority)
    }

    /// Why a request is turned away at the door.
    fn refusal(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<ApiError> {
        let forbidden = |rule, error: String| Some(ApiError::forbidden(rule, error));
        if self.loopback && !self.insecure_no_auth {
            if let Some(name) = forwarding_header(headers) {
                return forbidden(
                    Forbidden::Forwarded,
                    format!(
                        "header {name}: a server without authentication does not stand behind a proxy; start it with --insecure-no-auth to allow it"
                    ),
                );
            }
            // A name that somebody else's DNS points to this machine.
            if let Some(host) = headers.get(header::HOST)
                && !host.to_str().is_ok_and(is_loopback_host)
            {
                return forbidden(
                    Forbidden::Host,
                    "header Host: only localhost and loopback addresses reach a server without authentication".to_owned(),
                );
            }
        }
        // Reading is up to CORS; writing and sockets must not happen at all.
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if (!reads || path.starts_with("/socket.io") || path == "/api/stream")
            && let Some(origin) = headers.get(header::ORIGIN)
        {
            let origin = origin.to_str().unwrap_or("?");
            if !self.allows_origin(origin, headers) {
                return forbidden(
                    Forbidden::Origin,
                    format!("origin {} is not allowed; allow it under [cors] origins", shown(origin)),
                );
            }
        }
        None
    }
}

/// Whether a proxy has passed the request on.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    forwarding_header(headers).is_some()
}

fn forwarding_header(headers: &HeaderMap) -> Option<&'static str> {
    FORWARDING.into_iter().find(|name| headers.contains_key(*name))
}

/// Turns away what may not come in, and adds the headers that every answer has.
pub(crate) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let refusal = guard.refusal(request.method(), request.uri().path(), request.headers());
    let mut response = match refusal {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// CORS by the same rules.
pub(crate) fn cors(guard: Arc<Guard>) -> CorsLayer {
    let origin = if guard.any_origin {
        AllowOrigin::any()
    } else {
        AllowOrigin::predicate(move |origin: &HeaderValue, parts: &Parts| {
            origin.to_str().is_ok_and(|origin| guard.allows_origin(origin, &parts.headers))
        })
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID.clone(), header::CONTENT_DISPOSITION])
        .max_age(std::time::Duration::from_secs(600))
}

/// Whether `host[:port]` names this machine for certain.
fn is_loopback_host(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.trim_end_matches('.').to_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
                (name, HeaderValue::from_str(value).expect("a header value"))
            })
            .collect()
    }

    fn guard(listen: &str, insecure: bool, origins: &[&str]) -> Arc<Guard> {
        let mut settings = Settings { listen: listen.parse().expect("an address"), ..Settings::default() };
        settings.insecure_no_auth = insecure;
        settings.cors.origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        Guard::new(&settings)
    }

    fn code(guard: &Guard, method: Method, path: &str, pairs: &[(&str, &str)]) -> Option<String> {
        guard.refusal(&method, path, &headers(pairs)).map(|error| error.code().to_owned())
    }

    #[test]
    fn a_loopback_server_answers_its_own_machine_only() {
        let guard = guard("127.0.0.1:5000", false, &[]);
        for host in ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "app.localhost", "127.8.0.1"] {
            assert_eq!(code(&guard, Method::GET, "/api/health", &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:5000", "10.0.0.1:5000", "127.0.0.1.nip.example"]
        {
            let found = code(&guard, Method::GET, "/api/health", &[("host", host)]);
            assert_eq!(found.as_deref(), Some("host_not_allowed"), "{host}");
        }
        for name in FORWARDING {
            let found = code(&guard, Method::GET, "/", &[("host", "localhost"), (name, "1.2.3.4")]);
            assert_eq!(found.as_deref(), Some("forwarded_not_allowed"), "{name}");
        }
    }

    #[test]
    fn a_stranger_s_page_can_neither_write_nor_listen() {
        let guard = guard("127.0.0.1:5000", false, &[]);
        let from = |origin| [("host", "localhost:5000"), ("origin", origin)];
        for origin in ["http://localhost:3000", "null", "http://127.0.0.1:5000", "http://[::1]:8080"] {
            assert_eq!(code(&guard, Method::POST, "/api/tasks", &from(origin)), None, "{origin}");
            assert_eq!(code(&guard, Method::GET, "/socket.io/", &from(origin)), None, "{origin}");
            assert_eq!(code(&guard, Method::GET, "/api/stream", &from(origin)), None, "{origin}");
        }
        for origin in ["https://evil.example", "http://localhost.evil.example", "file"] {
            for (method, path) in
                [(Method::POST, "/api/tasks"), (Method::GET, "/socket.io/"), (Method::GET, "/api/stream")]
            {
                let found = code(&guard, method, path, &from(origin));
                assert_eq!(found.as_deref(), Some("origin_not_allowed"), "{origin} {path}");
            }
        }
    }

    #[test]
    fn an_open_server_knows_its_own_origin_and_the_listed_ones() {
        let guard = guard("0.0.0.0:5000", true, &["https://app.example/"]);
        let host = ("host", "sat.example:5000");
        let post = |origin| code(&guard, Method::POST, "/api/tasks", &[host, ("origin", origin)]);
        assert_eq!(post("http://sat.example:5000"), None);
        assert_eq!(post("https://app.example"), None);
        assert_eq!(post("null").as_deref(), Some("origin_not_allowed"));
        assert_eq!(post("http://localhost:3000").as_deref(), Some("origin_not_allowed"));
        assert_eq!(code(&guard, Method::GET, "/", &[host, ("x-forwarded-for", "1.2.3.4")]), None);
    }
}
