use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

/// How far the slowest reader may be behind before the publisher waits.
const WINDOW_BYTES: u64 = 4 << 20;
/// Read bytes are thrown away this many at a time.
const TRIM_BYTES: u64 = 1 << 20;

/// A byte log of finished frames with one cursor per reader.
#[derive(Default)]
pub(crate) struct Room {
    log: RefCell<Log>,
    readers: RefCell<Vec<Rc<Cell<u64>>>>,
    grown: Notify,
    read: Notify,
}

#[derive(Default)]
struct Log {
    /// Offset of the first byte that is kept.
    start: u64,
    bytes: Vec<u8>,
}

impl Room {
    /// A cursor that begins at the end of the log.
    pub(crate) fn join(&self) -> Rc<Cell<u64>> {
        let cursor = Rc::new(Cell::new(self.end()));
        self.readers.borrow_mut().push(cursor.clone());
        cursor
    }

    pub(crate) fn leave(&self, cursor: &Rc<Cell<u64>>) {
        self.readers.borrow_mut().retain(|other| !Rc::ptr_eq(other, cursor));
        self.read.notify_one();
    }

    /// Appends one text frame; nobody is told yet.
    pub(crate) fn append(&self, payload: &[u8]) {
        write_frame(&mut self.log.borrow_mut().bytes, payload);
    }

    /// Tells all readers that there is more.
    pub(crate) fn announce(&self) {
        self.grown.notify_waiters();
    }

    /// Waits for the next announcement.
    pub(crate) async fn grown(&self) {
        self.grown.notified().await;
    }

    /// Waits until no reader is further behind than the window.
    pub(crate) async fn has_space(&self) {
        loop {
            let slowest = self.slowest();
            self.trim(slowest);
            if self.end() - slowest < WINDOW_BYTES {
                return;
            }
            self.read.notified().await;
        }
    }

    fn trim(&self, slowest: u64) {
        let mut log = self.log.borrow_mut();
        if slowest - log.start >= TRIM_BYTES {
            let read = usize::try_from(slowest - log.start).expect("less than what is kept");
            log.bytes.drain(..read);
            log.start = slowest;
        }
    }

    /// Hands what lies behind the cursor to `write` and advances by what it
    /// took. False when everything was taken.
    pub(crate) fn read(
        &self,
        cursor: &Cell<u64>,
        write: impl FnOnce(&[u8]) -> std::io::Result<usize>,
    ) -> std::io::Result<bool> {
        let log = self.log.borrow();
        let from = usize::try_from(cursor.get() - log.start).expect("less than what is kept");
        let unread = &log.bytes[from..];
        if unread.is_empty() {
            return Ok(false);
        }
        let taken = write(unread)?;
        cursor.set(cursor.get() + taken as u64);
        self.read.notify_one();
        Ok(taken < unread.len())
    }

    fn end(&self) -> u64 {
        let log = self.log.borrow();
        log.start + log.bytes.len() as u64
    }

    fn slowest(&self) -> u64 {
        self.readers.borrow().iter().map(|cursor| cursor.get()).min().unwrap_or_else(|| self.end())
    }
}

/// An unmasked text frame, as a server sends it.
pub(crate) fn write_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match payload.len() {
        n @ 0..126 => out.push(n as u8),
        n @ 126..65_536 => {
            out.push(126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_gets_what_was_appended_after_it_joined() {
        let room = Room::default();
        room.append(b"before");
        let cursor = room.join();
        room.append(b"a");
        let mut seen = Vec::new();
        let more = room.read(&cursor, |unread| {
            seen.extend_from_slice(&unread[..2]);
            Ok(2)
        });
        assert!(more.expect("took two bytes"));
        let more = room.read(&cursor, |unread| {
            seen.extend_from_slice(unread);
            Ok(unread.len())
        });
        assert!(!more.expect("took the rest"));
        assert_eq!(seen, [0x81, 1, b'a']);
    }

    #[tokio::test]
    async fn a_full_window_opens_when_the_slowest_reader_reads() {
        let room = Rc::new(Room::default());
        let cursor = room.join();
        room.append(&vec![0; WINDOW_BYTES as usize]);
        let waiting = room.has_space();
        tokio::pin!(waiting);
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::future::Future::poll(waiting.as_mut(), context))
        });
        assert!(polled.await.is_pending());
        room.read(&cursor, |unread| Ok(unread.len())).expect("read");
        waiting.await;
        assert_eq!(room.log.borrow().bytes.len(), 0, "what all have read is dropped");
    }
}
