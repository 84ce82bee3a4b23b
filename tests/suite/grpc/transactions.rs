//! Transactions in, receipts out.

use bytes::Bytes;
use tessera_client::{ClientError, PreparedTransaction, Signer, TransactionBuilder, operations};
use tessera_proto::amount::Amount;
use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::{Authority, WeightedKey};
use tessera_proto::pb::chain::v1::SubmitStreamRequest;
use tessera_proto::pb::chain::v1::operation::Kind;
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt as _};

use super::chain::{CHAIN_ID, Chain, DEADLINE, signer, units};

async fn signed(chain: &Chain, who: &Signer, nonce: u64, kind: Kind) -> PreparedTransaction {
    builder(chain, who, nonce, kind).await.sign(&[who])
}

async fn builder(chain: &Chain, who: &Signer, nonce: u64, kind: Kind) -> TransactionBuilder {
    let info = chain.client.info().await.unwrap();
    TransactionBuilder::new(CHAIN_ID, who.address())
        .valid_until_height(info.height + 100)
        .operation(kind)
        .nonce(0, nonce)
        .quoted_fee(&info.params.unwrap(), 1)
}

async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    timeout(DEADLINE, stream.next()).await.expect("nothing came")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitted_transaction_gets_its_receipt_however_one_asks() {
    let chain = Chain::start().await;
    let issuer = signer("issuer");
    let alice = signer("alice").address();
    let tx = signed(&chain, &issuer, 0, operations::transfer(&chain.villa, &alice, units(5))).await;
    let early = chain.client.wait(tx.id, std::time::Duration::ZERO).await.unwrap();
    assert_eq!(early, None);
    let (client, id) = (chain.client.clone(), tx.id);
    let waiting = tokio::spawn(async move { client.wait(id, DEADLINE).await });
    assert_eq!(chain.client.submit(&tx).await.unwrap(), tx.id);
    let receipt = timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap().unwrap();
    let outcome = receipt.outcome.as_ref().unwrap();
    assert_eq!((outcome.code, outcome.tx_id.as_ref()), (0, tx.id.as_bytes().as_slice()));
    assert_eq!(outcome.fee, tx_fee(&chain, &tx).await.to_string());

    let later = chain.client.wait(tx.id, DEADLINE).await.unwrap();
    assert_eq!(later.as_ref(), Some(&receipt));
    let of_alice = chain.client.account_receipts(&alice, 0, Bytes::new()).await.unwrap();
    assert_eq!(of_alice.entries, std::slice::from_ref(&receipt));
    let of_villa = chain.client.asset_receipts("villa-ardeche", 0, Bytes::new()).await.unwrap();
    assert_eq!(of_villa.entries, [receipt]);
    chain.stop().await;
}

