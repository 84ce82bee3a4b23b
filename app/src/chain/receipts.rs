//! What is kept of blocks for queries: receipts by transaction, by account and by asset.

use bytes::{Buf as _, Bytes};
use prost::{Message as _, decode_length_delimiter, encoding};
use rayon::prelude::*;
use tessera_client::verify::{path_of, result_leaf};
use tessera_proto::id::Address;
use tessera_proto::pb::chain::v1::{BlockRecord, FrameOutcome, Receipt, SubscribeBlocksResponse};
use tessera_proto::pb::query::v1::ReceiptProof;

use super::outcome::{MALFORMED_FRAME_CODE, outcome_leaf};
use super::subjects::named;
use crate::state::batch::Batch;
use crate::state::database::{Database, Key};
use crate::state::error::Fault;
use crate::state::table::Table;

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

/// Receipts that are stored together.
const CHUNK_RECEIPTS: usize = 32;
/// Number of the field of a receipt with its outcome.
const OUTCOME_FIELD: u32 = 1;
/// Small entries that one thread makes at a time.
const ENTRIES_OF_TASK: usize = 512;

/// Where a receipt is: height of the block, then its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    height: u64,
    index: u32,
}

impl Position {
    fn to_bytes(self) -> Vec<u8> {
        [self.height.to_be_bytes().as_slice(), &self.index.to_be_bytes()].concat()
    }

    /// The first of those that are stored together with it, and how many come before it there.
    fn chunk(self) -> (Self, u32) {
        let length = u32::try_from(CHUNK_RECEIPTS).unwrap_or(u32::MAX);
        let before = self.index.checked_rem(length).unwrap_or_default();
        (Self { index: self.index.saturating_sub(before), ..self }, before)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (height, index) = bytes.split_first_chunk()?;
        let height = u64::from_be_bytes(*height);
        Some(Self { height, index: u32::from_be_bytes(index.try_into().ok()?) })
    }
}

/// What is known of a transaction beside its receipt.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Whether it took its nonce.
    pub(crate) is_charged: bool,
    /// Who sent it; nobody where it could not be read.
    pub(crate) sender: Option<Address>,
    /// The outcome in its receipt, encoded.
    pub(crate) outcome: Vec<u8>,
}

/// A receipt by the id of its transaction.
struct ById<'a> {
    id: Key<&'a [u8]>,
    receipt: &'a Receipt,
    facts: &'a Facts,
}

