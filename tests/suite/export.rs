//! The state of one chain as the beginning of another.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use tessera_app::chain::executor::Scheduling;
use tessera_app::chain::ledger::Ledger;
use tessera_app::chain::state_file::StateWriter;
use tessera_app::chain::verify::Verifier;
use tessera_app::node::comet::clock;
use tessera_app::node::comet::rpc::RpcClient;
use tessera_app::node::config::Config;
use tessera_app::node::local_chain::LocalChain;
use tessera_app::state::leaves::Leaves;
use tessera_app::state::store::{HeightError, Store};
use tessera_client::operations::accounts::{GiveMandate, act_for, give_mandate};
use tessera_client::operations::compliance::{approve_spender, freeze_holder, register_identity};
use tessera_client::operations::{self, DeclareDistribution, OfferUnits, SubmitProposal};
use tessera_client::{Client, Signer};
use tessera_genesis::{Genesis, StateFile, dev};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::chain::v1::Receipt;
use tessera_proto::pb::chain::v1::operation::Kind;
use tessera_proto::pb::distributions::v1::{DistributionTerms, HolderSelection, RemainderPolicy};
use tessera_proto::pb::market::v1::Offer;
use tessera_proto::pb::votes::v1::VoteChoice;
use tessera_proto::state_key::{Namespace, StateKey};
use tessera_tests::builders::sample_blocks;
use tessera_tests::fixture::{
    CHAIN_ID, Chain, Execution, OPTIONS, dev_villa, leaves, local_chain, temporary_folder, time_ms,
};
use tessera_tests::programs;

const STATE_FILE: &str = "state.jsonl";
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes the state of a store beside a document that goes on with it.
fn export(store: &Store, height: u64, before: &Genesis, folder: &Path) -> Genesis {
    let mut writer = StateWriter::new(Vec::new());
    for leaf in Leaves::at(store, height).unwrap() {
        let (key, value) = leaf.unwrap();
        writer.write(&key, &value).unwrap();
    }
    let (bytes, leaves, sha256) = writer.finish();
    fs::write(folder.join(STATE_FILE), bytes).unwrap();
    let app_hash = store.app_hash(height).unwrap();
    let file = STATE_FILE.to_owned();
    Genesis {
        chain_id: before.chain_id.clone(),
        genesis_time: before.genesis_time.clone(),
        validators: before.validators.clone(),
        state: Some(StateFile { file, sha256, leaves, height, app_hash }),
        ..Genesis::default()
    }
}

/// The ledger of a new chain whose genesis document is in a folder, with its database.
fn new_ledger(folder: &Path) -> Ledger {
    let store = Arc::new(Store::open(&folder.join("data"), OPTIONS).unwrap());
    let verifier = Arc::new(Verifier::new(CHAIN_ID));
    Ledger::new(store, verifier, Scheduling::Parallel).with_genesis_folder(folder)
}

#[test]
fn a_chain_goes_on_from_every_kept_height_as_if_nothing_had_happened() {
    let (genesis, blocks) = sample_blocks(40, 12);
    let chain = Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), Execution::Serial);
    let outcomes: Vec<_> = blocks.iter().map(|frames| chain.run(frames)).collect();
    for height in chain.store().oldest_height()..=chain.height() {
        let folder = temporary_folder();
        let goes_on = export(chain.store(), height, &genesis, folder.path());
        assert_eq!(goes_on.validate(), Ok(()));
        let ledger = new_ledger(folder.path());
        let committed = ledger.init(&goes_on).unwrap();
        assert_eq!(committed.app_hash, chain.store().app_hash(height).unwrap());
        assert_eq!((committed.height, committed.base_height), (height, height));
        let done = usize::try_from(height).unwrap();
        for (height, (frames, outcome)) in
            (height + 1..).zip(blocks[done..].iter().zip(&outcomes[done..]))
        {
            let block = ledger.finalize(height, time_ms(height), frames).unwrap();
            let app_hash = block.app_hash();
            let (_, receipts) = ledger.commit(block).unwrap();
            assert_eq!((app_hash, &receipts), (outcome.app_hash, &outcome.receipts));
        }
        assert_eq!(leaves(ledger.store(), &[]), chain.leaves());
    }
}

