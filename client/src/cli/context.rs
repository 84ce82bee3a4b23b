//! What every command needs: options, node, keys, and names for things.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tessera_proto::amount::{Amount, AmountError};
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::{Asset, AssetTotals};
use tessera_proto::pb::chain::v1::GetInfoResponse;
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::GlobalOptions;
use super::failure::Failure;
use super::output::Output;
use crate::client::Client;
use crate::error::ClientError;
use crate::keystore::{KeyInfo, Keystore, KeystoreError};
use crate::signer::Signer;
use crate::trust::TrustStore;

/// Accounts of development chains, whose keys everybody knows.
const DEV_NAMES: [&str; 6] = ["issuer", "appraiser", "alice", "bob", "carol", "dave"];
/// Prefix that asks for a development key by name on any chain.
const DEV_PREFIX: &str = "dev:";
/// An account of an asset.
type OwnAccount = fn(&AssetId) -> Address;
/// Prefixes of the name of an asset that mean accounts of it that no key controls.
const OWN_ACCOUNTS: [(&str, OwnAccount); 2] =
    [("treasury:", Address::treasury), ("pool:", Address::pool_account)];

/// What every command needs.
pub(crate) struct Context {
    pub(crate) options: GlobalOptions,
    pub(crate) output: Output,
    home: PathBuf,
    client: OnceCell<Client>,
    info: OnceCell<GetInfoResponse>,
    /// Accounts of assets that were asked for, by their names.
    own_accounts: Mutex<BTreeMap<Address, String>>,
}

/// An asset as commands use it.
#[derive(Debug, Clone)]
pub(crate) struct AssetView {
    pub(crate) id: AssetId,
    pub(crate) asset: Asset,
    pub(crate) totals: AssetTotals,
}

impl AssetView {
    pub(crate) fn new(asset: Asset, totals: AssetTotals) -> Result<Self, Failure> {
        let id = AssetId::try_from(asset.id.as_ref())
            .map_err(|_| ClientError::Node("an asset without id".to_owned()))?;
        Ok(Self { id, asset, totals })
    }

    pub(crate) fn name(&self) -> &str {
        &self.asset.name
    }

    /// Reads an amount in display units.
    pub(crate) fn parse(&self, text: &str) -> Result<Amount, Failure> {
        parse_amount(text, self.asset.decimals)
    }

    /// An amount in display units with the name of the asset.
    pub(crate) fn display(&self, amount: Amount) -> String {
        format!("{} {}", amount.display(self.decimals()), self.name())
    }

    pub(crate) fn decimals(&self) -> u32 {
        self.asset.decimals.min(18)
    }

    /// An amount as it stands in JSON.
    pub(crate) fn json(&self, amount: Amount) -> Value {
        amount_json(amount, self.decimals())
    }
}

/// Reads an amount in display units.
pub(crate) fn parse_amount(text: &str, decimals: u32) -> Result<Amount, Failure> {
    let whole = decimals == 0;
    Amount::parse_display(text, decimals).map_err(|error| {
        Failure::usage(match error {
            AmountError::NotANumber(text) => {
                let example = if whole { "12" } else { "12.50" };
                format!("`{text}` is not an amount: expected one like {example}")
            }
            AmountError::TooPrecise { text, .. } if whole => {
                format!("`{text}` is not possible: there are only whole units")
            }
            other => other.to_string(),
        })
    })
}

/// An amount as it stands in JSON: base units, and for people.
pub(crate) fn amount_json(amount: Amount, decimals: u32) -> Value {
    json!({ "base": amount.to_string(), "display": amount.display(decimals) })
}

/// An amount of a message.
pub(crate) fn amount_of(text: &str) -> Result<Amount, Failure> {
    if text.is_empty() {
        return Ok(Amount::ZERO);
    }
    text.parse().map_err(|_| ClientError::Node(format!("amount `{text}`")).into())
}

/// An address of a message.
pub(crate) fn address_of(bytes: &[u8]) -> Result<Address, Failure> {
    Address::try_from(bytes).map_err(|_| ClientError::Node("a malformed address".into()).into())
}

