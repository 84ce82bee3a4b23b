//! One Jellyfish Merkle tree, with the hashes that the `jmt` crate defines.
//!
//! Only the latest tree is kept, its nodes by path. A block updates a tree in one pass over its
//! sorted changes; an older tree is made by undoing changes in the same way.
//!
//! * [`path`]: where a node stands.
//! * [`node`]: nodes and their hashes; [`draft`]: nodes while they change.
//! * [`update`]: a tree with changes.
//! * [`walk`]: the way to a key, and its neighbours.

pub mod draft;
pub mod node;
pub mod path;
pub mod update;
pub mod walk;

use std::borrow::Cow;

use super::error::Fault;
use node::Node;
use path::Path;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The inner nodes of a tree.
pub trait NodeSource {
    /// The node at a path, which the tree must have.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails or the node is missing.
    fn node(&self, path: &Path) -> Result<Cow<'_, Node>, Fault>;
}
