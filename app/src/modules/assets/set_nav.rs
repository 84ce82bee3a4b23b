//! `SetNav`: an account states what an asset is worth.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::Nav;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::{load_currency, load_open, splits};
use super::roles::{self, Role};
use super::{history, nav};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most bytes of what a price rests on.
const MAX_SOURCE_LENGTH: usize = 120;
/// Longest time for which a price may be used: 366 days.
const MAX_AGE_MS: u64 = 366 * 24 * 60 * 60 * 1_000;

/// States the price of one unit of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetNav {
    /// The asset.
    pub asset: AssetId,
    /// Currency of the price.
    pub currency: AssetId,
    /// Base units of the currency for 10^decimals base units of the asset; above zero.
    pub price: Amount,
    /// What it rests on.
    pub source: String,
    /// When it was computed.
    pub computed_at_ms: u64,
    /// For how long after that it may be used.
    pub max_age_ms: u64,
}

impl TryFrom<pb::SetNav> for SetNav {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::SetNav) -> Result<Self, AssetError> {
        let pb::SetNav { asset, currency, price, source, computed_at_ms, max_age_ms } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            currency: fields::asset_id("currency", &currency)?,
            price: fields::amount("price", &price)?,
            source: fields::text("source", source, MAX_SOURCE_LENGTH)?,
            computed_at_ms,
            max_age_ms: fields::range("max_age_ms", max_age_ms, 1, MAX_AGE_MS)?,
        })
    }
}

impl Message for SetNav {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.read(StateKey::asset(&self.currency));
        access.write(StateKey::nav(&self.asset, &self.currency, sender));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`] and [`AssetError::Closed`] of the
    /// asset, [`AssetError::UnknownAsset`] of the currency, [`AssetError::NotACurrency`],
    /// [`AssetError::RoleNeeded`] (of SERVICER, for who is no APPRAISER either),
    /// [`AssetError::NavFromFuture`], [`AssetError::NavStale`], [`AssetError::NavNotNewer`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, currency, computed_at_ms, .. } = self;
        let (sender, time_ms) = (context.sender, context.block.time_ms);
        let asset = load_open(context.state, id)?;
        load_currency(context.state, currency)?;
        if !roles::holds(context.state, id, &sender, Role::Appraiser, time_ms)? {
            roles::require(context.state, id, &sender, Role::Servicer, time_ms)?;
        }
        let nav = Nav {
            price: self.price.to_string(),
            source: self.source.clone(),
            computed_at_ms: *computed_at_ms,
            max_age_ms: self.max_age_ms,
            stated_by: sender.to_bytes(),
            split_count: splits(&asset),
        };
        let name = asset.name.clone();
        if *computed_at_ms > time_ms {
            let computed_at_ms = *computed_at_ms;
            return Err(AssetError::NavFromFuture { computed_at_ms, time_ms }.into());
        }
        if nav::is_stale(&nav, time_ms) {
            return Err(nav::stale(name, &nav, time_ms).into());
        }
        let key = StateKey::nav(id, currency, &sender);
        let latest_ms = context.state.load::<Nav>(&key)?.map(|known| known.computed_at_ms);
        if let Some(latest_ms) = latest_ms.filter(|latest_ms| computed_at_ms <= latest_ms) {
            let computed_at_ms = *computed_at_ms;
            return Err(AssetError::NavNotNewer { name, computed_at_ms, latest_ms }.into());
        }
        context.state.store(key, &nav)?;
        let (asset, currency, nav) = (id.to_bytes(), currency.to_bytes(), Some(nav));
        history::record(context, id, Kind::NavSet(pb::NavSet { asset, currency, nav }))
    }
}
