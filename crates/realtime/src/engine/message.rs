use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::hooks::Hooks;
use crate::websocket::Window;
use crate::websocket::frame::{self, Opcode};

/// One Engine.IO message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text.
    Text(ByteString),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Length of the content in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<ByteString> for Message {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&'static str> for Message {
    fn from(text: &'static str) -> Self {
        Self::Text(ByteString::from_static(text))
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// What is sent as a whole: one message, or several that must follow each other
/// without anything in between, such as a Socket.IO event and its attachments.
///
/// A clone is cheap and shares the wire forms, each of which is made at most
/// once, when a first connection needs it. So make one `Outgoing` per event and
/// send its clones to all who shall get it.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    content: Content,
    /// Content bytes plus a little per message.
    weight: usize,
    frames: OnceLock<Bytes>,
    /// By window; `None` inside where compression gains nothing.
    deflated: [OnceLock<Option<Bytes>>; Window::ALL.len()],
    packets: OnceLock<Box<[Bytes]>>,
}

enum Content {
    One(Message),
    Several(Box<[Message]>),
    /// An Engine.IO packet that is no message; its wire forms are set from the
    /// start.
    Packet,
    /// A WebSocket frame that is no packet either, likewise.
    Frame,
}

/// What a message costs in a queue beside its content.
const OVERHEAD: usize = 64;

impl Outgoing {
    /// One message.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::with(Content::One(message.into()))
    }

    /// Messages that belong together, in this order.
    pub fn several(messages: Vec<Message>) -> Self {
        Self::with(Content::Several(messages.into()))
    }

    /// Bytes that this takes in a queue: the content and a little per message.
    pub fn weight(&self) -> usize {
        self.0.weight
    }

    /// The messages.
    pub fn messages(&self) -> &[Message] {
        match &self.0.content {
            Content::One(message) => std::slice::from_ref(message),
            Content::Several(messages) => messages,
            Content::Packet | Content::Frame => &[],
        }
    }

    fn with(content: Content) -> Self {
        let weight = match &content {
            Content::One(message) => message.len() + OVERHEAD,
            Content::Several(messages) => messages.iter().map(|message| message.len() + OVERHEAD).sum(),
            Content::Packet | Content::Frame => OVERHEAD,
        };
        Self(Arc::new(Inner {
            content,
            weight,
            frames: OnceLock::new(),
            deflated: Default::default(),
            packets: OnceLock::new(),
        }))
    }

    /// An Engine.IO packet other than a message.
    pub(crate) fn control(packet: &str) -> Self {
        let control = Self::with(Content::Packet);
        let bytes = Bytes::copy_from_slice(packet.as_bytes());
        // Both cells are new.
        let _ = control.0.frames.set(frame::frame(Opcode::Text, false, &bytes));
        let _ = control.0.packets.set(Box::new([bytes]));
        control
    }

    /// A WebSocket frame that is no Engine.IO packet at all.
    pub(crate) fn raw_frame(frame: Bytes) -> Self {
        let raw = Self::with(Content::Frame);
        // The cell is new.
        let _ = raw.0.frames.set(frame);
        raw
    }

    /// The heartbeat's question.
    pub(crate) fn ping() -> Self {
        static PING: LazyLock<Outgoing> = LazyLock::new(|| Outgoing::control("2"));
        PING.clone()
    }

    /// Everything as WebSocket frames, for a client that does not inflate.
    pub(crate) fn frames(&self) -> &Bytes {
        self.0.frames.get_or_init(|| {
            let messages = self.messages();
            let length = messages.iter().map(|message| frame::Header::MAX + 1 + message.len()).sum();
            let mut frames = BytesMut::with_capacity(length);
            for message in messages {
                put_frame(&mut frames, message);
            }
            frames.freeze()
        })
    }

    /// Everything as WebSocket frames, for a client that inflates with this
    /// window; messages shorter than `threshold` bytes stay as they are.
    pub(crate) fn deflated(&self, window: Window, threshold: usize, hooks: &dyn Hooks) -> &Bytes {
        let messages = self.messages();
        if messages.iter().all(|message| message.len() < threshold) {
            return self.frames();
        }
        let deflated = self.0.deflated[window as usize].get_or_init(|| {
            let mut frames = BytesMut::new();
            let mut gained = false;
            for message in messages {
                let small = (message.len() >= threshold).then(|| compressed(message, window)).flatten();
                match small {
                    Some(frame) => {
                        gained = true;
                        hooks.compressed(message.len(), frame.len());
                        frames.put_slice(&frame);
                    }
                    None => put_frame(&mut frames, message),
                }
            }
            gained.then(|| frames.freeze())
        });
        deflated.as_ref().unwrap_or_else(|| self.frames())
    }

    /// Whether this was never in a queue.
    pub(crate) fn is_raw(&self) -> bool {
        matches!(self.0.content, Content::Frame)
    }

    /// Everything as packets of a polling answer, without separators.
    pub(crate) fn packets(&self) -> &[Bytes] {
        self.0.packets.get_or_init(|| self.messages().iter().map(packet).collect())
    }
}

fn put_frame(frames: &mut BytesMut, message: &Message) {
    match message {
        Message::Text(text) => {
            frames.put_slice(&frame::header(Opcode::Text, false, text.len() + 1));
            frames.put_u8(MESSAGE);
            frames.put_slice(text.as_bytes());
        }
        Message::Binary(bytes) => {
            frames.put_slice(&frame::header(Opcode::Binary, false, bytes.len()));
            frames.put_slice(bytes);
        }
    }
}

fn compressed(message: &Message, window: Window) -> Option<Bytes> {
    match message {
        Message::Text(_) => frame::compressed(Opcode::Text, &packet(message), window),
        Message::Binary(bytes) => frame::compressed(Opcode::Binary, bytes, window),
    }
}

fn packet(message: &Message) -> Bytes {
    match message {
        Message::Text(text) => {
            let mut packet = BytesMut::with_capacity(1 + text.len());
            packet.put_u8(MESSAGE);
            packet.put_slice(text.as_bytes());
            packet.freeze()
        }
        Message::Binary(bytes) => {
            let mut packet = String::with_capacity(1 + bytes.len().div_ceil(3) * 4);
            packet.push('b');
            STANDARD.encode_string(bytes, &mut packet);
            packet.into()
        }
    }
}

/// The packet type of text messages.
const MESSAGE: u8 = b'4';

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outgoing").field(&self.messages()).finish()
    }
}
