//! A naive model of the chain: what each transaction must do, as plainly as it can be written.
//!
//! It shares no code with the state machine. Where that is clever, this is not: income is added
//! to every holder at each payment, record dates are copies of all balances, tallies are added
//! up from the votes, and a transaction that fails is undone by going back to a copy of
//! everything.

mod compare;
mod form;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use ruint::aliases::U512;
use tessera_genesis::Genesis;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::Authority;
use tessera_proto::pb::assets::v1::{
    AppendAppraisal, Appraisal, AssetClass, AssetStatus, BurnUnits, MintUnits, RegisterAsset,
};
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::chain::v1::{Receipt, TransactionBody};
use tessera_proto::pb::distributions::v1::{ClaimIncome, PayIncome};
use tessera_proto::pb::royalties::v1::PayRoyalty;
use tessera_proto::pb::votes::v1::{
    CastVote, CloseProposal, ProposalStatus, SubmitProposal, TreasurySpend, VoteChoice,
};

/// Codespace and code.
pub type Refusal = (&'static str, u32);

/// The refusal of a transaction that depends on something that its block has changed before.
pub const STATE_CHANGED: Refusal = ("tx", 10);

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
    /// Currencies of income, in order of their first payment, with what rounding has given away.
    income: Vec<(AssetId, u128)>,
    /// Sum of all steps of income by currency.
    risen: BTreeMap<AssetId, U512>,
    proposals: u64,
}

#[derive(Debug, Clone, Default)]
struct Income {
    /// Base units times 2^128 since the balance last changed.
    unsettled: U512,
    accrued: u128,
}

#[derive(Debug, Clone)]
struct Proposal {
    record_height: u64,
    end_height: u64,
    quorum_bps: u32,
    threshold_bps: u32,
    spend: TreasurySpend,
    status: ProposalStatus,
    /// Balances of all holders at the record.
    record: BTreeMap<Address, u128>,
    votes: BTreeMap<Address, (VoteChoice, u128)>,
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
    proposals: BTreeMap<(AssetId, u64), Proposal>,
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
            proposals: BTreeMap::new(),
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

