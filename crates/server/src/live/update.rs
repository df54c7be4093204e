//! One event with the forms in which it goes out, each made once however many
//! hear it.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use realtime::socketio::{self, EncodeError};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tasks::{Event, EventDetail, EventKind, Task};

use crate::stream::Frames;

/// The Socket.IO namespace of all events.
pub(crate) const NAMESPACE: &str = "/tasks";

/// One event of a task on its way to whoever follows it.
#[derive(Debug)]
pub struct Update {
    event: Arc<Event>,
    time_ms: Option<i64>,
    /// The `task_update` of the contract.
    json: Bytes,
    /// Where the object `data` ends in it, behind its brace.
    data_end: usize,
    /// Bytes of the detail.
    detail_bytes: usize,
    /// For Socket.IO, plain.
    plain: OnceLock<socketio::Event>,
    /// For Socket.IO, with the layout.
    detailed: OnceLock<socketio::Event>,
    /// For Socket.IO, what was asked for last of all else: subscribers with
    /// equal wishes ask for equal variants.
    other: Mutex<Option<Other>>,
    /// For the native stream, alone in a message.
    stream_frames: Frames,
}

type Other = ((Variant, bool), socketio::Event);

/// In what a delivery differs from the plain `task_update`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Variant {
    /// Seq of what was delivered before it, when the subscription skips events.
    pub prev_seq: Option<u64>,
    /// Seq of the oldest `progress` that this one stands for.
    pub coalesced_from: Option<u64>,
}

impl Update {
    /// Encodes an event.
    pub fn new(event: Arc<Event>) -> Arc<Update> {
        let Event { task_id, event_type, data, timestamp, seq, v, detail: _ } = &*event;
        let time_ms = timestamp.parse().ok().map(jiff::Timestamp::as_millisecond);
        let (task_id, timestamp) = (Quoted(task_id), Quoted(timestamp));
        let mut json = String::with_capacity(512);
        // Writing into a text cannot fail.
        let _ =
            write!(json, "{{\"task_id\":{task_id},\"event_type\":\"{}\",\"data\":{data}", event_type.name());
        let data_end = json.len();
        let _ = write!(json, ",\"timestamp\":{timestamp},\"seq\":{seq},\"v\":{v}}}");
        let detail_bytes = event.detail.as_deref().map_or(0, EventDetail::size);
        Arc::new(Update {
            event,
            time_ms,
            json: json.into(),
            data_end,
            detail_bytes,
            plain: OnceLock::new(),
            detailed: OnceLock::new(),
            other: Mutex::new(None),
            stream_frames: Frames::default(),
        })
    }

    /// Its frames on the native stream.
    pub(crate) fn stream_frames(&self) -> &Frames {
        &self.stream_frames
    }

    /// The event itself.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Place in the task's log.
    pub fn seq(&self) -> u64 {
        self.event.seq
    }

    /// What it is about.
    pub fn kind(&self) -> EventKind {
        self.event.event_type
    }

    /// When it happened, ms since 1970.
    pub(crate) fn time_ms(&self) -> Option<i64> {
        self.time_ms
    }

    /// Length of the plain `task_update` as JSON.
    pub(crate) fn json_bytes(&self) -> usize {
        self.json.len()
    }

    /// Bytes that the layout adds to it on the wire, about.
    pub(crate) fn layout_bytes(&self) -> usize {
        self.detail_bytes
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        // Beside its text there are the values that it was made of, and what one
        // kind of clients makes of it: the packet, its message and its frame.
        // The detail is there as text only.
        6 * self.json.len() + 4 * self.detail_bytes
    }

    /// The `task_update` for Socket.IO, shared by all who get it; with the
    /// event's detail when that is wanted.
    pub fn packet(&self, variant: Variant, detail: bool) -> Result<socketio::Event, EncodeError> {
        let detail = detail && self.event.detail.is_some();
        let once = match (detail, variant == Variant::default()) {
            (false, true) => &self.plain,
            (true, true) => &self.detailed,
            _ => {
                let mut other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
                return match &*other {
                    Some((key, packet)) if *key == (variant, detail) => Ok(packet.clone()),
                    _ => {
                        let packet = self.encode(variant, detail)?;
                        *other = Some(((variant, detail), packet.clone()));
                        Ok(packet)
                    }
                };
            }
        };
        match once.get() {
            Some(packet) => Ok(packet.clone()),
            None => {
                let packet = self.encode(variant, detail)?;
                Ok(once.get_or_init(|| packet).clone())
            }
        }
    }

