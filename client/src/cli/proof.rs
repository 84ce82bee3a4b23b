//! `tessera proof`: what all kinds of proofs have in common.

mod ownership;
mod receipt;
mod register;
mod vote;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_proto::pb::query::v1::Certificate;

use super::context::Context;
use super::failure::Failure;
use super::history;
use super::output::{Block, Report};
use super::send::grouped;
use crate::error::ClientError;
use crate::tx_builder::TransactionId;
use crate::verify::{
    AssetHistory, CompleteRegister, CountedVote, Kind, Ownership, ProofError, ProofFile,
    TransactionReceipt, TrustRoot, VerifiedHeader, claimed_validators_hash, display_time, kind_of,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a proof of what an account holds, or that it holds nothing
    Ownership {
        /// Name or id of the asset
        asset: String,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Write everything that was done with an asset, and the proof that nothing is left out
    History {
        /// Name or id of the asset
        asset: String,
        #[command(flatten)]
        target: Target,
    },
    /// Write who holds an asset, and the proof that nobody is left out
    Register {
        /// Name or id of the asset
        asset: String,
        #[command(flatten)]
        target: Target,
    },
    /// Write a proof of how an account has voted and of everything that was counted
    Vote {
        /// Name or id of the asset
        asset: String,
        /// Number of the proposal
        proposal: u64,
        /// Whose; that of --from if left out
        #[arg(long, value_name = "ACCOUNT")]
        voter: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Write a proof of what a transaction did, like both legs of a sale
    Receipt {
        /// Id of the transaction
        id: TransactionId,
        #[command(flatten)]
        target: Target,
    },
    /// Check a proof; no node is asked
    Verify {
        /// The proof
        file: PathBuf,
        /// Write the holders of a register as CSV, once it is checked
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        #[command(flatten)]
        trust: Trust,
    },
    /// Show what a proof says, checked only against itself
    Inspect {
        /// The proof
        file: PathBuf,
    },
}

/// Where a proof goes, and what is trusted.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    trust: Trust,
}

/// What is trusted; else what was seen at first use.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Trust {
    /// Trust the validators with this hash
    #[arg(long, value_name = "HEX", value_parser = super::parse_hash)]
    trust_hash: Option<[u8; 32]>,
    /// Trust this header
    #[arg(long, value_name = "HEIGHT:HASH", value_parser = parse_trust_header)]
    trust_header: Option<(u64, [u8; 32])>,
}

/// A kind of proof as people read it.
pub(crate) trait Shown: Kind {
    /// What is proven: a sentence, and what belongs below it.
    fn told(context: &Context, verified: &Self::Verified) -> Vec<Block>;

    /// What is proven, value by value, without what the header says.
    fn fields(context: &Context, verified: &Self::Verified) -> Vec<(&'static str, String)>;

    /// What is proven in JSON, without what the header says.
    fn json(verified: &Self::Verified) -> Value;
}

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Ownership { asset, owner, target } => {
            ownership::prove(context, &asset, owner, &target).await
        }
        Command::History { asset, target } => history::prove(context, &asset, &target).await,
        Command::Register { asset, target } => register::prove(context, &asset, &target).await,
        Command::Vote { asset, proposal, voter, target } => {
            vote::prove(context, &asset, proposal, voter, &target).await
        }
        Command::Receipt { id, target } => receipt::prove(context, id, &target).await,
        Command::Verify { file, csv, trust } => {
            let text = read(&file)?;
            let kind = kind_of(&text).unwrap_or_default();
            if let Some(csv) = csv {
                if kind != CompleteRegister::NAME {
                    let file = file.display();
                    return Err(Failure::usage(format!("`{file}` is no register for --csv")));
                }
                return register::verify_to_csv(context, &text, &csv, &trust);
            }
            match kind.as_str() {
                AssetHistory::NAME => verify::<AssetHistory>(context, &text, &trust),
                CompleteRegister::NAME => verify::<CompleteRegister>(context, &text, &trust),
                CountedVote::NAME => verify::<CountedVote>(context, &text, &trust),
                TransactionReceipt::NAME => verify::<TransactionReceipt>(context, &text, &trust),
                _ => verify::<Ownership>(context, &text, &trust),
            }
        }
        Command::Inspect { file } => {
            let text = read(&file)?;
            match kind_of(&text).unwrap_or_default().as_str() {
                AssetHistory::NAME => inspect::<AssetHistory>(context, &text),
                CompleteRegister::NAME => inspect::<CompleteRegister>(context, &text),
                CountedVote::NAME => inspect::<CountedVote>(context, &text),
                TransactionReceipt::NAME => inspect::<TransactionReceipt>(context, &text),
                _ => inspect::<Ownership>(context, &text),
            }
        }
    }
}

