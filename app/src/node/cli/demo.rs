//! `tesserad demo`: what the chain can do, shown on real nodes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tempfile::TempDir;
use tessera_genesis::Genesis;

use super::dev::{ChainArgs, fresh_chain_id};
use super::{block_on, interrupted};
use crate::node::comet::clock;
use crate::node::demo::register::Register;
use crate::node::demo::{self, DemoOptions, Interrupted, Story};
use crate::node::output::{self, tell};

/// Number of validators, unless the user says otherwise.
const VALIDATORS: u8 = 4;
/// What the user gave makes no sense.
const EXIT_USAGE: u8 = 2;
/// The user has interrupted.
const EXIT_INTERRUPTED: u8 = 130;

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    chain: ChainArgs,
    /// Import a register of your own: a folder with assets.csv, holders.csv and payments.csv.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Folder for proofs; a temporary one if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Let the chain run on after the demonstration, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(super) fn run(self) -> ExitCode {
        match self.show() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::error(&error);
                exit_code(&error)
            }
        }
    }

    fn show(self) -> anyhow::Result<()> {
        let now = clock::now();
        let story = match &self.from {
            None => Story::Villa,
            Some(folder) => Story::Register(Box::new(read(folder, now)?)),
        };
        let (chain_id, time) = (fresh_chain_id("demo")?, now.to_rfc3339());
        let genesis = match &story {
            Story::Villa => Genesis::dev(&chain_id, &time, Vec::new()),
            Story::Register(register) => demo::register_genesis(&chain_id, &time, register)?,
        };
        let nodes = tempfile::tempdir()?;
        let chain_args = self.chain.or_validators(VALIDATORS);
        let chain = chain_args.options(nodes.path().to_owned(), genesis)?;
        let out = Out::new(self.out)?;
        let options = DemoOptions {
            chain,
            description: chain_args.description(),
            story,
            out: out.path.clone(),
            keep: self.keep,
        };
        block_on(demo::run(options, interrupted()))?;
        out.keep();
        Ok(())
    }
}

/// What is wrong has been told, line by line.
#[derive(Debug, thiserror::Error)]
#[error("the register in `{folder}` has errors ({count}), so nothing was imported")]
struct BadRegister {
    folder: String,
    count: usize,
}

fn read(folder: &Path, now: tendermint::Time) -> anyhow::Result<Register> {
    Register::read(folder, now).map_err(|flaws| {
        tell(&flaws);
        BadRegister { folder: folder.display().to_string(), count: flaws.list.len() }.into()
    })
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Interrupted>() {
        ExitCode::from(EXIT_INTERRUPTED)
    } else if error.is::<BadRegister>() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// Where files for the user go. A temporary folder stays only if all went well.
struct Out {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Out {
    fn new(given: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            std::fs::create_dir_all(&path)
                .with_context(|| format!("cannot create `{}`", path.display()))?;
            return Ok(Self { path: std::path::absolute(path)?, temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("tessera-demo-").tempdir()?;
        Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) })
    }

    fn keep(self) {
        if let Some(temporary) = self.temporary {
            let _ = temporary.keep();
        }
    }
}
