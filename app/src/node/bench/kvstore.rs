//! A baseline for whole chains: CometBFT with its own `kvstore`, one validator, no signatures.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tendermint_proto::serializers::bytes::base64string;
use tendermint_proto::serializers::from_str;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::node::comet::local_net::free_ports;

/// Bytes of each transaction, as many as a signed transfer has.
const TX_BYTES: usize = 250;
/// Transactions of each request, and requests at once.
const BATCH: usize = 100;
const CONNECTIONS: usize = 4;
/// What differs from CometBFT's defaults: the pause after a block, room for the load, and nothing
/// done that does not have to be.
const SETTINGS: [(&str, &str); 5] = [
    ("CMT_CONSENSUS_TIMEOUT_COMMIT", "20ms"),
    ("CMT_MEMPOOL_SIZE", "10000"),
    ("CMT_MEMPOOL_RECHECK", "false"),
    ("CMT_RPC_MAX_REQUEST_BATCH_SIZE", "100"),
    ("CMT_TX_INDEX_INDEXER", "null"),
];
/// Load before the clock starts.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long the program may take to its first block.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Pause before transactions are handed in again when there was no room.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

/// What was committed in a second.
pub(super) struct Rates {
    pub(super) transactions: f64,
    pub(super) blocks: f64,
}

/// Runs one validator in a new folder under load for some time.
pub(super) async fn run(program: &Path, folder: &Path, time: Duration) -> anyhow::Result<Rates> {
    let made = command(program, folder).arg("init").stdout(Stdio::null()).status().await?;
    ensure!(made.success(), "`{} init` ended with {made}", program.display());
    let ports = free_ports(2)?;
    let &[rpc, p2p] = ports.as_slice() else { bail!("there are no free ports") };
    let log = folder.join("log");
    let mut child: Child = command(program, folder)
        .args(["start", "--proxy_app=kvstore", "--log_level=error"])
        .arg(format!("--rpc.laddr=tcp://127.0.0.1:{rpc}"))
        .arg(format!("--p2p.laddr=tcp://127.0.0.1:{p2p}"))
        .stdout(File::create(&log)?)
        .stderr(Stdio::null())
        .spawn()?;
    let measured = measure(SocketAddr::from((Ipv4Addr::LOCALHOST, rpc)), time).await;
    child.kill().await?;
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    measured.with_context(|| format!("cometbft with its kvstore failed: {}", said()))
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--home").arg(folder).envs(SETTINGS).kill_on_drop(true);
    command
}

async fn measure(address: SocketAddr, time: Duration) -> anyhow::Result<Rates> {
    let mut rpc = first_block(address).await?;
    let deadline = Instant::now() + WARM_UP + time;
    let mut feeders = JoinSet::new();
    for first in 0..CONNECTIONS {
        feeders.spawn(feed(address, first, deadline));
    }
    sleep(WARM_UP).await;
    let (started, first) = (Instant::now(), rpc.latest_height().await?);
    sleep_until(deadline).await;
    let (ended, last) = (Instant::now(), rpc.latest_height().await?);
    while let Some(fed) = feeders.join_next().await {
        fed??;
    }
    let transactions = rpc.transactions(first + 1, last).await?;
    let seconds = ended.duration_since(started).as_secs_f64();
    let blocks = last.saturating_sub(first);
    Ok(Rates { transactions: transactions as f64 / seconds, blocks: blocks as f64 / seconds })
}

async fn first_block(address: SocketAddr) -> anyhow::Result<Rpc> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Ok(mut rpc) = Rpc::connect(address).await
            && rpc.latest_height().await.is_ok_and(|height| height > 0)
        {
            return Ok(rpc);
        }
        ensure!(Instant::now() < deadline, "there was no block in {START_PATIENCE:?}");
        sleep(ROOM_PAUSE).await;
    }
}

/// Hands in transactions, one batch after the other.
async fn feed(address: SocketAddr, first: usize, deadline: Instant) -> anyhow::Result<()> {
    let mut rpc = Rpc::connect(address).await?;
    let mut numbers = (first..).step_by(CONNECTIONS);
    while Instant::now() < deadline {
        let batch: Vec<Vec<u8>> = numbers.by_ref().take(BATCH).map(transaction).collect();
        if !rpc.broadcast(batch).await? {
            sleep(ROOM_PAUSE).await;
        }
    }
    Ok(())
}

