//! CometBFT's side of ABCI: the requests of given blocks, in its wire format and with its habits.
//!
//! It has one connection for consensus and one for the mempool, on which small packets are not
//! held back. A request is followed by a flush, and both answers are awaited before the next; only
//! the frames of a block are checked together, with one flush.

use std::io::{self, BufWriter, Write as _};
use std::iter;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use prost::Message as _;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{
    RequestCheckTx, RequestCommit, RequestEcho, RequestFinalizeBlock, RequestFlush, RequestInfo,
    RequestPrepareProposal, RequestProcessProposal, ResponseInfo,
};

use super::prepared::{Block, Run, WARM_UP_BLOCKS, time_ms};
use crate::node::abci::{
    AbciAddress, FrameReader, Request, RequestValue as Ask, Response, ResponseValue as Answer,
    Socket,
};

/// Requests that ask for nothing, to measure what one takes.
const ROUND_TRIPS: u32 = 20;
/// What CometBFT gathers before it writes.
const WRITE_BUFFER_BYTES: usize = 4_096;
/// More than any answer has.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Asks the server at an address for all that the blocks take, as the one validator of a chain.
pub(super) fn drive(address: &AbciAddress, blocks: &[Block]) -> anyhow::Result<Run> {
    let sockets = [connect(address)?, connect(address)?];
    let [consensus, mempool] = sockets.each_ref().map(Connection::new);
    let mut validator = Validator { consensus, mempool, run: Run::default() };
    let first = validator.info()?.last_block_height + 1;
    let mut started = Instant::now();
    for (number, (height, block)) in (first..).zip(blocks).enumerate() {
        if number == WARM_UP_BLOCKS {
            (started, validator.run) = (Instant::now(), Run::default());
        }
        validator.decide(height, &block.frames)?;
        validator.run.blocks += 1;
        validator.run.transactions += block.transactions.len();
    }
    // Answered when the last block is written.
    let info = validator.info()?;
    validator.run.seconds = started.elapsed().as_secs_f64();
    let app_hash = info.last_block_app_hash.as_ref();
    validator.run.app_hash = app_hash.try_into().context("an app hash has 32 bytes")?;
    validator.run.round_trip = validator.round_trip()?;
    Ok(validator.run)
}

fn connect(address: &AbciAddress) -> io::Result<Socket> {
    match address {
        AbciAddress::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
        AbciAddress::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port))?;
            stream.set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        }
    }
}

/// The one validator of a chain.
struct Validator<'a> {
    consensus: Connection<'a>,
    mempool: Connection<'a>,
    run: Run,
}

