//! What the server asks of an application.

use tendermint_abci::Application;

use super::messages::{
    RequestInsertTx, RequestReapTxs, RequestValue, Response, ResponseInsertTx, ResponseReapTxs,
    ResponseValue,
};

/// An application that CometBFT 0.40 can drive, with its own mempool.
///
/// Each connection works on its own clone and on its own thread, so calls from different
/// connections run at the same time. CometBFT opens four: consensus, mempool, query, snapshot.
///
/// A panic in any method ends the process without an answer.
pub trait AbciApplication: Application {
    /// Takes a transaction that a peer gossiped.
    ///
    /// Code 0 accepts it and any other code refuses it. From [`CODE_RETRY`] on, CometBFT forgets
    /// that it has seen the transaction, so a peer may offer it again; below, and at 0, it never
    /// hands the same bytes over again while they stay in its seen-cache.
    ///
    /// [`CODE_RETRY`]: super::CODE_RETRY
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx;

    /// Hands over the transactions that CometBFT should gossip to peers.
    ///
    /// CometBFT asks every `reap_interval`, and sends whatever is returned, each time that it is
    /// returned, to the peers connected at that moment. It neither keeps nor repeats it, and a
    /// slow peer may miss it: hand a transaction over once, and again if it stays undecided.
    /// What a peer sent goes no further unless it is returned here too.
    ///
    /// Transactions stay in the application's pool: `PrepareProposal` gets none from CometBFT.
    fn reap_txs(&self, request: RequestReapTxs) -> ResponseReapTxs;

    /// A new connection has taken over consensus: what the last one left uncommitted is void.
    ///
    /// Called before that connection's first consensus request. By then no consensus request of
    /// an older connection is running, and none will run again.
    fn consensus_connection_opened(&self) {}
}

/// Whether a request belongs to CometBFT's consensus connection.
pub(crate) fn is_consensus(request: &RequestValue) -> bool {
    matches!(
        request,
        RequestValue::InitChain(_)
            | RequestValue::PrepareProposal(_)
            | RequestValue::ProcessProposal(_)
            | RequestValue::ExtendVote(_)
            | RequestValue::VerifyVoteExtension(_)
            | RequestValue::FinalizeBlock(_)
            | RequestValue::Commit(_)
    )
}

/// Calls the method that the request names.
pub(crate) fn dispatch(app: &impl AbciApplication, request: RequestValue) -> Response {
    use {RequestValue as Ask, ResponseValue as Answer};
    let value = match request {
        Ask::Echo(request) => Answer::Echo(app.echo(request)),
        Ask::Flush(_) => Answer::Flush(app.flush()),
        Ask::Info(request) => Answer::Info(app.info(request)),
        Ask::InitChain(request) => Answer::InitChain(app.init_chain(request)),
        Ask::Query(request) => Answer::Query(app.query(request)),
        Ask::CheckTx(request) => Answer::CheckTx(app.check_tx(request)),
        Ask::Commit(_) => Answer::Commit(app.commit()),
        Ask::ListSnapshots(_) => Answer::ListSnapshots(app.list_snapshots()),
        Ask::OfferSnapshot(request) => Answer::OfferSnapshot(app.offer_snapshot(request)),
        Ask::LoadSnapshotChunk(request) => {
            Answer::LoadSnapshotChunk(app.load_snapshot_chunk(request))
        }
        Ask::ApplySnapshotChunk(request) => {
            Answer::ApplySnapshotChunk(app.apply_snapshot_chunk(request))
        }
        Ask::PrepareProposal(request) => Answer::PrepareProposal(app.prepare_proposal(request)),
        Ask::ProcessProposal(request) => Answer::ProcessProposal(app.process_proposal(request)),
        Ask::ExtendVote(request) => Answer::ExtendVote(app.extend_vote(request)),
        Ask::VerifyVoteExtension(request) => {
            Answer::VerifyVoteExtension(app.verify_vote_extension(request))
        }
        Ask::FinalizeBlock(request) => Answer::FinalizeBlock(app.finalize_block(request)),
        Ask::InsertTx(request) => Answer::InsertTx(app.insert_tx(request)),
        Ask::ReapTxs(request) => Answer::ReapTxs(app.reap_txs(request)),
    };
    Response { value: Some(value) }
}
