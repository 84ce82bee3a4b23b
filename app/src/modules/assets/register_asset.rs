//! `RegisterAsset`: a new asset, in status PROPOSED.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::name::check_asset_name;
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{
    Asset, AssetClass, AssetStatus, AssetTotals, Attribute, Attributes,
};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::{history, schema};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Most bytes of a salt.
pub const MAX_SALT_LENGTH: usize = 32;
/// Most bytes of a title, of an asset or of a document.
pub const MAX_TITLE_LENGTH: usize = 120;
/// Most bytes of the address of a document.
pub const MAX_URI_LENGTH: usize = 512;
/// Most documents of an asset.
pub const MAX_DOCUMENTS: usize = 32;
/// Most display decimals.
pub const MAX_DECIMALS: u32 = 18;

/// Enters an asset into the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterAsset {
    /// Makes the asset id, together with the sender.
    pub salt: Bytes,
    /// Unique on the chain.
    pub name: String,
    /// For people.
    pub title: String,
    /// What kind of thing it is.
    pub class: AssetClass,
    /// Display decimals.
    pub decimals: u32,
    /// Most base units that may ever exist; above zero.
    pub max_supply: Amount,
    /// What describes it.
    pub documents: Vec<Document>,
    /// What it is in detail, as the schema of its class asks for it; perhaps nothing.
    pub attributes: Vec<Attribute>,
    /// Whether units are held by identities only, under rules; never changes.
    pub regulated: bool,
    /// Whether accounts that ask for it must accept the asset first; never changes.
    pub opt_in: bool,
}

/// A document, by reference and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// For people.
    pub name: String,
    /// Where it is; empty when only its hash is public.
    pub uri: String,
    /// Hash of its content.
    pub sha256: [u8; 32],
}

impl TryFrom<pb::Document> for Document {
    type Error = FieldError;

    fn try_from(document: pb::Document) -> Result<Self, FieldError> {
        let pb::Document { name, uri, sha256 } = document;
        Ok(Self {
            name: fields::text("document.name", name, MAX_TITLE_LENGTH)?,
            uri: fields::optional_text("document.uri", uri, MAX_URI_LENGTH)?,
            sha256: fields::bytes32("document.sha256", &sha256)?,
        })
    }
}

impl From<&Document> for pb::Document {
    fn from(document: &Document) -> Self {
        let Document { name, uri, sha256 } = document;
        let sha256 = Bytes::copy_from_slice(sha256);
        Self { name: name.clone(), uri: uri.clone(), sha256 }
    }
}

impl TryFrom<pb::RegisterAsset> for RegisterAsset {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields,
    /// [`AssetError::CurrencyRegulated`], and last attributes that
    /// do not fit the class: [`AssetError::AttributesNotSorted`],
    /// [`AssetError::AttributeUnknown`], [`AssetError::AttributeInvalid`],
    /// [`AssetError::AttributeMissing`].
    fn try_from(message: pb::RegisterAsset) -> Result<Self, AssetError> {
        let pb::RegisterAsset {
            salt,
            name,
            title,
            class,
            decimals,
            max_supply,
            documents,
            attributes,
            regulated,
            opt_in,
        } = message;
        fields::length("salt", &salt, 0, MAX_SALT_LENGTH)?;
        check_asset_name(&name)?;
        let title = fields::text("title", title, MAX_TITLE_LENGTH)?;
        fields::range("class", class, 1, i32::from(AssetClass::FundShare))?;
        // The range check leaves only values that the enum has.
        let class = AssetClass::try_from(class).unwrap_or(AssetClass::Unspecified);
        fields::range("decimals", decimals, 0, MAX_DECIMALS)?;
        let max_supply = fields::amount("max_supply", &max_supply)?;
        fields::count("documents", documents.len(), 0, MAX_DOCUMENTS)?;
        let documents: Result<_, FieldError> =
            documents.into_iter().map(Document::try_from).collect();
        let documents = documents?;
        if regulated && class == AssetClass::Currency {
            return Err(AssetError::CurrencyRegulated { name });
        }
        schema::check(class, &attributes)?;
        Ok(Self {
            salt,
            name,
            title,
            class,
            decimals,
            max_supply,
            documents,
            attributes,
            regulated,
            opt_in,
        })
    }
}

impl RegisterAsset {
    /// Id of the asset that this registers.
    #[must_use]
    pub fn asset_id(&self, sender: &Address) -> AssetId {
        AssetId::derive(sender, &self.salt)
    }

    fn numbered_documents(&self) -> impl Iterator<Item = (u32, &Document)> {
        (0..).zip(&self.documents)
    }

    fn to_leaf(&self, id: &AssetId, issuer: &Address) -> Result<Asset, Fault> {
        let document_count = u32::try_from(self.documents.len())
            .map_err(|_| crate::modules::committed::broken("too many documents"))?;
        Ok(Asset {
            id: id.to_bytes(),
            name: self.name.clone(),
            class: self.class.into(),
            status: AssetStatus::Proposed.into(),
            issuer: issuer.to_bytes(),
            decimals: self.decimals,
            max_supply: self.max_supply.to_string(),
            title: self.title.clone(),
            document_count,
            regulated: self.regulated,
            opt_in: self.opt_in,
            ..Asset::default()
        })
    }
}

impl Message for RegisterAsset {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let id = self.asset_id(sender);
        access.write(StateKey::asset(&id));
        access.write(StateKey::asset_totals(&id));
        access.write(StateKey::asset_name(&self.name));
        for (number, _) in self.numbered_documents() {
            access.write(StateKey::document(&id, number));
        }
        if !self.attributes.is_empty() {
            access.write(StateKey::attributes(&id));
        }
        history::declare(state, access, &id)
    }

    /// In order of precedence: [`AssetError::AlreadyRegistered`], [`AssetError::NameTaken`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let issuer = context.sender;
        let id = self.asset_id(&issuer);
        let (asset_key, name_key) = (StateKey::asset(&id), StateKey::asset_name(&self.name));
        if let Some(known) = context.state.load::<Asset>(&asset_key)? {
            return Err(AssetError::AlreadyRegistered { asset: id, name: known.name }.into());
        }
        if let Some(owner) = context.state.load::<AssetId>(&name_key)? {
            return Err(AssetError::NameTaken { name: self.name.clone(), owner }.into());
        }
        context.state.store(asset_key, &self.to_leaf(&id, &issuer)?)?;
        context.state.store(name_key, &id)?;
        let supply = Amount::ZERO.to_string();
        let totals = AssetTotals { supply, ..AssetTotals::default() };
        context.state.store(StateKey::asset_totals(&id), &totals)?;
        for (number, document) in self.numbered_documents() {
            let key = StateKey::document(&id, number);
            context.state.store(key, &pb::Document::from(document))?;
        }
        if !self.attributes.is_empty() {
            let attributes = Attributes { attributes: self.attributes.clone() };
            context.state.store(StateKey::attributes(&id), &attributes)?;
        }
        let registered = Kind::AssetRegistered(pb::AssetRegistered {
            asset: id.to_bytes(),
            name: self.name.clone(),
            class: self.class.into(),
            issuer: issuer.to_bytes(),
        });
        history::record(context, &id, registered)
    }
}
