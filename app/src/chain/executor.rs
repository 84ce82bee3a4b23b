//! Runs the transactions of a block, in parallel or serially, with the same results.

use std::sync::Arc;

use rayon::prelude::*;
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::accounts::v1::Account;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::state_key::StateKey;

use super::fees::fee;
use super::outcome::Outcome;
use super::overlay::{DeferredOverlay, GroupOverlay, TxOverlay};
use super::plan::{Plan, place_of};
use super::tx::{Transaction, TxError};
use super::verify::Verified;
use crate::modules::accounts::Sponsored;
use crate::modules::router::apply_delta;
use crate::modules::{BlockInfo, Context, Message, accounts};
use crate::state::access::AccessSet;
use crate::state::changes::{Change, Changes};
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::parallel::in_order;
use crate::state::view::{EachAssetOnce, Leaves, StateReader, StateView, decode_asset};

/// A block to execute.
pub struct Block<'a> {
    /// Height, time and chain.
    pub info: BlockInfo,
    /// Parameters of the chain before the block.
    pub params: Params,
    /// Transactions with the ids of their bytes, in block order.
    pub transactions: &'a [(Verified, [u8; 32])],
}

/// How to execute a block. The results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// Independent transactions side by side, on the threads of the current rayon pool.
    Parallel,
    /// One by one, in block order.
    Serial,
}

/// What a block does.
#[derive(Debug, Default, PartialEq)]
pub struct Executed {
    /// What became of each transaction, in block order.
    pub outcomes: Vec<Outcome>,
    /// What changes in the state.
    pub changes: Changes,
}

/// Bins per thread, at least, so that an uneven one does not hold up the others.
const BINS_PER_THREAD: usize = 4;
/// Transactions of a bin, about, at most: what they touch is to stay in the caches of a processor.
const TRANSACTIONS_OF_BIN: usize = 256;
/// Transactions, at least, whose accesses one thread finds out, and reads their assets once.
const DECLARED_TOGETHER: usize = 32;

/// Executes a block on the state before it.
///
/// # Determinism
/// The result depends on the block and the state alone. Groups of conflicting transactions keep
/// block order; between groups nothing is shared but what all only read, and additions, which
/// commute.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn execute(
    base: &dyn StateReader,
    block: &Block<'_>,
    scheduling: Scheduling,
) -> Result<Executed, Fault> {
    let base = &EachAssetOnce::new(base);
    let declared = declared(base, block.transactions)?;
    let count = u32::try_from(block.transactions.len())
        .map_err(|_| Fault::Invariant("block has more than 2^32 transactions".into()))?;
    let threads = match scheduling {
        Scheduling::Parallel => rayon::current_num_threads(),
        Scheduling::Serial => 1,
    };
    // One thread runs nothing side by side.
    let (plan, bins) = match threads {
        1 => (Plan::serial(count), 1),
        threads => {
            let bins = threads.saturating_mul(BINS_PER_THREAD);
            (Plan::new(&declared), bins.max(declared.len() / TRANSACTIONS_OF_BIN))
        }
    };
    let bins = fill_bins(&plan.groups, bins).into_par_iter().with_max_len(1);
    let ran: Vec<Bin> = in_order(bins.map(|bin| run_bin(base, block, &declared, &plan, &bin)))?;

    let mut outcomes: Vec<(u32, Outcome)> = Vec::with_capacity(block.transactions.len());
    let (mut bins, mut deltas) = (Vec::with_capacity(ran.len()), Vec::new());
    for mut bin in ran {
        outcomes.append(&mut bin.outcomes);
        deltas.append(&mut bin.deltas);
        bins.push(bin.changes);
    }
    let changes = merge_disjoint(bins)?;
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    let changes = apply_deferred(base, &block.info, deltas, changes)?;
    Ok(Executed { outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(), changes })
}

/// What each transaction of a block declares that it touches, in block order.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn declared(
    base: &dyn StateReader,
    transactions: &[(Verified, [u8; 32])],
) -> Result<Vec<AccessSet>, Fault> {
    let transactions = transactions.par_iter().with_min_len(DECLARED_TOGETHER);
    let state = || EachAssetOnce::new(base);
    in_order(transactions.map_init(state, |state, (verified, _)| declare(state, verified)))
}

