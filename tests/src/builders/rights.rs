//! Operations about what units give a right to: record dates, votes, sales, pools and tranches.

use std::collections::BTreeMap;

use tessera_client::operations::pools::{self, CreateTranches, TrancheTerms};
use tessera_client::operations::{self, DeclareDistribution};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::distributions::v1::{DistributionTerms, WithholdingRate};
use tessera_proto::pb::market::v1::{Offer, OfferUnits};
use tessera_proto::pb::votes::v1::VoteChoice;

use super::{NEW_ASSETS, OperationIntent, World};
use crate::model::Model;

/// Income of an asset, often one that a pool keeps: then enough that the part of the pool is
/// not nothing.
pub(super) fn income(
    intent: &OperationIntent,
    asset: &AssetId,
    currency: &AssetId,
    model: &Model,
) -> Kind {
    let pooled = pick(&model.pooled(), intent.person);
    let (asset, most) = match pooled.filter(|_| intent.other.is_multiple_of(2)) {
        Some(member) => (member, 9_000),
        None => (*asset, 150),
    };
    let amount = Amount::from_u64(u64::from(intent.amount % most));
    operations::pay_income(&asset, currency, amount, None)
}

/// One of several, by a number.
fn pick<T: Copy>(from: &[T], number: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[usize::from(number) % from.len()])
}

/// One of the last three of so many, or the first that there will be.
fn recent(count: u64, number: u8) -> u64 {
    count.saturating_sub(u64::from(number % 3)).max(1)
}

impl World {
    fn new_asset(&self, number: usize) -> AssetId {
        self.assets[4 + number % NEW_ASSETS]
    }

    pub(super) fn right(
        &self,
        intent: &OperationIntent,
        sender: &Address,
        model: &Model,
        time_ms: u64,
    ) -> Kind {
        let issued = self.assets[self.issued(intent)];
        let asset = self.asset(intent.asset);
        let any = (asset, recent(model.distributions(&asset), intent.other));
        let open = pick(&model.open_distributions(), intent.person).unwrap_or(any);
        let due = pick(&model.due_to(sender), intent.person).unwrap_or(any);
        match intent.kind {
            15 => {
                let height = model.height() + u64::from(intent.other % 6);
                let is_now = intent.person.is_multiple_of(2);
                operations::take_record(&issued, if is_now { 0 } else { height })
            }
            16 => self.distribution(intent, &issued, model, time_ms),
            17 => operations::claim_distribution(&due.0, due.1),
            18 => {
                let holders = model.holders_of_record(open);
                let first = usize::from(intent.person) % holders.len().max(1);
                let mut page: Vec<Address> = holders.into_iter().skip(first).take(5).collect();
                page.extend(intent.flaw.is_multiple_of(4).then(|| self.recipient(intent.person)));
                operations::push_distribution(&open.0, open.1, &page)
            }
            19 => operations::close_distribution(&open.0, open.1),
            20 => {
                let to = self.recipient(intent.person);
                operations::delegate_votes(&asset, (!intent.flaw.is_multiple_of(8)).then_some(&to))
            }
            21 => self.divided_vote(intent, &asset, sender, model),
            22..=24 => self.sale(intent, sender, model, time_ms),
            _ => self.pool(intent, sender, model),
        }
    }