/// Where the trusted hash comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Flag,
    Pinned,
    FirstUse,
}

/// Checks what a node answered, whether it is what was asked, and writes it.
pub(crate) fn write<K: Shown>(
    context: &Context,
    certificate: &Certificate,
    body: K::Body,
    target: &Target,
    is_what_was_asked: impl FnOnce(&K::Verified) -> bool,
) -> Result<Report, Failure> {
    let claimed = claimed_validators_hash(certificate)?;
    let (root, origin) = trust_root(context, &target.trust, &certificate.chain_id, claimed)?;
    let verified =
        K::verify(certificate, &body, &root).map_err(|error| untrusted(context, error, origin))?;
    if !is_what_was_asked(&verified) {
        let answer = "a proof of something else than was asked".to_owned();
        return Err(ClientError::Node(answer).into());
    }
    let text = ProofFile::<K>::new(certificate, body, &verified).to_text();
    save(&target.out, &text)?;
    settle_trust(context, K::header(&verified), origin)?;
    let mut report = report::<K>(context, &verified, origin);
    report.blocks.push(Block::Line(format!("  Written to {}", target.out.display())));
    Ok(report)
}

fn verify<K: Shown>(context: &Context, text: &str, trust: &Trust) -> Result<Report, Failure> {
    let (verified, origin) = checked::<K>(context, text, trust)?;
    Ok(report::<K>(context, &verified, origin))
}

/// What a file proves to somebody who trusts what the command says, or has trusted before.
fn checked<K: Shown>(
    context: &Context,
    text: &str,
    trust: &Trust,
) -> Result<(K::Verified, Origin), Failure> {
    let file = ProofFile::<K>::from_text(text)?;
    let claimed = file.claimed_validators_hash()?;
    let (root, origin) = trust_root(context, trust, file.chain_id(), claimed)?;
    let verified = file.verify(&root).map_err(|error| untrusted(context, error, origin))?;
    settle_trust(context, K::header(&verified), origin)?;
    Ok((verified, origin))
}

fn inspect<K: Shown>(context: &Context, text: &str) -> Result<Report, Failure> {
    let file = ProofFile::<K>::from_text(text)?;
    let verified = file.verify(&TrustRoot::ValidatorsHash(file.claimed_validators_hash()?))?;
    let header = K::header(&verified);
    let mut fields = vec![
        ("chain", header.chain_id.clone()),
        ("block", grouped(header.state_height)),
        ("time", display_time(header.time)),
    ];
    fields.extend(K::fields(context, &verified));
    fields.extend([
        ("app hash", hex::encode(&header.app_hash)),
        ("header hash", hex::encode(header.header_hash)),
        ("validators", hex::encode(header.validators_hash)),
        ("signed by", format!("{} of {}", header.signer_count, header.validator_count)),
    ]);
    let warning = "  Checked only against itself: whoever made the file chose the validators. Use \
                   `tessera proof verify`.";
    let blocks = vec![Block::Fields(fields), Block::Line(warning.to_owned())];
    Ok(Report::new(record::<K>(&verified), blocks))
}

fn report<K: Shown>(context: &Context, verified: &K::Verified, origin: Origin) -> Report {
    let mut blocks = K::told(context, verified);
    blocks.push(Block::Line(trust_line(K::header(verified), origin)));
    Report::new(record::<K>(verified), blocks)
}