/// Runs one transaction on a state, without signatures, and keeps nothing: what it would do.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn simulate(
    base: &dyn StateReader,
    info: &BlockInfo,
    params: &Params,
    transaction: &Transaction,
) -> Result<Outcome, Fault> {
    let plan = Plan::serial(1);
    let access = declare_transaction(base, transaction)?;
    let mut group = GroupOverlay::new(base, &plan.deferred, [&access])?;
    let overlay = group.transaction(0, info, 0).ok_or_else(|| unknown_transaction(0))?;
    run_transaction(overlay, info, params, transaction, Authorisation::Assumed)
}

struct Bin {
    outcomes: Vec<(u32, Outcome)>,
    changes: Vec<Change>,
    deltas: Vec<(u32, Delta)>,
}

fn declare(base: &dyn StateReader, verified: &Verified) -> Result<AccessSet, Fault> {
    match verified {
        Ok(transaction) => declare_transaction(base, transaction),
        Err(_) => Ok(AccessSet::default()),
    }
}

fn declare_transaction(
    base: &dyn StateReader,
    transaction: &Transaction,
) -> Result<AccessSet, Fault> {
    let mut access = AccessSet::new();
    access.write(StateKey::account(&transaction.sender));
    access.add(StateKey::fee_pot());
    if let Some(payer) = &transaction.payer {
        access.write(StateKey::sponsorship(payer, &transaction.sender));
    }
    for operation in &transaction.operations {
        match operation.declare(&transaction.sender, base, &mut access) {
            // Carried out, it comes upon the same and is refused.
            Ok(()) | Err(Fault::Contradiction(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    access.settle();
    Ok(access)
}

/// Spreads groups, costliest first, over bins of about equal size. Groups of a bin run one after
/// the other; what a bin holds does not change any result.
fn fill_bins(groups: &[Vec<u32>], bins: usize) -> Vec<Vec<&[u32]>> {
    let mut filled: Vec<(usize, Vec<&[u32]>)> = vec![(0, Vec::new()); bins.max(1)];
    let mut next = 0;
    for group in groups {
        // Groups come in falling order: dealing them to the least filled of two neighbours is
        // nearly as even as looking at all bins.
        let other = next_bin(next, filled.len());
        let load = |index: usize| filled.get(index).map_or(usize::MAX, |(load, _)| *load);
        let chosen = if load(other) < load(next) { other } else { next };
        if let Some((load, bin)) = filled.get_mut(chosen) {
            *load = load.saturating_add(group.len());
            bin.push(group);
        }
        next = next_bin(chosen, filled.len());
    }
    filled.into_iter().map(|(_, bin)| bin).filter(|bin| !bin.is_empty()).collect()
}

fn next_bin(bin: usize, bins: usize) -> usize {
    let next = bin.saturating_add(1);
    if next >= bins { 0 } else { next }
}

fn run_bin(
    base: &dyn StateReader,
    block: &Block<'_>,
    declared: &[AccessSet],
    plan: &Plan,
    bin: &[&[u32]],
) -> Result<Bin, Fault> {
    let indexes: Vec<u32> = bin.iter().copied().flatten().copied().collect();
    let access =
        |index: &u32| declared.get(place_of(*index)).ok_or_else(|| unknown_transaction(*index));
    let accesses: Vec<&AccessSet> = indexes.iter().map(access).collect::<Result<_, _>>()?;
    let mut group = GroupOverlay::new(base, &plan.deferred, accesses)?;
    let mut outcomes = Vec::with_capacity(indexes.len());
    for (number, index) in indexes.into_iter().enumerate() {
        let transaction = block.transactions.get(place_of(index));
        let overlay = group.transaction(number, &block.info, index);
        let ((verified, id), overlay) =
            transaction.zip(overlay).ok_or_else(|| unknown_transaction(index))?;
        let outcome = match verified {
            Err(error) => Outcome { id: *id, fee: None, result: Err(error.clone()) },
            Ok(transaction) => {
                let required = Authorisation::Required;
                run_transaction(overlay, &block.info, &block.params, transaction, required)?
            }
        };
        outcomes.push((index, outcome));
    }
    let (changes, deltas) = group.into_parts();
    Ok(Bin { outcomes, changes, deltas })
}

fn unknown_transaction(index: u32) -> Fault {
    Fault::Invariant(format!("plan names transaction {index}"))
}

/// Whether the signers' right to act for the sender is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Authorisation {
    Required,
    Assumed,
}

/// Runs one transaction: what comes before the operations, then all of them or none.
fn run_transaction(
    mut overlay: TxOverlay<'_, '_>,
    info: &BlockInfo,
    params: &Params,
    transaction: &Transaction,
    authorisation: Authorisation,
) -> Result<Outcome, Fault> {
    let id = transaction.id;
    let fee = match charge(&mut overlay, info, params, transaction, authorisation) {
        Ok(fee) => Some(fee),
        Err(error) => return refuse(&mut overlay, id, None, error),
    };
    overlay.keep();
    let mut events = Vec::new();
    let (sender, state) = (transaction.sender, &mut overlay);
    let mut context = Context { block: info, sender, state, events: &mut events };
    let ran = transaction.operations.iter().try_for_each(|op| op.execute(&mut context));
    match ran {
        Ok(()) => {
            overlay.keep();
            Ok(Outcome { id, fee, result: Ok(events) })
        }
        Err(error) => refuse(&mut overlay, id, fee, error),
    }
}

/// Lets nothing of a transaction count that was not kept.
fn refuse(
    overlay: &mut TxOverlay<'_, '_>,
    id: [u8; 32],
    fee: Option<Amount>,
    error: ExecutionError,
) -> Result<Outcome, Fault> {
    overlay.discard();
    if let ExecutionError::Fault(Fault::Contradiction(what)) = &error {
        tracing::error!("an operation is refused, the state contradicts itself: {what}");
    }
    Ok(Outcome { id, fee, result: Err(refusal(error)?) })
}

/// Why a transaction did not happen. One that comes upon a contradiction in the state is refused:
/// every node finds the same, and none may stop for it, or one transaction would end the chain.
///
/// # Errors
/// [`Fault`] when this node has failed.
pub(crate) fn refusal(error: ExecutionError) -> Result<Rejected, Fault> {
    match error {
        ExecutionError::Rejected(error) => Ok(error),
        ExecutionError::Fault(Fault::Contradiction(what)) => {
            Ok(TxError::StateContradictsItself { what }.into())
        }
        ExecutionError::Fault(fault) => Err(fault),
    }
}

/// Checks that the sender may send this transaction now, takes its nonce and its fee.
///
/// # Errors
/// In order of precedence: [`TxError::Expired`], [`TxError::ValidForTooLong`], the refusals of
/// [`accounts::authorise`] and [`accounts::take_nonce`], [`TxError::FeeAboveLimit`],
/// [`TxError::InsufficientFeeCredit`], or where another pays the refusals of
/// [`Sponsored::charge`].
fn charge(
    view: &mut dyn StateView,
    info: &BlockInfo,
    params: &Params,
    transaction: &Transaction,
    authorisation: Authorisation,
) -> Result<Amount, ExecutionError> {
    check_validity(info.height, params, transaction)?;
    let sender = transaction.sender;
    let key = StateKey::account(&sender);
    let stored: Option<Account> = view.load(&key)?;
    if authorisation == Authorisation::Required {
        accounts::authorise(stored.as_ref(), &sender, &transaction.signers())?;
    }
    let mut account = stored.unwrap_or_default();
    accounts::take_nonce(&mut account, &sender, transaction.nonce_lane, transaction.nonce)?;
    let fee = transaction_fee(params, transaction);
    if fee > transaction.max_fee {
        return Err(TxError::FeeAboveLimit { fee, max_fee: transaction.max_fee }.into());
    }
    if let Some(payer) = &transaction.payer {
        let operations = transaction.operation_names();
        Sponsored { payer, sender: &sender, operations: &operations }.charge(
            view,
            fee,
            info.time_ms,
        )?;
    } else {
        let have = accounts::fee_credit(&account)?;
        let left = have.checked_sub(fee).ok_or(TxError::InsufficientFeeCredit {
            sender,
            have,
            need: fee,
        })?;
        account.fee_credit = left.to_string();
    }
    view.store(key, &account)?;
    view.add(Delta::Fee { amount: fee })?;
    Ok(fee)
}

/// Whether a transaction may be in a block of this height.
///
/// # Errors
/// In order of precedence: [`TxError::Expired`], [`TxError::ValidForTooLong`].
pub fn check_validity(
    height: u64,
    params: &Params,
    transaction: &Transaction,
) -> Result<(), TxError> {
    let valid_until_height = transaction.valid_until_height;
    if valid_until_height < height {
        return Err(TxError::Expired { valid_until_height, height });
    }
    let max_blocks = params.max_validity_blocks;
    if valid_until_height.saturating_sub(height) > max_blocks {
        return Err(TxError::ValidForTooLong { valid_until_height, height, max_blocks });
    }
    Ok(())
}

/// The exact fee of a transaction.
#[must_use]
pub fn transaction_fee(params: &Params, transaction: &Transaction) -> Amount {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    fee(params, count(transaction.size), count(transaction.operations.len()))
}

/// Changes that have no key in common, together.
fn merge_disjoint(parts: Vec<Vec<Change>>) -> Result<Changes, Fault> {
    let mut changes = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for mut part in parts {
        changes.append(&mut part);
    }
    Changes::of_different_keys(changes)
        .ok_or_else(|| Fault::Invariant("two groups of transactions changed the same key".into()))
}

/// A state with changes on top.
struct Changed<'a> {
    base: &'a dyn StateReader,
    changes: &'a Changes,
}

impl StateReader for Changed<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<bytes::Bytes>, Fault> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.read(key),
        }
    }

    fn asset(&self, asset: &AssetId) -> Result<Option<Arc<Asset>>, Fault> {
        let key = StateKey::asset(asset);
        match self.changes.get(&key) {
            Some(value) => decode_asset(&key, value),
            None => self.base.asset(asset),
        }
    }
}