    fn distribution(
        &self,
        intent: &OperationIntent,
        asset: &AssetId,
        model: &Model,
        time_ms: u64,
    ) -> Kind {
        let (per_unit, units) = (1 + u64::from(intent.person % 5), 1 + u64::from(intent.flaw % 7));
        let record = recent(model.records(asset), intent.flaw);
        let selection = 1 + i32::from(intent.flaw / 8 % 3);
        let listed = [intent.person, intent.other].map(|number| self.recipient(number));
        let listed =
            if selection == 1 { &listed[..usize::from(intent.flaw == 7)] } else { &listed };
        let rated: BTreeMap<Address, u32> = [intent.other, intent.flaw]
            .map(|number| (self.recipient(number), u32::from(number) * 30))
            .into();
        let rate = |(account, bps): (Address, u32)| WithholdingRate {
            account: account.to_bytes(),
            withholding_bps: bps,
        };
        // Enough for all, or a little less or more.
        let enough = model.supply(asset) * u128::from(per_unit) / u128::from(units);
        let funded = (enough + u128::from(intent.amount % 4)).saturating_sub(1);
        let payment_ms = time_ms + u64::from(intent.other % 3) * 1_000;
        let taxed = !intent.person.is_multiple_of(3);
        let terms = DistributionTerms {
            funded: funded.to_string(),
            payment_ms,
            expires_ms: payment_ms + u64::from(intent.amount % 10) * 1_000,
            withholding_bps: if taxed { u32::from(intent.amount) % 5_000 } else { 0 },
            tax_account: match taxed && intent.flaw != 6 {
                true => self.recipient(intent.amount.to_be_bytes()[0]).to_bytes(),
                false => Vec::new().into(),
            },
            rates: if taxed { rated.into_iter().map(rate).collect() } else { Vec::new() },
            selection,
            holders: operations::ascending(listed),
            remainder: 1 + i32::from(intent.other % 2),
            memo_sha256: vec![intent.other; usize::from(intent.other % 2) * 32].into(),
        };
        operations::declare_distribution(DeclareDistribution {
            asset: asset.to_bytes(),
            currency: self.assets[usize::from(intent.amount.is_multiple_of(7))].to_bytes(),
            record,
            per_unit: per_unit.to_string(),
            units: units.to_string(),
            terms: (intent.flaw != 5).then_some(terms),
        })
    }

    /// A vote in parts, of the sender or of those who have delegated to it.
    fn divided_vote(
        &self,
        intent: &OperationIntent,
        asset: &AssetId,
        sender: &Address,
        model: &Model,
    ) -> Kind {
        let bps = u32::from(intent.amount) % 9_999 + 1;
        let first = VoteChoice::try_from(1 + i32::from(intent.other % 3)).unwrap();
        let (wrong, whole) = (intent.flaw == 10, intent.flaw.is_multiple_of(3));
        let left = 10_000 - bps + u32::from(wrong);
        let answer = match whole {
            true => vec![(first, 10_000)],
            false => vec![(first, bps), (VoteChoice::Veto, left)],
        };
        let mut holders = model.delegators(asset, sender);
        holders.truncate(3);
        if intent.person.is_multiple_of(8) {
            holders.push(self.recipient(intent.person));
        }
        if intent.person.is_multiple_of(2) {
            holders.clear();
        }
        let proposal = recent(model.proposals(asset), intent.other);
        operations::cast_votes(asset, proposal, &answer, &holders)
    }

    fn sale(
        &self,
        intent: &OperationIntent,
        sender: &Address,
        model: &Model,
        time_ms: u64,
    ) -> Kind {
        let offers = model.offers();
        let own = offers.iter().filter(|offer| offer.seller == sender.to_bytes());
        let own: Vec<&Offer> = own.collect();
        let all: Vec<&Offer> = offers.iter().collect();
        let asset = self.asset(intent.asset);
        let currency = self.assets[usize::from(intent.other.is_multiple_of(8))];
        let to = self.recipient(intent.person);
        let wished = OfferUnits {
            number: u64::from(intent.flaw % 3),
            asset: asset.to_bytes(),
            amount: (intent.amount % 150).to_string(),
            currency: currency.to_bytes(),
            price: (1 + u32::from(intent.amount) / 10).to_string(),
            buyer: if intent.other < 50 { to.to_bytes() } else { Vec::new().into() },
            expires_ms: time_ms + u64::from(intent.other % 6) * 1_000,
        };
        let missing = Offer { seller: to.to_bytes(), ..Offer::default() };
        match intent.kind {
            22 => operations::offer_units(wished),
            23 => {
                let mut offer = pick(&all, intent.person).unwrap_or(&missing).clone();
                if intent.flaw.is_multiple_of(16) {
                    offer.price = (intent.amount % 150).to_string();
                }
                operations::accept_offer(&offer)
            }
            _ => {
                let offer = pick(&own, intent.person).or(pick(&all, intent.person));
                let offer = offer.unwrap_or(&missing);
                let asset = AssetId::try_from(&*offer.asset).unwrap_or(asset);
                let seller = Address::try_from(&*offer.seller).unwrap();
                operations::cancel_offer(&asset, &seller, offer.number)
            }
        }
    }

