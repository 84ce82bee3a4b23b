//! The sequencer's blocks on disk: one append-only file, one checksummed record per block.
//!
//! A record holds the signed header, the state after the block and its transactions. It is on
//! disk before the application commits the block, so a crash at any point loses at most a block
//! that nobody has seen.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tessera_proto::hash::{sha256, sha256_of};

const HEAD_BYTES: usize = 52;
const SEALED_BYTES: usize = 44;
const CHECK_BYTES: usize = 8;

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be read or written.
    #[error("cannot {action} the block log {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has the file open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A record in the middle of the file is damaged.
    #[error("{path} is damaged at byte {offset}; restore it together with the application's store")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// The file belongs to another chain.
    #[error("{path} belongs to another chain or genesis")]
    OtherChain {
        /// The file.
        path: PathBuf,
    },
    /// A record does not fit into the format.
    #[error("a block of {bytes} bytes is too large for the block log")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// What is kept of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) height: u64,
    /// The signed header; empty for the genesis state.
    pub(crate) signed: &'a [u8],
    /// The state after the block.
    pub(crate) state: &'a [u8],
    /// The transactions.
    pub(crate) txs: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lengths {
    signed: u32,
    state: u32,
    txs: u32,
}

impl Lengths {
    fn total(self) -> u64 {
        [self.signed, self.state, self.txs].into_iter().map(u64::from).sum()
    }
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    lengths: Lengths,
}

/// Reads blocks; clones share the file.
#[derive(Clone, Debug)]
pub(crate) struct BlockReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: File,
    blocks: RwLock<BTreeMap<u64, Extent>>,
}

impl BlockReader {
    /// The signed header of a block.
    pub(crate) fn signed(&self, height: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.part(height, |extent| (extent.start, extent.lengths.signed))
    }

    /// The state after a block.
    pub(crate) fn state(&self, height: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.part(height, |Extent { start, lengths }| {
            (start.saturating_add(lengths.signed.into()), lengths.state)
        })
    }

    /// The transactions of a block.
    pub(crate) fn txs(&self, height: u64) -> Result<Option<Vec<u8>>, LogError> {
        self.part(height, |Extent { start, lengths }| {
            let before = u64::from(lengths.signed).saturating_add(lengths.state.into());
            (start.saturating_add(before), lengths.txs)
        })
    }

    fn part(
        &self,
        height: u64,
        select: impl FnOnce(Extent) -> (u64, u32),
    ) -> Result<Option<Vec<u8>>, LogError> {
        let blocks = self.shared.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let Some(extent) = blocks.get(&height).copied() else { return Ok(None) };
        drop(blocks);
        let (start, length) = select(extent);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.shared
            .file
            .read_exact_at(&mut bytes, start)
            .map_err(|source| self.shared.failed("read", source))?;
        Ok(Some(bytes))
    }
}

impl Shared {
    fn failed(&self, action: &'static str, source: io::Error) -> LogError {
        LogError::File { action, path: self.path.clone(), source }
    }
}

/// The file, open for appending.
#[derive(Debug)]
pub(crate) struct BlockLog {
    shared: Arc<Shared>,
    end: u64,
    latest: Option<u64>,
}

