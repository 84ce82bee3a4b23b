//! Bad input: each kind is refused with its stable code and a sentence that has the user's own
//! values, and changes nothing but nonce and fee - or nothing at all, where nobody is known to
//! have sent it (faults 10 to 13).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tendermint_abci::Application as _;
use tendermint_proto::v0_38::abci::RequestProcessProposal;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tessera_app::chain::verify::Verifier;
use tessera_app::node::application::Node;
use tessera_app::node::pool::{Pool, PoolLimits};
use tessera_app::state::error::{ExecutionError, Rejected};
use tessera_client::operations::{self, Kind};
use tessera_client::signer::Signer;
use tessera_client::tx_builder::TransactionBuilder;
use tessera_proto::amount::Amount;
use tessera_proto::hash::sha256;
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::chain::v1::{Frame, Operation, SignedTransaction, TransactionBody};
use tessera_proto::state_key::StateKey;
use tessera_tests::builders::sign;
use tessera_tests::fixture::{
    self, CHAIN_ID, Chain, Execution, MAX_VALIDITY_BLOCKS, frame, genesis, genesis_asset, people,
    person,
};

const COUNT: usize = 8;

fn chain() -> Chain {
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    Chain::new(&genesis(&people(COUNT)), &verifier, Execution::Parallel(2))
}

fn usdx(to: &Address, amount: &str) -> Kind {
    let mut kind = operations::transfer(&genesis_asset("usdx"), to, Amount::ZERO);
    if let Kind::Transfer(transfer) = &mut kind {
        amount.clone_into(&mut transfer.amount);
    }
    kind
}

/// A transfer of the fifth person that nothing is wrong with in block 1.
fn body() -> TransactionBody {
    body_with(vec![usdx(&person(5).address(), "10")])
}

fn body_with(kinds: Vec<Kind>) -> TransactionBody {
    let builder = TransactionBuilder::new(CHAIN_ID, person(4).address())
        .valid_until_height(20)
        .operations(kinds)
        .max_fee(Amount::from_u64(1_000_000));
    TransactionBody::decode(builder.body_bytes()).unwrap()
}

fn signed(body: TransactionBody) -> Bytes {
    sign(body, &[person(4)], false).bytes
}

fn changed(change: impl Fn(&mut TransactionBody)) -> Bytes {
    let mut body = body();
    change(&mut body);
    signed(body)
}

/// What a refused transaction may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// Nothing.
    Untouched,
    /// The sender's nonce and prepaid fees, and the fees collected.
    NonceAndFee,
}
use Leaves::{NonceAndFee, Untouched};

