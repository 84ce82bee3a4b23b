//! A naive model of the chain: what each transaction must do, as plainly as it can be written.
//!
//! It shares no code with the state machine. Where that is clever, this is not: income is added
//! to every holder at each payment, record dates are copies of all balances, what binds units is
//! added up from the offers, tallies are added up from the votes, and a transaction that fails is
//! undone by going back to a copy of everything.

mod about;
mod assets;
mod compare;
mod form;
mod income;
mod market;
mod pools;
mod records;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use ruint::aliases::U512;
use tessera_genesis::Genesis;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::Authority;
use tessera_proto::pb::assets::v1::{Appraisal, AssetClass, AssetStatus};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::{Receipt, TransactionBody};

use about::assets_of;
use market::{LastSale, Offer};
use pools::Waterfall;
use records::{Distribution, Record};
use votes::{Delegation, Proposal};

/// Codespace and code.
pub type Refusal = (&'static str, u32);

/// The refusal of a transaction that depends on something that its block has changed before.
pub const STATE_CHANGED: Refusal = ("tx", 10);

/// Largest amount: 2^127 - 1.
const MAX_AMOUNT: u128 = u128::MAX >> 1;

/// A transaction with what is known about it because it was made here.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The bytes that are sent.
    pub bytes: Bytes,
    /// What they say, or why they say nothing.
    pub content: Result<TransactionBody, Refusal>,
    /// Keys that have signed, in ascending order.
    pub signers: Vec<[u8; 32]>,
    /// Whether all of them have signed these bytes for this chain.
    pub signatures_match: bool,
}

/// What becomes of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is refused, if it is.
    pub refusal: Option<Refusal>,
    /// Fee that is charged all the same.
    pub fee: u128,
}

impl Verdict {
    /// What a receipt says.
    #[must_use]
    pub fn of(receipt: &Receipt) -> (u32, String, u128) {
        let outcome = receipt.outcome.clone().unwrap();
        (outcome.code, outcome.codespace, outcome.fee.parse().unwrap())
    }
}

#[derive(Debug, Clone, Default)]
struct Account {
    authority: Option<Authority>,
    fee_credit: u128,
    lanes: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone)]
struct Asset {
    name: String,
    class: AssetClass,
    active: bool,
    issuer: Address,
    max_supply: u128,
    supply: u128,
    appraisals: Vec<Appraisal>,
    schedule: Option<Vec<(Address, u32)>>,
    resale_bps: u32,
    /// Currencies of income, in order of their first payment, with what rounding has given away.
    income: Vec<(AssetId, u128)>,
    /// Sum of all steps of income by currency.
    risen: BTreeMap<AssetId, U512>,
    proposals: u64,
    /// What a pool may keep.
    members: Option<BTreeSet<AssetId>>,
    waterfall: Option<Waterfall>,
    /// Parent and rank of a tranche.
    tranche_of: Option<(AssetId, u32)>,
}

#[derive(Debug, Clone, Default)]
struct Income {
    /// Base units times 2^128 since the balance last changed.
    unsettled: U512,
    accrued: u128,
}

/// The chain.
#[derive(Debug, Clone)]
pub struct Model {
    chain_id: String,
    fees: [u128; 3],
    max_validity_blocks: u64,
    fee_currency: AssetId,
    appraisers: BTreeSet<Address>,
    accounts: BTreeMap<Address, Account>,
    assets: BTreeMap<AssetId, Asset>,
    balances: BTreeMap<(AssetId, Address), u128>,
    /// Of an asset, for a holder, in a currency.
    income: BTreeMap<(AssetId, Address, AssetId), Income>,
    records: BTreeMap<(AssetId, u64), Record>,
    distributions: BTreeMap<(AssetId, u64), Distribution>,
    proposals: BTreeMap<(AssetId, u64), Proposal>,
    /// Of a holder of an asset.
    delegations: BTreeMap<(AssetId, Address), Delegation>,
    /// By asset, seller and number.
    offers: BTreeMap<(AssetId, Address, u64), Offer>,
    /// By asset and currency.
    last_sales: BTreeMap<(AssetId, AssetId), LastSale>,
    fee_pot: u128,
    height: u64,
    time_ms: u64,
    chain_id_hash: [u8; 32],
    /// Assets about which this block has changed more than quantities.
    reshaped: BTreeSet<AssetId>,
}

