//! What is agreed of a distribution beside its amount per unit.

use std::collections::{BTreeMap, BTreeSet};

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::assets::v1::Asset;
use tessera_proto::pb::compliance::v1::Wallet;
use tessera_proto::pb::distributions::v1 as pb;
use tessera_proto::pb::distributions::v1::{
    Distribution, HolderSelection, HolderTerms, RemainderPolicy,
};
use tessera_proto::state_key::StateKey;

use super::error::DistributionError;
use crate::modules::eligibility::{identity_of, wallet};
use crate::modules::fields::{self, FieldError};
use crate::num::FULL_BPS;
use crate::state::access::AccessSet;
use crate::state::error::{ExecutionError, Fault};
use crate::state::view::{LeafReader, Leaves, StateReader, StateView};

/// Most accounts of each list of a distribution.
pub const MAX_LISTED: usize = 256;

/// Terms of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What is paid in; above zero.
    pub funded: Amount,
    /// Time from which on it is paid.
    pub payment_ms: u64,
    /// Time from which on it is not any more; after the payment.
    pub expires_ms: u64,
    /// Tax withheld from whoever has no rate of its own.
    pub withholding_bps: u32,
    /// Who receives the tax; set where any is withheld.
    pub tax_account: Option<Address>,
    /// Rates of their own.
    pub rates: BTreeMap<Address, u32>,
    /// Who is paid.
    pub selection: HolderSelection,
    /// Those whom the selection is about.
    pub holders: BTreeSet<Address>,
    /// Who receives what is left.
    pub remainder: RemainderPolicy,
    /// Hash of the resolution behind it.
    pub memo_sha256: Option<[u8; 32]>,
}

impl TryFrom<Option<pb::DistributionTerms>> for Terms {
    type Error = DistributionError;

    /// Refuses missing terms and malformed fields in the order of the message's fields, then
    /// [`DistributionError::ExpiresBeforePayment`], [`DistributionError::NoTaxAccount`],
    /// [`DistributionError::ListOfNobody`].
    fn try_from(terms: Option<pb::DistributionTerms>) -> Result<Self, DistributionError> {
        let terms = terms.ok_or(FieldError::Missing { field: "terms" })?;
        let pb::DistributionTerms { payment_ms, expires_ms, withholding_bps, .. } = terms;
        let checked = Self {
            funded: fields::amount("funded", &terms.funded)?,
            payment_ms,
            expires_ms,
            withholding_bps: fields::range("withholding_bps", withholding_bps, 0, FULL_BPS)?,
            tax_account: match terms.tax_account.is_empty() {
                true => None,
                false => Some(fields::recipient("tax_account", &terms.tax_account)?),
            },
            rates: rates(terms.rates)?,
            selection: selection(terms.selection)?,
            holders: holders(&terms.holders)?,
            remainder: remainder(terms.remainder)?,
            memo_sha256: fields::optional_sha256("memo_sha256", &terms.memo_sha256)?,
        };
        checked.check()
    }
}

impl Terms {
    fn check(self) -> Result<Self, DistributionError> {
        let Self { payment_ms, expires_ms, .. } = self;
        if expires_ms <= payment_ms {
            return Err(DistributionError::ExpiresBeforePayment { payment_ms, expires_ms });
        }
        let taxed = self.withholding_bps > 0 || self.rates.values().any(|bps| *bps > 0);
        if taxed && self.tax_account.is_none() {
            return Err(DistributionError::NoTaxAccount);
        }
        if (self.selection == HolderSelection::All) != self.holders.is_empty() {
            return Err(DistributionError::ListOfNobody);
        }
        Ok(self)
    }

    /// Everybody of whom something is said.
    fn named(&self) -> BTreeSet<Address> {
        self.rates.keys().chain(&self.holders).copied().collect()
    }

    /// Declares what [`Terms::store`] touches for a distribution of one of these numbers.
    pub(super) fn declare(
        &self,
        state: &dyn StateReader,
        access: &mut AccessSet,
        (asset, facts): (&AssetId, &Asset),
        numbers: &[u64],
    ) -> Result<(), Fault> {
        let mut subjects = self.named();
        if facts.regulated {
            for account in self.named() {
                let key = StateKey::wallet(&account);
                access.read(key);
                let wallet: Wallet = state.leaf(&key)?.unwrap_or_default();
                subjects.extend(identity_of(&wallet)?);
            }
        }
        for number in numbers {
            for account in &subjects {
                access.write(StateKey::holder_terms(asset, *number, account));
            }
        }
        Ok(())
    }

