//! Where a node stands in a tree: the first nibbles of the key hashes below it.

use super::Hash;

/// Nibbles of a key hash.
pub const KEY_NIBBLES: u8 = 64;

/// The way from the root to a node, in nibbles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    // Two nibbles a byte, the first in the upper half; zero beyond the length.
    bytes: Hash,
    length: u8,
}

impl Path {
    /// The path of the root.
    pub const ROOT: Self = Self { bytes: [0; 32], length: 0 };

    /// The first nibbles of a key hash, at most [`KEY_NIBBLES`].
    #[must_use]
    pub fn of(key: &Hash, length: u8) -> Self {
        let whole = usize::from(length / 2);
        let mut bytes = [0; 32];
        for (place, (to, from)) in
            bytes.iter_mut().zip(key).enumerate().take(whole.saturating_add(1))
        {
            let is_whole = place < whole;
            let kept = if is_whole {
                0xff
            } else if length.is_multiple_of(2) {
                0
            } else {
                0xf0
            };
            *to = from & kept;
        }
        Self { bytes, length }
    }

    /// Number of nibbles.
    #[must_use]
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The path of a child. A path has at most [`KEY_NIBBLES`] nibbles.
    #[must_use]
    pub fn child(mut self, nibble: u8) -> Self {
        let shifted = if self.length.is_multiple_of(2) { nibble << 4 } else { nibble };
        if let Some(byte) = self.bytes.get_mut(usize::from(self.length / 2)) {
            *byte |= shifted;
        }
        self.length = self.length.saturating_add(1);
        self
    }

    /// The path as bytes: its length, then its nibbles, two a byte.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let nibbles = self.bytes.get(..usize::from(self.length.div_ceil(2))).unwrap_or(&self.bytes);
        [&[self.length], nibbles].concat()
    }

    /// Reads what [`Path::to_bytes`] wrote; none when it is damaged.
    #[must_use]
    pub fn from_bytes(path: &[u8]) -> Option<Self> {
        let (&length, nibbles) = path.split_first()?;
        let mut bytes = [0; 32];
        bytes.get_mut(..nibbles.len())?.copy_from_slice(nibbles);
        let path = Self { bytes, length };
        (length <= KEY_NIBBLES && path.to_bytes().get(1..) == Some(nibbles)).then_some(path)
    }
}

/// The nibble of a key hash that decides below a node of this depth.
#[must_use]
pub fn nibble(key: &Hash, depth: u8) -> u8 {
    let byte = key.get(usize::from(depth / 2)).copied().unwrap_or_default();
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_beginning_of_a_key() {
        let key = [0xab; 32];
        let path = (0..5).fold(Path::ROOT, |path, depth| path.child(nibble(&key, depth)));
        assert_eq!(path.to_bytes(), [5, 0xab, 0xab, 0xa0]);
        let child = |path: Path, depth| path.child(nibble(&key, depth));
        for length in 0..=KEY_NIBBLES {
            assert_eq!(Path::of(&key, length), (0..length).fold(Path::ROOT, child));
        }
        assert_eq!(Path::from_bytes(&path.to_bytes()), Some(path));
        assert_eq!(Path::ROOT.to_bytes(), [0]);
        assert_eq!(Path::from_bytes(&[0]), Some(Path::ROOT));
        for damaged in [&[][..], &[5, 0xab, 0xab], &[1], &[0, 0xab], &[65; 34]] {
            assert_eq!(Path::from_bytes(damaged), None, "{damaged:?}");
        }
    }
}
