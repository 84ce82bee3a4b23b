//! Pools of assets, and tranches that share in an income in an order.

use bytes::Bytes;
use ruint::aliases::U512;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::pools::v1::{
    CollectPoolIncome, ContributeUnits, CreateTranches, FormPool, PayWaterfall, RedeemUnits,
    WithdrawUnits,
};

use super::{Model, Refusal, Step, asset_id, given_by_rounding, number, part_of, refuse};

/// How income of an asset is divided.
#[derive(Debug, Clone)]
pub(super) struct Waterfall {
    pub(super) currency: AssetId,
    pub(super) begins_ms: u64,
    pub(super) period_ms: u64,
    pub(super) tranches: Vec<Tranche>,
}

/// One rank.
#[derive(Debug, Clone)]
pub(super) struct Tranche {
    pub(super) asset: AssetId,
    /// Due to a unit in each period, times 2^128; nothing to the last.
    pub(super) due: Option<U512>,
    /// Paid to a unit of what was due, times 2^128.
    pub(super) paid: U512,
    pub(super) received: u128,
}

impl Waterfall {
    fn periods_begun(&self, now_ms: u64) -> u64 {
        match self.period_ms {
            _ if now_ms < self.begins_ms => 0,
            0 => 1,
            length => (now_ms - self.begins_ms) / length + 1,
        }
    }

    /// Divides a payment among tranches of so many units.
    fn divide(&mut self, units: &[u128], payment: u128, now_ms: u64) -> Vec<u128> {
        let periods = U512::from(self.periods_begun(now_ms));
        let (mut left, mut parts) = (payment, Vec::new());
        for (tranche, units) in self.tranches.iter_mut().zip(units) {
            let Some(due) = tranche.due.map(|due| due * periods) else {
                parts.push(0);
                continue;
            };
            let owed = (due - tranche.paid.min(due)) * U512::from(*units);
            let owed: U512 = owed >> 128;
            let part = u128::try_from(owed.min(U512::from(left))).unwrap();
            if *units > 0 {
                tranche.paid += (U512::from(part) << 128) / U512::from(*units);
            } else if self.period_ms > 0 {
                tranche.paid = tranche.paid.max(due);
            }
            left -= part;
            parts.push(part);
        }
        let last = units.iter().rposition(|units| *units > 0).unwrap();
        parts[last] += left;
        for (tranche, part) in self.tranches.iter_mut().zip(&parts) {
            tranche.received += part;
        }
        parts
    }
}

fn ids(bytes: &[Bytes]) -> Vec<AssetId> {
    bytes.iter().map(asset_id).collect()
}

impl Model {
    /// What a pool may keep; nothing if it is none.
    #[must_use]
    pub fn members(&self, pool: &AssetId) -> Vec<AssetId> {
        let members = self.assets.get(pool).and_then(|asset| asset.members.as_ref());
        members.map_or(Vec::new(), |members| members.iter().copied().collect())
    }

    /// Pools of which an account has units.
    #[must_use]
    pub fn pools_of(&self, account: &Address) -> Vec<AssetId> {
        let pools = self.assets.iter().filter(|(_, asset)| asset.members.is_some());
        pools.map(|(id, _)| *id).filter(|id| self.balance(id, account) > 0).collect()
    }

    /// Pools that have units.
    fn issued_pools(&self) -> Vec<AssetId> {
        let pools = self.assets.iter().filter(|(_, asset)| asset.members.is_some());
        pools.filter(|(_, asset)| asset.supply > 0).map(|(id, _)| *id).collect()
    }

    /// What pools that have units keep.
    #[must_use]
    pub fn pooled(&self) -> Vec<AssetId> {
        let kept = self.issued_pools().into_iter().flat_map(|pool| self.kept(&pool));
        kept.map(|(asset, _)| asset).collect()
    }

    /// Pools that can collect income of all their members now, with its currency.
    #[must_use]
    pub fn earned(&self, currencies: &[AssetId]) -> Vec<(AssetId, AssetId)> {
        let pools = self.issued_pools();
        let all =
            pools.iter().flat_map(|pool| currencies.iter().map(|currency| (*pool, *currency)));
        let has_earned = |(pool, currency): &(AssetId, AssetId)| {
            let members = self.members(pool).into_iter().map(AssetId::to_bytes).collect();
            let (pool, currency) = (pool.to_bytes(), currency.to_bytes());
            let collected = CollectPoolIncome { pool, currency, members };
            self.clone().collect_pool_income(&collected).is_ok()
        };
        all.filter(has_earned).collect()
    }

