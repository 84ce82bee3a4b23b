//! `tessera asset history` and `tessera proof history`.

use std::path::Path;

use bytes::Bytes;
use prost::Message as _;
use serde_json::{Value, json};
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::HistoryEntry;
use tessera_proto::pb::chain::v1::Event;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::proof::{Origin, Trust, settle_trust, trust_line, trust_root, untrusted};
use super::receipt::{event_name, events_json};
use super::role::time_of;
use super::send::grouped;
use crate::error::ClientError;
use crate::verify::{
    HistoryFile, TrustRoot, VerifiedHistory, claimed_validators_hash, display_time, history_keys,
    verify_history,
};

/// Everything that a node says was done with an asset.
pub(crate) async fn list(context: &Context, asset: &str) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let entries = client.history(&asset.id.to_string(), context.height()).await?;
    let chain_id = &context.info().await?.chain_id;
    Ok(Report { records: records(&entries), blocks: vec![table(context, chain_id, &entries)] })
}

/// Writes the whole history with its proof.
pub(crate) async fn prove(
    context: &Context,
    asset: &str,
    out: &Path,
    trust: &Trust,
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let certificate = client.certificate(&history_keys(&asset.id), context.height()).await?;
    let entries = client.history(&asset.id.to_string(), certificate.state_height).await?;
    let entries: Vec<Bytes> = entries.iter().map(|entry| entry.encode_to_vec().into()).collect();
    let claimed = claimed_validators_hash(&certificate)?;
    let (root, origin) = trust_root(context, trust, &certificate.chain_id, claimed)?;
    let verified = verify_history(&certificate, &entries, &root)
        .map_err(|error| untrusted(context, error, origin))?;
    if verified.asset_id != asset.id {
        let answer = "a proof of something else than was asked".to_owned();
        return Err(ClientError::Node(answer).into());
    }
    let text = HistoryFile::new(&certificate, &verified).to_text();
    std::fs::write(out, text)
        .map_err(|error| Failure::other(format!("`{}`: {error}", out.display())))?;
    settle_trust(context, &verified.header, origin)?;
    let mut report = verified_report(context, &verified, origin);
    report.blocks.push(Block::Line(format!("  Written to {}", out.display())));
    Ok(report)
}

/// Checks the file of a history.
pub(crate) fn verify(context: &Context, text: &str, trust: &Trust) -> Result<Report, Failure> {
    let file = HistoryFile::from_text(text)?;
    let claimed = file.claimed_validators_hash()?;
    let (root, origin) = trust_root(context, trust, file.chain_id(), claimed)?;
    let verified = file.verify(&root).map_err(|error| untrusted(context, error, origin))?;
    settle_trust(context, &verified.header, origin)?;
    Ok(verified_report(context, &verified, origin))
}

/// What the file of a history says, checked only against itself.
pub(crate) fn inspect(context: &Context, text: &str) -> Result<Report, Failure> {
    let file = HistoryFile::from_text(text)?;
    let verified = file.verify(&TrustRoot::ValidatorsHash(file.claimed_validators_hash()?))?;
    let header = &verified.header;
    let fields = vec![
        ("chain", header.chain_id.clone()),
        ("block", grouped(header.state_height)),
        ("time", display_time(header.time)),
        ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
        ("title", verified.asset.title.clone()),
        ("actions", verified.entries.len().to_string()),
        ("history root", hex::encode(verified.root)),
        ("validators", hex::encode(header.validators_hash)),
    ];
    let actions = table(context, &header.chain_id, &verified.entries);
    Ok(Report::new(verified_json(&verified), vec![Block::Fields(fields), actions]))
}

fn verified_report(context: &Context, verified: &VerifiedHistory, origin: Origin) -> Report {
    let header = &verified.header;
    let sentence = format!(
        "the history of {} at block {}, {}, has {} actions, and none is left out",
        verified.asset.name,
        grouped(header.state_height),
        display_time(header.time),
        verified.entries.len()
    );
    let blocks = vec![
        Block::Success(sentence),
        table(context, &header.chain_id, &verified.entries),
        Block::Line(trust_line(header, origin)),
    ];
    Report::new(verified_json(verified), blocks)
}

fn verified_json(verified: &VerifiedHistory) -> Value {
    let header = &verified.header;
    json!({
        "chain_id": header.chain_id,
        "state_height": header.state_height,
        "time": header.time.to_rfc3339(),
        "asset": verified.asset_id.to_string(),
        "asset_name": verified.asset.name,
        "history_root": hex::encode(verified.root),
        "validators_hash": hex::encode(header.validators_hash),
        "entries": records(&verified.entries),
    })
}

fn records(entries: &[HistoryEntry]) -> Vec<Value> {
    let record = |(number, entry): (u64, &HistoryEntry)| {
        let events: Vec<Event> = event(entry).into_iter().collect();
        json!({
            "number": number,
            "height": entry.height,
            "time_ms": entry.time_ms,
            "actor": address(entry).map(|actor| actor.to_string()),
            "event": events_json(&events).pop(),
        })
    };
    (0..).zip(entries).map(record).collect()
}

fn table(context: &Context, chain_id: &str, entries: &[HistoryEntry]) -> Block {
    let row = |(number, entry): (u64, &HistoryEntry)| {
        let actor = address(entry).map(|actor| context.label_on(chain_id, &actor));
        vec![
            grouped(number),
            grouped(entry.height),
            time_of(entry.time_ms),
            event(entry).as_ref().map(event_name).unwrap_or_default().replace('_', " "),
            actor.unwrap_or_default(),
        ]
    };
    let rows = (0..).zip(entries).map(row).collect();
    Block::Table(vec![">number", ">block", "time", "action", "by"], rows)
}

fn address(entry: &HistoryEntry) -> Option<Address> {
    Address::try_from(entry.actor.as_ref()).ok()
}

fn event(entry: &HistoryEntry) -> Option<Event> {
    Event::decode(entry.event.clone()).ok()
}
