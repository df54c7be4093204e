use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::described::described;
use crate::accept::Patience;

described! {
    /// What may grow, and how far.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Limits {
        /// Largest request body and largest file that a client names, bytes. A BOM
        /// has at most 2 MiB whatever stands here.
        pub body_bytes: usize,
        /// Longest time in which a request body must have arrived, s.
        pub body_timeout_s: u64,
        /// Longest time in which the head of a request must have arrived, s; a
        /// connection may rest as long between two requests.
        pub head_timeout_s: u64,
        /// Largest BOM inside the body of `POST /api/tasks`, bytes; larger ones are
        /// uploaded first. The rest of the body has at most 64 KiB.
        pub inline_bom_bytes: usize,
        /// Tasks that wait or run; more are refused with `queue_full`.
        pub queued_tasks: usize,
        /// Uploaded BOM files; more are refused with `uploads_full`.
        pub uploaded_boms: usize,
        /// Connections of Socket.IO, of the native stream and of server-sent events
        /// together; more are refused with `too_many_connections`, in the
        /// `data.code` of CONNECT_ERROR or with status 503.
        pub connections: usize,
        /// Tasks one connection follows; more are refused with
        /// `too_many_subscriptions`.
        pub subscriptions_per_connection: usize,
        /// Messages that a client of Socket.IO or of the native stream may send in a
        /// second, and ten times as many at once; who sends more hears the error
        /// `too_many_messages`, and the connection ends. 0: any number.
        pub messages_per_second: u32,
        /// Bytes of those messages; beyond them `too_many_bytes`. 0: any number.
        pub message_bytes_per_second: u32,
        /// A client that takes no byte for this long while there are some for it is
        /// disconnected, s: whatever the answer or the stream is, REST, server-sent
        /// events, polling or WebSocket.
        pub write_timeout_s: u64,
        /// How long the server may take to end when it is told to, s: running tasks
        /// reach a checkpoint, then clients are told. A quarter of it, 2 s at most,
        /// is kept for the clients; who takes nothing meanwhile is cut off.
        pub shutdown_s: u64,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 8 << 20,
            body_timeout_s: 30,
            head_timeout_s: 60,
            inline_bom_bytes: 1 << 20,
            queued_tasks: 1000,
            uploaded_boms: 1000,
            connections: 10_000,
            subscriptions_per_connection: 100,
            messages_per_second: 100,
            message_bytes_per_second: 1 << 20,
            write_timeout_s: 20,
            shutdown_s: 10,
        }
    }
}

impl Limits {
    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_s)
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { head: Duration::from_secs(self.head_timeout_s), write: self.write_timeout() }
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_s)
    }

    pub(crate) fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_s)
    }

    /// Key, value, whether it may be, what may be.
    pub(super) fn checks(&self) -> [(&'static str, u64, bool, &'static str); 9] {
        let count = |count: usize| count as u64;
        [
            (
                "limits.body_bytes",
                count(self.body_bytes),
                (1024..=1 << 30).contains(&self.body_bytes),
                "1024 to 1073741824",
            ),
            (
                "limits.body_timeout_s",
                self.body_timeout_s,
                (1..=3600).contains(&self.body_timeout_s),
                "1 to 3600",
            ),
            (
                "limits.head_timeout_s",
                self.head_timeout_s,
                (1..=3600).contains(&self.head_timeout_s),
                "1 to 3600",
            ),
            ("limits.queued_tasks", count(self.queued_tasks), self.queued_tasks > 0, "at least 1"),
            ("limits.connections", count(self.connections), self.connections > 0, "at least 1"),
            (
                "limits.subscriptions_per_connection",
                count(self.subscriptions_per_connection),
                self.subscriptions_per_connection > 0,
                "at least 1",
            ),
            (
                "limits.message_bytes_per_second",
                self.message_bytes_per_second.into(),
                self.message_bytes_per_second == 0 || self.message_bytes_per_second >= 1024,
                "0, or at least 1024",
            ),
            (
                "limits.write_timeout_s",
                self.write_timeout_s,
                (1..=3600).contains(&self.write_timeout_s),
                "1 to 3600",
            ),
            ("limits.shutdown_s", self.shutdown_s, self.shutdown_s <= 3600, "0 to 3600"),
        ]
    }
}
