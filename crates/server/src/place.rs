//! One connection's share of the connection limit.

use tokio::sync::watch;

/// Counts as a connection until it is dropped.
pub(crate) struct Place(watch::Sender<usize>);

impl Place {
    /// One of `limit` places, if one is free. Who gets none counts for nothing.
    pub(crate) fn take(connections: &watch::Sender<usize>, limit: usize) -> Option<Place> {
        let is_free = connections.send_if_modified(|count| {
            let is_free = *count < limit;
            *count += usize::from(is_free);
            is_free
        });
        is_free.then(|| Place(connections.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_no_place_counts_for_nothing() {
        let connections = watch::Sender::new(0);
        let first = Place::take(&connections, 1).expect("a free place");
        let refused = [Place::take(&connections, 1), Place::take(&connections, 1)];
        assert!(refused.iter().all(Option::is_none));
        assert_eq!(*connections.borrow(), 1);
        drop(first);
        // While those who were refused may still be there to be told.
        assert!(Place::take(&connections, 1).is_some());
        assert_eq!(*connections.borrow(), 0);
    }
}
