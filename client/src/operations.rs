//! The operations of a transaction, from typed values.

pub mod accounts;
pub mod compliance;
pub mod pools;

use bytes::Bytes;
use prost::Message;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::{Authority, RotateKeys, TopUpFees};
use tessera_proto::pb::assets::v1::{ActivateAsset, AppendAppraisal, Appraisal, MintUnits};
pub use tessera_proto::pb::assets::v1::{AssetClass, Document, RegisterAsset};
pub use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::distributions::v1::{
    ClaimDistribution, ClaimIncome, CloseDistribution, PayIncome, PruneRecords, PushDistribution,
    TakeRecord,
};
pub use tessera_proto::pb::distributions::v1::{
    CouponPeriod, DayCount, DeclareCoupons, DeclareDistribution, DistributionTerms,
    HolderSelection, PayCoupon, RemainderPolicy, WithholdingRate,
};
pub use tessera_proto::pb::market::v1::OfferUnits;
use tessera_proto::pb::market::v1::{AcceptOffer, CancelOffer, Offer};
use tessera_proto::pb::royalties::v1::{
    AddRoyaltyRecipients, ClaimRoyalty, PayRoyalty, PruneRoyaltyList, RoyaltySchedule,
    RoyaltyShare, SetRoyaltySchedule,
};
use tessera_proto::pb::transfers::v1::{BatchTransfer, Transfer, TransferLeg};
pub use tessera_proto::pb::votes::v1::{
    Appraise, CancelGrant, CancelUpgrade, ChangeParams, ChangeStatus, OpenGrant, ProposalOutcome,
    ReleaseMilestone, Resolution, ScheduleUpgrade, SubmitProposal, VoteChoice, VoteShare,
    VotingRules, proposal_outcome,
};
use tessera_proto::pb::votes::v1::{
    CastVote, ClaimGrant, CloseProposal, DelegateVotes, ExecuteProposal, SetVotingRules,
    TreasurySpend,
};

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
    Kind::AppendAppraisal(sign_appraisal(chain_id, asset, appraisal, appraiser))
}

/// Adds an appraisal, signed by its appraiser for a chain, to the history of an asset if its
/// holders decide so.
#[must_use]
pub fn appraise(
    chain_id: &str,
    asset: &AssetId,
    appraisal: &Appraisal,
    appraiser: &Signer,
) -> ProposalOutcome {
    let AppendAppraisal { asset: _, appraisal, public_key, signature } =
        sign_appraisal(chain_id, asset, appraisal, appraiser);
    let message = Appraise { appraisal, public_key, signature };
    ProposalOutcome { outcome: Some(proposal_outcome::Outcome::Appraise(message)) }
}

