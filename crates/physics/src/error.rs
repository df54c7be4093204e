/// Why the models have no answer. An infeasible layout is never one of these:
/// it is a value with violations.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The layout does not belong to the satellite.
    #[error("layout has {found} placements, the satellite has {expected} components")]
    PlacementCount {
        /// Placements in the layout.
        found: usize,
        /// Components of the satellite.
        expected: usize,
    },
    /// A grid that cannot be built.
    #[error("mesh is {found} cells per panel edge, allowed are 1 to {allowed}")]
    Mesh {
        /// What was asked for.
        found: usize,
        /// The finest grid.
        allowed: usize,
    },
    /// An input number is not finite or has a sign that makes no sense.
    #[error("{what} is {value}, allowed is {allowed}")]
    Input {
        /// Which number.
        what: String,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// Heat that reaches a node can leave it on no path to space, so its
    /// temperature grows without end.
    #[error("no steady state: {what} has no heat path to a surface that radiates to space")]
    NoSteadyState {
        /// The node.
        what: String,
    },
    /// The Newton iteration ended above its tolerance.
    #[error(
        "thermal solve not converged: residual {residual_w:.3e} W above {allowed_w:.3e} W after {newton_steps} Newton steps"
    )]
    NotConverged {
        /// Newton steps taken.
        newton_steps: usize,
        /// Sum of the absolute node residuals, W.
        residual_w: f64,
        /// What it had to be, W.
        allowed_w: f64,
    },
}
