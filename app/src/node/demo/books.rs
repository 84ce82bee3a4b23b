//! What everybody must hold, kept beside the chain and compared with it.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use tessera_client::Client;
use tessera_genesis::Genesis;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};

use super::names::Names;

/// Expected balances.
#[derive(Debug, Default)]
pub(super) struct Books {
    balances: BTreeMap<(AssetId, Address), Amount>,
}

impl Books {
    /// What the chain begins with: holdings, and the backing of prepaid fees.
    pub(super) fn of_genesis(genesis: &Genesis) -> anyhow::Result<Self> {
        let mut books = Self::default();
        for asset in &genesis.assets {
            for holding in &asset.holdings {
                books.issue(&asset.id(), &holding.account, holding.balance)?;
            }
        }
        let currency = genesis.fee_currency().context("the chain has no fee currency")?.id();
        let prepaid = genesis.fee_credit_total().context("prepaid fees overflow")?;
        books.issue(&currency, &Address::fee_pool(), prepaid)?;
        Ok(books)
    }

    /// What an account must hold.
    pub(super) fn balance(&self, asset: &AssetId, account: &Address) -> Amount {
        self.balances.get(&(*asset, *account)).copied().unwrap_or_default()
    }

    /// New units.
    pub(super) fn issue(
        &mut self,
        asset: &AssetId,
        to: &Address,
        amount: Amount,
    ) -> anyhow::Result<()> {
        let balance = self.balances.entry((*asset, *to)).or_default();
        *balance = balance.checked_add(amount).context("a balance overflows")?;
        Ok(())
    }

    /// Units that change hands.
    pub(super) fn transfer(
        &mut self,
        asset: &AssetId,
        (from, to): (&Address, &Address),
        amount: Amount,
    ) -> anyhow::Result<()> {
        let balance = self.balances.entry((*asset, *from)).or_default();
        *balance = balance
            .checked_sub(amount)
            .with_context(|| format!("{from} would owe units of {asset}"))?;
        self.issue(asset, to, amount)
    }

    /// Units of an asset that must exist.
    pub(super) fn supply(&self, asset: &AssetId) -> anyhow::Result<Amount> {
        self.of(asset)
            .try_fold(Amount::ZERO, |sum, (_, balance)| sum.checked_add(balance))
            .context("a supply overflows")
    }

    /// All balances of an asset that are above zero.
    pub(super) fn of<'a>(
        &'a self,
        asset: &'a AssetId,
    ) -> impl Iterator<Item = (Address, Amount)> + 'a {
        self.balances
            .iter()
            .filter(move |((of, _), balance)| of == asset && !balance.is_zero())
            .map(|((_, account), balance)| (*account, *balance))
    }

    /// Asks the chain for every balance, for supplies and numbers of holders, and compares.
    pub(super) async fn check(&self, client: &Client, names: &Names) -> anyhow::Result<()> {
        let mut assets: Vec<AssetId> = self.balances.keys().map(|(asset, _)| *asset).collect();
        assets.dedup();
        for ((asset, account), expected) in &self.balances {
            let holding = client.holding(&asset.to_string(), account, 0).await?;
            let found: Amount = holding.balance.parse()?;
            let (who, what) = (names.of(account), names.in_text(&asset.to_string()));
            ensure!(
                found == *expected,
                "{who} should hold {expected} base units of {what}, but holds {found}"
            );
        }
        for asset in &assets {
            let (facts, totals) = client.asset(&asset.to_string(), 0).await?;
            let (found, expected): (Amount, _) = (totals.supply.parse()?, self.supply(asset)?);
            ensure!(
                found == expected,
                "{expected} base units of {} should exist, but {found} do",
                facts.name
            );
            let holders = self.of(asset).count();
            ensure!(
                u64::try_from(holders).ok() == Some(totals.holder_count),
                "{} should have {holders} holders, but has {}",
                facts.name,
                totals.holder_count
            );
        }
        Ok(())
    }
}
