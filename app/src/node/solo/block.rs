//! Blocks, headers and commits exactly as CometBFT builds, hashes and signs them.

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Id, Round, parts};
use tendermint::vote::{CanonicalVote, Type};
use tendermint::{Error, Hash, Time, chain, merkle, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::abci::ExecTxResult;
use tendermint_proto::v0_38::types as raw;

use crate::node::comet::keys::Ed25519Key;

const PART_BYTES: usize = 64 * 1024;
// CometBFT's bounds of a block's parts around its transactions.
const MAX_HEADER_BYTES: u64 = 626;
const MAX_BLOCK_OVERHEAD_BYTES: u64 = 11;
const MAX_COMMIT_OVERHEAD_BYTES: u64 = 94;
const MAX_SIGNATURE_BYTES: u64 = 111;

/// The transactions of a block, as CometBFT encodes them.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Data {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) txs: Vec<Bytes>,
}

/// A whole block. The same message as CometBFT's, without copies of its transactions.
#[derive(Clone, PartialEq, prost::Message)]
struct Block {
    #[prost(message, optional, tag = "1")]
    header: Option<raw::Header>,
    #[prost(message, optional, tag = "2")]
    data: Option<Data>,
    #[prost(message, optional, tag = "3")]
    evidence: Option<raw::EvidenceList>,
    #[prost(message, optional, tag = "4")]
    last_commit: Option<raw::Commit>,
}

/// The part of a result that all nodes agree on.
#[derive(Clone, PartialEq, prost::Message)]
struct DeterministicResult {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
    #[prost(int64, tag = "5")]
    gas_wanted: i64,
    #[prost(int64, tag = "6")]
    gas_used: i64,
}

fn merkle_root(leaves: &[impl AsRef<[u8]>]) -> Hash {
    Hash::Sha256(merkle::simple_hash_from_byte_vectors::<Sha256>(leaves))
}

/// The root over nothing: CometBFT's hash of an absent list.
pub(crate) fn empty_hash() -> Hash {
    merkle_root(&[[0_u8; 0]; 0])
}

/// The root over the transactions' hashes.
pub(crate) fn data_hash(txs: &[Bytes]) -> Hash {
    let hashes: Vec<_> = txs.iter().map(Sha256::digest).collect();
    merkle_root(&hashes)
}

/// The root over the signatures of a commit; the first block has none.
pub(crate) fn commit_hash(commit: Option<&Commit>) -> Hash {
    let signatures = commit.map(|commit| commit.signatures.as_slice()).unwrap_or_default();
    let encoded: Vec<Vec<u8>> = signatures
        .iter()
        .map(|signature| raw::CommitSig::from(signature.clone()).encode_to_vec())
        .collect();
    merkle_root(&encoded)
}

/// The root over the deterministic part of the results.
pub(crate) fn results_hash(results: &[ExecTxResult]) -> Hash {
    let encoded: Vec<Vec<u8>> = results
        .iter()
        .map(|result| {
            DeterministicResult {
                code: result.code,
                data: result.data.clone(),
                gas_wanted: result.gas_wanted,
                gas_used: result.gas_used,
            }
            .encode_to_vec()
        })
        .collect();
    merkle_root(&encoded)
}

/// The hash of the consensus parameters that a header commits to.
pub(crate) fn consensus_hash(params: &raw::ConsensusParams) -> Hash {
    let block = params.block.unwrap_or_default();
    let hashed =
        raw::HashedParams { block_max_bytes: block.max_bytes, block_max_gas: block.max_gas };
    Hash::Sha256(Sha256::digest(hashed.encode_to_vec()).into())
}

/// The most bytes that the transactions of a block may take.
pub(crate) fn max_data_bytes(max_block_bytes: u64, signatures: usize) -> u64 {
    let signatures = u64::try_from(signatures).unwrap_or(u64::MAX);
    max_block_bytes
        .saturating_sub(MAX_BLOCK_OVERHEAD_BYTES)
        .saturating_sub(MAX_HEADER_BYTES)
        .saturating_sub(MAX_COMMIT_OVERHEAD_BYTES)
        .saturating_sub(signatures.saturating_mul(MAX_SIGNATURE_BYTES))
}

