//! ABCI messages of CometBFT 0.40: those of `tendermint-proto`, and the two that it lacks.

use bytes::Bytes;
use tendermint_proto::v0_38::abci::{
    RequestApplySnapshotChunk, RequestCheckTx, RequestCommit, RequestEcho, RequestExtendVote,
    RequestFinalizeBlock, RequestFlush, RequestInfo, RequestInitChain, RequestListSnapshots,
    RequestLoadSnapshotChunk, RequestOfferSnapshot, RequestPrepareProposal, RequestProcessProposal,
    RequestQuery, RequestVerifyVoteExtension, ResponseApplySnapshotChunk, ResponseCheckTx,
    ResponseCommit, ResponseEcho, ResponseException, ResponseExtendVote, ResponseFinalizeBlock,
    ResponseFlush, ResponseInfo, ResponseInitChain, ResponseListSnapshots,
    ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal,
    ResponseProcessProposal, ResponseQuery, ResponseVerifyVoteExtension,
};

/// Codes from here on ask CometBFT to let the transaction be offered again.
pub const CODE_RETRY: u32 = 32_000;

/// A transaction that a peer gossiped, for the application's mempool.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestInsertTx {
    /// The transaction.
    #[prost(bytes = "bytes", tag = "1")]
    pub tx: Bytes,
}

/// Whether the application took a gossiped transaction in.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ResponseInsertTx {
    /// 0 if so; see [`AbciApplication::insert_tx`](super::AbciApplication::insert_tx).
    #[prost(uint32, tag = "1")]
    pub code: u32,
}

/// A request for transactions to gossip.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct RequestReapTxs {
    /// Limit on the sum of their sizes; 0 is none.
    #[prost(uint64, tag = "1")]
    pub max_bytes: u64,
    /// Limit on the sum of their gas; 0 is none.
    #[prost(uint64, tag = "2")]
    pub max_gas: u64,
}

/// Transactions to gossip.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResponseReapTxs {
    /// The transactions, in the order to be sent.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub txs: Vec<Bytes>,
}

/// Any request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// The request; `None` if this server does not know its kind.
    #[prost(
        oneof = "RequestValue",
        tags = "1, 2, 3, 5, 6, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22"
    )]
    pub value: Option<RequestValue>,
}

/// The kinds of request.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RequestValue {
    /// Returns the text it was given.
    #[prost(message, tag = "1")]
    Echo(RequestEcho),
    /// Asks for all answers so far.
    #[prost(message, tag = "2")]
    Flush(RequestFlush),
    /// Tells the last committed height.
    #[prost(message, tag = "3")]
    Info(RequestInfo),
    /// Starts the chain from its genesis.
    #[prost(message, tag = "5")]
    InitChain(RequestInitChain),
    /// Reads committed state.
    #[prost(message, tag = "6")]
    Query(RequestQuery),
    /// Judges a transaction for the mempool.
    #[prost(message, tag = "8")]
    CheckTx(RequestCheckTx),
    /// Persists the finalized block.
    #[prost(message, tag = "11")]
    Commit(RequestCommit),
    /// Lists state-sync snapshots.
    #[prost(message, tag = "12")]
    ListSnapshots(RequestListSnapshots),
    /// Offers a snapshot to restore.
    #[prost(message, tag = "13")]
    OfferSnapshot(RequestOfferSnapshot),
    /// Reads a chunk of a snapshot.
    #[prost(message, tag = "14")]
    LoadSnapshotChunk(RequestLoadSnapshotChunk),
    /// Restores a chunk of a snapshot.
    #[prost(message, tag = "15")]
    ApplySnapshotChunk(RequestApplySnapshotChunk),
    /// Chooses a block's transactions.
    #[prost(message, tag = "16")]
    PrepareProposal(RequestPrepareProposal),
    /// Judges a proposed block.
    #[prost(message, tag = "17")]
    ProcessProposal(RequestProcessProposal),
    /// Adds data to a precommit.
    #[prost(message, tag = "18")]
    ExtendVote(RequestExtendVote),
    /// Judges data of another's precommit.
    #[prost(message, tag = "19")]
    VerifyVoteExtension(RequestVerifyVoteExtension),
    /// Executes a decided block.
    #[prost(message, tag = "20")]
    FinalizeBlock(RequestFinalizeBlock),
    /// Takes in a gossiped transaction.
    #[prost(message, tag = "21")]
    InsertTx(RequestInsertTx),
    /// Hands over transactions to gossip.
    #[prost(message, tag = "22")]
    ReapTxs(RequestReapTxs),
}

