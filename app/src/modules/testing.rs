//! A chain in memory for tests: it runs operations as blocks do and checks that each touches
//! only what it has declared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ed25519_zebra::{SigningKey, VerificationKey};
use prost::Message as _;
use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::{Holding, Leaf};
use tessera_proto::pb::accounts::v1::{PublicKey, public_key};
use tessera_proto::pb::assets::v1 as assets;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};
use tessera_proto::pb::chain::v1 as chain;
use tessera_proto::pb::chain::v1::{Event, event, operation};
use tessera_proto::pb::distributions::v1 as distributions;
use tessera_proto::pb::distributions::v1::{HolderSelection, RemainderPolicy};
use tessera_proto::signing::{appraisal_sign_bytes, chain_id_hash};
use tessera_proto::split::{InUnits, SplitFactor};
use tessera_proto::state_key::StateKey;

use super::router::{Operation, apply_delta};
use super::{BlockInfo, Context, Message};
use crate::chain::plan::{DeferredKeys, Plan};
use crate::state::access::{AccessSet, Mode};
use crate::state::delta::Delta;
use crate::state::error::{ExecutionError, Fault, Rejected};
use crate::state::view::{LeafReader, StateReader, StateView};

/// Number of accounts with money.
pub(crate) const ACCOUNTS: u8 = 6;
/// What each of them has of each currency.
pub(crate) const START_BALANCE: u64 = 1_000_000;
/// The account that issues everything.
pub(crate) const ISSUER: u8 = 0;
/// Who accredits appraisers.
pub(crate) const REGISTRAR: u8 = 8;
/// The accredited appraiser.
pub(crate) const APPRAISER: u8 = 9;
/// Codespace of what the double refuses because it was not declared.
pub(crate) const UNDECLARED: &str = "undeclared";

pub(crate) type Kind = operation::Kind;
type Leaves = BTreeMap<StateKey, Bytes>;

pub(crate) fn signing_key(number: u8) -> SigningKey {
    SigningKey::from([number + 1; 32])
}

pub(crate) fn key_bytes(number: u8) -> [u8; 32] {
    VerificationKey::from(&signing_key(number)).into()
}

pub(crate) fn public_key(number: u8) -> PublicKey {
    let key = public_key::Key::Ed25519(Bytes::copy_from_slice(&key_bytes(number)));
    PublicKey { key: Some(key) }
}

pub(crate) fn account(number: u8) -> Address {
    Address::from_ed25519(&key_bytes(number))
}

pub(crate) fn amount(base_units: u64) -> Amount {
    Amount::from_u64(base_units)
}

/// Id of the asset that the issuer registers under a name.
pub(crate) fn asset(name: &str) -> AssetId {
    AssetId::derive(&account(ISSUER), name.as_bytes())
}

/// A transaction: who signs and what it does.
#[derive(Debug, Clone)]
pub(crate) struct TestTx {
    pub(crate) sender: u8,
    pub(crate) operations: Vec<Kind>,
}

/// How much of the state an operation touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Touched {
    /// Keys declared, and reads to find out which.
    pub(crate) declared: (usize, u64),
    /// Reads and writes of the execution.
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

/// Counts what is read to declare.
struct Counting<'a> {
    chain: &'a TestChain,
    reads: AtomicU64,
}

impl StateReader for Counting<'_> {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        StateReader::read(self.chain, key)
    }
}

/// The state and the block that operations run in.
#[derive(Clone)]
pub(crate) struct TestChain {
    leaves: Leaves,
    pub(crate) block: BlockInfo,
}

impl StateReader for TestChain {
    fn read(&self, key: &StateKey) -> Result<Option<Bytes>, Fault> {
        Ok(self.leaves.get(key).cloned())
    }
}

