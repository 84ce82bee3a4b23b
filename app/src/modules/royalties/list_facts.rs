//! What must be known of a list to remove its recipients: how many there are, and in which
//! currencies they could have something to claim.

use tessera_proto::id::AssetId;
use tessera_proto::pb::royalties::v1::RoyaltyListFacts;
use tessera_proto::state_key::StateKey;

use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Most currencies of a list from which recipients are removed.
pub(super) const MAX_LIST_CURRENCIES: usize = 64;

/// Declares what [`note`] touches: a payment in a currency that was paid before only reads, so
/// payments run side by side.
pub(super) fn declare(
    state: &dyn StateReader,
    access: &mut AccessSet,
    (asset, list): (&AssetId, u64),
    currency: &AssetId,
) -> Result<(), Fault> {
    let key = StateKey::royalty_list_facts(asset, list);
    access.read(key);
    if !is_noted(&state.leaf(&key)?.unwrap_or_default(), currency) {
        access.write(key);
    }
    Ok(())
}

/// Notes that a list is paid in a currency.
pub(super) fn note(
    view: &mut dyn StateView,
    (asset, list): (&AssetId, u64),
    currency: &AssetId,
) -> Result<(), ExecutionError> {
    let key = StateKey::royalty_list_facts(asset, list);
    let mut facts: RoyaltyListFacts = view.load(&key)?.unwrap_or_default();
    if is_noted(&facts, currency) {
        return Ok(());
    }
    match facts.currencies.len() < MAX_LIST_CURRENCIES {
        true => facts.currencies.push(currency.to_bytes()),
        false => facts.more_currencies = true,
    }
    view.store(key, &facts)
}

fn is_noted(facts: &RoyaltyListFacts, currency: &AssetId) -> bool {
    facts.more_currencies || facts.currencies.contains(&currency.to_bytes())
}
