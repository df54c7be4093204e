//! Picks the fields we measure out of a `task_update` packet without parsing all of its JSON.
use memchr::memmem::Finder;
use std::sync::LazyLock;

static SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"seq\":"));
/// A server whose events carry a sequence of their own may give the publisher's under this name.
static PUB_SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"pub_seq\":"));
static TS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"ts_us\":"));
static DUE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"due_us\":"));
static TASK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"task_id\":"));

/// `ts_us` is when the server emitted the event, `due_us` when its schedule wanted it emitted
/// (both CLOCK_MONOTONIC, microseconds).
pub(crate) struct Event<'a> {
    pub(crate) task: &'a [u8],
    pub(crate) seq: u64,
    pub(crate) ts_us: u64,
    pub(crate) due_us: u64,
}

fn number(json: &[u8], key: &Finder) -> Option<u64> {
    let digits = json[key.find(json)? + key.needle().len()..].trim_ascii_start();
    let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..n]).ok()?.parse().ok()
}

fn string<'a>(json: &'a [u8], key: &Finder) -> Option<&'a [u8]> {
    let rest = json[key.find(json)? + key.needle().len()..].trim_ascii_start().strip_prefix(b"\"")?;
    Some(&rest[..memchr::memchr(b'"', rest)?])
}

pub(crate) fn parse(json: &[u8]) -> Option<Event<'_>> {
    let seq = number(json, &PUB_SEQ).or_else(|| number(json, &SEQ))?;
    let ts_us = number(json, &TS)?;
    Some(Event { task: string(json, &TASK)?, seq, ts_us, due_us: number(json, &DUE).unwrap_or(ts_us) })
}

/// The updates of a batch, cut before each `task_id`, which our server writes first.
pub(crate) fn updates(batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut starts = TASK.find_iter(batch).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        Some(&batch[start..starts.peek().copied().unwrap_or(batch.len())])
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn cuts_a_batch() {
        let batch = br#"{"type":"updates","updates":[{"task_id":"t1","data":{"pub_seq":7,"ts_us":1}},{"task_id":"t2","data":{"pub_seq":8,"ts_us":2}}]}"#;
        let read: Vec<_> = super::updates(batch).map(|u| super::parse(u).unwrap()).collect();
        let read: Vec<_> = read.iter().map(|e| (e.task, e.seq, e.ts_us)).collect();
        assert_eq!(read, [(&b"t1"[..], 7, 1), (&b"t2"[..], 8, 2)]);
    }

    #[test]
    fn reads_compact_and_spaced_json() {
        let e = super::parse(br#"[{"task_id":"t1","data":{"seq":7,"ts_us":12,"due_us":9}}]"#).unwrap();
        assert_eq!((e.task, e.seq, e.ts_us, e.due_us), (&b"t1"[..], 7, 12, 9));
        let e = super::parse(br#"[{"task_id": "", "data": {"seq": 1, "ts_us": 5}}]"#).unwrap();
        assert_eq!((e.task, e.seq, e.ts_us, e.due_us), (&b""[..], 1, 5, 5));
        assert!(super::parse(b"[]").is_none());
    }
}
