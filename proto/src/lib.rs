//! Wire contract of the Tessera chain.
//!
//! * [`pb`]: messages and services, generated from the `.proto` files beside `src/`.
//! * [`id`]: addresses and asset ids, and how people write them.
//! * [`amount`]: quantities as they stand in messages.
//! * [`state_key`], [`leaf`]: where each fact stands in the state and how it is encoded, so
//!   that a proof can be read without the node; [`catalog`]: which leaf stands under which keys.
//! * [`name`]: which names assets may have, and names of statuses and roles.
//! * [`split`]: what amounts of an asset are worth after it was split.
//! * [`hash`]: SHA-256; [`history`]: how the actions on an asset make one hash.
//! * [`signing`]: the bytes that are signed, and transaction ids.
//!
//! Nothing here does I/O or depends on the node.

pub mod amount;
pub mod catalog;
pub mod hash;
pub mod history;
pub mod id;
pub mod leaf;
pub mod name;
mod namespace;
pub mod pb;
pub mod signing;
pub mod split;
pub mod state_key;
