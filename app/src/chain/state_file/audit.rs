//! What must hold between the leaves of a state, as far as one pass over them can tell.
//!
//! * The chain has parameters and a place for fees, and its fee currency exists.
//! * Every asset has totals and its name; everything of an asset is of one that exists.
//! * What is held of an asset is its supply, by as many holders as its totals say.
//! * The fee pool holds what accounts and sponsors have prepaid and what was collected.

use std::collections::BTreeMap;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::accounts::v1::{Account, Sponsorship};
use tessera_proto::pb::assets::v1::{Asset, AssetTotals};
use tessera_proto::pb::chain::v1::{FeePot, Params};
use tessera_proto::split::{InUnits as _, SplitFactor};
use tessera_proto::state_key::{Namespace, StateKey};

/// A line of the file and what is wrong there.
pub(super) type LineError = (u64, String);

/// Looks at one leaf after the other, in order of key.
#[derive(Default)]
pub(super) struct Audit {
    /// What is wrong with the leaves so far.
    pub(super) errors: Vec<LineError>,
    fee_currency: Option<AssetId>,
    fee_pot_line: Option<u64>,
    /// What was prepaid and collected.
    fees: Sum,
    /// What the fee pool holds.
    fee_pool: Amount,
    assets: BTreeMap<AssetId, AssetEntry>,
}

/// What is known of an asset.
struct AssetEntry {
    line: u64,
    name: String,
    factor: SplitFactor,
    is_named: bool,
    totals: Option<Totals>,
    held: Sum,
    holders: u64,
}

struct Totals {
    line: u64,
    supply: Option<Amount>,
    holders: u64,
}

/// A sum of amounts; none once it is too large.
struct Sum(Option<Amount>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(Amount::ZERO))
    }
}

impl Sum {
    fn add(&mut self, amount: Option<Amount>) {
        self.0 = self.0.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
    }

    fn shown(&self) -> String {
        self.0.map_or_else(|| "no amount".to_owned(), |sum| sum.to_string())
    }
}

impl Audit {
    /// Looks at the next leaf, which can be decoded.
    pub(super) fn leaf(&mut self, line: u64, namespace: Namespace, key: &StateKey, value: &[u8]) {
        // No key has an asset elsewhere: these begin with something else.
        let of_asset = !matches!(
            namespace,
            Namespace::Params
                | Namespace::FeePot
                | Namespace::Upgrade
                | Namespace::Account
                | Namespace::Sponsorship
                | Namespace::Mandate
                | Namespace::Asset
                | Namespace::AssetName
                | Namespace::Appraiser
                | Namespace::Identity
                | Namespace::Wallet
                | Namespace::WalletUse
                | Namespace::Claim
                | Namespace::ClaimIssuer
        );
        let id = key.as_bytes().get(1..=AssetId::LENGTH);
        let id = id.and_then(|id| AssetId::try_from(id).ok()).filter(|_| of_asset);
        if let Some(id) = id
            && !self.assets.contains_key(&id)
        {
            self.errors.push((line, format!("there is no asset {id}")));
            return;
        }
        // What cannot be read is an error of its own.
        let _ = match namespace {
            Namespace::Params => read(value, |leaf| self.params(line, &leaf)),
            Namespace::FeePot => read(value, |leaf: FeePot| {
                self.fee_pot_line = Some(line);
                self.fees.add(amount(&leaf.amount));
            }),
            Namespace::Account => {
                read(value, |leaf: Account| self.fees.add(amount(&leaf.fee_credit)))
            }
            Namespace::Sponsorship => {
                read(value, |leaf: Sponsorship| self.fees.add(amount(&leaf.credit)))
            }
            Namespace::Asset => read(value, |leaf| self.asset(line, key, leaf)),
            Namespace::AssetTotals => read(value, |leaf| self.totals(line, id, &leaf)),
            Namespace::AssetName => read(value, |leaf| self.name(line, key, &leaf)),
            Namespace::Holding => read(value, |leaf| self.holding(key, id, leaf)),
            _ => None,
        };
    }

