use model::SystemConfig;
use optimize::Settings;

/// Settings of a search as far as somebody asked for them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SearchWishes {
    /// 1 to [`model::config::MAX_ITERATIONS`].
    pub max_iterations: Option<u32>,
    /// Finite, at least 0; 0 never ends early.
    pub convergence_threshold: Option<f64>,
    /// 0 to [`model::config::MAX_SEED`].
    pub seed: Option<u64>,
}

impl SearchWishes {
    /// The wishes, completed.
    pub fn settings(self, config: &SystemConfig) -> Settings {
        let search = &config.optimization;
        let default = Settings::default();
        Settings {
            max_iterations: self.max_iterations.or(search.max_iterations).unwrap_or(default.max_iterations),
            convergence_threshold: self
                .convergence_threshold
                .or(search.convergence_threshold)
                .unwrap_or(default.convergence_threshold),
            seed: self.seed.or(search.seed).unwrap_or(default.seed),
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
