//! The doors: REST, the Socket.IO namespace `/tasks`, the page.
//!
//! Nothing but this crate knows HTTP, status codes and Socket.IO events. It
//! turns requests into tasks and the log of tasks into answers and pushes; what
//! a task does it learns from `experiment`.
//!
//! Read in this order.

/// Everything an operator can set.
pub mod config;
/// Start, serve, stop.
mod run;
/// Takes connections and serves each on a task of its own.
mod accept;
/// How clients are told that the server ends.
mod drain;
/// Whose request a proxy passed on.
mod forwarded;

/// What is wanted of a search, and its defaults.
pub mod wishes;
/// From a request's body to a checked problem.
mod intake;
/// Where a task becomes an experiment.
mod jobs;
/// What of a layout goes out with its iteration.
mod layout;
/// Which files a client may name.
mod paths;

/// All routes and layers.
mod routes;
/// What every handler may use.
mod state;
/// Body, query, language.
mod request;
/// Errors to statuses and codes.
mod problem;
/// Who may call.
mod guard;
/// Who calls, and what they may.
pub mod auth;
/// What a server tells about itself.
mod metrics;

/// Who hears what of which task, whatever the door.
pub mod live;
/// The native stream.
mod stream;
/// The connection limit.
mod place;
/// How much one connection may say.
mod pace;
/// The Socket.IO door.
mod socket;

pub use config::Settings;
pub use run::{Error, check, run};

/// The Socket.IO door alone, on a hub that the caller feeds: the service for
/// the path `/socket.io/`.
pub fn socket_io(hub: live::Hub, limits: &config::Limits) -> realtime::engine::Server {
    socket::door(hub, limits, tokio::sync::watch::Sender::new(0), auth::Admission::open())
}

/// The native stream alone, on a hub that the caller feeds: the route for the
/// path `/api/stream`.
pub fn native_stream(hub: live::Hub, limits: &config::Limits) -> axum::Router {
    let around = stream::Surroundings {
        hub,
        limits: limits.clone(),
        draining: tokio_util::sync::CancellationToken::new(),
        connections: tokio::sync::watch::Sender::new(0),
        admission: auth::Admission::open(),
    };
    axum::Router::new().route("/api/stream", axum::routing::any(stream::door)).with_state(around)
}
