//! People, a genesis document, and chains in temporary folders that are driven block by block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tempfile::TempDir;
use tessera_app::chain::executor::Scheduling;
use tessera_app::chain::ledger::{FinalizedBlock, FrameResult, Ledger};
use tessera_app::chain::tx::TxError;
use tessera_app::chain::verify::Verifier;
use tessera_app::node::application::{FrameSource, Node, ProposalSettings};
use tessera_app::node::local_chain::LocalChainOptions;
use tessera_app::node::pool::{Pool, PoolLimits};
use tessera_app::state::store::{Store, StoreOptions};
use tessera_app::state::table::Table;
use tessera_app::state::view::StateReader;
use tessera_client::signer::Signer;
use tessera_genesis::{Account, Appraiser, Asset, Genesis, Holding, Params, Validator, dev};
use tessera_proto::amount::Amount;
use tessera_proto::id::AssetId;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus};
use tessera_proto::pb::chain::v1::{Frame, Receipt};
use tessera_proto::state_key::StateKey;
use tokio::sync::Notify;

use crate::programs;

/// Name of the chain.
pub const CHAIN_ID: &str = "test-chain";
/// Time of genesis; each block is one second later than the one before.
pub const GENESIS_TIME_MS: u64 = 1_795_219_200_000;
/// How many blocks ahead a transaction may be valid.
pub const MAX_VALIDITY_BLOCKS: u64 = 50;
/// Prepaid fees of everybody but the last person, who soon has none left.
pub const FEE_CREDIT: u64 = 100_000_000;

/// Stores of tests wait for the disk only at genesis, and keep little.
pub const OPTIONS: StoreOptions =
    StoreOptions { keep_heights: 5, fsync_every_blocks: 1 << 40, gather_bytes: 20_000 };

/// Milliseconds since the Unix epoch at a block.
#[must_use]
pub fn time_ms(height: u64) -> u64 {
    GENESIS_TIME_MS + height * 1_000
}

/// The person with this number.
#[must_use]
pub fn person(number: usize) -> Signer {
    Signer::from_seed_phrase(&format!("person-{number}"))
}

/// The first people.
#[must_use]
pub fn people(count: usize) -> Vec<Signer> {
    (0..count).map(person).collect()
}

/// Name, class and number of issuer of the assets that exist from the beginning.
pub const GENESIS_ASSETS: [(&str, AssetClass, usize); 4] = [
    ("usdx", AssetClass::Currency, 0),
    ("eurx", AssetClass::Currency, 1),
    ("villa", AssetClass::RealEstate, 2),
    ("gold", AssetClass::Commodity, 3),
];

/// Id of an asset of [`GENESIS_ASSETS`].
///
/// # Panics
/// When there is no such asset.
#[must_use]
pub fn genesis_asset(name: &str) -> AssetId {
    let (_, _, issuer) = GENESIS_ASSETS.iter().find(|(known, ..)| *known == name).unwrap();
    AssetId::derive(&person(*issuer).address(), name.as_bytes())
}

