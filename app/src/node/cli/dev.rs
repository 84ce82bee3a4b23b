//! `tesserad dev`: a chain on this machine for development.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tessera_genesis::{Genesis, dev};

use super::{block_on, interrupted};
use crate::node::application::ProposalSettings;
use crate::node::comet::{binary, clock};
use crate::node::local_chain::{LocalChain, LocalChainOptions};
use crate::node::output::{answer, tell};

#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    #[command(flatten)]
    chain: ChainArgs,
    /// Port of the gRPC service of the first node.
    #[arg(long, default_value_t = 9090)]
    port: u16,
    /// Keep everything in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What kind of local chain to start, for every command that starts one.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ChainArgs {
    /// Number of CometBFT validators, each in processes of its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=7))]
    validators: Option<u8>,
    /// Use the sequencer built into the node instead of CometBFT: one validator, no fault
    /// tolerance, no need for Go.
    #[arg(long, conflicts_with = "validators")]
    solo: bool,
    /// The `cometbft` program.
    #[arg(long, env = "TESSERA_COMETBFT", value_name = "PATH")]
    cometbft: Option<PathBuf>,
    /// Least time between blocks, in milliseconds.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    block_time: u64,
}

impl ChainArgs {
    /// As many validators as these, unless the user says otherwise.
    pub(super) fn or_validators(mut self, validators: u8) -> Self {
        self.validators = self.validators.or(Some(validators));
        self
    }

    /// Options of a chain with this beginning in this folder. CometBFT is found, or installed,
    /// here and not by every node for itself.
    pub(super) fn options(
        &self,
        folder: PathBuf,
        genesis: Genesis,
    ) -> anyhow::Result<LocalChainOptions> {
        let mut cometbft = PathBuf::new();
        if !self.solo {
            cometbft = binary::find(self.cometbft.as_deref(), &mut |notice| tell(notice))?.path;
        }
        Ok(LocalChainOptions {
            folder,
            program: std::env::current_exe()?,
            cometbft,
            validators: if self.solo { 0 } else { usize::from(self.validators.unwrap_or(1)) },
            block_time: Duration::from_millis(self.block_time),
            proposal_bytes: ProposalSettings::default().max_bytes,
            grpc_port: 0,
            genesis,
        })
    }

    /// How the chain is called on screen.
    pub(super) fn description(&self) -> String {
        match (self.solo, self.validators) {
            (true, _) => "solo sequencer (no fault tolerance)".to_owned(),
            (false, None | Some(1)) => "1 CometBFT validator".to_owned(),
            (false, Some(count)) => format!("{count} CometBFT validators"),
        }
    }
}

/// A chain id that no other chain has.
pub(super) fn fresh_chain_id(prefix: &str) -> anyhow::Result<String> {
    let mut random = [0; 3];
    getrandom::fill(&mut random)?;
    Ok(format!("{prefix}-{}", hex::encode(random)))
}

impl Dev {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let temporary = tempfile::tempdir()?;
        let folder = match &self.keep {
            Some(folder) => std::path::absolute(folder)?,
            None => temporary.path().to_owned(),
        };
        let now = clock::now().to_rfc3339();
        let genesis = Genesis::dev(&fresh_chain_id("dev")?, &now, Vec::new());
        let mut options = self.chain.options(folder.clone(), genesis)?;
        options.grpc_port = free_port_from(self.port);
        if options.grpc_port != self.port {
            tell(format_args!("port {} is taken, using {}", self.port, options.grpc_port));
        }
        block_on(async {
            let begun = Instant::now();
            let chain = tokio::select! {
                chain = LocalChain::start(options) => chain?,
                () = interrupted() => anyhow::bail!("interrupted before the first block"),
            };
            self.show(&chain, &folder, begun.elapsed());
            interrupted().await;
            tell("stopping…");
            chain.stop().await?;
            if self.keep.is_some() {
                tell(format_args!("everything is kept in {}", folder.display()));
            }
            Ok(())
        })
    }

    fn show(&self, chain: &LocalChain, folder: &std::path::Path, elapsed: Duration) {
        let genesis = chain.genesis();
        let version = env!("CARGO_PKG_VERSION");
        answer(format_args!("Tessera dev chain {}   tesserad {version}", genesis.chain_id));
        answer(format_args!("  Consensus  {}", self.chain.description()));
        answer("  Accounts   well-known keys, never use for value");
        let currency = genesis.fee_currency();
        for name in dev::ACCOUNTS {
            let address = dev::address(name);
            let holdings = currency.into_iter().flat_map(|asset| &asset.holdings);
            let held = holdings.filter(|holding| holding.account == address).map(|h| h.balance);
            let balance = held.fold(None, |_, balance| Some(balance)).unwrap_or_default();
            let decimals = currency.map_or(0, |asset| asset.decimals);
            let shown = balance.display(decimals);
            answer(format_args!("    {name:<10} {address}  {shown:>16} {}", dev::CURRENCY));
        }
        for index in 0..chain.len() {
            answer(format_args!("  gRPC       {}", chain.url(index)));
        }
        let lifetime = if self.keep.is_some() { "kept" } else { "deleted on exit, --keep to stay" };
        answer(format_args!("  Data       {} ({lifetime})", folder.display()));
        let seconds = elapsed.as_secs_f32();
        answer(format_args!("  ✔ first block after {seconds:.1} s · Ctrl-C stops everything"));
    }
}

/// The first port from here on that nobody listens on.
fn free_port_from(port: u16) -> u16 {
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (port..=u16::MAX).find(free).unwrap_or(0)
}
