//! The `tessera` program against a real node: what it prints where, and how it exits.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tessera_app::node::comet::clock;
use tessera_app::node::local_chain::{LocalChain, LocalChainOptions};
use tessera_genesis::{Genesis, dev};
use tessera_tests::fixture::local_chain;
use tessera_tests::programs;

const CHAIN_ID: &str = "cli-dev";
const PASSPHRASE: &str = "correct horse";

/// Somebody at a terminal, with a home folder and a node.
struct Desk {
    folder: TempDir,
    node: String,
    passphrase: String,
}

/// What a program left behind.
#[derive(Debug)]
struct Run {
    exit_code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new(node: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("deed.pdf"), "the deed").unwrap();
        Self { folder, node, passphrase: PASSPHRASE.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line of words; files are relative to the folder of the desk.
    fn run(&self, line: &str) -> Run {
        let output = Command::new(programs::tessera())
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env("TESSERA_HOME", self.path("home"))
            .env("TESSERA_NODE", &self.node)
            .env("TESSERA_PASSWORD", &self.passphrase)
            .output()
            .unwrap();
        Run {
            exit_code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What people read when all goes well; nothing is on standard error.
    fn text(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!((run.exit_code, run.stderr.as_str()), (0, ""), "{line}: {run:?}");
        run.stdout
    }

    /// What programs read: one object on each line of standard output.
    fn records(&self, line: &str) -> Vec<Value> {
        let run = self.run(&format!("{line} --json"));
        assert_eq!((run.exit_code, run.stderr.as_str()), (0, ""), "{line}: {run:?}");
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn json(&self, line: &str) -> Value {
        let mut records = self.records(line);
        assert_eq!(records.len(), 1, "{line}: {records:?}");
        records.remove(0)
    }

    /// Sends, and answers the only event of the receipt.
    fn event(&self, line: &str) -> Value {
        let mut receipt = self.json(line);
        assert_eq!(receipt["code"], 0, "{line}: {receipt}");
        let events = receipt["events"].as_array_mut().unwrap();
        assert_eq!(events.len(), 1, "{line}: {events:?}");
        events.remove(0)
    }

    /// What people read when it goes wrong; nothing is on standard output.
    fn failure(&self, line: &str, exit_code: i32, code: &str) -> String {
        let run = self.run(line);
        assert_eq!((run.exit_code, run.stdout.as_str()), (exit_code, ""), "{line}: {run:?}");
        let head = format!("error[{code}]: ");
        assert!(run.stderr.starts_with(&head), "{line}: {run:?}");
        let run = self.run(&format!("{line} --json"));
        assert_eq!((run.exit_code, run.stdout.as_str()), (exit_code, ""), "{line}: {run:?}");
        let json: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!(json["error"]["code"], code);
        self.run(line).stderr
    }

    fn display(&self, line: &str, field: &str) -> String {
        self.json(line)[field]["display"].as_str().unwrap().to_owned()
    }
}

/// Whether a text has all of these parts in this order.
#[track_caller]
fn assert_tells(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let (_, after) =
            rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is not in:\n{text}"));
        rest = after;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_works_against_a_real_node() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = Genesis::dev(CHAIN_ID, &clock::now().to_rfc3339(), Vec::new());
    let options = LocalChainOptions {
        block_time: Duration::from_millis(10),
        ..local_chain(folder.path(), 0, genesis)
    };
    let chain = LocalChain::start(options).await.unwrap();
    let desk = Desk::new(chain.url(0));
    chain_and_accounts(&desk);
    keys(&desk);
    assets(&desk);
    register(&desk);
    shares(&desk);
    royalties(&desk);
    income(&desk);
    votes(&desk);
    proofs(&desk);
    transactions_and_blocks(&desk);
    mistakes(&desk);
    chain.stop().await.unwrap();
    let unreachable = desk.failure("chain info", 6, "unreachable");
    assert_tells(&unreachable, &[&desk.node, "help: start a node with `tesserad dev`"]);
    // A name of a development account means nothing until the chain is known.
    desk.failure("share holdings --owner alice", 6, "unreachable");
    desk.text("proof verify alice.json");
}

fn chain_and_accounts(desk: &Desk) {
    let info = desk.json("chain info");
    assert_eq!(info["chain_id"], CHAIN_ID);
    assert!(info["height"].as_u64().unwrap() >= 1);
    assert_tells(&desk.text("chain info"), &["chain", CHAIN_ID, "fee", "0.01 usdx"]);

    let alice = dev::address("alice").to_string();
    let account = desk.json("account show alice");
    assert_eq!((&account["address"], &account["exists"]), (&alice.as_str().into(), &true.into()));
    assert_eq!(account["fee_credit"]["display"], "1,000.00");
    let trial = desk.json("account top-up 25 --from alice --dry-run --quiet");
    assert_eq!(trial["would_succeed"], true);
    assert_eq!(desk.json("account show alice")["nonce_lanes"][0]["next_nonce"], Value::Null);

    let told = desk.text("account top-up 25 --from alice");
    let parts = ["You prepaid 25.00 usdx of fees\n✔ included in block ", "s)\n  fee  0.0", "tx   "];
    assert_tells(&told, &parts);
    let event = desk.event("account top-up 2.5 --for bob --from alice");
    assert_eq!((&event["kind"], &event["amount"]), (&"fees_topped_up".into(), &"2500000".into()));
    assert_eq!(desk.display("account show bob", "fee_credit"), "1,002.50");
    assert_eq!(desk.json("account show alice")["nonce_lanes"][0]["next_nonce"], 2);
}

fn keys(desk: &Desk) {
    let made = desk.json("key new holder");
    let mode = std::fs::metadata(desk.path("home/keys/holder.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(desk.json("key show holder"), made);
    desk.text("key new poor");
    let names: Vec<Value> = desk.records("key list").iter().map(|k| k["name"].clone()).collect();
    assert_eq!(names, ["holder", "poor"]);
    desk.failure("key new holder", 1, "keystore");
    desk.failure("key show holdr", 4, "keystore");

    // Nothing to pay the fee with: nothing is sent, and no half-made key stays behind.
    let refused = desk.failure("key rotate --from poor", 3, "tx/9");
    assert_tells(
        &refused,
        &["base units", "poor has 0.00 usdx of prepaid fees", "nothing was sent"],
    );
    assert_eq!(desk.records("key list").len(), 2);

    desk.text("account top-up 1 --for holder --from alice");
    desk.text("share transfer usdx 10 --to holder --from alice");
    let stranger = Desk { passphrase: "wrong".to_owned(), ..Desk::new(desk.node.clone()) };
    let home = desk.path("home");
    let line = format!("share transfer usdx 1 --to bob --from holder --home {}", home.display());
    let wrong = stranger.failure(&line, 1, "keystore");
    assert_eq!(wrong.lines().count(), 1, "{wrong}");
    assert_tells(&wrong, &["passphrase"]);
    let without = Desk { passphrase: String::new(), ..stranger };
    without.failure("key new another", 1, "keystore");

    assert_eq!(desk.event("key rotate --from holder")["kind"], "keys_rotated");
    let rotated = desk.json("key show holder");
    assert_eq!(rotated["address"], made["address"]);
    assert_ne!(rotated["public_key"], made["public_key"]);
    assert_eq!(desk.records("key list").len(), 2);
    let shown = desk.json("account show holder");
    assert_eq!(shown["keys"][0]["ed25519"], rotated["public_key"]);
    desk.text("share transfer usdx 1 --to bob --from holder");
    assert_eq!(desk.display("share balance usdx --owner holder", "balance"), "9.00");
}

fn assets(desk: &Desk) {
    let register = "asset register villa --title Villa --class real-estate --max-supply 1000 \
                    --document deed.pdf --from issuer";
    let event = desk.event(register);
    assert_eq!((&event["kind"], &event["name"]), (&"asset_registered".into(), &"villa".into()));
    let taken = register.replace("--from issuer", "--from bob");
    desk.failure(&taken, 3, "assets/13");

    let early = desk.failure("asset mint villa 10 --to alice --from issuer", 3, "assets/16");
    assert_tells(&early, &["`villa` is proposed, this needs an active asset"]);
    let appraise = "asset appraise villa --value 500000 --currency usdx --method sales \
                    --report deed.pdf --appraiser appraiser --from issuer";
    let told = desk.text(appraise);
    let appraiser = format!("500,000.00 usdx by appraiser ({})", dev::address("appraiser"));
    assert_tells(&told, &["Appraisal of villa: ", &appraiser]);
    assert_tells(&desk.text("asset activate villa --from issuer"), &["Opened villa"]);
    let told = desk.text("asset mint villa 1000 --to alice --from issuer");
    assert_tells(&told, &["Issued 1,000 villa to alice (tsr1"]);
    desk.failure("asset mint villa 1 --to alice --from issuer", 3, "assets/18");
    desk.failure("asset mint villa 1 --to alice --from alice", 3, "assets/30");

    let villa = desk.json("asset show villa");
    assert_eq!((&villa["status"], &villa["class"]), (&"active".into(), &"real-estate".into()));
    assert_eq!((&villa["id"], &villa["holder_count"]), (&event["asset"], &1.into()));
    assert_eq!(villa["supply"]["base"], "1000");
    assert_eq!(villa["documents"][0]["name"], "deed.pdf");
    assert_eq!(villa["appraisals"][0]["value"]["display"], "500,000.00");
    let shown = desk.text("asset show villa");
    assert_tells(&shown, &["villa", "Villa", "issuer (tsr1", "1,000 of at most 1,000", "deed.pdf"]);
    let names: Vec<Value> = desk.records("asset list").iter().map(|a| a["name"].clone()).collect();
    assert_eq!(names, ["usdx", "villa"]);
}

fn register(desk: &Desk) {
    desk.failure("asset status villa suspended --from bob", 3, "assets/30");
    let told = desk.text("role grant villa agent --to bob --days 30 --from issuer");
    assert_tells(&told, &["bob (tsr1", ") may act as agent of villa until 20"]);
    let told = desk.text("asset status villa suspended --reason deed.pdf --from bob");
    assert_tells(&told, &["villa was active and is suspended now"]);
    let told = desk.failure("share transfer villa 1 --to bob --from alice", 3, "transfers/12");
    assert_tells(&told, &["units of `villa` cannot move: the asset is suspended"]);
    desk.text("asset status villa active --from bob");
    let roles = desk.records("role list villa");
    assert_eq!((roles.len(), &roles[0]["role"]), (1, &"agent".into()));
    assert_tells(&desk.text("role list villa"), &["account", "role", "bob (", "agent", "UTC"]);
    let told = desk.text("role revoke villa agent --from bob");
    assert_tells(&told, &["You may no longer act as agent of villa"]);
    desk.failure("role revoke villa agent --of bob --from issuer", 3, "assets/32");

    let told = desk.text("asset document villa deed.pdf=https://example.org/deed --from issuer");
    assert_tells(&told, &["Added deed.pdf to villa"]);
    let told = desk.text("asset burn villa 10 --from alice");
    assert_tells(&told, &["You burned 10 villa"]);
    let told = desk.text("asset mint villa 10 --to alice --from issuer");
    assert_tells(&told, &["Issued 10 villa to alice ("]);
    desk.failure("asset status villa retired --from issuer", 3, "assets/28");

    let actions: Vec<Value> =
        desk.records("asset history villa").iter().map(|a| a["event"]["kind"].clone()).collect();
    assert_eq!(actions.len(), 11);
    assert_eq!((&actions[0], &actions[4]), (&"asset_registered".into(), &"role_granted".into()));
    let shown = desk.text("asset history villa");
    assert_tells(&shown, &["number", "asset registered", "issuer (tsr1", "units minted"]);
}

fn shares(desk: &Desk) {
    let told = desk.text("share transfer villa 200 --to bob --from alice");
    let bob = format!("You sent 200 villa to bob ({})", dev::address("bob"));
    assert_tells(&told, &[&bob, "✔ included in block "]);
    let told = desk.text("share batch villa bob=100 carol=50 --from alice");
    assert_tells(&told, &["You sent 100 villa to bob", "You sent 50 villa to carol"]);

    let balance = desk.json("share balance villa --owner bob");
    assert_eq!(
        (&balance["balance"]["base"], &balance["asset_name"]),
        (&"300".into(), &"villa".into())
    );
    assert_tells(&desk.text("share balance villa --owner bob"), &["bob (", "30.0 % of all"]);
    let mut held: Vec<String> = desk
        .records("share holders villa")
        .iter()
        .map(|holding| holding["balance"]["base"].as_str().unwrap().to_owned())
        .collect();
    held.sort();
    assert_eq!(held, ["300", "50", "650"]);
    assert_eq!(desk.records("share holdings --owner carol").len(), 2);

    let refused =
        desk.failure("share transfer usdx 60000 --to bob --from alice", 3, "transfers/13");
    let alice = dev::address("alice").to_string();
    let second = "alice needs 60,000.00 usdx and has ";
    assert_tells(&refused, &[&alice, "60000000000 base units of `usdx`", second, "held"]);
    assert_tells(&refused, &["help: nothing was sent"]);
    let to_oneself = "share transfer villa 1 --to alice --from alice";
    assert_tells(&desk.failure(to_oneself, 3, "transfers/10"), &["\n  alice cannot send"]);
}

fn royalties(desk: &Desk) {
    desk.failure("royalty show villa", 4, "not-found");
    let told = desk.text("royalty set villa bob=2500 carol=7500 --from issuer");
    assert_tells(&told, &["Set the royalties of villa"]);
    let shares = desk.json("royalty show villa")["shares"].clone();
    assert_eq!(shares.as_array().unwrap().len(), 2);
    assert_tells(&desk.text("royalty show villa"), &["recipient", "75.00 %"]);

    let before = desk.display("share balance usdx --owner carol", "balance");
    let told = desk.text("royalty pay villa 10 --currency usdx --from alice");
    assert_tells(&told, &["You paid 10.00 usdx of royalties of villa"]);
    assert_tells(&told, &["2.50 usdx to bob ("]);
    assert_tells(&told, &["7.50 usdx to carol ("]);
    let after = desk.display("share balance usdx --owner carol", "balance");
    assert_eq!((before.as_str(), after.as_str()), ("50,000.00", "50,007.50"));
}

fn income(desk: &Desk) {
    assert_tells(&desk.text("income show villa --owner bob"), &["nothing to collect for bob"]);
    let told = desk.text("income pay villa 1000 --currency usdx --from issuer");
    assert_tells(&told, &["You paid 1,000.00 usdx to the holders of villa"]);
    let claimable = desk.json("income show villa --owner bob");
    assert_eq!(claimable["income"][0]["amount"]["display"], "300.00");
    let told = desk.text("income claim villa --currency usdx --from bob");
    assert_tells(&told, &["You collected 300.00 usdx of income of villa"]);
    let again =
        desk.failure("income claim villa --currency usdx --from bob", 3, "distributions/15");
    assert_tells(&again, &["\n  bob has no income of `villa` to claim in usdx"]);
}

fn votes(desk: &Desk) {
    let told = desk.text("share transfer usdx 100 --to treasury:villa --from issuer");
    assert_tells(&told, &["You sent 100.00 usdx to treasury:villa (tsr1"]);
    let told = desk.text(
        "vote propose villa --title Roof --pay 80 --currency usdx --to dave --period 8 --from bob",
    );
    assert_tells(&told, &["Proposal 1 of villa: Roof, open until block "]);
    let told = desk.text("vote cast villa 1 yes --from alice");
    assert_tells(&told, &["You voted yes on proposal 1 with 650 villa"]);
    assert_eq!(desk.event("vote cast villa 1 no --from bob")["weight"], "300");
    desk.failure("vote cast villa 1 no --from bob", 3, "votes/17");
    desk.failure("vote show villa 2", 4, "not-found");

    let proposal = desk.json("vote show villa 1");
    assert_eq!(proposal["tally"]["yes"]["base"], "650");
    assert_eq!(proposal["treasury_spend"]["amount"]["display"], "80.00");
    let end = proposal["voting_end_height"].as_u64().unwrap();
    // An idle chain makes no blocks.
    while desk.json("chain info")["height"].as_u64().unwrap() < end {
        desk.text("share transfer usdx 1 --to bob --from carol");
    }
    assert_tells(&desk.text("vote show villa 1"), &["ended, to close with `tessera vote close"]);
    let told = desk.text("vote close villa 1 --from carol");
    assert_tells(&told, &["The treasury of villa paid 80.00 usdx to dave ("]);
    assert_tells(&told, &["Proposal 1 of villa: executed"]);
    let shown = desk.text("vote show villa 1");
    assert_tells(&shown, &["Roof", "executed", "650  (65.0 % of all)", "80.00 usdx to dave ("]);
    assert_eq!(desk.records("vote list villa")[0]["title"], "Roof");
    assert_eq!(desk.display("share balance usdx --owner treasury:villa", "balance"), "20.00");
    assert_eq!(desk.display("share balance usdx --owner dave", "balance"), "50,080.00");
}

fn proofs(desk: &Desk) {
    let first = desk.run("proof ownership villa --owner alice --out alice.json");
    assert_eq!(first.exit_code, 0, "{first:?}");
    // Validators that are seen for the first time are told of beside the data.
    assert_tells(&first.stderr, &["First proof of chain cli-dev"]);
    assert_tells(
        &first.stdout,
        &["✔ alice (", "holds 650 of 1,000 units of villa (65.0 % of all)"],
    );
    let offline = Desk { node: "http://127.0.0.1:1".to_owned(), ..Desk::new(String::new()) };
    let file = desk.path("alice.json");
    let hash = desk.json("proof inspect alice.json")["validators_hash"].clone();
    let line = format!("proof verify {} --trust-hash {}", file.display(), hash.as_str().unwrap());
    assert_eq!(offline.json(&line)["balance"]["base"], "650");

    let nothing = desk.text("proof ownership villa --owner dave --out dave.json");
    assert_tells(&nothing, &["✔ dave (", ") holds nothing of villa at block "]);
    assert_tells(&desk.text("proof verify dave.json"), &["holds nothing of villa"]);

    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [("\"650\"", "\"651\""), ("villa", "villb")] {
        assert!(text.contains(from), "{text}");
        std::fs::write(desk.path("forged.json"), text.replace(from, to)).unwrap();
        desk.failure("proof verify forged.json", 5, "proof");
    }
    std::fs::write(desk.path("forged.json"), &text[..text.len() / 2]).unwrap();
    desk.failure("proof verify forged.json", 5, "proof");
    let whole = desk.text("proof history villa --out history.json");
    assert_tells(&whole, &["✔ the history of villa at block ", "none is left out", "registered"]);
    let hash = hash.as_str().unwrap();
    let history = desk.path("history.json");
    let line = format!("proof verify {} --trust-hash {hash}", history.display());
    let entries = offline.json(&line)["entries"].as_array().unwrap().len();
    assert_eq!(entries, desk.records("asset history villa").len());
    assert_tells(&desk.text("proof inspect history.json"), &["actions", "history root"]);
    let text = std::fs::read_to_string(&history).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let first = file["entries"][0].as_str().unwrap();
    let omitted = text.replace(&format!("    \"{first}\",\n"), "");
    assert_ne!(omitted, text);
    std::fs::write(desk.path("forged.json"), omitted).unwrap();
    let told = desk.failure("proof verify forged.json", 5, "proof");
    assert_tells(&told, &["the history has ", " entries, found "]);
    let stranger = "1".repeat(64);
    desk.failure(&format!("proof verify alice.json --trust-hash {stranger}"), 5, "proof");
    desk.failure("proof verify nowhere.json", 4, "not-found");
}

fn transactions_and_blocks(desk: &Desk) {
    let receipt = desk.json("share transfer villa 1 --to dave --from carol");
    let id = receipt["tx"].as_str().unwrap();
    for verb in ["show", "wait"] {
        assert_eq!(desk.json(&format!("tx {verb} {id}")), receipt);
    }
    let told = desk.text(&format!("tx show {id}"));
    assert_tells(&told, &["carol (", ") sent 1 villa to dave (", "✔ included in block ", id]);
    let unknown = "0".repeat(64);
    desk.failure(&format!("tx show {unknown}"), 4, "not-found");
    desk.failure(&format!("tx wait {unknown} --timeout 100ms"), 7, "outcome-unknown");
}

fn mistakes(desk: &Desk) {
    let near = desk.failure("asset show vila", 4, "not-found");
    assert_tells(&near, &["there is no asset `vila`", "help: did you mean `villa`?"]);
    let near = desk.failure("account show alic", 4, "keystore");
    assert_tells(&near, &["help: did you mean `alice`?"]);
    let precise = desk.failure("share transfer villa 0.5 --to bob --from alice", 2, "usage");
    assert_tells(&precise, &["`0.5`", "only whole units"]);
    desk.failure("share transfer villa 0 --to bob --from alice", 3, "transfers/4");
    desk.failure("account show", 2, "usage");
    desk.failure("account top-up 1.1234567 --from alice", 2, "usage");
    desk.failure("chain info --chain another", 2, "usage");
    desk.failure("royalty set villa bob=1 --from issuer", 2, "usage");
    for line in ["share fly", "asset show", "vote cast villa 1 maybe", "key list --timeout 3h"] {
        let run = desk.run(line);
        assert_eq!((run.exit_code, run.stdout.as_str()), (2, ""), "{line}: {run:?}");
        assert_tells(&run.stderr, &["error: "]);
    }
    let version = desk.text("--version");
    assert_eq!(version, format!("tessera {}\n", env!("CARGO_PKG_VERSION")));
}