/// Applies additions that were put aside, each key on its own, until none entails another.
fn apply_deferred(
    base: &dyn StateReader,
    info: &BlockInfo,
    mut deltas: Vec<(u32, Delta)>,
    mut changes: Changes,
) -> Result<Changes, Fault> {
    while !deltas.is_empty() {
        // Additions commute; block order is kept all the same, so that it need not be argued.
        let mut keyed: Vec<(StateKey, u32, Delta)> =
            deltas.into_iter().map(|(index, delta)| (delta.key(), index, delta)).collect();
        keyed.par_sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        let by_key: Vec<_> = keyed.chunk_by(|(one, ..), (other, ..)| one == other).collect();
        let state = Changed { base, changes: &changes };
        let apply = |group| apply_group(&state, info, group);
        let applied: Vec<Applied> = in_order(by_key.into_par_iter().map(apply))?;
        let (mut changed, mut further) = (Vec::with_capacity(applied.len()), Vec::new());
        for (group_changes, mut group_further) in applied {
            changed.push(group_changes);
            further.append(&mut group_further);
        }
        changes = changes.then(merge_disjoint(changed)?);
        deltas = further;
    }
    Ok(changes)
}

type Applied = (Vec<Change>, Vec<(u32, Delta)>);

fn apply_group(
    state: &dyn StateReader,
    info: &BlockInfo,
    group: &[(StateKey, u32, Delta)],
) -> Result<Applied, Fault> {
    let mut overlay = DeferredOverlay::new(state);
    let mut group = group.iter().map(|(_, index, delta)| (*index, *delta)).peekable();
    while let Some((mut index, mut delta)) = group.next() {
        // Those of one kind that follow are one with it.
        while let Some((next, other)) = group.peek()
            && let Some(both) = delta.and(other)
        {
            (index, delta) = (*next, both);
            group.next();
        }
        overlay.at(index);
        apply_delta(&mut overlay, info, &delta).map_err(|error| match error {
            ExecutionError::Fault(fault) => fault,
            ExecutionError::Rejected(error) => {
                Fault::Invariant(format!("{delta:?} was refused: {error}"))
            }
        })?;
    }
    Ok(overlay.into_parts())
}

/// Transactions with the ids of their bytes, as [`Block`] wants them.
#[must_use]
pub fn with_ids(verified: Vec<Verified>, bytes: &[bytes::Bytes]) -> Vec<(Verified, [u8; 32])> {
    let id = |(verified, bytes): (Verified, &bytes::Bytes)| {
        let id = match &verified {
            Ok(transaction) => transaction.id,
            Err(_) => tessera_proto::signing::transaction_id(bytes),
        };
        (verified, id)
    };
    verified.into_iter().zip(bytes).map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regress_a_contradiction_in_the_state_refuses_a_transaction_and_stops_no_node() {
        let contradiction = Fault::Contradiction("a total is too large".into());
        let refused = refusal(contradiction.into()).map(|error| (error.codespace, error.code));
        assert!(matches!(refused, Ok(("tx", 12))), "{refused:?}");
        assert!(refusal(Fault::Database("gone".into()).into()).is_err());
        assert!(refusal(Fault::Invariant("of the plan".into()).into()).is_err());
    }
}
