//! What followers of tasks are served.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tasks::EventKind;

use super::registrar::{Count, Registrar};
use super::sharded::{Latency, Noted};

const KINDS: usize = EventKind::ALL.len();

/// Counted where subscriptions are served.
#[derive(Debug)]
pub(crate) struct Live {
    delivered: [Count; KINDS],
    replayed: [Count; KINDS],
    coalesced: Count,
    latency: Latency,
    /// Answers to subscriptions, by how they went on.
    from_live: Count,
    from_log: Count,
    from_snapshot: Count,
    /// Holes in the feed of a task that were filled from the log.
    pub(crate) gaps_of_tasks: Count,
    /// The same in what is told of all tasks.
    pub(crate) gaps_of_all: Count,
    /// Events that the feed did not bring because the pump was behind.
    pub(crate) skipped: Count,
}

impl Live {
    pub(super) fn new(registrar: &mut Registrar) -> Live {
        let mut by_kind = |name, help| {
            let counts = registrar.counts(name, help, ["type"]);
            EventKind::ALL.map(|kind| counts.of([kind.name()]))
        };
        let delivered = by_kind("events_delivered", "Events handed to connections");
        let replayed =
            by_kind("events_replayed", "Those of them that were in the log before the connection subscribed");
        let coalesced =
            registrar.count("events_coalesced", "Progress events left out because a newer one was at hand");
        let latency = registrar.latency(
            "event_delivery_seconds",
            "From the time of an event to its handing over to a connection; replayed ones are not counted",
            Latency::coarse(),
        );
        let answers = registrar.counts("subscribes", "Subscriptions that were answered, by mode", ["mode"]);
        let gaps =
            registrar.counts("gaps_repaired", "Holes in the live feed that were filled from the log", ["of"]);
        Live {
            delivered,
            replayed,
            coalesced,
            latency,
            from_live: answers.of(["live"]),
            from_log: answers.of(["replayed"]),
            from_snapshot: answers.of(["snapshot"]),
            gaps_of_tasks: gaps.of(["task"]),
            gaps_of_all: gaps.of(["all"]),
            skipped: registrar
                .count("feed_skipped", "Events that the live feed dropped; they are read from the log"),
        }
    }

    /// Events handed over so far, and those of them that were replayed.
    pub(crate) fn totals(&self) -> [u64; 2] {
        [&self.delivered, &self.replayed].map(|counts| counts.iter().map(Count::get).sum())
    }

    /// Counts the answer to a subscription.
    pub(crate) fn subscribed(&self, mode: &str) {
        match mode {
            "live" => &self.from_live,
            "replayed" => &self.from_log,
            _ => &self.from_snapshot,
        }
        .inc();
    }

    /// Counts what was handed over at once.
    pub(crate) fn handed_over(&self, tally: &Tally) {
        for (counts, numbers) in [(&self.delivered, &tally.delivered), (&self.replayed, &tally.replayed)] {
            for (count, number) in counts.iter().zip(numbers) {
                if *number > 0 {
                    count.inc_by(u64::from(*number));
                }
            }
        }
        if tally.coalesced > 0 {
            self.coalesced.inc_by(u64::from(tally.coalesced));
        }
        if tally.now_ms.is_some() {
            self.latency.observe_all(&tally.ages);
        }
    }
}

/// What goes to one connection at once, counted on the way: the shared numbers
/// are touched a few times for a batch, not for every event.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    delivered: [u32; KINDS],
    replayed: [u32; KINDS],
    coalesced: u32,
    ages: Noted,
    /// Once the first one was noted.
    now_ms: Option<i64>,
}

impl Tally {
    /// An event that was stored before it was subscribed to.
    pub(crate) fn replayed(&mut self, kind: EventKind) {
        self.delivered[kind as usize] += 1;
        self.replayed[kind as usize] += 1;
    }

    /// An event that happened since, and when.
    pub(crate) fn live(&mut self, kind: EventKind, time_ms: Option<i64>) {
        self.delivered[kind as usize] += 1;
        let Some(time_ms) = time_ms else { return };
        let now_ms = *self.now_ms.get_or_insert_with(now_ms);
        self.ages.note_ms(u64::try_from(now_ms.saturating_sub(time_ms)).unwrap_or(0));
    }

    /// A progress event that was left out for a newer one.
    pub(crate) fn coalesced(&mut self) {
        self.coalesced += 1;
    }
}

fn now_ms() -> i64 {
    let since_epoch: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
