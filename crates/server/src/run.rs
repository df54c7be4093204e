//! Start, serve, stop.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tasks::{Engine, EngineSettings, Surroundings, system_clock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::accept;
use crate::auth::jwt::{KeyError, Verifier};
use crate::auth::ring::KeyRing;
use crate::auth::{Admission, AuthError, Authenticator, Pace};
use crate::config::Settings;
use crate::jobs;
use crate::metrics::{Metrics, TaskHooks};
use crate::paths::Paths;
use crate::routes;
use crate::socket;
use crate::state::AppState;

/// The store in the data directory.
pub(crate) const STORE: &str = "msgalaxy.db";
/// A worker that does not renew its lease for this long has lost it.
const LEASE: Duration = Duration::from_secs(15);
/// Runs without a new checkpoint after which a task fails.
const MAX_ATTEMPTS: u32 = 5;
/// The system ends a connection whose peer acknowledges nothing for this long,
/// also where the little that is sent to it still fits into the system's buffer.
const TCP_STALL: Duration = Duration::from_secs(90);
/// Most time for goodbyes and for answers in flight when the server ends.
const GOODBYES: Duration = Duration::from_secs(2);

/// Why a server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could reach a server that asks nobody who they are.
    #[error(
        "refusing to listen on {listen} without authentication: anybody who reaches it could use it; set [auth] mode = \"required\", listen on 127.0.0.1, or pass --insecure-no-auth if that is meant"
    )]
    NoAuth {
        /// The address.
        listen: SocketAddr,
    },
    /// A directory cannot be used.
    #[error("cannot use the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Settings that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The keys of an issuer of tokens cannot be used.
    #[error(transparent)]
    Jwt(#[from] KeyError),
    /// The access keys cannot be read.
    #[error("cannot read the access keys: {0}")]
    Keys(#[from] AuthError),
    /// The store cannot be opened.
    #[error("cannot open the store: {0}")]
    Store(#[from] tasks::Error),
    /// The listener failed.
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown` resolves, then stops within the
/// configured time, all in all: running tasks reach a checkpoint and are released, then
/// nobody else is let in, clients are told when to come back and are disconnected.
/// Nothing that was acknowledged is lost.
/// `ready` gets the address once requests are answered.
pub async fn run(
    mut settings: Settings,
    listener: TcpListener,
    ready: oneshot::Sender<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    settings.listen = listener.local_addr()?;
    check(&settings)?;
    let paths = Paths::open(&settings).map_err(|(path, source)| Error::Directory { path, source })?;

    let job = jobs::job(paths.data_dir().to_owned());
    let engine_settings = EngineSettings {
        workers: settings.workers,
        lease: LEASE,
        max_attempts: MAX_ATTEMPTS,
        max_queued: settings.limits.queued_tasks,
        retention: settings.events.retention(),
        ..EngineSettings::sqlite(&paths.data_dir().join(STORE))
    };
    let metrics = Metrics::new();
    let hooks = Arc::new(TaskHooks(metrics.clone()));
    let surroundings = Surroundings { hooks, ..Surroundings::default() };
    let engine = Engine::open_with(engine_settings, surroundings, job).await?;

    let address = settings.listen;
    let draining = CancellationToken::new();
    let admission = admission(&settings, &engine).await?;
    let state = AppState::new(admission.clone(), engine.clone(), metrics, settings, paths, &draining);
    let _end_with_this = draining.clone().drop_guard();
    let keys = async move { admission.follow_keys().await };
    tokio::spawn(draining.clone().run_until_cancelled_owned(keys));
    let (stop_accepting, end_connections) = (CancellationToken::new(), CancellationToken::new());
    let door = socket::door(
        state.hub().clone(),
        &state.settings().limits,
        state.connections().clone(),
        state.admission().clone(),
    );
    let router = routes::router(state.clone(), door.clone());
    let patience = state.settings().limits.patience();
    let trusted = state.settings().proxy.trusted.clone().into();
    let metrics = state.metrics().clone();
    let (stop, end) = (stop_accepting.clone(), end_connections.clone());
    let serve = accept::serve(listener.tap_io(tune), router, patience, trusted, metrics, stop, end);
    let mut serve = std::pin::pin!(serve);
    // Nobody may want to know; connections wait in the listener until served.
    let _ = ready.send(address);

    tokio::select! {
        () = &mut serve => {}
        () = shutdown => {
            tracing::info!("shutting down");
            state.end();
            let (for_tasks, for_clients) = shares(state.settings().limits.shutdown());
            // Clients still hear what the last reports of the jobs bring.
            tokio::select! {
                () = &mut serve => {}
                () = engine.shutdown(for_tasks) => {}
            }
            stop_accepting.cancel();
            let deadline = Instant::now() + for_clients;
            let mut connections = state.connections().subscribe();
            let goodbyes = async {
                let clients = *state.connections().borrow();
                // Meanwhile those who poll still come for what they are told.
                state.drain().tell(&door, clients, for_clients / 2).await;
                end_connections.cancel();
                draining.cancel();
                door.shutdown(deadline.saturating_duration_since(Instant::now())).await
            };
            let all_ended = async {
                serve.await;
                drop(connections.wait_for(|count| *count == 0).await);
            };
            // Who takes nothing by then is cut off.
            let _ = tokio::join!(goodbyes, timeout_at(deadline, all_ended));
        }
    }
    Ok(())
}

/// What of the time for ending is for running tasks, and what for clients.
fn shares(total: Duration) -> (Duration, Duration) {
    let for_clients = GOODBYES.min(total / 4);
    (total - for_clients, for_clients)
}

/// Whether the settings may be served at all.
pub fn check(settings: &Settings) -> Result<(), Error> {
    if !settings.auth.is_required() {
        return if settings.is_loopback() || settings.insecure_no_auth {
            Ok(())
        } else {
            Err(Error::NoAuth { listen: settings.listen })
        };
    }
    // What an operator asks for must not be dropped in silence.
    if settings.insecure_no_auth {
        return Err(Error::Contradiction(
            "[auth] mode is \"required\", and --insecure-no-auth (insecure_no_auth) asks for none; remove one of them",
        ));
    }
    if settings.legacy_broadcast {
        return Err(Error::Contradiction(
            "legacy_broadcast sends everything to everybody, which [auth] mode = \"required\" is there to prevent; remove one of them",
        ));
    }
    Ok(())
}

/// Who may come in, by the settings.
async fn admission(settings: &Settings, engine: &Engine) -> Result<Admission, Error> {
    let auth = &settings.auth;
    if !auth.is_required() {
        return Ok(Admission::open());
    }
    let verifier = auth.jwt.clone().map(Verifier::open).transpose()?;
    let ring = KeyRing::open(engine.access(), system_clock()).await?;
    let authenticator = Authenticator::new(ring, verifier, system_clock());
    let pace = Pace { warning: auth.expiry_warning(), grace: auth.expiry_grace() };
    Ok(Admission::required(authenticator, engine.clone(), pace, system_clock()))
}

/// Small messages leave at once, and a peer that vanished is noticed.
fn tune(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&*stream).set_tcp_user_timeout(Some(TCP_STALL)) {
        tracing::debug!("TCP_USER_TIMEOUT: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_clients_share_the_time_for_ending() {
        for ms in [0, 1, 1000, 5000, 10_000, 3_600_000] {
            let total = Duration::from_millis(ms);
            let (for_tasks, for_clients) = shares(total);
            assert_eq!(for_tasks + for_clients, total);
            assert!(for_clients <= for_tasks && for_clients <= GOODBYES, "{for_clients:?} of {total:?}");
        }
        assert_eq!(shares(Duration::from_secs(10)).1, GOODBYES);
    }
}
