//! Sequence numbers: independent lanes, each counting up by one.

use tessera_proto::id::Address;
use tessera_proto::pb::accounts::v1::{Account, NonceLane};

use super::error::AccountError;

/// Most lanes of an account.
pub const MAX_NONCE_LANES: usize = 64;

/// Takes the next sequence number of a lane; a lane that was never used begins at 0.
///
/// The last number, `u64::MAX`, is never taken, for nothing could come after it.
///
/// # Errors
/// In order of precedence: [`AccountError::TooManyLanes`], [`AccountError::NonceMismatch`],
/// [`AccountError::LaneExhausted`]. The account is then as it was.
pub fn take_nonce(
    account: &mut Account,
    address: &Address,
    lane: u32,
    nonce: u64,
) -> Result<(), AccountError> {
    let position = account.nonce_lanes.binary_search_by_key(&lane, |lane| lane.lane);
    if position.is_err() && account.nonce_lanes.len() >= MAX_NONCE_LANES {
        return Err(AccountError::TooManyLanes { account: *address, lane, max: MAX_NONCE_LANES });
    }
    let known = position.ok().and_then(|index| account.nonce_lanes.get_mut(index));
    let want = known.as_ref().map_or(0, |lane| lane.next_nonce);
    if nonce != want {
        return Err(AccountError::NonceMismatch { account: *address, lane, have: nonce, want });
    }
    let next_nonce =
        want.checked_add(1).ok_or(AccountError::LaneExhausted { account: *address, lane })?;
    match known {
        Some(known) => known.next_nonce = next_nonce,
        None => {
            let index = position.unwrap_or_else(|index| index);
            account.nonce_lanes.insert(index, NonceLane { lane, next_nonce });
        }
    }
    Ok(())
}
