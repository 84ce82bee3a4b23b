//! Well-known keys and a ready document for development chains. Never use them for value.
//!
//! The Ed25519 seed of the development account `alice` is SHA-256("tessera/dev-key/alice"), and
//! likewise for every other name, so any tool can sign for them.

use ed25519_dalek::SigningKey;
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256_of;
use tessera_proto::id::Address;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};

use crate::document::{Account, Appraiser, Asset, Genesis, Holding, Params, Validator};

/// Name of the account that issues the assets of a development chain.
pub const ISSUER: &str = "issuer";
/// Name of the account that a development chain accredits as appraiser.
pub const APPRAISER: &str = "appraiser";
/// Names of all accounts of a development chain.
pub const ACCOUNTS: [&str; 6] = [ISSUER, APPRAISER, "alice", "bob", "carol", "dave"];
/// Name of the currency of a development chain.
pub const CURRENCY: &str = "usdx";

/// Display decimals of the currency.
const CURRENCY_DECIMALS: u32 = 6;
/// Base units of one USDX.
const USDX: u64 = 1_000_000;

/// Ed25519 seed of the development key of this name.
#[must_use]
pub fn key_seed(name: &str) -> [u8; 32] {
    sha256_of(&[b"tessera/dev-key/", name.as_bytes()])
}

/// Ed25519 public key of the development key of this name.
#[must_use]
pub fn public_key(name: &str) -> [u8; 32] {
    SigningKey::from_bytes(&key_seed(name)).verifying_key().to_bytes()
}

/// Address of the development account of this name.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::from_ed25519(&public_key(name))
}

impl Genesis {
    /// A development chain: the accounts of [`ACCOUNTS`] with prepaid fees and USDX, and an
    /// accredited appraiser.
    ///
    /// A transfer of 250 bytes costs 0.02 USDX.
    #[must_use]
    pub fn dev(chain_id: &str, genesis_time: &str, validators: Vec<Validator>) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            genesis_time: genesis_time.to_owned(),
            state: None,
            params: Params {
                fee_currency: CURRENCY.to_owned(),
                fee_per_transaction: 10_000,
                fee_per_operation: 5_000,
                fee_per_byte: 20,
                max_validity_blocks: 10_000,
                registrar: Some(address(ISSUER)),
                authority: Some(address(ISSUER)),
                governance_asset: None,
            },
            accounts: ACCOUNTS.iter().copied().map(account).collect(),
            assets: vec![currency()],
            appraisers: vec![Appraiser {
                address: address(APPRAISER),
                name: "Development Appraisals".to_owned(),
            }],
            validators,
        }
    }
}

fn account(name: &str) -> Account {
    Account {
        address: address(name),
        public_key: Some(public_key(name)),
        fee_credit: Amount::from_u64(1_000 * USDX),
        name: Some(name.to_owned()),
    }
}

fn currency() -> Asset {
    let holding = |name: &str| {
        let units: u64 = if name == ISSUER { 1_000_000 } else { 50_000 };
        Holding { account: address(name), balance: Amount::from_u64(units * USDX) }
    };
    Asset {
        name: CURRENCY.to_owned(),
        title: "Development dollar".to_owned(),
        class: AssetClass::Currency,
        issuer: address(ISSUER),
        salt: CURRENCY.as_bytes().to_vec(),
        decimals: CURRENCY_DECIMALS,
        max_supply: Amount::from_u64(1_000_000_000 * USDX),
        status: AssetStatus::Active,
        documents: Vec::new(),
        holdings: ACCOUNTS.iter().copied().map(holding).collect(),
    }
}
