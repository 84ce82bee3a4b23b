//! The state that workloads work on: assets, holdings, and accounts with keys.

use anyhow::ensure;
use rayon::prelude::*;
use tessera_client::Signer;
use tessera_genesis::{Account, Asset, Genesis, Holding, Validator, dev};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256_of;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};

/// When the chain of a benchmark begins.
const GENESIS_TIME: &str = "2026-01-01T00:00:00Z";
/// Prepaid fees of each sender: enough for any benchmark.
const FEE_CREDIT: u64 = 1_000_000_000;
/// What each holder has of its asset and, where there is cash, of the currency.
const BALANCE: u64 = 1_000_000;

/// How much of what there is.
#[derive(Debug, Clone, Copy)]
pub struct WorldOptions {
    /// Holdings of assets; each holder has one.
    pub holdings: usize,
    /// Assets, the currency aside.
    pub assets: usize,
    /// Holders with a key and prepaid fees.
    pub senders: usize,
    /// Whether senders hold the currency, too.
    pub cash: bool,
}

/// A state and the keys to change it.
pub struct World {
    /// The state.
    pub genesis: Genesis,
    /// Keys of the first holders.
    pub senders: Vec<Signer>,
    /// All holders; holder `i` has units of asset `i % assets.len()`.
    pub holders: Vec<Address>,
    /// All assets but the currency.
    pub assets: Vec<AssetId>,
    /// The currency that fees and prices are paid in.
    pub currency: AssetId,
    /// Who issued all assets.
    pub issuer: Signer,
}

impl World {
    /// The world of a development chain, enlarged.
    ///
    /// # Errors
    /// When an asset would have fewer than two holders, so that nobody could transfer it.
    pub fn new(
        chain_id: &str,
        options: WorldOptions,
        validators: Vec<Validator>,
    ) -> anyhow::Result<Self> {
        let WorldOptions { holdings, assets, .. } = options;
        ensure!(
            assets <= holdings / 2,
            "{assets} assets need at least {} holders, two for each, but there are {holdings}: \
             choose fewer assets",
            assets.saturating_mul(2)
        );
        let senders: Vec<Signer> = (0..options.senders)
            .into_par_iter()
            .map(|number| Signer::from_seed(&digest("sender", number)))
            .collect();
        let others = (senders.len()..options.holdings.max(senders.len())).map(other_holder);
        let holders: Vec<Address> = senders.iter().map(Signer::address).chain(others).collect();
        let issuer = Signer::from_seed_phrase(dev::ISSUER);
        let mut genesis = Genesis::dev(chain_id, GENESIS_TIME, validators);
        for signer in &senders {
            let fee_credit = Amount::from_u64(FEE_CREDIT);
            let address = signer.address();
            genesis.add_account(Account { address, fee_credit, ..Account::default() });
        }
        let currency = genesis.fee_currency().map(Asset::id).unwrap_or_default();
        if let Some(asset) = genesis.assets.iter_mut().find(|asset| asset.id() == currency)
            && options.cash
        {
            asset.holdings.extend(senders.iter().map(|signer| holding(signer.address())));
        }
        let assets = options.assets.max(1);
        let mut ids = Vec::with_capacity(assets);
        for number in 0..assets {
            let held = holders.iter().skip(number).step_by(assets).copied();
            let asset = asset(number, issuer.address(), held.map(holding).collect());
            ids.push(asset.id());
            genesis.assets.push(asset);
        }
        Ok(Self { genesis, senders, holders, assets: ids, currency, issuer })
    }

    /// The asset of a holder.
    #[must_use]
    pub fn asset_of(&self, holder: usize) -> AssetId {
        self.assets.get(holder % self.assets.len()).copied().unwrap_or_default()
    }
}

fn other_holder(number: usize) -> Address {
    let digest = digest("holder", number);
    Address::from_ed25519(&digest)
}

fn digest(what: &str, number: usize) -> [u8; 32] {
    let number = (number as u64).to_be_bytes();
    sha256_of(&[b"tessera/bench/", what.as_bytes(), &number])
}

fn holding(account: Address) -> Holding {
    Holding { account, balance: Amount::from_u64(BALANCE) }
}

fn asset(number: usize, issuer: Address, holdings: Vec<Holding>) -> Asset {
    Asset {
        name: format!("bench-{number}"),
        title: format!("Building {number}"),
        class: AssetClass::RealEstate,
        issuer,
        salt: (number as u64).to_be_bytes().to_vec(),
        decimals: 0,
        max_supply: Amount::from_u64(u64::MAX),
        status: AssetStatus::Active,
        documents: Vec::new(),
        holdings,
    }
}

/// The validator of chains that no network runs.
#[must_use]
pub fn validator() -> Validator {
    let public_key = dev::public_key(dev::ISSUER);
    Validator { name: "bench".to_owned(), public_key, power: 1 }
}