/// The entries for the receipts of a block.
///
/// A transaction that took its nonce can never do so again, so its receipt is final. One that
/// did not may come again: its receipt does not replace another.
pub(crate) fn receipts_batch(
    database: &Database,
    receipts: &[Receipt],
    facts: &[Facts],
) -> Result<Batch, Fault> {
    let told = |(receipt, facts): (_, _)| {
        let receipt: &Receipt = receipt;
        Some(ById { id: Key::new(receipt.outcome.as_ref()?.tx_id.as_ref()), receipt, facts })
    };
    let mut told: Vec<ById<'_>> = receipts.iter().zip(facts).filter_map(told).collect();
    told.par_sort_unstable_by_key(|told| (told.id, told.receipt.index));
    let kept = kept(database, &told)?;

    let of_ids: Vec<&[&ById<'_>]> = kept.chunk_by(|one, other| one.id == other.id).collect();
    let mut batches = entries_of(&of_ids, ENTRIES_OF_TASK, |batch, told| {
        let Some(ById { id, receipt, .. }) = told.last() else { return };
        let position = Position { height: receipt.height, index: receipt.index };
        batch.put(Table::Transactions, id.bytes(), position.to_bytes());
    });
    let mut by_subject: Vec<(Key<&[u8]>, u64, u32)> = kept
        .into_par_iter()
        .flat_map_iter(|ById { receipt, facts, .. }| {
            let sender = facts.sender.as_ref().map(|sender| sender.as_bytes().as_slice());
            let subjects = named(receipt).chain(sender).map(Key::new);
            subjects.map(|subject| (subject, receipt.height, receipt.index))
        })
        .collect();
    by_subject.par_sort_unstable();
    by_subject.dedup();
    let of_subjects: Vec<_> = by_subject.chunk_by(|(one, ..), (other, ..)| one == other).collect();
    batches.extend(entries_of(&of_subjects, ENTRIES_OF_TASK, |batch, receipts| {
        let Some((subject, height, _)) = receipts.first() else { return };
        let indexes: Vec<u8> =
            receipts.iter().flat_map(|(_, _, index)| index.to_be_bytes()).collect();
        batch.put(Table::ReceiptsBySubject, subject_key(subject.bytes(), *height), indexes);
    }));
    let of_chunks = facts.chunks(CHUNK_RECEIPTS);
    let chunks: Vec<_> = receipts.chunks(CHUNK_RECEIPTS).zip(of_chunks).collect();
    batches.extend(entries_of(&chunks, 1, |batch, (receipts, facts)| {
        let Some(Receipt { height, index, .. }) = receipts.first() else { return };
        let first = Position { height: *height, index: *index };
        batch.put(Table::Receipts, first.to_bytes(), encode_chunk(receipts, facts));
    }));
    let mut batch = Batch::default();
    batch.append(batches);
    Ok(batch)
}

/// Of receipts in order of id and index, those that can be found by id.
fn kept<'a>(database: &Database, told: &'a [ById<'a>]) -> Result<Vec<&'a ById<'a>>, Fault> {
    let mut kept = Vec::with_capacity(told.len());
    let mut before = None;
    for told in told {
        let known = || database.get(Table::Transactions, told.id.bytes());
        let is_final = told.facts.is_charged;
        if is_final || before != Some(told.id) && known()?.is_none() {
            kept.push(told);
        }
        before = Some(told.id);
    }
    Ok(kept)
}

/// The batches of some entries, made in parallel.
fn entries_of<T: Sync>(
    entries: &[T],
    of_task: usize,
    put: impl Fn(&mut Batch, &T) + Sync,
) -> Vec<Batch> {
    let batch = |entries: &[T]| {
        let mut batch = Batch::default();
        entries.iter().for_each(|entry| put(&mut batch, entry));
        batch
    };
    entries.par_chunks(of_task).map(batch).collect()
}

fn subject_key(subject: &[u8], height: u64) -> Vec<u8> {
    [subject, &height.to_be_bytes()].concat()
}

/// Receipts one after another, each with its length; their outcomes are encoded already.
fn encode_chunk(receipts: &[Receipt], facts: &[Facts]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (receipt, Facts { outcome, .. }) in receipts.iter().zip(facts) {
        let (height, index, message) = (receipt.height, receipt.index, receipt.message.clone());
        let rest = Receipt { outcome: None, height, index, message }.encode_to_vec();
        let length =
            encoding::bytes::encoded_len(OUTCOME_FIELD, outcome).saturating_add(rest.len());
        encoding::encode_varint(u64::try_from(length).unwrap_or(u64::MAX), &mut bytes);
        encoding::bytes::encode(OUTCOME_FIELD, outcome, &mut bytes);
        bytes.extend(rest);
    }
    bytes
}

/// The receipt of a transaction, once it is in a block.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn receipt(database: &Database, id: &[u8]) -> Result<Option<Receipt>, Fault> {
    let Some(bytes) = database.get(Table::Transactions, id)? else { return Ok(None) };
    let position = Position::from_bytes(&bytes).ok_or_else(damaged)?;
    receipt_at(database, position).map(Some)
}

fn receipt_at(database: &Database, position: Position) -> Result<Receipt, Fault> {
    let (first, skipped) = position.chunk();
    let mut bytes = database.get(Table::Receipts, &first.to_bytes())?.ok_or_else(damaged)?;
    for _ in 0..skipped {
        let length = decode_length_delimiter(&mut bytes).map_err(|_| damaged())?;
        if bytes.len() < length {
            return Err(damaged());
        }
        bytes.advance(length);
    }
    Receipt::decode_length_delimited(bytes).map_err(|_| damaged())
}

/// So many receipts of a block, from a position on.
fn receipts_from(database: &Database, from: Position, count: u32) -> Result<Vec<Receipt>, Fault> {
    let length = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (first, skipped) = from.chunk();
    let chunks = length(skipped.saturating_add(count)).div_ceil(CHUNK_RECEIPTS);
    let block = from.height.to_be_bytes();
    let mut receipts = Vec::new();
    for (_, mut bytes) in database.scan(Table::Receipts, &block, &first.to_bytes(), chunks)? {
        while bytes.has_remaining() {
            receipts.push(Receipt::decode_length_delimited(&mut bytes).map_err(|_| damaged())?);
        }
    }
    let receipts: Vec<_> = receipts.into_iter().skip(length(skipped)).take(length(count)).collect();
    if receipts.len() == length(count) { Ok(receipts) } else { Err(damaged()) }
}

fn damaged() -> Fault {
    Fault::Database("a receipt is missing or damaged".into())
}

/// What is told of a committed block; none of genesis.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn block_summary(
    database: &Database,
    height: u64,
) -> Result<Option<SubscribeBlocksResponse>, Fault> {
    Ok(block_record(database, height)?.and_then(|record| record.summary))
}

