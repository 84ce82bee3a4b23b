//! The history of appraisals, and whether one of them is valid now.

use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{Appraisal, Appraiser, Asset, AssetClass};
use tessera_proto::state_key::StateKey;

use super::accreditation;
use super::error::AssetError;
use crate::modules::BlockInfo;
use crate::modules::committed::{self, broken};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// How many of the latest appraisals are looked at; more than one, for the latest may begin in
/// the future.
const RECENT_APPRAISALS: u32 = 8;

/// Declares what [`require_valid`] reads, also when one appraisal is appended earlier in the
/// block.
pub(super) fn declare_recent(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
) -> Result<(), Fault> {
    let facts = state.asset(asset)?;
    let count = facts.map_or(0, |facts| facts.appraisal_count);
    for number in count.saturating_sub(RECENT_APPRAISALS)..=count {
        let key = StateKey::appraisal(asset, number);
        access.read(key);
        if let Some(appraisal) = state.leaf::<Appraisal>(&key)? {
            let appraiser = committed::address("appraiser", &appraisal.appraiser)?;
            access.read(StateKey::appraiser(&appraiser));
        }
    }
    Ok(())
}

/// Refuses an asset that needs an appraisal and has none that is valid at the time of the block,
/// by an appraiser whose word counts.
pub(super) fn require_valid(
    view: &mut dyn StateView,
    block: &BlockInfo,
    id: &AssetId,
    asset: &Asset,
) -> Result<(), ExecutionError> {
    if asset.class() == AssetClass::Currency {
        return Ok(());
    }
    let count = asset.appraisal_count;
    for number in (count.saturating_sub(RECENT_APPRAISALS)..count).rev() {
        let appraisal = load(view, id, number)?;
        if !(appraisal.valid_from_ms..appraisal.valid_to_ms).contains(&block.time_ms) {
            continue;
        }
        let appraiser = committed::address("appraiser", &appraisal.appraiser)?;
        let appraiser: Option<Appraiser> = view.load(&StateKey::appraiser(&appraiser))?;
        if appraiser.is_some_and(|one| accreditation::counts(&one, appraisal.valid_from_ms)) {
            return Ok(());
        }
    }
    let name = asset.name.clone();
    Err(AssetError::NoValidAppraisal { name, time_ms: block.time_ms }.into())
}

/// One appraisal of the history.
pub(super) fn load(
    view: &mut dyn StateView,
    asset: &AssetId,
    number: u32,
) -> Result<Appraisal, ExecutionError> {
    let appraisal = view.load(&StateKey::appraisal(asset, number))?;
    Ok(appraisal.ok_or_else(|| broken(format!("{asset} lacks its appraisal {number}")))?)
}
