//! One connection's share of the connection limit.

use crate::state::AppState;

/// Counts as a connection until it is dropped.
pub(crate) struct Place {
    state: AppState,
    number: usize,
}

impl Place {
    /// One more connection.
    pub(crate) fn take(state: &AppState) -> Place {
        let mut number = 0;
        state.connections().send_modify(|count| {
            *count += 1;
            number = *count;
        });
        Place { state: state.clone(), number }
    }

    /// How many connections there were with it.
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.connections().send_modify(|count| *count -= 1);
    }
}
