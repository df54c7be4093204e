use std::fmt;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri, header};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const SUBPROTOCOL: &str = "msgalaxy.v1+json";

/// For the handshake, and for a message to leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server asks for a sign of life every 25 s; one that says nothing for so
/// long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) struct Address {
    given: String,
    stream: String,
}

impl Address {
    /// Reads `http://HOST[:PORT][/PATH]`.
    pub(super) fn parse(text: &str) -> Result<Address, String> {
        let allowed = "allowed: http://HOST[:PORT][/PATH]";
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(allowed.to_owned());
        };
        let stream = format!("ws://{}/api/stream", rest.trim_end_matches('/'));
        match stream.parse::<Uri>() {
            Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none() => {
                Ok(Address { given: text.to_owned(), stream })
            }
            Ok(_) => Err(allowed.to_owned()),
            Err(error) => Err(format!("{error}; {allowed}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

/// Why there is no connection, or no longer one.
#[derive(Debug)]
pub(super) struct Lost {
    reason: String,
    /// The server was reached, and does not let us in.
    pub(super) is_refused: bool,
}

impl Lost {
    pub(super) fn new(reason: impl fmt::Display) -> Lost {
        Lost { reason: crate::report::printable(&reason.to_string()), is_refused: false }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// The native stream of one server, in JSON.
pub(super) struct Stream(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Stream {
    /// Connects, with a token if there is one.
    pub(super) async fn open(address: &Address, token: Option<&str>) -> Result<Stream, Lost> {
        let mut request = address.stream.as_str().into_client_request().map_err(Lost::new)?;
        let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
        if let Some(token) = token {
            // The error would repeat the token.
            let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Lost::new("MSGALAXY_TOKEN holds characters that no token has"))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        match timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await {
            Err(_) => Err(Lost::new(format_args!("no answer in {} s", PATIENCE.as_secs()))),
            Ok(Err(Error::Http(refusal))) => {
                let body: Value =
                    serde_json::from_slice(refusal.body().as_deref().unwrap_or_default()).unwrap_or_default();
                let reason = body["error"].as_str().unwrap_or("refused");
                let is_refused = matches!(refusal.status().as_u16(), 401 | 403);
                Err(Lost { is_refused, ..Lost::new(format_args!("{}: {reason}", refusal.status())) })
            }
            Ok(Err(error)) => Err(Lost::new(error)),
            Ok(Ok((socket, _))) => Ok(Stream(socket)),
        }
    }

    /// Sends one message.
    pub(super) async fn send(&mut self, message: &Value) -> Result<(), Lost> {
        match timeout(PATIENCE, self.0.send(Message::text(message.to_string()))).await {
            Err(_) => Err(Lost::new("the server takes no more bytes")),
            Ok(sent) => sent.map_err(Lost::new),
        }
    }

    /// The server's next message.
    pub(super) async fn next(&mut self) -> Result<Value, Lost> {
        loop {
            let Ok(frame) = timeout(SILENCE, self.0.next()).await else {
                return Err(Lost::new(format_args!("nothing was heard for {} s", SILENCE.as_secs())));
            };
            match frame {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).map_err(Lost::new),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(Lost::new(format_args!("closed by the server: {frame}")));
                }
                // Signs of life; the library answers them.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Lost::new(error)),
                None => return Err(Lost::new("closed by the server")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_an_http_server() {
        for (text, stream) in [
            ("http://localhost:5000", "ws://localhost:5000/api/stream"),
            ("http://127.0.0.1:5000/", "ws://127.0.0.1:5000/api/stream"),
            ("http://[::1]:80/under/path", "ws://[::1]:80/under/path/api/stream"),
        ] {
            assert_eq!(Address::parse(text).expect("an address").stream, stream);
        }
        for text in ["", "localhost:5000", "https://example.org", "http://", "http://a b", "http://a?b=c"] {
            let refusal = Address::parse(text).expect_err(text);
            assert!(refusal.contains("allowed: http://HOST"), "{refusal}");
        }
    }
}
