use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tasks::Retention;

use super::described::described;
use crate::live::RingLimits;

described! {
    /// Which events of tasks are kept, on the disk and in memory.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Events {
        /// Newest events of each task that the log keeps; who asks for older ones
        /// gets the task as it is. 0 keeps all.
        pub keep_per_task: u64,
        /// Days after the end of a task for which its events are kept; then only
        /// the last one is left. 0 keeps them for good.
        pub keep_days: u64,
        /// Newest events of each task that are kept in memory, too.
        pub ring_events: usize,
        /// Bytes of one task's events in memory, about.
        pub ring_bytes: usize,
        /// Bytes of all tasks' events in memory, about.
        pub ring_total_bytes: usize,
        /// Longest silence of a stream of server-sent events, s.
        pub sse_heartbeat_s: u64,
    }
}

impl Default for Events {
    fn default() -> Self {
        let RingLimits { updates, bytes, total_bytes } = RingLimits::default();
        Events {
            keep_per_task: 0,
            keep_days: 0,
            ring_events: updates,
            ring_bytes: bytes,
            ring_total_bytes: total_bytes,
            sse_heartbeat_s: 15,
        }
    }
}

impl Events {
    /// Key, value, whether it may be, what may be.
    pub(super) fn checks(&self) -> [(&'static str, u64, bool, &'static str); 5] {
        let bytes = |bytes: usize| bytes as u64;
        [
            ("events.keep_days", self.keep_days, self.keep_days <= 36_500, "0 to 36500"),
            (
                "events.ring_events",
                self.ring_events as u64,
                (1..=1 << 16).contains(&self.ring_events),
                "1 to 65536",
            ),
            (
                "events.ring_bytes",
                bytes(self.ring_bytes),
                (1024..=1 << 30).contains(&self.ring_bytes),
                "1024 to 1073741824",
            ),
            (
                "events.ring_total_bytes",
                bytes(self.ring_total_bytes),
                self.ring_total_bytes >= self.ring_bytes,
                "at least events.ring_bytes",
            ),
            (
                "events.sse_heartbeat_s",
                self.sse_heartbeat_s,
                (1..=3600).contains(&self.sse_heartbeat_s),
                "1 to 3600",
            ),
        ]
    }

    pub(crate) fn retention(&self) -> Retention {
        let days = |days: NonZeroU64| Duration::from_secs(86_400 * days.get());
        Retention {
            keep_per_task: NonZeroU64::new(self.keep_per_task),
            keep_ended: NonZeroU64::new(self.keep_days).map(days),
        }
    }

    pub(crate) fn ring_limits(&self) -> RingLimits {
        RingLimits { updates: self.ring_events, bytes: self.ring_bytes, total_bytes: self.ring_total_bytes }
    }

    pub(crate) fn sse_heartbeat(&self) -> Duration {
        Duration::from_secs(self.sse_heartbeat_s)
    }
}
