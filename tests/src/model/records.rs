//! Record dates, and what is paid to those who held an asset then.

use std::collections::BTreeMap;
use std::sync::Arc;

use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1::{
    CloseDistribution, DeclareDistribution, DistributionTerms, HolderSelection, RemainderPolicy,
    TakeRecord,
};

use super::{MAX_AMOUNT, Model, Refusal, Step, address, asset_id, bps_of, number, part_of, refuse};

/// The balances at the end of a block.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) height: u64,
    /// Block in which it was declared, if that was ahead.
    pub(super) declared_height: Option<u64>,
    /// Time at which it was taken.
    pub(super) now_ms: u64,
    /// Open distributions and ballots.
    pub(super) uses: u64,
    pub(super) balances: Arc<BTreeMap<Address, u128>>,
}

impl Record {
    pub(super) fn held(&self, account: &Address) -> u128 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    pub(super) fn supply(&self) -> u128 {
        self.balances.values().sum()
    }
}

/// A promise to those who held an asset.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    pub(super) payer: Address,
    pub(super) currency: AssetId,
    pub(super) record: u64,
    pub(super) per_unit: u128,
    pub(super) units: u128,
    pub(super) promised: u128,
    pub(super) terms: DistributionTerms,
    pub(super) closed: bool,
    /// Before tax, and the tax.
    pub(super) paid: BTreeMap<Address, (u128, u128)>,
}

impl Distribution {
    pub(super) fn funded(&self) -> u128 {
        number(&self.terms.funded)
    }

    /// What a holder of so many units is due before tax, and the tax.
    pub(super) fn due(&self, holder: &Address, held: u128) -> (u128, u128) {
        let listed = self.terms.holders.contains(&holder.to_bytes());
        let selected = match self.terms.selection() {
            HolderSelection::Listed => listed,
            HolderSelection::NotListed => !listed,
            _ => true,
        };
        if !selected {
            return (0, 0);
        }
        let gross = u128::try_from(part_of(self.per_unit, held, self.units)).unwrap();
        let own = self.terms.rates.iter().find(|rate| rate.account == holder.to_bytes());
        let bps = own.map_or(self.terms.withholding_bps, |rate| rate.withholding_bps);
        (gross, gross - bps_of(gross, 10_000 - bps))
    }
}

impl Model {
    /// Number of record dates of an asset.
    #[must_use]
    pub fn records(&self, asset: &AssetId) -> u64 {
        self.records.keys().filter(|(of, _)| of == asset).count() as u64
    }

    /// Number of distributions of an asset.
    #[must_use]
    pub fn distributions(&self, asset: &AssetId) -> u64 {
        self.distributions.keys().filter(|(of, _)| of == asset).count() as u64
    }

    /// Distributions that are not closed.
    #[must_use]
    pub fn open_distributions(&self) -> Vec<(AssetId, u64)> {
        let open = self.distributions.iter().filter(|(_, one)| !one.closed);
        open.map(|(of, _)| *of).collect()
    }

    /// Those of them from which an account has something to come.
    #[must_use]
    pub fn due_to(&self, holder: &Address) -> Vec<(AssetId, u64)> {
        let mut due = self.open_distributions();
        due.retain(|of| {
            let one = &self.distributions[of];
            let held = self.records[&(of.0, one.record)].held(holder);
            !one.paid.contains_key(holder) && one.due(holder, held).0 > 0
        });
        due
    }

    /// Who held anything at the record date of a distribution.
    #[must_use]
    pub fn holders_of_record(&self, of: (AssetId, u64)) -> Vec<Address> {
        let Some(one) = self.distributions.get(&of) else { return Vec::new() };
        self.records[&(of.0, one.record)].balances.keys().copied().collect()
    }

    /// The record date at the end of a block.
    pub(super) fn record_at(&self, asset: &AssetId, height: u64) -> Option<u64> {
        let mut own = self.records.iter().filter(|((of, _), _)| of == asset);
        own.find(|(_, record)| record.height == height).map(|((_, number), _)| *number)
    }

    pub(super) fn take_record(&mut self, sender: &Address, op: &TakeRecord) -> Step {
        let id = asset_id(&op.asset);
        self.issued_by(&id, sender)?;
        let height = if op.height == 0 { self.height } else { op.height };
        self.take(&id, height, 0)?;
        self.reshaped.insert(id);
        Ok(())
    }

    /// The number of the record date at the end of a block, which has so many more uses.
    pub(super) fn take(&mut self, id: &AssetId, height: u64, uses: u64) -> Result<u64, Refusal> {
        let now = self.height;
        if height < now {
            return refuse("distributions", 41);
        }
        let number = match self.record_at(id, height) {
            Some(number) => number,
            None => {
                let is_ahead = |((of, _), record): &(&(AssetId, u64), &Record)| {
                    of == id && record.declared_height.is_some() && record.height >= now
                };
                let declared_height = (height > now).then_some(now);
                if declared_height.is_some() && self.records.iter().filter(is_ahead).count() >= 4 {
                    return refuse("distributions", 42);
                }
                let (now_ms, number) = (self.time_ms, self.records(id) + 1);
                let balances = Arc::default();
                let record = Record { height, declared_height, now_ms, uses: 0, balances };
                self.records.insert((*id, number), record);
                number
            }
        };
        self.records.get_mut(&(*id, number)).unwrap().uses += uses;
        Ok(number)
    }