/// A chain of these people, at least four: the first issue the [`GENESIS_ASSETS`], number 1 is
/// the appraiser, the last has hardly any prepaid fees.
#[must_use]
pub fn genesis(people: &[Signer]) -> Genesis {
    let last = people.len() - 1;
    let account = |(number, signer): (usize, &Signer)| Account {
        address: signer.address(),
        public_key: Some(signer.public_key_bytes()),
        fee_credit: Amount::from_u64(if number == last { 2_000 } else { FEE_CREDIT }),
        name: Some(format!("person-{number}")),
    };
    let asset = |(name, class, issuer): &(&str, AssetClass, usize)| {
        let units = if *class == AssetClass::Currency { 1_000_000 } else { 100 };
        let held = |(number, signer): (usize, &Signer)| Holding {
            account: signer.address(),
            balance: Amount::from_u64(units + number as u64),
        };
        // Not everybody holds everything.
        let holds = |(number, _): &(usize, &Signer)| *name == "usdx" || number % 3 != issuer % 3;
        Asset {
            name: (*name).to_owned(),
            title: format!("Test {name}"),
            class: *class,
            issuer: people[*issuer].address(),
            salt: name.as_bytes().to_vec(),
            decimals: 2,
            max_supply: Amount::from_u64(if *name == "gold" { 10_000 } else { u64::MAX }),
            status: AssetStatus::Active,
            documents: Vec::new(),
            holdings: people.iter().enumerate().filter(holds).map(held).collect(),
        }
    };
    Genesis {
        chain_id: CHAIN_ID.to_owned(),
        genesis_time: "2026-11-21T00:00:00Z".to_owned(),
        state: None,
        params: Params {
            fee_currency: "usdx".to_owned(),
            fee_per_transaction: 100,
            fee_per_operation: 10,
            fee_per_byte: 1,
            max_validity_blocks: MAX_VALIDITY_BLOCKS,
            registrar: None,
            authority: None,
            governance_asset: None,
        },
        accounts: people.iter().enumerate().map(account).collect(),
        assets: GENESIS_ASSETS.iter().map(asset).collect(),
        appraisers: vec![Appraiser {
            address: people[1].address(),
            name: "Test Appraisals".to_owned(),
        }],
        validators: vec![Validator {
            name: "solo".to_owned(),
            public_key: Signer::from_seed_phrase("validator").public_key_bytes(),
            power: 10,
        }],
    }
}

/// An asset of the people of a dev chain.
#[must_use]
pub fn dev_villa() -> Asset {
    let units = Amount::from_u64;
    let held = |name, balance| Holding { account: dev::address(name), balance: units(balance) };
    Asset {
        name: "villa-ardeche".into(),
        title: "Villa in Ardèche".into(),
        class: AssetClass::RealEstate,
        issuer: dev::address("issuer"),
        salt: b"villa".to_vec(),
        decimals: 0,
        max_supply: units(10_000),
        status: AssetStatus::Active,
        documents: Vec::new(),
        holdings: vec![held("issuer", 500), held("alice", 300), held("bob", 200)],
    }
}

/// A local chain of real nodes in a folder, with short blocks; 0 validators for the solo sequencer.
#[must_use]
pub fn local_chain(folder: &Path, validators: usize, genesis: Genesis) -> LocalChainOptions {
    LocalChainOptions {
        folder: folder.to_owned(),
        program: programs::tesserad(),
        cometbft: PathBuf::new(),
        validators,
        block_time: Duration::from_millis(20),
        proposal_bytes: ProposalSettings::default().max_bytes,
        grpc_port: 0,
        genesis,
    }
}

/// One frame with these transactions.
#[must_use]
pub fn frame(transactions: Vec<Bytes>) -> Bytes {
    Frame { transactions }.encode_to_vec().into()
}

static POOLS: LazyLock<BTreeMap<usize, ThreadPool>> = LazyLock::new(|| {
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    [1, 2, 4].into_iter().map(|threads| (threads, pool(threads))).collect()
});

/// A temporary folder, in memory where the system has that: opening a store waits for the disk
/// many times.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn temporary_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// How a chain executes its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// One transaction after the other.
    Serial,
    /// Side by side on 1, 2 or 4 threads.
    Parallel(usize),
}

/// Whether a transaction was refused for a contradiction in the state, which none may bring about.
fn contradicts(receipt: &Receipt) -> bool {
    let code = TxError::StateContradictsItself { what: String::new() }.code();
    receipt.outcome.as_ref().is_some_and(|outcome| {
        (outcome.codespace.as_str(), outcome.code) == (TxError::CODESPACE, code)
    })
}

/// A node on a store. What waits for a block is told to `pending`.
#[must_use]
pub fn node(store: &Arc<Store>, verifier: &Arc<Verifier>, pending: &Arc<Notify>) -> Node {
    let (limits, pending) = (PoolLimits::default(), Arc::clone(pending));
    let pool = Pool::new(Arc::clone(store), Arc::clone(verifier), limits, pending);
    let ledger = Ledger::new(Arc::clone(store), Arc::clone(verifier), Scheduling::Parallel);
    Node::new(ledger, Arc::new(pool), FrameSource::Pool, ProposalSettings::default())
}

