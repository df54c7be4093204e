use http::{HeaderMap, Request, StatusCode, header};
use realtime::websocket::{Accepted, Offer, Refusal, Window, handshake};

/// The request of RFC 6455, section 1.3, without its subprotocols.
fn request() -> Request<()> {
    Request::get("/chat")
        .header("Host", "server.example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap()
}

/// The request with headers exchanged; an empty value takes the header away.
fn request_with(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = request();
    for (name, _) in headers {
        request.headers_mut().remove(*name);
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn refusal(headers: &[(&'static str, &str)]) -> Refusal {
    handshake::accept(&request_with(headers), &Offer::default()).unwrap_err()
}

#[test]
fn the_request_of_the_rfc_is_accepted() {
    let response = handshake::accept(&request(), &Offer::default()).unwrap().response();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let expected: HeaderMap = [
        (header::UPGRADE, "websocket".parse().unwrap()),
        (header::CONNECTION, "Upgrade".parse().unwrap()),
        (header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".parse().unwrap()),
    ]
    .into_iter()
    .collect();
    assert_eq!(response.headers(), &expected);
}

#[test]
fn header_values_are_read_as_lists_without_regard_to_case() {
    let headers = [("connection", "keep-alive, UPGRADE"), ("upgrade", "h2c"), ("upgrade", "WebSocket")];
    assert!(handshake::accept(&request_with(&headers), &Offer::default()).is_ok());
}

#[test]
fn another_method_is_refused() {
    let mut request = request();
    *request.method_mut() = http::Method::POST;
    let refusal = handshake::accept(&request, &Offer::default()).unwrap_err();
    assert_eq!(refusal.response().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refusal.code, "method_not_allowed");
    assert_eq!(refusal.response().headers()["allow"], "GET");
    assert!(refusal.text.contains("POST"), "{}", refusal.text);
}

#[test]
fn another_http_version_is_refused() {
    let mut request = request();
    *request.version_mut() = http::Version::HTTP_10;
    let refusal = handshake::accept(&request, &Offer::default()).unwrap_err();
    assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    assert!(refusal.text.contains("HTTP/1.0"), "{}", refusal.text);
}

#[test]
fn a_plain_request_is_told_to_upgrade() {
    for headers in [("upgrade", ""), ("upgrade", "h2c"), ("connection", ""), ("connection", "close")] {
        let refusal = refusal(&[headers]);
        assert_eq!((refusal.status, refusal.code), (StatusCode::UPGRADE_REQUIRED, "upgrade_required"));
        assert_eq!(refusal.response().headers()["upgrade"], "websocket");
        assert!(refusal.response().body().contains("Upgrade: websocket"));
    }
}

#[test]
fn another_version_is_answered_with_the_one_that_is_spoken() {
    for version in ["", "8", "14", "013"] {
        let refusal = refusal(&[("sec-websocket-version", version)]);
        assert_eq!((refusal.status, refusal.code), (StatusCode::UPGRADE_REQUIRED, "websocket_version"));
        assert_eq!(refusal.response().headers()["sec-websocket-version"], "13");
    }
}

#[test]
fn a_key_is_16_bytes_in_base64_and_stands_once() {
    let twice = [
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("sec-websocket-key", "")], "missing"),
        (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")], "base64"),
        (&[("sec-websocket-key", "AAAA")], "16 bytes"),
        (&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSE=")], "16 bytes"),
        (&[("sec-websocket-key", "not base64 at all!!")], "base64"),
        (&twice, "once"),
    ];
    for (headers, text) in cases {
        let refusal = refusal(headers);
        assert_eq!((refusal.status, refusal.code), (StatusCode::BAD_REQUEST, "websocket_key"));
        assert!(refusal.text.contains(text), "{headers:?}: {}", refusal.text);
    }
}

const SPOKEN: [&str; 2] = ["v1+json", "v1+msgpack"];

#[test]
fn the_first_subprotocol_of_the_client_that_is_spoken_is_agreed_on() {
    let offer = Offer { subprotocols: &SPOKEN, ..Offer::default() };
    let cases: [(&[&str], Option<&str>); 6] = [
        (&[""], None),
        (&["v1+json"], Some("v1+json")),
        (&["v2, v1+msgpack, v1+json"], Some("v1+msgpack")),
        (&["v2", "v1+msgpack,v1+json"], Some("v1+msgpack")),
        (&["V1+JSON"], None),
        (&["v1"], None),
    ];
    for (lines, expected) in cases {
        let headers: Vec<_> = lines.iter().map(|line| ("sec-websocket-protocol", *line)).collect();
        let accepted = handshake::accept(&request_with(&headers), &offer).unwrap();
        assert_eq!(accepted.subprotocol, expected, "{lines:?}");
        let answered = accepted.response();
        let answered = answered.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!(answered, expected);
    }
}

#[test]
fn a_client_without_a_required_subprotocol_is_told_which_there_are() {
    let offer = Offer { subprotocols: &SPOKEN, subprotocol_required: true, ..Offer::default() };
    for (asked, named) in [("", "none"), ("v2, v3", "v2, v3")] {
        let refusal =
            handshake::accept(&request_with(&[("sec-websocket-protocol", asked)]), &offer).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (StatusCode::BAD_REQUEST, "unknown_subprotocol"));
        assert!(
            refusal.text.contains(named) && refusal.text.contains("v1+json, v1+msgpack"),
            "{}",
            refusal.text
        );
    }
    let asked = request_with(&[("sec-websocket-protocol", "v1+json")]);
    assert!(handshake::accept(&asked, &offer).is_ok());
}

fn agreed(extensions: &[&str]) -> (Accepted, Option<String>) {
    let headers: Vec<_> = extensions.iter().map(|line| ("sec-websocket-extensions", *line)).collect();
    let offer = Offer { deflate: true, ..Offer::default() };
    let accepted = handshake::accept(&request_with(&headers), &offer).unwrap();
    let answer = accepted.response().headers().get("sec-websocket-extensions").cloned();
    (accepted, answer.map(|value| value.to_str().unwrap().to_owned()))
}

#[test]
fn compression_is_agreed_on_without_context_takeover() {
    let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let cases = [
        ("permessage-deflate", Window::Bits15, ""),
        ("permessage-deflate; client_max_window_bits", Window::Bits15, ""),
        ("permessage-deflate; client_max_window_bits=8", Window::Bits15, ""),
        ("permessage-deflate ;client_max_window_bits = \"15\" ", Window::Bits15, ""),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", Window::Bits15, ""),
        ("permessage-deflate; server_max_window_bits=15", Window::Bits15, "; server_max_window_bits=15"),
        ("permessage-deflate; server_max_window_bits=14", Window::Bits12, "; server_max_window_bits=12"),
        // What the Python package `websockets` offers.
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            Window::Bits12,
            "; server_max_window_bits=12",
        ),
        ("permessage-deflate; server_max_window_bits=11", Window::Bits9, "; server_max_window_bits=9"),
        ("permessage-deflate; server_max_window_bits=9", Window::Bits9, "; server_max_window_bits=9"),
    ];
    for (offer, window, limit) in cases {
        let (accepted, answer) = agreed(&[offer]);
        assert_eq!(accepted.deflate.map(|deflate| deflate.window), Some(window), "{offer}");
        assert_eq!(answer, Some(format!("{plain}{limit}")), "{offer}");
    }
}

#[test]
fn offers_that_cannot_be_honored_are_declined() {
    let cases = [
        "",
        "x-webkit-deflate-frame",
        "permessage-deflate-x",
        "Permessage-Deflate",
        // zlib has no raw window of 256 bytes.
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=12; server_max_window_bits=12",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; unknown",
        "permessage-deflate;",
    ];
    for offer in cases {
        let (accepted, answer) = agreed(&[offer]);
        assert_eq!((accepted.deflate, answer), (None, None), "{offer}");
    }
}

#[test]
fn the_first_offer_that_can_be_honored_is_taken() {
    for offers in [
        &["permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=12"][..],
        &[
            "foo; bar=\"a\"",
            "permessage-deflate; nonsense, permessage-deflate; server_max_window_bits=13",
            "permessage-deflate",
        ][..],
    ] {
        let (accepted, _) = agreed(offers);
        assert_eq!(accepted.deflate.map(|deflate| deflate.window), Some(Window::Bits12), "{offers:?}");
    }
}

#[test]
fn compression_that_is_switched_off_is_not_agreed_on() {
    let request = request_with(&[("sec-websocket-extensions", "permessage-deflate")]);
    let accepted = handshake::accept(&request, &Offer::default()).unwrap();
    assert_eq!(accepted.deflate, None);
    assert!(!accepted.response().headers().contains_key("sec-websocket-extensions"));
}