/// Any response.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Response {
    /// The response.
    #[prost(
        oneof = "ResponseValue",
        tags = "1, 2, 3, 4, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23"
    )]
    pub value: Option<ResponseValue>,
}

/// The kinds of response.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ResponseValue {
    /// The request could not be served; CometBFT stops on it.
    #[prost(message, tag = "1")]
    Exception(ResponseException),
    /// Answer to [`RequestValue::Echo`].
    #[prost(message, tag = "2")]
    Echo(ResponseEcho),
    /// Answer to [`RequestValue::Flush`].
    #[prost(message, tag = "3")]
    Flush(ResponseFlush),
    /// Answer to [`RequestValue::Info`].
    #[prost(message, tag = "4")]
    Info(ResponseInfo),
    /// Answer to [`RequestValue::InitChain`].
    #[prost(message, tag = "6")]
    InitChain(ResponseInitChain),
    /// Answer to [`RequestValue::Query`].
    #[prost(message, tag = "7")]
    Query(ResponseQuery),
    /// Answer to [`RequestValue::CheckTx`].
    #[prost(message, tag = "9")]
    CheckTx(ResponseCheckTx),
    /// Answer to [`RequestValue::Commit`].
    #[prost(message, tag = "12")]
    Commit(ResponseCommit),
    /// Answer to [`RequestValue::ListSnapshots`].
    #[prost(message, tag = "13")]
    ListSnapshots(ResponseListSnapshots),
    /// Answer to [`RequestValue::OfferSnapshot`].
    #[prost(message, tag = "14")]
    OfferSnapshot(ResponseOfferSnapshot),
    /// Answer to [`RequestValue::LoadSnapshotChunk`].
    #[prost(message, tag = "15")]
    LoadSnapshotChunk(ResponseLoadSnapshotChunk),
    /// Answer to [`RequestValue::ApplySnapshotChunk`].
    #[prost(message, tag = "16")]
    ApplySnapshotChunk(ResponseApplySnapshotChunk),
    /// Answer to [`RequestValue::PrepareProposal`].
    #[prost(message, tag = "17")]
    PrepareProposal(ResponsePrepareProposal),
    /// Answer to [`RequestValue::ProcessProposal`].
    #[prost(message, tag = "18")]
    ProcessProposal(ResponseProcessProposal),
    /// Answer to [`RequestValue::ExtendVote`].
    #[prost(message, tag = "19")]
    ExtendVote(ResponseExtendVote),
    /// Answer to [`RequestValue::VerifyVoteExtension`].
    #[prost(message, tag = "20")]
    VerifyVoteExtension(ResponseVerifyVoteExtension),
    /// Answer to [`RequestValue::FinalizeBlock`].
    #[prost(message, tag = "21")]
    FinalizeBlock(ResponseFinalizeBlock),
    /// Answer to [`RequestValue::InsertTx`].
    #[prost(message, tag = "22")]
    InsertTx(ResponseInsertTx),
    /// Answer to [`RequestValue::ReapTxs`].
    #[prost(message, tag = "23")]
    ReapTxs(ResponseReapTxs),
}

impl Response {
    /// The answer to a request that cannot be served.
    pub(crate) fn exception(error: String) -> Self {
        Self { value: Some(ResponseValue::Exception(ResponseException { error })) }
    }
}
