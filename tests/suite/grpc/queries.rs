//! What the state is asked: by height, page by page, and with nonsense.

use std::collections::BTreeMap;

use bytes::Bytes;
use tessera_client::operations::compliance::place_hold;
use tessera_client::{ClientError, operations};
use tessera_proto::id::{Address, AssetId};
use tessera_proto::pb::accounts::v1::GetAccountRequest;
use tessera_proto::pb::accounts::v1::account_query_service_client::AccountQueryServiceClient;
use tessera_proto::pb::assets::v1::AssetStatus;
use tessera_proto::pb::assets::v1::RegisterAsset;
use tessera_proto::pb::query::v1::QueryOptions;
use tessera_proto::pb::votes::v1::{SubmitProposal, VoteChoice};
use tonic::Code;

use super::chain::{CHAIN_ID, Chain, Settings, signer, units};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_heights_show_what_was_and_others_are_refused_with_the_range() {
    let chain = Chain::start_with(Settings { keep_heights: 8, ..Settings::default() }).await;
    let alice = signer("alice").address();
    let mut balances = BTreeMap::new();
    for amount in 1..=10_u64 {
        let height = chain.give(&alice, 1).await;
        balances.insert(height, amount);
    }
    let info = chain.client.info().await.unwrap();
    assert_eq!((info.chain_id.as_str(), info.consensus.as_str()), (CHAIN_ID, "solo"));
    let mut checked = 0;
    for (height, amount) in balances.range(info.oldest_height + 1..) {
        let holding = chain.client.holding("villa-ardeche", &alice, *height).await.unwrap();
        assert_eq!(holding.balance, amount.to_string());
        checked += 1;
    }
    assert!(checked >= 2, "{checked} of {balances:?}");
    let tip = chain.client.holding("villa-ardeche", &alice, 0).await.unwrap();
    assert_eq!((tip.balance.as_str(), tip.decimals), ("10", 2));

    let error = chain.client.holding("villa-ardeche", &alice, 1).await.unwrap_err();
    assert!(matches!(error, ClientError::Usage(_)), "{error:?}");
    assert!(error.to_string().starts_with("height 1 is pruned, the oldest kept is"), "{error}");
    let error = chain.client.holding("villa-ardeche", &alice, u64::MAX).await.unwrap_err();
    assert!(error.to_string().contains("is not committed yet, the latest is"), "{error}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_lose_nothing_and_repeat_nothing() {
    let chain = Chain::start().await;
    let holder = |number: u8| Address::new([number; 20]);
    let legs: Vec<_> = (1..=100).map(|number| (holder(number), units(number.into()))).collect();
    chain.send("issuer", operations::batch_transfer(&chain.villa, &legs)).await;

    for limit in [1, 7, 50, 101, 0, 5_000] {
        let (mut token, mut found, mut pages) = (Bytes::new(), Vec::new(), 0);
        loop {
            let page = chain.client.holders("villa-ardeche", limit, token).await.unwrap();
            found.extend(page.entries.into_iter().map(|holding| holding.account));
            pages += 1;
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found.len(), 101, "limit {limit}");
        let mut distinct = found.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 101, "limit {limit}");
        let per_page = if limit == 0 { 100 } else { limit.min(1_000) };
        assert_eq!(pages, 101_u32.div_ceil(per_page), "limit {limit}");
    }
    let total: u64 = chain
        .client
        .holders("villa-ardeche", 1_000, Bytes::new())
        .await
        .unwrap()
        .entries
        .iter()
        .map(|holding| holding.balance.parse::<u64>().unwrap())
        .sum();
    assert_eq!(total, 1_000_000);
    let error = chain.client.holders("villa-ardeche", 1, Bytes::from_static(b"x")).await;
    assert!(matches!(error.unwrap_err(), ClientError::Usage(_)));

    for amount in 1..=9 {
        chain.give(&holder(1), amount).await;
    }
    let (mut token, mut heights) = (Bytes::new(), Vec::new());
    loop {
        let page = chain.client.account_receipts(&holder(1), 4, token).await.unwrap();
        heights.extend(page.entries.iter().map(|receipt| receipt.height));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(heights.len(), 10);
    assert!(heights.is_sorted_by(|one, other| one > other), "newest first: {heights:?}");
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_module_tells_its_facts() {
    let chain = Chain::start().await;
    let (issuer, alice) = (signer("issuer").address(), signer("alice").address());
    let client = &chain.client;
    chain.give(&alice, 500_000).await;
    let record_height = chain.client.info().await.unwrap().height;

    let (asset, totals) = client.asset("villa-ardeche", 0).await.unwrap();
    assert_eq!((asset.status(), totals.supply.as_str()), (AssetStatus::Active, "1000000"));
    let assets = client.assets(0, Bytes::new()).await.unwrap().entries;
    assert_eq!(assets.len(), 2);
    assert_eq!(client.documents("villa-ardeche").await.unwrap().len(), 1);
    assert!(client.appraisals("villa-ardeche", 10, Bytes::new()).await.unwrap().entries.is_empty());
    let holdings = client.holdings(&alice, 0, Bytes::new()).await.unwrap().entries;
    let mut names: Vec<_> = holdings.iter().map(|holding| holding.asset_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["usdx", "villa-ardeche"]);
    assert_eq!(client.holding("usdx", &Address::new([5; 20]), 0).await.unwrap().free, "0");
    assert!(client.account(&alice, 0).await.unwrap().is_some());
    assert!(client.account(&Address::new([5; 20]), 0).await.unwrap().is_none());

    assert!(client.claimable_income("villa-ardeche", &alice, 0).await.unwrap().is_empty());
    chain
        .send("issuer", operations::pay_income(&chain.villa, &chain.usdx, units(2_000_000), None))
        .await;
    let income = client.claimable_income("villa-ardeche", &alice, 0).await.unwrap();
    assert_eq!((income[0].currency_name.as_str(), income[0].amount.as_str()), ("usdx", "1000000"));

    assert!(client.royalty_schedule("villa-ardeche", 0).await.unwrap().is_none());
    let shares = [(alice, 4_000), (issuer, 6_000)];
    chain.send("issuer", operations::set_royalty_schedule(&chain.villa, &shares, 0)).await;
    let schedule = client.royalty_schedule("villa-ardeche", 0).await.unwrap().unwrap();
    assert_eq!(schedule.shares.len(), 2);

    let error = client.proposal("villa-ardeche", 1, 0).await.unwrap_err();
    assert_eq!(error.to_string(), "`villa-ardeche` has no proposal 1, it has 0");
    propose(&chain).await;
    propose(&chain).await;
    let vote = operations::cast_vote(&chain.villa, 1, VoteChoice::Yes);
    chain.send("alice", vote).await;
    let (proposal, tally) = client.proposal("villa-ardeche", 1, 0).await.unwrap();
    assert!(proposal.record_height >= record_height);
    assert_eq!((proposal.number, tally.yes.as_str()), (1, "500000"));
    assert_eq!(client.vote("villa-ardeche", 1, &alice).await.unwrap().unwrap().weight, "500000");
    assert_eq!(client.vote("villa-ardeche", 1, &issuer).await.unwrap(), None);
    let first = client.proposals("villa-ardeche", 1, Bytes::new()).await.unwrap();
    let second = client.proposals("villa-ardeche", 1, first.next_page_token).await.unwrap();
    assert_eq!((first.entries[0].number, second.entries[0].number), (1, 2));
    assert!(second.next_page_token.is_empty());
    chain.stop().await;
}

async fn propose(chain: &Chain) {
    let to = signer("alice").address();
    let proposal = SubmitProposal {
        asset: chain.villa.to_bytes(),
        title: "Repaint the shutters".into(),
        outcome: Some(operations::treasury_spend(&chain.usdx, &to, units(1))),
        voting_period_blocks: 1_000,
        quorum_bps: 1_000,
        threshold_bps: 5_000,
        record_height: 0,
    };
    chain.send("issuer", operations::submit_proposal(proposal)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_in_words() {
    let chain = Chain::start().await;
    let alice = signer("alice").address();
    let unknown = AssetId::new([9; 16]).to_string();
    for (asset, expected) in [
        ("", "`asset` is missing"),
        ("villa-ardeshe", "there is no asset `villa-ardeshe`; did you mean `villa-ardeche`?"),
        ("zzz", "there is no asset `zzz`"),
        (
            "asset1qqqq",
            "`asset1qqqq` is not a valid asset… identifier: a character is wrong or missing",
        ),
        (&unknown, &format!("there is no asset `{unknown}`")),
        (&"x".repeat(10_000), "`asset` has 10000 bytes, that is too long"),
    ] {
        let error = chain.client.holding(asset, &alice, 0).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let url = format!("http://{}", chain.address);
    let mut accounts = AccountQueryServiceClient::connect(url).await.unwrap();
    for account in ["", "tsr1nonsense", &unknown, "\u{0}", "ä"] {
        let request = GetAccountRequest { account: account.into(), options: None };
        let status = accounts.get_account(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{account}: {status:?}");
    }
    let options = Some(QueryOptions { height: u64::MAX, prove: true });
    let request = GetAccountRequest { account: alice.to_string(), options };
    assert_eq!(accounts.get_account(request).await.unwrap_err().code(), Code::OutOfRange);

    let asset = RegisterAsset { name: "barn".into(), ..RegisterAsset::default() };
    let error = chain.client.send(&signer("bob"), &[operations::register_asset(asset)]).await;
    assert!(matches!(error.unwrap_err(), ClientError::Refused(_)));
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_wait_for_a_receiver_are_listed_page_by_page() {
    let chain = Chain::start().await;
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| signer(name).address());
    chain.give(&alice, 50).await;
    chain.give(&bob, 50).await;
    for (holder, payee, amount) in
        [("alice", carol, 1), ("bob", carol, 2), ("bob", alice, 3), ("bob", carol, 4)]
    {
        let hold = place_hold(&chain.villa, units(amount), &payee, &payee, u64::MAX);
        chain.send(holder, hold).await;
    }
    let mut expected: Vec<_> = [(alice, 1, "1"), (bob, 1, "2"), (bob, 3, "4")]
        .map(|(holder, number, amount)| (holder.to_string(), number, amount.to_owned()))
        .into();
    expected.sort_by_key(|(holder, number, _)| {
        (holder.parse::<Address>().unwrap().as_bytes().to_vec(), *number)
    });
    for limit in [1, 100] {
        let (mut token, mut found, mut pages) = (Bytes::new(), Vec::new(), 0);
        loop {
            let page = chain.client.waiting_units("villa-ardeche", &carol, limit, token).await;
            let page = page.unwrap();
            found.extend(page.entries.into_iter().map(|units| {
                let hold = units.hold.unwrap();
                (units.holder, hold.number, hold.amount)
            }));
            (token, pages) = (page.next_page_token, pages + 1);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!((&found, pages), (&expected, if limit == 1 { 2 } else { 1 }));
    }
    let nobody = Address::new([5; 20]);
    let page = chain.client.waiting_units("villa-ardeche", &nobody, 0, Bytes::new()).await;
    assert!(page.unwrap().entries.is_empty());
    chain.stop().await;
}