struct Row {
    what: &'static str,
    bytes: Bytes,
    refusal: (&'static str, u32),
    sentence: String,
    leaves: Leaves,
}

fn row(
    what: &'static str,
    bytes: Bytes,
    refusal: (&'static str, u32),
    sentence: impl Into<String>,
    leaves: Leaves,
) -> Row {
    Row { what, bytes, refusal, sentence: sentence.into(), leaves }
}

/// Refusals of transactions that cannot be read.
fn unreadable() -> Vec<Row> {
    let whole = signed(body());
    let not_signed = "transaction is malformed: it is not a `SignedTransaction` in canonical \
                      encoding";
    let unknown_field = Bytes::from([whole.as_ref(), &[0x50, 1]].concat());
    let parsed = SignedTransaction::decode(whole.clone()).unwrap();
    let with_body = |bytes: &[u8]| {
        let body = Bytes::copy_from_slice(bytes);
        let message = SignedTransaction { body, signatures: parsed.signatures.clone() };
        Bytes::from(message.encode_to_vec())
    };
    // The same message in other bytes: a default value that is spelt out.
    let long_body = [parsed.body.as_ref(), &[0x18, 0]].concat();
    let row = |what, bytes: Bytes, code, sentence: &str| {
        row(what, bytes, ("tx", code), sentence, Untouched)
    };
    vec![
        row("garbage", Bytes::from_static(b"hello"), 1, not_signed),
        row("cut off", whole.slice(..whole.len() - 1), 1, not_signed),
        row("an unknown field", unknown_field, 1, not_signed),
        row(
            "a body that is none",
            with_body(b"hello"),
            1,
            "transaction is malformed: its body is not a `TransactionBody` in canonical encoding",
        ),
        row(
            "a body in other bytes",
            with_body(&long_body),
            1,
            "transaction is malformed: its body is not a `TransactionBody` in canonical encoding",
        ),
        row(
            "a short sender",
            changed(|body| body.sender = vec![1; 19].into()),
            1,
            "transaction is malformed: its sender is not a 20-byte address",
        ),
        row(
            "a fee in words",
            changed(|body| body.max_fee = "ten".into()),
            1,
            "transaction is malformed: its `max_fee` is not a decimal number",
        ),
    ]
}

/// Refusals of signatures, sizes and contents.
fn malformed() -> Vec<Row> {
    let parsed = SignedTransaction::decode(signed(body())).unwrap();
    let mut many = parsed.clone();
    many.signatures = vec![parsed.signatures[0].clone(); 17];
    let mut twice = parsed.clone();
    twice.signatures = vec![parsed.signatures[0].clone(); 2];
    let mut no_key = parsed;
    no_key.signatures[0].public_key = None;
    let row = |what, bytes: Bytes, code, sentence: &str| {
        row(what, bytes, ("tx", code), sentence, Untouched)
    };
    vec![
        row(
            "17 signatures",
            many.encode_to_vec().into(),
            1,
            "transaction is malformed: it has more than 16 signatures",
        ),
        row(
            "a signature twice",
            twice.encode_to_vec().into(),
            1,
            "transaction is malformed: its signatures are not in ascending order of public key",
        ),
        row(
            "a signature without key",
            no_key.encode_to_vec().into(),
            1,
            "transaction is malformed: a signature has no public key",
        ),
        row(
            "65,537 bytes",
            vec![7; 65_537].into(),
            2,
            "transaction has 65537 bytes, at most 65536 are allowed",
        ),
        row(
            "no operations",
            changed(|body| body.operations.clear()),
            7,
            "transaction has 0 operations, 1 to 64 are allowed",
        ),
        row(
            "65 operations",
            changed(|body| body.operations = vec![body.operations[0].clone(); 65]),
            7,
            "transaction has 65 operations, 1 to 64 are allowed",
        ),
        row(
            "an unknown operation",
            changed(|body| body.operations.push(Operation { kind: None })),
            11,
            "an operation is empty or of a kind that this version of the chain does not know",
        ),
        row(
            "another chain",
            changed(|body| body.chain_id = "other-chain".into()),
            3,
            "transaction is for chain `other-chain`, this chain is `test-chain`",
        ),
    ]
}

/// Refusals of who sends it, and when.
fn not_authorised() -> Vec<Row> {
    let (sender, other) = (person(4).address(), person(5));
    let wrong = format!(
        "a signature of {sender} is wrong: it was made with another key, for another chain, or \
         the transaction was changed after signing"
    );
    let mut moved = body();
    moved.chain_id = "other-chain".into();
    let mut for_other = SignedTransaction::decode(signed(moved)).unwrap();
    for_other.body = body().encode_to_vec().into();
    let unsigned = SignedTransaction { body: body().encode_to_vec().into(), signatures: vec![] };
    let key = hex::encode(other.public_key_bytes());
    vec![
        row(
            "changed after signing",
            sign(body(), &[person(4)], true).bytes,
            ("tx", 6),
            &wrong,
            Untouched,
        ),
        row(
            "signed for another chain",
            for_other.encode_to_vec().into(),
            ("tx", 6),
            &wrong,
            Untouched,
        ),
        row("no signature", unsigned.encode_to_vec().into(), ("tx", 6), &wrong, Untouched),
        row(
            "signed by somebody else",
            sign(body(), std::slice::from_ref(&other), false).bytes,
            ("accounts", 13),
            format!("key {key} may not sign for {sender}"),
            Untouched,
        ),
        row(
            "signed by somebody else too",
            sign(body(), &[person(4), other], false).bytes,
            ("accounts", 13),
            format!("key {key} may not sign for {sender}"),
            Untouched,
        ),
    ]
}

/// Refusals of when it is sent, and in what order.
fn out_of_order() -> Vec<Row> {
    let sender = person(4).address();
    let nonce = |have: u64| {
        let bytes = changed(|body| body.nonce = have);
        (bytes, format!("nonce of lane 0 of {sender} is {have}, the next one is 0"))
    };
    let mut rows = vec![
        row(
            "expired",
            changed(|body| body.valid_until_height = 0),
            ("tx", 4),
            "transaction was valid until block 0 and this is block 1; send it again with a later \
             limit",
            Untouched,
        ),
        row(
            "valid for too long",
            changed(|body| body.valid_until_height = 2 + MAX_VALIDITY_BLOCKS),
            ("tx", 5),
            "transaction is valid until block 52, more than 50 after block 1; choose an earlier \
             limit",
            Untouched,
        ),
    ];
    for (what, have) in [("a nonce gap", 1), ("a far nonce", 1 << 40), ("the last nonce", u64::MAX)]
    {
        let (bytes, sentence) = nonce(have);
        rows.push(row(what, bytes, ("accounts", 16), sentence, Untouched));
    }
    rows
}

/// Refusals of who pays for it.
fn no_payer() -> Vec<Row> {
    let (sender, payer) = (person(4).address(), person(5).address());
    vec![
        row(
            "a payer that is no account",
            changed(|body| body.payer = Bytes::from_static(&[1; 19])),
            ("tx", 1),
            "transaction is malformed: its payer is not a 20-byte address",
            Untouched,
        ),
        row(
            "a payer who has set nothing aside",
            changed(|body| body.payer = payer.to_bytes()),
            ("accounts", 20),
            format!(
                "{payer} has set no fees aside for {sender}; send it without a payer, or ask for \
                 them"
            ),
            Untouched,
        ),
    ]
}

/// Refusals of how much is paid for it.
fn not_paid() -> Vec<Row> {
    let (poor, poor_body) = (person(COUNT - 1), body());
    let from_poor = |amount: usize| {
        let mut body = poor_body.clone();
        body.sender = poor.address().to_bytes();
        body.operations = vec![body.operations[0].clone(); amount];
        sign(body, std::slice::from_ref(&poor), false).bytes
    };
    let stranger = Signer::from_seed_phrase("stranger");
    let mut of_stranger = body();
    of_stranger.sender = stranger.address().to_bytes();
    let of_stranger = sign(of_stranger, std::slice::from_ref(&stranger), false).bytes;
    let fee = |bytes: &Bytes, operations: usize| 100 + 10 * operations + bytes.len();
    let costly = from_poor(60);
    let (cheap, cheap_fee) = {
        let bytes = changed(|body| body.max_fee = "9".into());
        let fee = fee(&bytes, 1);
        (bytes, fee)
    };
    vec![
        row(
            "a fee above the limit",
            cheap,
            ("tx", 8),
            format!("fee is {cheap_fee}, more than the transaction's limit of 9 base units"),
            Untouched,
        ),
        row(
            "too little prepaid",
            costly.clone(),
            ("tx", 9),
            format!(
                "{} has 2000 base units of prepaid fees and the transaction costs {}; top up the \
                 account first",
                poor.address(),
                fee(&costly, 60)
            ),
            Untouched,
        ),
        row(
            "nothing prepaid",
            of_stranger.clone(),
            ("tx", 9),
            format!(
                "{} has 0 base units of prepaid fees and the transaction costs {}; top up the \
                 account first",
                stranger.address(),
                fee(&of_stranger, 1)
            ),
            Untouched,
        ),
    ]
}

/// All refusals that leave everything as it is, but those of operations.
fn before_the_account() -> Vec<Row> {
    let all = [unreadable(), malformed(), not_authorised(), out_of_order(), no_payer(), not_paid()];
    all.into_iter().flatten().collect()
}

/// Refusals by the operation itself, whatever the state.
fn malformed_operations() -> Vec<Row> {
    let (sender, to) = (person(4).address(), person(5).address());
    let (usdx_id, amount) = (genesis_asset("usdx"), Amount::from_u64);
    let max = Amount::MAX.to_string();
    let above = (Amount::MAX.base_units() + 1).to_string();
    let two = operations::batch_transfer(&usdx_id, &[(to, Amount::MAX), (sender, amount(1))]);
    let form = |what, kind: Kind, refusal, sentence: &str| {
        row(what, signed(body_with(vec![kind])), refusal, sentence, Untouched)
    };
    vec![
        form(
            "a zero amount",
            usdx(&to, "0"),
            ("transfers", 4),
            "`amount` is 0, give at least 1 base unit",
        ),
        form("no amount", usdx(&to, ""), ("transfers", 1), "`amount` is missing"),
        form(
            "an amount in words",
            usdx(&to, "1e3"),
            ("transfers", 3),
            "`1e3` is not an amount: expected a whole number of base units like 1500",
        ),
        form(
            "an amount above the largest",
            usdx(&to, &above),
            ("transfers", 3),
            &format!("`{above}` is more than the largest amount, {max}"),
        ),
        form(
            "legs that overflow",
            two,
            ("transfers", 15),
            &format!("the legs add up to more than the largest amount, {max}"),
        ),
        form(
            "a payment to the fee pool",
            usdx(&Address::fee_pool(), "1"),
            ("transfers", 9),
            "`to` is the fee pool, which takes no payments: top up fees instead",
        ),
    ]
}

/// Refusals by the operation itself, because of the state.
fn refused_operations() -> Vec<Row> {
    let (sender, to) = (person(4).address(), person(5).address());
    let unknown = AssetId::new([9; 16]);
    let (gold, villa, usdx_id) =
        (genesis_asset("gold"), genesis_asset("villa"), genesis_asset("usdx"));
    let (amount, max) = (Amount::from_u64, Amount::MAX.to_string());
    let with = |kind: Kind| signed(body_with(vec![kind]));
    let insufficient = |need: &str| {
        format!(
            "{sender} needs {need} base units of `usdx` and has 1000004 free: 1000004 held, 0 \
             encumbered, 0 frozen"
        )
    };
    let state = |what, kind: Kind, refusal, sentence: String| {
        row(what, with(kind), refusal, sentence, NonceAndFee)
    };
    vec![
        state("the largest amount", usdx(&to, &max), ("transfers", 13), insufficient(&max)),
        state("one too many", usdx(&to, "1000005"), ("transfers", 13), insufficient("1000005")),
        state(
            "a transfer to itself",
            usdx(&sender, "1"),
            ("transfers", 10),
            format!("{sender} cannot send units to itself"),
        ),
        state(
            "an unknown asset",
            operations::transfer(&unknown, &to, amount(1)),
            ("transfers", 11),
            format!("no asset is registered with id {unknown}"),
        ),
        state(
            "minting by a stranger",
            operations::mint_units(&gold, &to, amount(1)),
            ("assets", 30),
            format!(
                "{sender} does not have the role minter for `gold` now, {} can grant it",
                person(3).address()
            ),
        ),
        state(
            "royalties without schedule",
            operations::pay_royalty(&villa, &usdx_id, amount(1)),
            ("royalties", 12),
            "`villa` has no royalty schedule, its issuer must set one first".into(),
        ),
        state(
            "income in another asset",
            operations::pay_income(&villa, &gold, amount(1), None),
            ("assets", 19),
            "`gold` is not a currency, use an asset of class CURRENCY".into(),
        ),
        state(
            "no income to claim",
            operations::claim_income(&villa, &usdx_id),
            ("distributions", 15),
            format!("{sender} has no income of `villa` to claim in {usdx_id}"),
        ),
        state(
            "a vote on nothing",
            operations::cast_vote(&villa, 1, operations::VoteChoice::Yes),
            ("votes", 12),
            "there is no proposal 1 of this asset".into(),
        ),
    ]
}

/// A transaction whose second operation is refused.
fn half_good() -> Row {
    let (sender, to) = (person(4).address(), person(5).address());
    row(
        "a good operation before a bad one",
        signed(body_with(vec![usdx(&to, "10"), usdx(&sender, "1")])),
        ("transfers", 10),
        format!("{sender} cannot send units to itself"),
        NonceAndFee,
    )
}

#[test]
fn every_kind_of_bad_transaction_has_its_code_and_sentence_and_changes_nothing_else() {
    let rows =
        [before_the_account(), malformed_operations(), refused_operations(), vec![half_good()]];
    for Row { what, bytes, refusal, sentence, leaves } in rows.into_iter().flatten() {
        let chain = chain();
        let before = chain.leaves();
        let outcome = chain.run_transactions(vec![bytes.clone()]);
        let receipt = &outcome.receipts[0];
        let told = receipt.outcome.as_ref().unwrap();
        assert_eq!((told.codespace.as_str(), told.code), refusal, "{what}: {}", receipt.message);
        assert_eq!(receipt.message, sentence, "{what}");
        assert!(told.events.is_empty(), "{what}");
        let after = chain.leaves();
        let differing: BTreeSet<StateKey> = before
            .keys()
            .chain(after.keys())
            .filter(|key| before.get(key) != after.get(key))
            .copied()
            .collect();
        let expected = match leaves {
            Untouched => BTreeSet::new(),
            NonceAndFee => [StateKey::account(&person(4).address()), StateKey::fee_pot()].into(),
        };
        assert_eq!(differing, expected, "{what}");
        let fee = told.fee.parse::<usize>().unwrap();
        assert_eq!(fee > 0, leaves == NonceAndFee, "{what}");
    }
}

#[test]
fn fault_11_the_same_transaction_takes_effect_once() {
    let chain = chain();
    let bytes = signed(body());
    let again = format!("nonce of lane 0 of {} is 0, the next one is 1", person(4).address());
    let outcome =
        chain.run(&[frame(vec![bytes.clone(), bytes.clone()]), frame(vec![bytes.clone()])]);
    let codes = |outcome: &tessera_tests::fixture::Outcome| -> Vec<u32> {
        outcome.receipts.iter().map(|one| one.outcome.as_ref().unwrap().code).collect()
    };
    assert_eq!(codes(&outcome), [0, 16, 16]);
    assert_eq!(outcome.receipts[1].message, again);
    for _ in 0..10 {
        let before = chain.leaves();
        let parsed = SignedTransaction::decode(bytes.clone()).unwrap();
        // The same content in other bytes, and the same signature for the same body.
        let other_bytes = Bytes::from([bytes.as_ref(), &[0x50, 0]].concat());
        let outcome =
            chain.run_transactions(vec![bytes.clone(), other_bytes, parsed.encode_to_vec().into()]);
        assert_eq!(codes(&outcome), [16, 1, 16]);
        assert_eq!(chain.leaves(), before);
    }
    // The receipt of what took effect is the one that is kept.
    let id = tessera_proto::signing::transaction_id(&bytes);
    let kept = tessera_app::chain::receipts::receipt(chain.store().database(), &id).unwrap();
    assert_eq!(kept.unwrap(), outcome.receipts[0]);
}

#[test]
fn fault_12_nonces_count_up_by_one_in_each_lane() {
    let chain = chain();
    let at = |lane: u32, nonce: u64| {
        changed(|body| {
            body.nonce_lane = lane;
            body.nonce = nonce;
        })
    };
    let tries = [
        (0, 0, 0),
        (0, 1, 0),
        (0, 1, 16),
        (0, 0, 16),
        (0, 3, 16),
        (0, u64::MAX, 16),
        (u32::MAX, 0, 0),
        (u32::MAX, u64::MAX, 16),
        (u32::MAX, 1, 0),
        (0, 2, 0),
    ];
    let bytes = tries.map(|(lane, nonce, _)| at(lane, nonce)).to_vec();
    let outcome = chain.run_transactions(bytes);
    for (receipt, (lane, nonce, code)) in outcome.receipts.iter().zip(tries) {
        assert_eq!(receipt.outcome.as_ref().unwrap().code, code, "lane {lane} nonce {nonce}");
    }
    let lanes = (1..=63).map(|lane| at(lane, 0)).collect();
    let outcome = chain.run_transactions(lanes);
    let codes = outcome.receipts.iter().map(|one| one.outcome.as_ref().unwrap().code);
    // Lane 0, the last and 62 more make 64.
    assert_eq!(codes.collect::<Vec<_>>(), [vec![0; 62], vec![17]].concat());
    assert_eq!(
        outcome.receipts[62].message,
        format!(
            "{} uses 64 nonce lanes already, use one of them instead of lane 63",
            person(4).address()
        )
    );
}

fn node(chain: &Chain) -> Node {
    fixture::node(chain.store(), chain.ledger().verifier(), &Arc::default())
}

/// Why a frame of a peer is not taken in.
fn refused_frame(pool: &Pool, frame: &Bytes) -> Rejected {
    match pool.insert_frame(frame) {
        Err(ExecutionError::Rejected(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Frames that no proposal may have.
fn bad_frames() -> Vec<(&'static str, Bytes)> {
    let good = frame(vec![signed(body())]);
    let many = vec![Bytes::from_static(b"x"); 4_097];
    let large = vec![Bytes::from(vec![7; 60 << 10]); 5];
    vec![
        ("nothing", Bytes::new()),
        ("garbage", Bytes::from_static(b"not a frame")),
        ("cut off", good.slice(..good.len() - 1)),
        ("an unknown field", [good.as_ref(), &[0x50, 1]].concat().into()),
        ("an empty transaction", frame(vec![Bytes::new()])),
        ("too many transactions", frame(many)),
        ("too many bytes", frame(large)),
        ("no transactions", Frame::default().encode_to_vec().into()),
    ]
}

#[test]
fn fault_10_bad_frames_are_rejected_and_harmless_when_decided_anyway() {
    let good = frame(vec![signed(body())]);
    for (what, bad) in bad_frames() {
        let chain = chain();
        let node = node(&chain);
        let judge = |txs: Vec<Bytes>| {
            let request = RequestProcessProposal { txs, ..RequestProcessProposal::default() };
            node.process_proposal(request).status
        };
        assert_eq!(
            judge(vec![good.clone(), bad.clone()]),
            i32::from(ProposalStatus::Reject),
            "{what}"
        );
        assert_eq!(judge(vec![good.clone()]), i32::from(ProposalStatus::Accept));
        let before = chain.leaves();
        assert_eq!(chain.run(&[bad.clone(), bad.clone()]).receipts, [], "{what}");
        assert_eq!(chain.leaves(), before, "{what}");
        let outcome = chain.run(&[bad.clone(), good.clone(), bad]);
        let answered: Vec<bool> =
            outcome.frames.iter().map(|frame| frame.outcomes_root.is_some()).collect();
        assert_eq!(answered, [false, true, false], "{what}");
        assert_eq!(outcome.receipts[0].outcome.as_ref().unwrap().code, 0, "{what}");
    }
}

#[test]
fn fault_10_a_frame_of_bad_transactions_gives_one_result_each() {
    let chain = chain();
    let rows: Vec<Row> = unreadable()
        .into_iter()
        .chain(malformed())
        .filter(|row| row.what != "65,537 bytes")
        .collect();
    let bytes: Vec<Bytes> = rows.iter().map(|row| row.bytes.clone()).collect();
    let outcome = chain.run(&[frame(bytes)]);
    assert_eq!(outcome.receipts.len(), rows.len());
    for (receipt, row) in outcome.receipts.iter().zip(&rows) {
        assert_eq!(receipt.message, row.sentence, "{}", row.what);
    }
}

#[test]
fn fault_13_no_transfer_changes_a_supply() {
    let chain = chain();
    let supply = |chain: &Chain| -> Vec<Bytes> {
        let totals = |name| StateKey::asset_totals(&genesis_asset(name));
        ["usdx", "gold", "villa"].map(|name| chain.leaves()[&totals(name)].clone()).to_vec()
    };
    let before = supply(&chain);
    let to = person(5).address();
    let amounts = ["1", "1000003", "1000005", &Amount::MAX.to_string(), "0"];
    let transactions = (0..).zip(amounts).map(|(nonce, amount)| {
        let mut body = body_with(vec![usdx(&to, amount)]);
        body.nonce = nonce;
        signed(body)
    });
    let outcome = chain.run_transactions(transactions.collect());
    let codes: Vec<u32> =
        outcome.receipts.iter().map(|one| one.outcome.as_ref().unwrap().code).collect();
    assert_eq!(codes, [0, 0, 13, 13, 4]);
    // The sender holds nothing any more, so only the number of holders is another.
    let holders = |leaf: &Bytes| {
        use tessera_proto::leaf::Leaf as _;
        tessera_proto::pb::assets::v1::AssetTotals::from_leaf_bytes(leaf).unwrap()
    };
    for (before, after) in before.iter().zip(supply(&chain)) {
        assert_eq!(holders(before).supply, holders(&after).supply);
    }
}

#[test]
fn the_pool_refuses_with_the_same_codes_and_takes_nothing_in() {
    let chain = chain();
    let node = node(&chain);
    let pool = node.pool();
    let sender = person(4).address();
    for row in before_the_account() {
        let answer = pool.submit(&[row.bytes]).unwrap().remove(0).unwrap_err();
        let found = (answer.codespace, answer.code);
        // What depends on transactions that wait has codes of the pool's own.
        let expected = match row.refusal {
            ("accounts", 16) => ("pool", 4),
            ("tx", 9) => ("pool", 5),
            other => other,
        };
        assert_eq!(found, expected, "{}: {}", row.what, answer.message);
        if found.0 != "pool" {
            assert_eq!(answer.message, row.sentence, "{}", row.what);
        }
        assert!(pool.is_empty(), "{}", row.what);
    }
    let good = signed(body());
    pool.submit(std::slice::from_ref(&good)).unwrap().remove(0).unwrap();
    let twice = pool.submit(std::slice::from_ref(&good)).unwrap().remove(0).unwrap_err();
    assert_eq!((twice.codespace, twice.code), ("pool", 1));
    assert_eq!(twice.message, "transaction is already waiting for a block");
    let gap = pool.submit(&[changed(|body| body.nonce = 5)]).unwrap().remove(0).unwrap_err();
    assert_eq!(
        gap.message,
        format!("lane 0 of {sender} is at nonce 1, the transaction has nonce 5")
    );
    assert_eq!(pool.transactions(), 1);
    for (what, bad) in bad_frames() {
        let error = refused_frame(pool, &bad);
        assert_eq!((error.codespace, error.code), ("pool", 6), "{what}");
    }
}

#[test]
fn a_frame_that_comes_after_the_block_that_had_it_is_not_taken_in_again() {
    let chain = chain();
    let node = node(&chain);
    let pool = node.pool();
    let lasting = changed(|body| body.valid_until_height = MAX_VALIDITY_BLOCKS);
    pool.submit(&[lasting]).unwrap().remove(0).unwrap();
    let frames = pool.frames_for_block(1 << 20);
    let [frame] = frames.as_slice() else { panic!("{frames:?}") };
    pool.committed(1, &[sha256(frame)]);
    for height in 2..10 {
        let late = refused_frame(pool, frame);
        assert_eq!((late.codespace, late.code), ("pool", 1), "{}", late.message);
        assert!(pool.is_empty());
        pool.committed(height, &[]);
    }
    // Such frames are not remembered for ever.
    (10..40).for_each(|height| pool.committed(height, &[]));
    pool.insert_frame(frame).unwrap();
}

#[test]
fn a_full_pool_and_a_greedy_sender_are_told_so() {
    let chain = chain();
    let limits = |bytes, transactions_per_sender| PoolLimits { bytes, transactions_per_sender };
    let pool = |limits| {
        let verifier = Arc::clone(chain.ledger().verifier());
        Pool::new(Arc::clone(chain.store()), verifier, limits, Arc::default())
    };
    let nonce = |nonce| changed(|body| body.nonce = nonce);
    let (first, second) = (nonce(0), nonce(1));
    let full = pool(limits(first.len() + 1, 10));
    let greedy = pool(limits(1 << 20, 1));
    for (pool, refusal, sentence) in [
        (
            full,
            ("pool", 2),
            format!(
                "the pool is full with {} bytes; wait for the next blocks and send it again",
                first.len()
            ),
        ),
        (
            greedy,
            ("pool", 3),
            format!(
                "{} has 1 transactions waiting, the most that one account may have",
                person(4).address()
            ),
        ),
    ] {
        let answers = pool.submit(&[first.clone(), second.clone()]).unwrap();
        assert!(answers[0].is_ok());
        let error = answers[1].clone().unwrap_err();
        assert_eq!((error.codespace, error.code), refusal);
        assert_eq!(error.message, sentence);
    }
}
