//! The `tesserad` command line.

mod bench;
mod demo;
mod dev;
mod genesis;
mod init;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::bench::BenchArgs;
use super::output;

/// The node of a Tessera chain: a registry of tokenized real-world assets.
#[derive(Debug, Parser)]
#[command(name = "tesserad", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a chain on this machine, show on it what it can do, and stop it again.
    Demo(demo::Demo),
    /// Start a chain on this machine for development, with well-known accounts.
    Dev(dev::Dev),
    /// Measure this machine.
    Bench(BenchArgs),
    /// Make the folder of a node: keys and configuration.
    Init(init::Init),
    /// Make and check genesis documents.
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    /// Run the node of a folder.
    Start(start::Start),
}

/// Where a node's folder is, for every command that works on one.
#[derive(Debug, clap::Args)]
struct Home {
    /// The node's folder.
    #[arg(long, env = "TESSERAD_HOME", default_value = ".tesserad", value_name = "DIR")]
    home: PathBuf,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Demo(command) => return command.run(),
        Command::Dev(command) => command.run(),
        Command::Bench(args) => bench::run(args),
        Command::Init(command) => command.run(),
        Command::Genesis(command) => command.run(),
        Command::Start(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs an asynchronous command to its end.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Completes at Ctrl-C or when the process is asked to end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
