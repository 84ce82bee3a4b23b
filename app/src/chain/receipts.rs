//! What is kept of blocks for queries: receipts by transaction, by account and by asset.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::chain::v1::{Receipt, SubscribeBlocksResponse};

use crate::state::database::{Batch, Database, Table};
use crate::state::error::Fault;

/// What is told of a block without its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSummary {
    /// Height.
    pub height: u64,
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Root of the state after the block.
    pub app_hash: [u8; 32],
    /// Number of transactions.
    pub transactions: u32,
    /// How many of them were refused.
    pub refused: u32,
}

impl BlockSummary {
    pub(crate) fn new(height: u64, time_ms: u64, app_hash: [u8; 32], receipts: &[Receipt]) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let refused = |receipt: &&Receipt| receipt.outcome.as_ref().is_some_and(|o| o.code != 0);
        Self {
            height,
            time_ms,
            app_hash,
            transactions: count(receipts.len()),
            refused: count(receipts.iter().filter(refused).count()),
        }
    }

    /// As it is sent and stored.
    #[must_use]
    pub fn to_message(&self) -> SubscribeBlocksResponse {
        SubscribeBlocksResponse {
            height: self.height,
            time_ms: self.time_ms,
            app_hash: self.app_hash.to_vec().into(),
            transactions: self.transactions,
            refused: self.refused,
        }
    }
}

/// The accounts and assets that a receipt is about: those that its events name.
#[must_use]
pub fn subjects(receipt: &Receipt) -> BTreeSet<Bytes> {
    let events = receipt.outcome.iter().flat_map(|outcome| &outcome.events);
    let named = events.filter_map(|event| event.kind.as_ref()).flat_map(named_ids);
    named.filter(|id| !id.is_empty()).cloned().collect()
}

fn named_ids(event: &Kind) -> Vec<&Bytes> {
    match event {
        Kind::KeysRotated(event) => vec![&event.account],
        Kind::FeesToppedUp(event) => vec![&event.payer, &event.account],
        Kind::AssetRegistered(event) => vec![&event.asset, &event.issuer],
        Kind::AppraisalAppended(event) => vec![&event.asset, &event.appraiser],
        Kind::AssetActivated(event) => vec![&event.asset],
        Kind::UnitsMinted(event) => vec![&event.asset, &event.to],
        Kind::Transferred(event) => vec![&event.asset, &event.from, &event.to],
        Kind::RoyaltyScheduleSet(event) => vec![&event.asset],
        Kind::RoyaltyPaid(event) => {
            let mut ids = vec![&event.asset, &event.payer, &event.currency];
            ids.extend(event.payouts.iter().map(|payout| &payout.account));
            ids
        }
        Kind::IncomePaid(event) => vec![&event.asset, &event.payer, &event.currency],
        Kind::IncomeClaimed(event) => vec![&event.asset, &event.holder, &event.currency],
        Kind::ProposalSubmitted(event) => vec![&event.asset, &event.proposer],
        Kind::VoteCast(event) => vec![&event.asset, &event.voter],
        Kind::ProposalClosed(event) => vec![&event.asset],
        Kind::TreasurySpent(event) => vec![&event.asset, &event.currency, &event.to],
    }
}

/// The entries for the receipts of a block.
///
/// A transaction that took its nonce can never do so again, so its receipt is final. One that
/// did not may come again: its receipt does not replace another.
pub(crate) fn receipts_batch(
    database: &Database,
    receipts: &[Receipt],
    charged: &[bool],
    senders: impl Iterator<Item = Option<Address>>,
) -> Result<Batch, Fault> {
    let mut by_id: BTreeMap<Bytes, &Receipt> = BTreeMap::new();
    let mut batch = Batch::default();
    for ((receipt, charged), sender) in receipts.iter().zip(charged).zip(senders) {
        let Some(outcome) = &receipt.outcome else { continue };
        let id = outcome.tx_id.clone();
        if *charged {
            by_id.insert(id.clone(), receipt);
        } else if by_id.contains_key(&id) || database.get(Table::Receipts, &id)?.is_some() {
            continue;
        } else {
            by_id.insert(id.clone(), receipt);
        }
        let mut subjects = subjects(receipt);
        subjects.extend(sender.map(Address::to_bytes));
        for subject in subjects {
            batch.put(Table::ReceiptsBySubject, subject_key(&subject, receipt), id.clone());
        }
    }
    for (id, receipt) in by_id {
        batch.put(Table::Receipts, id, receipt.encode_to_vec());
    }
    Ok(batch)
}

fn subject_key(subject: &[u8], receipt: &Receipt) -> Vec<u8> {
    [subject, &receipt.height.to_be_bytes(), &receipt.index.to_be_bytes()].concat()
}

/// The receipt of a transaction, once it is in a block.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn receipt(database: &Database, id: &[u8]) -> Result<Option<Receipt>, Fault> {
    let bytes = database.get(Table::Receipts, id)?;
    bytes
        .map(Receipt::decode)
        .transpose()
        .map_err(|error| Fault::Database(format!("a receipt is damaged: {error}")))
}

/// What is told of a committed block; none of genesis.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn block_summary(
    database: &Database,
    height: u64,
) -> Result<Option<SubscribeBlocksResponse>, Fault> {
    let bytes = database.get(Table::Blocks, &height.to_be_bytes())?;
    bytes
        .map(SubscribeBlocksResponse::decode)
        .transpose()
        .map_err(|error| Fault::Database(format!("a block summary is damaged: {error}")))
}

/// Receipts about an account or asset, newest first, after the one at `before`; with the
/// position at which the list goes on.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn receipts_about(
    database: &Database,
    subject: &[u8],
    before: &[u8],
    limit: usize,
) -> Result<(Vec<Receipt>, Bytes), Fault> {
    let end = [subject, &[0xff; 13]].concat();
    let position = [subject, before].concat();
    let before = if before.is_empty() { &end } else { &position };
    let entries = database.scan_back(Table::ReceiptsBySubject, subject, before, limit)?;
    let full = entries.len() == limit;
    let last = entries.last().filter(|_| full).map(|(key, _)| key.slice(subject.len()..));
    let mut receipts = Vec::with_capacity(entries.len());
    for (_, id) in entries {
        receipts.extend(receipt(database, &id)?);
    }
    Ok((receipts, last.unwrap_or_default()))
}
