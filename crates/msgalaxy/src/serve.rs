use std::net::SocketAddr;
use std::path::PathBuf;

use server::Settings;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::{Exit, config, fail, say, write_out};

/// Options of `msgalaxy serve`. What is given here wins over the environment and
/// the file.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Address or name, and port, to listen on; port 0 takes a free one [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = server::config::listen_address)]
    listen: Option<SocketAddr>,
    /// Directory of the store, the results and the uploads [default: .]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve without authentication beyond this machine or behind a proxy
    #[arg(long)]
    insecure_no_auth: bool,
}

/// Serves until it is told to stop.
pub(crate) fn run(options: &Options) -> Exit {
    // usvg warns of every glyph that the first of several fonts lacks.
    let levels = std::env::var("MSGALAXY_LOG").unwrap_or_else(|_| "warn,server=info,tasks=info".to_owned());
    let filter = EnvFilter::new(format!("usvg=error,{levels}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color()).init();
    let settings = match settings(options) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("cannot start: {error}")),
    };
    let exit = runtime.block_on(serve(settings));
    // A job that did not yield in time must not keep the process.
    runtime.shutdown_background();
    exit
}

fn settings(options: &Options) -> Result<Settings, Exit> {
    let mut settings = config::load(options.config.as_deref())?;
    if let Some(listen) = options.listen {
        settings.listen = listen;
    }
    if let Some(data_dir) = &options.data_dir {
        settings.data_dir.clone_from(data_dir);
    }
    settings.insecure_no_auth |= options.insecure_no_auth;
    Ok(settings)
}

async fn serve(settings: Settings) -> Exit {
    // Before anything is opened: a refusal must not leave a listener behind.
    if let Err(error) = server::check(&settings) {
        return fail(error);
    }
    let listener = match TcpListener::bind(settings.listen).await {
        Ok(listener) => listener,
        Err(error) => return fail(format_args!("cannot listen on {}: {error}", settings.listen)),
    };
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let announce = tokio::spawn(async move {
        if let Ok(address) = is_ready.await {
            write_out(format!("MsGalaxy is listening on http://{address}\n").as_bytes());
        }
    });
    let outcome = server::run(settings, listener, ready, stop_signal()).await;
    announce.abort();
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) => fail(error),
    }
}

/// Resolves at the first SIGINT or SIGTERM; the second ends the process. Heard
/// are those from now on: who is told that the server listens may stop it at
/// once.
fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut signals = Signals::new();
    tokio::spawn(async move {
        signals.next().await;
        say("stopping; a second signal ends at once");
        // The server may have ended by itself.
        let _ = stop.send(());
        signals.next().await;
        std::process::exit(130);
    });
    async {
        if stopped.await.is_err() {
            std::future::pending().await
        }
    }
}

/// The signals that end a server. Where none can be heard, the system's own
/// action ends the process.
#[cfg(unix)]
struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn new() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let both = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        Signals(match both {
            [Ok(interrupt), Ok(terminate)] => Some([interrupt, terminate]),
            _ => None,
        })
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some([interrupt, terminate]) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Signals {
        Signals
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether standard error wants color.
fn color() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
