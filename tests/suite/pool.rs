//! The pool: frames of peers that cheat or come out of order, and lanes of which nothing waits any
//! more.

use std::sync::Arc;

use bytes::Bytes;
use tendermint_abci::Application as _;
use tendermint_proto::v0_38::abci::RequestCheckTx;
use tessera_app::chain::verify::Verifier;
use tessera_app::node::abci::{AbciApplication as _, CODE_RETRY, RequestInsertTx};
use tessera_app::node::pool::{Pool, PoolLimits};
use tessera_app::state::error::Rejected;
use tessera_client::operations;
use tessera_client::signer::Signer;
use tessera_client::tx_builder::TransactionBuilder;
use tessera_proto::amount::Amount;
use tessera_tests::fixture::{
    self, CHAIN_ID, Chain, Execution, frame, genesis, genesis_asset, people, person,
};

const MOST_BYTES: usize = 1 << 20;

fn chain() -> Chain {
    Chain::new(&genesis(&people(8)), &Arc::new(Verifier::new(CHAIN_ID)), Execution::Parallel(2))
}

fn pool_with(chain: &Chain, limits: PoolLimits) -> Pool {
    let verifier = Arc::clone(chain.ledger().verifier());
    Pool::new(Arc::clone(chain.store()), verifier, limits, Arc::default())
}

fn pool(chain: &Chain) -> Pool {
    pool_with(chain, PoolLimits::default())
}

/// A transfer of this person, with a limit of the fee that nobody could pay.
fn builder(number: usize, lane: u32, nonce: u64) -> TransactionBuilder {
    let to = person(1).address();
    TransactionBuilder::new(CHAIN_ID, person(number).address())
        .nonce(lane, nonce)
        .valid_until_height(20)
        .max_fee(Amount::MAX)
        .operation(operations::transfer(&genesis_asset("usdx"), &to, Amount::from_u64(1)))
}

fn signed(builder: &TransactionBuilder, signer: &Signer) -> Bytes {
    builder.sign(&[signer]).bytes
}

fn transfer(number: usize, lane: u32, nonce: u64) -> Bytes {
    signed(&builder(number, lane, nonce), &person(number))
}

/// A transaction of the fourth person that somebody else made, to spoil its nonces.
fn forged() -> Bytes {
    signed(&builder(4, 0, 1_000), &person(9))
}

fn submit(pool: &Pool, bytes: Bytes) -> Result<[u8; 32], Rejected> {
    pool.submit(&[bytes]).unwrap().remove(0)
}

/// Codespace and code of a refusal.
fn refusal(pool: &Pool, bytes: Bytes) -> (&'static str, u32) {
    let error = submit(pool, bytes).unwrap_err();
    (error.codespace, error.code)
}

