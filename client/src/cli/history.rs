//! `tessera asset history` and `tessera proof history`.

use bytes::Bytes;
use prost::Message as _;
use serde_json::{Value, json};
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::HistoryEntry;
use tessera_proto::pb::chain::v1::Event;

use super::context::Context;
use super::failure::Failure;
use super::output::{Block, Report};
use super::proof::{self, Shown, Target, when};
use super::receipt::{event_name, events_json};
use super::role::time_of;
use super::send::grouped;
use crate::verify::{AssetHistory, HistoryEntries, VerifiedHistory, history_keys};

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
    target: &Target,
) -> Result<Report, Failure> {
    let asset = context.asset(asset).await?;
    let client = context.client().await?;
    let certificate = client.certificate(&history_keys(&asset.id), context.height()).await?;
    let entries = client.history(&asset.id.to_string(), certificate.state_height).await?;
    let entries: Vec<Bytes> = entries.iter().map(|entry| entry.encode_to_vec().into()).collect();
    let body = HistoryEntries::new(&entries);
    proof::write::<AssetHistory>(context, &certificate, body, target, |verified| {
        verified.asset_id == asset.id
    })
}

impl Shown for AssetHistory {
    fn told(context: &Context, verified: &VerifiedHistory) -> Vec<Block> {
        let header = &verified.header;
        let sentence = format!(
            "the history of {} {}, has {} actions, and none is left out",
            verified.asset.name,
            when(header),
            verified.entries.len()
        );
        vec![Block::Success(sentence), table(context, &header.chain_id, &verified.entries)]
    }

    fn fields(_: &Context, verified: &VerifiedHistory) -> Vec<(&'static str, String)> {
        vec![
            ("asset", format!("{}  {}", verified.asset.name, verified.asset_id)),
            ("title", verified.asset.title.clone()),
            ("actions", verified.entries.len().to_string()),
            ("history root", hex::encode(verified.root)),
        ]
    }

    fn json(verified: &VerifiedHistory) -> Value {
        json!({
            "asset": verified.asset_id.to_string(),
            "asset_name": verified.asset.name,
            "history_root": hex::encode(verified.root),
            "entries": records(&verified.entries),
        })
    }
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
