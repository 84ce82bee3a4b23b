//! Work that several threads share.

use rayon::prelude::*;

use super::error::Fault;

/// What all threads found, in order: of several failures the first is told, every time.
///
/// # Errors
/// The first [`Fault`].
pub(crate) fn in_order<T: Send, All: FromIterator<T>>(
    results: impl IndexedParallelIterator<Item = Result<T, Fault>>,
) -> Result<All, Fault> {
    let results: Vec<_> = results.collect();
    results.into_iter().collect()
}
