use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::hooks::HandshakeRefused;

/// Every answer of the server.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Packets for a poll.
pub(crate) fn packets(body: Bytes) -> Reply {
    with(StatusCode::OK, "text/plain; charset=UTF-8", body)
}

/// A POST was taken.
pub(crate) fn ok() -> Reply {
    // Browsers offer plain text as a download in some cases.
    with(StatusCode::OK, "text/html", Bytes::from_static(b"ok"))
}

/// A refusal whose status says all. The rest of the request's body is not
/// wanted.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Full::new(Bytes::new()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// A refusal in the reference's form.
pub(crate) fn refused(refusal: HandshakeRefused) -> Reply {
    let (status, code, message) = match refusal {
        HandshakeRefused::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
        HandshakeRefused::UnknownSession => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
        HandshakeRefused::BadMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
        HandshakeRefused::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
        HandshakeRefused::TooMany => (StatusCode::SERVICE_UNAVAILABLE, 4, "Too many connections"),
        HandshakeRefused::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, 4, "Shutting down"),
        HandshakeRefused::UnsupportedVersion => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
    };
    with(status, "application/json", format!(r#"{{"code":{code},"message":"{message}"}}"#).into())
}

fn with(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Reply::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