fn sign_appraisal(
    chain_id: &str,
    asset: &AssetId,
    appraisal: &Appraisal,
    appraiser: &Signer,
) -> AppendAppraisal {
    let bytes: Bytes = appraisal.encode_to_vec().into();
    AppendAppraisal {
        asset: asset.to_bytes(),
        signature: appraiser.sign_appraisal(chain_id, asset, &bytes).to_vec().into(),
        appraisal: bytes,
        public_key: Some(appraiser.public_key()),
    }
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

/// Most recipients of a page of a list of those who claim royalties.
const ROYALTY_PAGE: usize = 512;

/// Sets who receives what part, in basis points, of the royalties of an asset, and what part of
/// the price of every resale that is.
#[must_use]
pub fn set_royalty_schedule(asset: &AssetId, shares: &[(Address, u32)], resale_bps: u32) -> Kind {
    let shares = royalty_shares(shares);
    let schedule = RoyaltySchedule { shares, resale_bps, list: 0, recipient_count: 0 };
    let asset = asset.to_bytes();
    Kind::SetRoyaltySchedule(SetRoyaltySchedule { asset, schedule: Some(schedule) })
}

/// Writes a list of many recipients of royalties, who claim: the operations, one for each page,
/// to be sent in this order.
#[must_use]
pub fn add_royalty_recipients(
    asset: &AssetId,
    shares: &[(Address, u32)],
    resale_bps: u32,
) -> Vec<Kind> {
    let shares = royalty_shares(shares);
    let pages = shares.len().div_ceil(ROYALTY_PAGE);
    let page = |(number, shares): (usize, &[RoyaltyShare])| {
        Kind::AddRoyaltyRecipients(AddRoyaltyRecipients {
            asset: asset.to_bytes(),
            first: number == 0,
            last: number.saturating_add(1) == pages,
            resale_bps,
            shares: shares.to_vec(),
        })
    };
    shares.chunks(ROYALTY_PAGE).enumerate().map(page).collect()
}

fn royalty_shares(shares: &[(Address, u32)]) -> Vec<RoyaltyShare> {
    let mut shares: Vec<_> = shares.to_vec();
    shares.sort_unstable();
    let share = |(account, share_bps): (Address, u32)| RoyaltyShare {
        account: account.to_bytes(),
        share_bps,
    };
    shares.into_iter().map(share).collect()
}

/// Collects what a recipient of a list of royalties is due; the sender if none is given.
#[must_use]
pub fn claim_royalty(
    asset: &AssetId,
    list: u64,
    currency: &AssetId,
    recipient: Option<&Address>,
) -> Kind {
    let recipient = recipient.map(|recipient| recipient.to_bytes()).unwrap_or_default();
    let (asset, currency) = (asset.to_bytes(), currency.to_bytes());
    Kind::ClaimRoyalty(ClaimRoyalty { asset, list, currency, recipient })
}

/// Removes recipients of a list that is not paid any more, those with something to claim excepted:
/// the operations, one for each page, which do not depend on each other.
#[must_use]
pub fn prune_royalty_list(asset: &AssetId, list: u64, recipients: &[Address]) -> Vec<Kind> {
    let mut recipients = recipients.to_vec();
    recipients.sort_unstable();
    let page = |page: &[Address]| {
        let (asset, recipients) = (asset.to_bytes(), page.iter().map(|one| one.to_bytes()));
        Kind::PruneRoyaltyList(PruneRoyaltyList { asset, list, recipients: recipients.collect() })
    };
    recipients.chunks(ROYALTY_PAGE).map(page).collect()
}

/// Offers units for sale.
#[must_use]
pub fn offer_units(offer: OfferUnits) -> Kind {
    Kind::OfferUnits(offer)
}

/// Buys what an offer says, on these terms and no others.
#[must_use]
pub fn accept_offer(offer: &Offer) -> Kind {
    Kind::AcceptOffer(AcceptOffer {
        seller: offer.seller.clone(),
        number: offer.number,
        asset: offer.asset.clone(),
        amount: offer.amount.clone(),
        currency: offer.currency.clone(),
        price: offer.price.clone(),
    })
}

/// Ends an offer without a sale.
#[must_use]
pub fn cancel_offer(asset: &AssetId, seller: &Address, number: u64) -> Kind {
    let (asset, seller) = (asset.to_bytes(), seller.to_bytes());
    Kind::CancelOffer(CancelOffer { seller, number, asset })
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
    claim_income_for(asset, currency, None)
}

/// Collects the income of a holding, for its holder; the sender's if none is given.
#[must_use]
pub fn claim_income_for(asset: &AssetId, currency: &AssetId, holder: Option<&Address>) -> Kind {
    let holder = holder.map(|holder| holder.to_bytes()).unwrap_or_default();
    let (asset, currency) = (asset.to_bytes(), currency.to_bytes());
    Kind::ClaimIncome(ClaimIncome { asset, currency, holder })
}

/// Makes the closing balances of the next block a record date.
#[must_use]
pub fn take_record(asset: &AssetId, height: u64) -> Kind {
    Kind::TakeRecord(TakeRecord { asset: asset.to_bytes(), height })
}

/// Promises an amount per unit to all holders of record, and pays it in.
#[must_use]
pub fn declare_distribution(distribution: DeclareDistribution) -> Kind {
    Kind::DeclareDistribution(distribution)
}

/// Collects the sender's part of a distribution.
#[must_use]
pub fn claim_distribution(asset: &AssetId, distribution: u64) -> Kind {
    Kind::ClaimDistribution(ClaimDistribution { asset: asset.to_bytes(), distribution })
}

/// Pays holders of record their parts of a distribution.
#[must_use]
pub fn push_distribution(asset: &AssetId, distribution: u64, holders: &[Address]) -> Kind {
    let (asset, holders) = (asset.to_bytes(), ascending(holders));
    Kind::PushDistribution(PushDistribution { asset, distribution, holders })
}

/// Ends a distribution.
#[must_use]
pub fn close_distribution(asset: &AssetId, distribution: u64) -> Kind {
    Kind::CloseDistribution(CloseDistribution { asset: asset.to_bytes(), distribution })
}

/// Sets a schedule of coupons and repayments.
#[must_use]
pub fn declare_coupons(coupons: DeclareCoupons) -> Kind {
    Kind::DeclareCoupons(coupons)
}

/// Declares the distribution of the next period of a schedule of coupons.
#[must_use]
pub fn pay_coupon(coupon: PayCoupon) -> Kind {
    Kind::PayCoupon(coupon)
}

/// Deletes old balances that nobody asks for any more.
#[must_use]
pub fn prune_records(asset: &AssetId, accounts: &[Address]) -> Kind {
    let (asset, accounts) = (asset.to_bytes(), ascending(accounts));
    Kind::PruneRecords(PruneRecords { asset, accounts })
}

/// Accounts in the order that the chain wants, each once.
#[must_use]
pub fn ascending(accounts: &[Address]) -> Vec<Bytes> {
    let sorted: std::collections::BTreeSet<&Address> = accounts.iter().collect();
    sorted.into_iter().map(|account| account.to_bytes()).collect()
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
    cast_votes(asset, proposal, &[(choice, 10_000)], &[])
}

/// Votes with parts of the weight in basis points, for the sender or for those who have delegated
/// to it.
#[must_use]
pub fn cast_votes(
    asset: &AssetId,
    proposal: u64,
    answer: &[(VoteChoice, u32)],
    on_behalf_of: &[Address],
) -> Kind {
    let mut answer = answer.to_vec();
    answer.sort_unstable();
    let share =
        |(choice, share_bps): (VoteChoice, u32)| VoteShare { choice: choice.into(), share_bps };
    let (choice, split) = match answer.as_slice() {
        [(choice, _)] => ((*choice).into(), Vec::new()),
        _ => (0, answer.into_iter().map(share).collect()),
    };
    let (asset, on_behalf_of) = (asset.to_bytes(), ascending(on_behalf_of));
    Kind::CastVote(CastVote { asset, proposal, choice, split, on_behalf_of })
}

/// Lets another account vote for the sender; nobody any more if none is given.
#[must_use]
pub fn delegate_votes(asset: &AssetId, to: Option<&Address>) -> Kind {
    let to = to.map(|to| to.to_bytes()).unwrap_or_default();
    Kind::DelegateVotes(DelegateVotes { asset: asset.to_bytes(), to })
}

/// Executes a proposal that has passed and waited.
#[must_use]
pub fn execute_proposal(asset: &AssetId, proposal: u64) -> Kind {
    Kind::ExecuteProposal(ExecuteProposal { asset: asset.to_bytes(), proposal })
}

/// Sets the rules of votes of an asset.
#[must_use]
pub fn set_voting_rules(asset: &AssetId, rules: VotingRules) -> Kind {
    Kind::SetVotingRules(SetVotingRules { asset: asset.to_bytes(), rules: Some(rules) })
}

/// Pays out what of a grant is due.
#[must_use]
pub fn claim_grant(asset: &AssetId, grant: u64) -> Kind {
    Kind::ClaimGrant(ClaimGrant { asset: asset.to_bytes(), grant })
}

/// Closes a vote after its end.
#[must_use]
pub fn close_proposal(asset: &AssetId, proposal: u64) -> Kind {
    Kind::CloseProposal(CloseProposal { asset: asset.to_bytes(), proposal })
}

fn hash_bytes(hash: Option<[u8; 32]>) -> Bytes {
    hash.map(|hash| hash.to_vec().into()).unwrap_or_default()
}
