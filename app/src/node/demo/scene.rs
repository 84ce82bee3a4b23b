//! What every step works with: a connection, people who sign, and the books.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tessera_client::verify::{TrustRoot, VerifiedOwnership, verify_ownership};
use tessera_client::{Client, ClientError, Refusal, SendOptions, Signer};
use tessera_genesis::{Genesis, dev};
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::{Event, Receipt};
use tessera_proto::pb::query::v1::Certificate;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::books::Books;
use super::names::Names;
use super::register::CURRENCY_DECIMALS;
use super::screen::Screen;

/// How long a header or a height may be waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at something that is awaited.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What somebody wants to be done.
pub(super) type Request<'a> = (&'a str, Vec<Kind>);

/// What every step works with.
pub(super) struct Scene {
    /// The first node.
    pub(super) client: Client,
    /// All nodes.
    pub(super) nodes: Vec<Client>,
    pub(super) chain_id: String,
    /// The currency of the chain.
    pub(super) currency: AssetId,
    /// Hash of the validators, from the genesis document.
    pub(super) trusted: [u8; 32],
    /// Where files for the user go.
    pub(super) out: PathBuf,
    pub(super) screen: Screen,
    pub(super) books: Books,
    pub(super) names: Names,
    /// Transactions that are in blocks.
    pub(super) transactions: usize,
    /// Those of them that were refused, as they should be.
    pub(super) refused: usize,
    /// Block of the latest of them.
    pub(super) last_height: u64,
}

impl Scene {
    pub(super) async fn new(
        urls: &[String],
        genesis: &Genesis,
        out: PathBuf,
        screen: Screen,
    ) -> anyhow::Result<Self> {
        let mut nodes = Vec::with_capacity(urls.len());
        for url in urls {
            nodes.push(Client::connect(url).await?);
        }
        let currency = genesis.fee_currency().context("the chain has no fee currency")?.id();
        let mut names = Names::default();
        for account in &genesis.accounts {
            names.account(&account.address, account.name.clone().unwrap_or_default());
        }
        names.asset(&currency, &genesis.params.fee_currency);
        Ok(Self {
            client: nodes.first().context("the chain has no node")?.clone(),
            nodes,
            chain_id: genesis.chain_id.clone(),
            currency,
            trusted: super::trust::validators_hash(genesis)?,
            out,
            screen,
            books: Books::of_genesis(genesis)?,
            names,
            transactions: 0,
            refused: 0,
            last_height: 0,
        })
    }

    /// Sends operations as one transaction, which must succeed.
    pub(super) async fn send(&mut self, who: &str, what: Vec<Kind>) -> anyhow::Result<Receipt> {
        let mut receipts = self.send_all(vec![(who, what)]).await?;
        receipts.pop().context("no receipt")
    }

    /// Sends transactions at once, which must all succeed; receipts in the order of requests.
    pub(super) async fn send_all(
        &mut self,
        requests: Vec<Request<'_>>,
    ) -> anyhow::Result<Vec<Receipt>> {
        let mut receipts = Vec::with_capacity(requests.len());
        for (who, outcome) in self.outcomes(requests).await? {
            match outcome {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => {
                    let reason = self.names.in_text(&error.to_string());
                    bail!("{who} was refused ({}): {reason}", error.code());
                }
            }
        }
        Ok(receipts)
    }

    /// Sends a transaction that must get into a block and be refused there with this code.
    pub(super) async fn refuse(
        &mut self,
        who: &str,
        what: Vec<Kind>,
        code: &str,
    ) -> anyhow::Result<Box<Refusal>> {
        let mut outcomes = self.outcomes(vec![(who, what)]).await?;
        match outcomes.pop() {
            Some((_, Err(ClientError::Refused(mut refusal)))) => {
                let found = format!("{}/{}", refusal.codespace, refusal.code);
                ensure!(
                    found == code && refusal.height.is_some(),
                    "{who} should be refused with {code}, but the answer is {found}: {}",
                    refusal.message
                );
                refusal.message = self.names.in_text(&refusal.message);
                self.refused += 1;
                Ok(refusal)
            }
            Some((_, Err(error))) => Err(error.into()),
            _ => bail!("{who} should be refused with {code}, but was not"),
        }
    }