fn record<K: Shown>(verified: &K::Verified) -> Value {
    let header = K::header(verified);
    let mut record = json!({
        "chain_id": header.chain_id,
        "state_height": header.state_height,
        "time": header.time.to_rfc3339(),
        "app_hash": hex::encode(&header.app_hash),
        "header_hash": hex::encode(header.header_hash),
        "validators_hash": hex::encode(header.validators_hash),
        "signed_power": header.signed_power.to_string(),
        "total_power": header.total_power.to_string(),
    });
    if let (Value::Object(record), Value::Object(proven)) = (&mut record, K::json(verified)) {
        record.extend(proven);
    }
    record
}

/// When a state was, as sentences say it.
pub(crate) fn when(header: &VerifiedHeader) -> String {
    format!("at block {}, {}", grouped(header.state_height), display_time(header.time))
}

/// The way from something to the signatures over it.
fn path_line(what: &str, depth: usize, header: &VerifiedHeader) -> Block {
    Block::Line(format!(
        "  {what} → root {} ({depth} hashes) → header {} → signed by {} of {} validators ({} of \
         power)",
        short(&header.app_hash),
        grouped(header.state_height.saturating_add(1)),
        header.signer_count,
        header.validator_count,
        power(header.signed_power, header.total_power)
    ))
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::not_found(format!("`{}`: {error}", path.display())))?;
    Ok(String::from_utf8(bytes).map_err(|_| ProofError::Malformed { part: "proof file" })?)
}

fn trust_root(
    context: &Context,
    trust: &Trust,
    chain_id: &str,
    claimed: [u8; 32],
) -> Result<(TrustRoot, Origin), Failure> {
    if let Some(hash) = trust.trust_hash {
        return Ok((TrustRoot::ValidatorsHash(hash), Origin::Flag));
    }
    if let Some((height, hash)) = trust.trust_header {
        return Ok((TrustRoot::Header { height, hash }, Origin::Flag));
    }
    Ok(match context.trust_store().validators_hash(chain_id)? {
        Some(hash) => (TrustRoot::ValidatorsHash(hash), Origin::Pinned),
        None => (TrustRoot::ValidatorsHash(claimed), Origin::FirstUse),
    })
}

/// Remembers validators seen for the first time, and says so.
fn settle_trust(context: &Context, header: &VerifiedHeader, origin: Origin) -> Result<(), Failure> {
    if origin != Origin::FirstUse {
        return Ok(());
    }
    let store = context.trust_store();
    store.remember(&header.chain_id, &header.validators_hash, header.state_height)?;
    context.output.note(&format!(
        "First proof of chain {}: from now on you trust its validator set\n  {}\n  Compare it with \
         a source that you trust. It is kept in {}.",
        header.chain_id,
        hex::encode(header.validators_hash),
        store.path().display()
    ));
    Ok(())
}

fn untrusted(context: &Context, error: ProofError, origin: Origin) -> Failure {
    let is_pinned =
        origin == Origin::Pinned && matches!(error, ProofError::UntrustedValidators { .. });
    let failure = Failure::from(error);
    if !is_pinned {
        return failure;
    }
    failure.help(format!(
        "the trusted one was seen first and is kept in {}; if the validators have changed since, \
         give the new hash from a source that you trust with --trust-hash",
        context.trust_store().path().display()
    ))
}

/// What a proof leaves open, and what it rests on.
fn trust_line(header: &VerifiedHeader, origin: Origin) -> String {
    let trusted = match origin {
        Origin::Flag => "as you said",
        Origin::Pinned => "seen at first use",
        Origin::FirstUse => "seen now for the first time",
    };
    format!(
        "  Not proved: that this is the latest block. Trusted input: validator set {}, {trusted}.",
        hex::encode(header.validators_hash)
    )
}

fn power(signed: u64, total: u64) -> String {
    let percent = u128::from(signed) * 100 / u128::from(total.max(1));
    format!("{percent} %")
}

fn short(hash: &[u8]) -> String {
    hex::encode_upper(hash.get(..4).unwrap_or(hash))
}

fn parse_trust_header(text: &str) -> Result<(u64, [u8; 32]), String> {
    let (height, hash) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` is not a header: expected HEIGHT:HASH"))?;
    let height = height.parse().map_err(|_| format!("`{height}` is not a height"))?;
    Ok((height, super::parse_hash(hash)?))
}
