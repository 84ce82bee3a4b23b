//! Whose appraisals count: who the registrar of the chain has accredited, until when.

use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::Appraiser;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use crate::modules::committed::broken;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Whether an appraiser may sign now.
pub(super) fn may_sign(appraiser: &Appraiser, now_ms: u64) -> bool {
    let ends = [appraiser.accredited_until_ms, appraiser.revoked_from_ms];
    ends.into_iter().filter(|end| *end > 0).all(|end| now_ms < end)
}

/// Whether an appraisal counts that is valid from a time on: not one from when the word of its
/// appraiser did not count any more. The end of an accreditation in good order takes nothing
/// away from earlier appraisals.
pub(super) fn counts(appraiser: &Appraiser, valid_from_ms: u64) -> bool {
    appraiser.revoked_from_ms == 0 || valid_from_ms < appraiser.revoked_from_ms
}

/// Refuses anybody but the registrar.
pub(super) fn require_registrar(
    view: &mut dyn StateView,
    account: &Address,
) -> Result<(), ExecutionError> {
    let params: Params =
        view.load(&StateKey::params())?.ok_or_else(|| broken("the chain has no parameters"))?;
    if params.registrar != account.as_bytes().as_slice() {
        return Err(AssetError::NotRegistrar { account: *account }.into());
    }
    Ok(())
}
