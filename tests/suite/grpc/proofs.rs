//! Certificates, as the client checks them.

use tessera_client::verify::{verify_certificate, verify_ownership};
use tessera_client::{ClientError, operations};
use tessera_proto::id::Address;
use tessera_proto::state_key::StateKey;

use super::chain::{CHAIN_ID, Chain, Settings, signer, units};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ownership_is_proven_from_the_block_after_and_without_it_not() {
    let chain = Chain::start().await;
    let (alice, bob) = (signer("alice").address(), signer("bob").address());
    let height = chain.give(&alice, 250).await;
    for asset in ["villa-ardeche", &chain.villa.to_string()] {
        let certificate = chain.client.ownership_certificate(asset, &alice, height).await.unwrap();
        let proven = verify_ownership(&certificate, &chain.trust).unwrap();
        assert_eq!((proven.balance(), proven.account), (units(250), alice));
        assert_eq!((proven.asset_id, proven.holder_count), (chain.villa, 2));
        assert_eq!((proven.header.state_height, proven.header.chain_id), (height, CHAIN_ID.into()));
    }
    let nothing = chain.client.ownership_certificate("villa-ardeche", &bob, 0).await.unwrap();
    let proven = verify_ownership(&nothing, &chain.trust).unwrap();
    assert_eq!((proven.holding, proven.account), (None, bob));

    let before = chain.client.ownership_certificate("villa-ardeche", &alice, height - 1).await;
    let proven = verify_ownership(&before.unwrap(), &chain.trust).unwrap();
    assert_eq!(proven.holding, None, "a certificate of the block before shows what was then");

    let error = chain.client.ownership_certificate("villa-ardeche", &alice, 9_999).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, ClientError::Usage(_)), "{error:?}");
    assert!(error.to_string().contains("height 9999 is not committed yet"), "{error}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_keys_are_proven_present_or_absent_at_every_kept_height() {
    let chain = Chain::start_with(Settings { keep_heights: 6, ..Settings::default() }).await;
    let stranger = Address::new([0xee; 20]);
    let keys = [
        StateKey::params(),
        StateKey::account(&stranger),
        StateKey::holding(&chain.villa, &stranger),
        StateKey::from_bytes(&[0xff; 56]).unwrap(),
    ];
    let mut latest = 0;
    for amount in 1..10 {
        latest = chain.give(&stranger, amount).await;
    }
    let info = chain.client.info().await.unwrap();
    assert!(info.oldest_height > 0);
    // Not the block after the last transfer: nobody needs a header that commits to its state.
    for height in info.oldest_height + 1..=latest {
        let certificate = chain.client.certificate(&keys, height).await.unwrap();
        let verified = verify_certificate(&certificate, &chain.trust).unwrap();
        assert_eq!(verified.header.state_height, height);
        let present: Vec<bool> = verified.entries.iter().map(|e| e.value.is_some()).collect();
        assert_eq!(present, [true, false, true, false]);
    }
    let error = chain.client.certificate(&keys, 1).await.unwrap_err().to_string();
    assert!(error.contains("height 1 is pruned, the oldest kept is"), "{error}");
    for bad in [&[][..], &[StateKey::params(); 65]] {
        let error = chain.client.certificate(bad, 0).await.unwrap_err();
        assert!(matches!(error, ClientError::Usage(_)), "{error:?}");
    }
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_prove_what_they_say() {
    use tessera_client::verify::verify_state_proof;
    use tessera_proto::pb::query::v1::QueryOptions;
    use tessera_proto::pb::transfers::v1::GetHoldingRequest;
    use tessera_proto::pb::transfers::v1::holding_query_service_client::HoldingQueryServiceClient;

    let chain = Chain::start().await;
    let alice = signer("alice").address();
    let operation = operations::transfer(&chain.villa, &alice, units(7));
    let height = chain.send("issuer", operation).await.height;
    let url = format!("http://{}", chain.address);
    let mut queries = HoldingQueryServiceClient::connect(url).await.unwrap();
    let request = GetHoldingRequest {
        asset: "villa-ardeche".into(),
        account: alice.to_string(),
        options: Some(QueryOptions { height, prove: true }),
    };
    let answer = queries.get_holding(request).await.unwrap().into_inner();
    assert_eq!(answer.holding.unwrap().balance, "7");
    let context = answer.context.unwrap();
    assert_eq!(context.height, height);
    let app_hash = chain.node.store().app_hash(height).unwrap();
    let proven = verify_state_proof(&context.proof.unwrap(), &app_hash).unwrap();
    assert!(proven.is_some());
    chain.stop().await;
}
