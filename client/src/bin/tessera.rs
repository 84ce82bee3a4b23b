//! The `tessera` command.

use std::process::ExitCode;

use clap::Parser;
use tessera_client::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
