//! `tessera proof`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, amount_json};
use super::failure::Failure;
use super::history;
use super::output::{Block, Report};
use super::send::grouped;
use super::share::{owner_of, percentage};
use crate::verify::{
    HistoryFile, ProofError, ProofFile, TrustRoot, VerifiedHeader, VerifiedOwnership,
    claimed_validators_hash, display_time, verify_ownership,
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
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        trust: Trust,
    },
    /// Write everything that was done with an asset, and the proof that nothing is left out
    History {
        /// Name or id of the asset
        asset: String,
        /// File to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        trust: Trust,
    },
    /// Check a proof; no node is asked
    Verify {
        /// The proof
        file: PathBuf,
        #[command(flatten)]
        trust: Trust,
    },
    /// Show what a proof says, checked only against itself
    Inspect {
        /// The proof
        file: PathBuf,
    },
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

pub(crate) async fn execute(context: &Context, command: Command) -> Result<Report, Failure> {
    match command {
        Command::Ownership { asset, owner, out, trust } => {
            ownership(context, &asset, owner, &out, &trust).await
        }
        Command::History { asset, out, trust } => {
            history::prove(context, &asset, &out, &trust).await
        }
        Command::Verify { file, trust } => {
            let text = read(&file)?;
            if HistoryFile::is_one(&text) {
                return history::verify(context, &text, &trust);
            }
            let file = ProofFile::from_text(&text)?;
            let (chain_id, claimed) = (file.chain_id(), file.claimed_validators_hash()?);
            let (root, origin) = trust_root(context, &trust, chain_id, claimed)?;
            let verified = file.verify(&root).map_err(|error| untrusted(context, error, origin))?;
            settle_trust(context, &verified.header, origin)?;
            Ok(verified_report(context, &verified, origin))
        }
        Command::Inspect { file } => {
            let text = read(&file)?;
            if HistoryFile::is_one(&text) {
                return history::inspect(context, &text);
            }
            let file = ProofFile::from_text(&text)?;
            let root = TrustRoot::ValidatorsHash(file.claimed_validators_hash()?);
            let verified = file.verify(&root)?;
            let mut blocks = vec![Block::Fields(inspect_fields(context, &verified))];
            let warning = "  Checked only against itself: whoever made the file chose the \
                           validators. Use `tessera proof verify`.";
            blocks.push(Block::Line(warning.to_owned()));
            Ok(Report::new(verified_json(&verified), blocks))
        }
    }
}

/// Where the trusted hash comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Pinned,
    FirstUse,
}

async fn ownership(
    context: &Context,
    asset: &str,
    owner: Option<String>,
    out: &Path,
    trust: &Trust,
) -> Result<Report, Failure> {
    let owner = owner_of(context, owner).await?;
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let certificate =
        client.ownership_certificate(&asset.id.to_string(), &owner, context.height()).await?;
    let claimed = claimed_validators_hash(&certificate)?;
    let (root, origin) = trust_root(context, trust, &certificate.chain_id, claimed)?;
    let verified =
        verify_ownership(&certificate, &root).map_err(|error| untrusted(context, error, origin))?;
    if (verified.asset_id, verified.account) != (asset.id, owner) {
        let answer = "a proof of something else than was asked".to_owned();
        return Err(crate::error::ClientError::Node(answer).into());
    }
    let text = ProofFile::of_ownership(&certificate, &verified).to_text();
    std::fs::write(out, text)
        .map_err(|error| Failure::other(format!("`{}`: {error}", out.display())))?;
    settle_trust(context, &verified.header, origin)?;
    let mut report = verified_report(context, &verified, origin);
    report.blocks.push(Block::Line(format!("  Written to {}", out.display())));
    Ok(report)
}

fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::not_found(format!("`{}`: {error}", path.display())))?;
    Ok(String::from_utf8(bytes).map_err(|_| ProofError::Malformed { part: "proof file" })?)
}

