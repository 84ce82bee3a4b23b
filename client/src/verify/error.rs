//! Why a proof is refused.

use tessera_proto::name::choice_name;
use tessera_proto::pb::votes::v1::VoteChoice;

/// Which step of checking a certificate refused it, in the order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofStep {
    /// Reading the bytes.
    Encoding,
    /// The signed header: chain, height, hash.
    Header,
    /// The validator set under the header.
    ValidatorSet,
    /// The signatures of the validators.
    Signatures,
    /// The link to what the verifier trusts.
    Trust,
    /// The path from a shard to the app hash.
    RootProof,
    /// The path from a key to its shard.
    ShardProof,
    /// The meaning of the proven keys and values.
    Contents,
}

impl ProofStep {
    /// The step in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "encoding",
            Self::Header => "header",
            Self::ValidatorSet => "validator set",
            Self::Signatures => "signatures",
            Self::Trust => "trust",
            Self::RootProof => "root proof",
            Self::ShardProof => "shard proof",
            Self::Contents => "contents",
        }
    }
}

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes of a part cannot be read.
    #[error("the {part} is malformed")]
    Malformed {
        /// Name of the part.
        part: &'static str,
    },
    /// The bytes of a part say the same as others that are shorter or in another order.
    #[error("the {part} is not in its one canonical encoding")]
    NotCanonical {
        /// Name of the part.
        part: &'static str,
    },
    /// The header is of another chain.
    #[error("the header is of chain `{found}`, the certificate names `{expected}`")]
    WrongChain {
        /// Chain of the header.
        found: String,
        /// Chain that the certificate names.
        expected: String,
    },
    /// The header does not follow the block whose state is proven.
    #[error("state of block {state_height} needs header {state_height} + 1, found {found}")]
    WrongHeight {
        /// Block whose state is proven.
        state_height: u64,
        /// Height of the header.
        found: u64,
    },
    /// What the validators signed is not this header.
    #[error("the header has hash {found}, its commit is for {expected}")]
    HeaderHashMismatch {
        /// Hash of the header.
        found: String,
        /// Hash in the commit.
        expected: String,
    },
    /// The validator set is not that of the header.
    #[error("the validator set has hash {found}, the header says {expected}")]
    ValidatorSetMismatch {
        /// Hash of the set.
        found: String,
        /// Hash in the header.
        expected: String,
    },
    /// A validator stands twice in the set or in the commit.
    #[error("validator {address} is counted twice")]
    DuplicateValidator {
        /// Address of the validator.
        address: String,
    },
    /// The commit has another number of votes than there are validators.
    #[error("the commit has {found} votes for {expected} validators")]
    VoteCountMismatch {
        /// Votes in the commit.
        found: usize,
        /// Validators in the set.
        expected: usize,
    },
    /// A vote stands at the place of another validator.
    #[error("vote {index} is by {found}, not by validator {expected}")]
    VoteOfAnother {
        /// Position of the vote.
        index: usize,
        /// Who the vote says it is by.
        found: String,
        /// Who stands at this position.
        expected: String,
    },
    /// A signature is wrong.
    #[error("the signature of validator {address} is wrong")]
    InvalidSignature {
        /// Address of the validator.
        address: String,
    },
    /// Not more than two thirds of the power signed.
    #[error("validators with power {signed} of {total} signed, more than two thirds are needed")]
    NotEnoughPower {
        /// Power that signed.
        signed: u64,
        /// All power.
        total: u64,
    },
    /// The light client refused the header.
    #[error("the light client refused the header: {reason}")]
    LightClient {
        /// What it says.
        reason: String,
    },
    /// The validators are not the trusted ones.
    #[error("signed by validator set {found}, trusted is {trusted}")]
    UntrustedValidators {
        /// Hash of the set that signed, in hex.
        found: String,
        /// Trusted hash, in hex.
        trusted: String,
    },
    /// The header is not the trusted one.
    #[error("header {found_height} has hash {found}, trusted is header {height} with {trusted}")]
    UntrustedHeader {
        /// Height of the header.
        found_height: u64,
        /// Hash of the header, in hex.
        found: String,
        /// Trusted height.
        height: u64,
        /// Trusted hash, in hex.
        trusted: String,
    },
    /// The shard's root does not lead to the app hash.
    #[error("shard {shard:02x} does not lead to the app hash")]
    RootProofFailed {
        /// Number of the shard that the key belongs to.
        shard: u8,
    },
    /// The key does not lead to the root of its shard.
    #[error("key {key} does not lead to the root of its shard")]
    ShardProofFailed {
        /// The key, in hex.
        key: String,
    },
    /// The certificate proves another number of keys than its kind needs.
    #[error("found {found} proofs, expected {expected}")]
    WrongProofCount {
        /// Proofs in the certificate.
        found: usize,
        /// Proofs needed.
        expected: usize,
    },
    /// A proof is of another key than its place asks for.
    #[error("the proof of the {leaf} is of another key")]
    WrongKey {
        /// What should be proven.
        leaf: &'static str,
    },
    /// A fact that must exist is proven absent.
    #[error("the {leaf} does not exist in the proven state")]
    Absent {
        /// What should exist.
        leaf: &'static str,
    },
    /// A proven value cannot be read.
    #[error("the proven {leaf} cannot be read by this version")]
    UnreadableLeaf {
        /// What should be read.
        leaf: &'static str,
    },
    /// Entries of a history were left out or added.
    #[error("the history has {expected} entries, found {found}")]
    HistoryCount {
        /// Entries found.
        found: u64,
        /// Entries that there are.
        expected: u64,
    },
    /// The entries of a history are not the proven ones, or not in their order.
    #[error("the entries are not those that the proven head of the history commits to")]
    HistoryMismatch,
    /// A vote is not in the tally.
    #[error(
        "the vote has {weight} for `{}`, but the tally counts only {counted}",
        choice_name(*.choice)
    )]
    VoteNotCounted {
        /// The answer.
        choice: VoteChoice,
        /// Weight of the vote.
        weight: String,
        /// Weight in the tally.
        counted: String,
    },
    /// A holding of a register is empty, or twice there.
    #[error("`{account}` is no holder, or stands twice in the register")]
    NotAHolder {
        /// The account.
        account: String,
    },
    /// Holders were left out or added.
    #[error("the asset has {expected} holders, the register has {found}")]
    RegisterCount {
        /// Holders in the register.
        found: u64,
        /// Holders that there are.
        expected: u64,
    },
    /// The holdings are not all there is.
    #[error("the supply is {expected}, the holdings of the register add up to {found}")]
    RegisterSum {
        /// Sum of the holdings.
        found: String,
        /// Supply of the asset.
        expected: String,
    },
    /// A receipt does not lead to the results that the header commits to.
    #[error("the receipt does not lead to the results of the block")]
    ResultsMismatch,
    /// What stands beside the proof differs from what is proven.
    #[error("the summary says `{field}` is `{found}`, proven is `{proven}`")]
    SummaryMismatch {
        /// Name of the field.
        field: String,
        /// What the file says.
        found: String,
        /// What is proven.
        proven: String,
    },
}

