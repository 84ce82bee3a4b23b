//! `AmendAsset`: other terms, while an asset is only proposed.

use std::sync::Arc;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{Asset, AssetStatus, Attribute, Attributes};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_asset;
use super::register_asset::{MAX_DECIMALS, MAX_TITLE_LENGTH};
use super::roles::{self, Role};
use super::{history, schema};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Changes the terms of an asset. Name, class and issuer stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendAsset {
    /// The asset.
    pub asset: AssetId,
    /// For people.
    pub title: String,
    /// Display decimals.
    pub decimals: u32,
    /// Most base units that may ever exist; above zero.
    pub max_supply: Amount,
    /// What it is in detail.
    pub attributes: Vec<Attribute>,
}

impl TryFrom<pb::AmendAsset> for AmendAsset {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields; attributes are checked
    /// later, for their schema follows from the class of the asset.
    fn try_from(message: pb::AmendAsset) -> Result<Self, AssetError> {
        let pb::AmendAsset { asset, title, decimals, max_supply, attributes } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            title: fields::text("title", title, MAX_TITLE_LENGTH)?,
            decimals: fields::range("decimals", decimals, 0, MAX_DECIMALS)?,
            max_supply: fields::amount("max_supply", &max_supply)?,
            attributes,
        })
    }
}

impl Message for AmendAsset {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::asset(&self.asset));
        access.write(StateKey::attributes(&self.asset));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`],
    /// [`AssetError::TermsAreFixed`]; then attributes that do not fit the class, as they are
    /// refused at registration.
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, title, decimals, max_supply, attributes } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        let mut asset = Arc::unwrap_or_clone(load_asset(context.state, id)?);
        roles::require(context.state, id, &sender, Role::Issuer, now_ms)?;
        let status = asset.status();
        if status != AssetStatus::Proposed {
            return Err(AssetError::TermsAreFixed { name: asset.name, status }.into());
        }
        schema::check(asset.class(), attributes)?;
        asset.title.clone_from(title);
        asset.decimals = *decimals;
        asset.max_supply = max_supply.to_string();
        context.state.store(StateKey::asset(id), &asset)?;
        let (key, attributes) = (StateKey::attributes(id), attributes.clone());
        match attributes.is_empty() {
            true => context.state.write(key, None)?,
            false => context.state.store(key, &Attributes { attributes: attributes.clone() })?,
        }
        let Asset { title, decimals, max_supply, .. } = asset;
        let asset = id.to_bytes();
        let amended = pb::AssetAmended { asset, title, decimals, max_supply, attributes };
        history::record(context, id, Kind::AssetAmended(amended))
    }
}
