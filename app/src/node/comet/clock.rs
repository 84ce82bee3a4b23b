//! The wall clock, in the chain's own type.

use std::time::{SystemTime, UNIX_EPOCH};

use tendermint::Time;

/// The present time; the Unix epoch if the machine's clock is set before it.
pub fn now() -> Time {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs())
        .ok()
        .and_then(|seconds| Time::from_unix_timestamp(seconds, elapsed.subsec_nanos()).ok())
        .unwrap_or_else(Time::unix_epoch)
}