    /// Ends the block: what every holder has now decides the votes proposed in it.
    pub fn end_block(&mut self) {
        for ((asset, _), proposal) in &mut self.proposals {
            if proposal.record_height == self.height {
                let held = self.balances.iter().filter(|((of, _), _)| of == asset);
                proposal.record = held.map(|((_, who), balance)| (*who, *balance)).collect();
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

    /// Number of proposals of an asset.
    #[must_use]
    pub fn proposals(&self, asset: &AssetId) -> u64 {
        self.assets.get(asset).map_or(0, |asset| asset.proposals)
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
                self.pay(&asset_id(&op.asset), sender, &to, number(&op.amount))
            }
            Kind::BatchTransfer(op) => {
                if op.legs.iter().any(|leg| address(&leg.to) == *sender) {
                    return refuse("transfers", 10);
                }
                let id = asset_id(&op.asset);
                let total = op.legs.iter().map(|leg| number(&leg.amount)).sum();
                self.debit(&id, sender, total)?;
                for leg in &op.legs {
                    self.credit(&id, &address(&leg.to), number(&leg.amount));
                }
                Ok(())
            }
            Kind::SetRoyaltySchedule(op) => {
                let id = asset_id(&op.asset);
                self.issued_by(&id, sender)?;
                let shares = op.schedule.as_ref().unwrap().shares.iter();
                let shares = shares.map(|share| (address(&share.account), share.share_bps));
                self.assets.get_mut(&id).unwrap().schedule = Some(shares.collect());
                self.reshaped.insert(id);
                Ok(())
            }
            Kind::PayRoyalty(op) => self.pay_royalty(sender, op),
            Kind::PayIncome(op) => self.pay_income(sender, op),
            Kind::ClaimIncome(op) => self.claim_income(sender, op),
            Kind::SubmitProposal(op) => self.submit_proposal(sender, op),
            Kind::CastVote(op) => self.cast_vote(sender, op),
            Kind::CloseProposal(op) => self.close_proposal(op),
            other => unreachable!("no test sends {other:?} to the model"),
        }
    }

    fn register_asset(&mut self, sender: &Address, op: &RegisterAsset) -> Step {
        let id = AssetId::derive(sender, &op.salt);
        if self.assets.contains_key(&id) {
            return refuse("assets", 12);
        }
        if self.assets.values().any(|asset| asset.name == op.name) {
            return refuse("assets", 13);
        }
        let max_supply = number(&op.max_supply);
        let asset = self.fresh_asset(&op.name, op.class(), *sender, max_supply);
        self.assets.insert(id, asset);
        self.reshaped.insert(id);
        Ok(())
    }

    fn burn_units(&mut self, holder: &Address, op: &BurnUnits) -> Step {
        let (id, amount) = (asset_id(&op.asset), number(&op.amount));
        if !self.known(&id)?.active {
            return refuse("assets", 16);
        }
        self.debit(&id, holder, amount)?;
        self.assets.get_mut(&id).unwrap().supply -= amount;
        Ok(())
    }

    fn mint_units(&mut self, sender: &Address, op: &MintUnits) -> Step {
        let (id, amount) = (asset_id(&op.asset), number(&op.amount));
        let asset = self.run_by_issuer(&id, sender)?;
        let (active, room) = (asset.active, asset.max_supply - asset.supply);
        if !active {
            return refuse("assets", 16);
        }
        self.require_appraisal(&id)?;
        if amount > room {
            return refuse("assets", 18);
        }
        self.issue(&id, &address(&op.to), amount);
        Ok(())
    }

    fn append_appraisal(&mut self, op: &AppendAppraisal) -> Step {
        let id = asset_id(&op.asset);
        let appraisal = Appraisal::decode(op.appraisal.clone()).unwrap();
        self.known(&id)?;
        self.currency(&asset_id(&appraisal.currency))?;
        let appraiser = address(&appraisal.appraiser);
        if !self.appraisers.contains(&appraiser) {
            return refuse("assets", 22);
        }
        if appraisal.valid_to_ms <= self.time_ms {
            return refuse("assets", 23);
        }
        let known = &self.assets[&id].appraisals;
        if known.last().is_some_and(|last| appraisal.valid_from_ms <= last.valid_from_ms) {
            return refuse("assets", 24);
        }
        let key = form::key_bytes(op.public_key.as_ref().unwrap());
        if authorise(self.authority(&appraiser), &appraiser, &[key]).is_err() {
            return refuse("assets", 25);
        }
        if !self.signature_matches(op, &id, &key) {
            return refuse("assets", 26);
        }
        self.assets.get_mut(&id).unwrap().appraisals.push(appraisal);
        self.reshaped.insert(id);
        Ok(())
    }

    fn signature_matches(&self, op: &AppendAppraisal, id: &AssetId, key: &[u8; 32]) -> bool {
        let domain = b"tessera/appraisal/v1".as_slice();
        let message = [domain, &self.chain_id_hash, id.as_bytes(), &op.appraisal].concat();
        let key = ed25519_dalek::VerifyingKey::from_bytes(key).unwrap();
        let signature = ed25519_dalek::Signature::from_slice(&op.signature).unwrap();
        key.verify_strict(&message, &signature).is_ok()
    }

    fn pay_royalty(&mut self, payer: &Address, op: &PayRoyalty) -> Step {
        let (id, currency, amount) =
            (asset_id(&op.asset), asset_id(&op.currency), number(&op.amount));
        let Some(schedule) = self.known(&id)?.schedule.clone() else {
            return refuse("royalties", 12);
        };
        self.currency(&currency)?;
        self.debit(&currency, payer, amount)?;
        let part = |bps: u32| {
            let part = U512::from(amount) * U512::from(bps) / U512::from(10_000_u32);
            u128::try_from(part).unwrap()
        };
        let paid: u128 = schedule.iter().map(|(_, bps)| part(*bps)).sum();
        for (position, (account, bps)) in schedule.iter().enumerate() {
            let left_over = if position == 0 { amount - paid } else { 0 };
            self.credit(&currency, account, part(*bps) + left_over);
        }
        Ok(())
    }

    fn pay_income(&mut self, payer: &Address, op: &PayIncome) -> Step {
        let (id, currency, amount) =
            (asset_id(&op.asset), asset_id(&op.currency), number(&op.amount));
        let (supply, issuer) = (self.known(&id)?.supply, self.assets[&id].issuer);
        self.currency(&currency)?;
        if supply == 0 {
            return refuse("distributions", 11);
        }
        let asset = self.assets.get_mut(&id).unwrap();
        if !asset.income.iter().any(|(known, _)| *known == currency) {
            if asset.income.len() >= 8 {
                return refuse("distributions", 12);
            }
            if issuer != *payer && currency != self.fee_currency {
                return refuse("distributions", 13);
            }
            asset.income.push((currency, 0));
        }
        let (_, given_away) = asset.income.iter_mut().find(|(of, _)| *of == currency).unwrap();
        // Rounded up; what that gives away is taken back before it could be a whole unit.
        let (mut paid, supply) = (U512::from(amount) << 128, U512::from(supply));
        if U512::from(*given_away) + given_by_rounding(paid, supply) >= U512::ONE << 127 {
            paid -= U512::from(std::mem::take(given_away));
        }
        *given_away += u128::try_from(given_by_rounding(paid, supply)).unwrap();
        let step = (paid + given_by_rounding(paid, supply)) / supply;
        let risen = asset.risen.entry(currency).or_default();
        *risen += step;
        if *risen >> 256 != U512::ZERO {
            return refuse("distributions", 14);
        }
        for ((of, holder), balance) in &self.balances {
            if *of == id && *balance > 0 {
                let income = self.income.entry((id, *holder, currency)).or_default();
                income.unsettled += step * U512::from(*balance);
            }
        }
        self.pay(&currency, payer, &Address::income_pool(&id), amount)
    }

    fn claim_income(&mut self, holder: &Address, op: &ClaimIncome) -> Step {
        let (id, currency) = (asset_id(&op.asset), asset_id(&op.currency));
        self.known(&id)?;
        self.collect(&id, holder);
        let income = self.income.entry((id, *holder, currency)).or_default();
        let amount = std::mem::take(&mut income.accrued);
        if amount == 0 {
            return refuse("distributions", 15);
        }
        self.pay(&currency, &Address::income_pool(&id), holder, amount)
    }

    fn submit_proposal(&mut self, proposer: &Address, op: &SubmitProposal) -> Step {
        let id = asset_id(&op.asset);
        self.known(&id)?;
        if self.balance(&id, proposer) == 0 {
            return refuse("votes", 11);
        }
        let spend = form::treasury_spend(op.outcome.as_ref()).unwrap().clone();
        self.currency(&asset_id(&spend.currency))?;
        let asset = self.assets.get_mut(&id).unwrap();
        asset.proposals += 1;
        let proposal = Proposal {
            record_height: self.height,
            end_height: self.height + op.voting_period_blocks,
            quorum_bps: op.quorum_bps,
            threshold_bps: op.threshold_bps,
            spend,
            status: ProposalStatus::Voting,
            record: BTreeMap::new(),
            votes: BTreeMap::new(),
        };
        self.proposals.insert((id, asset.proposals), proposal);
        self.reshaped.insert(id);
        Ok(())
    }

    fn cast_vote(&mut self, voter: &Address, op: &CastVote) -> Step {
        let key = (asset_id(&op.asset), op.proposal);
        let Some(proposal) = self.proposals.get_mut(&key) else { return refuse("votes", 12) };
        if proposal.status != ProposalStatus::Voting {
            return refuse("votes", 13);
        }
        if self.height <= proposal.record_height {
            return refuse("votes", 14);
        }
        if self.height > proposal.end_height {
            return refuse("votes", 15);
        }
        let weight = proposal.record.get(voter).copied().unwrap_or(0);
        if weight == 0 {
            return refuse("votes", 16);
        }
        match proposal.votes.insert(*voter, (op.choice(), weight)) {
            Some((choice, _)) if choice == op.choice() => refuse("votes", 17),
            _ => Ok(()),
        }
    }

    fn close_proposal(&mut self, op: &CloseProposal) -> Step {
        let key = (asset_id(&op.asset), op.proposal);
        let Some(proposal) = self.proposals.get(&key) else { return refuse("votes", 12) };
        if proposal.status != ProposalStatus::Voting {
            return refuse("votes", 13);
        }
        if self.height <= proposal.end_height {
            return refuse("votes", 18);
        }
        let spend = proposal.spend.clone();
        let status = if !proposal.passes() {
            ProposalStatus::Rejected
        } else {
            let treasury = Address::treasury(&key.0);
            let (currency, to) = (asset_id(&spend.currency), address(&spend.to));
            match self.pay(&currency, &treasury, &to, number(&spend.amount)) {
                Ok(()) => ProposalStatus::Executed,
                Err(_) => ProposalStatus::Failed,
            }
        };
        self.proposals.get_mut(&key).unwrap().status = status;
        Ok(())
    }

    fn fresh_asset(
        &self,
        name: &str,
        class: AssetClass,
        issuer: Address,
        max_supply: u128,
    ) -> Asset {
        Asset {
            name: name.to_owned(),
            class,
            active: false,
            issuer,
            max_supply,
            supply: 0,
            appraisals: Vec::new(),
            schedule: None,
            income: Vec::new(),
            risen: BTreeMap::new(),
            proposals: 0,
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

    fn require_appraisal(&self, id: &AssetId) -> Step {
        let asset = &self.assets[id];
        let now = |one: &Appraisal| (one.valid_from_ms..one.valid_to_ms).contains(&self.time_ms);
        let well =
            asset.class == AssetClass::Currency || asset.appraisals.iter().rev().take(8).any(now);
        if well { Ok(()) } else { refuse("assets", 17) }
    }

    fn balance(&self, asset: &AssetId, account: &Address) -> u128 {
        self.balances.get(&(*asset, *account)).copied().unwrap_or(0)
    }

    fn pay(&mut self, asset: &AssetId, from: &Address, to: &Address, amount: u128) -> Step {
        self.debit(asset, from, amount)?;
        self.credit(asset, to, amount);
        Ok(())
    }

    fn debit(&mut self, asset: &AssetId, account: &Address, amount: u128) -> Step {
        match self.assets.get(asset) {
            None => return refuse("transfers", 11),
            Some(asset) if !asset.active => return refuse("transfers", 12),
            Some(_) => {}
        }
        let balance = self.balance(asset, account);
        if amount > balance {
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

impl Proposal {
    fn weight(&self, choice: VoteChoice) -> u128 {
        self.votes.values().filter(|(given, _)| *given == choice).map(|(_, weight)| weight).sum()
    }

    fn passes(&self) -> bool {
        let supply: u128 = self.record.values().sum();
        let (yes, no) = (self.weight(VoteChoice::Yes), self.weight(VoteChoice::No));
        let cast = yes + no + self.weight(VoteChoice::Abstain);
        let whole = U512::from(10_000_u32);
        yes > 0
            && U512::from(cast) * whole >= U512::from(supply) * U512::from(self.quorum_bps)
            && U512::from(yes) * whole >= U512::from(yes + no) * U512::from(self.threshold_bps)
    }
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

/// Assets that an operation is about.
fn assets_of(kind: &Kind, sender: &Address) -> Vec<AssetId> {
    let ids: Vec<&Bytes> = match kind {
        Kind::RotateKeys(_) | Kind::TopUpFees(_) => vec![],
        Kind::RegisterAsset(op) => return vec![AssetId::derive(sender, &op.salt)],
        Kind::AppendAppraisal(op) => vec![&op.asset],
        Kind::ActivateAsset(op) => vec![&op.asset],
        Kind::MintUnits(op) => vec![&op.asset],
        Kind::BurnUnits(op) => vec![&op.asset],
        Kind::Transfer(op) => vec![&op.asset],
        Kind::BatchTransfer(op) => vec![&op.asset],
        Kind::SetRoyaltySchedule(op) => vec![&op.asset],
        Kind::PayRoyalty(op) => vec![&op.asset, &op.currency],
        Kind::PayIncome(op) => vec![&op.asset, &op.currency],
        Kind::ClaimIncome(op) => vec![&op.asset, &op.currency],
        Kind::SubmitProposal(op) => vec![&op.asset],
        Kind::CastVote(op) => vec![&op.asset],
        Kind::CloseProposal(op) => vec![&op.asset],
        other => unreachable!("no test sends {other:?} to the model"),
    };
    ids.into_iter().map(asset_id).collect()
}
