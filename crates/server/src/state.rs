//! What every request handler may use.

use std::sync::Arc;

use tasks::Engine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::paths::Paths;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

struct Inner {
    engine: Engine,
    settings: Settings,
    paths: Paths,
    draining: CancellationToken,
    connections: watch::Sender<usize>,
}

impl AppState {
    pub(crate) fn new(engine: Engine, settings: Settings, paths: Paths, draining: CancellationToken) -> Self {
        AppState(Arc::new(Inner { engine, settings, paths, draining, connections: watch::Sender::new(0) }))
    }

    /// The task engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What the operator set.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Where files are.
    pub(crate) fn paths(&self) -> &Paths {
        &self.0.paths
    }

    /// Cancelled when connections are to end.
    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.0.draining
    }

    /// Number of live connections; changes wake who waits for it.
    pub(crate) fn connections(&self) -> &watch::Sender<usize> {
        &self.0.connections
    }
}