/// Has the pool seal what was submitted; the frames that gossip has not had yet.
fn one_frame(pool: &Pool) -> Bytes {
    let mut frames = pool.frames_for_gossip();
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

#[test]
fn regress_a_peer_cannot_lock_out_an_account_that_is_not_its_own() {
    let chain = chain();
    let node = fixture::node(chain.store(), chain.ledger().verifier(), &Arc::default());
    let bad = frame(vec![forged()]);
    // The state may be behind that of the peer, which may offer it again.
    let answer = node.insert_tx(RequestInsertTx { tx: bad.clone() });
    assert_eq!(answer.code, CODE_RETRY);
    let answer = node.check_tx(RequestCheckTx { tx: bad.clone(), ..RequestCheckTx::default() });
    assert_eq!((answer.codespace.as_str(), answer.code), ("pool", 7));
    assert_eq!(
        answer.log,
        "by the state of this node 0 of 1 transactions of the frame can be paid for, and at least \
         half must be; send it again after the next block"
    );
    assert!(node.pool().check_frame(&bad).is_err());
    assert!(node.pool().is_empty());
    submit(node.pool(), transfer(4, 0, 0)).unwrap();
    // A wrong signature stays wrong, whatever the state.
    let mut broken = transfer(4, 0, 1).to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let answer = node.insert_tx(RequestInsertTx { tx: frame(vec![broken.into()]) });
    assert_eq!(answer.code, 6);
}

#[test]
fn regress_transactions_of_a_peer_count_if_the_state_allows_them_and_with_their_exact_fees() {
    let chain = chain();
    let pool = pool(&chain);
    let mixed = frame(vec![transfer(5, 0, 0), forged(), transfer(5, 0, 1)]);
    pool.check_frame(&mixed).unwrap();
    pool.insert_frame(&mixed).unwrap();
    assert_eq!(pool.transactions(), 2);
    submit(&pool, transfer(4, 0, 0)).unwrap();
    let used = signed(&builder(5, 0, 1).valid_until_height(19), &person(5));
    assert_eq!(refusal(&pool, used), ("pool", 4));
    submit(&pool, transfer(5, 0, 2)).unwrap();
    assert_eq!(pool.frames_for_block(MOST_BYTES).first(), Some(&mixed));
}

#[test]
fn regress_frames_of_what_cannot_be_paid_for_are_refused() {
    let chain = chain();
    chain.run_transactions(vec![transfer(4, 0, 0)]);
    let limits = PoolLimits { transactions_per_sender: 10, ..PoolLimits::default() };
    let pool = pool_with(&chain, limits);
    let expired = signed(&builder(4, 0, 1).valid_until_height(1), &person(4));
    let endless = signed(&builder(4, 0, 1).valid_until_height(1_000), &person(4));
    let costly = signed(&builder(4, 0, 1).max_fee(Amount::from_u64(1)), &person(4));
    let (stale, far, poor) = (transfer(4, 0, 0), transfer(4, 0, 12), transfer(8, 0, 0));
    for bad in [expired, endless, costly, stale, far, poor] {
        assert!(pool.insert_frame(&frame(vec![bad])).is_err());
    }
    assert!(pool.is_empty());
    pool.insert_frame(&frame(vec![transfer(4, 0, 11), transfer(4, 0, 0)])).unwrap();
    assert_eq!(pool.transactions(), 1);
}

#[test]
fn regress_what_is_prepaid_once_pays_for_no_more_in_frames_of_peers() {
    let chain = chain();
    let pool = pool(&chain);
    // The last person can pay for six.
    let builder = |nonce| builder(7, 0, nonce).max_fee(Amount::from_u64(1_000));
    let transfers = |nonces: std::ops::Range<u64>| {
        frame(nonces.map(|nonce| signed(&builder(nonce), &person(7))).collect())
    };
    assert!(pool.insert_frame(&transfers(0..13)).is_err());
    pool.insert_frame(&transfers(0..8)).unwrap();
    assert_eq!(pool.transactions(), 6);
    assert!(pool.insert_frame(&transfers(8..9)).is_err());
}

#[test]
fn regress_a_transaction_that_comes_in_many_frames_counts_once() {
    let chain = chain();
    let limits = PoolLimits { transactions_per_sender: 2, ..PoolLimits::default() };
    let pool = pool_with(&chain, limits);
    let (copied, other) = (transfer(4, 0, 0), transfer(5, 0, 0));
    pool.insert_frame(&frame(vec![copied.clone()])).unwrap();
    pool.insert_frame(&frame(vec![copied.clone(), other.clone()])).unwrap();
    pool.insert_frame(&frame(vec![other, copied])).unwrap();
    assert_eq!(pool.transactions(), 2);
    submit(&pool, transfer(4, 0, 1)).unwrap();
}

#[test]
fn regress_a_lane_of_which_nothing_waits_is_where_the_state_is() {
    let chain = chain();
    let pool = pool(&chain);
    let brief = signed(&builder(4, 0, 0).valid_until_height(1), &person(4));
    submit(&pool, brief).unwrap();
    let _ = pool.frames_for_block(MOST_BYTES);
    submit(&pool, transfer(4, 1, 0)).unwrap();
    assert_eq!(pool.frames_for_block(MOST_BYTES).len(), 2);
    pool.committed(1, &[]);
    assert_eq!(pool.frames_for_block(MOST_BYTES).len(), 1);
    submit(&pool, transfer(4, 0, 0)).unwrap();
    // The other lane goes on.
    assert_eq!(refusal(&pool, transfer(4, 1, 2)), ("pool", 4));
    submit(&pool, transfer(4, 1, 1)).unwrap();
}

#[test]
fn regress_an_account_that_uses_all_its_lanes_cannot_submit_to_another() {
    let chain = chain();
    let used = (0..60).map(|lane| transfer(4, lane, 0)).collect();
    chain.run_transactions(used);
    let pool = pool(&chain);
    for lane in 60..64 {
        submit(&pool, transfer(4, lane, 0)).unwrap();
    }
    // Those that wait count as well.
    let error = submit(&pool, transfer(4, 64, 0)).unwrap_err();
    assert_eq!((error.codespace, error.code), ("accounts", 17));
    assert_eq!(
        error.message,
        format!(
            "{} uses 64 nonce lanes already, use one of them instead of lane 64",
            person(4).address()
        )
    );
    submit(&pool, transfer(4, 63, 1)).unwrap();
    submit(&pool, transfer(4, 0, 1)).unwrap();

    let rest = (60..64).map(|lane| transfer(4, lane, 0)).collect();
    chain.run_transactions(rest);
    let pool = self::pool(&chain);
    assert_eq!(refusal(&pool, transfer(4, 64, 0)), ("accounts", 17));
    assert!(pool.insert_frame(&frame(vec![transfer(4, 64, 0)])).is_err());
    submit(&pool, transfer(4, 63, 1)).unwrap();
}

#[test]
fn regress_frames_of_a_lane_wait_in_its_order_however_gossip_brings_them() {
    let chain = chain();
    let (from, to) = (pool(&chain), pool(&chain));
    let mut frames = Vec::new();
    for nonces in [0..3, 3..5, 5..6] {
        for nonce in nonces {
            submit(&from, transfer(4, 0, nonce)).unwrap();
        }
        frames.push(one_frame(&from));
    }
    let other = frame(vec![transfer(5, 0, 0)]);
    for index in [2, 1] {
        to.insert_frame(&frames[index]).unwrap();
    }
    to.insert_frame(&other).unwrap();
    // A gap: the nonce that the state expects is still wanted.
    assert_eq!(refusal(&to, transfer(4, 0, 6)), ("pool", 4));
    to.insert_frame(&frames[0]).unwrap();
    frames.push(other);
    assert_eq!(to.frames_for_block(MOST_BYTES), frames);
    submit(&to, transfer(4, 0, 6)).unwrap();
}
