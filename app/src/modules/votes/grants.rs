//! Money of a treasury set aside by vote: streams, due evenly over time, and milestones, each
//! released by a vote of its own.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::event::Kind;
use tessera_proto::pb::votes::v1 as pb;
use tessera_proto::pb::votes::v1::Grant;
use tessera_proto::state_key::StateKey;

use super::error::VoteError;
use crate::modules::assets::load_asset;
use crate::modules::committed::{self, broken};
use crate::modules::transfers::holdings;
use crate::modules::{Context, eligibility, fields};
use crate::num::mul_div_floor;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader};

/// Most milestones of a grant.
pub const MAX_MILESTONES: usize = 32;

/// For whom money is set aside, and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantTerms {
    /// What is paid.
    pub currency: AssetId,
    /// Who receives it.
    pub to: Address,
    /// All of it.
    pub total: Amount,
    /// When it is due.
    pub plan: GrantPlan,
}

/// When money that is set aside is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantPlan {
    /// Evenly between two times.
    Stream {
        /// Begin, in milliseconds since the Unix epoch.
        start_ms: u64,
        /// End; later.
        end_ms: u64,
    },
    /// In parts, each when it is released.
    Milestones(Vec<Amount>),
}

impl TryFrom<pb::OpenGrant> for GrantTerms {
    type Error = VoteError;

    /// Refuses malformed fields in the order of the message's fields, then
    /// [`VoteError::StreamEndsBeforeItBegins`], or of milestones [`VoteError::GrantTooLarge`].
    fn try_from(terms: pb::OpenGrant) -> Result<Self, VoteError> {
        let pb::OpenGrant { currency, to, amount, start_ms, end_ms, milestones } = terms;
        let currency = fields::asset_id("outcome.currency", &currency)?;
        let to = fields::recipient("outcome.to", &to)?;
        if milestones.is_empty() {
            let total = fields::amount("outcome.amount", &amount)?;
            if end_ms <= start_ms {
                return Err(VoteError::StreamEndsBeforeItBegins { start_ms, end_ms });
            }
            let plan = GrantPlan::Stream { start_ms, end_ms };
            return Ok(Self { currency, to, total, plan });
        }
        fields::length("outcome.amount", amount.as_bytes(), 0, 0)?;
        fields::range("start_ms", start_ms, 0, 0)?;
        fields::range("end_ms", end_ms, 0, 0)?;
        fields::count("milestones", milestones.len(), 1, MAX_MILESTONES)?;
        let (mut parts, mut total) = (Vec::with_capacity(milestones.len()), Amount::ZERO);
        for part in &milestones {
            let part = fields::amount("milestones", part)?;
            total = total.checked_add(part).ok_or(VoteError::GrantTooLarge)?;
            parts.push(part);
        }
        Ok(Self { currency, to, total, plan: GrantPlan::Milestones(parts) })
    }
}

impl From<&GrantTerms> for pb::OpenGrant {
    fn from(terms: &GrantTerms) -> Self {
        let GrantTerms { currency, to, total, plan } = terms;
        let (currency, to) = (currency.to_bytes(), to.to_bytes());
        match plan {
            GrantPlan::Stream { start_ms, end_ms } => Self {
                currency,
                to,
                amount: total.to_string(),
                start_ms: *start_ms,
                end_ms: *end_ms,
                milestones: Vec::new(),
            },
            GrantPlan::Milestones(parts) => {
                let milestones = parts.iter().map(Amount::to_string).collect();
                Self { currency, to, milestones, ..Self::default() }
            }
        }
    }
}

impl GrantTerms {
    fn committed(grant: &Grant) -> Result<Self, Fault> {
        let terms = grant.terms.clone().ok_or_else(|| broken("a grant has no terms"))?;
        terms.try_into().map_err(|error| broken(format!("terms of a grant: {error}")))
    }

    /// What is due until a time, rounded down.
    fn due(&self, milestones_released: u32, now_ms: u64) -> Result<Amount, Fault> {
        match &self.plan {
            GrantPlan::Stream { start_ms, end_ms } => {
                let passed = now_ms.min(*end_ms).saturating_sub(*start_ms);
                let length = end_ms.saturating_sub(*start_ms);
                mul_div_floor(self.total, passed.into(), length.into())
                    .ok_or_else(|| broken("a stream has no length"))
            }
            GrantPlan::Milestones(parts) => {
                let released = usize::try_from(milestones_released).unwrap_or(usize::MAX);
                parts
                    .iter()
                    .take(released)
                    .try_fold(Amount::ZERO, |sum, part| committed::sum("milestones", sum, *part))
            }
        }
    }
}

/// Declares what [`open`] touches.
pub(super) fn declare_open(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    number: u64,
    terms: &GrantTerms,
) -> Result<(), Fault> {
    access.write(StateKey::grant(asset, number));
    let record = holdings::record_height(state, &terms.currency)?;
    access.debit(&terms.currency, &Address::treasury(asset), record);
    access.credit(&terms.currency, &Address::grant_pool(asset, number), record);
    Ok(())
}

