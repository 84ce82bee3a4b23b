//! The `tessera` command: one file for each noun.

mod account;
mod agent;
mod appraise;
mod appraiser;
mod approval;
mod asset;
mod block;
mod chain;
mod claim;
mod context;
mod coupon;
mod distribution;
mod failure;
mod history;
mod hold;
mod identity;
mod income;
mod key;
mod mandate;
mod nav;
mod output;
mod pool;
mod proof;
mod propose;
mod receipt;
mod role;
mod royalty;
mod rule;
mod sale;
mod send;
mod share;
mod story;
mod terms;
#[cfg(test)]
mod tests;
mod tranche;
mod transfer;
mod tx;
mod vote;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::error::ClientError;
use context::Context;
use failure::Failure;
use output::Report;

/// Registry of tokenized real-world assets: hold, trade, earn, vote, and prove it.
#[derive(Debug, Parser)]
#[command(name = "tessera", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    noun: Noun,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
struct GlobalOptions {
    /// Where the node is
    #[arg(long, global = true, env = "TESSERA_NODE", default_value = "http://127.0.0.1:9090")]
    node: String,
    /// Refuse to talk to any other chain
    #[arg(long, global = true, env = "TESSERA_CHAIN", value_name = "ID")]
    chain: Option<String>,
    /// Key that signs, by name
    #[arg(long, global = true, env = "TESSERA_FROM", value_name = "KEY")]
    from: Option<String>,
    /// For whom, if the key only has a mandate of that account
    #[arg(long, global = true, value_name = "ACCOUNT")]
    on_behalf_of: Option<String>,
    /// Who has set fees aside for the account, and pays
    #[arg(long, global = true, value_name = "ACCOUNT")]
    payer: Option<String>,
    /// Write the transaction to a file instead of sending it; others sign it with `tessera tx sign`
    #[arg(long, global = true, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Folder of keys and of what is trusted [default: ~/.tessera]
    #[arg(long, global = true, env = "TESSERA_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// File whose content is the passphrase; else TESSERA_PASSWORD, else it is asked for
    #[arg(long, global = true, env = "TESSERA_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// One JSON object, or one for each line
    #[arg(long, global = true)]
    json: bool,
    /// Data only
    #[arg(long, short, global = true)]
    quiet: bool,
    /// No colours
    #[arg(long, global = true)]
    no_color: bool,
    /// How long to wait for the node and for blocks, like 500ms, 30s or 2m
    #[arg(long, global = true, default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
    /// Answer from the closing state of this block
    #[arg(long, global = true, value_name = "N")]
    height: Option<u64>,
    /// Try it without sending
    #[arg(long, global = true)]
    dry_run: bool,
    /// Do not ask before sending
    #[arg(long, short, global = true)]
    yes: bool,
    /// Never ask for anything
    #[arg(long, global = true)]
    no_input: bool,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Keys that sign
    #[command(subcommand)]
    Key(key::Command),
    /// Accounts and prepaid fees
    #[command(subcommand)]
    Account(account::Command),
    /// Who may act for accounts, within limits
    #[command(subcommand)]
    Mandate(mandate::Command),
    /// The register of assets
    #[command(subcommand)]
    Asset(asset::Command),
    /// Who may act for assets
    #[command(subcommand)]
    Role(role::Command),
    /// Operations that take two persons
    #[command(subcommand)]
    Approval(approval::Command),
    /// Who may appraise assets
    #[command(subcommand)]
    Appraiser(appraiser::Command),
    /// What assets are worth
    #[command(subcommand)]
    Nav(nav::Command),
    /// Fractions of assets: move them, list who holds them
    #[command(subcommand)]
    Share(share::Command),
    /// Transfers: try them, approve them, send for others
    #[command(subcommand)]
    Transfer(transfer::Command),
    /// Units bound for a payee
    #[command(subcommand)]
    Hold(hold::Command),
    /// Identities and their wallets
    #[command(subcommand)]
    Identity(identity::Command),
    /// What issuers say of identities
    #[command(subcommand)]
    Claim(claim::Command),
    /// Rules of regulated assets
    #[command(subcommand)]
    Rule(rule::Command),
    /// What the agent of an asset may do
    #[command(subcommand)]
    Agent(agent::Command),
    /// Sales of fractions, delivery versus payment
    #[command(subcommand)]
    Sale(sale::Command),
    /// Splits of royalties
    #[command(subcommand)]
    Royalty(royalty::Command),
    /// Income of holders
    #[command(subcommand)]
    Income(income::Command),
    /// Payments to those who held an asset at a record date
    #[command(subcommand)]
    Distribution(distribution::Command),
    /// Schedules of interest and repayments
    #[command(subcommand)]
    Coupon(coupon::Command),
    /// Assets that stand for a basket of others
    #[command(subcommand)]
    Pool(pool::Command),
    /// Assets that share the income of another one in an order
    #[command(subcommand)]
    Tranche(tranche::Command),
    /// Votes of holders
    #[command(subcommand)]
    Vote(vote::Command),
    /// Proofs that need no trust in a node
    #[command(subcommand)]
    Proof(proof::Command),
    /// Transactions
    #[command(subcommand)]
    Tx(tx::Command),
    /// Blocks
    #[command(subcommand)]
    Block(block::Command),
    /// The chain
    #[command(subcommand)]
    Chain(chain::Command),
}