#[test]
fn a_chain_that_goes_on_survives_a_crash_and_knows_nothing_older() {
    let (genesis, blocks) = sample_blocks(6, 12);
    let chain = Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), Execution::Serial);
    for frames in &blocks {
        chain.run(frames);
    }
    let folder = temporary_folder();
    let goes_on = export(chain.store(), 6, &genesis, folder.path());
    let app_hash = chain.app_hash();
    drop(new_ledger(folder.path()).init(&goes_on).unwrap());
    // Beginning again changes nothing, even when the file is gone.
    fs::remove_file(folder.path().join(STATE_FILE)).unwrap();
    let ledger = new_ledger(folder.path());
    assert_eq!(ledger.init(&goes_on).unwrap().app_hash, app_hash);
    let store = ledger.store();
    assert_eq!((store.oldest_height(), store.oldest_settled_height()), (6, 6));
    assert!(matches!(store.at(5), Err(HeightError::Pruned { height: 5, oldest: 6 })));
    let key = StateKey::params();
    assert!(matches!(store.prove(5, &key), Err(HeightError::Pruned { .. })));
    assert!(store.prove(6, &key).is_ok());
    for height in 7..=14 {
        let block = ledger.finalize(height, time_ms(height), &[]).unwrap();
        ledger.commit(block).unwrap();
    }
    assert_eq!(store.oldest_height(), 14 - OPTIONS.keep_heights);
    drop(ledger);
    let ledger = new_ledger(folder.path());
    assert_eq!(ledger.store().committed().unwrap().base_height, 6);
    let error = ledger.init(&goes_on).unwrap_err().to_string();
    assert!(error.contains("already holds block 14"), "{error}");
}

/// What is said of the state file after a change of its lines.
fn told_of(change: impl FnOnce(&mut Vec<String>)) -> String {
    let (genesis, blocks) = sample_blocks(4, 12);
    let chain = Chain::new(&genesis, &Arc::new(Verifier::new(CHAIN_ID)), Execution::Serial);
    for frames in &blocks {
        chain.run(frames);
    }
    let folder = temporary_folder();
    let goes_on = export(chain.store(), 4, &genesis, folder.path());
    let path = folder.path().join(STATE_FILE);
    let mut lines: Vec<String> =
        fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    new_ledger(folder.path()).init(&goes_on).unwrap_err().to_string()
}

/// Where the first line of a kind stands, from 0.
fn line_of(lines: &[String], namespace: Namespace) -> usize {
    let begin = format!("\"key\":\"{:02x}", namespace.byte());
    lines.iter().position(|line| line.contains(&begin)).unwrap()
}

#[test]
fn every_flaw_of_a_state_file_is_told_with_its_line() {
    let told = told_of(|lines| lines.swap(5, 6));
    assert!(told.contains("its SHA-256 is") && told.contains("\n  line 7: key `"), "{told}");
    assert!(told.contains("stands out of order"), "{told}");
    let told = told_of(|lines| lines.insert(5, lines[4].clone()));
    assert!(told.contains("line 6: ") && told.contains("stands twice"), "{told}");
    assert!(told.contains("leaves, the genesis document says"), "{told}");
    let told = told_of(|lines| lines[2] = "nonsense".to_owned());
    assert!(told.contains("line 3: no leaf: expected ident"), "{told}");
    let told = told_of(|lines| lines[2] = lines[2].replace("\"value\":\"01", "\"value\":\"09"));
    assert!(told.contains("line 3: value of "), "{told}");
    assert!(told.contains("leaf has version Some(9), this build knows version 1"), "{told}");
    let told = told_of(|lines| lines[2] = lines[2].replace("\"account\"", "\"asset\""));
    assert!(told.contains("is of kind account, not `asset`"), "{told}");
    let told = told_of(|lines| lines[2] = lines[2].replace("\"key\":\"10", "\"key\":\"f0"));
    assert!(told.contains("no kind of fact has keys that begin with f0"), "{told}");
    let sentinel = r#"{"kind":"sentinel","key":"0000000000","value":"01"}"#;
    let told = told_of(|lines| lines.insert(0, sentinel.to_owned()));
    assert!(told.contains("line 1: sentinels come with every chain"), "{told}");
    let told = told_of(|lines| lines.truncate(lines.len() - 1));
    assert!(told.contains("it has "), "{told}");
}

