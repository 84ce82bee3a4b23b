//! The operations of a transaction, from typed values.

pub mod compliance;

use bytes::Bytes;
use prost::Message;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Authority, RotateKeys, TopUpFees};
use tessera_proto::pb::assets::v1::{ActivateAsset, AppendAppraisal, Appraisal, MintUnits};
pub use tessera_proto::pb::assets::v1::{AssetClass, Document, RegisterAsset};
pub use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::distributions::v1::{ClaimIncome, PayIncome};
use tessera_proto::pb::royalties::v1::{
    PayRoyalty, RoyaltySchedule, RoyaltyShare, SetRoyaltySchedule,
};
use tessera_proto::pb::transfers::v1::{BatchTransfer, Transfer, TransferLeg};
use tessera_proto::pb::votes::v1::{
    CastVote, CloseProposal, ProposalOutcome, TreasurySpend, proposal_outcome,
};
pub use tessera_proto::pb::votes::v1::{SubmitProposal, VoteChoice};

pub use register::*;

use crate::signer::Signer;

mod register;

/// Replaces the keys of the sender's account.
#[must_use]
pub fn rotate_keys(authority: Authority) -> Kind {
    Kind::RotateKeys(RotateKeys { authority: Some(authority) })
}

/// Turns units of the fee currency into prepaid fees of an account.
#[must_use]
pub fn top_up_fees(account: &Address, amount: Amount) -> Kind {
    Kind::TopUpFees(TopUpFees { account: account.to_bytes(), amount: amount.to_string() })
}

/// Enters an asset into the register.
#[must_use]
pub fn register_asset(asset: RegisterAsset) -> Kind {
    Kind::RegisterAsset(asset)
}

/// Adds an appraisal, signed by its appraiser for a chain, to the history of an asset.
#[must_use]
pub fn append_appraisal(
    chain_id: &str,
    asset: &AssetId,
    appraisal: &Appraisal,
    appraiser: &Signer,
) -> Kind {
    let bytes: Bytes = appraisal.encode_to_vec().into();
    Kind::AppendAppraisal(AppendAppraisal {
        asset: asset.to_bytes(),
        signature: appraiser.sign_appraisal(chain_id, asset, &bytes).to_vec().into(),
        appraisal: bytes,
        public_key: Some(appraiser.public_key()),
    })
}

/// Opens an asset for issuance.
#[must_use]
pub fn activate_asset(asset: &AssetId) -> Kind {
    Kind::ActivateAsset(ActivateAsset { asset: asset.to_bytes() })
}

/// Issues new units.
#[must_use]
pub fn mint_units(asset: &AssetId, to: &Address, amount: Amount) -> Kind {
    let (asset, to) = (asset.to_bytes(), to.to_bytes());
    Kind::MintUnits(MintUnits { asset, to, amount: amount.to_string() })
}

/// Moves units to another account.
#[must_use]
pub fn transfer(asset: &AssetId, to: &Address, amount: Amount) -> Kind {
    transfer_with_memo(asset, to, amount, None)
}

/// Moves units to another account, with the hash of a text that the parties keep.
#[must_use]
pub fn transfer_with_memo(
    asset: &AssetId,
    to: &Address,
    amount: Amount,
    memo_sha256: Option<[u8; 32]>,
) -> Kind {
    Kind::Transfer(Transfer {
        asset: asset.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
        memo_sha256: hash_bytes(memo_sha256),
    })
}

/// Moves units of one asset to many accounts.
#[must_use]
pub fn batch_transfer(asset: &AssetId, legs: &[(Address, Amount)]) -> Kind {
    let leg = |(to, amount): &(Address, Amount)| TransferLeg {
        to: to.to_bytes(),
        amount: amount.to_string(),
    };
    Kind::BatchTransfer(BatchTransfer {
        asset: asset.to_bytes(),
        legs: legs.iter().map(leg).collect(),
        memo_sha256: Bytes::new(),
    })
}

/// Sets who receives what part, in basis points, of the royalties of an asset.
#[must_use]
pub fn set_royalty_schedule(asset: &AssetId, shares: &[(Address, u32)]) -> Kind {
    let mut shares: Vec<_> = shares.to_vec();
    shares.sort_unstable();
    let share = |(account, share_bps): (Address, u32)| RoyaltyShare {
        account: account.to_bytes(),
        share_bps,
    };
    let schedule = RoyaltySchedule { shares: shares.into_iter().map(share).collect() };
    let asset = asset.to_bytes();
    Kind::SetRoyaltySchedule(SetRoyaltySchedule { asset, schedule: Some(schedule) })
}

/// Pays into the royalty split of an asset.
#[must_use]
pub fn pay_royalty(asset: &AssetId, currency: &AssetId, amount: Amount) -> Kind {
    let (asset, currency) = (asset.to_bytes(), currency.to_bytes());
    Kind::PayRoyalty(PayRoyalty { asset, currency, amount: amount.to_string() })
}

/// Pays income to all holders of an asset, with the hash of the statement behind it.
#[must_use]
pub fn pay_income(
    asset: &AssetId,
    currency: &AssetId,
    amount: Amount,
    memo_sha256: Option<[u8; 32]>,
) -> Kind {
    Kind::PayIncome(PayIncome {
        asset: asset.to_bytes(),
        currency: currency.to_bytes(),
        amount: amount.to_string(),
        memo_sha256: hash_bytes(memo_sha256),
    })
}

/// Collects the income of the sender's holding.
#[must_use]
pub fn claim_income(asset: &AssetId, currency: &AssetId) -> Kind {
    Kind::ClaimIncome(ClaimIncome { asset: asset.to_bytes(), currency: currency.to_bytes() })
}

/// What a vote that passes pays out of the treasury of its asset.
#[must_use]
pub fn treasury_spend(currency: &AssetId, to: &Address, amount: Amount) -> ProposalOutcome {
    let spend = TreasurySpend {
        currency: currency.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
    };
    ProposalOutcome { outcome: Some(proposal_outcome::Outcome::TreasurySpend(spend)) }
}

/// Puts a question to the holders of an asset.
#[must_use]
pub fn submit_proposal(proposal: SubmitProposal) -> Kind {
    Kind::SubmitProposal(proposal)
}

/// Votes with all units held at the record.
#[must_use]
pub fn cast_vote(asset: &AssetId, proposal: u64, choice: VoteChoice) -> Kind {
    Kind::CastVote(CastVote { asset: asset.to_bytes(), proposal, choice: choice.into() })
}

/// Closes a vote after its end.
#[must_use]
pub fn close_proposal(asset: &AssetId, proposal: u64) -> Kind {
    Kind::CloseProposal(CloseProposal { asset: asset.to_bytes(), proposal })
}

fn hash_bytes(hash: Option<[u8; 32]>) -> Bytes {
    hash.map(|hash| hash.to_vec().into()).unwrap_or_default()
}
