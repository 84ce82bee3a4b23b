//! The genesis document as data.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};

use crate::error::GenesisErrors;
use crate::read;
use crate::rules;

/// Most characters of a title or of the name of a person, document or validator.
pub const MAX_LABEL_LENGTH: usize = 100;
/// Most bytes of the salt of an asset.
pub const MAX_SALT_LENGTH: usize = 32;
/// Most documents of an asset.
pub const MAX_DOCUMENTS: usize = 32;
/// Most characters of the address of a document.
pub const MAX_URI_LENGTH: usize = 2048;
/// Most voting power of all validators together, the limit of CometBFT.
pub const MAX_TOTAL_POWER: u64 = i64::MAX.unsigned_abs() / 8;

/// What a chain begins with.
///
/// The fields are plain data: whoever changes them calls [`Genesis::validate`] before use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Genesis {
    /// Name of the chain: 3 to 50 characters of a-z, 0-9 and hyphens. It stands in everything
    /// that is signed, so no two chains should share one.
    pub chain_id: String,
    /// When the chain begins, like `2026-11-21T12:00:00Z`; kept as given.
    pub genesis_time: String,
    /// The state that the chain goes on with, if it does not begin anew: then there are no
    /// parameters, accounts, assets and appraisers here.
    pub state: Option<StateFile>,
    /// Rules that governance may change later.
    pub params: Params,
    /// Accounts that begin with prepaid fees or that people know by a name.
    pub accounts: Vec<Account>,
    /// Assets that exist from the beginning; the fee currency is one of them.
    pub assets: Vec<Asset>,
    /// Appraisers that the chain accredits.
    pub appraisers: Vec<Appraiser>,
    /// Who decides on blocks; at least one.
    pub validators: Vec<Validator>,
}

/// All leaves of the state of a chain after a block, in a file beside the document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StateFile {
    /// Name of the file.
    pub file: String,
    /// SHA-256 of its bytes.
    #[serde(serialize_with = "hex_text")]
    pub sha256: [u8; 32],
    /// Number of leaves, one on each line.
    pub leaves: u64,
    /// Height of the block; the next one is the first of the new chain.
    pub height: u64,
    /// App hash after the block, which the leaves make again.
    #[serde(serialize_with = "hex_text")]
    pub app_hash: [u8; 32],
}

/// Rules of the chain that governance may change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Params {
    /// Name of the asset that fees are paid in: an active currency among the assets.
    pub fee_currency: String,
    /// Base units of the fee currency for every transaction,
    pub fee_per_transaction: u64,
    /// for each operation in it,
    pub fee_per_operation: u64,
    /// and for each byte of it.
    pub fee_per_byte: u64,
    /// How many blocks ahead a transaction may say that it is valid; above zero.
    pub max_validity_blocks: u64,
    /// Who accredits appraisers later; nobody if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registrar: Option<Address>,
    /// Account that may deny others the chain and revoke issuers of claims; nobody if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Address>,
    /// Name of the asset whose holders may change the parameters by vote, if any may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governance_asset: Option<String>,
}

/// An account that begins with prepaid fees or a name.
///
/// Accounts that only hold assets need no entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Account {
    /// Address; once in the list.
    pub address: Address,
    /// Ed25519 key whose hash is the address, where known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_hex")]
    pub public_key: Option<[u8; 32]>,
    /// Prepaid fees in base units of the fee currency; they count towards its supply.
    pub fee_credit: Amount,
    /// What people call the account; no two accounts share a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An asset that exists from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Asset {
    /// Unique name, like `villa-ardeche`.
    pub name: String,
    /// What people read, like `Villa in Ardèche`.
    pub title: String,
    /// What kind of thing it is.
    #[serde(serialize_with = "class_label")]
    pub class: AssetClass,
    /// Who may activate and mint.
    pub issuer: Address,
    /// Up to [`MAX_SALT_LENGTH`] bytes that give the asset its id.
    #[serde(serialize_with = "hex_text")]
    pub salt: Vec<u8>,
    /// Display decimals, 0 to 18.
    pub decimals: u32,
    /// Most base units that may ever exist.
    pub max_supply: Amount,
    /// Where it stands in its life; only an active or suspended asset has holdings.
    #[serde(serialize_with = "status_label")]
    pub status: AssetStatus,
    /// Documents by reference and hash, at most [`MAX_DOCUMENTS`].
    pub documents: Vec<Document>,
    /// Who holds how much, each account once.
    pub holdings: Vec<Holding>,
}

/// A document of an asset, by reference and hash.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Document {
    /// What people call it.
    pub name: String,
    /// Where it can be found.
    pub uri: String,
    /// SHA-256 of its bytes.
    #[serde(serialize_with = "hex_text")]
    pub sha256: [u8; 32],
}

