//! Who takes part in a movement, with what each holds before and after it.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;

use super::claims::{self, Standing};
use super::record::{self, Record};
use super::rules::{Rule, Rules};
use crate::modules::BlockInfo;
use crate::state::delta::Delta;
use crate::state::error::ExecutionError;
use crate::state::view::StateView;

/// An identity that takes part in a movement; an account without one stands for itself.
pub(super) struct Person {
    /// The first of its accounts in the movement.
    pub(super) account: Address,
    /// What counts of the claims about it.
    pub(super) standing: Standing,
    /// Its record before the movement,
    pub(super) before: Record,
    /// and after it.
    pub(super) after: Record,
    /// What leaves its wallets.
    pub(super) gave: Amount,
    /// What reaches its wallets.
    pub(super) got: Amount,
}

/// By identity, which decides nothing but the order of verdicts.
pub(super) type Persons = BTreeMap<Address, Person>;

impl Person {
    pub(super) fn load(
        view: &mut dyn StateView,
        block: &BlockInfo,
        rules: &Rules,
        (asset, facts): (&AssetId, &Asset),
        (identity, account): (&Address, &Address),
    ) -> Result<Self, ExecutionError> {
        let before = record::load(view, (asset, facts), identity)?;
        let standing = claims::standing(view, rules, identity, asset, block.time_ms)?;
        let (account, after) = (*account, before.clone());
        Ok(Self { account, standing, before, after, gave: Amount::ZERO, got: Amount::ZERO })
    }

    /// What leaves the identity in the end: moving between its own wallets is nothing.
    pub(super) fn sends(&self) -> Amount {
        self.gave.saturating_sub(self.got)
    }

    /// What reaches the identity in the end.
    pub(super) fn receives(&self) -> Amount {
        self.got.saturating_sub(self.gave)
    }

    /// Whether it begins to hold the asset.
    pub(super) fn joins(&self) -> bool {
        self.before.balance.is_zero() && !self.after.balance.is_zero()
    }

    /// Works out the record after the movement.
    pub(super) fn settle(&mut self, rules: &Rules, now_ms: u64) {
        let (sends, receives) = (self.sends(), self.receives());
        // In a trial more may arrive than can exist; another check refuses that.
        let balance = self.before.balance.saturating_add(receives);
        // In a trial more may be sent than there is; another check refuses that.
        self.after.balance = balance.saturating_sub(sends);
        self.after.counted = match self.after.balance.is_zero() {
            true => Standing::default(),
            false => self.standing.clone(),
        };
        self.after.trim_lots(now_ms);
        for rule in &rules.rules {
            match rule {
                Rule::LockUp { period_ms } if !receives.is_zero() => {
                    self.after.add_lot(now_ms, *period_ms, receives);
                }
                Rule::Velocity { window_ms, .. } if !sends.is_zero() => {
                    let end = self.before.window_start_ms.saturating_add(*window_ms);
                    if self.before.sent.is_zero() || now_ms >= end {
                        self.after.window_start_ms = now_ms;
                        self.after.sent = sends;
                    } else {
                        // Units that come back can be sent again: more than there are.
                        self.after.sent = self.before.sent.saturating_add(sends);
                    }
                }
                _ => {}
            }
        }
    }

    /// Stores the record and counts the identity where it has to be.
    pub(super) fn store(
        &self,
        view: &mut dyn StateView,
        asset: &AssetId,
        identity: &Address,
    ) -> Result<(), ExecutionError> {
        let (before, after) = (self.before.buckets(), self.after.buckets());
        for bucket in after.difference(&before) {
            view.add(Delta::HolderBucket { asset: *asset, bucket: *bucket, joined: true })?;
        }
        for bucket in before.difference(&after) {
            view.add(Delta::HolderBucket { asset: *asset, bucket: *bucket, joined: false })?;
        }
        record::store(view, asset, identity, &self.after)
    }
}

/// Counts a holder anew, as its claims are now. What [`declare_person`](super::declare_person)
/// declares is touched.
pub(crate) fn refresh(
    view: &mut dyn StateView,
    block: &BlockInfo,
    rules: &Rules,
    of: (&AssetId, &Asset),
    identity: &Address,
) -> Result<Record, ExecutionError> {
    let mut person = Person::load(view, block, rules, of, (identity, identity))?;
    person.settle(rules, block.time_ms);
    person.store(view, of.0, identity)?;
    Ok(person.after)
}
