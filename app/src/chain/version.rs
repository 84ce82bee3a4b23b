//! Which version of the state machine this build is, and which blocks are not its to compute.

use tessera_proto::pb::votes::v1::Upgrade;

use crate::modules::votes::version_at;

/// Version of the state machine of this build: raised with every change of what a block results
/// in.
pub const APP_VERSION: u64 = 1;

/// A block is computed by another version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherVersion {
    /// The chain has moved on by vote.
    #[error(
        "from block {height} on the chain is of version {version}, this program is of version \
         {own}: install {}, and start the node again in the same folder",
        release(.release_sha256)
    )]
    Later {
        /// First block of the version.
        height: u64,
        /// Version that computes it.
        version: u64,
        /// Version of this program.
        own: u64,
        /// 32 bytes, or empty: hash of the release that was voted on.
        release_sha256: Vec<u8>,
    },
    /// The program is too new.
    #[error(
        "block {height} is of version {version} of the chain, this program is of version {own}: \
         start the program of version {version}, it stops by itself when the chain moves on"
    )]
    Earlier {
        /// The next block.
        height: u64,
        /// Version that computes it.
        version: u64,
        /// Version of this program.
        own: u64,
    },
}

fn release(sha256: &[u8]) -> String {
    match sha256 {
        [] => "a program of that version".to_owned(),
        hash => format!("the release with sha-256 {}", hex::encode(hash)),
    }
}

/// Why a program of version `own` may not compute block `height` after the latest move that was
/// decided before it, if it may not.
#[must_use]
pub fn other_version(upgrade: Option<&Upgrade>, height: u64, own: u64) -> Option<OtherVersion> {
    let version = version_at(upgrade, height);
    if version < own {
        return Some(OtherVersion::Earlier { height, version, own });
    }
    let upgrade = upgrade.filter(|_| version > own)?;
    let (height, release_sha256) = (upgrade.height, upgrade.release_sha256.to_vec());
    Some(OtherVersion::Later { height, version, own, release_sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_is_told_what_to_do() {
        let release_sha256 = vec![0xab; 32].into();
        let upgrade = Upgrade { from_version: 1, version: 2, height: 10, release_sha256 };
        let told =
            |height, own| other_version(Some(&upgrade), height, own).map(|other| other.to_string());
        assert_eq!((told(9, 1), told(10, 2)), (None, None));
        assert_eq!(other_version(None, 7, 1), None);
        let late = told(10, 1).unwrap();
        assert!(late.starts_with("from block 10 on the chain is of version 2, this program is"));
        assert!(late.contains(&"ab".repeat(32)), "{late}");
        let early = told(9, 2).unwrap();
        assert!(early.starts_with("block 9 is of version 1 of the chain"), "{early}");
    }
}