impl TestChain {
    /// A chain with the fee currency `usdx`, the currency `eurx` and an accredited appraiser.
    pub(crate) fn new() -> Self {
        let block = BlockInfo {
            height: 1,
            time_ms: 1_000_000,
            chain_id_hash: chain_id_hash("test"),
            fee_currency: asset("usdx"),
        };
        let mut chain = Self { leaves: Leaves::new(), block };
        let params = chain::Params {
            fee_currency: asset("usdx").to_bytes(),
            registrar: account(REGISTRAR).to_bytes(),
            ..chain::Params::default()
        };
        chain.set(StateKey::params(), &params);
        let name = "Valuation House".to_owned();
        let appraiser = assets::Appraiser { name, ..assets::Appraiser::default() };
        chain.set(StateKey::appraiser(&account(APPRAISER)), &appraiser);
        chain.add_currency("usdx");
        chain.add_currency("eurx");
        chain
    }

    fn add_currency(&mut self, name: &str) {
        let id = asset(name);
        let supply = u64::from(ACCOUNTS) * START_BALANCE;
        let facts = assets::Asset {
            id: id.to_bytes(),
            name: name.to_owned(),
            class: AssetClass::Currency.into(),
            status: AssetStatus::Active.into(),
            issuer: account(ISSUER).to_bytes(),
            max_supply: Amount::MAX.to_string(),
            ..assets::Asset::default()
        };
        let totals = assets::AssetTotals {
            supply: supply.to_string(),
            holder_count: ACCOUNTS.into(),
            ..assets::AssetTotals::default()
        };
        self.set(StateKey::asset(&id), &facts);
        self.set(StateKey::asset_totals(&id), &totals);
        self.set(StateKey::asset_name(name), &id);
        for number in 0..ACCOUNTS {
            let holding = Holding { balance: amount(START_BALANCE), ..Holding::default() };
            self.set(StateKey::holding(&id, &account(number)), &holding);
        }
    }

    /// Registers, appraises and activates a building and issues 1,000 units to the issuer.
    pub(crate) fn add_asset(&mut self, name: &str) -> AssetId {
        let id = asset(name);
        let appraisal = self.signed_appraisal(name, self.block.time_ms);
        self.submit(ISSUER, register(name)).unwrap();
        self.submit(ISSUER, Kind::AppendAppraisal(appraisal)).unwrap();
        let activate = assets::ActivateAsset { asset: id.to_bytes() };
        self.submit(ISSUER, Kind::ActivateAsset(activate)).unwrap();
        self.submit(ISSUER, mint(name, ISSUER, 1_000)).unwrap();
        id
    }

    /// An appraisal signed by the appraiser, valid from a time on.
    pub(crate) fn signed_appraisal(&self, name: &str, from_ms: u64) -> assets::AppendAppraisal {
        self.sign_appraisal(name, &appraisal(from_ms), APPRAISER)
    }

    pub(crate) fn sign_appraisal(
        &self,
        name: &str,
        appraisal: &assets::Appraisal,
        signer: u8,
    ) -> assets::AppendAppraisal {
        let appraisal = appraisal.encode_to_vec();
        let message = appraisal_sign_bytes(&self.block.chain_id_hash, &asset(name), &appraisal);
        assets::AppendAppraisal {
            asset: asset(name).to_bytes(),
            appraisal: appraisal.into(),
            public_key: Some(public_key(signer)),
            signature: signing_key(signer).sign(&message).to_bytes().to_vec().into(),
        }
    }

    /// The fact at a key.
    pub(crate) fn get<L: Leaf>(&self, key: &StateKey) -> Option<L> {
        self.leaf(key).unwrap()
    }

    /// Sets a fact past all rules.
    pub(crate) fn set<L: Leaf>(&mut self, key: StateKey, leaf: &L) {
        self.leaves.insert(key, leaf.to_leaf_bytes());
    }

    pub(crate) fn holding(&self, name: &str, number: u8) -> Holding {
        self.holding_of(name, &account(number))
    }

    pub(crate) fn holding_of(&self, name: &str, address: &Address) -> Holding {
        self.units(&asset(name), &StateKey::holding(&asset(name), address))
    }

