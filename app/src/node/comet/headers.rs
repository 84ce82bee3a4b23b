//! Where signed headers come from, whoever makes the blocks.

use std::future::Future;
use std::pin::Pin;

use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;

/// The future of a call on a [`HeaderSource`].
pub type HeaderFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, HeaderError>> + Send + 'a>>;

/// Why a header or validator set cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The block does not exist yet.
    #[error("block {height} does not exist yet; the latest is {latest}")]
    NotYet {
        /// The block asked for.
        height: u64,
        /// The latest block.
        latest: u64,
    },
    /// The block is not kept any more, or never was.
    #[error("block {height} is not kept here; the earliest is {earliest}")]
    NotKept {
        /// The block asked for.
        height: u64,
        /// The earliest block that is kept.
        earliest: u64,
    },
    /// The source failed.
    #[error("signed headers cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A source of signed headers and validator sets.
pub trait HeaderSource: Send + Sync {
    /// The header of a block and the signatures over it.
    fn signed_header(&self, height: u64) -> HeaderFuture<'_, SignedHeader>;

    /// The validators that sign the block at this height.
    fn validators(&self, height: u64) -> HeaderFuture<'_, Vec<validator::Info>>;

    /// The height of the latest signed block.
    fn latest(&self) -> HeaderFuture<'_, u64>;
}
