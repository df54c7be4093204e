//! What every request handler may use.

use std::sync::Arc;

use tasks::Engine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::live::Hub;
use crate::paths::Paths;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

struct Inner {
    engine: Engine,
    hub: Hub,
    settings: Settings,
    paths: Paths,
    draining: CancellationToken,
    connections: watch::Sender<usize>,
}

impl AppState {
    /// Also begins to bring what the engine's log announces to the hub.
    pub(crate) fn new(engine: Engine, settings: Settings, paths: Paths, draining: CancellationToken) -> Self {
        let hub =
            Hub::new(Arc::new(engine.clone()), settings.events.ring_limits(), settings.legacy_broadcast);
        tokio::spawn(hub.pump(engine.watch()));
        let connections = watch::Sender::new(0);
        AppState(Arc::new(Inner { engine, hub, settings, paths, draining, connections }))
    }

    /// The task engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Where those who follow tasks hear of them.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
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
