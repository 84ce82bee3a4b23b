//! Operations of identities, claims, rules, agents and escrow agents.

use bytes::Bytes;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::compliance::v1::{
    ExecuteHold, FreezeHolder, IssueClaim, LinkWallet, PauseAsset, PlaceHold, RecoverWallet,
    RefreshHolder, RegisterIdentity, ReleaseHold, ResumeAsset, RevokeClaim, RevokeIssuer,
    SetExemptions, SetFrozen, SetRules, SetSanction, UnfreezeHolder, UnlinkWallet, WalletSignature,
};
pub use tessera_proto::pb::compliance::v1::{ForcedReason, ForcedTransfer, RuleKind, RuleSet};
use tessera_proto::pb::transfers::v1::{ApproveSpender, TransferFrom};

use super::Kind;
use crate::signer::Signer;

/// Lets another account send units of the sender; an end of 0 is none.
#[must_use]
pub fn approve_spender(
    asset: &AssetId,
    spender: &Address,
    amount: Amount,
    expires_ms: u64,
) -> Kind {
    Kind::ApproveSpender(ApproveSpender {
        asset: asset.to_bytes(),
        spender: spender.to_bytes(),
        amount: amount.to_string(),
        expires_ms,
    })
}

/// Moves units of an account that has approved the sender.
#[must_use]
pub fn transfer_from(asset: &AssetId, from: &Address, to: &Address, amount: Amount) -> Kind {
    Kind::TransferFrom(TransferFrom {
        asset: asset.to_bytes(),
        from: from.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
        memo_sha256: Bytes::new(),
    })
}

/// Sets how many units of a holding cannot be sent.
#[must_use]
pub fn set_frozen(asset: &AssetId, account: &Address, amount: Amount) -> Kind {
    let (asset, account) = (asset.to_bytes(), account.to_bytes());
    Kind::SetFrozen(SetFrozen { asset, account, amount: amount.to_string() })
}

/// Stops a holder.
#[must_use]
pub fn freeze_holder(asset: &AssetId, account: &Address) -> Kind {
    let (asset, account) = (asset.to_bytes(), account.to_bytes());
    Kind::FreezeHolder(FreezeHolder { asset, account })
}

/// Ends the freeze of a holder.
#[must_use]
pub fn unfreeze_holder(asset: &AssetId, account: &Address) -> Kind {
    let (asset, account) = (asset.to_bytes(), account.to_bytes());
    Kind::UnfreezeHolder(UnfreezeHolder { asset, account })
}

/// Stops all transfers of an asset.
#[must_use]
pub fn pause_asset(asset: &AssetId) -> Kind {
    Kind::PauseAsset(PauseAsset { asset: asset.to_bytes() })
}

/// Ends the pause of an asset.
#[must_use]
pub fn resume_asset(asset: &AssetId) -> Kind {
    Kind::ResumeAsset(ResumeAsset { asset: asset.to_bytes() })
}

/// Moves units without their holder.
#[must_use]
pub fn forced_transfer(transfer: ForcedTransfer) -> Kind {
    Kind::ForcedTransfer(transfer)
}

/// Moves everything of a lost wallet to another wallet of its identity.
#[must_use]
pub fn recover_wallet(
    asset: &AssetId,
    from: &Address,
    to: &Address,
    document_sha256: [u8; 32],
) -> Kind {
    Kind::RecoverWallet(RecoverWallet {
        asset: asset.to_bytes(),
        from: from.to_bytes(),
        to: to.to_bytes(),
        document_sha256: document_sha256.to_vec().into(),
    })
}

/// Makes the sender an identity.
#[must_use]
pub fn register_identity() -> Kind {
    Kind::RegisterIdentity(RegisterIdentity {})
}

/// Gives the sender's identity another wallet, which signs for it with one key.
#[must_use]
pub fn link_wallet(
    chain_id: &str,
    identity: &Address,
    wallet: &Signer,
    valid_until_height: u64,
) -> Kind {
    let signature = wallet.sign_link(chain_id, identity, valid_until_height);
    let public_key = Some(wallet.public_key());
    let signatures = vec![WalletSignature { public_key, signature: signature.to_vec().into() }];
    let wallet = wallet.address().to_bytes();
    Kind::LinkWallet(LinkWallet { wallet, valid_until_height, signatures })
}

