//! The form of operations about what units give a right to.

use bytes::Bytes;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::distributions::v1::{DistributionTerms, HolderSelection};
use tessera_proto::pb::pools::v1::CreateTranches;
use tessera_proto::pb::royalties::v1::RoyaltySchedule;
use tessera_proto::pb::votes::v1::{CastVote, ProposalOutcome, SubmitProposal};

use super::super::Refusal;
use super::{
    Form, amount, asset, count, id, optional_hash, range, recipient, text, treasury_spend,
};

pub(super) fn check(kind: &Kind) -> Result<(), Refusal> {
    let (module, form) = match kind {
        Kind::SetRoyaltySchedule(op) => {
            ("royalties", asset(&op.asset).and_then(|()| schedule(op.schedule.as_ref())))
        }
        Kind::PayRoyalty(op) => {
            ("royalties", assets(&[&op.asset, &op.currency]).and_then(|()| amount(&op.amount)))
        }
        Kind::OfferUnits(op) => ("market", {
            asset(&op.asset)
                .and_then(|()| amount(&op.amount))
                .and_then(|()| asset(&op.currency))
                .and_then(|()| amount(&op.price))
                .and_then(|()| optional_account(&op.buyer))
                .and_then(|()| differ(&op.asset, &op.currency, 10))
        }),
        Kind::AcceptOffer(op) => ("market", {
            account(&op.seller)
                .and_then(|()| asset(&op.asset))
                .and_then(|()| amount(&op.amount))
                .and_then(|()| asset(&op.currency))
                .and_then(|()| amount(&op.price))
                .and_then(|()| differ(&op.asset, &op.currency, 10))
        }),
        Kind::CancelOffer(op) => ("market", account(&op.seller).and_then(|()| asset(&op.asset))),
        Kind::SubmitProposal(op) => ("votes", proposal(op)),
        Kind::DelegateVotes(op) => {
            ("votes", asset(&op.asset).and_then(|()| optional_account(&op.to)))
        }
        Kind::CastVote(op) => ("votes", vote(op)),
        Kind::CloseProposal(op) => ("votes", numbered(&op.asset, op.proposal)),
        other => return check_income(other),
    };
    form.map_err(|code| (module, code))
}

fn check_income(kind: &Kind) -> Result<(), Refusal> {
    let form = match kind {
        Kind::PayIncome(op) => assets(&[&op.asset, &op.currency])
            .and_then(|()| amount(&op.amount))
            .and_then(|()| optional_hash(&op.memo_sha256))
            .and_then(|()| differ(&op.asset, &op.currency, 10)),
        Kind::ClaimIncome(op) => {
            assets(&[&op.asset, &op.currency]).and_then(|()| optional_account(&op.holder))
        }
        Kind::TakeRecord(op) => asset(&op.asset),
        Kind::DeclareDistribution(op) => assets(&[&op.asset, &op.currency])
            .and_then(|()| range(op.record.into(), 1, u64::MAX.into()))
            .and_then(|()| amount(&op.per_unit))
            .and_then(|()| amount(&op.units))
            .and_then(|()| terms(op.terms.as_ref()))
            .and_then(|()| differ(&op.asset, &op.currency, 10)),
        Kind::ClaimDistribution(op) => numbered(&op.asset, op.distribution),
        Kind::PushDistribution(op) => numbered(&op.asset, op.distribution)
            .and_then(|()| count(op.holders.len(), 1, 256))
            .and_then(|()| ascending(&op.holders, Address::LENGTH, 26)),
        Kind::CloseDistribution(op) => numbered(&op.asset, op.distribution),
        other => return check_pools(other),
    };
    form.map_err(|code| ("distributions", code))
}

fn check_pools(kind: &Kind) -> Result<(), Refusal> {
    let members = |given: &[Bytes], least| {
        count(given.len(), least, 64).and_then(|()| ascending(given, AssetId::LENGTH, 10))
    };
    let form = match kind {
        Kind::FormPool(op) => asset(&op.pool)
            .and_then(|()| members(&op.members, 1))
            .and_then(|()| if op.members.contains(&op.pool) { Err(11) } else { Ok(()) }),
        Kind::ContributeUnits(op) => {
            assets(&[&op.pool, &op.member]).and_then(|()| amount(&op.amount))
        }
        Kind::RedeemUnits(op) => {
            asset(&op.pool).and_then(|()| amount(&op.amount)).and_then(|()| members(&op.members, 1))
        }
        Kind::WithdrawUnits(op) => assets(&[&op.pool, &op.asset]).and_then(|()| amount(&op.amount)),
        Kind::CollectPoolIncome(op) => assets(&[&op.pool, &op.currency])
            .and_then(|()| members(&op.members, 0))
            .and_then(|()| differ(&op.pool, &op.currency, 12)),
        Kind::CreateTranches(op) => tranches(op),
        Kind::PayWaterfall(op) => assets(&[&op.parent, &op.currency])
            .and_then(|()| amount(&op.amount))
            .and_then(|()| optional_hash(&op.memo_sha256)),
        other => panic!("the model does not know {other:?}"),
    };
    form.map_err(|code| ("pools", code))
}

fn assets(ids: &[&Bytes]) -> Form {
    ids.iter().try_for_each(|id| asset(id))
}

fn account(bytes: &Bytes) -> Form {
    id(bytes, Address::LENGTH)
}