    fn pool(&self, intent: &OperationIntent, sender: &Address, model: &Model) -> Kind {
        let number = usize::from(intent.asset) % self.assets.len() % NEW_ASSETS;
        let pool = self.new_asset(number);
        let amount = Amount::from_u64(u64::from(intent.amount % 150));
        let currency = self.assets[usize::from(intent.other.is_multiple_of(8))];
        let held = pick(&model.pools_of(sender), intent.person).unwrap_or(pool);
        let part = |pool: &AssetId| {
            let mut members = model.members(pool);
            members.retain(|member| member.as_bytes()[0] ^ intent.other < 192);
            members
        };
        match intent.kind {
            25 => {
                let may =
                    self.assets[..4].iter().chain([&self.assets[4 + (number + 1) % NEW_ASSETS]]);
                let wanted = may.enumerate().filter(|(bit, _)| intent.other >> bit & 1 == 1);
                pools::form_pool(&pool, &wanted.map(|(_, id)| *id).collect::<Vec<_>>())
            }
            26 => {
                let member = pick(&model.members(&pool), intent.person);
                pools::contribute_units(&pool, &member.unwrap_or(currency), amount)
            }
            27 => pools::redeem_units(&held, amount, &part(&held)),
            28 => {
                let kept = pick(&model.kept(&pool), intent.person);
                let (asset, kept) = kept.unwrap_or((currency, 1));
                let amount = amount.min(Amount::new(kept).unwrap());
                pools::withdraw_units(&pool, &asset, amount)
            }
            29 => {
                let earned = pick(&model.earned(&self.assets[..2]), intent.person);
                let (pool, currency) = earned.unwrap_or((pool, currency));
                pools::collect_pool_income(&pool, &currency, &part(&pool))
            }
            30 => self.tranches(intent, number, model),
            _ => {
                let parents = [self.assets[2], self.assets[3], pool];
                let any = parents[usize::from(intent.person % 3)];
                let parent = pick(&model.divided(), intent.person).unwrap_or(any);
                pools::pay_waterfall(&parent, &currency, amount, None)
            }
        }
    }

    /// Divides an asset among new ones of the same issuer.
    fn tranches(&self, intent: &OperationIntent, number: usize, model: &Model) -> Kind {
        let parent = match intent.other % 2 {
            0 => self.assets[2 + number % 2],
            _ => self.new_asset(number + 2),
        };
        let possible = model.possible_tranches(&parent);
        let mut named = match possible.as_slice() {
            [first, .., last] if !intent.flaw.is_multiple_of(4) => vec![*first, *last],
            _ => vec![self.new_asset(number), self.new_asset(number + 4)],
        };
        if intent.flaw.is_multiple_of(5) {
            named.push(self.new_asset(usize::from(intent.flaw)));
        }
        let last = named.len() - 1;
        let terms = |(rank, asset): (usize, AssetId)| {
            let due = |value: u8| if rank < last { value.to_string() } else { String::new() };
            let (per_unit, units) = (due(intent.person % 9), due(1 + intent.flaw % 7));
            TrancheTerms { asset: asset.to_bytes(), per_unit, units }
        };
        pools::create_tranches(CreateTranches {
            parent: parent.to_bytes(),
            currency: self.assets[usize::from(intent.amount.is_multiple_of(8))].to_bytes(),
            begins_ms: 0,
            period_ms: u64::from(intent.amount % 3) * 1_000,
            tranches: named.into_iter().enumerate().map(terms).collect(),
        })
    }
}
