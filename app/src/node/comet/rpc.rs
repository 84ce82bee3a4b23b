//! A small client of CometBFT's JSON-RPC over HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tendermint::block::signed_header::SignedHeader;
use tendermint::merkle::proof::ProofOps;
use tendermint::{account, node, validator};
use tendermint_proto::serializers::bytes::{base64string, hexstring};
use tendermint_proto::serializers::{from_str, nullable};
use tokio::net::TcpStream;

use super::headers::{HeaderError, HeaderFuture, HeaderSource};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
const MAX_IDLE_CONNECTIONS: usize = 8;
const VALIDATORS_PER_PAGE: usize = 100;

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The block does not exist yet.
    #[error("block {height} does not exist yet; the latest is {latest}")]
    NotYet {
        /// The block asked for.
        height: u64,
        /// The latest block.
        latest: u64,
    },
    /// The block has been pruned.
    #[error("block {height} is not kept by cometbft; the earliest is {earliest}")]
    NotKept {
        /// The block asked for.
        height: u64,
        /// The earliest block that is kept.
        earliest: u64,
    },
    /// CometBFT answered with an error.
    #[error("cometbft refused `{method}`: {reason}")]
    Refused {
        /// The method.
        method: &'static str,
        /// Its words.
        reason: String,
    },
    /// CometBFT cannot be reached.
    #[error("cometbft cannot be reached at {address}")]
    Unreachable {
        /// Its address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the connection to cometbft at {address} broke")]
    Connection {
        /// Its address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("cometbft at {address} did not answer `{method}` within {seconds} s")]
    Timeout {
        /// Its address.
        address: SocketAddr,
        /// The method.
        method: &'static str,
        /// The time given.
        seconds: u64,
    },
    /// The answer makes no sense.
    #[error("cometbft answered `{method}` with something else: {reason}")]
    Answer {
        /// The method.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node's id among its peers.
    pub node_id: node::Id,
    /// The chain's id.
    pub chain_id: String,
    /// The validator's address.
    pub validator_address: account::Id,
    /// The latest block; zero before the first.
    pub latest_height: u64,
    /// The application hash in the latest block's header.
    pub latest_app_hash: Vec<u8>,
    /// The earliest block that is kept.
    pub earliest_height: u64,
    /// Whether the node is still fetching old blocks.
    pub catching_up: bool,
}

/// The application's answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct QueryAnswer {
    /// Zero if all is well.
    pub code: u32,
    /// The module that `code` belongs to.
    #[serde(default)]
    pub codespace: String,
    /// What the application says about it.
    #[serde(default)]
    pub log: String,
    /// The key.
    #[serde(default, with = "base64string")]
    pub key: Vec<u8>,
    /// The value.
    #[serde(default, with = "base64string")]
    pub value: Vec<u8>,
    /// The height of the state that was read.
    #[serde(with = "from_str")]
    pub height: i64,
    /// The proof, if one was asked for.
    #[serde(default, rename = "proofOps")]
    pub proof: Option<ProofOps>,
}

/// The application's answer to a transaction that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BroadcastAnswer {
    /// Zero if the transaction was taken in.
    pub code: u32,
    /// The module that `code` belongs to.
    #[serde(default)]
    pub codespace: String,
    /// What the application says about it.
    #[serde(default)]
    pub log: String,
    /// The transaction's hash.
    #[serde(with = "hexstring")]
    pub hash: Vec<u8>,
}

/// A client; clones share connections.
#[derive(Clone, Debug)]
pub struct RpcClient {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>>,
}

impl RpcClient {
    /// A client of the node at this address. Connections are made when needed.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// What the node says about itself.
    pub async fn status(&self) -> Result<Status, RpcError> {
        self.call::<RawStatus>("status", json!({})).await.map(Status::from)
    }