/// What an account holds of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Holding {
    /// The holder.
    pub account: Address,
    /// Base units, above zero.
    pub balance: Amount,
}

/// An appraiser that the chain accredits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Appraiser {
    /// Address of the account that signs appraisals; once in the list.
    pub address: Address,
    /// What people call the appraiser.
    pub name: String,
}

/// A validator of the first block.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Validator {
    /// What people call the validator; no two share a name.
    pub name: String,
    /// Ed25519 consensus key; no two validators share one.
    #[serde(serialize_with = "hex_text")]
    pub public_key: [u8; 32],
    /// Voting power, above zero; together at most [`MAX_TOTAL_POWER`].
    pub power: u64,
}

impl Genesis {
    /// Reads a document from JSON and checks it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text; if it is not JSON at all, the
    /// first place where it is not.
    pub fn from_json(text: &str) -> Result<Self, GenesisErrors> {
        read::genesis(text)
    }

    /// Reads a document that is still being made: all its rules but that it has a validator.
    ///
    /// # Errors
    /// Those of [`Genesis::from_json`].
    pub fn from_json_draft(text: &str) -> Result<Self, GenesisErrors> {
        read::draft(text)
    }

    /// Checks a document that was built or changed by a program.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of [`Genesis::to_json`].
    pub fn validate(&self) -> Result<(), GenesisErrors> {
        // Reading is the one place that knows the rules.
        read::genesis(&self.to_json()).map(|_| ()).map_err(GenesisErrors::without_lines)
    }

    /// The document as people read and keep it: indented JSON with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect(ALWAYS_JSON);
        text.push('\n');
        text
    }

    /// SHA-256 of the document, the same however its text is indented or ordered.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(serde_json::to_vec(self).expect(ALWAYS_JSON))
    }

    /// Adds an account.
    pub fn add_account(&mut self, account: Account) -> &mut Self {
        self.accounts.push(account);
        self
    }

    /// Adds a validator.
    pub fn add_validator(&mut self, validator: Validator) -> &mut Self {
        self.validators.push(validator);
        self
    }

    /// Height of the block that the chain begins after; 0 when it begins anew.
    #[must_use]
    pub fn base_height(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.height)
    }

    /// The asset that fees are paid in; always there in a valid document
    /// of a chain that begins anew.
    #[must_use]
    pub fn fee_currency(&self) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == self.params.fee_currency)
    }

    /// The asset whose holders may change the parameters of the chain, if there is one.
    #[must_use]
    pub fn governance_asset(&self) -> Option<&Asset> {
        let name = self.params.governance_asset.as_ref()?;
        self.assets.iter().find(|asset| asset.name == *name)
    }

    /// All prepaid fees, which [`Address::fee_pool`] holds in the fee currency; always an amount
    /// in a valid document.
    #[must_use]
    pub fn fee_credit_total(&self) -> Option<Amount> {
        sum(self.accounts.iter().map(|account| account.fee_credit))
    }
}

impl Serialize for Genesis {
    /// All fields in their order; what a [`StateFile`] stands for only where it is there.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let anew = self.state.is_none();
        let mut fields = serializer.serialize_struct("Genesis", 8)?;
        fields.serialize_field("chain_id", &self.chain_id)?;
        fields.serialize_field("genesis_time", &self.genesis_time)?;
        if let Some(state) = &self.state {
            fields.serialize_field("state", state)?;
        }
        if anew || self.params != Params::default() {
            fields.serialize_field("params", &self.params)?;
        }
        if anew || !self.accounts.is_empty() {
            fields.serialize_field("accounts", &self.accounts)?;
        }
        if anew || !self.assets.is_empty() {
            fields.serialize_field("assets", &self.assets)?;
        }
        if anew || !self.appraisers.is_empty() {
            fields.serialize_field("appraisers", &self.appraisers)?;
        }
        fields.serialize_field("validators", &self.validators)?;
        fields.end()
    }
}

impl Asset {
    /// Id, which follows from issuer and salt.
    #[must_use]
    pub fn id(&self) -> AssetId {
        AssetId::derive(&self.issuer, &self.salt)
    }

    /// All that is held of it; always an amount in a valid document. Prepaid fees come on top
    /// for the fee currency.
    #[must_use]
    pub fn held_total(&self) -> Option<Amount> {
        sum(self.holdings.iter().map(|holding| holding.balance))
    }
}

const ALWAYS_JSON: &str = "a genesis document holds only texts, whole numbers and lists";

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    amounts.try_fold(Amount::ZERO, Amount::checked_add)
}

fn hex_text<T: AsRef<[u8]>, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn optional_hex<S: Serializer>(bytes: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.map(hex::encode).serialize(serializer)
}

fn class_label<S: Serializer>(class: &AssetClass, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rules::class_label(*class))
}

fn status_label<S: Serializer>(status: &AssetStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rules::status_label(*status))
}