impl ProofError {
    /// The step that refused.
    #[must_use]
    pub fn step(&self) -> ProofStep {
        match self {
            Self::Malformed { .. } | Self::NotCanonical { .. } => ProofStep::Encoding,
            Self::WrongChain { .. }
            | Self::WrongHeight { .. }
            | Self::HeaderHashMismatch { .. } => ProofStep::Header,
            Self::ValidatorSetMismatch { .. } | Self::DuplicateValidator { .. } => {
                ProofStep::ValidatorSet
            }
            Self::VoteCountMismatch { .. }
            | Self::VoteOfAnother { .. }
            | Self::InvalidSignature { .. }
            | Self::NotEnoughPower { .. } => ProofStep::Signatures,
            Self::LightClient { .. }
            | Self::UntrustedValidators { .. }
            | Self::UntrustedHeader { .. } => ProofStep::Trust,
            Self::RootProofFailed { .. } => ProofStep::RootProof,
            Self::ShardProofFailed { .. } => ProofStep::ShardProof,
            Self::WrongProofCount { .. }
            | Self::WrongKey { .. }
            | Self::Absent { .. }
            | Self::UnreadableLeaf { .. }
            | Self::HistoryCount { .. }
            | Self::HistoryMismatch
            | Self::VoteNotCounted { .. }
            | Self::NotAHolder { .. }
            | Self::RegisterCount { .. }
            | Self::RegisterSum { .. }
            | Self::ResultsMismatch
            | Self::SummaryMismatch { .. } => ProofStep::Contents,
        }
    }
}
