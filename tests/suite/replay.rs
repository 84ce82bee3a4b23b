//! Crashes, replays and candidates that are never decided.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use tendermint_abci::Application as _;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{
    RequestFinalizeBlock, RequestPrepareProposal, RequestProcessProposal,
};
use tessera_app::chain::verify::Verifier;
use tessera_app::node::abci::AbciApplication as _;
use tessera_app::node::application::Node;
use tessera_app::state::store::StoreOptions;
use tessera_genesis::Genesis;
use tessera_tests::builders::sample_blocks;
use tessera_tests::fixture::{
    self, CHAIN_ID, Chain, Execution, OPTIONS, Outcome, temporary_folder, time_ms,
};

const PARALLEL: Execution = Execution::Parallel(2);

fn open(folder: &Path, options: StoreOptions) -> Chain {
    Chain::open(folder, &Arc::new(Verifier::new(CHAIN_ID)), PARALLEL, options)
}

/// What blocks do when nothing goes wrong.
fn undisturbed(genesis: &Genesis, blocks: &[Vec<Bytes>]) -> Vec<Outcome> {
    let chain = Chain::new(genesis, &Arc::new(Verifier::new(CHAIN_ID)), Execution::Serial);
    blocks.iter().map(|frames| chain.run(frames)).collect()
}

#[test]
fn fault_1_a_crash_between_finalize_and_commit_replays_to_the_same_hash() {
    let (genesis, blocks) = sample_blocks(40, 12);
    let expected = undisturbed(&genesis, &blocks);
    let folder = temporary_folder();
    let mut chain = open(folder.path(), OPTIONS);
    chain.ledger().init(&genesis).unwrap();
    for (height, (frames, outcome)) in (1..).zip(blocks.iter().zip(&expected)) {
        let before = chain.app_hash();
        let lost = chain.finalize(frames).app_hash();
        assert_eq!(lost, outcome.app_hash);
        drop(chain);
        chain = open(folder.path(), OPTIONS);
        assert_eq!((chain.height(), chain.app_hash()), (height - 1, before));
        assert_eq!(chain.run(frames), *outcome, "height {height}");
    }
}

#[test]
fn fault_1_initialising_again_with_the_same_genesis_changes_nothing() {
    let (genesis, _) = sample_blocks(0, 0);
    let folder = temporary_folder();
    let chain = open(folder.path(), OPTIONS);
    let first = chain.ledger().init(&genesis).unwrap();
    drop(chain);
    let chain = open(folder.path(), OPTIONS);
    assert_eq!(chain.ledger().init(&genesis).unwrap().app_hash, first.app_hash);
    let mut other = genesis;
    other.params.fee_per_byte += 1;
    let error = chain.ledger().init(&other).unwrap_err().to_string();
    assert!(error.contains("another beginning"), "{error}");
}

#[test]
fn fault_5_a_store_that_is_far_behind_replays_to_the_tip() {
    let (genesis, blocks) = sample_blocks(40, 12);
    let expected = undisturbed(&genesis, &blocks);
    for behind in [0, 1, 7, 39] {
        let folder = temporary_folder();
        let chain = open(folder.path(), OPTIONS);
        chain.ledger().init(&genesis).unwrap();
        for frames in &blocks[..behind] {
            chain.run(frames);
        }
        drop(chain);
        let chain = open(folder.path(), OPTIONS);
        assert_eq!(chain.height(), behind as u64);
        let replayed: Vec<Outcome> = blocks[behind..].iter().map(|one| chain.run(one)).collect();
        assert_eq!(replayed, expected[behind..]);
    }
}

#[test]
fn fault_9_candidates_that_are_not_decided_leave_no_trace() {
    let (genesis, blocks) = sample_blocks(30, 12);
    let expected = undisturbed(&genesis, &blocks);
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    let chain = Chain::new(&genesis, &verifier, PARALLEL);
    for (round, (frames, outcome)) in blocks.iter().zip(&expected).enumerate() {
        let leaves = chain.leaves();
        // Other blocks of the sample, the reverse of this one, and nothing.
        let reversed: Vec<Bytes> = frames.iter().rev().cloned().collect();
        let other = &blocks[(round * 7 + 3) % blocks.len()];
        for candidate in [other.as_slice(), &reversed, &[]] {
            let first = chain.finalize(candidate);
            let again = chain.finalize(candidate);
            assert_eq!(first.app_hash(), again.app_hash());
            assert_eq!(first.receipts, again.receipts);
        }
        assert_eq!(chain.leaves(), leaves);
        assert_eq!(chain.run(frames), *outcome);
    }
}

#[test]
fn fault_9_a_block_cannot_be_committed_at_another_height() {
    let (genesis, blocks) = sample_blocks(3, 3);
    let chain = Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), PARALLEL);
    for height in [0, 2, u64::MAX] {
        assert!(chain.ledger().finalize(height, 1, &blocks[0]).is_err(), "height {height}");
    }
}

/// Tells the child process below which folder its chain is in.
const FOLDER_VARIABLE: &str = "TESSERA_TEST_REPLAY_FOLDER";
const KILLED_BLOCKS: usize = 400;

