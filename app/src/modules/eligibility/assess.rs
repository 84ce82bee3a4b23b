//! Whether units of a regulated asset may move, and what that changes.

use std::collections::btree_map::Entry;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Holding;
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::claims::{self, identity_of};
use super::error::EligibilityError;
use super::persons::{Person, Persons};
use super::rules::load_rules;
use super::verdicts::{Facts, verdicts};
use crate::modules::{BlockInfo, committed};
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Rejected};
use crate::state::view::{Leaves, StateView};

/// Units that are about to move.
pub(crate) struct Movement<'a> {
    /// Of what.
    pub(crate) asset: &'a AssetId,
    /// The asset.
    pub(crate) facts: &'a Asset,
    /// Who gives them; nobody when they are issued.
    pub(crate) from: Option<&'a Address>,
    /// How many leave `from`: the sum of all legs, or what is burned.
    pub(crate) total: Amount,
    /// Who gets how many, each account once and not `from`.
    pub(crate) legs: &'a [(Address, Amount)],
    /// Which checks it must pass.
    pub(crate) scope: Scope,
}

/// Which checks a movement must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All.
    Full,
    /// Only whether the receiver may hold the asset at all.
    Forced,
    /// None, for it is between wallets of one identity.
    Recovery,
}

/// What one check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the check.
    pub check: &'static str,
    /// Number of the rule, from 1; 0 when it is none of the asset's rules.
    pub rule: u32,
    /// Whom it looked at.
    pub account: Option<Address>,
    /// Whether it passed only by an exemption.
    pub exempt: bool,
    /// Claims that would make it pass.
    pub missing: Vec<u32>,
    /// Why it failed, if it did.
    pub refusal: Option<Rejected>,
}

impl Verdict {
    /// A check that is none of the asset's rules.
    pub(crate) fn general(
        check: &'static str,
        account: Option<Address>,
        refusal: Option<Rejected>,
    ) -> Self {
        Self { check, rule: 0, account, exempt: false, missing: Vec::new(), refusal }
    }
}

/// All verdicts on a movement, and what it changes when all pass.
pub(crate) struct Assessment {
    /// In order of precedence.
    pub(crate) verdicts: Vec<Verdict>,
    persons: Persons,
    /// Wallets that begin (or cease) to hold the asset.
    usage: Vec<(Address, bool)>,
}

impl Assessment {
    /// Refuses what a check has failed of, and changes nothing.
    ///
    /// # Errors
    /// The refusal of the first check that failed.
    pub(crate) fn require(self) -> Result<(), ExecutionError> {
        match self.verdicts.into_iter().find_map(|verdict| verdict.refusal) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Keeps the records and counters, unless a check has failed.
    ///
    /// # Errors
    /// The refusal of the first check that failed.
    pub(crate) fn carry_out(
        self,
        view: &mut dyn StateView,
        asset: &AssetId,
    ) -> Result<(), ExecutionError> {
        let Self { verdicts, persons, usage } = self;
        if let Some(refusal) = verdicts.into_iter().find_map(|verdict| verdict.refusal) {
            return Err(refusal.into());
        }
        for (identity, person) in &persons {
            person.store(view, asset, identity)?;
        }
        for (account, joined) in usage {
            view.add(Delta::WalletUse { account, joined })?;
        }
        Ok(())
    }
}

/// An account's part in a movement.
struct Part<'a> {
    account: &'a Address,
    amount: Amount,
    sends: bool,
}

impl Movement<'_> {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let amount = self.total;
        let from = self.from.map(|account| Part { account, amount, sends: true });
        let legs = self.legs.iter();
        let legs = legs.map(|(account, amount)| Part { account, amount: *amount, sends: false });
        from.into_iter().chain(legs)
    }
}

/// Checks a movement in full, whatever fails on the way, and works out what it changes.
///
/// # Errors
/// Only of the view: a movement that must not be is told by the verdicts.
pub(crate) fn assess(
    view: &mut dyn StateView,
    block: &BlockInfo,
    movement: &Movement<'_>,
) -> Result<Assessment, ExecutionError> {
    let Movement { asset, facts, scope, .. } = movement;
    let (mut persons, mut usage, mut told) = (Persons::new(), Vec::new(), Vec::new());
    let Some(rules) = load_rules(view, asset)? else {
        let refusal = EligibilityError::NoRules { name: facts.name.clone() };
        told.push(Verdict::general("rules", None, Some(refusal.into())));
        return Ok(Assessment { verdicts: told, persons, usage });
    };
    for part in movement.parts() {
        let wallet = claims::wallet(view, part.account)?;
        let holding: Option<Holding> = view.load(&StateKey::holding(asset, part.account))?;
        let mut holding = holding.unwrap_or_default();
        holding.bring_to(SplitFactor::of(facts));
        if *scope != Scope::Recovery {
            told.extend(account_verdicts(movement, &part, &wallet, &holding));
        }
        if part.sends && holding.balance == part.amount {
            usage.push((*part.account, false));
        } else if !part.sends && holding.balance.is_zero() {
            usage.push((*part.account, true));
        }
        let identity = identity_of(&wallet)?.unwrap_or(*part.account);
        let person = match persons.entry(identity) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let parties = (&identity, part.account);
                vacant.insert(Person::load(view, block, &rules, (asset, facts), parties)?)
            }
        };
        let side = if part.sends { &mut person.gave } else { &mut person.got };
        *side = committed::sum("units that move", *side, part.amount)?;
    }
    for person in persons.values_mut() {
        person.settle(&rules, block.time_ms);
    }
    let facts = Facts { asset, name: &facts.name, now_ms: block.time_ms, scope: *scope };
    told.extend(verdicts(view, &facts, &rules, &persons)?);
    Ok(Assessment { verdicts: told, persons, usage })
}

/// What an account must be, whatever the rules.
fn account_verdicts(
    movement: &Movement<'_>,
    part: &Part<'_>,
    wallet: &Wallet,
    holding: &Holding,
) -> Vec<Verdict> {
    let (account, name) = (*part.account, || movement.facts.name.clone());
    let mut verdicts = Vec::new();
    let mut tell = |check, failed: bool, refusal: EligibilityError| {
        let refusal = failed.then(|| refusal.into());
        verdicts.push(Verdict::general(check, Some(account), refusal));
    };
    if movement.scope == Scope::Full || !part.sends {
        let refusal = EligibilityError::NoIdentity { account, name: name() };
        tell("identity", wallet.identity.is_empty(), refusal);
        tell("sanctions", wallet.sanctioned, EligibilityError::Sanctioned { account });
    }
    if movement.scope == Scope::Full && !part.sends {
        let refusal = EligibilityError::ReceiverFrozen { account, name: name() };
        tell("receiver not frozen", holding.is_frozen(), refusal);
    }
    verdicts
}
