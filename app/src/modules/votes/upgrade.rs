//! Moves of the chain to another version of its state machine.
//!
//! A move is a fact of the state from the block that decides it. Which version computes a block
//! follows from that fact and the height, so nothing has to happen in the block of the move.

use tessera_proto::id::AssetId;
use tessera_proto::pb::chain::v1::Params;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::Upgrade;
use tessera_proto::state_key::StateKey;

use crate::modules::Context;
use crate::modules::committed::broken;
use crate::modules::fields::{self, FieldError};
use crate::state::access::AccessSet;
use crate::state::error::ExecutionError;
use crate::state::view::{Leaves, StateView};

/// Version of a chain that has never moved.
pub const FIRST_VERSION: u64 = 1;

/// The version that computes block `height`, after the latest move that was decided before it.
#[must_use]
pub fn version_at(upgrade: Option<&Upgrade>, height: u64) -> u64 {
    match upgrade {
        None => FIRST_VERSION,
        Some(upgrade) if height < upgrade.height => upgrade.from_version,
        Some(upgrade) => upgrade.version,
    }
}

/// A move as it is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeTerms {
    version: u64,
    height: u64,
    release_sha256: Option<[u8; 32]>,
}

impl TryFrom<pb::ScheduleUpgrade> for UpgradeTerms {
    type Error = FieldError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::ScheduleUpgrade) -> Result<Self, FieldError> {
        let pb::ScheduleUpgrade { version, height, release_sha256 } = message;
        let after_first = FIRST_VERSION.saturating_add(1);
        Ok(Self {
            version: fields::range("outcome.version", version, after_first, u64::MAX)?,
            height: fields::range("outcome.height", height, 1, u64::MAX)?,
            release_sha256: fields::optional_sha256("outcome.release_sha256", &release_sha256)?,
        })
    }
}

impl From<&UpgradeTerms> for pb::ScheduleUpgrade {
    fn from(terms: &UpgradeTerms) -> Self {
        Self {
            version: terms.version,
            height: terms.height,
            release_sha256: fields::optional_bytes(terms.release_sha256.as_ref()),
        }
    }
}

/// Declares what [`schedule`] and [`cancel`] touch.
pub(super) fn declare(access: &mut AccessSet) {
    access.read(StateKey::params());
    access.write(StateKey::upgrade());
}

/// Enters a move, in place of one that is still to come; false, and nothing has changed, for any
/// asset but that of governance, a height that is not later than this block, or a version that is
/// not above that of the chain.
pub(super) fn schedule(
    context: &mut Context<'_>,
    asset: &AssetId,
    proposal: u64,
    terms: &UpgradeTerms,
) -> Result<bool, ExecutionError> {
    let latest = latest(context.state)?;
    let from_version = version_at(latest.as_ref(), context.block.height);
    let possible = terms.height > context.block.height && terms.version > from_version;
    if !possible || !governs(context.state, asset)? {
        return Ok(false);
    }
    let upgrade = Upgrade {
        from_version,
        version: terms.version,
        height: terms.height,
        release_sha256: fields::optional_bytes(terms.release_sha256.as_ref()),
    };
    context.state.store(StateKey::upgrade(), &upgrade)?;
    let (asset, upgrade) = (asset.to_bytes(), Some(upgrade));
    context.emit(Kind::UpgradeScheduled(pb::UpgradeScheduled { asset, proposal, upgrade }));
    Ok(true)
}

/// Takes a move back; false, and nothing has changed, for any asset but that of governance, or
/// when none is to come.
pub(super) fn cancel(
    context: &mut Context<'_>,
    asset: &AssetId,
    proposal: u64,
) -> Result<bool, ExecutionError> {
    let height = context.block.height;
    let to_come = latest(context.state)?.filter(|upgrade| upgrade.height > height);
    let Some(upgrade) = to_come else { return Ok(false) };
    if !governs(context.state, asset)? {
        return Ok(false);
    }
    let version = upgrade.from_version;
    let stays = Upgrade { from_version: version, version, height, ..Upgrade::default() };
    context.state.store(StateKey::upgrade(), &stays)?;
    let (asset, upgrade) = (asset.to_bytes(), Some(upgrade));
    context.emit(Kind::UpgradeCancelled(pb::UpgradeCancelled { asset, proposal, upgrade }));
    Ok(true)
}

fn latest(view: &mut dyn StateView) -> Result<Option<Upgrade>, ExecutionError> {
    view.load(&StateKey::upgrade())
}

fn governs(view: &mut dyn StateView, asset: &AssetId) -> Result<bool, ExecutionError> {
    let params: Option<Params> = view.load(&StateKey::params())?;
    let params = params.ok_or_else(|| broken("the chain has no parameters"))?;
    Ok(params.governance_asset == asset.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_changes_with_the_block_of_the_move() {
        assert_eq!(version_at(None, 9), FIRST_VERSION);
        let upgrade = Upgrade { from_version: 2, version: 3, height: 10, ..Upgrade::default() };
        assert_eq!([9, 10, 11].map(|height| version_at(Some(&upgrade), height)), [2, 3, 3]);
    }
}
