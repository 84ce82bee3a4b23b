//! `RecordStatement`: somebody with a role says something about an asset.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::chain::v1::event::Kind;

use super::error::AssetError;
use super::history;
use super::register_asset::MAX_TITLE_LENGTH;
use super::roles::{self, Role};
use crate::modules::{Context, Message, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Puts a statement into the history of an asset, also of one that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordStatement {
    /// What it is about.
    pub asset: AssetId,
    /// The role in which the sender speaks.
    pub role: Role,
    /// What is stated, for people.
    pub subject: String,
    /// Hash of the document that says it in full.
    pub document_sha256: [u8; 32],
}

impl TryFrom<pb::RecordStatement> for RecordStatement {
    type Error = AssetError;

    /// Refuses malformed fields in the order of the message's fields.
    fn try_from(message: pb::RecordStatement) -> Result<Self, AssetError> {
        let pb::RecordStatement { asset, role, subject, document_sha256 } = message;
        Ok(Self {
            asset: fields::asset_id("asset", &asset)?,
            role: roles::field(role)?,
            subject: fields::text("subject", subject, MAX_TITLE_LENGTH)?,
            document_sha256: fields::bytes32("document_sha256", &document_sha256)?,
        })
    }
}

impl Message for RecordStatement {
    fn declare(
        &self,
        sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        roles::declare(access, &self.asset, sender);
        history::declare(state, access, &self.asset)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`AssetError::RoleNeeded`].
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { asset: id, role, subject, document_sha256 } = self;
        let (sender, now_ms) = (context.sender, context.block.time_ms);
        roles::require(context.state, id, &sender, *role, now_ms)?;
        let recorded = Kind::StatementRecorded(pb::StatementRecorded {
            asset: id.to_bytes(),
            account: sender.to_bytes(),
            role: (*role).into(),
            subject: subject.clone(),
            document_sha256: Bytes::copy_from_slice(document_sha256),
        });
        history::record(context, id, recorded)
    }
}
