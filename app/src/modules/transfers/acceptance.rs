//! Accounts that ask to accept an asset before its units arrive.
//!
//! The wish stands in the wallet of the account, the acceptance in its holding. Both are looked
//! at only where transfers look at the receiver: for regulated assets, and for others that were
//! registered so. All other transfers read of who receives only whether it is denied the chain.

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::state_key::StateKey;

use super::error::TransferError;
use super::holdings;
use crate::modules::eligibility;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, StateReader, StateView};

/// Whether transfers of an asset look at the receiver.
pub(super) fn is_asked(facts: &Asset) -> bool {
    facts.regulated || facts.opt_in
}

/// Declares what [`is_missing`] reads; whether an acceptance is asked for before the block.
pub(super) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    (asset, facts): (&AssetId, &Asset),
    to: &[Address],
) -> Result<bool, Fault> {
    let mut any = false;
    for account in to.iter().filter(|_| is_asked(facts)) {
        let key = StateKey::wallet(account);
        access.read(key);
        let wallet: Option<Wallet> = state.leaf(&key)?;
        if wallet.is_some_and(|wallet| wallet.opt_in) {
            access.read(StateKey::holding(asset, account));
            any = true;
        }
    }
    Ok(any)
}

/// Whether an account asks to accept the asset first, and has not.
///
/// # Errors
/// [`EligibilityError::Sanctioned`](eligibility::EligibilityError::Sanctioned), where no rules of
/// the asset say so later.
pub(crate) fn is_missing(
    view: &mut dyn StateView,
    (asset, facts): (&AssetId, &Asset),
    account: &Address,
) -> Result<bool, ExecutionError> {
    if !is_asked(facts) {
        return Ok(false);
    }
    if !facts.regulated {
        eligibility::require_allowed(view, account)?;
    }
    if !eligibility::wallet(view, account)?.opt_in {
        return Ok(false);
    }
    Ok(!holdings::load_holding(view, (asset, facts), account)?.is_accepted())
}

/// Refuses an account that asks to accept the asset first, and has not.
///
/// # Errors
/// [`EligibilityError::Sanctioned`](eligibility::EligibilityError::Sanctioned),
/// [`TransferError::NotAccepted`].
pub(crate) fn require(
    view: &mut dyn StateView,
    (asset, facts): (&AssetId, &Asset),
    account: &Address,
) -> Result<(), ExecutionError> {
    match is_missing(view, (asset, facts), account)? {
        true => {
            let (account, name) = (*account, facts.name.clone());
            Err(TransferError::NotAccepted { account, name }.into())
        }
        false => Ok(()),
    }
}