    /// The header of a block and the signatures over it.
    pub async fn signed_header(&self, height: u64) -> Result<SignedHeader, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            signed_header: SignedHeader,
        }
        let params = json!({ "height": height.to_string() });
        self.call::<Answer>("commit", params)
            .await
            .map(|answer| answer.signed_header)
            .map_err(|error| about_height(error, height))
    }

    /// The validators that sign the block at this height.
    pub async fn validators(&self, height: u64) -> Result<Vec<validator::Info>, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            validators: Vec<validator::Info>,
            #[serde(with = "from_str")]
            total: usize,
        }
        let mut all = Vec::new();
        for page in 1_usize.. {
            let params = json!({
                "height": height.to_string(),
                "page": page.to_string(),
                "per_page": VALIDATORS_PER_PAGE.to_string(),
            });
            let answer: Answer = self
                .call("validators", params)
                .await
                .map_err(|error| about_height(error, height))?;
            let empty = answer.validators.is_empty();
            all.extend(answer.validators);
            if empty || all.len() >= answer.total {
                break;
            }
        }
        Ok(all)
    }

    /// Asks the application, through CometBFT. Height zero is the latest.
    pub async fn abci_query(
        &self,
        path: &str,
        data: &[u8],
        height: u64,
        prove: bool,
    ) -> Result<QueryAnswer, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            response: QueryAnswer,
        }
        let params = json!({
            "path": path,
            "data": hex::encode(data),
            "height": height.to_string(),
            "prove": prove,
        });
        self.call::<Answer>("abci_query", params).await.map(|answer| answer.response)
    }

    /// Hands a transaction in and waits for the application's first check of it.
    pub async fn broadcast_tx_sync(&self, tx: &[u8]) -> Result<BroadcastAnswer, RpcError> {
        #[derive(serde::Serialize)]
        struct Params<'a> {
            #[serde(with = "base64string")]
            tx: &'a [u8],
        }
        let params = serde_json::to_value(Params { tx }).map_err(|error| RpcError::Answer {
            method: "broadcast_tx_sync",
            reason: error.to_string(),
        })?;
        self.call("broadcast_tx_sync", params).await
    }

    /// The number of peers that the node is connected to.
    pub async fn peer_count(&self) -> Result<u64, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(with = "from_str")]
            n_peers: u64,
        }
        self.call::<Answer>("net_info", json!({})).await.map(|answer| answer.n_peers)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = Bytes::from(request.to_string());
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await.map_err(
            |_| RpcError::Timeout {
                address: self.address,
                method,
                seconds: REQUEST_TIMEOUT.as_secs(),
            },
        )??;
        read_answer(method, &answer)
    }

    async fn exchange(&self, body: Bytes) -> Result<Bytes, RpcError> {
        // A kept connection may have been closed by the other side meanwhile; a fresh one not.
        if let Some(connection) = self.take_idle()
            && let Ok(answer) = self.send(connection, body.clone()).await
        {
            return Ok(answer);
        }
        let connection = self.connect().await?;
        self.send(connection, body).await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, RpcError> {
        let unreachable = |source| RpcError::Unreachable { address: self.address, source };
        let stream = TcpStream::connect(self.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(error))?;
        // Ends with the connection; its errors reach the request that waits for an answer.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        body: Bytes,
    ) -> Result<Bytes, RpcError> {
        let request = hyper::Request::post("/")
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.broken(error))?;
        connection.ready().await.map_err(|error| self.broken(error))?;
        let answer = connection.send_request(request).await.map_err(|error| self.broken(error))?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES);
        let body = body
            .collect()
            .await
            .map_err(|source| RpcError::Connection { address: self.address, source })?;
        self.put_idle(connection);
        Ok(body.to_bytes())
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.pop()
    }

    fn put_idle(&self, connection: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RpcError {
        RpcError::Connection { address: self.address, source: source.into() }
    }
}

impl HeaderSource for RpcClient {
    fn signed_header(&self, height: u64) -> HeaderFuture<'_, SignedHeader> {
        Box::pin(async move { Ok(RpcClient::signed_header(self, height).await?) })
    }

    fn validators(&self, height: u64) -> HeaderFuture<'_, Vec<validator::Info>> {
        Box::pin(async move { Ok(RpcClient::validators(self, height).await?) })
    }

    fn latest(&self) -> HeaderFuture<'_, u64> {
        Box::pin(async move { Ok(self.status().await?.latest_height) })
    }
}

impl From<RpcError> for HeaderError {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::NotYet { height, latest } => Self::NotYet { height, latest },
            RpcError::NotKept { height, earliest } => Self::NotKept { height, earliest },
            other => Self::Source(Box::new(other)),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: Option<T>,
    error: Option<RawError>,
}

#[derive(Deserialize)]
struct RawError {
    message: String,
    #[serde(default, with = "nullable")]
    data: String,
}

fn read_answer<T: DeserializeOwned>(method: &'static str, json: &[u8]) -> Result<T, RpcError> {
    let envelope: Envelope<T> = serde_json::from_slice(json)
        .map_err(|error| RpcError::Answer { method, reason: error.to_string() })?;
    match envelope {
        Envelope { error: Some(error), .. } => {
            let reason = if error.data.is_empty() { error.message } else { error.data };
            Err(RpcError::Refused { method, reason })
        }
        Envelope { result: Some(result), .. } => Ok(result),
        Envelope { .. } => {
            Err(RpcError::Answer { method, reason: "neither result nor error".to_owned() })
        }
    }
}

/// CometBFT tells its reasons in words only.
fn about_height(error: RpcError, height: u64) -> RpcError {
    let RpcError::Refused { method, reason } = error else {
        return error;
    };
    let number_after = |words: &str| {
        let (_, rest) = reason.split_once(words)?;
        rest.trim().parse::<u64>().ok()
    };
    if let Some(latest) = number_after("less than or equal to the current blockchain height") {
        return RpcError::NotYet { height, latest };
    }
    if let Some(earliest) = number_after("lowest height is") {
        return RpcError::NotKept { height, earliest };
    }
    RpcError::Refused { method, reason }
}

#[derive(Deserialize)]
struct RawStatus {
    node_info: RawNodeInfo,
    sync_info: RawSyncInfo,
    validator_info: RawValidatorInfo,
}

