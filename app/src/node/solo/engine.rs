//! Makes blocks one after the other and keeps log and application in step.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tendermint::block::header::Version;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Header, Height, Id};
use tendermint::{Time, validator};
use tendermint_abci::Application;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::abci::{
    CommitInfo, ExtendedCommitInfo, ExtendedVoteInfo, RequestFinalizeBlock, RequestInfo,
    RequestPrepareProposal, RequestProcessProposal, Validator, VoteInfo, response_process_proposal,
};
use tendermint_proto::v0_38::types::{BlockIdFlag, SignedHeader as RawSignedHeader};
use tessera_proto::hash::sha256;

use super::SoloError;
use super::block::{self, Data};
use super::log::{BlockLog, Record};
use super::state::{self, ChainState};
use crate::node::comet::clock;
use crate::node::comet::genesis::Genesis;
use crate::node::comet::keys::Ed25519Key;

const BLOCK_PROTOCOL: u64 = 11;
const PEER_PROTOCOL: u64 = 8;
const ABCI_VERSION: &str = "2.0.0";
const LOG_FILE: &str = "blocks.log";

/// What a made block was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) height: u64,
    /// Whether another block is due even without transactions: it proves the new state.
    pub(crate) needs_proof_block: bool,
}

pub(crate) struct Engine<A> {
    app: A,
    key: Ed25519Key,
    genesis: Genesis,
    log: BlockLog,
    state: ChainState,
    last: Option<Last>,
}

/// The latest block, and the validators it was for.
struct Last {
    signed: SignedHeader,
    validators: validator::Set,
}

/// A block that is signed but not executed yet.
struct Proposal {
    signed: SignedHeader,
    txs: Vec<Bytes>,
}

impl<A: Application> Engine<A> {
    /// Opens the log, and replays to the application what it has not committed.
    pub(crate) fn open(
        dir: &std::path::Path,
        app: A,
        key: Ed25519Key,
        genesis: Genesis,
    ) -> Result<Self, SoloError> {
        let genesis_json = serde_json::to_vec(&genesis).map_err(SoloError::genesis)?;
        let log = BlockLog::open(&dir.join(LOG_FILE), sha256(genesis_json))?;
        let (height, state, log) = Self::start(&app, &genesis, log)?;
        let mut engine = Self { app, key, genesis, log, state, last: None };
        if let Some(signed) = engine.signed(height)? {
            let validators = stored_state(&engine.log, height.saturating_sub(1))?.validators;
            engine.last = Some(Last { signed, validators });
        }
        engine.replay()?;
        Ok(engine)
    }

    /// The state that the application is at, from genesis or from the log.
    fn start(
        app: &A,
        genesis: &Genesis,
        mut log: BlockLog,
    ) -> Result<(u64, ChainState, BlockLog), SoloError> {
        let info = app.info(RequestInfo {
            version: super::SOFTWARE.to_owned(),
            block_version: BLOCK_PROTOCOL,
            p2p_version: PEER_PROTOCOL,
            abci_version: ABCI_VERSION.to_owned(),
        });
        let height = u64::try_from(info.last_block_height).unwrap_or_default();
        let latest = log.latest().unwrap_or_default();
        if height > latest {
            return Err(SoloError::ApplicationAhead { height, latest });
        }
        if height == 0 {
            let answer = app.init_chain(state::init_chain_request(genesis));
            let state = ChainState::genesis(genesis, info.app_version, answer)?;
            match log.reader().state(state.height)? {
                Some(known) => same_outcome(&known, &state)?,
                None => log.append(Record {
                    height: state.height,
                    signed: &[],
                    state: &state.encode(),
                    txs: &[],
                })?,
            }
            return Ok((state.height, state, log));
        }
        let state = stored_state(&log, height)?;
        if state.app_hash.as_bytes() != info.last_block_app_hash {
            return Err(SoloError::OtherOutcome {
                height,
                expected: state.app_hash.to_string(),
                found: hex::encode_upper(&info.last_block_app_hash),
            });
        }
        Ok((height, state, log))
    }

    /// Executes the blocks that are signed but that the application has not committed.
    fn replay(&mut self) -> Result<(), SoloError> {
        let latest = self.log.latest().unwrap_or_default();
        while self.state.height < latest {
            let height = self.state.height.saturating_add(1);
            let missing = || SoloError::Missing { height };
            let signed = self.signed(height)?.ok_or_else(missing)?;
            let txs = self.log.reader().txs(height)?.ok_or_else(missing)?;
            let txs = Data::decode(txs.as_slice()).map_err(|_| missing())?.txs;
            let proposal = Proposal { signed, txs };
            let next = self.execute(&proposal)?;
            let known = self.log.reader().state(height)?.ok_or_else(missing)?;
            same_outcome(&known, &next)?;
            self.commit(proposal, next);
        }
        Ok(())
    }

