//! Parallel execution is serial execution, and both do what the naive model says (fault 17).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use tessera_app::chain::verify::Verifier;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_tests::builders::{BlockIntent, World, block_intent, frames};
use tessera_tests::fixture::{CHAIN_ID, Chain, Execution, time_ms};
use tessera_tests::model::{Model, STATE_CHANGED, Submission, Verdict};

/// Chains of random blocks.
const CASES: u32 = 50;
const BLOCKS_PER_CASE: Range<usize> = 30..80;
/// Kinds of operation that the model knows.
const OPERATIONS: usize = 32;

/// The same chain, executed in several ways.
struct Chains {
    serial: Chain,
    parallel: Vec<Chain>,
}

impl Chains {
    fn new(world: &World) -> Self {
        let (genesis, verifier) = (world.genesis(), Arc::new(Verifier::new(CHAIN_ID)));
        let parallel = [1, 2, 4].map(Execution::Parallel);
        Self {
            serial: Chain::new(&genesis, &verifier, Execution::Serial),
            parallel: parallel.map(|how| Chain::new(&genesis, &verifier, how)).into(),
        }
    }

    /// Runs a block everywhere and gives its receipts, if all agree.
    fn run(&self, frames: &[Bytes]) -> Vec<Receipt> {
        let expected = self.serial.run(frames);
        for (threads, chain) in [1, 2, 4].iter().zip(&self.parallel) {
            let outcome = chain.run(frames);
            // The receipts first: they tell more than a hash.
            assert_eq!(outcome.receipts, expected.receipts, "{threads} threads");
            assert_eq!(outcome, expected, "{threads} threads");
        }
        expected.receipts
    }
}

/// Applies a block to the model and checks every receipt.
fn check(model: &mut Model, submissions: &[Submission], receipts: &[Receipt]) -> usize {
    model.begin_block(time_ms(model.height() + 1));
    assert_eq!(receipts.len(), submissions.len());
    let mut changed = 0;
    for (submission, receipt) in submissions.iter().zip(receipts) {
        let (code, codespace, fee) = Verdict::of(receipt);
        let state_changed = (codespace.as_str(), code) == STATE_CHANGED;
        changed += usize::from(state_changed);
        let verdict = model.apply(submission, state_changed);
        let (expected_space, expected_code) = verdict.refusal.unwrap_or(("", 0));
        let expected = (expected_code, expected_space.to_owned(), verdict.fee);
        let message = &receipt.message;
        assert_eq!((code, codespace, fee), expected, "{message}: {:?}", submission.content);
    }
    model.end_block();
    changed
}

/// What has been tried in all cases together.
#[derive(Debug, Default)]
struct Tried {
    blocks: Cell<usize>,
    transactions: Cell<usize>,
    succeeded: Cell<usize>,
    state_changed: Cell<usize>,
    /// Those that have succeeded, by the name of their operations.
    operations: RefCell<BTreeMap<String, usize>>,
}

impl Tried {
    fn count_operations(&self, submission: &Submission) {
        for operation in &submission.content.as_ref().unwrap().operations {
            let name = format!("{:?}", operation.kind.as_ref().unwrap());
            let name = name.split('(').next().unwrap().to_owned();
            *self.operations.borrow_mut().entry(name).or_default() += 1;
        }
    }
}

fn add(counter: &Cell<usize>, more: usize) {
    counter.set(counter.get() + more);
}

fn run_case(people: usize, blocks: &[BlockIntent], tried: &Tried) {
    let mut world = World::new(people);
    let chains = Chains::new(&world);
    let mut model = Model::new(&world.genesis());
    model.assert_matches(chains.serial.store());
    for intent in blocks {
        let submissions = world.submissions(intent, &mut model.clone());
        let receipts = chains.run(&frames(&submissions, intent));
        let state_changed = check(&mut model, &submissions, &receipts);
        model.assert_matches(chains.serial.store());
        let succeeded = receipts.iter().map(|one| one.outcome.as_ref().unwrap().code == 0);
        let succeeded = submissions.iter().zip(succeeded).filter(|(_, well)| *well);
        succeeded.clone().for_each(|(submission, _)| tried.count_operations(submission));
        let succeeded = succeeded.count();
        add(&tried.blocks, 1);
        add(&tried.transactions, receipts.len());
        add(&tried.succeeded, succeeded);
        add(&tried.state_changed, state_changed);
    }
}

#[test]
fn fault_17_random_blocks_give_the_same_at_1_2_and_4_threads_and_serially() {
    let regressions = FileFailurePersistence::WithSource("regressions");
    let config = Config {
        cases: CASES,
        max_shrink_iters: 400,
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(regressions)),
        ..Config::default()
    };
    let blocks = vec(block_intent(0..24), BLOCKS_PER_CASE);
    let tried = Tried::default();
    TestRunner::new(config)
        .run(&(10..30_usize, blocks), |(people, blocks)| {
            run_case(people, &blocks, &tried);
            Ok(())
        })
        .unwrap();
    // Neither all right nor all wrong, and enough of it.
    let Tried { blocks, transactions, succeeded, state_changed, operations } = tried;
    let least = CASES as usize * BLOCKS_PER_CASE.start;
    assert!(blocks.get() >= least);
    assert!(succeeded.get() * 5 > transactions.get(), "{succeeded:?} of {transactions:?}");
    assert!(state_changed.get() > 0);
    let operations = operations.into_inner();
    assert_eq!(operations.len(), OPERATIONS, "{operations:?}");
}