impl Validator<'_> {
    /// Makes frames a block.
    fn decide(&mut self, height: i64, frames: &[Bytes]) -> anyhow::Result<()> {
        let time = timestamp(height)?;
        self.check(frames)?;

        let (max_tx_bytes, txs) = (i64::MAX, frames.to_vec());
        let prepare =
            RequestPrepareProposal { max_tx_bytes, txs, height, time, ..Default::default() };
        let answer = self.ask("PrepareProposal", Ask::PrepareProposal(prepare))?;
        let Answer::PrepareProposal(proposal) = answer else { return unexpected(answer) };
        ensure!(proposal.txs == frames, "the node proposed another block");

        let process =
            RequestProcessProposal { txs: proposal.txs, height, time, ..Default::default() };
        let answer = self.ask("ProcessProposal", Ask::ProcessProposal(process))?;
        let Answer::ProcessProposal(vote) = answer else { return unexpected(answer) };
        ensure!(vote.status == i32::from(ProposalStatus::Accept), "the node rejected a block");

        let finalize =
            RequestFinalizeBlock { txs: frames.to_vec(), height, time, ..Default::default() };
        let answer = self.ask("FinalizeBlock", Ask::FinalizeBlock(finalize))?;
        let Answer::FinalizeBlock(block) = answer else { return unexpected(answer) };
        let refused = block.tx_results.iter().filter(|result| result.code != 0).count();
        ensure!(refused == 0, "{refused} frames of a block were refused");

        match self.ask("Commit", Ask::Commit(RequestCommit {}))? {
            Answer::Commit(_) => Ok(()),
            answer => unexpected(answer),
        }
    }

    fn check(&mut self, frames: &[Bytes]) -> anyhow::Result<()> {
        let check = |frame: &Bytes| RequestCheckTx { tx: frame.clone(), ..Default::default() };
        let started = Instant::now();
        let answers = self.mempool.ask(frames.iter().map(check).map(Ask::CheckTx))?;
        *self.run.stages.entry("CheckTx").or_default() += started.elapsed();
        for answer in answers {
            let Answer::CheckTx(checked) = answer else { return unexpected(answer) };
            ensure!(checked.code == 0, "the node refused a frame: {}", checked.log);
        }
        Ok(())
    }

    fn ask(&mut self, name: &'static str, request: Ask) -> anyhow::Result<Answer> {
        let started = Instant::now();
        let answer = self.consensus.ask_one(request)?;
        *self.run.stages.entry(name).or_default() += started.elapsed();
        Ok(answer)
    }

    fn info(&mut self) -> anyhow::Result<ResponseInfo> {
        match self.consensus.ask_one(Ask::Info(RequestInfo::default()))? {
            Answer::Info(info) => Ok(info),
            answer => unexpected(answer),
        }
    }

    /// The mean of some requests on a connection that has been in use for a while.
    fn round_trip(&mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        for _ in 0..ROUND_TRIPS {
            self.consensus.ask_one(Ask::Echo(RequestEcho::default()))?;
        }
        Ok(started.elapsed() / ROUND_TRIPS)
    }
}

/// When a block of this height is made.
fn timestamp(height: i64) -> anyhow::Result<Option<Timestamp>> {
    let time_ms = i64::try_from(time_ms(height.try_into()?))?;
    let nanos = i32::try_from(time_ms % 1_000 * 1_000_000)?;
    Ok(Some(Timestamp { seconds: time_ms / 1_000, nanos }))
}

fn unexpected<T>(answer: Answer) -> anyhow::Result<T> {
    match answer {
        Answer::Exception(exception) => bail!("the server cannot serve: {}", exception.error),
        _ => bail!("the server answered what it was not asked"),
    }
}

/// One end of a connection.
struct Connection<'a> {
    input: FrameReader<&'a Socket>,
    output: BufWriter<&'a Socket>,
}

impl<'a> Connection<'a> {
    fn new(socket: &'a Socket) -> Self {
        Self {
            input: FrameReader::new(socket, MAX_ANSWER_BYTES),
            output: BufWriter::with_capacity(WRITE_BUFFER_BYTES, socket),
        }
    }

    /// Sends requests and a flush after them, and waits for all answers.
    fn ask(&mut self, requests: impl Iterator<Item = Ask>) -> anyhow::Result<Vec<Answer>> {
        let mut sent = 0;
        for request in requests.chain([Ask::Flush(RequestFlush {})]) {
            let request = Request { value: Some(request) };
            self.output.write_all(&request.encode_length_delimited_to_vec())?;
            sent += 1;
        }
        self.output.flush()?;
        let mut answers: Vec<Answer> =
            (0..sent).map(|_| self.answer()).collect::<Result<_, _>>()?;
        match answers.pop() {
            Some(Answer::Flush(_)) => Ok(answers),
            other => unexpected(other.context("nothing was asked")?),
        }
    }

    fn ask_one(&mut self, request: Ask) -> anyhow::Result<Answer> {
        self.ask(iter::once(request))?.pop().context("a request has an answer")
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let frame = self.input.next_frame()?.context("the server closed the connection")?;
        Response::decode(frame)?.value.context("the server sent an unknown answer")
    }
}
