//! Why something about income is refused.

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};

use super::pay_income::MAX_INCOME_CURRENCIES;
use crate::modules::fields::FieldError;

/// A refused payment or claim of income.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// A field is malformed.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Asset and currency are the same.
    #[error("income of {asset} cannot be paid in its own units, use another currency")]
    PaidInOwnUnits {
        /// The asset.
        asset: AssetId,
    },
    /// Nobody holds a unit.
    #[error("`{name}` has no units yet, so nobody could receive its income")]
    NoUnits {
        /// Name of the asset.
        name: String,
    },
    /// The asset has income in as many currencies as it may.
    #[error(
        "`{name}` has income in {MAX_INCOME_CURRENCIES} currencies already, pay in one of them \
         instead of `{currency}`"
    )]
    TooManyCurrencies {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
    },
    /// Only the issuer may pay in a new currency.
    #[error(
        "`{name}` has no income in `{currency}` yet: the first payment in it must come from the \
         issuer, {issuer}"
    )]
    CurrencyNotOpened {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
        /// Who may.
        issuer: Address,
    },
    /// The index has no room for the payment.
    #[error("`{name}` has received as much income in `{currency}` as can be counted")]
    IndexExhausted {
        /// Name of the asset.
        name: String,
        /// Name of the currency.
        currency: String,
    },
    /// There is no income to claim.
    #[error("{account} has no income of `{name}` to claim in {currency}")]
    NothingToClaim {
        /// Who claims.
        account: Address,
        /// Name of the asset.
        name: String,
        /// Id of the currency.
        currency: AssetId,
    },
    /// There is no such record date.
    #[error("there is no record date {record} of this asset, or it was given up")]
    UnknownRecord {
        /// Its number.
        record: u64,
    },
    /// The record date is this block.
    #[error("record date {record} is the end of block {height}, which is not over: wait one block")]
    RecordNotFinished {
        /// Its number.
        record: u64,
        /// Its block.
        height: u64,
    },
    /// Too many record dates have passed since.
    #[error("too much has changed at too many record dates since block {record} to look it up")]
    RecordTooFarBack {
        /// Record height.
        record: u64,
    },
    /// The promise is nothing.
    #[error("nobody held enough of `{name}` at the end of block {record} to be due anything")]
    NobodyIsDue {
        /// Name of the asset.
        name: String,
        /// Record height.
        record: u64,
    },
    /// The promise overflows.
    #[error(
        "the promise to {entitled} base units is more than can be counted, promise less for a \
         unit"
    )]
    PromiseTooLarge {
        /// Units that it is for.
        entitled: Amount,
    },
    /// Less is paid in than is promised.
    #[error(
        "{funded} base units do not cover the {promised} that {entitled} base units of record \
         are promised, pay in the whole"
    )]
    NotFunded {
        /// What is paid in.
        funded: Amount,
        /// What is promised.
        promised: Amount,
        /// Units that it is for.
        entitled: Amount,
    },
    /// The distribution could never be paid.
    #[error("the distribution would end at {expires_ms} ms, and it is {now_ms} ms already")]
    AlreadyExpired {
        /// Its end.
        expires_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// The end is not after the payment date.
    #[error("it would end at {expires_ms} ms, not after its payment date, {payment_ms} ms")]
    ExpiresBeforePayment {
        /// Its payment date.
        payment_ms: u64,
        /// Its end.
        expires_ms: u64,
    },
    /// Nobody receives the tax.
    #[error("tax is withheld, but `tax_account` does not say who receives it")]
    NoTaxAccount,
    /// The list of holders and the selection contradict each other.
    #[error("`holders` must name somebody if holders are selected by list, and nobody if all are")]
    ListOfNobody,
    /// Accounts are not in ascending order, or one appears twice.
    #[error("{account} does not come after the account before it, sort and give each once")]
    AccountsNotAscending {
        /// The account.
        account: Address,
    },
    /// There is no such distribution.
    #[error("there is no distribution {distribution} of this asset")]
    UnknownDistribution {
        /// Its number.
        distribution: u64,
    },
    /// The distribution has been closed.
    #[error("distribution {distribution} is closed")]
    Closed {
        /// Its number.
        distribution: u64,
    },
    /// The payment date has not come.
    #[error("distribution {distribution} is paid from {payment_ms} ms on, it is {now_ms} ms")]
    NotPayableYet {
        /// Its number.
        distribution: u64,
        /// Its payment date.
        payment_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// The distribution has ended.
    #[error("distribution {distribution} ended at {expires_ms} ms, it is {now_ms} ms")]
    Expired {
        /// Its number.
        distribution: u64,
        /// Its end.
        expires_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// The holder has been paid.
    #[error("{holder} has been paid distribution {distribution}")]
    AlreadyPaid {
        /// The holder.
        holder: Address,
        /// Its number.
        distribution: u64,
    },
    /// The holder is due nothing.
    #[error(
        "{holder} is due nothing of distribution {distribution}: it held too little at the \
         record date, or is not selected"
    )]
    NothingDue {
        /// The holder.
        holder: Address,
        /// Its number.
        distribution: u64,
    },
    /// The distribution goes on.
    #[error(
        "distribution {distribution} goes on until {expires_ms} ms, it is {now_ms} ms; only \
         its payer may cancel it, and only before its payment date"
    )]
    NotOverYet {
        /// Its number.
        distribution: u64,
        /// Its end.
        expires_ms: u64,
        /// Time of the block.
        now_ms: u64,
    },
    /// Periods are not in order.
    #[error("the period that ends on day {day} does not end after it begins")]
    PeriodsNotAscending {
        /// Its last day.
        day: u32,
    },
    /// More is repaid than is owed.
    #[error("the periods repay {sum} basis points of the principal, at most 10000 are owed")]
    RepaysTooMuch {
        /// Sum of all repayments.
        sum: u32,
    },
    /// There is no such schedule.
    #[error("there is no schedule of coupons {schedule} of this asset")]
    UnknownSchedule {
        /// Its number.
        schedule: u64,
    },
    /// Periods are paid in order, each once.
    #[error("period {next} of schedule {schedule} comes next")]
    NotTheNextPeriod {
        /// Its number.
        schedule: u64,
        /// The period that comes next.
        next: u32,
    },
    /// The period does not exist or pays nothing.
    #[error("schedule {schedule} pays nothing that can be counted in period {period}")]
    NoCoupon {
        /// Its number.
        schedule: u64,
        /// The period.
        period: u32,
    },
    /// The payment date is before the end of the period.
    #[error(
        "period {period} is due at {due_ms} ms, a payment date of {payment_ms} ms is too \
         early"
    )]
    PaidBeforeDue {
        /// The period.
        period: u32,
        /// Its end.
        due_ms: u64,
        /// The payment date.
        payment_ms: u64,
    },
    /// There is nothing to delete.
    #[error("no record date of `{name}` and no old balance of these accounts can be given up yet")]
    NothingToPrune {
        /// Name of the asset.
        name: String,
    },
    /// The block of a record date is over.
    #[error("block {height} is over, this is block {now}: name this or a later block")]
    RecordInThePast {
        /// The block.
        height: u64,
        /// This block.
        now: u64,
    },
    /// Too many record dates are declared ahead.
    #[error("`{name}` has {most} record dates ahead, declare more when one has passed")]
    TooManyScheduled {
        /// Name of the asset.
        name: String,
        /// Most that there can be.
        most: usize,
    },
    /// The part overflows.
    #[error("the part of {holder} in distribution {distribution} is more than can be counted")]
    PartTooLarge {
        /// The holder.
        holder: Address,
        /// Its number.
        distribution: u64,
    },
}

