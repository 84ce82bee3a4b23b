//! `SplitUnits`: what one unit of an asset is changes, for all holders at once.

use std::sync::Arc;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{Asset, AssetClass, Split};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::chain::v1::operation;
use tessera_proto::split::SplitFactor;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_asset, require_active};
use super::register_asset::MAX_DECIMALS;
use super::roles::{self, Role};
use super::{history, totals, two_person};
use crate::modules::{Context, Message, committed, eligibility, fields};
use crate::num::reduce;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most that stand on either side of a ratio.
const MAX_SIDE: u32 = 1_000_000;
/// Most splits of an asset.
const MAX_SPLITS: usize = 32;
/// Most that all splits of an asset together multiply base units by.
const MAX_FACTOR: u64 = 1_000_000_000_000_000_000;

/// Changes what one unit of an asset is.
///
/// No holder is looked at: leaves of holders are brought up to date by whoever reads them, see
/// [`tessera_proto::split`]. Nothing is rounded, because base units are only ever multiplied.
/// Where units become larger, they get more decimals, so that a holder of one unit has a tenth
/// of a unit after 1 for 10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitUnits {
    /// The asset.
    pub asset: AssetId,
    /// So many units take the place of
    pub numerator: u32,
    /// so many.
    pub denominator: u32,
}

impl TryFrom<pb::SplitUnits> for SplitUnits {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`AssetError::SplitChangesNothing`], [`AssetError::SplitNotDecimal`].
    fn try_from(message: pb::SplitUnits) -> Result<Self, AssetError> {
        let pb::SplitUnits { asset, numerator, denominator } = message;
        let split = Self {
            asset: fields::asset_id("asset", &asset)?,
            numerator: fields::range("numerator", numerator, 1, MAX_SIDE)?,
            denominator: fields::range("denominator", denominator, 1, MAX_SIDE)?,
        };
        if numerator == denominator {
            return Err(AssetError::SplitChangesNothing { given: numerator });
        }
        match split.terms() {
            Some(_) => Ok(split),
            None => Err(AssetError::SplitNotDecimal { numerator, denominator }),
        }
    }
}

/// What a split comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Terms {
    /// The ratio in lowest terms.
    numerator: u32,
    denominator: u32,
    /// What base units are multiplied by.
    multiplied_by: u64,
    /// Decimals more than before.
    more_decimals: u32,
}

impl SplitUnits {
    /// The ratio as a decimal number: `multiplied_by / 10^more_decimals`, with as few decimals
    /// as it takes; none when that is endless.
    fn terms(&self) -> Option<Terms> {
        let (numerator, denominator) = reduce(self.numerator.into(), self.denominator.into())?;
        // Below 2^20, so a divisor of 10^k is one of 10^20 at the latest.
        let powers =
            (0..=20_u32).filter_map(|decimals| Some((decimals, 10_u128.checked_pow(decimals)?)));
        let (more_decimals, power) =
            powers.into_iter().find(|(_, power)| power.checked_rem(denominator) == Some(0))?;
        let times = power.checked_div(denominator)?;
        Some(Terms {
            numerator: numerator.try_into().ok()?,
            denominator: denominator.try_into().ok()?,
            multiplied_by: numerator.checked_mul(times)?.try_into().ok()?,
            more_decimals,
        })
    }

    fn operation_sha256(&self) -> [u8; 32] {
        let Self { asset, numerator, denominator } = *self;
        let message = pb::SplitUnits { asset: asset.to_bytes(), numerator, denominator };
        two_person::operation_sha256(operation::Kind::SplitUnits(message))
    }
}