    /// Stores what is said of single holders: of a regulated asset under their identities, so that
    /// it counts for all their wallets. Of several rates for one identity the highest counts.
    /// The accounts that were named keep it, too: a wallet can leave its identity.
    ///
    /// Who is paid although others are not stands under the account: the distribution is funded
    /// for the accounts that were named.
    pub(super) fn store(
        &self,
        view: &mut dyn StateView,
        (asset, facts): (&AssetId, &Asset),
        number: u64,
    ) -> Result<(), ExecutionError> {
        let excluded = self.selection == HolderSelection::NotListed;
        let mut said = BTreeMap::<Address, HolderTerms>::new();
        let mut subjects = BTreeMap::<Address, Address>::new();
        for account in self.named() {
            let identity = match facts.regulated {
                true => identity_of(&wallet(view, &account)?)?,
                false => None,
            };
            let subject = identity.unwrap_or(account);
            subjects.insert(account, subject);
            if let Some(bps) = self.rates.get(&account) {
                let terms = said.entry(subject).or_default();
                terms.withholding_bps = terms.withholding_bps.max(Some(*bps));
            }
            if self.holders.contains(&account) {
                let subject = if excluded { subject } else { account };
                said.entry(subject).or_default().listed = true;
            }
        }
        for (account, subject) in subjects {
            let of_subject = said.get(&subject).copied().unwrap_or_default();
            let own = said.entry(account).or_default();
            own.listed |= excluded && of_subject.listed;
            own.withholding_bps = own.withholding_bps.max(of_subject.withholding_bps);
        }
        for (subject, terms) in said {
            view.store(StateKey::holder_terms(asset, number, &subject), &terms)?;
        }
        Ok(())
    }
}

/// What is said of a holder itself, together with what is said of its identity.
pub(super) fn combined(
    distribution: &Distribution,
    own: Option<HolderTerms>,
    identity: Option<HolderTerms>,
) -> HolderTerms {
    let own = own.unwrap_or_default();
    let identity = identity.unwrap_or_default();
    let excluded = distribution.selection() == HolderSelection::NotListed && identity.listed;
    HolderTerms {
        listed: own.listed || excluded,
        withholding_bps: own.withholding_bps.or(identity.withholding_bps),
    }
}

fn rates(given: Vec<pb::WithholdingRate>) -> Result<BTreeMap<Address, u32>, DistributionError> {
    fields::count("rates", given.len(), 0, MAX_LISTED)?;
    let mut rates = BTreeMap::<Address, u32>::new();
    for pb::WithholdingRate { account, withholding_bps } in given {
        let account = fields::address("account", &account)?;
        fields::range("withholding_bps", withholding_bps, 0, FULL_BPS)?;
        if rates.last_key_value().is_some_and(|(last, _)| *last >= account) {
            return Err(DistributionError::AccountsNotAscending { account });
        }
        rates.insert(account, withholding_bps);
    }
    Ok(rates)
}

/// Reads accounts in ascending order.
pub(super) fn holders(given: &[bytes::Bytes]) -> Result<BTreeSet<Address>, DistributionError> {
    fields::count("holders", given.len(), 0, MAX_LISTED)?;
    let mut holders = BTreeSet::<Address>::new();
    for account in given {
        let account = fields::address("holders", account)?;
        if holders.last().is_some_and(|last| *last >= account) {
            return Err(DistributionError::AccountsNotAscending { account });
        }
        holders.insert(account);
    }
    Ok(holders)
}

fn selection(value: i32) -> Result<HolderSelection, FieldError> {
    fields::range("selection", value, 1, i32::from(HolderSelection::NotListed))?;
    // The range check leaves only values that the enum has.
    Ok(HolderSelection::try_from(value).unwrap_or(HolderSelection::Unspecified))
}

fn remainder(value: i32) -> Result<RemainderPolicy, FieldError> {
    fields::range("remainder", value, 1, i32::from(RemainderPolicy::Treasury))?;
    Ok(RemainderPolicy::try_from(value).unwrap_or(RemainderPolicy::Unspecified))
}