    /// The latest block; the one before the first if there is none.
    pub(crate) fn height(&self) -> u64 {
        self.state.height
    }

    pub(crate) fn log(&self) -> &BlockLog {
        &self.log
    }

    pub(crate) fn initial_height(&self) -> u64 {
        state::initial_height(&self.genesis)
    }

    /// Whether a block is due even without transactions: the first one, or one that proves a
    /// state that no header carries yet.
    pub(crate) fn needs_proof_block(&self) -> bool {
        self.last.as_ref().is_none_or(|last| last.signed.header.app_hash != self.state.app_hash)
    }

    /// Makes the next block. Without transactions only if `even_empty`.
    pub(crate) fn produce(&mut self, even_empty: bool) -> Result<Option<Made>, SoloError> {
        let Some(proposal) = self.propose(even_empty)? else { return Ok(None) };
        let next = self.execute(&proposal)?;
        let signed = Protobuf::<RawSignedHeader>::encode_vec(proposal.signed.clone());
        let had_txs = !proposal.txs.is_empty();
        self.log.append(Record {
            height: next.height,
            signed: &signed,
            state: &next.encode(),
            txs: &Data { txs: proposal.txs.clone() }.encode_to_vec(),
        })?;
        self.commit(proposal, next);
        // More transactions may wait than fitted into the block.
        let needs_proof_block = had_txs || self.needs_proof_block();
        Ok(Some(Made { height: self.state.height, needs_proof_block }))
    }

    fn propose(&self, even_empty: bool) -> Result<Option<Proposal>, SoloError> {
        let time = later(clock::now(), self.state.time)?;
        let height = self.next_height()?;
        let limit = block::max_data_bytes(
            self.state.max_block_bytes(),
            self.last.as_ref().map_or(0, |last| last.signed.commit.signatures.len()),
        );
        let answer = self.app.prepare_proposal(RequestPrepareProposal {
            max_tx_bytes: i64::try_from(limit).unwrap_or(i64::MAX),
            txs: Vec::new(),
            local_last_commit: Some(self.extended_commit()),
            misbehavior: Vec::new(),
            height: height.into(),
            time: Some(time.into()),
            next_validators_hash: self.state.next_validators.hash().as_bytes().to_vec().into(),
            proposer_address: self.proposer(),
        });
        let bytes = answer.txs.iter().map(|tx| tx.len() as u64).sum::<u64>();
        if bytes > limit {
            return Err(SoloError::ProposalTooLarge { bytes, limit });
        }
        if answer.txs.is_empty() && !even_empty {
            return Ok(None);
        }
        let header = self.header(height, time, &answer.txs);
        let last_commit = self.last.as_ref().map(|last| &last.signed.commit);
        let id = block::block_id(&header, &answer.txs, last_commit).map_err(SoloError::header)?;
        self.check_proposal(&header, id, &answer.txs)?;
        let signed = self.sign(header, id)?;
        Ok(Some(Proposal { signed, txs: answer.txs }))
    }

    fn header(&self, height: Height, time: Time, txs: &[Bytes]) -> Header {
        let last_commit = self.last.as_ref().map(|last| &last.signed.commit);
        Header {
            version: Version { block: BLOCK_PROTOCOL, app: self.state.app_version() },
            chain_id: self.genesis.chain_id.clone(),
            height,
            time,
            last_block_id: last_commit.map(|commit| commit.block_id),
            last_commit_hash: Some(block::commit_hash(last_commit)),
            data_hash: Some(block::data_hash(txs)),
            validators_hash: self.state.validators.hash(),
            next_validators_hash: self.state.next_validators.hash(),
            consensus_hash: block::consensus_hash(&self.state.params),
            app_hash: self.state.app_hash.clone(),
            last_results_hash: Some(self.state.results_hash),
            evidence_hash: Some(block::empty_hash()),
            proposer_address: self.key.address(),
        }
    }

    fn check_proposal(&self, header: &Header, id: Id, txs: &[Bytes]) -> Result<(), SoloError> {
        let answer = self.app.process_proposal(RequestProcessProposal {
            txs: txs.to_vec(),
            proposed_last_commit: Some(self.last_commit()),
            misbehavior: Vec::new(),
            hash: id.hash.as_bytes().to_vec().into(),
            height: header.height.into(),
            time: Some(header.time.into()),
            next_validators_hash: header.next_validators_hash.as_bytes().to_vec().into(),
            proposer_address: self.proposer(),
        });
        let accepted = response_process_proposal::ProposalStatus::Accept;
        if answer.status == i32::from(accepted) {
            Ok(())
        } else {
            Err(SoloError::ProposalRefused { height: header.height.value() })
        }
    }

