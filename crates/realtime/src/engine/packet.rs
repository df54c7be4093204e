use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytestring::ByteString;

use super::message::Message;
use crate::websocket;

/// Between two packets of a polling body.
pub(crate) const SEPARATOR: u8 = 0x1e;

/// What a client may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Close,
    Pong,
    Message(Message),
    /// The proof that a new transport works.
    Probe,
    /// The change to the new transport.
    Upgrade,
    Noop,
}

/// Not a packet, or none that a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Packet {
    /// A packet from a WebSocket text message.
    pub(crate) fn from_text(text: &ByteString) -> Result<Self, Malformed> {
        let (Some(kind), rest) = (text.as_bytes().first(), text.get(1..).unwrap_or_default()) else {
            return Err(Malformed);
        };
        match (kind, rest) {
            (b'4', _) => Ok(Self::Message(Message::Text(text.slice_ref(rest)))),
            (b'3', _) => Ok(Self::Pong),
            (b'1', "") => Ok(Self::Close),
            (b'2', "probe") => Ok(Self::Probe),
            (b'5', "") => Ok(Self::Upgrade),
            (b'6', "") => Ok(Self::Noop),
            _ => Err(Malformed),
        }
    }

    /// A packet from between two separators of a polling body.
    pub(crate) fn from_polling(text: &ByteString) -> Result<Self, Malformed> {
        match text.strip_prefix('b') {
            Some(base64) => {
                let bytes = BASE64.decode(base64).map_err(|_| Malformed)?;
                Ok(Self::Message(Message::Binary(bytes.into())))
            }
            None => Self::from_text(text),
        }
    }
}

/// With or without padding: clients do both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A WebSocket message as a packet; control frames are none.
pub(crate) fn from_websocket(message: &websocket::Message) -> Option<Result<Packet, Malformed>> {
    match message {
        websocket::Message::Text(text) => Some(Packet::from_text(text)),
        websocket::Message::Binary(bytes) => Some(Ok(Packet::Message(Message::Binary(bytes.clone())))),
        websocket::Message::Ping(_) | websocket::Message::Pong(_) | websocket::Message::Close(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(body: &'static str) -> Vec<Result<Packet, Malformed>> {
        body.split(char::from(SEPARATOR)).map(|part| Packet::from_polling(&ByteString::from(part))).collect()
    }

    #[test]
    fn a_body_is_split_at_the_separators() {
        let text = |text: &'static str| Ok(Packet::Message(Message::from(text)));
        assert_eq!(packets("4hello\u{1e}3\u{1e}4"), [text("hello"), Ok(Packet::Pong), text("")]);
    }

    #[test]
    fn binary_is_base64_with_or_without_padding() {
        let binary = Ok(Packet::Message(Message::from(bytes::Bytes::from_static(&[1, 2, 3, 4]))));
        assert_eq!(packets("bAQIDBA==\u{1e}bAQIDBA"), [binary.clone(), binary]);
    }

    #[test]
    fn what_a_client_may_not_send_is_malformed() {
        for body in ["", "abc", "2", "0{}", "7", "b!", "1x", "5x", "é", "4a\u{1e}"] {
            assert_eq!(packets(body).last(), Some(&Err(Malformed)), "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_packet_or_malformed(text: String, kind in "[0-9b]") {
            let _ = Packet::from_polling(&ByteString::from(text.as_str()));
            let _ = Packet::from_polling(&ByteString::from(kind + &text));
        }

        #[test]
        fn binary_comes_back_as_it_was(bytes: Vec<u8>) {
            let text = format!("b{}", base64::engine::general_purpose::STANDARD.encode(&bytes));
            let packet = Packet::from_polling(&ByteString::from(text));
            assert_eq!(packet, Ok(Packet::Message(Message::Binary(bytes.into()))));
        }
    }
}