impl BlockLog {
    /// Opens or makes the file for the chain with this genesis hash. A last record that was not
    /// written to its end is dropped.
    pub(crate) fn open(path: &Path, genesis_hash: [u8; 32]) -> Result<Self, LogError> {
        let failed = |source| LogError::File { action: "open", path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LogError::InUse { path: path.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let size = file.metadata().map_err(failed)?.len();
        let start = u64::try_from(genesis_hash.len()).unwrap_or(u64::MAX);
        let mut shared =
            Shared { path: path.to_owned(), file, blocks: RwLock::new(BTreeMap::new()) };
        if size < start {
            shared.begin(genesis_hash)?;
            return Ok(Self { shared: Arc::new(shared), end: start, latest: None });
        }
        let mut found = [0; 32];
        shared.file.read_exact_at(&mut found, 0).map_err(failed)?;
        if found != genesis_hash {
            return Err(LogError::OtherChain { path: path.to_owned() });
        }
        let scan = shared.scan(start, size)?;
        let latest = scan.blocks.keys().next_back().copied();
        shared.blocks = RwLock::new(scan.blocks);
        Ok(Self { shared: Arc::new(shared), end: scan.end, latest })
    }

    /// The latest record's height.
    pub(crate) fn latest(&self) -> Option<u64> {
        self.latest
    }

    pub(crate) fn reader(&self) -> BlockReader {
        BlockReader { shared: Arc::clone(&self.shared) }
    }

    /// Appends a record; it is on disk when this returns.
    pub(crate) fn append(&mut self, record: Record<'_>) -> Result<(), LogError> {
        let length = |part: &[u8]| {
            u32::try_from(part.len()).map_err(|_| LogError::TooLarge { bytes: part.len() })
        };
        let lengths = Lengths {
            signed: length(record.signed)?,
            state: length(record.state)?,
            txs: length(record.txs)?,
        };
        let check = payload_check([record.signed, record.state, record.txs]);
        let head = encode_head(record.height, lengths, check);
        let bytes = [&head[..], record.signed, record.state, record.txs].concat();
        let file = &self.shared.file;
        file.write_all_at(&bytes, self.end)
            .and_then(|()| file.sync_data())
            .map_err(|source| self.shared.failed("write", source))?;
        let start = self.end.saturating_add(HEAD_BYTES as u64);
        let mut blocks = self.shared.blocks.write().unwrap_or_else(PoisonError::into_inner);
        blocks.insert(record.height, Extent { start, lengths });
        self.end = start.saturating_add(lengths.total());
        self.latest = Some(record.height);
        Ok(())
    }
}

struct Scan {
    blocks: BTreeMap<u64, Extent>,
    end: u64,
}

impl Shared {
    fn begin(&self, genesis_hash: [u8; 32]) -> Result<(), LogError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all_at(&genesis_hash, 0))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| self.failed("make", source))
    }

    fn scan(&self, start: u64, size: u64) -> Result<Scan, LogError> {
        let failed = |source| self.failed("read", source);
        let mut scan = Scan { blocks: BTreeMap::new(), end: start };
        let file = fs::File::open(&self.path).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        reader.seek_relative(i64::try_from(start).unwrap_or(i64::MAX)).map_err(failed)?;
        while scan.end < size {
            let left = size.saturating_sub(scan.end);
            let Some((height, extent)) =
                read_record(&mut reader, scan.end, left).map_err(failed)?
            else {
                self.drop_torn_record(scan.end)?;
                break;
            };
            scan.end = extent.start.saturating_add(extent.lengths.total());
            scan.blocks.insert(height, extent);
        }
        Ok(scan)
    }

    /// A bad record is a torn write if it is the last one, and damage if another follows.
    fn drop_torn_record(&self, offset: u64) -> Result<(), LogError> {
        let failed = |source| self.failed("repair", source);
        let size = self.file.metadata().map_err(failed)?.len();
        let length = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut rest = vec![0; length];
        self.file.read_exact_at(&mut rest, offset).map_err(failed)?;
        let another = rest.windows(HEAD_BYTES).skip(1).any(|window| decode_head(window).is_some());
        if another {
            return Err(LogError::Damaged { path: self.path.clone(), offset });
        }
        self.file.set_len(offset).and_then(|()| self.file.sync_all()).map_err(failed)
    }
}

/// Reads the next record; nothing if it is cut off or does not match its checksums.
fn read_record(
    reader: &mut impl Read,
    offset: u64,
    left: u64,
) -> io::Result<Option<(u64, Extent)>> {
    let head_bytes = HEAD_BYTES as u64;
    if left < head_bytes {
        return Ok(None);
    }
    let mut head = [0; HEAD_BYTES];
    reader.read_exact(&mut head)?;
    let Some((height, lengths, check)) = decode_head(&head) else { return Ok(None) };
    if lengths.total() > left.saturating_sub(head_bytes) {
        return Ok(None);
    }
    let mut payload = vec![0; usize::try_from(lengths.total()).unwrap_or(usize::MAX)];
    reader.read_exact(&mut payload)?;
    let start = offset.saturating_add(head_bytes);
    Ok((payload_check([&payload, &[], &[]]) == check)
        .then_some((height, Extent { start, lengths })))
}

