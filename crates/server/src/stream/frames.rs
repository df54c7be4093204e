//! A message that holds one update alone, framed and compressed once for all
//! who get it.

use std::sync::OnceLock;

use bytes::Bytes;
use realtime::websocket::deflate::DEFAULT_THRESHOLD_BYTES;
use realtime::websocket::{Window, frame};

use super::format::Format;

/// The forms in which one update is sent alone; made when a first client needs
/// them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// By format, without and with the layout.
    forms: [[OnceLock<Box<Form>>; 2]; 2],
}

#[derive(Debug)]
struct Form {
    plain: Bytes,
    header_bytes: usize,
    /// By window; `None` inside where compression gains nothing.
    compressed: [OnceLock<Option<Bytes>>; Window::ALL.len()],
}

impl Frames {
    /// The frame for a client that inflates with `window`, if it does.
    pub(super) fn frame(
        &self,
        format: Format,
        layout: bool,
        window: Option<Window>,
        payload: impl FnOnce() -> Vec<u8>,
    ) -> Bytes {
        let opcode = format.opcode();
        let form = self.forms[format as usize][usize::from(layout)].get_or_init(|| {
            let payload = payload();
            let header_bytes = frame::header(opcode, false, payload.len()).len();
            let plain = frame::frame(opcode, false, &payload);
            Box::new(Form { plain, header_bytes, compressed: Default::default() })
        });
        let Some(window) = window else { return form.plain.clone() };
        let compressed = form.compressed[window as usize].get_or_init(|| {
            let payload = &form.plain[form.header_bytes..];
            if payload.len() < DEFAULT_THRESHOLD_BYTES {
                return None;
            }
            frame::compressed(opcode, payload, window)
        });
        compressed.as_ref().unwrap_or(&form.plain).clone()
    }
}