    fn encode(&self, variant: Variant, detail: bool) -> Result<socketio::Event, EncodeError> {
        let detail = self.event.detail.as_ref().filter(|_| detail);
        let members = detail.map(|detail| detail.value.get()).unwrap_or_default();
        let members = members.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        let text = self.spliced(members, variant);
        let raw: &RawValue = serde_json::from_slice(&text)?;
        let mut packet = socketio::Event::named(NAMESPACE, "task_update").argument(raw)?;
        for attachment in detail.iter().flat_map(|detail| &detail.attachments) {
            packet = packet.attachment(attachment.clone());
        }
        Ok(packet.build())
    }

    /// The `task_update` as JSON; the plain one is shared.
    pub fn json(&self, variant: Variant) -> Bytes {
        if variant == Variant::default() { self.json.clone() } else { self.spliced("", variant).into() }
    }

    /// The `task_update` with `members` (JSON, without braces) added to `data`
    /// and the variant's keys to the whole.
    fn spliced(&self, members: &str, variant: Variant) -> Vec<u8> {
        let (data, rest) = self.json.split_at(self.data_end);
        let mut text = Vec::with_capacity(self.json.len() + members.len() + 64);
        text.extend_from_slice(data);
        if !members.is_empty() && data.ends_with(b"}") {
            text.pop();
            if !text.ends_with(b"{") {
                text.push(b',');
            }
            text.extend_from_slice(members.as_bytes());
            text.push(b'}');
        }
        text.extend_from_slice(&rest[..rest.len() - 1]);
        for (key, seq) in [("prev_seq", variant.prev_seq), ("coalesced_from", variant.coalesced_from)] {
            if let Some(seq) = seq {
                text.extend_from_slice(format!(",\"{key}\":{seq}").as_bytes());
            }
        }
        text.push(b'}');
        text
    }
}

/// A text as JSON.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// What a client that cannot resume is sent: the task as it is now, then its
/// status once more, so that clients that know no snapshots finish.
pub(crate) fn snapshot(task: &Task, skips_events: bool) -> [Value; 2] {
    let timestamp = task.completed_at.as_ref().or(task.started_at.as_ref()).unwrap_or(&task.created_at);
    let update = |event_type: &str, data: Value| {
        let mut update = json!({
            "task_id": task.id,
            "event_type": event_type,
            "data": data,
            "timestamp": timestamp,
            "seq": task.head_seq,
            "v": tasks::EVENT_VERSION,
        });
        if skips_events {
            update["prev_seq"] = task.head_seq.into();
        }
        update
    };
    let mut status = json!({ "status": task.status, "message": "Status at the time of the snapshot" });
    if let Some(result) = &task.result {
        status["result"] = result.clone();
    }
    if let Some(error) = &task.error {
        status["error"] = error.clone().into();
    }
    [update("snapshot", json!(task)), update("status_change", status)]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event of a task under test.
    pub(crate) fn event(task_id: &str, seq: u64, event_type: EventKind, data: Value) -> Arc<Event> {
        let timestamp = "2026-11-24T06:12:21.004+00:00".to_owned();
        Arc::new(Event {
            task_id: task_id.to_owned(),
            event_type,
            data,
            timestamp,
            seq,
            v: tasks::EVENT_VERSION,
            detail: None,
        })
    }

    #[test]
    fn a_layout_counts_with_its_text_and_its_binary_data() {
        let value = json!({"layout": {"components": vec![json!({"id": "电池", "x": 12.5}); 100]}});
        let detail = EventDetail::new(&value, vec![Bytes::from_static(&[0; 1000])]);
        let mut event = Event::clone(&event("t", 1, EventKind::IterationComplete, json!({})));
        let plain = Update::new(Arc::new(event.clone()));
        event.detail = Some(Arc::new(detail));
        let update = Update::new(Arc::new(event));
        let bytes = value.to_string().len() + 1000;
        assert_eq!((plain.layout_bytes(), update.layout_bytes()), (0, bytes));
        assert_eq!(update.size() - plain.size(), 4 * bytes);
    }

    #[test]
    fn the_text_is_the_event_s_own_and_a_variant_adds_its_keys() {
        for data in [json!({}), json!({"current_iteration": 3, "名": "}"}), json!(null)] {
            let event = event("t\"1", 7, EventKind::Progress, data.clone());
            let update = Update::new(event.clone());
            let plain: Value = serde_json::from_slice(&update.json(Variant::default())).expect("JSON");
            assert_eq!(plain, json!(*event));

            let variant = Variant { prev_seq: Some(4), coalesced_from: Some(5) };
            let mut expected = json!(*event);
            expected["prev_seq"] = 4.into();
            expected["coalesced_from"] = 5.into();
            let found: Value = serde_json::from_slice(&update.json(variant)).expect("JSON");
            assert_eq!(found, expected);

            if data.is_object() {
                expected["data"]["layout"] = json!({"mesh": 2});
                let text = update.spliced("\"layout\":{\"mesh\":2}", variant);
                let found: Value = serde_json::from_slice(&text).expect("JSON");
                assert_eq!(found, expected);
            }
        }
    }
}
