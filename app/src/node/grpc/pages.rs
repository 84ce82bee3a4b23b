//! Parts of lists.

use bytes::Bytes;
use tessera_proto::pb::query::v1::{PageRequest, PageResponse};
use tonic::Status;

use super::status;
use crate::state::database::Database;
use crate::state::table::Table;

/// Entries of a page unless said otherwise.
const DEFAULT_LIMIT: usize = 100;
/// Most entries of a page.
pub(crate) const MAX_LIMIT: usize = 1_000;

/// A page that was asked for.
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) token: Bytes,
}

impl Page {
    /// Reads the request for a list whose tokens have `token_length` bytes.
    pub(crate) fn read(request: Option<PageRequest>, token_length: usize) -> Result<Self, Status> {
        let PageRequest { limit, page_token } = request.unwrap_or_default();
        let limit = match usize::try_from(limit).unwrap_or(MAX_LIMIT) {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        if !page_token.is_empty() && page_token.len() != token_length {
            let length = page_token.len();
            return Err(status::invalid(format!(
                "`page_token` has {length} bytes, it is not one of this list"
            )));
        }
        Ok(Self { limit, token: page_token })
    }

    /// What follows `prefix` in the keys of this page, in order, and where the list goes on.
    pub(crate) fn scan(
        &self,
        database: &Database,
        table: Table,
        prefix: &[u8],
    ) -> Result<(Vec<Bytes>, PageResponse), Status> {
        let mut from = [prefix, &self.token].concat();
        if !self.token.is_empty() {
            // The least key after the one that the token names.
            from.push(0);
        }
        let entries = database
            .scan(table, prefix, &from, self.limit + 1)
            .map_err(|fault| status::failed(&fault))?;
        let mut rest: Vec<Bytes> =
            entries.into_iter().map(|(key, _)| key.slice(prefix.len()..)).collect();
        let more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let next_page_token = rest.last().filter(|_| more).cloned().unwrap_or_default();
        Ok((rest, PageResponse { next_page_token }))
    }
}