#[test]
fn a_state_that_does_not_add_up_is_told_with_the_line() {
    let mut totals = 0;
    let told = told_of(|lines| {
        let holding = lines.remove(line_of(lines, Namespace::Holding));
        let asset = holding.split("\"key\":\"30").nth(1).unwrap().split_at(32).0;
        totals = lines.iter().position(|line| line.contains(&format!("\"21{asset}"))).unwrap() + 1;
    });
    assert!(told.contains(&format!("line {totals}: `")), "{totals} {told}");
    assert!(told.contains("has a supply of") && told.contains("are listed"), "{told}");
    let told = told_of(|lines| drop(lines.remove(line_of(lines, Namespace::AssetTotals))));
    assert!(told.contains("has no totals"), "{told}");
    let told = told_of(|lines| drop(lines.remove(line_of(lines, Namespace::AssetName))));
    assert!(told.contains("does not lead to this asset"), "{told}");
    let told = told_of(|lines| drop(lines.remove(line_of(lines, Namespace::Asset))));
    assert!(told.contains(": there is no asset asset1"), "{told}");
    let told = told_of(|lines| drop(lines.remove(line_of(lines, Namespace::Account))));
    assert!(told.contains("line 2: the fee pool holds"), "{told}");
    let told = told_of(|lines| drop(lines.remove(0)));
    assert!(told.contains("there are no parameters of the chain"), "{told}");
}

fn units(amount: u64) -> Amount {
    Amount::from_u64(amount)
}

/// A running chain with the villa.
struct Running {
    client: Client,
    villa: AssetId,
    usdx: AssetId,
}

impl Running {
    async fn of(chain: &LocalChain) -> Self {
        let usdx = Genesis::dev("any", "2026-01-01T00:00:00Z", Vec::new());
        let usdx = usdx.fee_currency().unwrap().id();
        let client = Client::connect(&chain.url(0)).await.unwrap();
        Self { client, villa: dev_villa().id(), usdx }
    }

    async fn send(&self, who: &str, operation: Kind) -> Receipt {
        self.client.send(&Signer::from_seed_phrase(who), &[operation]).await.unwrap()
    }

