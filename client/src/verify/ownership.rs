//! Who holds what: the asset, its totals and one holding, all under one signed header.

use serde_json::Value;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::assets::v1::{Asset, AssetTotals};
use tessera_proto::pb::query::v1::Certificate;
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::certificate::{TrustRoot, VerifiedHeader, verify_certificate};
use super::error::ProofError;
use super::proof_file::{Kind, NoBody, ProofFile};
use super::state_proof::VerifiedEntry;

/// Files that prove what an account holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership;

/// A file that proves what an account holds.
pub type OwnershipFile = ProofFile<Ownership>;

/// What an ownership certificate proves.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedOwnership {
    /// The header that everything else is under.
    pub header: VerifiedHeader,
    /// Id of the asset.
    pub asset_id: AssetId,
    /// The asset.
    pub asset: Asset,
    /// How much of it exists.
    pub supply: Amount,
    /// How many accounts hold any of it.
    pub holder_count: u64,
    /// Whose holding is proven.
    pub account: Address,
    /// The holding, all splits counted, or none when the account is proven to hold nothing.
    pub holding: Option<Holding>,
    /// Key of the holding in the state.
    pub holding_key: StateKey,
    /// Hashes on the way from the holding to the app hash.
    pub proof_depth: usize,
}

impl VerifiedOwnership {
    /// Base units held; nothing when there is no holding.
    #[must_use]
    pub fn balance(&self) -> Amount {
        self.holding.as_ref().map_or(Amount::ZERO, |holding| holding.balance)
    }

    /// Base units that the holder may dispose of.
    #[must_use]
    pub fn free(&self) -> Amount {
        self.holding.as_ref().map_or(Amount::ZERO, Holding::free)
    }
}

/// Checks an ownership certificate: proofs of the asset, its totals and the holding, in this
/// order.
///
/// # Errors
/// Those of [`verify_certificate`], then in order of precedence
/// [`ProofError::WrongProofCount`], and for each proof [`ProofError::WrongKey`],
/// [`ProofError::Absent`] (but not of the holding), [`ProofError::UnreadableLeaf`].
pub fn verify_ownership(
    certificate: &Certificate,
    trust: &TrustRoot,
) -> Result<VerifiedOwnership, ProofError> {
    let verified = verify_certificate(certificate, trust)?;
    let [asset_entry, totals_entry, holding_entry] = verified.entries.as_slice() else {
        return Err(ProofError::WrongProofCount { found: verified.entries.len(), expected: 3 });
    };
    let (asset_id, asset) = read_asset(asset_entry)?;
    let (supply, holder_count) = read_totals(totals_entry, &asset_id)?;
    let (account, mut holding) = read_holding(holding_entry, &asset_id)?;
    if let Some(holding) = &mut holding {
        holding.bring_to(SplitFactor::of(&asset));
    }
    Ok(VerifiedOwnership {
        header: verified.header,
        asset_id,
        asset,
        supply,
        holder_count,
        account,
        holding,
        holding_key: holding_entry.key,
        proof_depth: holding_entry.depth,
    })
}

impl Kind for Ownership {
    const NAME: &'static str = "ownership";
    type Body = NoBody;
    type Verified = VerifiedOwnership;

    fn verify(
        certificate: &Certificate,
        _body: &NoBody,
        trust: &TrustRoot,
    ) -> Result<VerifiedOwnership, ProofError> {
        verify_ownership(certificate, trust)
    }

    fn header(verified: &VerifiedOwnership) -> &VerifiedHeader {
        &verified.header
    }

    fn summary(verified: &VerifiedOwnership) -> Vec<(&'static str, Value)> {
        let display = |amount: Amount| amount.display(verified.asset.decimals.min(18));
        let holding = verified.holding.clone().unwrap_or_default();
        let mut fields = asset_summary(&verified.asset_id, &verified.asset);
        fields.extend([
            ("account", verified.account.to_string().into()),
            ("holds_anything", (!verified.balance().is_zero()).into()),
            ("balance", verified.balance().to_string().into()),
            ("balance_display", display(verified.balance()).into()),
            ("free", verified.free().to_string().into()),
            ("bound_by_holds_and_offers", holding.encumbered.to_string().into()),
            ("frozen", holding.frozen.to_string().into()),
            ("holder_is_frozen", holding.is_frozen().into()),
            ("supply", verified.supply.to_string().into()),
            ("supply_display", display(verified.supply).into()),
        ]);
        fields
    }
}

/// What summaries say of an asset.
pub(super) fn asset_summary(id: &AssetId, asset: &Asset) -> Vec<(&'static str, Value)> {
    vec![
        ("asset", id.to_string().into()),
        ("asset_name", asset.name.clone().into()),
        ("asset_title", asset.title.clone().into()),
    ]
}

pub(super) fn read_asset(entry: &VerifiedEntry) -> Result<(AssetId, Asset), ProofError> {
    let leaf = Asset::KIND;
    let asset_id = entry
        .key
        .as_bytes()
        .get(1..)
        .and_then(|id| AssetId::try_from(id).ok())
        .filter(|id| StateKey::asset(id) == entry.key)
        .ok_or(ProofError::WrongKey { leaf })?;
    let asset: Asset = read_present(entry)?;
    if asset.id.as_ref() != asset_id.as_bytes() {
        return Err(ProofError::UnreadableLeaf { leaf });
    }
    Ok((asset_id, asset))
}

pub(super) fn read_totals(
    entry: &VerifiedEntry,
    asset: &AssetId,
) -> Result<(Amount, u64), ProofError> {
    let leaf = AssetTotals::KIND;
    if entry.key != StateKey::asset_totals(asset) {
        return Err(ProofError::WrongKey { leaf });
    }
    let totals: AssetTotals = read_present(entry)?;
    let supply = totals.supply.parse().map_err(|_| ProofError::UnreadableLeaf { leaf })?;
    Ok((supply, totals.holder_count))
}

fn read_holding(
    entry: &VerifiedEntry,
    asset: &AssetId,
) -> Result<(Address, Option<Holding>), ProofError> {
    let account = entry
        .key
        .as_bytes()
        .get(AssetId::LENGTH.saturating_add(1)..)
        .and_then(|account| Address::try_from(account).ok())
        .filter(|account| StateKey::holding(asset, account) == entry.key)
        .ok_or(ProofError::WrongKey { leaf: Holding::KIND })?;
    Ok((account, read_if_any(entry)?))
}

pub(super) fn read_if_any<L: Leaf>(entry: &VerifiedEntry) -> Result<Option<L>, ProofError> {
    entry.value.as_ref().map(|_| read_present(entry)).transpose()
}

pub(super) fn read_present<L: Leaf>(entry: &VerifiedEntry) -> Result<L, ProofError> {
    let value = entry.value.as_ref().ok_or(ProofError::Absent { leaf: L::KIND })?;
    L::from_leaf_bytes(value).map_err(|_| ProofError::UnreadableLeaf { leaf: L::KIND })
}