impl DistributionError {
    /// Stable number within the codespace.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Field(error) => error.code(),
            Self::PaidInOwnUnits { .. } => 10,
            Self::NoUnits { .. } => 11,
            Self::TooManyCurrencies { .. } => 12,
            Self::CurrencyNotOpened { .. } => 13,
            Self::IndexExhausted { .. } => 14,
            Self::NothingToClaim { .. } => 15,
            Self::UnknownRecord { .. } => 16,
            Self::RecordNotFinished { .. } => 17,
            Self::RecordTooFarBack { .. } => 18,
            Self::NobodyIsDue { .. } => 19,
            Self::PromiseTooLarge { .. } => 20,
            Self::NotFunded { .. } => 21,
            Self::AlreadyExpired { .. } => 22,
            Self::ExpiresBeforePayment { .. } => 23,
            Self::NoTaxAccount => 24,
            Self::ListOfNobody => 25,
            Self::AccountsNotAscending { .. } => 26,
            Self::UnknownDistribution { .. } => 27,
            Self::Closed { .. } => 28,
            Self::NotPayableYet { .. } => 29,
            Self::Expired { .. } => 30,
            Self::AlreadyPaid { .. } => 31,
            Self::NothingDue { .. } => 32,
            Self::NotOverYet { .. } => 33,
            Self::PeriodsNotAscending { .. } => 34,
            Self::RepaysTooMuch { .. } => 35,
            Self::UnknownSchedule { .. } => 36,
            Self::NotTheNextPeriod { .. } => 37,
            Self::NoCoupon { .. } => 38,
            Self::PaidBeforeDue { .. } => 39,
            Self::NothingToPrune { .. } => 40,
            Self::RecordInThePast { .. } => 41,
            Self::TooManyScheduled { .. } => 42,
            Self::PartTooLarge { .. } => 43,
        }
    }
}

crate::rejection!(DistributionError, "distributions");