    /// Uses most capabilities, and leaves much unfinished.
    async fn live(&self) {
        let (villa, usdx) = (self.villa, self.usdx);
        self.send("issuer", operations::pay_income(&villa, &usdx, units(1_000_000), None)).await;
        self.send("issuer", operations::take_record(&villa, 0)).await;
        let to_carol = operations::transfer(&villa, &dev::address("carol"), units(100));
        self.send("alice", to_carol).await;
        let distribution = DeclareDistribution {
            asset: villa.to_bytes(),
            currency: usdx.to_bytes(),
            record: 1,
            per_unit: "7".into(),
            units: "1".into(),
            terms: Some(DistributionTerms {
                funded: "7000".into(),
                expires_ms: u64::MAX,
                selection: HolderSelection::All.into(),
                remainder: RemainderPolicy::Payer.into(),
                ..DistributionTerms::default()
            }),
        };
        self.send("issuer", operations::declare_distribution(distribution)).await;
        let proposal = SubmitProposal {
            asset: villa.to_bytes(),
            title: "Repaint the shutters".into(),
            outcome: Some(operations::treasury_spend(&usdx, &dev::address("bob"), units(1))),
            voting_period_blocks: 100_000,
            quorum_bps: 1_000,
            threshold_bps: 5_000,
            record_height: 0,
        };
        self.send("issuer", operations::submit_proposal(proposal)).await;
        let to_dave = operations::transfer(&villa, &dev::address("dave"), units(50));
        self.send("bob", to_dave).await;
        self.send("alice", operations::cast_vote(&villa, 1, VoteChoice::Yes)).await;
        let schedule = [(dev::address("alice"), 10_000)];
        self.send("issuer", operations::set_royalty_schedule(&villa, &schedule, 0)).await;
        let offer = OfferUnits {
            number: 1,
            asset: villa.to_bytes(),
            amount: "10".into(),
            currency: usdx.to_bytes(),
            price: "5000".into(),
            expires_ms: u64::MAX,
            ..OfferUnits::default()
        };
        self.send("alice", operations::offer_units(offer)).await;
        let mandate = GiveMandate {
            account: dev::address("dave").to_bytes(),
            operations: vec!["Transfer".into()],
            expires_ms: u64::MAX,
            ..GiveMandate::default()
        };
        self.send("carol", give_mandate(mandate)).await;
        let allowance = approve_spender(&villa, &dev::address("dave"), units(5), u64::MAX);
        self.send("carol", allowance).await;
        self.send("bob", register_identity()).await;
        self.send("issuer", freeze_holder(&villa, &dev::address("dave"))).await;
    }

    /// Finishes what was left unfinished on the chain before.
    async fn go_on(&self) {
        let (villa, usdx) = (self.villa, self.usdx);
        let bob = dev::address("bob");
        let income = self.client.claimable_income("villa-ardeche", &bob, 0).await.unwrap();
        assert_eq!(income[0].amount, "200000");
        self.send("bob", operations::claim_income(&villa, &usdx)).await;
        assert!(self.client.claimable_income("villa-ardeche", &bob, 0).await.unwrap().is_empty());
        // By the balance of the record date, which was before the export.
        self.send("bob", operations::cast_vote(&villa, 1, VoteChoice::No)).await;
        let vote = self.client.vote("villa-ardeche", 1, &bob).await.unwrap().unwrap();
        assert_eq!(vote.weight, "200");
        let (_, tally) = self.client.proposal("villa-ardeche", 1, 0).await.unwrap();
        assert_eq!((tally.yes.as_str(), tally.no.as_str()), ("200", "200"));
        self.send("alice", operations::claim_distribution(&villa, 1)).await;
        let (_, remaining) = self.client.distribution("villa-ardeche", 1, 0).await.unwrap();
        assert_eq!(remaining, (7 * (1_000 - 300)).to_string());
        let offer = Offer {
            asset: villa.to_bytes(),
            seller: dev::address("alice").to_bytes(),
            number: 1,
            amount: "10".into(),
            currency: usdx.to_bytes(),
            price: "5000".into(),
            ..Offer::default()
        };
        let sold = self.send("bob", operations::accept_offer(&offer)).await.height;
        let last = self.client.last_sale("villa-ardeche", "usdx", 0).await.unwrap().unwrap();
        let sale = last.sale.unwrap();
        assert_eq!((last.unit_price.as_str(), sale.amount.as_str()), ("500", "10"));
        assert_eq!((sale.price.as_str(), sale.height), ("5000", sold));
        assert_eq!(self.client.last_sale("usdx", "usdx", 0).await.unwrap(), None);
        let to_dave = operations::transfer(&villa, &dev::address("dave"), units(20));
        self.send("carol", operations::transfer(&usdx, &bob, units(3))).await;
        self.send("dave", act_for(&dev::address("carol"), &to_dave)).await;
        let held = self.client.holding("villa-ardeche", &dev::address("carol"), 0).await.unwrap();
        assert_eq!(held.balance, "80");
    }
}

