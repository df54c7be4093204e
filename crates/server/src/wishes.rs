//! What a request or a command line wants of the search, and what it gets where
//! it says nothing: the configuration's value, else the default.

use experiment::Settings;
use model::SystemConfig;

/// Most iterations of one search.
pub const MAX_ITERATIONS: u32 = 10_000;
/// Largest seed; larger integers are not exact in every client's numbers.
pub const MAX_SEED: u64 = 1 << 53;

const DEFAULT_ITERATIONS: u32 = 20;
const DEFAULT_THRESHOLD: f64 = 0.01;
/// Equal requests give equal layouts.
const DEFAULT_SEED: u64 = 0;

/// Settings of a search as far as somebody asked for them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SearchWishes {
    /// 1 to [`MAX_ITERATIONS`].
    pub max_iterations: Option<u32>,
    /// Finite, at least 0; 0 never ends early.
    pub convergence_threshold: Option<f64>,
    /// 0 to [`MAX_SEED`].
    pub seed: Option<u64>,
}

impl SearchWishes {
    /// The wishes, completed.
    pub fn settings(self, config: &SystemConfig) -> Settings {
        let search = &config.optimization;
        Settings {
            max_iterations: self.max_iterations.or(search.max_iterations).unwrap_or(DEFAULT_ITERATIONS),
            convergence_threshold: self
                .convergence_threshold
                .or(search.convergence_threshold)
                .unwrap_or(DEFAULT_THRESHOLD),
            seed: self.seed.or(search.seed).unwrap_or(DEFAULT_SEED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_wins_over_the_configuration_and_this_over_the_default() {
        let mut config = SystemConfig::default();
        let settings = SearchWishes::default().settings(&config);
        assert_eq!((settings.max_iterations, settings.convergence_threshold, settings.seed), (20, 0.01, 0));
        config.optimization.max_iterations = Some(7);
        config.optimization.seed = Some(3);
        let wishes = SearchWishes { max_iterations: Some(5), ..SearchWishes::default() };
        let settings = wishes.settings(&config);
        assert_eq!((settings.max_iterations, settings.convergence_threshold, settings.seed), (5, 0.01, 3));
    }
}