fn killed_sample() -> (Genesis, Vec<Vec<Bytes>>) {
    sample_blocks(KILLED_BLOCKS, 6)
}

/// Runs blocks, one after the other, until it is killed; only as a child of the test below.
#[test]
fn fault_2_child_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let (genesis, blocks) = killed_sample();
    let chain = open(Path::new(&folder), OPTIONS);
    if chain.store().committed().is_none() {
        chain.ledger().init(&genesis).unwrap();
    }
    for frames in &blocks[usize::try_from(chain.height()).unwrap()..] {
        chain.run(frames);
        // The harness keeps lines of a passing test to itself; this goes around it.
        use std::io::Write as _;
        let mut output = std::io::stdout();
        writeln!(output, "height {}", chain.height()).unwrap();
        output.flush().unwrap();
    }
}

/// A child process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL, by its own id; it may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn fault_2_a_process_killed_while_it_commits_reopens_at_a_whole_height() {
    let (genesis, blocks) = killed_sample();
    let mut hashes =
        vec![Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), PARALLEL).app_hash()];
    hashes.extend(undisturbed(&genesis, &blocks).iter().map(|outcome| outcome.app_hash));
    let folder = temporary_folder();
    let mut reached = 0;
    for attempt in 0..12_usize {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["replay::fault_2_child_that_is_killed", "--exact", "--nocapture"])
            .env(FOLDER_VARIABLE, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut child = Killed(child);
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let heights = lines.map_while(Result::ok).filter(|line| line.contains("height "));
        // Some lines after the start, and a moment that depends on the attempt.
        heights.take(3 + attempt * 5 % 17).for_each(drop);
        for turn in 0..attempt * 20_000 {
            std::hint::black_box(turn);
        }
        drop(child);
        let chain = open(folder.path(), OPTIONS);
        let height = chain.height();
        assert!(height >= reached, "height {height} after {reached}");
        reached = height;
        assert_eq!(chain.app_hash(), hashes[usize::try_from(height).unwrap()], "height {height}");
    }
    assert!((1..KILLED_BLOCKS as u64).contains(&reached), "killed at height {reached}");
    let chain = open(folder.path(), OPTIONS);
    for (frames, hash) in blocks.iter().zip(&hashes[1..]).skip(usize::try_from(reached).unwrap()) {
        assert_eq!(chain.run(frames).app_hash, *hash);
    }
}

/// What a node answers for a block, which is then committed.
fn decide(node: &Node, height: u64, frames: &[Bytes]) -> (Bytes, usize) {
    let answer = node.finalize_block(RequestFinalizeBlock {
        txs: frames.to_vec(),
        height: height.try_into().unwrap(),
        time: Some(timestamp(height)),
        ..RequestFinalizeBlock::default()
    });
    node.commit();
    (answer.app_hash, answer.tx_results.len())
}

fn propose(node: &Node, height: u64, frames: &[Bytes]) {
    node.process_proposal(RequestProcessProposal {
        txs: frames.to_vec(),
        height: height.try_into().unwrap(),
        time: Some(timestamp(height)),
        ..RequestProcessProposal::default()
    });
}

/// Has the node propose what it takes into its pool of these frames.
fn prepare(node: &Node, height: u64, frames: &[Bytes]) {
    for frame in frames {
        // Some of the blocks have frames that no pool takes.
        let _ = node.pool().insert_frame(frame);
    }
    node.prepare_proposal(RequestPrepareProposal {
        max_tx_bytes: 1 << 20,
        height: height.try_into().unwrap(),
        time: Some(timestamp(height)),
        ..RequestPrepareProposal::default()
    });
}

fn timestamp(height: u64) -> Timestamp {
    let time_ms = i64::try_from(time_ms(height)).unwrap();
    let nanos = i32::try_from(time_ms % 1_000).unwrap() * 1_000_000;
    Timestamp { seconds: time_ms / 1_000, nanos }
}

#[test]
fn fault_9_a_block_computed_while_it_is_voted_on_is_the_block_that_is_decided() {
    let (genesis, blocks) = sample_blocks(30, 12);
    let expected = undisturbed(&genesis, &blocks);
    let chain = Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), PARALLEL);
    let node = fixture::node(chain.store(), chain.ledger().verifier(), &Arc::default());
    for (height, (frames, outcome)) in (1_u64..).zip(blocks.iter().zip(&expected)) {
        let other = &blocks[(blocks.len() / 2 + frames.len()) % blocks.len()];
        // Nothing, the block, another, both in either order, and the block at another height.
        let proposed: &[(u64, &[Bytes])] = match height % 6 {
            0 => &[],
            1 => &[(height, frames)],
            2 => &[(height, other)],
            3 => &[(height, other), (height, frames)],
            4 => &[(height, frames), (height, other)],
            _ => &[(height + 1, frames)],
        };
        for (height, frames) in proposed {
            propose(&node, *height, frames);
        }
        if height % 7 == 3 {
            prepare(&node, height, frames);
        }
        if height % 5 == 0 {
            node.consensus_connection_opened();
        }
        let (app_hash, results) = decide(&node, height, frames);
        assert_eq!(app_hash.as_ref(), outcome.app_hash, "height {height}");
        assert_eq!(results, frames.len());
    }
}
