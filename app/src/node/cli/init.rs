//! `tesserad init`: make the folder of a node.

use std::fs;

use super::Home;
use crate::node::config::Config;
use crate::node::folder::NodeFolder;
use crate::node::output::{answer, tell};

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    #[command(flatten)]
    home: Home,
    /// The node's name among its peers.
    #[arg(long, default_value = "tessera")]
    moniker: String,
}

impl Init {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folder = NodeFolder::new(std::path::absolute(&self.home.home)?);
        anyhow::ensure!(
            !folder.config_file().exists(),
            "`{}` exists already; nothing was changed",
            folder.config_file().display()
        );
        fs::create_dir_all(folder.root())?;
        let keys = folder.comet().ensure_keys()?;
        let config = Config { moniker: self.moniker, ..Config::default() };
        config.write(&folder.config_file())?;
        let shown = folder.root().display();
        let key = hex::encode(keys.validator.public_key().to_bytes());
        answer(format_args!("folder         {shown}"));
        answer(format_args!("configuration  {}", folder.config_file().display()));
        answer(format_args!("validator key  {key}"));
        answer(format_args!("node id        {}", keys.node.node_id()));
        tell(format_args!(
            "Next: put the chain's genesis document at {} and run \
             `tesserad start --home {shown}`.\nA new chain begins with `tesserad genesis new`.",
            folder.genesis_file().display(),
        ));
        Ok(())
    }
}