/// Declares what [`pay_due`] and [`cancel`] touch.
pub(super) fn declare_end(
    state: &dyn StateReader,
    access: &mut AccessSet,
    asset: &AssetId,
    number: u64,
) -> Result<(), Fault> {
    let key = StateKey::grant(asset, number);
    access.write(key);
    let Some(grant) = state.leaf::<Grant>(&key)? else { return Ok(()) };
    let GrantTerms { currency, to, .. } = GrantTerms::committed(&grant)?;
    let record = holdings::record_height(state, &currency)?;
    access.debit(&currency, &Address::grant_pool(asset, number), record);
    access.credit(&currency, &to, record);
    access.credit(&currency, &Address::treasury(asset), record);
    Ok(())
}

/// Sets money aside; false when the treasury does not have it.
pub(super) fn open(
    context: &mut Context<'_>,
    asset: &AssetId,
    number: u64,
    terms: &GrantTerms,
) -> Result<bool, ExecutionError> {
    let GrantTerms { currency, to, total, .. } = terms;
    let (treasury, pool) = (Address::treasury(asset), Address::grant_pool(asset, number));
    if !holdings::can_debit(context.state, currency, &treasury, *total)? {
        return Ok(false);
    }
    holdings::debit(context.state, context.block, currency, &treasury, *total)?;
    holdings::credit(context.state, currency, &pool, *total)?;
    let grant = Grant {
        asset: asset.to_bytes(),
        number,
        terms: Some(terms.into()),
        total: total.to_string(),
        paid: Amount::ZERO.to_string(),
        milestones_released: 0,
        cancelled: false,
    };
    context.state.store(StateKey::grant(asset, number), &grant)?;
    context.emit(Kind::GrantOpened(pb::GrantOpened {
        asset: asset.to_bytes(),
        grant: number,
        currency: currency.to_bytes(),
        to: to.to_bytes(),
        amount: total.to_string(),
    }));
    Ok(true)
}

/// Releases the next milestone; false when it is not that one, or there is no such grant.
pub(super) fn release(
    context: &mut Context<'_>,
    asset: &AssetId,
    number: u64,
    milestone: u32,
) -> Result<bool, ExecutionError> {
    let key = StateKey::grant(asset, number);
    let Some(mut grant) = context.state.load::<Grant>(&key)? else { return Ok(false) };
    let terms = GrantTerms::committed(&grant)?;
    let count = match &terms.plan {
        GrantPlan::Stream { .. } => 0,
        GrantPlan::Milestones(parts) => u32::try_from(parts.len()).unwrap_or(u32::MAX),
    };
    let next = grant.milestones_released.saturating_add(1);
    if grant.cancelled || milestone != next || milestone > count {
        return Ok(false);
    }
    grant.milestones_released = milestone;
    context.state.store(key, &grant)?;
    let (asset, to) = (asset.to_bytes(), terms.to.to_bytes());
    let event = pb::MilestoneReleased { asset, grant: number, milestone, to };
    context.emit(Kind::MilestoneReleased(event));
    Ok(true)
}

/// Pays what is due and was not paid yet; how much that was.
pub(super) fn pay_due(
    context: &mut Context<'_>,
    asset: &AssetId,
    grant: &mut Grant,
) -> Result<Amount, ExecutionError> {
    let terms = GrantTerms::committed(grant)?;
    let due = terms.due(grant.milestones_released, context.block.time_ms)?;
    let paid = committed::amount("paid of a grant", &grant.paid)?;
    let amount = due.saturating_sub(paid);
    if amount.is_zero() {
        return Ok(amount);
    }
    let GrantTerms { currency, to, .. } = &terms;
    let pool = Address::grant_pool(asset, grant.number);
    holdings::debit(context.state, context.block, currency, &pool, amount)?;
    holdings::credit(context.state, currency, to, amount)?;
    grant.paid = due.to_string();
    context.emit(Kind::GrantPaid(pb::GrantPaid {
        asset: asset.to_bytes(),
        grant: grant.number,
        currency: currency.to_bytes(),
        to: to.to_bytes(),
        amount: amount.to_string(),
    }));
    Ok(amount)
}

/// Pays what is due, unless the recipient is denied the chain, and returns the rest to the
/// treasury; false when there is no such grant, or its money cannot move now.
pub(super) fn cancel(
    context: &mut Context<'_>,
    asset: &AssetId,
    number: u64,
) -> Result<bool, ExecutionError> {
    let key = StateKey::grant(asset, number);
    let Some(mut grant) = context.state.load::<Grant>(&key)? else { return Ok(false) };
    let GrantTerms { currency, to, .. } = GrantTerms::committed(&grant)?;
    let pool = Address::grant_pool(asset, number);
    let facts = load_asset(context.state, &currency)?;
    let held = holdings::load_holding(context.state, (&currency, &facts), &pool)?.balance;
    if grant.cancelled || !holdings::can_debit(context.state, &currency, &pool, held)? {
        return Ok(false);
    }
    let due = match eligibility::is_denied(context.state, &to)? {
        true => Amount::ZERO,
        false => pay_due(context, asset, &mut grant)?,
    };
    let rest = committed::difference("rest of a grant", held, due)?;
    if !rest.is_zero() {
        holdings::debit(context.state, context.block, &currency, &pool, rest)?;
        holdings::credit(context.state, &currency, &Address::treasury(asset), rest)?;
    }
    grant.cancelled = true;
    context.state.store(key, &grant)?;
    context.emit(Kind::GrantCancelled(pb::GrantCancelled {
        asset: asset.to_bytes(),
        grant: number,
        currency: currency.to_bytes(),
        returned: rest.to_string(),
    }));
    Ok(true)
}