    /// What is in the account of a pool.
    #[must_use]
    pub fn kept(&self, pool: &AssetId) -> Vec<(AssetId, u128)> {
        let account = Address::pool_account(pool);
        let kept = self.balances.iter().filter(|((_, holder), _)| *holder == account);
        kept.map(|((asset, _), balance)| (*asset, *balance)).collect()
    }

    /// Assets whose tranches have units.
    #[must_use]
    pub fn divided(&self) -> Vec<AssetId> {
        let mut divided: Vec<AssetId> = self.assets.keys().copied().collect();
        divided.retain(|id| self.require_no_tranche_units(id).is_err());
        divided
    }

    /// What an asset can be divided among: others of its issuer that have no units.
    #[must_use]
    pub fn possible_tranches(&self, parent: &AssetId) -> Vec<AssetId> {
        let Some(issuer) = self.assets.get(parent).map(|asset| asset.issuer) else { return vec![] };
        let others = self.assets.iter().filter(|(id, asset)| *id != parent && asset.supply == 0);
        let possible = others.filter(|(_, one)| one.issuer == issuer && one.tranche_of.is_none());
        possible.map(|(id, _)| *id).collect()
    }

    /// Refuses units of a pool, or of its tranches, in the account of that pool.
    pub(super) fn require_other_pool(&self, id: &AssetId, to: &Address) -> Step {
        let asset = &self.assets[id];
        let own = asset.members.is_some() && *to == Address::pool_account(id);
        let of_parent = asset.tranche_of.is_some_and(|(of, _)| *to == Address::pool_account(&of));
        if own || of_parent { refuse("transfers", 25) } else { Ok(()) }
    }

    fn require_no_units(&self, id: &AssetId) -> Step {
        if self.assets[id].supply > 0 { refuse("pools", 14) } else { Ok(()) }
    }

    fn require_no_tranche_units(&self, id: &AssetId) -> Step {
        let tranches = self.assets[id].waterfall.iter().flat_map(|one| &one.tranches);
        tranches.map(|one| &one.asset).try_for_each(|tranche| self.require_no_units(tranche))
    }

    /// The members of a pool, with those named among them.
    fn basket(&self, pool: &AssetId, named: &[AssetId]) -> Result<Vec<AssetId>, Refusal> {
        let Some(members) = &self.known(pool)?.members else { return refuse("pools", 16) };
        if named.iter().any(|member| !members.contains(member)) {
            return refuse("pools", 17);
        }
        Ok(members.iter().copied().collect())
    }

    pub(super) fn form_pool(&mut self, sender: &Address, op: &FormPool) -> Step {
        let (id, members) = (asset_id(&op.pool), ids(&op.members));
        self.run_by_issuer(&id, sender)?;
        self.require_no_units(&id)?;
        self.require_no_tranche_units(&id)?;
        let waterfall = self.assets[&id].waterfall.as_ref();
        if waterfall.is_some_and(|waterfall| members.contains(&waterfall.currency)) {
            return refuse("pools", 26);
        }
        for member in &members {
            if self.known(member)?.members.is_some() {
                return refuse("pools", 15);
            }
        }
        self.assets.get_mut(&id).unwrap().members = Some(members.into_iter().collect());
        self.reshaped.insert(id);
        Ok(())
    }

    pub(super) fn contribute_units(&mut self, sender: &Address, op: &ContributeUnits) -> Step {
        let (id, member) = (asset_id(&op.pool), asset_id(&op.member));
        self.run_by_issuer(&id, sender)?;
        self.basket(&id, &[member])?;
        if self.known(&member)?.members.is_some() {
            return refuse("pools", 15);
        }
        self.send(&member, sender, &[(Address::pool_account(&id), number(&op.amount))])
    }

    pub(super) fn redeem_units(&mut self, holder: &Address, op: &RedeemUnits) -> Step {
        let (id, members, amount) = (asset_id(&op.pool), ids(&op.members), number(&op.amount));
        self.basket(&id, &members)?;
        self.require_no_tranche_units(&id)?;
        let supply = self.assets[&id].supply;
        self.burn(holder, &id, amount)?;
        let mut any = false;
        for member in &members {
            let kept = self.balance(member, &Address::pool_account(&id));
            let part = u128::try_from(part_of(kept, amount, supply)).unwrap();
            if part > 0 {
                self.send(member, &Address::pool_account(&id), &[(*holder, part)])?;
                any = true;
            }
        }
        if any { Ok(()) } else { refuse("pools", 18) }
    }

