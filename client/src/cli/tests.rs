//! Commands against a mock node, down to their exit status.

use clap::{CommandFactory, Parser};
use serde_json::Value;

use super::*;
use crate::mock_node::MockNode;
use crate::verify::fixture::{HOLDER, STRANGER, validators_hash};

struct Desk {
    home: tempfile::TempDir,
    url: String,
}

impl Desk {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, url: MockNode::default().start().await }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    async fn run(&self, words: &[&str]) -> Result<Report, Failure> {
        let home = self.path("home");
        let mut line =
            vec!["tessera", "--node", &self.url, "--home", &home, "--quiet", "--no-input"];
        line.extend(words);
        let cli = Cli::try_parse_from(line).unwrap();
        execute(&Context::new(cli.options), cli.noun).await
    }

    async fn json(&self, words: &[&str]) -> Value {
        self.run(words).await.unwrap().records.remove(0)
    }

    async fn exit_code(&self, words: &[&str]) -> u8 {
        self.run(words).await.unwrap_err().error.exit_code()
    }
}

#[tokio::test]
async fn a_proof_is_written_verified_offline_and_refused_when_changed() {
    let desk = Desk::new().await;
    let (file, owner) = (desk.path("p.json"), HOLDER.to_string());
    let line = ["proof", "ownership", "villa-ardeche", "--owner", &owner, "--out", &file];
    assert_eq!(desk.json(&line).await["balance"]["base"], "120");

    let offline = Desk { home: tempfile::tempdir().unwrap(), url: "http://127.0.0.1:1".into() };
    let hash = hex::encode(validators_hash());
    let trusted = ["proof", "verify", &file, "--trust-hash", &hash];
    let record = offline.json(&trusted).await;
    assert_eq!(
        (&record["account"], &record["asset_name"]),
        (&owner.into(), &"villa-ardeche".into())
    );
    let wrong = "1".repeat(64);
    assert_eq!(offline.exit_code(&["proof", "verify", &file, "--trust-hash", &wrong]).await, 5);

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"balance\": \"120\"", "\"balance\": \"121\"", 1))
        .unwrap();
    let failure = offline.run(&trusted).await.unwrap_err();
    assert_eq!(failure.error.exit_code(), 5);
    assert!(failure.help.iter().any(|line| line.contains("contents")), "{:?}", failure.help);
    assert_eq!(offline.exit_code(&["proof", "verify", "nowhere.json"]).await, 4);
}

#[tokio::test]
async fn validators_are_pinned_at_first_use() {
    let desk = Desk::new().await;
    let (file, owner) = (desk.path("p.json"), STRANGER.to_string());
    let line = ["proof", "ownership", "villa-ardeche", "--owner", &owner, "--out", &file];
    let report = desk.run(&line).await.unwrap();
    assert!(format!("{:?}", report.blocks).contains("holds nothing of villa-ardeche"));
    desk.run(&["proof", "verify", &file]).await.unwrap();

    let pins = desk.path("home/trust.json");
    let hash = hex::encode(validators_hash());
    let text = std::fs::read_to_string(&pins).unwrap();
    std::fs::write(&pins, text.replace(&hash, &"2".repeat(64))).unwrap();
    let failure = desk.run(&["proof", "verify", &file]).await.unwrap_err();
    assert_eq!(failure.error.exit_code(), 5);
    let sentence = failure.error.to_string();
    assert!(sentence.contains(&hash) && sentence.contains(&"2".repeat(64)), "{sentence}");
    // What is said outright goes before what was seen first.
    desk.run(&["proof", "verify", &file, "--trust-hash", &hash]).await.unwrap();
    desk.run(&["proof", "inspect", &file]).await.unwrap();
}

