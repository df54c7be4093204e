//! The end of a server, as its clients hear of it: batch by batch, so that they
//! neither all leave at once nor all come back at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use realtime::engine::Server;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What clients are told, on every door.
pub(crate) const DRAINING: &str = "server_draining";

const BATCHES: usize = 16;
/// Telling all takes so long for each client, on average.
const EACH: Duration = Duration::from_millis(1);
/// Until a client is to come back, and by how much more at most: when the next
/// process is likely to listen.
const RETRY_MS: u64 = 1000;

/// What is said: each client gets a time of its own.
pub(crate) fn notice() -> Value {
    let retry_ms = RETRY_MS + below(RETRY_MS);
    json!({ "message": "The server is about to end; connect again after retry_ms", "retry_ms": retry_ms })
}

/// When which clients are told.
pub(crate) struct Drain([CancellationToken; BATCHES]);

impl Drain {
    /// When `all` is cancelled, everybody is told who was not yet.
    pub(crate) fn new(all: &CancellationToken) -> Drain {
        Drain(std::array::from_fn(|_| all.child_token()))
    }

    /// Cancelled when a client that comes now is to be told.
    pub(crate) fn ticket(&self) -> &CancellationToken {
        let batch = below(BATCHES as u64);
        &self.0[usize::try_from(batch).unwrap_or_default()]
    }

    /// Tells all, those of `door` and those who hold a ticket.
    pub(crate) async fn tell(&self, door: &Server, clients: usize, within: Duration) {
        let longest = longest_pause(clients, within);
        for (part, batch) in self.0.iter().enumerate() {
            door.drain(part, BATCHES);
            batch.cancel();
            let thousandths = u32::try_from(below(1000)).unwrap_or_default();
            tokio::time::sleep(longest * thousandths / 1000).await;
        }
    }
}

/// Between two batches.
fn longest_pause(clients: usize, within: Duration) -> Duration {
    let clients = u32::try_from(clients).unwrap_or(u32::MAX);
    // Pauses are half of it on average.
    within.min(EACH.saturating_mul(clients).saturating_mul(2)) / BATCHES as u32
}

/// A random number below `bound`; nothing secret depends on it.
fn below(bound: u64) -> u64 {
    RandomState::new().hash_one(bound) % bound
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn clients_are_told_different_times() {
        let times: HashSet<u64> =
            (0..100).map(|_| notice()["retry_ms"].as_u64().expect("a number")).collect();
        assert!(times.iter().all(|ms| (RETRY_MS..2 * RETRY_MS).contains(ms)), "{times:?}");
        assert!(times.len() > 50, "{times:?}");
    }

    fn told(drain: &Drain) -> usize {
        drain.0.iter().filter(|batch| batch.is_cancelled()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_told_batch_by_batch_and_in_time() {
        let door = Server::new(realtime::Config::default(), |_| async {});
        for (clients, within_ms) in [(0, 1000), (1, 1000), (500, 1000), (100_000, 1000), (500, 0)] {
            let drain = Drain::new(&CancellationToken::new());
            let within = Duration::from_millis(within_ms);
            let begin = Instant::now();
            drain.tell(&door, clients, within).await;
            // The clock of tasks counts whole milliseconds.
            let rounding = Duration::from_millis(BATCHES as u64);
            assert!(begin.elapsed() <= within + rounding, "{:?} for {clients}", begin.elapsed());
            assert_eq!(told(&drain), BATCHES);
        }
        let drain = Drain::new(&CancellationToken::new());
        assert!(drain.tell(&door, 100_000, Duration::from_secs(3600)).now_or_never().is_none());
        let (first, all) = (told(&drain), BATCHES);
        assert!((1..all).contains(&first), "{first} of {all}");
    }

    #[test]
    fn nobody_is_left_out_in_the_end() {
        let all = CancellationToken::new();
        let drain = Drain::new(&all);
        let tickets: Vec<_> = (0..1000).map(|_| drain.ticket().clone()).collect();
        drain.0[0].cancel();
        let first = tickets.iter().filter(|ticket| ticket.is_cancelled()).count();
        assert!((1..500).contains(&first), "{first} of 1000 in one batch");
        all.cancel();
        assert!(tickets.iter().all(CancellationToken::is_cancelled));
    }
}