    fn params(&mut self, line: u64, params: &Params) {
        self.fee_currency = AssetId::try_from(params.fee_currency.as_ref()).ok();
        if self.fee_currency.is_none() {
            self.errors.push((line, "the parameters name no fee currency".to_owned()));
        }
    }

    fn asset(&mut self, line: u64, key: &StateKey, asset: Asset) {
        let id = AssetId::try_from(asset.id.as_ref()).ok();
        let Some(id) = id.filter(|id| StateKey::asset(id) == *key) else {
            let message = format!("asset `{}` stands under another key than its id", asset.name);
            return self.errors.push((line, message));
        };
        let entry = AssetEntry {
            line,
            factor: SplitFactor::of(&asset),
            name: asset.name,
            is_named: false,
            totals: None,
            held: Sum::default(),
            holders: 0,
        };
        self.assets.insert(id, entry);
    }

    fn totals(&mut self, line: u64, id: Option<AssetId>, leaf: &AssetTotals) {
        let Some(asset) = id.and_then(|id| self.assets.get_mut(&id)) else { return };
        let totals = Totals { line, supply: amount(&leaf.supply), holders: leaf.holder_count };
        asset.totals = Some(totals);
    }

    fn name(&mut self, line: u64, key: &StateKey, id: &AssetId) {
        match self.assets.get_mut(id) {
            Some(asset) if StateKey::asset_name(&asset.name) == *key => asset.is_named = true,
            Some(asset) => {
                let message = format!("this is not the name of asset `{}`", asset.name);
                self.errors.push((line, message));
            }
            None => self.errors.push((line, format!("there is no asset {id}"))),
        }
    }

    fn holding(&mut self, key: &StateKey, id: Option<AssetId>, mut holding: Holding) {
        let Some(id) = id else { return };
        let Some(asset) = self.assets.get_mut(&id) else { return };
        holding.bring_to(asset.factor);
        asset.held.add(Some(holding.balance));
        if !holding.balance.is_zero() {
            asset.holders = asset.holders.saturating_add(1);
        }
        let is_fee_currency = self.fee_currency == Some(id);
        if is_fee_currency && StateKey::holding(&id, &Address::fee_pool()) == *key {
            self.fee_pool = holding.balance;
        }
    }

    /// What is wrong with all leaves together.
    pub(super) fn finish(self) -> Vec<LineError> {
        let mut errors = Vec::new();
        match (self.fee_currency, self.fee_pot_line) {
            (None, _) => errors.push((1, "there are no parameters of the chain".to_owned())),
            (Some(id), _) if !self.assets.contains_key(&id) => {
                errors.push((1, format!("the fee currency {id} is no asset")));
            }
            (_, None) => errors.push((1, "there is no leaf of collected fees".to_owned())),
            (_, Some(line)) if self.fees.0 != Some(self.fee_pool) => errors.push((
                line,
                format!(
                    "the fee pool holds {}, but {} are prepaid or collected",
                    self.fee_pool,
                    self.fees.shown()
                ),
            )),
            _ => {}
        }
        for asset in self.assets.into_values() {
            asset.finish(&mut errors);
        }
        errors
    }
}

impl AssetEntry {
    fn finish(self, errors: &mut Vec<LineError>) {
        let Self { line, name, totals, held, holders, .. } = self;
        if !self.is_named {
            errors.push((line, format!("the name `{name}` does not lead to this asset")));
        }
        let Some(totals) = totals else {
            return errors.push((line, format!("asset `{name}` has no totals")));
        };
        if held.0 != totals.supply {
            let supply = Sum(totals.supply).shown();
            let message =
                format!("`{name}` has a supply of {supply}, but {} are held", held.shown());
            errors.push((totals.line, message));
        }
        if holders != totals.holders {
            let expected = totals.holders;
            let message = format!("`{name}` has {expected} holders, but {holders} are listed");
            errors.push((totals.line, message));
        }
    }
}

fn read<L: Leaf>(value: &[u8], then: impl FnOnce(L)) -> Option<()> {
    L::from_leaf_bytes(value).ok().map(then)
}

/// An amount; a field that was never set is nothing.
fn amount(text: &str) -> Option<Amount> {
    if text.is_empty() { Some(Amount::ZERO) } else { text.parse().ok() }
}