fn payload_check(parts: [&[u8]; 3]) -> [u8; 24] {
    let mut check = [0; 24];
    check.iter_mut().zip(sha256_of(&parts)).for_each(|(byte, hashed)| *byte = hashed);
    check
}

fn encode_head(height: u64, lengths: Lengths, check: [u8; 24]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let fields = height
        .to_be_bytes()
        .into_iter()
        .chain(lengths.signed.to_be_bytes())
        .chain(lengths.state.to_be_bytes())
        .chain(lengths.txs.to_be_bytes())
        .chain(check);
    head.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
    let (sealed, seal) = head.split_at_mut(SEALED_BYTES);
    seal.iter_mut().zip(sha256(sealed)).for_each(|(byte, hashed)| *byte = hashed);
    head
}

fn decode_head(head: &[u8]) -> Option<(u64, Lengths, [u8; 24])> {
    let (sealed, seal) = head.split_at_checked(SEALED_BYTES)?;
    if sha256(sealed).get(..CHECK_BYTES)? != seal {
        return None;
    }
    let number = |start: usize| {
        let bytes = sealed.get(start..start.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let height = u64::from_be_bytes(sealed.get(..8)?.try_into().ok()?);
    let lengths = Lengths { signed: number(8)?, state: number(12)?, txs: number(16)? };
    Some((height, lengths, sealed.get(20..)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(path: &Path, heights: std::ops::Range<u64>) {
        let mut log = BlockLog::open(path, [9; 32]).unwrap();
        for height in heights {
            let txs = vec![u8::try_from(height).unwrap(); 40];
            let record = Record { height, signed: b"signed", state: b"state", txs: &txs };
            log.append(record).unwrap();
        }
    }

    #[test]
    fn records_are_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fill(&path, 0..3);
        fill(&path, 3..5);
        let log = BlockLog::open(&path, [9; 32]).unwrap();
        assert_eq!(log.latest(), Some(4));
        let reader = log.reader();
        assert_eq!(reader.signed(2).unwrap().unwrap(), b"signed");
        assert_eq!(reader.state(2).unwrap().unwrap(), b"state");
        assert_eq!(reader.txs(4).unwrap().unwrap(), [4; 40]);
        assert_eq!(reader.txs(5).unwrap(), None);
    }

    #[test]
    fn a_record_cut_off_anywhere_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fill(&path, 0..2);
        let two = fs::metadata(&path).unwrap().len();
        fill(&path, 2..3);
        let whole = fs::read(&path).unwrap();
        for cut in two..whole.len() as u64 {
            fs::write(&path, &whole[..usize::try_from(cut).unwrap()]).unwrap();
            let log = BlockLog::open(&path, [9; 32]).unwrap();
            assert_eq!(log.latest(), Some(1), "cut at {cut}");
            assert_eq!(fs::metadata(&path).unwrap().len(), two);
        }
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_a_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fill(&path, 0..3);
        let whole = fs::read(&path).unwrap();
        let record = (whole.len() - 32) / 3;
        for position in 32..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 1;
            fs::write(&path, &flipped).unwrap();
            match BlockLog::open(&path, [9; 32]) {
                Ok(log) => {
                    assert!(position >= 32 + 2 * record, "flip at {position} went unseen");
                    assert_eq!(log.latest(), Some(1));
                }
                Err(error) => assert!(matches!(error, LogError::Damaged { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn other_chains_and_second_users_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fill(&path, 0..1);
        let other = BlockLog::open(&path, [8; 32]).unwrap_err();
        assert!(matches!(other, LogError::OtherChain { .. }));
        let _open = BlockLog::open(&path, [9; 32]).unwrap();
        let second = BlockLog::open(&path, [9; 32]).unwrap_err();
        assert!(matches!(second, LogError::InUse { .. }));
    }
}
