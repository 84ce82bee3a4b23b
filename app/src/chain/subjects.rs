//! Which accounts and assets a receipt is about.

use std::collections::BTreeSet;

use bytes::Bytes;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::pb::pools::v1::UnitsPart;

/// The accounts and assets that a receipt is about: those that its events name.
#[must_use]
pub fn subjects(receipt: &Receipt) -> BTreeSet<&[u8]> {
    named(receipt).collect()
}

/// The accounts and assets that the events of a receipt name, some more than once.
pub(crate) fn named(receipt: &Receipt) -> impl Iterator<Item = &[u8]> {
    let events = receipt.outcome.iter().flat_map(|outcome| &outcome.events);
    let named = events.filter_map(|event| event.kind.as_ref()).flat_map(named_ids);
    named.filter(|id| !id.is_empty()).map(Bytes::as_ref)
}

fn named_ids(event: &Kind) -> Vec<&Bytes> {
    match event {
        Kind::KeysRotated(event) => vec![&event.account],
        Kind::FeesToppedUp(event) => vec![&event.payer, &event.account],
        Kind::FeesSponsored(event) => vec![&event.sponsor, &event.account],
        Kind::MandateGiven(event) => vec![&event.principal, &event.account],
        Kind::MandateRevoked(event) => vec![&event.principal, &event.account],
        Kind::ActedFor(event) => vec![&event.principal, &event.account],
        Kind::AssetRegistered(event) => vec![&event.asset, &event.issuer],
        Kind::AppraisalAppended(event) => vec![&event.asset, &event.appraiser],
        Kind::AssetActivated(event) => vec![&event.asset],
        Kind::UnitsMinted(event) => vec![&event.asset, &event.to],
        Kind::UnitsBurned(event) => vec![&event.asset, &event.holder],
        Kind::AssetStatusChanged(event) => vec![&event.asset],
        Kind::RoleGranted(event) => vec![&event.asset, &event.account, &event.granted_by],
        Kind::RoleRevoked(event) => vec![&event.asset, &event.account],
        Kind::DocumentAdded(event) => vec![&event.asset],
        Kind::NavSet(event) => vec![&event.asset, &event.currency],
        Kind::AppraiserAccredited(event) => vec![&event.appraiser],
        Kind::AccreditationRevoked(event) => vec![&event.appraiser],
        Kind::ActionProposed(event) => vec![&event.asset, &event.proposer],
        Kind::ActionWithdrawn(event) => vec![&event.asset],
        Kind::TwoPersonRuleSet(event) => vec![&event.asset],
        Kind::UnitsSplit(event) => vec![&event.asset],
        Kind::AssetAmended(event) => vec![&event.asset],
        Kind::StatementRecorded(event) => vec![&event.asset, &event.account],
        Kind::Transferred(event) => vec![&event.asset, &event.from, &event.to],
        Kind::OptInSet(event) => vec![&event.account],
        Kind::AssetAccepted(event) => vec![&event.asset, &event.account],
        Kind::TransferQuarantined(event) => vec![&event.asset, &event.from, &event.to],
        Kind::SpenderApproved(event) => vec![&event.asset, &event.owner, &event.spender],
        Kind::RoyaltyScheduleSet(event) => vec![&event.asset],
        Kind::RoyaltyPaid(event) => {
            let mut ids = vec![&event.asset, &event.payer, &event.currency];
            ids.extend(event.payouts.iter().map(|payout| &payout.account));
            ids
        }
        Kind::RoyaltyRecipientsAdded(event) => vec![&event.asset],
        Kind::RoyaltyListPruned(event) => vec![&event.asset],
        Kind::RoyaltyClaimed(event) => vec![&event.asset, &event.recipient, &event.currency],
        Kind::UnitsOffered(event) => event.offer.iter().flat_map(named_in_offer).collect(),
        Kind::UnitsSold(event) => {
            vec![&event.asset, &event.seller, &event.buyer, &event.currency]
        }
        Kind::OfferCancelled(event) => vec![&event.asset, &event.seller],
        Kind::IncomePaid(event) => vec![&event.asset, &event.payer, &event.currency],
        Kind::IncomeClaimed(event) => vec![&event.asset, &event.holder, &event.currency],
        Kind::RecordTaken(event) => vec![&event.asset],
        Kind::DistributionDeclared(event) => vec![&event.asset, &event.payer, &event.currency],
        Kind::DistributionPaid(event) => vec![&event.asset, &event.holder, &event.currency],
        Kind::DistributionClosed(event) => vec![&event.asset, &event.currency, &event.to],
        Kind::CouponsDeclared(event) => vec![&event.asset, &event.currency],
        Kind::RecordsPruned(event) => vec![&event.asset],
        Kind::ProposalSubmitted(event) => vec![&event.asset, &event.proposer],
        Kind::VoteCast(event) => vec![&event.asset, &event.voter, &event.cast_by],
        Kind::ProposalClosed(event) => vec![&event.asset],
        Kind::TreasurySpent(event) => vec![&event.asset, &event.currency, &event.to],
        other => ids_of_compliance(other),
    }
}

