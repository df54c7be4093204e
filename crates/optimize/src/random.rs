use rand::Rng;
use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

/// The search's only source of randomness: a PCG stream that is stored in
/// checkpoints. 64-bit state, so that it survives JSON numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Random(Pcg32);

impl Random {
    /// An independent stream for each `(seed, stream)`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // PCG streams that differ only in their increment are correlated; the
        // start states are therefore spread by a mixing function as well.
        Random(Pcg32::new(mix(seed ^ mix(stream)), stream))
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..n. `n` is positive.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// SplitMix64's finalizer: neighbouring inputs give unrelated outputs.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_spread() {
        let mut random = Random::new(7, 1);
        let mut counts = [0_usize; 5];
        let mut mean = 0.0;
        for _ in 0..10_000 {
            counts[random.below(5)] += 1;
            let value = random.unit();
            assert!((0.0..1.0).contains(&value));
            mean += value / 10_000.0;
        }
        // 2000 expected in each bin, standard deviation 40; six of them.
        assert!(counts.iter().all(|count| (1760..2240).contains(count)), "{counts:?}");
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..4).map(|_| random.below(1 << 20)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }
}
