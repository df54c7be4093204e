//! One connection's share of the connection limit.

use tokio::sync::watch;

/// Counts as a connection until it is dropped.
pub(crate) struct Place {
    connections: watch::Sender<usize>,
    number: usize,
}

impl Place {
    /// One more of `connections`.
    pub(crate) fn take(connections: &watch::Sender<usize>) -> Place {
        let mut number = 0;
        connections.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        Place { connections: connections.clone(), number }
    }

    /// How many connections there were with it.
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.send_modify(|count| *count -= 1);
    }
}