fn ids_of_compliance(event: &Kind) -> Vec<&Bytes> {
    match event {
        Kind::FrozenSet(event) => vec![&event.asset, &event.account, &event.agent],
        Kind::HolderFrozen(event) => vec![&event.asset, &event.account, &event.agent],
        Kind::HolderUnfrozen(event) => vec![&event.asset, &event.account, &event.agent],
        Kind::AssetPaused(event) => vec![&event.asset, &event.agent],
        Kind::AssetResumed(event) => vec![&event.asset, &event.agent],
        Kind::IdentityRegistered(event) => vec![&event.identity],
        Kind::WalletLinked(event) => vec![&event.identity, &event.wallet],
        Kind::WalletUnlinked(event) => vec![&event.identity, &event.wallet],
        Kind::ClaimIssued(event) => vec![&event.identity, &event.issuer, &event.asset],
        Kind::ClaimRevoked(event) => vec![&event.identity, &event.issuer, &event.asset],
        Kind::IssuerRevoked(event) => vec![&event.issuer, &event.revoker],
        Kind::RulesSet(event) => vec![&event.asset, &event.agent],
        Kind::ExemptionsSet(event) => vec![&event.asset, &event.identity, &event.agent],
        Kind::HolderRefreshed(event) => vec![&event.asset, &event.identity],
        Kind::TransferForced(event) => {
            vec![&event.asset, &event.from, &event.to, &event.agent]
        }
        Kind::WalletRecovered(event) => {
            vec![&event.asset, &event.from, &event.to, &event.agent]
        }
        Kind::HoldPlaced(event) => {
            vec![&event.asset, &event.holder, &event.escrow, &event.payee]
        }
        Kind::HoldExecuted(event) => vec![&event.asset, &event.holder, &event.payee],
        Kind::EncumbranceReleased(event) => {
            vec![&event.asset, &event.holder, &event.escrow, &event.payee, &event.releaser]
        }
        Kind::SanctionSet(event) => vec![&event.account],
        other => named_in_pool(other).unwrap_or_else(|| named_in_decision(other)),
    }
}

fn named_in_pool(event: &Kind) -> Option<Vec<&Bytes>> {
    let assets = |parts| <[UnitsPart]>::iter(parts).map(|part| &part.asset);
    Some(match event {
        Kind::PoolFormed(event) => [&event.pool].into_iter().chain(&event.members).collect(),
        Kind::UnitsContributed(event) => vec![&event.pool, &event.contributor, &event.member],
        Kind::UnitsRedeemed(event) => {
            [&event.pool, &event.holder].into_iter().chain(assets(&event.parts)).collect()
        }
        Kind::UnitsWithdrawn(event) => vec![&event.pool, &event.asset, &event.to],
        Kind::TranchesCreated(event) => {
            [&event.parent, &event.currency].into_iter().chain(&event.tranches).collect()
        }
        Kind::WaterfallPaid(event) => {
            let named = [&event.parent, &event.payer, &event.currency];
            named.into_iter().chain(assets(&event.parts)).collect()
        }
        _ => return None,
    })
}

fn named_in_decision(event: &Kind) -> Vec<&Bytes> {
    match event {
        Kind::ProposalExecuted(event) => vec![&event.asset],
        Kind::VotesDelegated(event) => vec![&event.asset, &event.holder, &event.to],
        Kind::VotingRulesSet(event) => vec![&event.asset],
        Kind::ParamsChanged(event) => vec![&event.asset],
        Kind::GrantOpened(event) => vec![&event.asset, &event.currency, &event.to],
        Kind::GrantPaid(event) => vec![&event.asset, &event.currency, &event.to],
        Kind::MilestoneReleased(event) => vec![&event.asset, &event.to],
        Kind::UpgradeScheduled(event) => vec![&event.asset],
        Kind::UpgradeCancelled(event) => vec![&event.asset],
        Kind::GrantCancelled(event) => vec![&event.asset, &event.currency],
        _ => Vec::new(),
    }
}

fn named_in_offer(offer: &Offer) -> [&Bytes; 4] {
    [&offer.asset, &offer.seller, &offer.buyer, &offer.currency]
}
