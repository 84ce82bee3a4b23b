//! `CollectPoolIncome`: what the members of a pool earn reaches its holders.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::pools::v1 as pb;

use super::composition::{self, Basket, MAX_MEMBERS};
use super::error::PoolError;
use super::pay_waterfall::PayWaterfall;
use super::waterfall;
use crate::modules::assets::load_currency;
use crate::modules::distributions::{ClaimIncome, PayIncome, collect_income};
use crate::modules::transfers::holdings;
use crate::modules::{Context, Message, committed, fields};
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::StateReader;

/// Pays what a pool has earned in a currency to those who hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectPoolIncome {
    /// The pool.
    pub pool: AssetId,
    /// What is paid.
    pub currency: AssetId,
    /// Whose income is collected first, ascending.
    pub members: Vec<AssetId>,
}

impl TryFrom<pb::CollectPoolIncome> for CollectPoolIncome {
    type Error = PoolError;

    /// Refuses malformed fields in the order of the message's fields, with
    /// [`PoolError::MembersNotAscending`]; then [`PoolError::NamedTwice`].
    fn try_from(message: pb::CollectPoolIncome) -> Result<Self, PoolError> {
        let pb::CollectPoolIncome { pool, currency, members } = message;
        let pool = fields::asset_id("pool", &pool)?;
        let currency = fields::asset_id("currency", &currency)?;
        let members = composition::read_members(&members, (0, MAX_MEMBERS))?;
        if pool == currency {
            return Err(PoolError::NamedTwice { asset: pool });
        }
        Ok(Self { pool, currency, members })
    }
}

impl CollectPoolIncome {
    fn to_tranches(&self, amount: Amount) -> PayWaterfall {
        let (parent, currency) = (self.pool, self.currency);
        PayWaterfall { parent, currency, amount, memo_sha256: None }
    }

    fn to_holders(&self, amount: Amount) -> PayIncome {
        let (asset, currency) = (self.pool, self.currency);
        PayIncome { asset, currency, amount, memo_sha256: None }
    }

    /// Collects from the members; what there is to pay then.
    fn collect(
        &self,
        context: &mut Context<'_>,
        basket: &Basket,
    ) -> Result<Amount, ExecutionError> {
        let Self { pool, currency, members } = self;
        let account = Address::pool_account(pool);
        let mut collected = Amount::ZERO;
        for member in members {
            let income = collect_income(context, member, currency, &account)?;
            collected = committed::sum("collected income", collected, income)?;
        }
        if basket.members.contains(currency) {
            return Ok(collected);
        }
        let facts = load_currency(context.state, currency)?;
        Ok(holdings::load_holding(context.state, (currency, &facts), &account)?.free())
    }
}

impl Message for CollectPoolIncome {
    fn declare(
        &self,
        _sender: &Address,
        state: &dyn StateReader,
        access: &mut AccessSet,
    ) -> Result<(), Fault> {
        let Self { pool, currency, members } = self;
        let account = Address::pool_account(pool);
        composition::declare(access, pool);
        for asset in members {
            let claim = ClaimIncome { asset: *asset, currency: *currency, holder: Some(account) };
            claim.declare(&account, state, access)?;
        }
        self.to_holders(Amount::ZERO).declare(&account, state, access)?;
        self.to_tranches(Amount::ZERO).declare(&account, state, access)
    }

    /// In order of precedence: [`AssetError::UnknownAsset`], [`PoolError::NotAPool`],
    /// [`PoolError::NotAMember`], [`AssetError::UnknownAsset`] and
    /// [`AssetError::NotACurrency`] of the currency, [`PoolError::NothingToCollect`]; then as
    /// an income of the pool, or a payment to its tranches, is refused.
    ///
    /// [`AssetError::UnknownAsset`]: crate::modules::assets::AssetError::UnknownAsset
    /// [`AssetError::NotACurrency`]: crate::modules::assets::AssetError::NotACurrency
    fn execute(&self, context: &mut Context<'_>) -> Result<(), ExecutionError> {
        let Self { pool: id, currency, members } = self;
        let basket = Basket::load(context.state, id)?;
        basket.require_members(members)?;
        load_currency(context.state, currency)?;
        let amount = self.collect(context, &basket)?;
        if amount.is_zero() {
            let (name, currency) = (basket.facts.name.clone(), *currency);
            return Err(PoolError::NothingToCollect { name, currency }.into());
        }
        let divided = waterfall::is_payable(context.state, (id, &basket.facts), currency)?;
        let mut own = Context {
            block: context.block,
            sender: Address::pool_account(id),
            state: &mut *context.state,
            events: &mut *context.events,
        };
        match divided {
            true => self.to_tranches(amount).execute(&mut own),
            false => self.to_holders(amount).execute(&mut own),
        }
    }
}