    pub(super) fn withdraw_units(&mut self, sender: &Address, op: &WithdrawUnits) -> Step {
        let id = asset_id(&op.pool);
        self.run_by_issuer(&id, sender)?;
        self.basket(&id, &[])?;
        self.require_no_units(&id)?;
        self.require_no_tranche_units(&id)?;
        let to = [(*sender, number(&op.amount))];
        self.send(&asset_id(&op.asset), &Address::pool_account(&id), &to)
    }

    pub(super) fn collect_pool_income(&mut self, op: &CollectPoolIncome) -> Step {
        let (id, currency) = (asset_id(&op.pool), asset_id(&op.currency));
        let (account, named) = (Address::pool_account(&id), ids(&op.members));
        let members = self.basket(&id, &named)?;
        self.currency(&currency)?;
        let mut amount = 0;
        for member in &named {
            amount += self.take_income(member, &currency, &account)?;
        }
        if !members.contains(&currency) {
            amount = self.balance(&currency, &account);
        }
        if amount == 0 {
            return refuse("pools", 19);
        }
        let waterfall = self.assets[&id].waterfall.as_ref();
        let divided = waterfall.is_some_and(|waterfall| {
            let units = |one: &Tranche| self.assets[&one.asset].supply > 0;
            waterfall.currency == currency && waterfall.tranches.iter().any(units)
        });
        match divided {
            true => self.divide(&account, (id, currency), amount),
            false => self.share_income(&account, (id, currency), amount),
        }
    }

    pub(super) fn create_tranches(&mut self, sender: &Address, op: &CreateTranches) -> Step {
        let (parent, currency) = (asset_id(&op.parent), asset_id(&op.currency));
        self.run_by_issuer(&parent, sender)?;
        self.currency(&currency)?;
        if let Some(members) = &self.assets[&parent].members {
            self.require_no_units(&parent)?;
            if members.contains(&currency) {
                return refuse("pools", 26);
            }
        }
        self.require_no_tranche_units(&parent)?;
        if let Some(before) = self.assets.get_mut(&parent).unwrap().waterfall.take() {
            for tranche in before.tranches {
                self.assets.get_mut(&tranche.asset).unwrap().tranche_of = None;
            }
        }
        let mut tranches = Vec::new();
        for (rank, terms) in (1..).zip(&op.tranches) {
            let asset = asset_id(&terms.asset);
            self.link(&parent, &asset, rank)?;
            let due = (!terms.per_unit.is_empty()).then(|| {
                let paid = U512::from(number(&terms.per_unit)) << 128;
                let units = U512::from(number(&terms.units));
                (paid + given_by_rounding(paid, units)) / units
            });
            tranches.push(Tranche { asset, due, paid: U512::ZERO, received: 0 });
            self.reshaped.insert(asset);
        }
        let begins_ms = if op.begins_ms == 0 { self.time_ms } else { op.begins_ms };
        let waterfall = Waterfall { currency, begins_ms, period_ms: op.period_ms, tranches };
        self.assets.get_mut(&parent).unwrap().waterfall = Some(waterfall);
        self.reshaped.insert(parent);
        Ok(())
    }

    fn link(&mut self, parent: &AssetId, tranche: &AssetId, rank: u32) -> Step {
        let issuer = self.assets[parent].issuer;
        if self.known(tranche)?.issuer != issuer {
            return refuse("pools", 20);
        }
        if self.assets[tranche].tranche_of.is_some() {
            return refuse("pools", 21);
        }
        self.require_no_units(tranche)?;
        self.assets.get_mut(tranche).unwrap().tranche_of = Some((*parent, rank));
        Ok(())
    }

    pub(super) fn pay_waterfall(&mut self, payer: &Address, op: &PayWaterfall) -> Step {
        let of = (asset_id(&op.parent), asset_id(&op.currency));
        self.divide(payer, of, number(&op.amount))
    }

    /// Divides a payment among the tranches of an asset.
    fn divide(
        &mut self,
        payer: &Address,
        (parent, currency): (AssetId, AssetId),
        amount: u128,
    ) -> Step {
        let Some(mut waterfall) = self.known(&parent)?.waterfall.clone() else {
            return refuse("pools", 23);
        };
        if waterfall.currency != currency {
            return refuse("pools", 24);
        }
        let units = waterfall.tranches.iter().map(|one| self.assets[&one.asset].supply);
        let units: Vec<u128> = units.collect();
        if units.iter().all(|units| *units == 0) {
            return refuse("pools", 25);
        }
        let parts = waterfall.divide(&units, amount, self.time_ms);
        for (tranche, part) in waterfall.tranches.iter().zip(parts) {
            if part > 0 {
                self.share_income(payer, (tranche.asset, currency), part)?;
            }
        }
        self.assets.get_mut(&parent).unwrap().waterfall = Some(waterfall);
        Ok(())
    }
}
