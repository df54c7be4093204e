//! MsGalaxy's way from an event to its subscribers, without satellites: the
//! product's hub and Socket.IO door, and its durable log where that is asked
//! for. Jobs do what the load generator orders.

/// Events in memory, for the hub alone.
mod memory;
/// Tasks of the real engine, whose jobs append what is ordered.
mod durable;
/// How fast the durable log takes events that nobody hears.
mod append;
/// The publish request, and the rest of the server.
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::serve::Source;

/// Serves the namespace /tasks with MsGalaxy's hub.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Port on 127.0.0.1.
    #[arg(long, required = true)]
    port: Option<u16>,
    /// Where events go before subscribers hear of them.
    #[arg(long, value_enum, default_value = "memory")]
    log: Log,
    /// Where the durable log lies.
    #[arg(long, default_value = ".")]
    data_dir: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    /// Kept in memory; nothing is stored.
    Memory,
    /// The product's log on SQLite: stored durably first.
    Sqlite,
}

#[derive(Subcommand)]
enum Command {
    /// Appends events that nobody hears and prints the rates as JSON.
    Append {
        /// Where the durable log lies.
        #[arg(long)]
        data_dir: PathBuf,
        /// Events in batches; a tenth as many are appended one at a time.
        #[arg(long, default_value_t = 500_000)]
        events: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(Command::Append { data_dir, events }) = arguments.command {
        let rates = append::measure(&data_dir, events).await?;
        println!("{}", serde_json::to_string_pretty(&rates)?);
        return Ok(());
    }
    let source = match arguments.log {
        Log::Memory => Source::Memory(memory::Memory::default()),
        Log::Sqlite => Source::Durable(durable::Tasks::open(&arguments.data_dir).await?),
    };
    let port = arguments.port.ok_or("--port is missing")?;
    Ok(serve::serve(port, source).await?)
}
