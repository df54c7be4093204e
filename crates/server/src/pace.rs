//! How much a client may say over a connection that stays open, whatever the
//! door.

use realtime::config::Rate;
use realtime::engine::CloseReason;

use crate::config::Limits;
use crate::live::Refusal;

/// Seconds in which a client is silent after which it may say as much at once
/// as in all of them.
const BURST_S: u64 = 10;

/// Messages of one connection; `None` when they are not limited.
pub(crate) fn messages(limits: &Limits) -> Option<Rate> {
    rate(limits.messages_per_second)
}

/// Bytes of them.
pub(crate) fn bytes(limits: &Limits) -> Option<Rate> {
    rate(limits.message_bytes_per_second)
}

/// What a client is told that said too much; `None` when its connection ends
/// for another reason.
pub(crate) fn refusal(reason: CloseReason, limits: &Limits) -> Option<Refusal> {
    let (code, limit, unit) = match reason {
        CloseReason::TooManyPackets => ("too_many_messages", limits.messages_per_second, "messages"),
        CloseReason::TooManyBytes => ("too_many_bytes", limits.message_bytes_per_second, "bytes of messages"),
        _ => return None,
    };
    let message = format!(
        "more than {limit} {unit} a second, or {} at once; the connection ends; send less over the next one",
        BURST_S * u64::from(limit)
    );
    Some(Refusal::new(code, message, None))
}

fn rate(per_second: u32) -> Option<Rate> {
    let rate = Rate { per_second: per_second.into(), burst: (BURST_S * u64::from(per_second)) as f64 };
    (per_second > 0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_is_none_and_every_other_is_named_when_it_is_reached() {
        let limits = Limits { messages_per_second: 0, message_bytes_per_second: 2000, ..Limits::default() };
        assert_eq!(messages(&limits), None);
        assert_eq!(bytes(&limits), Some(Rate { per_second: 2000.0, burst: 20_000.0 }));
        let told = refusal(CloseReason::TooManyBytes, &limits).expect("a refusal");
        assert_eq!(told.code, "too_many_bytes");
        assert!(told.message.starts_with("more than 2000 bytes of messages a second, or 20000 at once"));
        assert_eq!(refusal(CloseReason::Shutdown, &limits), None);
    }
}