fn tesserad(arguments: &[&str]) -> Output {
    Command::new(programs::tesserad()).args(arguments).output().unwrap()
}

#[track_caller]
fn answer(arguments: &[&str]) -> String {
    let output = tesserad(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a chain, exports it, goes on from there, and exports the same height of the new chain.
async fn run_export_and_go_on(validators: usize) {
    let (folder, again, out) = (temporary_folder(), temporary_folder(), temporary_folder());
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut genesis = Genesis::dev("goes-on", &clock::now().to_rfc3339(), Vec::new());
    genesis.assets.push(dev_villa());
    let chain = LocalChain::start(local_chain(folder.path(), validators, genesis)).await.unwrap();
    Running::of(&chain).await.live().await;
    let home = text(chain.folder(0).unwrap().root());
    let first = text(&out.path().join("first"));
    let running = tesserad(&["genesis", "export", "--home", &home, "--out", &first]);
    let told = String::from_utf8_lossy(&running.stderr);
    assert!(told.contains("a node must be stopped before it is exported"), "{told}");
    assert!(told.contains("in use by another process"), "{told}");
    chain.stop().await.unwrap();

    let told = answer(&["genesis", "export", "--home", &home, "--out", &first]);
    assert!(told.starts_with("chain     goes-on\nheight    "), "{told}");
    let document = format!("{first}/genesis.json");
    let told = answer(&["genesis", "validate", &document]);
    assert!(told.contains("is valid: chain goes-on, 1 validators, goes on after block"), "{told}");
    let twice = tesserad(&["genesis", "export", "--home", &home, "--out", &first]);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("exists already"), "{twice:?}");
    let alice = dev::address("alice").to_string();
    let refused = tesserad(&["genesis", "add-account", &document, "--address", &alice]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("are those of `state.jsonl`; nothing was changed"), "{told}");
    let second = text(&out.path().join("second"));
    answer(&["genesis", "export", "--home", &home, "--without-validators", "--out", &second]);

    let genesis = fs::read_to_string(format!("{second}/genesis.json")).unwrap();
    let genesis = Genesis::from_json_draft(&genesis).unwrap();
    let state = genesis.state.clone().unwrap();
    let mut chain = LocalChain::prepare(&local_chain(again.path(), validators, genesis)).unwrap();
    let home = chain.folder(0).unwrap().clone();
    fs::copy(format!("{second}/{STATE_FILE}"), home.root().join(STATE_FILE)).unwrap();
    chain.launch().await.unwrap();
    Running::of(&chain).await.go_on().await;
    if validators > 0 {
        let rpc = RpcClient::new(Config::read(&home.config_file()).unwrap().consensus.rpc);
        let header = rpc.signed_header(state.height + 1).await.unwrap().header;
        assert_eq!(header.app_hash.as_bytes(), state.app_hash);
        assert_eq!(header.last_block_id, None);
    }
    // Killed and started again, it goes on from where it was.
    let height = Running::of(&chain).await.client.info().await.unwrap().height;
    chain.kill_node(0).await.unwrap();
    chain.start_node(0).unwrap();
    chain.wait_for_height(0, height, PATIENCE).await.unwrap();
    let running = Running::of(&chain).await;
    let payment = operations::transfer(&running.usdx, &dev::address("alice"), units(1));
    running.send("bob", payment).await;
    chain.stop().await.unwrap();

    let (home, third) = (text(home.root()), text(&out.path().join("third")));
    let height = state.height.to_string();
    let same = ["genesis", "export", "--home", &home, "--height", &height, "--out", &third];
    answer(&same);
    let bytes = |folder: &str| fs::read(format!("{folder}/{STATE_FILE}")).unwrap();
    assert!(bytes(&second) == bytes(&third), "the same leaves at the same height");
    assert!(bytes(&first) == bytes(&second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_solo_chain_is_exported_and_goes_on() {
    run_export_and_go_on(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_cometbft_chain_is_exported_and_goes_on() {
    run_export_and_go_on(1).await;
}
