//! Operations on the register: the life of an asset, its documents, who may act for it.

use bytes::Bytes;
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{
    AccreditAppraiser, AddDocument, AssetStatus, BurnUnits, ChangeAssetStatus, Document, GrantRole,
    ProposeAction, RecordStatement, RevokeAccreditation, RevokeRole, Role, SetTwoPersonRule,
    SplitUnits, WithdrawAction,
};
pub use tessera_proto::pb::assets::v1::{AmendAsset, Attribute, SetNav};
use tessera_proto::pb::chain::v1::Operation;
use tessera_proto::pb::chain::v1::operation::Kind;

use super::hash_bytes;

/// Serialises an operation, as it is proposed to a second person.
#[must_use]
pub fn encode_operation(operation: &Kind) -> Bytes {
    Operation { kind: Some(operation.clone()) }.encode_to_vec().into()
}

/// SHA-256 of an operation, under which it is proposed.
#[must_use]
pub fn operation_sha256(operation: &[u8]) -> [u8; 32] {
    sha256(operation)
}

/// Proposes an operation on an asset to a second person, until a time.
#[must_use]
pub fn propose_action(asset: &AssetId, operation: &Kind, expires_ms: u64) -> Kind {
    let (asset, operation) = (asset.to_bytes(), encode_operation(operation));
    Kind::ProposeAction(ProposeAction { asset, operation, expires_ms })
}

/// Takes a proposed operation back.
#[must_use]
pub fn withdraw_action(asset: &AssetId, operation_sha256: [u8; 32]) -> Kind {
    let (asset, operation_sha256) = (asset.to_bytes(), operation_sha256.to_vec().into());
    Kind::WithdrawAction(WithdrawAction { asset, operation_sha256 })
}

/// Says which operations on an asset take two persons.
#[must_use]
pub fn set_two_person_rule(
    asset: &AssetId,
    mint: bool,
    forced_transfer: bool,
    split: bool,
) -> Kind {
    let asset = asset.to_bytes();
    Kind::SetTwoPersonRule(SetTwoPersonRule { asset, mint, forced_transfer, split })
}

/// Lets so many units take the place of so many, for all holders at once.
#[must_use]
pub fn split_units(asset: &AssetId, numerator: u32, denominator: u32) -> Kind {
    let asset = asset.to_bytes();
    Kind::SplitUnits(SplitUnits { asset, numerator, denominator })
}

/// States what an asset is worth.
#[must_use]
pub fn set_nav(nav: SetNav) -> Kind {
    Kind::SetNav(nav)
}

/// Lets an account sign appraisals until a time; 0 for no end.
#[must_use]
pub fn accredit_appraiser(appraiser: &Address, name: &str, until_ms: u64) -> Kind {
    let (appraiser, name) = (appraiser.to_bytes(), name.to_owned());
    Kind::AccreditAppraiser(AccreditAppraiser { appraiser, name, until_ms })
}

/// Ends an accreditation for ever, from a time on.
#[must_use]
pub fn revoke_accreditation(
    appraiser: &Address,
    from_ms: u64,
    reason_sha256: Option<[u8; 32]>,
) -> Kind {
    Kind::RevokeAccreditation(RevokeAccreditation {
        appraiser: appraiser.to_bytes(),
        from_ms,
        reason_sha256: hash_bytes(reason_sha256),
    })
}

/// Changes the terms of an asset that is only proposed.
#[must_use]
pub fn amend_asset(asset: AmendAsset) -> Kind {
    Kind::AmendAsset(asset)
}

/// Puts a statement about an asset into its history, in a role that the sender has.
#[must_use]
pub fn record_statement(
    asset: &AssetId,
    role: Role,
    subject: &str,
    document_sha256: [u8; 32],
) -> Kind {
    Kind::RecordStatement(RecordStatement {
        asset: asset.to_bytes(),
        role: role.into(),
        subject: subject.to_owned(),
        document_sha256: document_sha256.to_vec().into(),
    })
}

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
