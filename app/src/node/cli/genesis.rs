//! `tesserad genesis`: make and check genesis documents.

mod export;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tessera_genesis::{Account, Genesis, StateFile, Validator};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;

use crate::chain::genesis::{check_state_file, genesis_changes};
use crate::node::comet::clock;
use crate::node::output::{answer, tell};

#[derive(Debug, clap::Subcommand)]
pub(super) enum GenesisCommand {
    /// Write a new document with the well-known development accounts and the currency `usdx`.
    New {
        /// Id of the chain.
        #[arg(long)]
        chain: String,
        /// The file to write.
        #[arg(long, default_value = "genesis.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Add an account with prepaid fees.
    AddAccount {
        /// The document.
        file: PathBuf,
        /// The account.
        #[arg(long, value_name = "tsr1…")]
        address: Address,
        /// Prepaid fees in base units of the fee currency.
        #[arg(long, default_value = "0")]
        fee_credit: Amount,
        /// A name for people.
        #[arg(long)]
        name: Option<String>,
    },
    /// Add a validator.
    AddValidator {
        /// The document.
        file: PathBuf,
        /// Ed25519 key, 64 hexadecimal digits, as `tesserad init` prints it.
        #[arg(long, value_name = "HEX")]
        key: String,
        /// Voting power.
        #[arg(long, default_value_t = 10)]
        power: u64,
        /// A name for people.
        #[arg(long)]
        name: String,
    },
    /// Write the state of a stopped node as a document that a chain can go on from.
    ///
    /// All leaves of the state go into a file beside the document, in order and with their
    /// digest. The new chain begins with the block after.
    Export(export::Export),
    /// Check a document, and the state beside it if it names one: every error with its place.
    Validate {
        /// The document.
        file: PathBuf,
    },
    /// Print the hash that identifies a document, whatever its spacing.
    Hash {
        /// The document.
        file: PathBuf,
    },
}

impl GenesisCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::New { chain, out } => new(&chain, &out),
            Self::AddAccount { file, address, fee_credit, name } => edit(&file, |genesis| {
                if let Some(state) = &genesis.state {
                    anyhow::bail!(
                        "the accounts of `{}` are those of `{}`; nothing was changed",
                        file.display(),
                        state.file
                    );
                }
                let account = Account { address, fee_credit, name, ..Account::default() };
                genesis.add_account(account);
                Ok(())
            }),
            Self::AddValidator { file, key, power, name } => edit(&file, |genesis| {
                let public_key = hex::decode(&key)
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .with_context(|| format!("`{key}` is not a key of 64 hexadecimal digits"))?;
                genesis.add_validator(Validator { name, public_key, power });
                Ok(())
            }),
            Self::Export(export) => export.run(),
            Self::Validate { file } => validate(&file),
            Self::Hash { file } => {
                answer(hex::encode(read(&file)?.hash()));
                Ok(())
            }
        }
    }
}

fn new(chain: &str, out: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(!out.exists(), "`{}` exists already; nothing was changed", out.display());
    let genesis = Genesis::dev(chain, &clock::now().to_rfc3339(), Vec::new());
    write(out, &genesis)?;
    tell(format_args!(
        "wrote {}; add validators with `tesserad genesis add-validator {}`",
        out.display(),
        out.display()
    ));
    Ok(())
}

/// Changes a document that may still lack validators.
fn edit(
    file: &Path,
    change: impl FnOnce(&mut Genesis) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let text = read_text(file)?;
    let mut genesis = Genesis::from_json_draft(&text).map_err(|errors| in_file(file, &errors))?;
    change(&mut genesis)?;
    let json = genesis.to_json();
    Genesis::from_json_draft(&json).map_err(|errors| in_file(file, &errors))?;
    write(file, &genesis)
}

fn validate(file: &Path) -> anyhow::Result<()> {
    let genesis = read(file)?;
    if let Some(state) = &genesis.state {
        return validate_state(file, &genesis, state);
    }
    // The same code that the chain begins with.
    let leaves = genesis_changes(&genesis).map_err(anyhow::Error::msg)?.as_slice().len();
    answer(format_args!(
        "{} is valid: chain {}, {} accounts, {} assets, {} validators, {leaves} leaves of state",
        file.display(),
        genesis.chain_id,
        genesis.accounts.len(),
        genesis.assets.len(),
        genesis.validators.len(),
    ));
    Ok(())
}

fn validate_state(file: &Path, genesis: &Genesis, state: &StateFile) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    check_state_file(state, folder, |_, _| ()).map_err(anyhow::Error::msg)?;
    answer(format_args!(
        "{} is valid: chain {}, {} validators, goes on after block {} with {} leaves of state",
        file.display(),
        genesis.chain_id,
        genesis.validators.len(),
        state.height,
        state.leaves,
    ));
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Genesis> {
    Genesis::from_json(&read_text(file)?).map_err(|errors| in_file(file, &errors))
}

fn read_text(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
}

fn write(file: &Path, genesis: &Genesis) -> anyhow::Result<()> {
    fs::write(file, genesis.to_json()).with_context(|| format!("cannot write `{}`", file.display()))
}

fn in_file(file: &Path, errors: &tessera_genesis::GenesisErrors) -> anyhow::Error {
    anyhow::anyhow!("`{}` has errors:\n{errors}", file.display())
}
