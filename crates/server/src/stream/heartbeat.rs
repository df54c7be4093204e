//! Whether the client is still there: it is asked when it has been silent, and
//! has some time to answer.

use std::time::Duration;

use tokio::time::Instant;

/// Silence after which the client is asked.
const INTERVAL: Duration = Duration::from_secs(25);
/// Time to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One for each connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    due: Instant,
    asked: bool,
}

/// What to do when it is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Gone,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Heartbeat {
        Heartbeat { due: now + INTERVAL, asked: false }
    }

    /// When to call [`Heartbeat::beat`].
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// The client said something, whatever it was.
    pub(super) fn heard(&mut self, now: Instant) {
        *self = Heartbeat::new(now);
    }

    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        if self.asked {
            return Beat::Gone;
        }
        self.asked = true;
        self.due = now + TIMEOUT;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_asked_once_and_then_gone() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        assert_eq!(heartbeat.due(), start + INTERVAL);
        let later = heartbeat.due();
        assert_eq!(heartbeat.beat(later), Beat::Ping);
        assert_eq!(heartbeat.due(), later + TIMEOUT);
        heartbeat.heard(later + TIMEOUT / 2);
        assert_eq!(heartbeat.beat(heartbeat.due()), Beat::Ping);
        assert_eq!(heartbeat.beat(heartbeat.due()), Beat::Gone);
    }
}
