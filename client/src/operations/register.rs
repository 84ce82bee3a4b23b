//! Operations on the register: the life of an asset, its documents, who may act for it.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{
    AddDocument, AssetStatus, BurnUnits, ChangeAssetStatus, Document, GrantRole, RevokeRole, Role,
};
use tessera_proto::pb::chain::v1::operation::Kind;

use super::hash_bytes;

/// Takes units of the sender out of existence.
#[must_use]
pub fn burn_units(asset: &AssetId, amount: Amount) -> Kind {
    Kind::BurnUnits(BurnUnits { asset: asset.to_bytes(), amount: amount.to_string() })
}

/// Moves an asset on in its life, with the hash of the document that says why.
#[must_use]
pub fn change_asset_status(
    asset: &AssetId,
    status: AssetStatus,
    reason_sha256: Option<[u8; 32]>,
) -> Kind {
    Kind::ChangeAssetStatus(ChangeAssetStatus {
        asset: asset.to_bytes(),
        status: status.into(),
        reason_sha256: hash_bytes(reason_sha256),
    })
}

/// Adds a document to an asset.
#[must_use]
pub fn add_document(asset: &AssetId, document: Document) -> Kind {
    Kind::AddDocument(AddDocument { asset: asset.to_bytes(), document: Some(document) })
}

/// Gives an account a role for an asset until a time.
#[must_use]
pub fn grant_role(asset: &AssetId, account: &Address, role: Role, expires_ms: u64) -> Kind {
    let (asset, account) = (asset.to_bytes(), account.to_bytes());
    Kind::GrantRole(GrantRole { asset, account, role: role.into(), expires_ms })
}

/// Ends a role of an account at once.
#[must_use]
pub fn revoke_role(asset: &AssetId, account: &Address, role: Role) -> Kind {
    let (asset, account) = (asset.to_bytes(), account.to_bytes());
    Kind::RevokeRole(RevokeRole { asset, account, role: role.into() })
}