    /// The fact at a key with all splits of an asset counted; empty when there is none.
    pub(crate) fn units<L: Leaf + InUnits + Default>(&self, id: &AssetId, key: &StateKey) -> L {
        let mut leaf: L = self.get(key).unwrap_or_default();
        let facts = self.get::<assets::Asset>(&StateKey::asset(id)).unwrap_or_default();
        leaf.bring_to(SplitFactor::of(&facts));
        leaf
    }

    pub(crate) fn balance(&self, name: &str, number: u8) -> u128 {
        self.holding(name, number).balance.base_units()
    }

    pub(crate) fn facts(&self, name: &str) -> assets::Asset {
        self.get(&StateKey::asset(&asset(name))).unwrap()
    }

    pub(crate) fn totals(&self, name: &str) -> assets::AssetTotals {
        self.get(&StateKey::asset_totals(&asset(name))).unwrap()
    }

    /// Every leaf.
    pub(crate) fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// Goes on to the next block.
    pub(crate) fn next_block(&mut self) {
        self.skip_blocks(1);
    }

    pub(crate) fn skip_blocks(&mut self, count: u64) {
        self.block.height += count;
        self.block.time_ms += 1_000 * count;
    }

    /// Runs one operation; a failure of the node or an undeclared access fails the test.
    pub(crate) fn submit(&mut self, sender: u8, kind: Kind) -> Result<Vec<event::Kind>, Rejected> {
        self.submit_all(sender, vec![kind])
    }

    /// Runs one transaction.
    pub(crate) fn submit_all(
        &mut self,
        sender: u8,
        operations: Vec<Kind>,
    ) -> Result<Vec<event::Kind>, Rejected> {
        let mut results = self.run(&[TestTx { sender, operations }], false);
        let result = results.pop().unwrap();
        if let Err(error) = &result {
            assert_ne!(error.codespace, UNDECLARED, "{error}");
        }
        result
    }

    /// Runs transactions as one block does: all declare against the state before it, then each
    /// executes in order. With `planned`, in another order that the plan for parallel execution
    /// allows, and what it defers is applied at the end.
    pub(crate) fn run(
        &mut self,
        transactions: &[TestTx],
        planned: bool,
    ) -> Vec<Result<Vec<event::Kind>, Rejected>> {
        let checked: Vec<Result<Vec<Operation>, Rejected>> = transactions
            .iter()
            .map(|tx| tx.operations.iter().cloned().map(checked_operation).collect())
            .collect();
        let mut sets = Vec::new();
        for (tx, operations) in transactions.iter().zip(&checked) {
            let mut access = AccessSet::default();
            for operation in operations.iter().flatten() {
                operation.declare(&account(tx.sender), self, &mut access).unwrap();
            }
            access.settle();
            sets.push(access);
        }
        let plan = match planned {
            true => Plan::new(&sets),
            false => Plan::serial(u32::try_from(sets.len()).unwrap()),
        };
        let mut deferred = Vec::new();
        let mut results = BTreeMap::new();
        for number in plan.groups.iter().rev().flatten() {
            let index = usize::try_from(*number).unwrap();
            let before = (self.leaves.clone(), deferred.len());
            let result = checked[index].clone().and_then(|operations| {
                let mut view = TestView {
                    leaves: &mut self.leaves,
                    block: &self.block,
                    access: Some(&sets[index]),
                    applying: false,
                    commutative: &plan.deferred,
                    deferred: &mut deferred,
                    touched: Touched::default(),
                };
                execute(&mut view, &self.block, account(transactions[index].sender), &operations)
            });
            if result.is_err() {
                self.leaves = before.0;
                deferred.truncate(before.1);
            }
            results.insert(index, result);
        }
        for delta in deferred {
            self.apply(&delta);
        }
        results.into_values().collect()
    }