/// The id of a block: its header's hash and the root over the parts of its encoding.
pub(crate) fn block_id(
    header: &Header,
    txs: &[Bytes],
    last_commit: Option<&Commit>,
) -> Result<Id, Error> {
    let no_commit = raw::Commit {
        block_id: Some(raw::BlockId {
            hash: Vec::new(),
            part_set_header: Some(raw::PartSetHeader::default()),
        }),
        ..raw::Commit::default()
    };
    let block = Block {
        header: Some(header.clone().into()),
        data: Some(Data { txs: txs.to_vec() }),
        evidence: Some(raw::EvidenceList::default()),
        last_commit: Some(last_commit.map_or(no_commit, |commit| commit.clone().into())),
    };
    let encoded = block.encode_to_vec();
    let part_hashes: Vec<&[u8]> = encoded.chunks(PART_BYTES).collect();
    let total = u32::try_from(part_hashes.len()).map_err(Error::integer_overflow)?;
    let part_set_header = parts::Header::new(total, merkle_root(&part_hashes))?;
    Ok(Id { hash: header.hash(), part_set_header })
}

/// What a validator signs to commit to a block.
fn precommit_bytes(chain_id: &chain::Id, header: &Header, block_id: Id, time: Time) -> Vec<u8> {
    let vote = CanonicalVote {
        vote_type: Type::Precommit,
        height: header.height,
        round: Round::default(),
        block_id: Some(block_id),
        timestamp: Some(time),
        chain_id: chain_id.clone(),
    };
    Protobuf::<raw::CanonicalVote>::encode_length_delimited_vec(vote)
}

/// Signs a block as the one validator that is present.
pub(crate) fn sign(
    header: Header,
    block_id: Id,
    time: Time,
    validators: &validator::Set,
    key: &Ed25519Key,
) -> Result<SignedHeader, Error> {
    let own = key.address();
    let signature = key.sign(&precommit_bytes(&header.chain_id, &header, block_id, time));
    let signatures = validators
        .validators()
        .iter()
        .map(|validator| {
            if validator.address == own {
                CommitSig::BlockIdFlagCommit {
                    validator_address: own,
                    timestamp: time,
                    signature: Some(signature.clone()),
                }
            } else {
                CommitSig::BlockIdFlagAbsent
            }
        })
        .collect();
    let commit = Commit { height: header.height, round: Round::default(), block_id, signatures };
    SignedHeader::new(header, commit)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A block of a kvstore chain with two transactions, as CometBFT 0.40.0 made it.
    fn recorded() -> Value {
        serde_json::from_str(include_str!("fixtures/cometbft_block.json")).unwrap()
    }

    fn header(value: &Value) -> Header {
        serde_json::from_value(value["block"]["header"].clone()).unwrap()
    }

    fn txs() -> Vec<Bytes> {
        vec![Bytes::from_static(b"k2=v2"), Bytes::from_static(b"k3=v3")]
    }

    #[test]
    fn hashes_are_those_of_cometbft() {
        let value = recorded();
        let header = header(&value);
        let last_commit: Commit =
            serde_json::from_value(value["block"]["last_commit"].clone()).unwrap();
        let expected: Id = serde_json::from_value(value["block_id"].clone()).unwrap();
        assert_eq!(block_id(&header, &txs(), Some(&last_commit)).unwrap(), expected);
        assert_eq!(Some(data_hash(&txs())), header.data_hash);
        assert_eq!(Some(commit_hash(Some(&last_commit))), header.last_commit_hash);
        assert_eq!(Some(empty_hash()), header.evidence_hash);
        let results = [ExecTxResult::default(), ExecTxResult::default()];
        let next = value["next_last_results_hash"].as_str().unwrap();
        assert_eq!(results_hash(&results).to_string(), next);
        let params = raw::ConsensusParams {
            block: Some(raw::BlockParams { max_bytes: 55_600_190, max_gas: -1 }),
            ..raw::ConsensusParams::default()
        };
        assert_eq!(consensus_hash(&params), header.consensus_hash);
    }

    #[test]
    fn the_precommit_is_that_of_cometbft() {
        let value = recorded();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        std::fs::write(&path, value["validator_key"].to_string()).unwrap();
        let key = Ed25519Key::read_validator_key(&path).unwrap();
        let expected: Commit = serde_json::from_value(value["commit"].clone()).unwrap();
        let CommitSig::BlockIdFlagCommit { timestamp, .. } = expected.signatures[0] else {
            panic!("the recorded commit is signed");
        };
        let power = 10_u32.into();
        let validators =
            validator::Set::without_proposer(vec![validator::Info::new(key.public_key(), power)]);
        let header = header(&value);
        assert_eq!(validators.hash(), header.validators_hash);
        let signed = sign(header, expected.block_id, timestamp, &validators, &key).unwrap();
        assert_eq!(signed.commit, expected);
    }

    #[test]
    fn large_blocks_have_many_parts() {
        let header = header(&recorded());
        let txs = vec![Bytes::from(vec![7; 200_000])];
        let id = block_id(&header, &txs, None).unwrap();
        assert_eq!(id.part_set_header.total, 4);
    }
}
