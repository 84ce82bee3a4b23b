//! Registration, appraisals and the supply of assets.

use std::collections::BTreeMap;

use prost::Message as _;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{
    AppendAppraisal, Appraisal, AssetClass, BurnUnits, MintUnits, RegisterAsset,
};

use super::{Asset, Model, Step, address, asset_id, authorise, form, number, refuse};

impl Model {
    /// Units of an asset that exist.
    #[must_use]
    pub fn supply(&self, asset: &AssetId) -> u128 {
        self.assets.get(asset).map_or(0, |asset| asset.supply)
    }

    pub(super) fn register_asset(&mut self, sender: &Address, op: &RegisterAsset) -> Step {
        let id = AssetId::derive(sender, &op.salt);
        if self.assets.contains_key(&id) {
            return refuse("assets", 12);
        }
        if self.assets.values().any(|asset| asset.name == op.name) {
            return refuse("assets", 13);
        }
        let max_supply = number(&op.max_supply);
        let asset = self.fresh_asset(&op.name, op.class(), *sender, max_supply);
        self.assets.insert(id, asset);
        self.reshaped.insert(id);
        Ok(())
    }

    pub(super) fn burn_units(&mut self, holder: &Address, op: &BurnUnits) -> Step {
        self.burn(holder, &asset_id(&op.asset), number(&op.amount))
    }

    pub(super) fn burn(&mut self, holder: &Address, id: &AssetId, amount: u128) -> Step {
        if !self.known(id)?.active {
            return refuse("assets", 16);
        }
        self.debit(id, holder, amount)?;
        self.assets.get_mut(id).unwrap().supply -= amount;
        Ok(())
    }

    pub(super) fn mint_units(&mut self, sender: &Address, op: &MintUnits) -> Step {
        let (id, amount) = (asset_id(&op.asset), number(&op.amount));
        let asset = self.run_by_issuer(&id, sender)?;
        let (active, room) = (asset.active, asset.max_supply - asset.supply);
        if !active {
            return refuse("assets", 16);
        }
        self.require_appraisal(&id)?;
        if self.assets[&id].members.is_some() && self.assets[&id].supply > 0 {
            return refuse("assets", 57);
        }
        if amount > room {
            return refuse("assets", 18);
        }
        let to = address(&op.to);
        self.require_other_pool(&id, &to)?;
        self.issue(&id, &to, amount);
        Ok(())
    }

    pub(super) fn append_appraisal(&mut self, op: &AppendAppraisal) -> Step {
        let id = asset_id(&op.asset);
        let appraisal = Appraisal::decode(op.appraisal.clone()).unwrap();
        self.known(&id)?;
        self.currency(&asset_id(&appraisal.currency))?;
        let appraiser = address(&appraisal.appraiser);
        if !self.appraisers.contains(&appraiser) {
            return refuse("assets", 22);
        }
        if appraisal.valid_to_ms <= self.time_ms {
            return refuse("assets", 23);
        }
        let known = &self.assets[&id].appraisals;
        if known.last().is_some_and(|last| appraisal.valid_from_ms <= last.valid_from_ms) {
            return refuse("assets", 24);
        }
        let key = form::key_bytes(op.public_key.as_ref().unwrap());
        if authorise(self.authority(&appraiser), &appraiser, &[key]).is_err() {
            return refuse("assets", 25);
        }
        if !self.signature_matches(op, &id, &key) {
            return refuse("assets", 26);
        }
        self.assets.get_mut(&id).unwrap().appraisals.push(appraisal);
        self.reshaped.insert(id);
        Ok(())
    }

    fn signature_matches(&self, op: &AppendAppraisal, id: &AssetId, key: &[u8; 32]) -> bool {
        let domain = b"tessera/appraisal/v1".as_slice();
        let message = [domain, &self.chain_id_hash, id.as_bytes(), &op.appraisal].concat();
        let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
        let signature = ed25519_dalek::Signature::from_slice(&op.signature).unwrap();
        key.verify_strict(&message, &signature).is_ok()
    }

    pub(super) fn require_appraisal(&self, id: &AssetId) -> Step {
        let asset = &self.assets[id];
        let now = |one: &Appraisal| (one.valid_from_ms..one.valid_to_ms).contains(&self.time_ms);
        let well =
            asset.class == AssetClass::Currency || asset.appraisals.iter().rev().take(8).any(now);
        if well { Ok(()) } else { refuse("assets", 17) }
    }

    pub(super) fn fresh_asset(
        &self,
        name: &str,
        class: AssetClass,
        issuer: Address,
        max_supply: u128,
    ) -> Asset {
        Asset {
            name: name.to_owned(),
            class,
            active: false,
            issuer,
            max_supply,
            supply: 0,
            appraisals: Vec::new(),
            schedule: None,
            resale_bps: 0,
            income: Vec::new(),
            risen: BTreeMap::new(),
            proposals: 0,
            members: None,
            waterfall: None,
            tranche_of: None,
        }
    }
}
