//! Certificates, as the client checks them.

use std::time::Duration;

use tessera_client::operations::pools::{self, CreateTranches, TrancheTerms};
use tessera_client::operations::{AssetClass, RegisterAsset};
use tessera_client::tx_builder::TransactionId;
use tessera_client::verify::{
    RegisterBody, RegisterFile, verify_certificate, verify_ownership, verify_receipt,
    verify_register, verify_state_proof,
};
use tessera_client::{ClientError, operations};
use tessera_proto::id::{Address, AssetId};
use tessera_proto::leaf::Leaf;
use tessera_proto::pb::pools::v1::pool_query_service_client::PoolQueryServiceClient;
use tessera_proto::pb::pools::v1::{GetPoolRequest, GetWaterfallRequest, Pool, Tranche, Waterfall};
use tessera_proto::pb::query::v1::{QueryContext, QueryOptions};
use tessera_proto::state_key::StateKey;
use tonic::Code;

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

/// Checks the proof of an answer against the state at its height; the leaf that it proves.
fn proven<L: Leaf>(chain: &Chain, context: Option<QueryContext>, key: &StateKey) -> L {
    let QueryContext { height, proof } = context.unwrap();
    let (proof, app_hash) = (proof.unwrap(), chain.node.store().app_hash(height).unwrap());
    assert_eq!(proof.key, key.as_bytes());
    let value = verify_state_proof(&proof, &app_hash).unwrap().unwrap();
    let mut changed = proof;
    changed.value = changed.value.iter().rev().map(|byte| !byte).collect();
    assert!(verify_state_proof(&changed, &app_hash).is_err());
    L::from_leaf_bytes(&value).unwrap()
}