fn optional_account(bytes: &Bytes) -> Form {
    if bytes.is_empty() { Ok(()) } else { account(bytes) }
}

fn differ(one: &Bytes, other: &Bytes, code: u32) -> Form {
    if one == other { Err(code) } else { Ok(()) }
}

fn numbered(of: &Bytes, number: u64) -> Form {
    asset(of).and_then(|()| range(number.into(), 1, u64::MAX.into()))
}

fn ascending(given: &[Bytes], length: usize, code: u32) -> Form {
    let mut last: Option<&Bytes> = None;
    for one in given {
        id(one, length)?;
        if last.is_some_and(|last| last >= one) {
            return Err(code);
        }
        last = Some(one);
    }
    Ok(())
}

fn choice(value: i32, min: u128, max: u128) -> Form {
    range(u128::try_from(value).unwrap_or(99), min, max)
}

fn schedule(schedule: Option<&RoyaltySchedule>) -> Form {
    let schedule = schedule.ok_or(1_u32)?;
    let shares = &schedule.shares;
    count(shares.len(), 1, 16)?;
    let mut last: Option<&Bytes> = None;
    for share in shares {
        recipient(&share.account)?;
        range(share.share_bps.into(), 1, 10_000)?;
        if last.is_some_and(|last| *last >= share.account) {
            return Err(10);
        }
        last = Some(&share.account);
    }
    range(schedule.resale_bps.into(), 0, 10_000)?;
    let sum: u32 = shares.iter().map(|share| share.share_bps).sum();
    if sum == 10_000 { Ok(()) } else { Err(11) }
}

fn terms(terms: Option<&DistributionTerms>) -> Form {
    let terms = terms.ok_or(1_u32)?;
    amount(&terms.funded)?;
    range(terms.withholding_bps.into(), 0, 10_000)?;
    if !terms.tax_account.is_empty() {
        recipient(&terms.tax_account)?;
    }
    count(terms.rates.len(), 0, 256)?;
    let mut last: Option<&Bytes> = None;
    for rate in &terms.rates {
        account(&rate.account)?;
        range(rate.withholding_bps.into(), 0, 10_000)?;
        if last.is_some_and(|last| *last >= rate.account) {
            return Err(26);
        }
        last = Some(&rate.account);
    }
    choice(terms.selection, 1, 3)?;
    count(terms.holders.len(), 0, 256)?;
    ascending(&terms.holders, Address::LENGTH, 26)?;
    choice(terms.remainder, 1, 2)?;
    optional_hash(&terms.memo_sha256)?;
    if terms.expires_ms <= terms.payment_ms {
        return Err(23);
    }
    let taxed =
        terms.withholding_bps > 0 || terms.rates.iter().any(|rate| rate.withholding_bps > 0);
    if taxed && terms.tax_account.is_empty() {
        return Err(24);
    }
    let all = terms.selection() == HolderSelection::All;
    if all == terms.holders.is_empty() { Ok(()) } else { Err(25) }
}

fn proposal(op: &SubmitProposal) -> Form {
    asset(&op.asset)?;
    text(&op.title, 120)?;
    spend(op.outcome.as_ref())?;
    range(op.voting_period_blocks.into(), 1, 1_000_000)?;
    range(op.quorum_bps.into(), 0, 10_000)?;
    range(op.threshold_bps.into(), 1, 10_000)?;
    let treasury = Address::treasury(&AssetId::try_from(&*op.asset).unwrap());
    let Some(spend) = treasury_spend(op.outcome.as_ref()) else { return Ok(()) };
    if spend.to == treasury.to_bytes() { Err(10) } else { Ok(()) }
}

fn spend(outcome: Option<&ProposalOutcome>) -> Form {
    let spend = treasury_spend(outcome).ok_or(1_u32)?;
    asset(&spend.currency)?;
    recipient(&spend.to)?;
    amount(&spend.amount)
}

fn vote(op: &CastVote) -> Form {
    numbered(&op.asset, op.proposal)?;
    if op.split.is_empty() {
        choice(op.choice, 1, 4)?;
    } else {
        choice(op.choice, 0, 0)?;
        count(op.split.len(), 2, 4)?;
        let (mut last, mut sum) = (0, 0);
        for share in &op.split {
            choice(share.choice, 1, 4)?;
            range(share.share_bps.into(), 1, 10_000)?;
            if last >= share.choice {
                return Err(22);
            }
            last = share.choice;
            sum += share.share_bps;
        }
        if sum != 10_000 {
            return Err(22);
        }
    }
    count(op.on_behalf_of.len(), 0, 64)?;
    ascending(&op.on_behalf_of, Address::LENGTH, 23)
}

fn tranches(op: &CreateTranches) -> Form {
    assets(&[&op.parent, &op.currency])?;
    differ(&op.parent, &op.currency, 12)?;
    count(op.tranches.len(), 1, 16)?;
    let mut named = vec![&op.parent, &op.currency];
    for (rank, terms) in (1..).zip(&op.tranches) {
        asset(&terms.asset)?;
        if named.contains(&&terms.asset) {
            return Err(12);
        }
        named.push(&terms.asset);
        if rank == op.tranches.len() {
            let nothing = terms.per_unit.is_empty() && terms.units.is_empty();
            return if nothing { Ok(()) } else { Err(13) };
        }
        amount(&terms.per_unit)?;
        amount(&terms.units)?;
    }
    Ok(())
}