    /// How many groups of a block the plan lets run side by side.
    pub(crate) fn groups_of(&self, transactions: &[TestTx]) -> usize {
        let declared = |tx: &TestTx| {
            let mut access = AccessSet::default();
            for operation in tx.operations.iter().cloned().map(checked_operation) {
                operation.unwrap().declare(&account(tx.sender), self, &mut access).unwrap();
            }
            access.settle();
            access
        };
        let sets: Vec<AccessSet> = transactions.iter().map(declared).collect();
        Plan::new(&sets).groups.len()
    }

    /// Applies a commutative change past all declarations.
    pub(crate) fn apply(&mut self, delta: &Delta) {
        let block = self.block.clone();
        self.with_view(|view| apply_delta(view, &block, delta)).unwrap();
    }

    /// Works on the state past all declarations.
    pub(crate) fn with_view<T>(&mut self, work: impl FnOnce(&mut dyn StateView) -> T) -> T {
        work(&mut TestView {
            leaves: &mut self.leaves,
            block: &self.block,
            access: None,
            applying: false,
            commutative: &DeferredKeys::default(),
            deferred: &mut Vec::new(),
            touched: Touched::default(),
        })
    }

    /// Runs one operation that is not refused, and counts what it touches.
    pub(crate) fn touched_by(&mut self, sender: u8, kind: Kind) -> Touched {
        let (operation, sender) = (checked_operation(kind).unwrap(), account(sender));
        let (mut access, before) =
            (AccessSet::default(), Counting { chain: self, reads: 0.into() });
        operation.declare(&sender, &before, &mut access).unwrap();
        access.settle();
        let declared = (access.as_slice().len(), before.reads.into_inner());
        let mut view = TestView {
            leaves: &mut self.leaves,
            block: &self.block,
            access: Some(&access),
            applying: false,
            commutative: &DeferredKeys::default(),
            deferred: &mut Vec::new(),
            touched: Touched { declared, ..Touched::default() },
        };
        execute(&mut view, &self.block, sender, &[operation]).unwrap();
        view.touched
    }
}

fn checked_operation(kind: Kind) -> Result<Operation, Rejected> {
    chain::Operation { kind: Some(kind) }.try_into()
}

fn execute(
    view: &mut dyn StateView,
    block: &BlockInfo,
    sender: Address,
    operations: &[Operation],
) -> Result<Vec<event::Kind>, Rejected> {
    let mut events: Vec<Event> = Vec::new();
    let mut context = Context { block, sender, state: view, events: &mut events };
    for operation in operations {
        match operation.execute(&mut context) {
            Ok(()) => {}
            Err(ExecutionError::Rejected(rejected)) => return Err(rejected),
            Err(ExecutionError::Fault(fault)) => panic!("{fault}"),
        }
    }
    Ok(events.into_iter().filter_map(|event| event.kind).collect())
}

struct TestView<'a> {
    leaves: &'a mut Leaves,
    block: &'a BlockInfo,
    /// Nothing is checked without it.
    access: Option<&'a AccessSet>,
    /// Whether a commutative change is being applied: it may touch what is declared as add.
    applying: bool,
    commutative: &'a DeferredKeys,
    deferred: &'a mut Vec<Delta>,
    touched: Touched,
}

impl TestView<'_> {
    fn check(&self, what: &str, key: &StateKey, allowed: &[Mode]) -> Result<(), ExecutionError> {
        let Some(access) = self.access else { return Ok(()) };
        let mode = access.mode(key);
        if mode.is_some_and(|mode| allowed.contains(&mode)) {
            return Ok(());
        }
        let message = format!("{what} of {key:?}, declared: {mode:?}");
        Err(Rejected { codespace: UNDECLARED, code: 1, message }.into())
    }
}

