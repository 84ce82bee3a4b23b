//! What the latest state says of a transaction that wants into the pool.

use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::{Account, Sponsorship};
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::state_key::StateKey;

use crate::chain::executor::{refusal, transaction_fee};
use crate::chain::receipts::block_summary;
use crate::chain::tx::{Transaction, TxError};
use crate::modules::accounts::{self, AccountError, MAX_NONCE_LANES, Sponsored};
use crate::state::error::{ExecutionError, Rejected};
use crate::state::store::Store;
use crate::state::view::LeafReader as _;

/// Of a transaction whose signers may act for its sender.
pub(super) struct Standing {
    /// Nonce that the state expects next in the lane.
    pub(super) next_nonce: u64,
    /// The lanes that the account uses, in order, when this one is not among them.
    pub(super) other_lanes: Option<Vec<u32>>,
    /// What it costs, or why that cannot be paid.
    pub(super) credit: Result<Credit, Rejected>,
}

/// A fee and what there is to pay it from.
#[derive(Clone, Copy)]
pub(super) struct Credit {
    /// The exact fee.
    pub(super) fee: Amount,
    /// What whoever pays has prepaid, or may spend for the sender.
    pub(super) have: Amount,
}

impl Standing {
    /// Reads the state.
    ///
    /// # Errors
    /// In order of precedence: the refusals of [`accounts::authorise`],
    /// [`AccountError::TooManyLanes`]; [`ExecutionError::Fault`] when the storage fails.
    pub(super) fn new(
        store: &Store,
        params: &Params,
        transaction: &Transaction,
    ) -> Result<Self, ExecutionError> {
        let sender = &transaction.sender;
        let account: Option<Account> = store.peek().leaf(&StateKey::account(sender))?;
        accounts::authorise(account.as_ref(), sender, &transaction.signers())?;
        let lanes = account.as_ref().map(|account| account.nonce_lanes.as_slice());
        let lanes = lanes.unwrap_or_default();
        let lane = lanes.iter().find(|entry| entry.lane == transaction.nonce_lane);
        if lane.is_none() && lanes.len() >= MAX_NONCE_LANES {
            return Err(too_many_lanes(transaction));
        }
        let others = || lanes.iter().map(|entry| entry.lane).collect();
        let other_lanes = lane.is_none().then(others);
        let credit = match credit(store, params, transaction, account.as_ref()) {
            Ok(credit) => Ok(credit),
            Err(error) => Err(refusal(error)?),
        };
        Ok(Self { next_nonce: lane.map_or(0, |entry| entry.next_nonce), other_lanes, credit })
    }
}

/// The sender may use no other lane.
pub(super) fn too_many_lanes(transaction: &Transaction) -> ExecutionError {
    let (account, lane) = (transaction.sender, transaction.nonce_lane);
    AccountError::TooManyLanes { account, lane, max: MAX_NONCE_LANES }.into()
}

/// # Errors
/// In order of precedence: [`TxError::FeeAboveLimit`], the refusals of [`Sponsored::credit`].
fn credit(
    store: &Store,
    params: &Params,
    transaction: &Transaction,
    account: Option<&Account>,
) -> Result<Credit, ExecutionError> {
    let fee = transaction_fee(params, transaction);
    let max_fee = transaction.max_fee;
    if fee > max_fee {
        return Err(TxError::FeeAboveLimit { fee, max_fee }.into());
    }
    let have = match &transaction.payer {
        Some(payer) => sponsored_credit(store, transaction, payer)?,
        None => account.map_or(Ok(Amount::ZERO), accounts::fee_credit)?,
    };
    Ok(Credit { fee, have })
}

fn sponsored_credit(
    store: &Store,
    transaction: &Transaction,
    payer: &Address,
) -> Result<Amount, ExecutionError> {
    let sender = &transaction.sender;
    let sponsorship: Option<Sponsorship> =
        store.peek().leaf(&StateKey::sponsorship(payer, sender))?;
    let height = store.committed().map_or(0, |committed| committed.height);
    let time_ms = block_summary(store.database(), height)?.map_or(0, |last| last.time_ms);
    let operations = transaction.operation_names();
    let sponsored = Sponsored { payer, sender, operations: &operations };
    let credit = sponsored.credit(sponsorship.as_ref(), time_ms)?;
    Ok(credit.map_err(Rejected::from)?)
}