/// A key with the number and a value, of the size of all.
fn transaction(number: usize) -> Vec<u8> {
    let mut bytes = format!("key-{number:016}=").into_bytes();
    bytes.resize(TX_BYTES, b'v');
    bytes
}

/// A connection to CometBFT's JSON-RPC, for requests that the node itself has no use for.
struct Rpc {
    address: SocketAddr,
    connection: SendRequest<Full<Bytes>>,
}

#[derive(Serialize)]
struct Broadcast {
    #[serde(with = "base64string")]
    tx: Vec<u8>,
}

#[derive(Deserialize)]
struct Blockchain {
    #[serde(with = "from_str")]
    last_height: u64,
    block_metas: Vec<BlockMeta>,
}

#[derive(Deserialize)]
struct BlockMeta {
    #[serde(with = "from_str")]
    num_txs: u64,
}

impl Rpc {
    /// Most blocks that CometBFT tells of at once.
    const PAGE: u64 = 20;

    async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the connection; its errors reach the request that waits for an answer.
        tokio::spawn(driver);
        Ok(Self { address, connection })
    }

    /// Whether all transactions were admitted; otherwise there was no room for some.
    async fn broadcast(&mut self, transactions: Vec<Vec<u8>>) -> anyhow::Result<bool> {
        let mut requests = Vec::with_capacity(transactions.len());
        for tx in transactions {
            let params = serde_json::to_value(Broadcast { tx })?;
            requests.push(request("broadcast_tx_sync", params));
        }
        let answers = self.post(&Value::Array(requests)).await?;
        all_admitted(answers.as_array().context("no answers to a batch")?)
    }

    async fn latest_height(&mut self) -> anyhow::Result<u64> {
        Ok(self.blockchain(json!({})).await?.last_height)
    }

    /// Transactions of these blocks.
    async fn transactions(&mut self, first: u64, last: u64) -> anyhow::Result<u64> {
        let mut sum = 0;
        for from in (first..=last).step_by(usize::try_from(Self::PAGE)?) {
            let to = last.min(from + Self::PAGE - 1);
            let range = json!({ "minHeight": from.to_string(), "maxHeight": to.to_string() });
            let metas = self.blockchain(range).await?.block_metas;
            sum += metas.iter().map(|meta| meta.num_txs).sum::<u64>();
        }
        Ok(sum)
    }

    async fn blockchain(&mut self, params: Value) -> anyhow::Result<Blockchain> {
        let mut answer = self.post(&request("blockchain", params)).await?;
        let result = answer.get_mut("result").map(Value::take);
        Ok(serde_json::from_value(result.context("cometbft tells of no blocks")?)?)
    }

    async fn post(&mut self, body: &Value) -> anyhow::Result<Value> {
        let request = Request::post("/")
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(serde_json::to_vec(body)?)))?;
        self.connection.ready().await?;
        let answer = self.connection.send_request(request).await?;
        Ok(serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?)
    }
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// Whether all were admitted.
///
/// # Errors
/// When one was refused for another reason than that there was no room.
fn all_admitted(answers: &[Value]) -> anyhow::Result<bool> {
    let mut all = true;
    for answer in answers {
        if let Some(error) = answer.get("error") {
            let full = error.to_string().contains("mempool is full");
            ensure!(full, "cometbft refused a transaction: {error}");
            all = false;
        } else {
            let code = answer.pointer("/result/code").and_then(Value::as_u64);
            ensure!(code == Some(0), "the kvstore refused a transaction: {answer}");
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_differ_and_have_one_size() {
        assert_eq!([transaction(0).len(), transaction(usize::MAX >> 12).len()], [TX_BYTES; 2]);
        assert_ne!(transaction(1), transaction(2));
        let signs = transaction(7).iter().filter(|byte| **byte == b'=').count();
        assert_eq!(signs, 1);
    }

    #[test]
    fn only_a_full_mempool_is_no_error() {
        let admitted = json!({ "result": { "code": 0 } });
        let full = json!({ "error": { "data": "mempool is full: number of txs 10000" } });
        assert!(all_admitted(&[admitted.clone(), admitted.clone()]).unwrap());
        assert!(!all_admitted(&[admitted, full]).unwrap());
        for wrong in [json!({ "result": { "code": 1 } }), json!({ "error": "no" }), json!({})] {
            assert!(all_admitted(&[wrong]).is_err());
        }
    }
}
