//! The worked examples of the documentation, run as they stand against a real node.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tessera_app::node::comet::clock;
use tessera_app::node::local_chain::{LocalChain, LocalChainOptions};
use tessera_genesis::Genesis;
use tessera_tests::fixture::local_chain;
use tessera_tests::programs;

/// A command of a page and what it must tell, part by part.
#[derive(Debug, Default, PartialEq)]
struct Example {
    command: String,
    tells: Vec<String>,
}

/// The commands in the `console` blocks of a page: lines that begin with `$ `, those that end with
/// a backslash go on. Each other line is a part of what the command prints.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let mut unfinished = false;
        for line in block.split("```").next().unwrap().lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                examples.push(Example { command: command.to_owned(), tells: Vec::new() });
            } else if unfinished {
                let example = examples.last_mut().unwrap();
                example.command = example.command.trim_end_matches('\\').to_owned() + line.trim();
            } else if !line.trim().is_empty() {
                examples.last_mut().unwrap().tells.push(line.trim().to_owned());
            }
            unfinished = line.ends_with('\\');
        }
    }
    examples
}

async fn run_page(name: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/docs").join(name);
    let page = std::fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let genesis = Genesis::dev("pages-dev", &clock::now().to_rfc3339(), Vec::new());
    let options = LocalChainOptions {
        block_time: Duration::from_millis(10),
        ..local_chain(&folder.path().join("chain"), 0, genesis)
    };
    let chain = LocalChain::start(options).await.unwrap();
    std::fs::write(folder.path().join("report.pdf"), "the report").unwrap();
    let examples = examples(&page);
    assert!(!examples.is_empty(), "{name} has no example");
    for example in examples {
        check(&example, folder.path(), &chain.url(0), name);
    }
    chain.stop().await.unwrap();
}

#[track_caller]
fn check(example: &Example, folder: &Path, node: &str, name: &str) {
    let programs = programs::tessera().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", &example.command])
        .current_dir(folder)
        .env("PATH", format!("{programs}:{path}"))
        .env("TESSERA_HOME", folder.join("home"))
        .env("TESSERA_NODE", node)
        .env("TESSERA_PASSWORD", "correct horse")
        .output()
        .unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let printed = String::from_utf8([out, err].concat()).unwrap();
    let mut rest = printed.as_str();
    for part in &example.tells {
        let Some((_, after)) = rest.split_once(part.as_str()) else {
            panic!("{name}: `{}` should tell `{part}`, but tells:\n{printed}", example.command)
        };
        rest = after;
    }
    // What is refused says so.
    let refused = example.tells.first().is_some_and(|part| part.starts_with("error["));
    assert_eq!(output.status.success(), !refused, "{name}: {}\n{printed}", example.command);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_register_page_hold() {
    run_page("register.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_accounts_page_hold() {
    run_page("accounts.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_compliance_page_hold() {
    run_page("compliance.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_market_page_hold() {
    run_page("market.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_royalties_page_hold() {
    run_page("royalties.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_distributions_page_hold() {
    run_page("distributions.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_pools_page_hold() {
    run_page("pools.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_votes_page_hold() {
    run_page("votes.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_proofs_page_hold() {
    run_page("proofs.md").await;
}

#[test]
fn commands_and_what_they_tell_are_found() {
    let page = "$ no\n```console\n$ a b \\\n    c\n  d\n$ e\n```\n$ no\n```console\n$ f\n```\n";
    let example = |command: &str, tells: &[&str]| Example {
        command: command.to_owned(),
        tells: tells.iter().map(|part| (*part).to_owned()).collect(),
    };
    assert_eq!(examples(page), [example("a b c", &["d"]), example("e", &[]), example("f", &[])]);
}
