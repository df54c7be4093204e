//! What a server tells about itself, for Prometheus. docs/operations.md says
//! what each number means; docs/decisions/008 why it is done so.
//!
//! Every server has numbers of its own: nothing here is global, so that several
//! servers of one process, as in tests, do not mix theirs. Who counts holds the
//! counter: no name or label is looked up for an event.
//!
//! Read in this order.

/// Makes and names the metrics.
mod registrar;
/// Numbers for many threads.
mod sharded;
/// What followers are served.
pub(crate) mod live;
/// Who is connected.
mod connections;
/// What was asked for and refused.
mod requests;
/// What the task engine does.
mod tasks;
/// What is looked up on demand.
mod survey;
/// What the system says of the process.
mod process;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::state::AppState;

pub(crate) use connections::{Guest, SocketHooks};
pub(crate) use live::Tally;
pub(crate) use requests::{Door, count};
pub(crate) use survey::{STORE_PATIENCE, survey};
pub(crate) use tasks::TaskHooks;

use self::connections::Connections;
use self::live::Live;
use self::registrar::{Declared, Registrar};
use self::requests::Requests;
use self::survey::Present;
use self::tasks::Tasks;

/// What the text is called on the wire.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one server; clones share them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    declared: Vec<Declared>,
    live: Live,
    connections: Connections,
    requests: Requests,
    tasks: Tasks,
    present: Present,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registrar = Registrar::new();
        let live = Live::new(&mut registrar);
        let connections = Connections::new(&mut registrar);
        let requests = Requests::new(&mut registrar);
        let tasks = Tasks::new(&mut registrar);
        let present = Present::new(&mut registrar);
        let Registrar { registry, declared } = registrar;
        Metrics(Arc::new(Inner { registry, declared, live, connections, requests, tasks, present }))
    }

    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Every metric, sorted by name.
    #[cfg(test)]
    fn declared(&self) -> Vec<Declared> {
        let mut declared = self.0.declared.clone();
        declared.sort();
        declared
    }

    /// All numbers as they are now, as text.
    pub(crate) async fn text(&self, state: &AppState) -> Result<String, fmt::Error> {
        let survey = survey::survey(state).await;
        self.0.tasks.refresh(state.engine().running_jobs(), survey.as_ref());
        self.0.present.refresh(state);
        self.0.connections.refresh();
        let mut text = String::with_capacity(16 << 10);
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("metrics", &self.0.declared.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests_of_documents;