    async fn outcomes(
        &mut self,
        requests: Vec<Request<'_>>,
    ) -> anyhow::Result<Vec<(String, Result<Receipt, ClientError>)>> {
        let mut tasks = JoinSet::new();
        let mut people = Vec::with_capacity(requests.len());
        for (index, (who, what)) in requests.into_iter().enumerate() {
            people.push(who.to_owned());
            let (client, signer) = (self.client.clone(), Signer::from_seed_phrase(who));
            let options = SendOptions { lane: u32::try_from(index)?, ..SendOptions::default() };
            tasks.spawn(async move { (index, client.send_with(&signer, &what, options).await) });
        }
        let words = format!("waiting for a block with {} of {}", tasks.len(), people.join(", "));
        let mut outcomes = self.screen.waiting(&words, tasks.join_all()).await;
        outcomes.sort_by_key(|(index, _)| *index);
        for (_, outcome) in &outcomes {
            let height = match outcome {
                Ok(receipt) => Some(receipt.height),
                Err(ClientError::Refused(refusal)) => refusal.height,
                Err(_) => None,
            };
            self.transactions += usize::from(height.is_some());
            self.last_height = self.last_height.max(height.unwrap_or_default());
        }
        Ok(people.into_iter().zip(outcomes.into_iter().map(|(_, outcome)| outcome)).collect())
    }

    /// Compares everybody's balances with the books.
    pub(super) async fn check_books(&self) -> anyhow::Result<()> {
        let check = self.books.check(&self.client, &self.names);
        self.screen.waiting("comparing the books", check).await
    }

    /// Latest height of the first node.
    pub(super) async fn height(&self) -> anyhow::Result<u64> {
        Ok(self.client.info().await?.height)
    }

    /// Waits until the first node has committed a block of this height.
    pub(super) async fn wait_for_height(&self, height: u64) -> anyhow::Result<()> {
        let wait = async {
            let deadline = Instant::now() + PATIENCE;
            while self.height().await? < height {
                ensure!(Instant::now() < deadline, "block {height} did not come in time");
                sleep(POLL_INTERVAL).await;
            }
            Ok(())
        };
        self.screen.waiting(&format!("waiting for block {height}"), wait).await
    }

    /// The certificate of a holding as of a block, as soon as the next header is signed.
    pub(super) async fn certificate(
        &self,
        asset: &AssetId,
        account: &Address,
        height: u64,
    ) -> anyhow::Result<Certificate> {
        self.wait_for_height(height.saturating_add(1)).await?;
        let asset = asset.to_string();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.ownership_certificate(&asset, account, height).await {
                Ok(certificate) => return Ok(certificate),
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Checks a certificate with nothing but the validators of the genesis document.
    pub(super) fn verify(&self, certificate: &Certificate) -> anyhow::Result<VerifiedOwnership> {
        Ok(verify_ownership(certificate, &self.trust())?)
    }

    /// What proofs are checked against.
    pub(super) fn trust(&self) -> TrustRoot {
        TrustRoot::ValidatorsHash(self.trusted)
    }
}

/// The account of a development key.
pub(super) fn account(who: &str) -> Address {
    Signer::from_seed_phrase(who).address()
}

/// An amount of the currency in words.
pub(super) fn usdx(amount: Amount) -> String {
    format!("{} {}", amount.display(CURRENCY_DECIMALS), dev::CURRENCY.to_uppercase())
}

/// An amount of the currency, from display units.
pub(super) fn parse_usdx(text: &str) -> anyhow::Result<Amount> {
    Ok(Amount::parse_display(text, CURRENCY_DECIMALS)?)
}

/// The events of a receipt.
pub(super) fn events(receipt: &Receipt) -> &[Event] {
    receipt.outcome.as_ref().map(|outcome| outcome.events.as_slice()).unwrap_or_default()
}
