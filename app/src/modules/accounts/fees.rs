//! Fees collected.

use tessera_proto::amount::Amount;
use tessera_proto::pb::accounts::v1::Account;
use tessera_proto::pb::chain::v1::FeePot;
use tessera_proto::state_key::StateKey;

use crate::modules::committed;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateView};

/// Applies [`Delta::Fee`](crate::state::delta::Delta::Fee).
pub(crate) fn apply_fee(view: &mut dyn StateView, amount: Amount) -> Result<(), ExecutionError> {
    let key = StateKey::fee_pot();
    let mut pot: FeePot = view.load(&key)?.unwrap_or_default();
    let before = committed::amount("fee pot", &pot.amount)?;
    pot.amount = committed::sum("fee pot", before, amount)?.to_string();
    view.store(key, &pot)
}

/// Prepaid fees of an account.
///
/// # Errors
/// [`Fault::Contradiction`] when the leaf is damaged.
pub fn fee_credit(account: &Account) -> Result<Amount, Fault> {
    committed::amount("fee credit", &account.fee_credit)
}
