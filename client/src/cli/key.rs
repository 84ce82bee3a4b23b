//! `tessera key`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::send::{Approval, Intent, approve, submit};
use crate::error::ClientError;
use crate::keystore::KeyInfo;
use crate::operations;
use crate::signer::Signer;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new key
    New {
        /// Name of the key
        name: String,
    },
    /// Store a key made elsewhere
    Import {
        /// Name of the key
        name: String,
        /// File with the 32-byte Ed25519 seed in hex
        #[arg(long, value_name = "FILE")]
        seed_file: PathBuf,
    },
    /// List keys; needs no passphrase
    List,
    /// Show a key; needs no passphrase
    Show {
        /// Name of the key
        name: String,
    },
    /// Replace the key of the account of --from by a new one; the address stays
    Rotate,
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::New { name } => {
            let signer = Signer::generate()
                .map_err(|error| Failure::other(format!("no randomness: {error}")))?;
            store(context, &name, &signer, "made")
        }
        Command::Import { name, seed_file } => import(context, &name, &seed_file),
        Command::List => list(context),
        Command::Show { name } => {
            let info = context.key_info(&name)?;
            let fields = vec![
                ("name", info.name.clone()),
                ("address", info.account.to_string()),
                ("public key", hex::encode(info.public_key)),
            ];
            Ok(Report::new(key_json(&info), vec![Block::Fields(fields)]))
        }
        Command::Rotate => rotate(context).await,
    }
}

fn store(context: &Context, name: &str, signer: &Signer, verb: &str) -> Result<Report, Failure> {
    // Before a passphrase is asked for in vain.
    if context.keystore().info(name).is_ok() {
        return Err(crate::keystore::KeystoreError::Exists(name.to_owned()).into());
    }
    let passphrase = context.new_passphrase()?;
    context.keystore().create(name, signer, &passphrase)?;
    let info = context.keystore().info(name)?;
    let line = format!("{verb} key {name}   {}", info.account);
    Ok(Report::new(key_json(&info), vec![Block::Success(line)]))
}

fn import(context: &Context, name: &str, path: &PathBuf) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), seed.as_mut()).map_err(|_| {
        Failure::usage(format!("`{}` is not a seed: expected 64 hex digits", path.display()))
    })?;
    store(context, name, &Signer::from_seed(&seed), "stored")
}

fn list(context: &Context) -> Result<Report, Failure> {
    let keys = context.keystore().list()?;
    if keys.is_empty() {
        context.output.note("No keys yet: make one with `tessera key new NAME`.");
        return Ok(Report::default());
    }
    let row = |key: &KeyInfo| vec![key.name.clone(), key.account.to_string()];
    let table = Block::Table(vec!["name", "address"], keys.iter().map(row).collect());
    Ok(Report { records: keys.iter().map(key_json).collect(), blocks: vec![table] })
}

async fn rotate(context: &Context) -> Result<Report, Failure> {
    let name = context.from()?;
    let stored = context.keystore().info(name).map_err(|_| {
        Failure::usage(format!("`{name}` is not a stored key, so its successor has no place"))
    })?;
    let passphrase = context.passphrase(&format!("Passphrase of `{name}`: "))?;
    let old = context.keystore().unlock(name, &passphrase)?;
    let fresh = Signer::generate()
        .map_err(|error| Failure::other(format!("no randomness: {error}")))?
        .for_account(stored.account);
    let new_key = hex::encode(fresh.public_key_bytes());
    let intent =
        Intent::new(vec![("New key", new_key)], operations::rotate_keys(fresh.authority()));
    let operations = match approve(context, &old, intent).await? {
        Approval::Trial(report) => return Ok(report),
        Approval::Granted(operations) => operations,
    };
    // Stored before it is in force: a key that is lost in between would lose the account.
    let pending = format!("{name}-next");
    context.keystore().create(&pending, &fresh, &passphrase)?;
    let report = match submit(context, &old, &operations).await {
        Ok(report) => report,
        Err(failure) if matches!(failure.error, ClientError::Refused(_)) => {
            context.keystore().remove(&pending)?;
            return Err(failure);
        }
        Err(failure) => {
            let help = format!("if it takes effect later, the new key is stored as `{pending}`");
            return Err(failure.help(help));
        }
    };
    context.keystore().replace(name, &fresh, &passphrase)?;
    context.keystore().remove(&pending)?;
    Ok(report)
}

fn key_json(info: &KeyInfo) -> Value {
    json!({
        "name": info.name,
        "address": info.account.to_string(),
        "public_key": hex::encode(info.public_key),
    })
}
