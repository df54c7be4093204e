//! `msgalaxy watch`: follows one task on the native stream until it ends.
//!
//! Where it stands in the task's log outlives the connection, so that a cut or
//! a restart of the server costs no event and doubles none.

/// Which of the arriving events are handed on, and what to ask for. Pure.
mod follow;
/// What is shown, and how.
mod screen;
/// One connection to the native stream.
mod stream;

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};

use self::follow::{Follow, Verdict};
use self::screen::Screen;
use self::stream::{Address, Lost, Stream};
use crate::{Exit, fail};

/// Options of `msgalaxy watch`. The token is none of them: every list of
/// processes would show it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A server that asks for a token gets the one in the environment variable MSGALAXY_TOKEN."
)]
pub(crate) struct Options {
    /// Id of the task
    #[arg(value_parser = task_id)]
    task: String,
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000", value_parser = Address::parse)]
    url: Address,
    /// Print each event as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Pauses between tries to connect, the last one for as long as it takes.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// Pause before the server is asked again when it had trouble.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) fn run(options: &Options) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("cannot start: {error}")),
    };
    let mut screen = Screen::new(options.json);
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            Ok(()) = tokio::signal::ctrl_c() => None,
            exit = watch(options, &mut screen) => Some(exit),
        }
    });
    // A name that is being looked up must not keep the process.
    runtime.shutdown_background();
    ended.unwrap_or_else(|| {
        screen.interrupted();
        Exit::Interrupted
    })
}

async fn watch(options: &Options, screen: &mut Screen) -> Exit {
    let mut follow = Follow::new(&options.task);
    let mut pauses = PAUSES.iter();
    let token = std::env::var("MSGALAXY_TOKEN").ok().filter(|token| !token.is_empty());
    loop {
        let before = follow.at();
        let lost = match Stream::open(&options.url, token.as_deref()).await {
            Ok(stream) => match talk(stream, &mut follow, screen).await {
                ControlFlow::Break(exit) => return exit,
                ControlFlow::Continue(lost) => lost,
            },
            Err(lost) => lost,
        };
        // Only what has stood once is worth waiting for, and who was let in then
        // may not be now.
        if lost.is_refused || !follow.has_stood() {
            return screen.no_answer(&options.url, &lost);
        }
        screen.lost(&lost);
        if follow.at() > before {
            pauses = PAUSES.iter();
        }
        tokio::time::sleep(*pauses.next().unwrap_or(&PAUSES[PAUSES.len() - 1])).await;
    }
}

/// Follows the task on one connection, until the connection or the task ends.
async fn talk(mut stream: Stream, follow: &mut Follow, screen: &mut Screen) -> ControlFlow<Exit, Lost> {
    match converse(&mut stream, follow, screen).await {
        Ok(never) => match never {},
        Err(Stop::Lost(lost)) => ControlFlow::Continue(lost),
        Err(Stop::Exit(exit)) => ControlFlow::Break(exit),
    }
}

/// Why a conversation does not go on.
enum Stop {
    Lost(Lost),
    Exit(Exit),
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Stop {
        Stop::Lost(lost)
    }
}

async fn converse(
    stream: &mut Stream,
    follow: &mut Follow,
    screen: &mut Screen,
) -> Result<std::convert::Infallible, Stop> {
    stream.send(&follow.request()).await?;
    let mut window = 1;
    let mut handled = 0;
    loop {
        let message = stream.next().await?;
        match message["type"].as_str() {
            Some("hello") => window = message["credit"].as_u64().unwrap_or(1),
            Some("subscribed") => {
                follow.subscribed(&message);
                screen.connected();
            }
            Some("updates") => {
                for update in message["updates"].as_array().into_iter().flatten() {
                    handled += 1;
                    match follow.take(update) {
                        Verdict::New => screen.show(update).map_err(Stop::Exit)?,
                        Verdict::Old => {}
                        Verdict::Gap => {
                            if let Some(request) = follow.ask_again()? {
                                stream.send(&request).await?;
                            }
                        }
                    }
                }
            }
            // Others are about the connection, which ends or goes on by itself.
            Some("error") if follow.is_asked_about(&message) => {
                if message["code"] != "internal" {
                    return Err(Stop::Exit(refused(&message)));
                }
                tokio::time::sleep(RETRY).await;
                stream.send(&follow.request()).await?;
            }
            // Of a later version, or nothing that concerns us.
            _ => {}
        }
        // Before the credit is used up, so that the server never has to wait.
        if 2 * handled >= window {
            stream.send(&json!({ "type": "credit", "updates": handled })).await?;
            handled = 0;
        }
    }
}

fn refused(message: &Value) -> Exit {
    let text = message["message"].as_str().unwrap_or("the server refused the request");
    let code = message["code"].as_str().unwrap_or_default();
    fail(crate::report::printable(&format!("{text} [{code}]")))
}

fn task_id(text: &str) -> Result<String, String> {
    match text {
        "" | "*" => Err("allowed: the id of one task".to_owned()),
        id => Ok(id.to_owned()),
    }
}
