//! `PruneRecords`: old balances that nobody asks for any more are deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, HoldingCopy};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::Record;
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use super::records::KEPT_MS;
use super::terms;
use crate::modules::assets::load_asset;
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Most accounts whose old balances are deleted at a time.
pub const MAX_PRUNED_ACCOUNTS: usize = 64;
/// Most record dates given up at a time, and most copies of one account looked at.
const MAX_STEPS: u64 = 64;

/// Gives up record dates that nobody uses, oldest first, and deletes copies older than the oldest
/// that is left.
///
/// A balance at a record date is never looked for in copies of earlier ones, so what is deleted
/// can be asked for by nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRecords {
    /// Of which asset.
    pub asset: AssetId,
    /// Whose old balances.
    pub accounts: BTreeSet<Address>,
}

impl TryFrom<pb::PruneRecords> for PruneRecords {
    type Error = DistributionError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`DistributionError::AccountsNotAscending`].
    fn try_from(message: pb::PruneRecords) -> Result<Self, DistributionError> {
        let asset = fields::asset_id("asset", &message.asset)?;
        fields::count("accounts", message.accounts.len(), 0, MAX_PRUNED_ACCOUNTS)?;
        Ok(Self { asset, accounts: terms::holders(&message.accounts)? })
    }
}

impl PruneRecords {
    /// Gives up the oldest record dates; the height from which on copies are needed for those that
    /// are left, and whether the time that one is kept for begins now.
    fn give_up(
        &self,
        context: &mut Context<'_>,
        asset: &mut Asset,
    ) -> Result<(u64, bool), ExecutionError> {
        let mut oldest = asset.pruned_record_count.saturating_add(1);
        for _ in 0..MAX_STEPS {
            let key = StateKey::record(&self.asset, oldest);
            let Some(record) = context.state.load::<Record>(&key)? else {
                return Ok((0, false));
            };
            let kept_until = record.taken_ms.saturating_add(KEPT_MS);
            let is_ahead = record.height >= context.block.height;
            let in_use = is_ahead || record.uses > 0 || context.block.time_ms < kept_until;
            if record.taken_ms == 0 && !is_ahead {
                // Nobody has noted when it passed: the time it is kept for begins now.
                let taken_ms = context.block.time_ms;
                context.state.store(key, &Record { taken_ms, ..record })?;
                return Ok((needed_from(&record), true));
            }
            // The latest stays: changes of holdings still keep copies for it.
            if in_use || oldest >= asset.record_count {
                return Ok((needed_from(&record), false));
            }
            context.state.write(key, None)?;
            asset.pruned_record_count = oldest;
            oldest = oldest.saturating_add(1);
        }
        let record: Option<Record> = context.state.load(&StateKey::record(&self.asset, oldest))?;
        Ok((record.as_ref().map_or(0, needed_from), false))
    }

    /// Deletes the copies of an account for record dates before `oldest`; how many there were.
    fn delete_copies(
        &self,
        context: &mut Context<'_>,
        facts: &Asset,
        account: &Address,
        oldest: u64,
    ) -> Result<u32, ExecutionError> {
        let key = |height| StateKey::holding_copy(&self.asset, account, height);
        let mut holding = holdings::load_holding(context.state, (&self.asset, facts), account)?;
        let (mut height, mut kept, mut deleted) = (holding.copy_height, None, 0_u32);
        for _ in 0..MAX_STEPS {
            let Some(copy) = context.state.load::<HoldingCopy>(&key(height))? else { break };
            if height >= oldest {
                kept = Some((height, copy));
            } else {
                context.state.write(key(height), None)?;
                deleted = deleted.saturating_add(1);
            }
            height = copy.copy_height;
        }
        // Copies beyond what was looked at stay in the chain, behind the gap.
        let rest = if height < oldest { height } else { return Ok(deleted) };
        match kept {
            Some((at, copy)) => {
                let copy = HoldingCopy { copy_height: rest, ..copy };
                context.state.store(key(at), &copy)?;
            }
            None => {
                holding.copy_height = rest;
                holdings::store_holding(context.state, &self.asset, account, &holding)?;
            }
        }
        Ok(deleted)
    }
}

/// The height from which on copies are needed for a record date and all with greater numbers: one
/// that was declared ahead may be younger than those, but not its declaration.
fn needed_from(record: &Record) -> u64 {
    match record.declared_height {
        0 => record.height,
        declared => declared.min(record.height),
    }
}

impl Message for PruneRecords {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { asset, accounts } = self;
        access.write(StateKey::asset(asset));
        let facts = state.asset(asset)?.unwrap_or_default();
        for step in 1..=MAX_STEPS.saturating_add(1) {
            let number = facts.pruned_record_count.saturating_add(step);
            if number > facts.record_count {
                break;
            }
            access.write(StateKey::record(asset, number));
        }
        for account in accounts {
            let key = StateKey::holding(asset, account);
            access.write(key);
            let holding: Holding = state.leaf(&key)?.unwrap_or_default();
            let mut height = holding.copy_height;
            for _ in 0..MAX_STEPS {
                let key = StateKey::holding_copy(asset, account, height);
                access.write(key);
                let Some(copy) = state.leaf::<HoldingCopy>(&key)? else { break };
                height = copy.copy_height;
            }
        }
        Ok(())
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`DistributionError::NothingToPrune`].
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, accounts } = self;
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        let before = asset.pruned_record_count;
        let (oldest, noted) = self.give_up(context, &mut asset)?;
        let mut copies = 0_u32;
        for account in accounts {
            copies = copies.saturating_add(self.delete_copies(context, &asset, account, oldest)?);
        }
        let pruned_record_count = asset.pruned_record_count;
        if copies == 0 && pruned_record_count == before && !noted {
            return Err(DistributionError::NothingToPrune { name: asset.name }.into());
        }
        context.state.store(StateKey::asset(id), &asset)?;
        let asset = id.to_bytes();
        let event = pb::RecordsPruned { asset, pruned_record_count, copies };
        context.emit(Kind::RecordsPruned(event));
        Ok(())
    }
}