type Step = Result<(), Refusal>;

fn refuse<T>(codespace: &'static str, code: u32) -> Result<T, Refusal> {
    Err((codespace, code))
}

fn asset_id(bytes: &Bytes) -> AssetId {
    AssetId::try_from(bytes.as_ref()).unwrap()
}

fn address(bytes: &Bytes) -> Address {
    Address::try_from(bytes.as_ref()).unwrap()
}

fn number(text: &str) -> u128 {
    text.parse().unwrap()
}

impl Model {
    /// The chain at height 0.
    ///
    /// # Panics
    /// When the genesis document is not valid.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Self {
        let fee_currency = genesis.fee_currency().unwrap().id();
        let params = &genesis.params;
        let fees = [params.fee_per_transaction, params.fee_per_operation, params.fee_per_byte];
        let mut model = Self {
            chain_id: genesis.chain_id.clone(),
            fees: fees.map(u128::from),
            max_validity_blocks: params.max_validity_blocks,
            fee_currency,
            appraisers: genesis.appraisers.iter().map(|one| one.address).collect(),
            accounts: BTreeMap::new(),
            assets: BTreeMap::new(),
            balances: BTreeMap::new(),
            income: BTreeMap::new(),
            records: BTreeMap::new(),
            distributions: BTreeMap::new(),
            proposals: BTreeMap::new(),
            delegations: BTreeMap::new(),
            offers: BTreeMap::new(),
            last_sales: BTreeMap::new(),
            fee_pot: 0,
            height: 0,
            time_ms: 0,
            chain_id_hash: tessera_proto::signing::chain_id_hash(&genesis.chain_id),
            reshaped: BTreeSet::new(),
        };
        for asset in &genesis.assets {
            let max_supply = asset.max_supply.base_units();
            let mut entry = model.fresh_asset(&asset.name, asset.class, asset.issuer, max_supply);
            entry.active = asset.status == AssetStatus::Active;
            model.assets.insert(asset.id(), entry);
            for holding in &asset.holdings {
                model.issue(&asset.id(), &holding.account, holding.balance.base_units());
            }
        }
        for account in &genesis.accounts {
            let fee_credit = account.fee_credit.base_units();
            let entry = Account { fee_credit, ..Account::default() };
            model.accounts.insert(account.address, entry);
            model.issue(&fee_currency, &Address::fee_pool(), fee_credit);
        }
        model
    }

    /// Height of the latest block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Begins the next block.
    pub fn begin_block(&mut self, time_ms: u64) {
        self.height += 1;
        self.time_ms = time_ms;
        self.reshaped.clear();
    }

    /// Ends the block: what every holder has now is copied where it is a record date.
    pub fn end_block(&mut self) {
        for ((asset, _), record) in &mut self.records {
            if record.height == self.height {
                let held = self.balances.iter().filter(|((of, _), _)| of == asset);
                let held = held.map(|((_, who), balance)| (*who, *balance)).collect();
                record.balances = Arc::new(held);
            }
        }
    }

    /// Nonce that an account's next transaction in a lane needs.
    #[must_use]
    pub fn next_nonce(&self, account: &Address, lane: u32) -> u64 {
        let account = self.accounts.get(account);
        account.and_then(|account| account.lanes.get(&lane)).copied().unwrap_or(0)
    }

    /// Keys that suffice to sign for an account, if it has other keys than its first.
    #[must_use]
    pub fn authority(&self, account: &Address) -> Option<&Authority> {
        self.accounts.get(account)?.authority.as_ref()
    }

    /// Carries out a transaction. `state_changed` says that the chain has refused it because the
    /// block has changed before what it depends on; the model only checks that this may be.
    ///
    /// # Panics
    /// When that may not be.
    pub fn apply(&mut self, submission: &Submission, state_changed: bool) -> Verdict {
        let body = match self.charge(submission) {
            Ok(body) => body,
            Err(refusal) => return Verdict { refusal: Some(refusal), fee: 0 },
        };
        let fee = self.fee(submission, &body);
        if state_changed {
            let plausible = body.operations.iter().any(|op| {
                let assets = assets_of(op.kind.as_ref().unwrap(), &address(&body.sender));
                assets.iter().any(|asset| self.reshaped.contains(asset))
            }) || body.operations.len() > 1;
            assert!(plausible, "nothing has changed that {body:?} depends on");
            return Verdict { refusal: Some(STATE_CHANGED), fee };
        }
        let before = self.clone();
        let sender = address(&body.sender);
        for operation in &body.operations {
            if let Err(refusal) = self.execute(&sender, operation.kind.as_ref().unwrap()) {
                *self = before;
                return Verdict { refusal: Some(refusal), fee };
            }
        }
        Verdict { refusal: None, fee }
    }

    fn charge(&mut self, submission: &Submission) -> Result<TransactionBody, Refusal> {
        let body = submission.content.clone()?;
        if !(1..=64).contains(&body.operations.len()) {
            return refuse("tx", 7);
        }
        if body.chain_id != self.chain_id {
            return refuse("tx", 3);
        }
        for operation in &body.operations {
            form::check(operation.kind.as_ref().ok_or(("tx", 11))?)?;
        }
        if submission.signers.is_empty() || !submission.signatures_match {
            return refuse("tx", 6);
        }
        if body.valid_until_height < self.height {
            return refuse("tx", 4);
        }
        if body.valid_until_height - self.height > self.max_validity_blocks {
            return refuse("tx", 5);
        }
        let sender = address(&body.sender);
        let mut account = self.accounts.get(&sender).cloned().unwrap_or_default();
        authorise(account.authority.as_ref(), &sender, &submission.signers)?;
        let next = account.lanes.get(&body.nonce_lane).copied();
        if next.is_none() && account.lanes.len() >= 64 {
            return refuse("accounts", 17);
        }
        let next = next.unwrap_or(0);
        if body.nonce != next {
            return refuse("accounts", 16);
        }
        account.lanes.insert(body.nonce_lane, next + 1);
        let fee = self.fee(submission, &body);
        if fee > number(&body.max_fee) {
            return refuse("tx", 8);
        }
        if fee > account.fee_credit {
            return refuse("tx", 9);
        }
        account.fee_credit -= fee;
        self.fee_pot += fee;
        self.accounts.insert(sender, account);
        Ok(body)
    }

    fn fee(&self, submission: &Submission, body: &TransactionBody) -> u128 {
        let [base, per_operation, per_byte] = self.fees;
        let (operations, bytes) = (body.operations.len(), submission.bytes.len());
        base + per_operation * operations as u128 + per_byte * bytes as u128
    }

    fn execute(&mut self, sender: &Address, kind: &Kind) -> Step {
        match kind {
            Kind::RotateKeys(op) => {
                self.accounts.entry(*sender).or_default().authority.clone_from(&op.authority);
                Ok(())
            }
            Kind::TopUpFees(op) => {
                let amount = number(&op.amount);
                let currency = self.fee_currency;
                self.pay(&currency, sender, &Address::fee_pool(), amount)?;
                self.accounts.entry(address(&op.account)).or_default().fee_credit += amount;
                Ok(())
            }
            Kind::RegisterAsset(op) => self.register_asset(sender, op),
            Kind::AppendAppraisal(op) => self.append_appraisal(op),
            Kind::ActivateAsset(op) => {
                let id = asset_id(&op.asset);
                let asset = self.run_by_issuer(&id, sender)?;
                if asset.active {
                    return refuse("assets", 15);
                }
                self.require_appraisal(&id)?;
                self.assets.get_mut(&id).unwrap().active = true;
                Ok(())
            }
            Kind::MintUnits(op) => self.mint_units(sender, op),
            Kind::BurnUnits(op) => self.burn_units(sender, op),
            Kind::Transfer(op) => {
                let to = address(&op.to);
                if to == *sender {
                    return refuse("transfers", 10);
                }
                self.send(&asset_id(&op.asset), sender, &[(to, number(&op.amount))])
            }
            Kind::BatchTransfer(op) => {
                if op.legs.iter().any(|leg| address(&leg.to) == *sender) {
                    return refuse("transfers", 10);
                }
                let legs = op.legs.iter().map(|leg| (address(&leg.to), number(&leg.amount)));
                self.send(&asset_id(&op.asset), sender, &legs.collect::<Vec<_>>())
            }
            other => self.execute_rights(sender, other),
        }
    }

    /// The same for operations about what units give a right to.
    fn execute_rights(&mut self, sender: &Address, kind: &Kind) -> Step {
        match kind {
            Kind::SetRoyaltySchedule(op) => self.set_royalty_schedule(sender, op),
            Kind::PayRoyalty(op) => self.pay_royalty(sender, op),
            Kind::PayIncome(op) => self.pay_income(sender, op),
            Kind::ClaimIncome(op) => self.claim_income(sender, op),
            Kind::TakeRecord(op) => self.take_record(sender, op),
            Kind::DeclareDistribution(op) => self.declare_distribution(sender, op),
            Kind::ClaimDistribution(op) => {
                self.pay_distribution((asset_id(&op.asset), op.distribution), &[*sender])
            }
            Kind::PushDistribution(op) => {
                let holders: Vec<Address> = op.holders.iter().map(address).collect();
                self.pay_distribution((asset_id(&op.asset), op.distribution), &holders)
            }
            Kind::CloseDistribution(op) => self.close_distribution(sender, op),
            Kind::SubmitProposal(op) => self.submit_proposal(sender, op),
            Kind::DelegateVotes(op) => self.delegate_votes(sender, op),
            Kind::CastVote(op) => self.cast_vote(sender, op),
            Kind::CloseProposal(op) => self.close_proposal(op),
            Kind::OfferUnits(op) => self.offer_units(sender, op),
            Kind::AcceptOffer(op) => self.accept_offer(sender, op),
            Kind::CancelOffer(op) => self.cancel_offer(sender, op),
            Kind::FormPool(op) => self.form_pool(sender, op),
            Kind::ContributeUnits(op) => self.contribute_units(sender, op),
            Kind::RedeemUnits(op) => self.redeem_units(sender, op),
            Kind::WithdrawUnits(op) => self.withdraw_units(sender, op),
            Kind::CollectPoolIncome(op) => self.collect_pool_income(op),
            Kind::CreateTranches(op) => self.create_tranches(sender, op),
            Kind::PayWaterfall(op) => self.pay_waterfall(sender, op),
            other => unreachable!("no test sends {other:?} to the model"),
        }
    }

    fn known(&self, id: &AssetId) -> Result<&Asset, Refusal> {
        self.assets.get(id).ok_or(("assets", 11))
    }

    fn currency(&self, id: &AssetId) -> Step {
        if self.known(id)?.class == AssetClass::Currency { Ok(()) } else { refuse("assets", 19) }
    }

    fn issued_by(&self, id: &AssetId, sender: &Address) -> Result<&Asset, Refusal> {
        let asset = self.known(id)?;
        if asset.issuer == *sender { Ok(asset) } else { refuse("assets", 14) }
    }

    fn run_by_issuer(&self, id: &AssetId, sender: &Address) -> Result<&Asset, Refusal> {
        let asset = self.known(id)?;
        if asset.issuer == *sender { Ok(asset) } else { refuse("assets", 30) }
    }

    fn balance(&self, asset: &AssetId, account: &Address) -> u128 {
        self.balances.get(&(*asset, *account)).copied().unwrap_or(0)
    }

    /// What no open offer binds.
    fn free(&self, asset: &AssetId, account: &Address) -> u128 {
        self.balance(asset, account) - self.bound(asset, account)
    }

    fn movable(&self, asset: &AssetId) -> Step {
        match self.assets.get(asset) {
            None => refuse("transfers", 11),
            Some(asset) if !asset.active => refuse("transfers", 12),
            Some(_) => Ok(()),
        }
    }

    /// Moves units to others, all or none, but not into a pool that they are units of.
    fn send(&mut self, id: &AssetId, from: &Address, legs: &[(Address, u128)]) -> Step {
        self.movable(id)?;
        legs.iter().try_for_each(|(to, _)| self.require_other_pool(id, to))?;
        self.debit(id, from, legs.iter().map(|(_, amount)| amount).sum())?;
        legs.iter().for_each(|(to, amount)| self.credit(id, to, *amount));
        Ok(())
    }

    fn pay(&mut self, asset: &AssetId, from: &Address, to: &Address, amount: u128) -> Step {
        self.debit(asset, from, amount)?;
        self.credit(asset, to, amount);
        Ok(())
    }

    fn debit(&mut self, asset: &AssetId, account: &Address, amount: u128) -> Step {
        self.movable(asset)?;
        let balance = self.balance(asset, account);
        if amount > self.free(asset, account) {
            return refuse("transfers", 13);
        }
        self.settle(asset, account);
        if balance == amount {
            self.balances.remove(&(*asset, *account));
        } else {
            self.balances.insert((*asset, *account), balance - amount);
        }
        Ok(())
    }

    fn credit(&mut self, asset: &AssetId, account: &Address, amount: u128) {
        if amount > 0 {
            self.settle(asset, account);
            *self.balances.entry((*asset, *account)).or_default() += amount;
        }
    }

    fn issue(&mut self, asset: &AssetId, account: &Address, amount: u128) {
        self.credit(asset, account, amount);
        self.assets.get_mut(asset).unwrap().supply += amount;
    }

    /// Rounds down what a holder has earned with the balance so far.
    fn settle(&mut self, asset: &AssetId, holder: &Address) {
        self.collect(asset, holder);
        for ((of, who, _), income) in &mut self.income {
            if of == asset && who == holder {
                income.unsettled = U512::ZERO;
            }
        }
    }

    /// Gives a holder whole units and keeps the fraction, up to what a rounded index can say.
    fn collect(&mut self, asset: &AssetId, holder: &Address) {
        let balance = U512::from(self.balance(asset, holder));
        for ((of, who, _), income) in &mut self.income {
            if of == asset && who == holder && balance > U512::ZERO {
                let whole = income.unsettled >> 128;
                income.accrued += u128::try_from(whole).unwrap();
                let units: U512 = whole << 128;
                income.unsettled -= units + given_by_rounding(units, balance);
            }
        }
    }
}

/// How much more than `amount` is paid when each unit of `supply` gets the same, rounded up.
fn given_by_rounding(amount: U512, supply: U512) -> U512 {
    (supply - amount % supply) % supply
}

/// `floor(amount * of / whole)`.
fn part_of(amount: u128, of: u128, whole: u128) -> U512 {
    U512::from(amount) * U512::from(of) / U512::from(whole)
}

/// The same in basis points, which are at most the whole.
fn bps_of(amount: u128, bps: u32) -> u128 {
    u128::try_from(part_of(amount, bps.into(), 10_000)).unwrap()
}

fn authorise(authority: Option<&Authority>, account: &Address, signers: &[[u8; 32]]) -> Step {
    let mut weight = 0;
    for signer in signers {
        let known = match authority {
            None => (Address::from_ed25519(signer) == *account).then_some(1),
            Some(authority) => authority
                .keys
                .iter()
                .find(|key| form::key_bytes(key.public_key.as_ref().unwrap()) == *signer)
                .map(|key| key.weight),
        };
        let Some(more) = known else { return refuse("accounts", 13) };
        weight += more;
    }
    let needed = authority.map_or(1, |authority| authority.threshold);
    if weight >= needed { Ok(()) } else { refuse("accounts", 15) }
}
