//! `AddDocument`: one more document of an asset.

use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::state_key::StateKey;

use super::error::AssetError;
use super::facts::load_open;
use super::history;
use super::register_asset::{Document, MAX_DOCUMENTS};
use super::roles::{self, Role};
use crate::modules::fields::{self, FieldError};
use crate::modules::{Context, Message};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{Leaves, StateReader};

/// Adds a document to an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddDocument {
    /// The asset.
    pub asset: AssetId,
    /// The document.
    pub document: Document,
}

impl TryFrom<pb::AddDocument> for AddDocument {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::AddDocument) -> Result<Self, AssetError> {
        let pb::AddDocument { asset, document } = message;
        let asset = fields::asset_id("asset", &asset)?;
        let document = document.ok_or(FieldError::Missing { field: "document" })?;
        Ok(Self { asset, document: document.try_into()? })
    }
}

impl Message for AddDocument {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        access.write(StateKey::asset(&self.asset));
        let count = state.asset(&self.asset)?.map_or(0, |asset| asset.document_count);
        access.write_next(count, |number| StateKey::document(&self.asset, number));
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::Closed`],
    /// [`AssetError::RoleNeeded`], [`AssetError::TooManyDocuments`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, document } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        let mut asset = Arc::unwrap_or_clone(load_open(context.state, id)?);
        roles::require(context.state, id, &sender, Role::Servicer, now_ms)?;
        let number = asset.document_count;
        let count = number.saturating_add(1);
        if usize::try_from(count).is_ok_and(|count| count > MAX_DOCUMENTS) {
            return Err(AssetError::TooManyDocuments { name: asset.name, count: number }.into());
        }
        asset.document_count = count;
        let document = pb::Document::from(document);
        context.state.store(StateKey::document(id, number), &document)?;
        context.state.store(StateKey::asset(id), &asset)?;
        let (asset, document) = (id.to_bytes(), Some(document));
        let added = Kind::DocumentAdded(pb::DocumentAdded { asset, number, document });
        history::record(context, id, added)
    }
}