    fn sign(&self, header: Header, id: Id) -> Result<SignedHeader, SoloError> {
        let own = self.key.address();
        let total = self.state.validators.total_voting_power().value();
        let power = self.state.validators.validator(own).map_or(0, |info| info.power());
        if u128::from(power) * 3 <= u128::from(total) * 2 {
            return Err(SoloError::NotEnoughPower { address: own, power, total });
        }
        let time = later(clock::now(), header.time)?;
        block::sign(header, id, time, &self.state.validators, &self.key).map_err(SoloError::header)
    }

    fn execute(&self, proposal: &Proposal) -> Result<ChainState, SoloError> {
        let header = &proposal.signed.header;
        let answer = self.app.finalize_block(RequestFinalizeBlock {
            txs: proposal.txs.clone(),
            decided_last_commit: Some(self.last_commit()),
            misbehavior: Vec::new(),
            hash: proposal.signed.commit.block_id.hash.as_bytes().to_vec().into(),
            height: header.height.into(),
            time: Some(header.time.into()),
            next_validators_hash: header.next_validators_hash.as_bytes().to_vec().into(),
            proposer_address: header.proposer_address.as_bytes().to_vec().into(),
        });
        if answer.tx_results.len() != proposal.txs.len() {
            return Err(SoloError::ResultCount {
                height: header.height.value(),
                txs: proposal.txs.len(),
                results: answer.tx_results.len(),
            });
        }
        self.state.next(header.time, answer)
    }

    fn commit(&mut self, proposal: Proposal, next: ChainState) {
        // All blocks are kept, so what the application no longer needs does not matter.
        let _retain_height = self.app.commit();
        let before = std::mem::replace(&mut self.state, next);
        self.last = Some(Last { signed: proposal.signed, validators: before.validators });
    }

    fn next_height(&self) -> Result<Height, SoloError> {
        Height::try_from(self.state.height.saturating_add(1)).map_err(SoloError::header)
    }

    fn proposer(&self) -> Bytes {
        Bytes::copy_from_slice(self.key.address().as_bytes())
    }

    fn signed(&self, height: u64) -> Result<Option<SignedHeader>, SoloError> {
        read_signed(self.log.reader().signed(height)?, height)
    }

    /// Who signed the last block, as CometBFT tells the application.
    fn votes(&self) -> impl Iterator<Item = (Validator, BlockIdFlag)> {
        self.last.iter().flat_map(|last| {
            last.validators.validators().iter().zip(&last.signed.commit.signatures).map(
                |(info, signature)| {
                    let address = Bytes::copy_from_slice(info.address.as_bytes());
                    let flag = if signature.is_commit() {
                        BlockIdFlag::Commit
                    } else {
                        BlockIdFlag::Absent
                    };
                    (Validator { address, power: info.power.into() }, flag)
                },
            )
        })
    }

    fn last_commit(&self) -> CommitInfo {
        let votes = self.votes().map(|(validator, flag)| VoteInfo {
            validator: Some(validator),
            block_id_flag: flag.into(),
        });
        CommitInfo { round: 0, votes: votes.collect() }
    }

    fn extended_commit(&self) -> ExtendedCommitInfo {
        let votes = self.votes().map(|(validator, flag)| ExtendedVoteInfo {
            validator: Some(validator),
            block_id_flag: flag.into(),
            ..ExtendedVoteInfo::default()
        });
        ExtendedCommitInfo { round: 0, votes: votes.collect() }
    }
}

/// The signed header in a record; nothing if there is no such block.
pub(crate) fn read_signed(
    bytes: Option<Vec<u8>>,
    height: u64,
) -> Result<Option<SignedHeader>, SoloError> {
    match bytes {
        None => Ok(None),
        Some(bytes) if bytes.is_empty() => Ok(None),
        Some(bytes) => Protobuf::<RawSignedHeader>::decode_vec(&bytes)
            .map(Some)
            .map_err(|_| SoloError::Missing { height }),
    }
}

fn stored_state(log: &BlockLog, height: u64) -> Result<ChainState, SoloError> {
    log.reader()
        .state(height)?
        .and_then(|bytes| ChainState::decode(&bytes))
        .ok_or(SoloError::Missing { height })
}

fn same_outcome(known: &[u8], found: &ChainState) -> Result<(), SoloError> {
    if known == found.encode() {
        return Ok(());
    }
    let expected = ChainState::decode(known).ok_or(SoloError::Missing { height: found.height })?;
    Err(SoloError::OtherOutcome {
        height: found.height,
        expected: expected.app_hash.to_string(),
        found: found.app_hash.to_string(),
    })
}

/// Times of a chain only grow, even when the machine's clock does not.
fn later(now: Time, than: Time) -> Result<Time, SoloError> {
    let least = than.checked_add(Duration::from_millis(1)).ok_or(SoloError::EndOfTime)?;
    Ok(if now.before(least) { least } else { now })
}
