use tokio::time::Instant;

use super::close::CloseReason;
use crate::config::{Config, Rate};

/// How much a client may still send, for both limits.
pub(crate) struct Allowance {
    packets: Option<Bucket>,
    bytes: Option<Bucket>,
}

struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

impl Allowance {
    /// `None` when nothing is limited.
    pub(crate) fn new(config: &Config, now: Instant) -> Option<Box<Self>> {
        let bucket = |rate: Option<Rate>| rate.map(|rate| Bucket { rate, tokens: rate.burst, filled: now });
        let (packets, bytes) = (bucket(config.packets_per_second), bucket(config.bytes_per_second));
        (packets.is_some() || bytes.is_some()).then(|| Box::new(Self { packets, bytes }))
    }

    /// Takes one packet of so many bytes.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Result<(), CloseReason> {
        if let Some(packets) = &mut self.packets
            && !packets.take(1.0, now)
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
        let config = Config { packets_per_second: Some(rate), ..Config::default() };
        let mut allowance = Allowance::new(&config, start).unwrap();
        for _ in 0..3 {
            assert_eq!(allowance.take(1, start), Ok(()));
        }
        assert_eq!(allowance.take(1, start), Err(CloseReason::TooManyPackets));
        assert_eq!(allowance.take(1, start + Duration::from_millis(200)), Ok(()));
    }

    #[test]
    fn bytes_count_apart_from_packets() {
        let start = Instant::now();
        let rate = Rate { per_second: 100.0, burst: 1000.0 };
        let config = Config { bytes_per_second: Some(rate), ..Config::default() };
        let mut allowance = Allowance::new(&config, start).unwrap();
        assert_eq!(allowance.take(900, start), Ok(()));
        assert_eq!(allowance.take(101, start), Err(CloseReason::TooManyBytes));
    }

    #[test]
    fn no_limit_costs_nothing() {
        assert!(Allowance::new(&Config::default(), Instant::now()).is_none());
    }
}