pub(crate) fn trust_root(
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
pub(crate) fn settle_trust(
    context: &Context,
    header: &VerifiedHeader,
    origin: Origin,
) -> Result<(), Failure> {
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

pub(crate) fn untrusted(context: &Context, error: ProofError, origin: Origin) -> Failure {
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

fn verified_report(context: &Context, verified: &VerifiedOwnership, origin: Origin) -> Report {
    let header = &verified.header;
    let decimals = verified.asset.decimals.min(18);
    let (who, name) = (context.label_on(&header.chain_id, &verified.account), &verified.asset.name);
    let when = format!("at block {}, {}", grouped(header.state_height), display_time(header.time));
    let sentence = if verified.balance().is_zero() {
        format!("{who} holds nothing of {name} {when}")
    } else {
        format!(
            "{who} holds {} of {} units of {name} ({}) {when}",
            verified.balance().display(decimals),
            verified.supply.display(decimals),
            percentage(verified.balance(), verified.supply)
        )
    };
    let path = format!(
        "  state key {:?} → root {} ({} hashes) → header {} → signed by {} of {} validators \
         ({} of power)",
        verified.holding_key,
        short(&header.app_hash),
        verified.proof_depth,
        grouped(header.state_height.saturating_add(1)),
        header.signer_count,
        header.validator_count,
        power(header.signed_power, header.total_power)
    );
    let limits = trust_line(header, origin);
    let mut blocks = vec![Block::Success(sentence)];
    blocks.extend(verified.holding.as_ref().map(|holding| {
        Block::Line(format!(
            "  free of it: {}; encumbered {}, frozen {}{}",
            holding.free().display(decimals),
            holding.encumbered.display(decimals),
            holding.frozen.display(decimals),
            if holding.is_frozen() { ", the holder is frozen" } else { "" }
        ))
    }));
    blocks.extend([Block::Line(path), Block::Line(limits)]);
    Report::new(verified_json(verified), blocks)
}

/// What a proof leaves open, and what it rests on.
pub(crate) fn trust_line(header: &VerifiedHeader, origin: Origin) -> String {
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

fn inspect_fields(context: &Context, verified: &VerifiedOwnership) -> Vec<(&'static str, String)> {
    let header = &verified.header;
    let decimals = verified.asset.decimals.min(18);
    vec![
        ("chain", header.chain_id.clone()),
        ("block", grouped(header.state_height)),
        ("time", display_time(header.time)),
        ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
        ("title", verified.asset.title.clone()),
        ("account", context.label_on(&header.chain_id, &verified.account)),
        ("holds", verified.balance().display(decimals)),
        ("free", verified.free().display(decimals)),
        ("supply", verified.supply.display(decimals)),
        ("holders", grouped(verified.holder_count)),
        ("state key", format!("{:?}", verified.holding_key)),
        ("app hash", hex::encode(&header.app_hash)),
        ("header hash", hex::encode(header.header_hash)),
        ("validators", hex::encode(header.validators_hash)),
        ("signed by", format!("{} of {}", header.signer_count, header.validator_count)),
    ]
}

fn verified_json(verified: &VerifiedOwnership) -> Value {
    let header = &verified.header;
    let holding = verified.holding.clone().unwrap_or_default();
    let decimals = verified.asset.decimals.min(18);
    json!({
        "chain_id": header.chain_id,
        "state_height": header.state_height,
        "time": header.time.to_rfc3339(),
        "asset": verified.asset_id.to_string(),
        "asset_name": verified.asset.name,
        "account": verified.account.to_string(),
        "balance": amount_json(verified.balance(), decimals),
        "free": amount_json(verified.free(), decimals),
        "encumbered": amount_json(holding.encumbered, decimals),
        "frozen": amount_json(holding.frozen, decimals),
        "holder_frozen": holding.is_frozen(),
        "supply": amount_json(verified.supply, decimals),
        "holder_count": verified.holder_count,
        "app_hash": hex::encode(&header.app_hash),
        "header_hash": hex::encode(header.header_hash),
        "validators_hash": hex::encode(header.validators_hash),
        "signed_power": header.signed_power.to_string(),
        "total_power": header.total_power.to_string(),
        "proof_depth": verified.proof_depth,
    })
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
