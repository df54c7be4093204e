//! The command line.
//!
//! Data goes to standard output, everything else to standard error, so that the
//! output can be piped. Exit codes: 0 done and feasible, 6 done but infeasible,
//! 5 invalid input, 2 wrong usage, 1 anything else, 130 interrupted; of a task
//! that was watched 0 completed, 3 failed, 4 cancelled.

/// `msgalaxy bom`
mod bom;
/// `msgalaxy config`
mod config;
/// `msgalaxy optimize`
mod optimize;
/// Problems of an input on a terminal.
mod report;
/// `msgalaxy serve`
mod serve;
/// The configuration that `bom check` and `optimize` use.
mod system;
/// `msgalaxy token`
mod token;
/// `msgalaxy watch`
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Optimizes the layout of a satellite's equipment, and lets everyone watch.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API, live updates and the page
    Serve(serve::Options),
    /// Follows a task of a server live until it ends
    Watch(watch::Options),
    /// Optimizes a BOM here and now
    Optimize(optimize::Options),
    /// Checks a BOM, or writes a sample of one
    #[command(subcommand)]
    Bom(bom::Command),
    /// Shows the settings of the server, and checks a file of them
    #[command(subcommand)]
    Config(config::Command),
    /// Makes, lists and ends the keys with which programs say who they are
    #[command(subcommand)]
    Token(token::Command),
    /// Writes the completion script of a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    TaskFailed,
    TaskCancelled,
    InvalidInput,
    Infeasible,
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::TaskFailed => 3,
            Exit::TaskCancelled => 4,
            Exit::InvalidInput => 5,
            Exit::Infeasible => 6,
            Exit::Interrupted => 130,
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Serve(options) => serve::run(&options),
        Command::Watch(options) => watch::run(&options),
        Command::Optimize(options) => optimize::run(&options),
        Command::Bom(command) => bom::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Token(command) => token::run(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "msgalaxy", &mut script);
            write_out(&script)
        }
    }
    .into()
}

/// Writes data to standard output. Who reads it may have gone; that is no error.
pub(crate) fn write_out(bytes: &[u8]) -> Exit {
    print(bytes).err().unwrap_or(Exit::Done)
}

/// Writes data to standard output. The error is how to end when that does not
/// go on: at once and in peace, when who reads it has gone.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Exit> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Exit::Done,
        _ => fail(format_args!("cannot write to standard output: {error}")),
    })
}

/// Says on standard error why nothing came of it.
pub(crate) fn fail(reason: impl std::fmt::Display) -> Exit {
    say(format_args!("error: {reason}"));
    Exit::Failed
}

/// One line on standard error.
pub(crate) fn say(line: impl std::fmt::Display) {
    // There is nowhere left to complain to.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