#[derive(Deserialize)]
struct RawNodeInfo {
    id: node::Id,
    network: String,
}

#[derive(Deserialize)]
struct RawSyncInfo {
    #[serde(with = "from_str")]
    latest_block_height: u64,
    #[serde(with = "hexstring")]
    latest_app_hash: Vec<u8>,
    #[serde(with = "from_str")]
    earliest_block_height: u64,
    catching_up: bool,
}

#[derive(Deserialize)]
struct RawValidatorInfo {
    address: account::Id,
}

impl From<RawStatus> for Status {
    fn from(raw: RawStatus) -> Self {
        Self {
            node_id: raw.node_info.id,
            chain_id: raw.node_info.network,
            validator_address: raw.validator_info.address,
            latest_height: raw.sync_info.latest_block_height,
            latest_app_hash: raw.sync_info.latest_app_hash,
            earliest_height: raw.sync_info.earliest_block_height,
            catching_up: raw.sync_info.catching_up,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    // As answered by CometBFT 0.40.0.
    const STATUS: &str = r#"{"jsonrpc":"2.0","id":-1,"result":{"node_info":{"protocol_version":{
        "p2p":"8","block":"11","app":"1"},"id":"ad335ad1c7506109f5122202ed14d6ff7754fa70",
        "listen_addr":"tcp://127.0.0.1:36656","network":"test-chain-pibCDa","version":"0.39.0",
        "channels":"40202122233038606100","moniker":"vm","other":{"tx_index":"on",
        "rpc_address":"tcp://127.0.0.1:36657"}},"sync_info":{"latest_block_hash":"D88FA016",
        "latest_app_hash":"0000000000000000","latest_block_height":"4",
        "latest_block_time":"2026-11-21T13:42:32.19223685Z","earliest_block_hash":"32C1B63E",
        "earliest_app_hash":"0000000000000000","earliest_block_height":"1",
        "earliest_block_time":"2026-11-21T13:35:14.372894705Z","catching_up":false},
        "validator_info":{"address":"75B71A50A7AED4DDF4397E8FA51B170F105A6590","pub_key":{
        "type":"tendermint/PubKeyEd25519","value":"ICrvSgLziBej6JEH8IvYh9xr7cKsqHJdxEEuRheq1OQ="
        },"voting_power":"10"}}}"#;

    #[test]
    fn status_is_read() {
        let status = Status::from(read_answer::<RawStatus>("status", STATUS.as_bytes()).unwrap());
        assert_eq!(status.latest_height, 4);
        assert_eq!(status.latest_app_hash, [0; 8]);
        assert_eq!(status.node_id.to_string(), "ad335ad1c7506109f5122202ed14d6ff7754fa70");
        assert!(!status.catching_up);
    }

    #[test]
    fn heights_out_of_reach_are_told_apart() {
        let refused = |data: &str| {
            let json =
                json!({"error": {"code": -32603, "message": "Internal error", "data": data}});
            let error = read_answer::<Value>("commit", json.to_string().as_bytes()).unwrap_err();
            about_height(error, 9)
        };
        let error =
            refused("height 9 must be less than or equal to the current blockchain height 4");
        assert!(matches!(error, RpcError::NotYet { height: 9, latest: 4 }), "{error}");
        let error = refused("height 9 is not available, lowest height is 12");
        assert!(matches!(error, RpcError::NotKept { height: 9, earliest: 12 }), "{error}");
        let error = refused("the moon is in the way");
        assert!(error.to_string().contains("the moon"), "{error}");
    }

    #[test]
    fn a_query_without_value_or_proof_is_read() {
        let json = r#"{"code":0,"log":"does not exist","info":"","index":"-1","key":"YWE=",
            "value":null,"proofOps":null,"height":"4","codespace":""}"#;
        let answer: QueryAnswer = serde_json::from_str(json).unwrap();
        assert_eq!((answer.key.as_slice(), answer.value.as_slice()), (b"aa".as_slice(), &[][..]));
        assert_eq!(answer.height, 4);
    }

    #[test]
    fn nonsense_is_an_error() {
        for nonsense in ["", "{}", "[]", "{\"result\":5}", "<html>"] {
            assert!(read_answer::<RawStatus>("status", nonsense.as_bytes()).is_err());
        }
    }

    /// Answers `answers` requests on each connection, then closes it.
    async fn serve(listener: TcpListener, answers: usize) {
        while let Ok((mut stream, _)) = listener.accept().await {
            for _ in 0..answers {
                let mut buffer = vec![0; 4096];
                let Ok(1..) = stream.read(&mut buffer).await else {
                    break;
                };
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{STATUS}", STATUS.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn connections_are_kept_and_renewed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = RpcClient::new(listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener, 2));
        for _ in 0..7 {
            assert_eq!(client.status().await.unwrap().latest_height, 4);
        }
        server.abort();
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_is_unreachable() {
        let port = super::super::local_net::free_ports(1).unwrap()[0];
        let client = RpcClient::new(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(matches!(client.status().await, Err(RpcError::Unreachable { .. })));
    }
}