/// What is kept of a committed block; none of genesis.
fn block_record(database: &Database, height: u64) -> Result<Option<BlockRecord>, Fault> {
    let bytes = database.get(Table::Blocks, &height.to_be_bytes())?;
    bytes
        .map(BlockRecord::decode)
        .transpose()
        .map_err(|error| Fault::Database(format!("a block record is damaged: {error}")))
}

/// A receipt, and the way from it to the results of its block.
///
/// # Errors
/// [`Fault`] when the storage fails or is damaged.
pub fn receipt_proof(
    database: &Database,
    id: &[u8],
) -> Result<Option<(Receipt, ReceiptProof)>, Fault> {
    let Some(receipt) = receipt(database, id)? else { return Ok(None) };
    let record = block_record(database, receipt.height)?.ok_or_else(damaged)?;
    let (mut first, mut frame_index) = (0_u32, None);
    for (index, frame) in record.frames.iter().enumerate() {
        let end = first.saturating_add(frame.transactions);
        if receipt.index < end {
            frame_index = Some((index, frame.transactions));
            break;
        }
        first = end;
    }
    let (frame_index, count) = frame_index.ok_or_else(damaged)?;
    let of_frame =
        receipts_from(database, Position { height: receipt.height, index: first }, count)?;
    let outcomes: Vec<Vec<u8>> = of_frame.iter().map(outcome_leaf).collect();
    let results: Vec<Vec<u8>> = record.frames.iter().map(frame_leaf).collect();
    let within = usize::try_from(receipt.index.saturating_sub(first)).unwrap_or(usize::MAX);
    let proof = ReceiptProof {
        outcome: outcome_leaf(&receipt).into(),
        outcome_path: path_of(&outcomes, within).ok_or_else(damaged)?,
        result_path: path_of(&results, frame_index).ok_or_else(damaged)?,
    };
    Ok(Some((receipt, proof)))
}

/// The leaf of a frame in the tree of its block's results.
fn frame_leaf(frame: &FrameOutcome) -> Vec<u8> {
    match frame.outcomes_root.as_ref().try_into() {
        Ok(root) => result_leaf(root),
        // The code and nothing else: field 1, a number below 128.
        Err(_) => vec![0x08, MALFORMED_FRAME_CODE],
    }
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
    let before = Position::from_bytes(before);
    let end = before.map_or(u64::MAX, |before| before.height.saturating_add(1));
    let end = subject_key(subject, end);
    // The block of `before` may have no more of them; every other has at least one.
    let blocks =
        database.scan_back(Table::ReceiptsBySubject, subject, &end, limit.saturating_add(1))?;
    let positions: Vec<Position> = blocks
        .iter()
        .flat_map(|(key, indexes)| positions(key.get(subject.len()..), indexes))
        .filter(|position| before.is_none_or(|before| *position < before))
        .take(limit)
        .collect();
    let next = positions.last().filter(|_| positions.len() == limit);
    let next = next.map(|position| position.to_bytes().into()).unwrap_or_default();
    let receipts = positions.into_iter().map(|position| receipt_at(database, position));
    Ok((receipts.collect::<Result<_, _>>()?, next))
}

/// The positions in an entry of a subject, last first.
fn positions(height: Option<&[u8]>, indexes: &[u8]) -> Vec<Position> {
    let height = height.and_then(|height| height.try_into().ok()).map(u64::from_be_bytes);
    let (indexes, _) = indexes.as_chunks::<4>();
    let position =
        |index: &[u8; 4]| Some(Position { height: height?, index: u32::from_be_bytes(*index) });
    indexes.iter().rev().filter_map(position).collect()
}

#[cfg(test)]
mod tests {
    use tessera_proto::pb::chain::v1::TransactionOutcome;

    use super::*;

    #[test]
    fn receipts_are_stored_as_they_are_encoded() {
        let outcome = |code| TransactionOutcome {
            tx_id: vec![7; 32].into(),
            code,
            fee: "12".to_owned(),
            ..TransactionOutcome::default()
        };
        let receipt = |index: u32, message: &str| Receipt {
            outcome: Some(outcome(index)),
            height: u64::from(index) * 1_000,
            index,
            message: message.repeat(100),
        };
        let receipts = [receipt(0, ""), receipt(1, "refused"), receipt(200, "")];
        let facts =
            |receipt| Facts { is_charged: true, sender: None, outcome: outcome_leaf(receipt) };
        let facts: Vec<Facts> = receipts.iter().map(facts).collect();
        let encoded = receipts.each_ref().map(Receipt::encode_length_delimited_to_vec);
        assert_eq!(encode_chunk(&receipts, &facts), encoded.concat());
    }
}
