//! Royalties and continuous income.

use ruint::aliases::U512;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::distributions::v1::{ClaimIncome, PayIncome};
use tessera_proto::pb::royalties::v1::{PayRoyalty, SetRoyaltySchedule};

use super::{Model, Refusal, Step, address, asset_id, bps_of, given_by_rounding, number, refuse};

impl Model {
    pub(super) fn set_royalty_schedule(
        &mut self,
        sender: &Address,
        op: &SetRoyaltySchedule,
    ) -> Step {
        let id = asset_id(&op.asset);
        self.issued_by(&id, sender)?;
        let schedule = op.schedule.as_ref().unwrap();
        let shares = schedule.shares.iter();
        let shares = shares.map(|share| (address(&share.account), share.share_bps)).collect();
        let asset = self.assets.get_mut(&id).unwrap();
        (asset.schedule, asset.resale_bps) = (Some(shares), schedule.resale_bps);
        self.reshaped.insert(id);
        Ok(())
    }

    pub(super) fn pay_royalty(&mut self, payer: &Address, op: &PayRoyalty) -> Step {
        let (id, currency, amount) =
            (asset_id(&op.asset), asset_id(&op.currency), number(&op.amount));
        let Some(schedule) = self.known(&id)?.schedule.clone() else {
            return refuse("royalties", 12);
        };
        self.currency(&currency)?;
        self.debit(&currency, payer, amount)?;
        self.split(&schedule, &currency, amount);
        Ok(())
    }

    fn split(&mut self, schedule: &[(Address, u32)], currency: &AssetId, amount: u128) {
        let paid: u128 = schedule.iter().map(|(_, bps)| bps_of(amount, *bps)).sum();
        for (position, (account, bps)) in schedule.iter().enumerate() {
            let left_over = if position == 0 { amount - paid } else { 0 };
            self.credit(currency, account, bps_of(amount, *bps) + left_over);
        }
    }

    /// Splits what royalties take of the price of a sale; what is left for the seller.
    pub(super) fn take_royalty(
        &mut self,
        id: &AssetId,
        seller: &Address,
        currency: &AssetId,
        price: u128,
    ) -> u128 {
        let asset = &self.assets[id];
        let Some(schedule) = asset.schedule.clone() else { return price };
        if asset.issuer == *seller {
            return price;
        }
        let royalty = bps_of(price, asset.resale_bps);
        self.split(&schedule, currency, royalty);
        price - royalty
    }

    pub(super) fn pay_income(&mut self, payer: &Address, op: &PayIncome) -> Step {
        let of = (asset_id(&op.asset), asset_id(&op.currency));
        self.share_income(payer, of, number(&op.amount))
    }

    /// Shares a payment among all units of an asset.
    pub(super) fn share_income(
        &mut self,
        payer: &Address,
        (id, currency): (AssetId, AssetId),
        amount: u128,
    ) -> Step {
        let (supply, issuer) = (self.known(&id)?.supply, self.assets[&id].issuer);
        self.currency(&currency)?;
        if supply == 0 {
            return refuse("distributions", 11);
        }
        let asset = self.assets.get_mut(&id).unwrap();
        if !asset.income.iter().any(|(known, _)| *known == currency) {
            if asset.income.len() >= 8 {
                return refuse("distributions", 12);
            }
            if issuer != *payer && currency != self.fee_currency {
                return refuse("distributions", 13);
            }
            asset.income.push((currency, 0));
        }
        let (_, given_away) = asset.income.iter_mut().find(|(of, _)| *of == currency).unwrap();
        // Rounded up; what that gives away is taken back before it could be a whole unit.
        let (mut paid, supply) = (U512::from(amount) << 128, U512::from(supply));
        if U512::from(*given_away) + given_by_rounding(paid, supply) >= U512::ONE << 127 {
            paid -= U512::from(std::mem::take(given_away));
        }
        *given_away += u128::try_from(given_by_rounding(paid, supply)).unwrap();
        let step = (paid + given_by_rounding(paid, supply)) / supply;
        let risen = asset.risen.entry(currency).or_default();
        *risen += step;
        if *risen >> 256 != U512::ZERO {
            return refuse("distributions", 14);
        }
        for ((of, holder), balance) in &self.balances {
            if *of == id && *balance > 0 {
                let income = self.income.entry((id, *holder, currency)).or_default();
                income.unsettled += step * U512::from(*balance);
            }
        }
        self.pay(&currency, payer, &Address::income_pool(&id), amount)
    }

    pub(super) fn claim_income(&mut self, sender: &Address, op: &ClaimIncome) -> Step {
        let holder = if op.holder.is_empty() { *sender } else { address(&op.holder) };
        match self.take_income(&asset_id(&op.asset), &asset_id(&op.currency), &holder)? {
            0 => refuse("distributions", 15),
            _ => Ok(()),
        }
    }

    /// Pays a holder what has accrued, and tells how much; nothing changes if it is nothing.
    pub(super) fn take_income(
        &mut self,
        id: &AssetId,
        currency: &AssetId,
        holder: &Address,
    ) -> Result<u128, Refusal> {
        self.known(id)?;
        let before = self.income.clone();
        self.collect(id, holder);
        let income = self.income.entry((*id, *holder, *currency)).or_default();
        let amount = std::mem::take(&mut income.accrued);
        if amount == 0 {
            self.income = before;
        } else {
            self.pay(currency, &Address::income_pool(id), holder, amount)?;
        }
        Ok(amount)
    }
}