impl StateView for TestView<'_> {
    fn read(&mut self, key: &StateKey) -> Result<Option<Bytes>, ExecutionError> {
        let all: &[Mode] = &[Mode::Read, Mode::Write, Mode::Add];
        let allowed = if self.applying { all } else { &all[..2] };
        self.check("read", key, allowed)?;
        self.touched.reads += 1;
        Ok(self.leaves.get(key).cloned())
    }

    fn write(&mut self, key: StateKey, value: Option<Bytes>) -> Result<(), ExecutionError> {
        let all: &[Mode] = &[Mode::Write, Mode::Add];
        let allowed = if self.applying { all } else { &all[..1] };
        self.check("write", &key, allowed)?;
        self.touched.writes += 1;
        match value {
            Some(value) => self.leaves.insert(key, value),
            None => self.leaves.remove(&key),
        };
        Ok(())
    }

    fn add(&mut self, delta: Delta) -> Result<(), ExecutionError> {
        self.check("add", &delta.key(), &[Mode::Write, Mode::Add])?;
        if self.commutative.contains(&delta.key()) {
            self.deferred.push(delta);
            return Ok(());
        }
        let (before, block) = (self.applying, self.block);
        self.applying = true;
        let result = apply_delta(self, block, &delta);
        self.applying = before;
        result
    }
}

/// Checks who refused and by which code.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, Rejected>,
    codespace: &str,
    code: u32,
) {
    let error = result.expect_err("must be refused");
    assert_eq!((error.codespace, error.code), (codespace, code), "{error}");
}

pub(crate) fn register(name: &str) -> Kind {
    Kind::RegisterAsset(assets::RegisterAsset {
        salt: Bytes::copy_from_slice(name.as_bytes()),
        name: name.to_owned(),
        title: "Villa in Ardèche".to_owned(),
        class: AssetClass::RealEstate.into(),
        decimals: 0,
        max_supply: "1000000".to_owned(),
        documents: vec![],
        attributes: vec![],
        regulated: false,
        opt_in: false,
    })
}

pub(crate) fn appraisal(from_ms: u64) -> assets::Appraisal {
    assets::Appraisal {
        appraiser: account(APPRAISER).to_bytes(),
        value: "500000".to_owned(),
        currency: asset("usdx").to_bytes(),
        method: "comparable sales".to_owned(),
        valid_from_ms: from_ms,
        valid_to_ms: from_ms + 1_000_000_000,
        report_sha256: Bytes::from_static(&[7; 32]),
    }
}

pub(crate) fn mint(name: &str, to: u8, units: u64) -> Kind {
    Kind::MintUnits(assets::MintUnits {
        asset: asset(name).to_bytes(),
        to: account(to).to_bytes(),
        amount: units.to_string(),
    })
}

pub(crate) fn split(name: &str, numerator: u32, denominator: u32) -> Kind {
    let asset = asset(name).to_bytes();
    Kind::SplitUnits(assets::SplitUnits { asset, numerator, denominator })
}

/// Terms of a distribution to all holders, whose rest goes back to the payer.
pub(crate) fn distribution_terms(
    funded: u128,
    (payment_ms, expires_ms): (u64, u64),
) -> distributions::DistributionTerms {
    distributions::DistributionTerms {
        funded: funded.to_string(),
        payment_ms,
        expires_ms,
        selection: HolderSelection::All.into(),
        remainder: RemainderPolicy::Payer.into(),
        ..distributions::DistributionTerms::default()
    }
}

/// So much `usdx` for so many units of record 1.
pub(crate) fn distribution(
    name: &str,
    (per_unit, units): (&str, &str),
    terms: distributions::DistributionTerms,
) -> distributions::DeclareDistribution {
    distributions::DeclareDistribution {
        asset: asset(name).to_bytes(),
        currency: asset("usdx").to_bytes(),
        record: 1,
        per_unit: per_unit.to_owned(),
        units: units.to_owned(),
        terms: Some(terms),
    }
}

pub(crate) fn transfer(name: &str, to: &Address, units: u64) -> Kind {
    Kind::Transfer(tessera_proto::pb::transfers::v1::Transfer {
        asset: asset(name).to_bytes(),
        to: to.to_bytes(),
        amount: units.to_string(),
        memo_sha256: Bytes::new(),
    })
}