/// Takes a wallet from the sender's identity.
#[must_use]
pub fn unlink_wallet(wallet: &Address) -> Kind {
    Kind::UnlinkWallet(UnlinkWallet { wallet: wallet.to_bytes() })
}

/// What is said of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTerms {
    /// Of whom.
    pub identity: Address,
    /// What kind of thing.
    pub claim_type: u32,
    /// For which asset; none for all.
    pub asset: Option<AssetId>,
    /// Two letters, only of a claim that tells a country.
    pub country: String,
    /// When it ends.
    pub expires_ms: u64,
    /// Hash of what the issuer keeps.
    pub data_sha256: Option<[u8; 32]>,
}

/// Says something of an identity.
#[must_use]
pub fn issue_claim(terms: ClaimTerms) -> Kind {
    let ClaimTerms { identity, claim_type, asset, country, expires_ms, data_sha256 } = terms;
    Kind::IssueClaim(IssueClaim {
        identity: identity.to_bytes(),
        claim_type,
        asset: asset.map(AssetId::to_bytes).unwrap_or_default(),
        country,
        expires_ms,
        data_sha256: super::hash_bytes(data_sha256),
    })
}

/// Takes a claim of the sender back, from now on.
#[must_use]
pub fn revoke_claim(identity: &Address, claim_type: u32, asset: Option<&AssetId>) -> Kind {
    let asset = asset.map(|asset| asset.to_bytes()).unwrap_or_default();
    let identity = identity.to_bytes();
    Kind::RevokeClaim(RevokeClaim { identity, claim_type, asset, from_ms: 0 })
}

/// Makes claims that an issuer issued from a date on worthless.
#[must_use]
pub fn revoke_issuer(issuer: &Address, from_ms: u64) -> Kind {
    Kind::RevokeIssuer(RevokeIssuer { issuer: issuer.to_bytes(), from_ms })
}

/// Sets the rules of a regulated asset.
#[must_use]
pub fn set_rules(asset: &AssetId, rules: RuleSet) -> Kind {
    Kind::SetRules(SetRules { asset: asset.to_bytes(), rules: Some(rules) })
}

/// Sets which kinds of rules do not bind an identity.
#[must_use]
pub fn set_exemptions(asset: &AssetId, identity: &Address, exemptions: &[RuleKind]) -> Kind {
    Kind::SetExemptions(SetExemptions {
        asset: asset.to_bytes(),
        identity: identity.to_bytes(),
        exemptions: exemptions.iter().map(|kind| (*kind).into()).collect(),
    })
}

/// Counts a holder anew after its claims have changed.
#[must_use]
pub fn refresh_holder(asset: &AssetId, identity: &Address) -> Kind {
    let (asset, identity) = (asset.to_bytes(), identity.to_bytes());
    Kind::RefreshHolder(RefreshHolder { asset, identity })
}

/// Binds units of the sender for a payee.
#[must_use]
pub fn place_hold(
    asset: &AssetId,
    amount: Amount,
    escrow: &Address,
    payee: &Address,
    expires_ms: u64,
) -> Kind {
    Kind::PlaceHold(PlaceHold {
        asset: asset.to_bytes(),
        amount: amount.to_string(),
        escrow: escrow.to_bytes(),
        payee: payee.to_bytes(),
        expires_ms,
    })
}

/// Gives the units of a hold to its payee.
#[must_use]
pub fn execute_hold(asset: &AssetId, holder: &Address, number: u64) -> Kind {
    let (asset, holder) = (asset.to_bytes(), holder.to_bytes());
    Kind::ExecuteHold(ExecuteHold { asset, holder, number })
}

/// Frees the units of a hold.
#[must_use]
pub fn release_hold(asset: &AssetId, holder: &Address, number: u64) -> Kind {
    let (asset, holder) = (asset.to_bytes(), holder.to_bytes());
    Kind::ReleaseHold(ReleaseHold { asset, holder, number })
}

/// Denies an account the chain, or ends that.
#[must_use]
pub fn set_sanction(account: &Address, sanctioned: bool, document_sha256: [u8; 32]) -> Kind {
    let document_sha256 = document_sha256.to_vec().into();
    Kind::SetSanction(SetSanction { account: account.to_bytes(), sanctioned, document_sha256 })
}