/// What a block has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Root of the state after it.
    pub app_hash: [u8; 32],
    /// Of all transactions, with events.
    pub receipts: Vec<Receipt>,
    /// Of all frames.
    pub frames: Vec<FrameResult>,
}

/// A chain on a store.
pub struct Chain {
    ledger: Ledger,
    execution: Execution,
    // Removed after the ledger has let go of it.
    folder: Option<TempDir>,
}

impl Chain {
    /// A new chain in a temporary folder, at height 0.
    ///
    /// # Panics
    /// When the genesis document is not valid.
    #[must_use]
    pub fn new(genesis: &Genesis, verifier: &Arc<Verifier>, execution: Execution) -> Self {
        let folder = temporary_folder();
        let mut chain = Self::open(folder.path(), verifier, execution, OPTIONS);
        chain.ledger.init(genesis).unwrap();
        chain.folder = Some(folder);
        chain
    }

    /// The chain whose store is in a folder.
    ///
    /// # Panics
    /// When the store cannot be opened.
    #[must_use]
    pub fn open(
        folder: &Path,
        verifier: &Arc<Verifier>,
        execution: Execution,
        options: StoreOptions,
    ) -> Self {
        let store = Arc::new(Store::open(folder, options).unwrap());
        let scheduling = match execution {
            Execution::Serial => Scheduling::Serial,
            Execution::Parallel(_) => Scheduling::Parallel,
        };
        let ledger = Ledger::new(store, Arc::clone(verifier), scheduling);
        Self { ledger, execution, folder: None }
    }

    /// The state machine.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        self.ledger.store()
    }

    /// Height of the latest block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.store().committed().map_or(0, |committed| committed.height)
    }

    /// Root of the latest state.
    ///
    /// # Panics
    /// Before genesis.
    #[must_use]
    pub fn app_hash(&self) -> [u8; 32] {
        self.store().committed().unwrap().app_hash
    }

    /// Computes the next block.
    ///
    /// # Panics
    /// When the node fails, which nothing in a block may bring about.
    #[must_use]
    pub fn finalize(&self, frames: &[Bytes]) -> FinalizedBlock {
        let height = self.height() + 1;
        let run = || self.ledger.finalize(height, time_ms(height), frames).unwrap();
        match self.execution {
            Execution::Serial => POOLS[&1].install(run),
            Execution::Parallel(threads) => POOLS[&threads].install(run),
        }
    }

    /// Computes and commits the next block.
    ///
    /// # Panics
    /// When the node fails, which nothing in a block may bring about.
    pub fn run(&self, frames: &[Bytes]) -> Outcome {
        let block = self.finalize(frames);
        let (app_hash, frames) = (block.app_hash(), block.frames.clone());
        let (committed, receipts) = self.ledger.commit(block).unwrap();
        assert_eq!(committed.app_hash, app_hash);
        let found = receipts.iter().find(|receipt| contradicts(receipt));
        assert!(found.is_none(), "the state contradicts itself: {found:?}");
        Outcome { app_hash, receipts, frames }
    }

    /// Computes and commits a block of one frame.
    ///
    /// # Panics
    /// As [`Chain::run`].
    pub fn run_transactions(&self, transactions: Vec<Bytes>) -> Outcome {
        if transactions.is_empty() { self.run(&[]) } else { self.run(&[frame(transactions)]) }
    }

    /// Everything in the latest state but the sentinels.
    ///
    /// # Panics
    /// When the store cannot be read.
    #[must_use]
    pub fn leaves(&self) -> BTreeMap<StateKey, Bytes> {
        leaves(self.store(), &[])
    }
}

/// Everything in the latest state of a store whose key begins with `prefix`.
///
/// # Panics
/// When the store cannot be read.
#[must_use]
pub fn leaves(store: &Store, prefix: &[u8]) -> BTreeMap<StateKey, Bytes> {
    let keys = store.database().scan(Table::Keys, prefix, &[], usize::MAX).unwrap();
    let keys = keys.iter().map(|(key, _)| StateKey::from_bytes(key).unwrap());
    let reader = store.peek();
    let listed =
        |key: StateKey| (key, reader.read(&key).unwrap().expect("a listed key is present"));
    keys.filter(|key| key.as_bytes()[0] != 0).map(listed).collect()
}