    pub(super) fn declare_distribution(
        &mut self,
        payer: &Address,
        op: &DeclareDistribution,
    ) -> Step {
        let (id, currency) = (asset_id(&op.asset), asset_id(&op.currency));
        self.issued_by(&id, payer)?;
        self.currency(&currency)?;
        let terms = op.terms.clone().unwrap();
        if self.time_ms >= terms.expires_ms {
            return refuse("distributions", 22);
        }
        let Some(record) = self.records.get_mut(&(id, op.record)) else {
            return refuse("distributions", 16);
        };
        if record.height >= self.height {
            return refuse("distributions", 17);
        }
        record.uses += 1;
        let listed: u128 = terms.holders.iter().map(|one| record.held(&address(one))).sum();
        let entitled = match terms.selection() {
            HolderSelection::Listed => listed,
            _ => record.supply() - listed,
        };
        let (per_unit, units) = (number(&op.per_unit), number(&op.units));
        let promised = u128::try_from(part_of(per_unit, entitled, units)).unwrap_or(u128::MAX);
        let funded = number(&terms.funded);
        match promised {
            0 => return refuse("distributions", 19),
            large if large > MAX_AMOUNT => return refuse("distributions", 20),
            more if more > funded => return refuse("distributions", 21),
            _ => {}
        }
        let count = self.distributions(&id) + 1;
        self.pay(&currency, payer, &Address::distribution_pool(&id, count), funded)?;
        let (payer, record, paid) = (*payer, op.record, BTreeMap::new());
        let distribution = Distribution {
            payer,
            currency,
            record,
            per_unit,
            units,
            promised,
            terms,
            closed: false,
            paid,
        };
        self.distributions.insert((id, count), distribution);
        self.reshaped.insert(id);
        Ok(())
    }

    /// Pays holders of record, those excepted who have nothing to come; somebody must have.
    pub(super) fn pay_distribution(&mut self, of: (AssetId, u64), holders: &[Address]) -> Step {
        let Some(one) = self.distributions.get(&of) else { return refuse("distributions", 27) };
        if one.closed {
            return refuse("distributions", 28);
        }
        if self.time_ms < one.terms.payment_ms {
            return refuse("distributions", 29);
        }
        if self.time_ms >= one.terms.expires_ms {
            return refuse("distributions", 30);
        }
        let (mut paid, mut passed_over) = (false, Ok(()));
        for holder in holders {
            match self.pay_part(of, holder) {
                Ok(()) => paid = true,
                Err(reason @ ("distributions", _)) => passed_over = Err(reason),
                Err(other) => return Err(other),
            }
        }
        if paid { Ok(()) } else { passed_over }
    }

    fn pay_part(&mut self, (id, count): (AssetId, u64), holder: &Address) -> Step {
        let one = &self.distributions[&(id, count)];
        if one.paid.contains_key(holder) {
            return refuse("distributions", 31);
        }
        let (gross, tax) = one.due(holder, self.records[&(id, one.record)].held(holder));
        if gross == 0 {
            return refuse("distributions", 32);
        }
        let currency = one.currency;
        let tax_account = one.terms.tax_account.clone();
        self.debit(&currency, &Address::distribution_pool(&id, count), gross)?;
        self.credit(&currency, holder, gross - tax);
        if tax > 0 {
            self.credit(&currency, &address(&tax_account), tax);
        }
        self.distributions.get_mut(&(id, count)).unwrap().paid.insert(*holder, (gross, tax));
        Ok(())
    }

    pub(super) fn close_distribution(&mut self, sender: &Address, op: &CloseDistribution) -> Step {
        let (id, count) = (asset_id(&op.asset), op.distribution);
        let Some(one) = self.distributions.get(&(id, count)) else {
            return refuse("distributions", 27);
        };
        if one.closed {
            return refuse("distributions", 28);
        }
        let (payer, currency, record) = (one.payer, one.currency, one.record);
        let cancelled = self.time_ms < one.terms.payment_ms && *sender == payer;
        if !cancelled && self.time_ms < one.terms.expires_ms {
            return refuse("distributions", 33);
        }
        let heir = match one.terms.remainder() {
            RemainderPolicy::Treasury if !cancelled => Address::treasury(&id),
            _ => payer,
        };
        let pool = Address::distribution_pool(&id, count);
        let left = self.balance(&currency, &pool);
        if left > 0 {
            self.pay(&currency, &pool, &heir, left)?;
        }
        self.records.get_mut(&(id, record)).unwrap().uses -= 1;
        self.distributions.get_mut(&(id, count)).unwrap().closed = true;
        Ok(())
    }
}
