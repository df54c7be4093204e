//! What a request may want of the search; the rules are those of every door.

pub use experiment::wishes::SearchWishes;
pub use model::config::{MAX_ITERATIONS, MAX_SEED};
