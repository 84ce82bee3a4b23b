//! `tesserad genesis export`: the state of a stopped node as the beginning of a chain.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tendermint::Time;
use tessera_genesis::{Genesis, StateFile};

use crate::chain::receipts::block_summary;
use crate::chain::state_file::StateWriter;
use crate::node::cli::Home;
use crate::node::config::Config;
use crate::node::folder::NodeFolder;
use crate::node::output::{answer, tell};
use crate::state::leaves::Leaves;
use crate::state::store::Store;

/// Names of the files that are written.
const GENESIS_FILE: &str = "genesis.json";
const STATE_FILE: &str = "state.jsonl";
const NANOS_PER_MILLI: u32 = 1_000_000;

#[derive(Debug, clap::Args)]
pub(in crate::node::cli) struct Export {
    #[command(flatten)]
    home: Home,
    /// The block whose state is exported; the latest if left out.
    #[arg(long, value_name = "HEIGHT")]
    height: Option<u64>,
    /// Id of the chain that goes on; the same if left out.
    #[arg(long, value_name = "ID")]
    chain: Option<String>,
    /// Leave out the validators, to add others.
    #[arg(long)]
    without_validators: bool,
    /// The folder to write to; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folder = NodeFolder::new(std::path::absolute(&self.home.home)?);
        let data = folder.data();
        anyhow::ensure!(data.exists(), "`{}` has no state of a node", folder.root().display());
        for name in [GENESIS_FILE, STATE_FILE] {
            let path = self.out.join(name);
            anyhow::ensure!(
                !path.exists(),
                "`{}` exists already; nothing was changed",
                path.display()
            );
        }
        let before = folder.genesis()?;
        let config = Config::read(&folder.config_file())?;
        let store = Store::open(&data, config.store_options())
            .context("the state cannot be read; a node must be stopped before it is exported")?;
        let committed = store.committed().context("the node has no state yet")?;
        let height = self.height.unwrap_or(committed.height);
        let leaves = Leaves::at(&store, height)?;
        fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create `{}`", self.out.display()))?;
        let (count, sha256) = write_leaves(&self.out.join(STATE_FILE), leaves)?;
        let state = StateFile {
            file: STATE_FILE.to_owned(),
            sha256,
            leaves: count,
            height,
            app_hash: store.app_hash(height)?,
        };
        let same_chain = self.chain.is_none();
        let genesis = Genesis {
            chain_id: self.chain.unwrap_or(before.chain_id),
            genesis_time: block_time(&store, height)?.unwrap_or(before.genesis_time),
            validators: if self.without_validators { Vec::new() } else { before.validators },
            state: Some(state),
            ..Genesis::default()
        };
        let json = genesis.to_json();
        Genesis::from_json_draft(&json)?;
        let path = self.out.join(GENESIS_FILE);
        fs::write(&path, json).with_context(|| format!("cannot write `{}`", path.display()))?;
        show(&genesis, &path, same_chain);
        Ok(())
    }
}

fn write_leaves(path: &Path, leaves: Leaves<'_>) -> anyhow::Result<(u64, [u8; 32])> {
    let context = || format!("cannot write `{}`", path.display());
    let file = File::create_new(path).with_context(context)?;
    let mut writer = StateWriter::new(BufWriter::with_capacity(1 << 20, file));
    for leaf in leaves {
        let (key, value) = leaf?;
        writer.write(&key, &value).with_context(context)?;
    }
    let (mut file, count, sha256) = writer.finish();
    file.flush().and_then(|()| file.get_ref().sync_all()).with_context(context)?;
    Ok((count, sha256))
}

/// When a block was made, so that whoever exports it writes the same document; none where the
/// node has no such block.
fn block_time(store: &Store, height: u64) -> anyhow::Result<Option<String>> {
    let Some(block) = block_summary(store.database(), height)? else { return Ok(None) };
    let seconds = i64::try_from(block.time_ms / 1_000)?;
    let nanos = u32::try_from(block.time_ms % 1_000)?.saturating_mul(NANOS_PER_MILLI);
    Ok(Some(Time::from_unix_timestamp(seconds, nanos)?.to_rfc3339()))
}

fn show(genesis: &Genesis, path: &Path, same_chain: bool) {
    let Some(state) = &genesis.state else { return };
    answer(format_args!("chain     {}", genesis.chain_id));
    answer(format_args!("height    {}", state.height));
    answer(format_args!("leaves    {}", state.leaves));
    answer(format_args!("app hash  {}", hex::encode(state.app_hash)));
    answer(format_args!("genesis   {}", path.display()));
    if same_chain {
        tell(format_args!(
            "The chain keeps its id: stop the old one for good before this one begins, or what is \
             signed for one counts on both. For a copy to try things on, give it an id of its \
             own with `--chain`."
        ));
    }
    if genesis.validators.is_empty() {
        let shown = path.display();
        tell(format_args!("add validators with `tesserad genesis add-validator {shown}`"));
    }
}