/// Runs the command line and says how it went.
pub async fn run(cli: Cli) -> ExitCode {
    let context = Context::new(cli.options);
    let interrupted = async {
        // Without a handler, the default action of the signal ends the process as well.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let result = tokio::select! {
        result = execute(&context, cli.noun) => result,
        () = interrupted => Err(ClientError::Interrupted.into()),
    };
    match result {
        Ok(report) => {
            context.output.report(&report);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let failure = story::retell(&context, failure).await;
            context.output.failure(&failure);
            ExitCode::from(failure.error.exit_code())
        }
    }
}

async fn execute(context: &Context, noun: Noun) -> Result<Report, Failure> {
    match noun {
        Noun::Key(command) => key::execute(context, command).await,
        Noun::Account(command) => account::execute(context, command).await,
        Noun::Mandate(command) => mandate::execute(context, command).await,
        Noun::Asset(command) => asset::execute(context, command).await,
        Noun::Role(command) => role::execute(context, command).await,
        Noun::Approval(command) => approval::execute(context, command).await,
        Noun::Appraiser(command) => appraiser::execute(context, command).await,
        Noun::Nav(command) => nav::execute(context, command).await,
        Noun::Share(command) => share::execute(context, command).await,
        Noun::Transfer(command) => transfer::execute(context, command).await,
        Noun::Hold(command) => hold::execute(context, command).await,
        Noun::Identity(command) => identity::execute(context, command).await,
        Noun::Claim(command) => claim::execute(context, command).await,
        Noun::Rule(command) => rule::execute(context, command).await,
        Noun::Agent(command) => agent::execute(context, command).await,
        Noun::Sale(command) => sale::execute(context, command).await,
        Noun::Royalty(command) => royalty::execute(context, command).await,
        Noun::Income(command) => income::execute(context, command).await,
        Noun::Distribution(command) => distribution::execute(context, command).await,
        Noun::Coupon(command) => coupon::execute(context, command).await,
        Noun::Pool(command) => pool::execute(context, command).await,
        Noun::Tranche(command) => tranche::execute(context, command).await,
        Noun::Vote(command) => vote::execute(context, command).await,
        Noun::Proof(command) => proof::execute(context, command).await,
        Noun::Tx(command) => tx::execute(context, command).await,
        Noun::Block(command) => block::execute(context, command).await,
        Noun::Chain(command) => chain::execute(context, command).await,
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let wrong = || format!("`{text}` is not a duration: expected one like 500ms, 30s or 2m");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(wrong()),
    }
}

/// Reads 32 bytes in hex.
fn parse_hash(text: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash)
        .map_err(|_| format!("`{text}` is not a hash: expected 64 hexadecimal digits"))?;
    Ok(hash)
}
