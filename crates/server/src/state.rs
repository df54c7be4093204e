//! What every request handler may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tasks::Engine;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::auth::Admission;
use crate::config::Settings;
use crate::drain::Drain;
use crate::live::Hub;
use crate::metrics::Metrics;
use crate::paths::Paths;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

struct Inner {
    admission: Admission,
    engine: Engine,
    hub: Hub,
    settings: Settings,
    paths: Paths,
    ending: AtomicBool,
    drain: Drain,
    connections: watch::Sender<usize>,
}

impl AppState {
    /// Also begins to bring what the engine's log announces to the hub. All
    /// connections end when `draining` is cancelled.
    pub(crate) fn new(
        admission: Admission,
        engine: Engine,
        metrics: Metrics,
        settings: Settings,
        paths: Paths,
        draining: &CancellationToken,
    ) -> Self {
        let (log, limits) = (Arc::new(engine.clone()), settings.events.ring_limits());
        let hub = Hub::with_metrics(log, limits, settings.legacy_broadcast, metrics);
        tokio::spawn(hub.pump(engine.watch()));
        let connections = watch::Sender::new(0);
        let ending = AtomicBool::new(false);
        let drain = Drain::new(draining);
        AppState(Arc::new(Inner { admission, engine, hub, settings, paths, ending, drain, connections }))
    }

    /// Who may come in.
    pub(crate) fn admission(&self) -> &Admission {
        &self.0.admission
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

    /// What the server tells about itself.
    pub(crate) fn metrics(&self) -> &Metrics {
        self.0.hub.metrics()
    }

    /// Notes that the server was told to end.
    pub(crate) fn end(&self) {
        self.0.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the server was told to end: nobody should come any more.
    pub(crate) fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Relaxed)
    }

    /// When which connections are to end.
    pub(crate) fn drain(&self) -> &Drain {
        &self.0.drain
    }

    /// Number of live connections; changes wake who waits for it.
    pub(crate) fn connections(&self) -> &watch::Sender<usize> {
        &self.0.connections
    }
}