#[tokio::test]
async fn transactions_are_tried_sent_and_reported() {
    let desk = Desk::new().await;
    let line = ["--from", "dev:alice", "account", "top-up", "10"];
    let trial = desk.json(&[&line[..], &["--dry-run"]].concat()).await;
    assert_eq!((&trial["dry_run"], &trial["max_fee"]["base"]), (&true.into(), &"5".into()));
    let receipt = desk.json(&line).await;
    assert_eq!((&receipt["height"], &receipt["fee"]["display"]), (&12.into(), &"5".into()));
    let id = receipt["tx"].as_str().unwrap();
    assert_eq!(desk.json(&["tx", "show", id]).await["tx"], id);
    assert_eq!(desk.exit_code(&["tx", "show", &"0".repeat(64)]).await, 4);
    let lanes = desk.json(&["account", "show", "dev:alice"]).await["nonce_lanes"].clone();
    assert_eq!(lanes[0]["next_nonce"], 1);
}

#[tokio::test]
async fn mistakes_are_explained() {
    let desk = Desk::new().await;
    let failure = desk.run(&["asset", "show", "vila-ardeche"]).await.unwrap_err();
    assert_eq!(failure.error.exit_code(), 4);
    assert_eq!(failure.help[0], "did you mean `villa-ardeche`?");
    assert_eq!(desk.exit_code(&["chain", "info", "--chain", "another"]).await, 2);
    assert_eq!(desk.exit_code(&["account", "show"]).await, 2);
    assert_eq!(desk.exit_code(&["account", "show", "nobody"]).await, 4);
    assert_eq!(desk.exit_code(&["account", "top-up", "1.5", "--from", "dev:alice"]).await, 2);
    let info = desk.json(&["chain", "info"]).await;
    assert_eq!(info["chain_id"], "test-chain");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn commands_are_understood() {
    for line in [
        "key new alice",
        "key import alice --seed-file x",
        "key rotate --from alice",
        "account show",
        "account top-up 10 --for bob",
        "asset register villa --title V --class real-estate --max-supply 1000",
        "asset appraise villa --value 5 --currency usdx --method m --report x --days 30 \
         --appraiser bob",
        "asset activate villa",
        "asset mint villa 1000 --to issuer",
        "asset show villa --json",
        "asset list",
        "share transfer villa 20 --to bob --from alice",
        "share batch villa bob=1 carol=2.5",
        "share balance villa --owner bob",
        "share holders villa",
        "share holdings",
        "royalty set villa alice=2500 bob=7500",
        "royalty pay villa 10 --currency usdx",
        "royalty show villa",
        "royalty lists villa",
        "royalty prune villa --list 1",
        "income pay villa 10 --currency usdx",
        "income claim villa --currency usdx",
        "income show villa --owner alice",
        "vote propose villa --title roof --pay 10 --currency usdx --to bob --period 100",
        "vote propose villa --title value --appraise 5 --currency usdx --method m --report x \
         --appraiser bob --days 30 --period 100",
        "vote cast villa 1 yes",
        "vote close villa 1",
        "vote show villa 1",
        "vote list villa",
        "proof ownership villa --owner alice --out p.json",
        "proof verify p.json",
        "proof inspect p.json",
        "block watch",
        "chain info --node http://localhost:1 --timeout 5s",
    ] {
        let words = std::iter::once("tessera").chain(line.split_whitespace());
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let id = "ab".repeat(32);
    for verb in ["show", "wait"] {
        Cli::try_parse_from(["tessera", "tx", verb, &id]).unwrap();
    }
    let trust = format!("12:{id}");
    let line = ["tessera", "proof", "verify", "p", "--trust-header", &trust];
    Cli::try_parse_from(line).unwrap();
    assert!(Cli::try_parse_from(["tessera", "tx", "show", "abc"]).is_err());
    assert!(Cli::try_parse_from(["tessera", "vote", "cast", "villa", "1", "maybe"]).is_err());
}

#[test]
fn durations_have_units() {
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
    assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
    assert!(parse_duration("s").is_err() && parse_duration("3h").is_err());
}
