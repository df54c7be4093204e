use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use uuid::Uuid;
use uuid::timestamp::context::ContextV7;

/// Tells the time of events: milliseconds since 1970-01-01 UTC. It may jump
/// backwards; the log never does.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clock of this machine.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    })
}

/// RFC 3339, UTC with `+00:00`, milliseconds.
pub fn format_timestamp(timestamp_ms: i64) -> String {
    let timestamp = Timestamp::from_millisecond(timestamp_ms).unwrap_or(if timestamp_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

/// Makes task ids (UUID v7) whose text sorts by creation, also within one
/// millisecond and when the clock jumps back, while the process runs or before
/// it began.
pub(crate) struct TaskIds {
    context: Mutex<ContextV7>,
    /// Earliest time that an id may say.
    floor_ms: u64,
}

impl TaskIds {
    /// Ids that sort behind the newest one of the store.
    pub(crate) fn after(newest: Option<&str>) -> TaskIds {
        let newest = newest.and_then(|id| Uuid::parse_str(id).ok()).and_then(|id| id.get_timestamp());
        let floor_ms = newest.map_or(0, |made| {
            let (seconds, nanos) = made.to_unix();
            seconds * 1000 + u64::from(nanos) / 1_000_000 + 1
        });
        TaskIds { context: Mutex::new(ContextV7::new()), floor_ms }
    }

    pub(crate) fn next(&self, now_ms: i64) -> String {
        let now_ms = u64::try_from(now_ms).unwrap_or(0).max(self.floor_ms);
        let nanos = u32::try_from(now_ms % 1000).expect("a remainder below 1000 fits") * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(&self.context, now_ms / 1000, nanos)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc_with_offset_and_always_three_decimals() {
        assert_eq!(format_timestamp(0), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(format_timestamp(1_763_936_287_409), "2025-11-23T22:18:07.409+00:00");
        assert_eq!(format_timestamp(-1), "1969-12-31T23:59:59.999+00:00");
        assert!(format_timestamp(i64::MAX).starts_with("9999-"));
    }

    #[test]
    fn ids_sort_by_creation_even_when_the_clock_stands_or_jumps_back() {
        let ids = TaskIds::after(None);
        let made: Vec<String> = (0..1000).map(|i| ids.next(1_763_936_287_409 - i % 3)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn ids_sort_behind_those_of_a_process_whose_clock_was_ahead() {
        let newest = TaskIds::after(None).next(1_763_936_287_409);
        let ids = TaskIds::after(Some(&newest));
        let made: Vec<String> = (0..10).map(|_| ids.next(1_600_000_000_000)).collect();
        assert!(newest < made[0] && made.is_sorted_by(|a, b| a < b), "{newest} {made:?}");
        assert!(TaskIds::after(Some("no uuid")).next(1_600_000_000_000) < newest);
    }
}