impl Context {
    pub(crate) fn new(options: GlobalOptions) -> Self {
        let output = Output::new(options.json, options.quiet, options.no_color);
        let home = options.home.clone().unwrap_or_else(default_home);
        Self {
            options,
            output,
            home,
            client: OnceCell::new(),
            info: OnceCell::new(),
            own_accounts: Mutex::default(),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    pub(crate) fn height(&self) -> u64 {
        self.options.height.unwrap_or(0)
    }

    /// Height of the chain when it was first asked; 0 if it was not.
    pub(crate) fn known_height(&self) -> u64 {
        self.info.get().map_or(0, |info| info.height)
    }

    pub(crate) fn keystore(&self) -> Keystore {
        Keystore::new(&self.home)
    }

    pub(crate) fn trust_store(&self) -> TrustStore {
        TrustStore::new(&self.home)
    }

    /// The node, connected at the first use.
    pub(crate) async fn client(&self) -> Result<&Client, Failure> {
        let connect = || Client::connect_within(&self.options.node, self.timeout());
        Ok(self.client.get_or_try_init(connect).await?)
    }

    /// What the node says of its chain, which must be the one asked for.
    pub(crate) async fn info(&self) -> Result<&GetInfoResponse, Failure> {
        let client = self.client().await?;
        let info = self.info.get_or_try_init(|| client.info()).await?;
        match &self.options.chain {
            Some(chain) if *chain != info.chain_id => Err(Failure::usage(format!(
                "the node at `{}` is of chain `{}`, you asked for `{chain}`",
                client.url(),
                info.chain_id
            ))),
            _ => Ok(info),
        }
    }

    /// An asset by name or id, or what names are near.
    pub(crate) async fn asset(&self, text: &str) -> Result<AssetView, Failure> {
        self.info().await?;
        let client = self.client().await?;
        match client.asset(text, self.height()).await {
            Ok((asset, totals)) => AssetView::new(asset, totals),
            Err(ClientError::NotFound(_)) => {
                let known = client.assets(1000, Bytes::new()).await?.entries;
                let names: Vec<String> =
                    known.into_iter().filter_map(|summary| summary.asset).map(|a| a.name).collect();
                Err(Failure::not_found(format!("there is no asset `{text}`"))
                    .suggest(text, &names)
                    .help("list them with `tessera asset list`"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The currency that fees are paid in.
    pub(crate) async fn fee_currency(&self) -> Result<AssetView, Failure> {
        let params = self.info().await?.params.clone().unwrap_or_default();
        let id = AssetId::try_from(params.fee_currency.as_ref())
            .map_err(|_| ClientError::Node("parameters without a fee currency".to_owned()))?;
        self.asset(&id.to_string()).await
    }

    /// An account by address, by the name of a key or of a development account, or as the treasury
    /// or the pool of an asset.
    pub(crate) async fn address(&self, text: &str) -> Result<Address, Failure> {
        if text.starts_with("tsr1") {
            return text
                .parse()
                .map_err(|error: tessera_proto::id::IdError| Failure::usage(error.to_string()));
        }
        for (prefix, account) in OWN_ACCOUNTS {
            if let Some(asset) = text.strip_prefix(prefix) {
                let asset = self.asset(asset).await?;
                let (account, name) = (account(&asset.id), format!("{prefix}{}", asset.name()));
                self.own_accounts.lock().await.insert(account, name);
                return Ok(account);
            }
        }
        match self.keystore().info(text) {
            Ok(info) => Ok(info.account),
            Err(error) => match self.dev_signer(text).await? {
                Some(signer) => Ok(signer.address()),
                None => Err(self.unknown_account(text, error).await),
            },
        }
    }

    /// What is known of a stored key, or what names are near.
    pub(crate) fn key_info(&self, name: &str) -> Result<KeyInfo, Failure> {
        self.keystore().info(name).map_err(|error| self.unknown_key(name, error))
    }

    /// The account that `--from` names.
    pub(crate) async fn sender_address(&self) -> Result<Address, Failure> {
        self.address(self.from()?).await
    }

    /// The key that `--from` names, opened.
    pub(crate) async fn signer(&self) -> Result<Signer, Failure> {
        let name = self.from()?;
        self.signer_named(name).await
    }

    /// A key by name, opened.
    pub(crate) async fn signer_named(&self, name: &str) -> Result<Signer, Failure> {
        let keystore = self.keystore();
        match keystore.info(name) {
            Ok(_) => {
                let passphrase = self.passphrase(&format!("Passphrase of `{name}`: "))?;
                Ok(keystore.unlock(name, &passphrase)?)
            }
            Err(error) => match self.dev_signer(name).await? {
                Some(signer) => Ok(signer),
                None => Err(self.unknown_account(name, error).await),
            },
        }
    }

    /// The verification key of this name; needs no passphrase.
    pub(crate) async fn public_key(&self, name: &str) -> Result<[u8; 32], Failure> {
        match self.keystore().info(name) {
            Ok(info) => Ok(info.public_key),
            Err(error) => match self.dev_signer(name).await? {
                Some(signer) => Ok(signer.public_key_bytes()),
                None => Err(self.unknown_account(name, error).await),
            },
        }
    }

    /// The passphrase, from a file, the environment, or whoever sits there.
    pub(crate) fn passphrase(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        if let Some(path) = &self.options.password_file {
            let text = std::fs::read_to_string(path)
                .map(Zeroizing::new)
                .map_err(|error| Failure::other(format!("`{}`: {error}", path.display())))?;
            return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        if let Ok(passphrase) = std::env::var("TESSERA_PASSWORD") {
            return Ok(Zeroizing::new(passphrase));
        }
        if self.options.no_input || !std::io::stdin().is_terminal() {
            return Err(Failure::usage("a passphrase is needed")
                .help("use --password-file FILE or TESSERA_PASSWORD"));
        }
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(|error| Failure::other(format!("cannot read the passphrase: {error}")))
    }

    /// The passphrase of a new key, asked for twice if somebody types it.
    pub(crate) fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let first = self.passphrase("New passphrase: ")?;
        let typed =
            self.options.password_file.is_none() && std::env::var_os("TESSERA_PASSWORD").is_none();
        if typed && self.passphrase("Once more: ")? != first {
            return Err(Failure::usage("the two passphrases differ"));
        }
        Ok(first)
    }

    /// An address with its name, if it has one here.
    pub(crate) fn label(&self, address: &Address) -> String {
        let chain_id = self.info.get().map(|info| info.chain_id.as_str());
        self.label_on(chain_id.unwrap_or_default(), address)
    }

    /// The name of an address, if it has one here.
    pub(crate) fn name_of(&self, address: &Address) -> Option<String> {
        let chain_id = self.info.get().map(|info| info.chain_id.as_str());
        self.name_on(chain_id.unwrap_or_default(), address)
    }

    /// Like [`Context::label`], of a chain that no node was asked about.
    pub(crate) fn label_on(&self, chain_id: &str, address: &Address) -> String {
        self.name_on(chain_id, address)
            .map_or_else(|| address.to_string(), |name| format!("{name} ({address})"))
    }

    fn name_on(&self, chain_id: &str, address: &Address) -> Option<String> {
        let keys: Vec<KeyInfo> = self.keystore().list().unwrap_or_default();
        let dev_name = || {
            let is_it = |name: &str| Signer::from_seed_phrase(name).address() == *address;
            let names = DEV_NAMES.iter().copied();
            names.filter(|_| is_dev_chain(chain_id)).find(|name| is_it(name)).map(str::to_owned)
        };
        keys.into_iter()
            .find(|key| key.account == *address)
            .map(|key| key.name)
            .or_else(dev_name)
            .or_else(|| self.own_accounts.try_lock().ok()?.get(address).cloned())
    }

    /// The name that `--from` gives.
    pub(crate) fn from(&self) -> Result<&str, Failure> {
        self.options.from.as_deref().ok_or_else(|| {
            Failure::usage("which account? say --from KEY")
                .help("list your keys with `tessera key list`")
        })
    }

    /// The development key of this name, where it may be used without asking for it as such.
    async fn dev_signer(&self, name: &str) -> Result<Option<Signer>, Failure> {
        if let Some(name) = name.strip_prefix(DEV_PREFIX) {
            return Ok(Some(Signer::from_seed_phrase(name)));
        }
        if !DEV_NAMES.contains(&name) {
            return Ok(None);
        }
        let info = self.info().await?;
        Ok(is_dev_chain(&info.chain_id).then(|| Signer::from_seed_phrase(name)))
    }

    async fn unknown_account(&self, name: &str, error: KeystoreError) -> Failure {
        // Development accounts are names too, but only a chain tells whether it has them.
        let _ = self.info().await;
        self.unknown_key(name, error)
    }

    fn unknown_key(&self, name: &str, error: KeystoreError) -> Failure {
        let keys = self.keystore().list().unwrap_or_default();
        let mut known: Vec<String> = keys.into_iter().map(|key| key.name).collect();
        if self.info.get().is_some_and(|info| is_dev_chain(&info.chain_id)) {
            known.extend(DEV_NAMES.map(str::to_owned));
        }
        Failure::from(error).suggest(name, &known)
    }
}

/// Whether a chain is for development by its name.
fn is_dev_chain(chain_id: &str) -> bool {
    chain_id.split('-').any(|part| part == "dev")
}

fn default_home() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".tessera")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_chains_are_known_by_name() {
        assert!(is_dev_chain("tessera-dev") && is_dev_chain("dev-7f3a"));
        assert!(!is_dev_chain("tessera-1") && !is_dev_chain("devnet"));
    }
}