/// Registers three assets of the issuer: a fund and two tranches.
async fn register_fund(chain: &Chain) -> [AssetId; 3] {
    let registration = |name: &str| RegisterAsset {
        salt: name.as_bytes().to_vec().into(),
        name: name.to_owned(),
        title: name.to_owned(),
        class: AssetClass::FundShare.into(),
        max_supply: "1000".to_owned(),
        ..RegisterAsset::default()
    };
    let names = ["fund", "senior", "junior"];
    for name in names {
        chain.send("issuer", operations::register_asset(registration(name))).await;
    }
    names.map(|name| AssetId::derive(&signer("issuer").address(), name.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_proves_what_it_may_keep_and_what_it_keeps() {
    let chain = Chain::start().await;
    let [fund, ..] = register_fund(&chain).await;
    let members = [chain.villa, chain.usdx];
    let formed = chain.send("issuer", pools::form_pool(&fund, &members)).await.height;
    let contribution = pools::contribute_units(&fund, &chain.villa, units(40));
    let height = chain.send("issuer", contribution).await.height;
    let url = format!("http://{}", chain.address);
    let mut queries = PoolQueryServiceClient::connect(url).await.unwrap();
    let request = |asset: &str, height| GetPoolRequest {
        asset: asset.to_owned(),
        options: Some(QueryOptions { height, prove: true }),
    };
    let answer = queries.get_pool(request("fund", height)).await.unwrap().into_inner();
    assert_eq!((answer.context.as_ref().unwrap().height, answer.supply.as_str()), (height, "0"));
    let leaf: Pool = proven(&chain, answer.context, &StateKey::pool(&fund));
    let told = answer.members.iter().map(|one| one.asset.parse::<AssetId>().unwrap().to_bytes());
    assert_eq!(told.collect::<Vec<_>>(), leaf.members);
    let mut expected = members.map(AssetId::to_bytes);
    expected.sort();
    assert_eq!(leaf.members, expected);
    // What it keeps are holdings of its account, which are proven as any.
    let account: Address = answer.account.parse().unwrap();
    assert_eq!(account, Address::pool_account(&fund));
    for (name, balance) in [("villa-ardeche", "40"), ("usdx", "0")] {
        let certificate = chain.client.ownership_certificate(name, &account, height).await;
        let kept = verify_ownership(&certificate.unwrap(), &chain.trust).unwrap();
        let told = answer.members.iter().find(|one| one.name == name).unwrap();
        assert_eq!(
            (kept.balance().to_string().as_str(), told.balance.as_str()),
            (balance, balance)
        );
    }
    for (asset, height) in [("fund", formed - 1), ("senior", 0)] {
        let refused = queries.get_pool(request(asset, height)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
    }
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waterfall_proves_what_is_due_and_what_was_paid() {
    let chain = Chain::start().await;
    let [_, senior, junior] = register_fund(&chain).await;
    let terms = |asset: &AssetId, due: &str| TrancheTerms {
        asset: asset.to_bytes(),
        per_unit: due.to_owned(),
        units: due.to_owned(),
    };
    let tranches = CreateTranches {
        parent: chain.villa.to_bytes(),
        currency: chain.usdx.to_bytes(),
        tranches: vec![terms(&senior, "5"), terms(&junior, "")],
        ..CreateTranches::default()
    };
    let height = chain.send("issuer", pools::create_tranches(tranches)).await.height;
    let url = format!("http://{}", chain.address);
    let mut queries = PoolQueryServiceClient::connect(url).await.unwrap();
    let request = |asset: &str, height| GetWaterfallRequest {
        asset: asset.to_owned(),
        options: Some(QueryOptions { height, prove: true }),
    };
    let answer = queries.get_waterfall(request("villa-ardeche", height)).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!((answer.context.as_ref().unwrap().height, answer.periods), (height, 1));
    let leaf: Waterfall = proven(&chain, answer.context, &StateKey::waterfall(&chain.villa));
    assert_eq!((leaf.begins_ms, leaf.period_ms), (answer.begins_ms, answer.period_ms));
    assert_eq!(leaf.currency, answer.currency.parse::<AssetId>().unwrap().to_bytes());
    let told = answer.tranches.iter().map(|one| (one.asset.clone(), one.received.clone()));
    let of_leaf =
        |one: &Tranche| (AssetId::try_from(&*one.asset).unwrap().to_string(), one.received.clone());
    assert_eq!(told.collect::<Vec<_>>(), leaf.tranches.iter().map(of_leaf).collect::<Vec<_>>());
    assert_eq!(answer.tranches[0].asset, senior.to_string());
    for (asset, height) in [("villa-ardeche", height - 1), ("fund", 0)] {
        let refused = queries.get_waterfall(request(asset, height)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
    }
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_register_is_complete_at_one_height_while_holders_come_and_go() {
    let chain = Chain::start().await;
    let accounts: Vec<Address> = (1..=6_u8).map(|byte| Address::new([byte; 20])).collect();
    let (alice, bob) = (signer("alice").address(), signer("bob").address());
    for account in accounts.iter().chain([&alice]) {
        chain.give(account, 10).await;
    }
    let height = chain.give(&accounts[0], 5).await;
    // One holder leaves and another comes: at that height things were as they were.
    let all = operations::transfer(&chain.villa, &bob, units(10));
    chain.send("alice", all).await;
    let mut registers = Vec::new();
    for at in [height, 0] {
        let (certificate, holdings) = chain.client.register("villa-ardeche", at).await.unwrap();
        let body = RegisterBody::new(holdings).unwrap();
        let proven = verify_register(&certificate, &body, &chain.trust).unwrap();
        assert_eq!(proven.holders.len(), 8);
        assert_eq!(proven.holders[&accounts[0]].balance, units(15));
        let text = RegisterFile::new(&certificate, body, &proven).to_text();
        let read = RegisterFile::from_text(&text).unwrap().verify(&chain.trust).unwrap();
        assert_eq!(read, proven);
        registers.push(proven);
    }
    let holds = |register: usize, account| registers[register].holders.contains_key(account);
    assert_eq!((holds(0, &alice), holds(0, &bob)), (true, false));
    assert_eq!((holds(1, &alice), holds(1, &bob)), (false, true));
    for (asset, height, told) in
        [("villa", 0, "there is no asset `villa`"), ("villa-ardeche", 9_999, "not committed yet")]
    {
        let error = chain.client.register(asset, height).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_register_of_several_parts_shares_what_its_proofs_have_in_common() {
    let chain = Chain::start().await;
    let account = |number: u16| {
        let mut bytes = [0xab; 20];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        Address::new(bytes)
    };
    let mut height = 0;
    for first in (0..600_u16).step_by(60) {
        let legs: Vec<_> = (first..first + 60).map(|n| (account(n), units(1))).collect();
        let operation = operations::batch_transfer(&chain.villa, &legs);
        height = chain.send("issuer", operation).await.height;
    }
    let (certificate, holdings) = chain.client.register("villa-ardeche", height).await.unwrap();
    let roots = holdings.iter().filter(|proof| !proof.root_proof.is_empty()).count();
    assert!(roots <= 256, "{roots}");
    let body = RegisterBody::new(holdings).unwrap();
    let proven = verify_register(&certificate, &body, &chain.trust).unwrap();
    assert_eq!(proven.holders.len(), 601);
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_are_proven_also_when_the_state_is_not_kept_any_more() {
    let chain = Chain::start_with(Settings { keep_heights: 4, ..Settings::default() }).await;
    let bob = signer("bob").address();
    let operation = operations::transfer(&chain.villa, &bob, units(9));
    let receipt = chain.send("issuer", operation).await;
    let id = receipt.outcome.clone().unwrap().tx_id;
    let id = TransactionId::new(id.as_ref().try_into().unwrap());
    let prove = async || {
        let (certificate, proof) = chain.client.receipt_certificate(id).await.unwrap();
        assert_eq!(certificate.state_height, receipt.height);
        let proven = verify_receipt(&certificate, &proof, &chain.trust).unwrap();
        assert_eq!(Some(&proven.outcome), receipt.outcome.as_ref());
        proven
    };
    assert!(prove().await.assets.contains_key(&chain.villa));
    for amount in 1..12 {
        chain.give(&bob, amount).await;
    }
    assert!(prove().await.assets.is_empty(), "the state is pruned, the receipt is not");
    // A refusal is proven as well.
    let too_much = operations::transfer(&chain.villa, &bob, units(u64::MAX));
    let refused = chain.client.send(&signer("alice"), &[too_much]).await.unwrap_err();
    let ClientError::Refused(refusal) = refused else { panic!("{refused:?}") };
    let (certificate, proof) = chain.client.receipt_certificate(refusal.id.unwrap()).await.unwrap();
    let proven = verify_receipt(&certificate, &proof, &chain.trust).unwrap().outcome;
    assert_eq!((proven.code, proven.codespace), (refusal.code, refusal.codespace));

    let unknown = chain.client.receipt_certificate(TransactionId::new([7; 32])).await;
    let told = unknown.unwrap_err().to_string();
    assert!(told.contains("no block has transaction 0707"), "{told}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_among_many_frames_and_transactions_is_found() {
    let settings = Settings { block_time: Duration::from_millis(300), ..Settings::default() };
    let chain = Chain::start_with(settings).await;
    let mut sent = Vec::new();
    for number in 0..40_u64 {
        let to = Address::new([u8::try_from(number).unwrap(); 20]);
        let operation = operations::transfer(&chain.villa, &to, units(number + 1));
        let client = chain.client.clone();
        sent.push(tokio::spawn(async move { client.send(&signer("issuer"), &[operation]).await }));
    }
    let mut together = std::collections::BTreeMap::<u64, u32>::new();
    for sent in sent {
        let receipt = sent.await.unwrap().unwrap();
        *together.entry(receipt.height).or_default() += 1;
        let outcome = receipt.outcome.unwrap();
        let id = TransactionId::new(outcome.tx_id.as_ref().try_into().unwrap());
        let (certificate, proof) = chain.client.receipt_certificate(id).await.unwrap();
        let proven = verify_receipt(&certificate, &proof, &chain.trust).unwrap();
        assert_eq!(proven.outcome, outcome);
    }
    assert!(together.values().any(|count| *count > 1), "{together:?}");
    chain.stop().await;
}