/// Enters a split into the asset: factor, decimals and maximum supply.
///
/// # Errors
/// [`AssetError::SplitTooLarge`].
fn enter(asset: &mut Asset, terms: &Terms, height: u64) -> Result<(), ExecutionError> {
    let before = SplitFactor::of(asset);
    let factor = before.multiplied(terms.multiplied_by);
    let decimals = asset.decimals.saturating_add(terms.more_decimals);
    let max_supply = committed::amount("maximum supply", &asset.max_supply)?;
    let possible = factor.filter(|factor| {
        let fits = before.carry(max_supply, *factor) < Amount::MAX;
        fits && factor.get() <= MAX_FACTOR && decimals <= MAX_DECIMALS
    });
    let Some(possible) = possible else {
        return Err(AssetError::SplitTooLarge {
            name: asset.name.clone(),
            decimals,
            factor: factor.map_or(u64::MAX, SplitFactor::get),
            max_decimals: MAX_DECIMALS,
            max_factor: MAX_FACTOR,
        }
        .into());
    };
    asset.max_supply = before.carry(max_supply, possible).to_string();
    asset.decimals = decimals;
    let Terms { numerator, denominator, .. } = *terms;
    asset.splits.push(Split { height, numerator, denominator, factor: possible.get() });
    Ok(())
}

impl Message for SplitUnits {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::asset(&self.asset));
        totals::declare_set_supply(state, access, &self.asset)?;
        let facts = state.asset(&self.asset)?.unwrap_or_default();
        if facts.regulated {
            access.write(StateKey::rule_set(&self.asset));
        }
        if facts.two_persons_split {
            two_person::declare(state, access, &self.asset, &self.operation_sha256())?;
        }
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::NotActive`], [`AssetError::CurrencySplit`], [`AssetError::TooManySplits`],
    /// [`AssetError::SplitTooLarge`]; where it takes two persons [`AssetError::NotProposed`],
    /// [`AssetError::SecondPersonNeeded`], [`AssetError::RoleNeeded`] of the proposer.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let (id, block, sender) = (&self.asset, context.block, context.sender);
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        roles::require(context.state, id, &sender, Role::Issuer, block.time_ms)?;
        require_active(&asset)?;
        if asset.class() == AssetClass::Currency {
            return Err(AssetError::CurrencySplit { name: asset.name }.into());
        }
        let count = asset.splits.len();
        if count >= MAX_SPLITS {
            return Err(AssetError::TooManySplits { name: asset.name, count }.into());
        }
        let terms = self.terms().ok_or_else(|| committed::broken("a split has no terms"))?;
        let before = asset.clone();
        enter(&mut asset, &terms, block.height)?;
        if asset.two_persons_split {
            two_person::require(context, id, Role::Issuer, &self.operation_sha256())?;
        }
        let (old, new) = (SplitFactor::of(&before), SplitFactor::of(&asset));
        let supply = totals::load_totals(context.state, id)?.supply;
        let supply = old.carry(committed::amount("supply", &supply)?, new);
        // The supply before it belongs to record dates before it.
        totals::set_supply(context.state, block, id, &before, supply)?;
        if asset.regulated {
            eligibility::split_limits(context.state, id, (old, new))?;
        }
        context.state.store(StateKey::asset(id), &asset)?;
        let split = Kind::UnitsSplit(pb::UnitsSplit {
            asset: id.to_bytes(),
            numerator: terms.numerator,
            denominator: terms.denominator,
            multiplied_by: terms.multiplied_by,
            decimals: asset.decimals,
            supply: supply.to_string(),
            max_supply: asset.max_supply,
        });
        history::record(context, id, split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(numerator: u32, denominator: u32) -> Option<(u64, u32)> {
        let split = SplitUnits { asset: AssetId::default(), numerator, denominator };
        split.terms().map(|terms| (terms.multiplied_by, terms.more_decimals))
    }

    #[test]
    fn a_ratio_is_a_decimal_number_with_as_few_decimals_as_it_takes() {
        for (numerator, denominator, expected) in [
            (2, 1, Some((2, 0))),
            (3, 2, Some((15, 1))),
            (1, 10, Some((1, 1))),
            (1, 4, Some((25, 2))),
            (5, 100, Some((5, 2))),
            (7, 21, None),
            (1, 3, None),
            (6, 3, Some((2, 0))),
            (1, 524_288, Some((19_073_486_328_125, 19))),
            (1_000_000, 1, Some((1_000_000, 0))),
        ] {
            assert_eq!(terms(numerator, denominator), expected, "{numerator}:{denominator}");
        }
    }
}
