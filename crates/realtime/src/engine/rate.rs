use tokio::time::Instant;

use super::close::CloseReason;
use crate::config::Rate;

/// How much one client may still send.
#[derive(Debug)]
pub struct Allowance {
    packets: Option<Bucket>,
    bytes: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

impl Allowance {
    /// `None` when nothing is limited.
    pub fn new(packets: Option<Rate>, bytes: Option<Rate>, now: Instant) -> Option<Self> {
        let bucket = |rate: Option<Rate>| rate.map(|rate| Bucket { rate, tokens: rate.burst, filled: now });
        let (packets, bytes) = (bucket(packets), bucket(bytes));
        (packets.is_some() || bytes.is_some()).then_some(Self { packets, bytes })
    }

    /// Takes so many packets of so many bytes together, or says what there is too
    /// much of.
    pub fn take(&mut self, packets: u32, bytes: usize, now: Instant) -> Result<(), CloseReason> {
        if let Some(bucket) = &mut self.packets
            && !bucket.take(packets.into(), now)
        {
            return Err(CloseReason::TooManyPackets);
        }
        if let Some(bucket) = &mut self.bytes
            && !bucket.take(bytes as f64, now)
        {
            return Err(CloseReason::TooManyBytes);
        }
        Ok(())
    }
}

impl Bucket {
    fn take(&mut self, tokens: f64, now: Instant) -> bool {
        let fresh = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate.per_second;
        self.tokens = (self.tokens + fresh).min(self.rate.burst);
        self.filled = now;
        self.tokens -= tokens;
        self.tokens >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate() {
        let start = Instant::now();
        let rate = Rate { per_second: 10.0, burst: 3.0 };
        let mut allowance = Allowance::new(Some(rate), None, start).unwrap();
        for _ in 0..3 {
            assert_eq!(allowance.take(1, 1, start), Ok(()));
        }
        assert_eq!(allowance.take(1, 1, start), Err(CloseReason::TooManyPackets));
        assert_eq!(allowance.take(1, 1, start + Duration::from_millis(200)), Ok(()));
    }

    #[test]
    fn bytes_count_apart_from_packets() {
        let start = Instant::now();
        let rate = Rate { per_second: 100.0, burst: 1000.0 };
        let mut allowance = Allowance::new(None, Some(rate), start).unwrap();
        assert_eq!(allowance.take(1, 900, start), Ok(()));
        assert_eq!(allowance.take(1, 101, start), Err(CloseReason::TooManyBytes));
    }

    #[test]
    fn no_limit_costs_nothing() {
        assert!(Allowance::new(None, None, Instant::now()).is_none());
    }
}
