//! Seeded search over layouts.
//!
//! Pure: no IO, no clock; all randomness comes from the seed. The result does
//! not depend on the number of threads, nor on whether the search was
//! interrupted after an iteration and resumed from its checkpoint.
//!
//! Read in this order.

/// What a caller asks for, sees and gets: settings, observer, checkpoint.
pub mod search;

pub use search::{Checkpoint, Control, Iteration, Observer, Outcome, Settings, StopReason};
