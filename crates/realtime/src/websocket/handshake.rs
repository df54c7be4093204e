use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use sha1::{Digest, Sha1};

use super::deflate::{self, Deflate};

/// What this server can do beyond the plain protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer<'a> {
    /// Subprotocols that are spoken here; the first of the client's list that is among them is agreed on.
    pub subprotocols: &'a [&'static str],
    /// Refuse clients that ask for none of `subprotocols`. Otherwise they get none.
    pub subprotocol_required: bool,
    /// Agree on permessage-deflate with clients that can.
    pub deflate: bool,
}

/// An agreement: answer with [`response`](Self::response), then speak WebSocket.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// One of the offered subprotocols.
    pub subprotocol: Option<&'static str>,
    /// Compression, if agreed on.
    pub deflate: Option<Deflate>,
    key: HeaderValue,
    extensions: Option<HeaderValue>,
}

/// Why a request does not open a WebSocket, as an answer to give.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// 400, 405 or 426.
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: &'static str,
    /// What was found and what is needed, in English.
    pub text: String,
    /// Headers that belong to the status.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Checks a request to open a WebSocket (RFC 6455, section 4.2).
pub fn accept<B>(request: &Request<B>, offer: &Offer<'_>) -> Result<Accepted, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("method {} opens no WebSocket, GET does", request.method()),
        )
        .with(header::ALLOW, "GET"));
    }
    if request.version() != Version::HTTP_11 {
        let text = format!("a WebSocket is opened with HTTP/1.1, not {:?}", request.version());
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "http_version", text));
    }
    if !tokens(headers, header::UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
        || !tokens(headers, header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
    {
        let text = "this address speaks WebSocket: the headers `Connection: Upgrade` and `Upgrade: websocket` are needed";
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", text.to_owned())
            .with(header::UPGRADE, "websocket")
            .with(header::CONNECTION, "Upgrade"));
    }
    let versions: Vec<_> = headers.get_all(header::SEC_WEBSOCKET_VERSION).iter().collect();
    if versions != ["13"] {
        let text = match versions[..] {
            [] => "header Sec-WebSocket-Version is missing, 13 is needed".to_owned(),
            _ => format!("Sec-WebSocket-Version {versions:?} is not spoken here, 13 is"),
        };
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "websocket_version", text)
            .with(header::SEC_WEBSOCKET_VERSION, "13"));
    }
    let key = accept_key(headers)?;
    let subprotocol = subprotocol(headers, offer)?;
    let agreed = if offer.deflate {
        let extensions: Vec<_> = headers
            .get_all(header::SEC_WEBSOCKET_EXTENSIONS)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        deflate::negotiate(&extensions.join(","))
    } else {
        None
    };
    let (deflate, extensions) = agreed.unzip();
    Ok(Accepted { subprotocol, deflate, key, extensions })
}

impl Accepted {
    /// The answer `101 Switching Protocols`.
    pub fn response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.key.clone());
        if let Some(subprotocol) = self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        if let Some(extensions) = &self.extensions {
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, extensions.clone());
        }
        response
    }
}

impl Refusal {
    /// The answer, with `text` as its body.
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(self.text.clone());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.extend(self.headers.iter().cloned());
        response
    }

    fn new(status: StatusCode, code: &'static str, text: String) -> Self {
        Self { status, code, text, headers: Vec::new() }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

/// Sec-WebSocket-Accept, which proves to the client that its key was understood.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let refuse = |text: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, "websocket_key", text.to_owned()));
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let Some(key) = keys.next() else { return refuse("header Sec-WebSocket-Key is missing") };
    if keys.next().is_some() {
        return refuse("header Sec-WebSocket-Key must stand once");
    }
    if BASE64_STANDARD.decode(key).map(|bytes| bytes.len()) != Ok(16) {
        return refuse("header Sec-WebSocket-Key must be 16 bytes in base64");
    }
    let digest =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = BASE64_STANDARD.encode(digest);
    Ok(HeaderValue::from_str(&accept).expect("base64 is visible ASCII"))
}

fn subprotocol(headers: &HeaderMap, offer: &Offer<'_>) -> Result<Option<&'static str>, Refusal> {
    let agreed = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL)
        .find_map(|asked| offer.subprotocols.iter().copied().find(|&spoken| spoken == asked));
    if agreed.is_none() && offer.subprotocol_required {
        let asked: Vec<_> = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
        let found = if asked.is_empty() { "none".to_owned() } else { asked.join(", ") };
        let text = format!(
            "Sec-WebSocket-Protocol asks for {found}; spoken here: {}",
            offer.subprotocols.join(", ")
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "unknown_subprotocol", text));
    }
    Ok(agreed)
}

/// The elements of a comma-separated header that may stand on several lines.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}