async fn tx_fee(chain: &Chain, tx: &PreparedTransaction) -> Amount {
    let params = chain.client.info().await.unwrap().params.unwrap();
    tessera_client::tx_builder::quote(&params, tx.bytes.len(), 1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_their_codes() {
    let chain = Chain::start().await;
    let (issuer, alice) = (signer("issuer"), signer("alice"));
    let give = |amount| operations::transfer(&chain.villa, &alice.address(), units(amount));
    let wrong_nonce = signed(&chain, &issuer, 7, give(1)).await;
    let unsigned = builder(&chain, &issuer, 0, give(1)).await.unsigned();
    let mut cut = signed(&chain, &issuer, 0, give(1)).await;
    cut.bytes.truncate(40);
    let mut oversized = signed(&chain, &issuer, 0, give(1)).await;
    oversized.bytes = vec![0; 70_000].into();
    let zero = signed(&chain, &issuer, 0, give(0)).await;
    let foreign = TransactionBuilder::new("other-chain", issuer.address()).operation(give(1));
    for (tx, code) in [
        (wrong_nonce, "pool/4"),
        (unsigned, "tx/6"),
        (cut, "tx/1"),
        (oversized, "tx/2"),
        (foreign.sign(&[&issuer]), "tx/3"),
    ] {
        let error = chain.client.submit(&tx).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
    }
    let error = chain.client.submit(&zero).await.unwrap_err();
    assert!(error.code().starts_with("transfers/"), "{error:?}");
    assert!(matches!(&error, ClientError::Refused(refusal) if refusal.id == Some(zero.id)));

    let too_much = operations::transfer(&chain.villa, &issuer.address(), units(1));
    let receipt = chain.client.send(&alice, &[too_much]).await.unwrap_err();
    let ClientError::Refused(refusal) = receipt else { panic!("{receipt:?}") };
    assert!(refusal.height.is_some() && refusal.codespace == "transfers", "{refusal:?}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_takes_transactions_in_order_and_answers_each_request() {
    let chain = Chain::start().await;
    let issuer = signer("issuer");
    let alice = signer("alice").address();
    let mut ids = Vec::new();
    let mut requests = Vec::new();
    for request in 0..6_u64 {
        let mut transactions = Vec::new();
        for nonce in request * 20..(request + 1) * 20 {
            let give = operations::transfer(&chain.villa, &alice, units(1));
            let tx = signed(&chain, &issuer, nonce, give).await;
            ids.push(tx.id);
            transactions.push(tx.bytes);
        }
        requests.push(SubmitStreamRequest { transactions });
    }
    let again = requests[5].clone();
    requests.push(SubmitStreamRequest { transactions: vec![Bytes::from_static(b"junk")] });
    requests.push(SubmitStreamRequest::default());
    let stream = chain.client.submit_stream(tokio_stream::iter(requests)).await.unwrap();
    let mut answers = Box::pin(stream);
    let mut admitted = Vec::new();
    for _ in 0..6 {
        let answer = next(&mut answers).await.unwrap().unwrap();
        assert_eq!(answer.admissions.len(), 20);
        for admission in answer.admissions {
            assert_eq!(admission.code, 0, "{admission:?}");
            admitted.push(admission.tx_id.to_vec());
        }
    }
    let expected: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
    assert_eq!(admitted, expected);
    let junk = next(&mut answers).await.unwrap().unwrap().admissions;
    assert_eq!((junk[0].codespace.as_str(), junk[0].code), ("tx", 1));
    assert!(next(&mut answers).await.unwrap().unwrap().admissions.is_empty());
    assert!(next(&mut answers).await.is_none());
    drop(answers);

    for id in ids {
        let receipt = chain.client.wait(id, DEADLINE).await.unwrap().expect("receipt");
        assert_eq!(receipt.outcome.unwrap().code, 0, "{}", receipt.message);
    }
    let stream = chain.client.submit_stream(tokio_stream::once(again)).await.unwrap();
    let refused = next(&mut Box::pin(stream)).await.unwrap().unwrap().admissions;
    assert!(refused.iter().all(|admission| admission.code == 4), "nonces are used up");

    let too_many = SubmitStreamRequest { transactions: vec![Bytes::new(); 4_097] };
    let stream = chain.client.submit_stream(tokio_stream::once(too_many)).await.unwrap();
    let error = next(&mut Box::pin(stream)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("4097 transactions, at most 4096"), "{error}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_tells_the_fee_and_the_refusal_and_changes_nothing() {
    let chain = Chain::start().await;
    let (issuer, alice) = (signer("issuer"), signer("alice"));
    let give = operations::transfer(&chain.villa, &alice.address(), units(5));
    let before = chain.client.info().await.unwrap();
    let gift = builder(&chain, &issuer, 0, give).await;
    let simulated = chain.client.simulate(&gift.unsigned()).await.unwrap();
    let outcome = simulated.outcome.unwrap();
    assert_eq!((outcome.code, simulated.height), (0, 0));
    assert_eq!(outcome.events.len(), 1);
    let sent = chain.client.submit_and_wait(&gift.sign(&[&issuer]), DEADLINE).await;
    let receipt = sent.unwrap();
    assert_eq!(outcome.fee, receipt.outcome.unwrap().fee, "the fee was exact");
    assert!(receipt.height > before.height);

    let too_much = operations::transfer(&chain.villa, &issuer.address(), units(6));
    let unsigned = builder(&chain, &alice, 0, too_much).await.unsigned();
    let refused = chain.client.simulate(&unsigned).await.unwrap();
    assert_eq!(refused.outcome.unwrap().codespace, "transfers");
    assert!(!refused.message.is_empty());

    let carol = signer("carol");
    let key = |signer: &Signer| WeightedKey { public_key: Some(signer.public_key()), weight: 1 };
    let mut keys = vec![key(&carol), key(&alice), key(&issuer)];
    keys.sort_by_key(|key| prost::Message::encode_to_vec(key.public_key.as_ref().unwrap()));
    let two_of_three = Authority { keys, threshold: 2 };
    chain.send("carol", operations::rotate_keys(two_of_three)).await;
    let pay = operations::transfer(&chain.usdx, &alice.address(), units(5));
    let params = chain.client.info().await.unwrap().params.unwrap();
    let payment = builder(&chain, &carol, 1, pay).await.quoted_fee(&params, 2);
    let simulated = chain.client.simulate(&payment.unsigned()).await.unwrap().outcome.unwrap();
    assert_eq!(simulated.fee, payment.fee().to_string(), "with two signatures");
    let tx = payment.sign(&[&carol, &alice]);
    let receipt = chain.client.submit_and_wait(&tx, DEADLINE).await.unwrap();
    assert_eq!(receipt.outcome.unwrap().fee, simulated.fee);
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_hear_of_what_they_asked_for_until_the_node_stops() {
    let chain = Chain::start().await;
    let (alice, bob) = (signer("alice").address(), signer("bob").address());
    let of_bob = Some(bob.to_string());
    let client = &chain.client;
    let mut bobs = Box::pin(
        client.subscribe_receipts(of_bob.as_deref(), Some("villa-ardeche")).await.unwrap(),
    );
    let mut all = Box::pin(client.subscribe_receipts(None, None).await.unwrap());
    let mut blocks = Box::pin(client.subscribe_blocks().await.unwrap());
    let to_alice = chain.give(&alice, 1).await;
    chain.send("issuer", operations::transfer(&chain.usdx, &bob, units(1))).await;
    let to_bob = chain.give(&bob, 2).await;
    assert_eq!(next(&mut all).await.unwrap().unwrap().height, to_alice);
    let heard = next(&mut bobs).await.unwrap().unwrap();
    assert_eq!((heard.height, heard.receipts.len()), (to_bob, 1));
    let mut last = 0;
    while last < to_bob {
        let block = next(&mut blocks).await.unwrap().unwrap();
        assert!(last == 0 || block.height == last + 1);
        last = block.height;
    }
    let error = client.subscribe_receipts(None, Some("no-such-asset")).await.err().unwrap();
    assert!(matches!(error, ClientError::NotFound(_)), "{error:?}");

    let unknown = Address::new([9; 20]);
    assert!(client.subscribe_receipts(Some(&unknown.to_string()), None).await.is_ok());
    chain.begin_stop();
    let error = next(&mut bobs).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    drop((bobs, all, blocks));
    chain.stop().await;
}
