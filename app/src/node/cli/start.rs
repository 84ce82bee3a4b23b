//! `tesserad start`: run the node of a folder.

use std::io::IsTerminal as _;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::{Home, block_on, interrupted};
use crate::node::config::{Config, Mode};
use crate::node::folder::NodeFolder;
use crate::node::runtime;

#[derive(Debug, clap::Args)]
pub(super) struct Start {
    #[command(flatten)]
    home: Home,
    /// Serve a CometBFT that runs elsewhere instead of supervising one: `unix://PATH` or
    /// `tcp://HOST:PORT` to listen on.
    #[arg(long, value_name = "ADDRESS")]
    abci: Option<String>,
    /// The `cometbft` program to supervise.
    #[arg(long, value_name = "PATH")]
    cometbft: Option<std::path::PathBuf>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,
    /// Stop when standard input is closed, as when the process that started this one ends.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Pretty,
    Json,
}

impl Start {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folder = NodeFolder::new(std::path::absolute(&self.home.home)?);
        let mut config = Config::read(&folder.config_file())?;
        if let Some(address) = self.abci {
            config.consensus.mode = Mode::External;
            config.consensus.abci = address;
        }
        if let Some(program) = self.cometbft {
            config.consensus.cometbft = program;
        }
        log(&config.log, self.log_format);
        raise_file_limit();
        block_on(async {
            let shutdown = async {
                tokio::select! {
                    () = interrupted() => {}
                    () = stdin_closed(), if self.until_stdin_closes => {}
                }
            };
            runtime::run(&folder, &config, shutdown).await
        })
    }
}

/// Connections and tables of the database take a file each, more than most shells allow at first.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("only {:?} files may be open at a time: {error}", limit.current);
    }
}

async fn stdin_closed() {
    let (tell, told) = oneshot::channel();
    // A thread of its own: a runtime would wait for a blocked read when it ends.
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tell.send(());
    });
    let _ = told.await;
}

fn log(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    let subscriber =
        subscriber.with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Pretty => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
