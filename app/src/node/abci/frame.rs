//! Length-delimited frames: an unsigned varint, then that many bytes.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

/// Read ahead by this much, and never reserve more than this before bytes arrive.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// The longest varint of 64 bits.
const MAX_PREFIX_BYTES: usize = 10;

/// A byte stream that cannot be cut into frames any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// Reading failed.
    #[error("cannot read from the connection")]
    Io(#[from] io::Error),
    /// The length prefix does not fit 64 bits.
    #[error("frame length is no 64-bit varint")]
    OverlongPrefix,
    /// The frame is larger than allowed.
    #[error("frame of {bytes} bytes exceeds the limit of {max_bytes}")]
    TooLarge {
        /// Announced size.
        bytes: u64,
        /// Limit.
        max_bytes: usize,
    },
    /// The peer closed in the middle of a frame.
    #[error("connection closed inside a frame")]
    Truncated,
}

/// Cuts a byte stream into frames.
pub(crate) struct FrameReader<R> {
    input: BufReader<R>,
    max_bytes: usize,
}

impl<R: Read> FrameReader<R> {
    pub(crate) fn new(input: R, max_bytes: usize) -> Self {
        Self { input: BufReader::with_capacity(READ_AHEAD_BYTES, input), max_bytes }
    }

    /// Whether the next frame, or the error in its prefix, is here without waiting for the peer.
    pub(crate) fn has_buffered_frame(&self) -> bool {
        let buffered = self.input.buffer();
        match parse_prefix(buffered) {
            Ok(None) => false,
            Ok(Some((length, prefix_bytes))) => {
                let body_bytes = buffered.len().saturating_sub(prefix_bytes);
                length <= u64::try_from(body_bytes).unwrap_or(u64::MAX)
            }
            Err(_) => true,
        }
    }

    /// The next frame, or `None` if the peer closed between frames.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.read_prefix()? else {
            return Ok(None);
        };
        let bytes = match usize::try_from(length) {
            Ok(bytes) if bytes <= self.max_bytes => bytes,
            _ => {
                return Err(FrameError::TooLarge { bytes: length, max_bytes: self.max_bytes });
            }
        };
        let mut frame = Vec::new();
        while frame.len() < bytes {
            // A frame earns memory by arriving: at most as much again as is already here.
            let allowance = frame.len().max(READ_AHEAD_BYTES);
            let step = (bytes - frame.len()).min(allowance);
            frame.reserve_exact(step);
            let limit = u64::try_from(step).unwrap_or(u64::MAX);
            if self.input.by_ref().take(limit).read_to_end(&mut frame)? < step {
                return Err(FrameError::Truncated);
            }
        }
        Ok(Some(Bytes::from(frame)))
    }

    fn read_prefix(&mut self) -> Result<Option<u64>, FrameError> {
        let mut prefix = Vec::with_capacity(MAX_PREFIX_BYTES);
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(&byte) = available.first() else {
                return if prefix.is_empty() { Ok(None) } else { Err(FrameError::Truncated) };
            };
            self.input.consume(1);
            prefix.push(byte);
            if let Some((length, _)) = parse_prefix(&prefix)? {
                return Ok(Some(length));
            }
        }
    }
}

/// The frame length at the start of `bytes` and the size of its prefix, once all of it is there.
fn parse_prefix(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut length = 0_u64;
    for (index, &byte) in bytes.iter().take(MAX_PREFIX_BYTES).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds the one bit that nine times seven bits leave.
        if index + 1 == MAX_PREFIX_BYTES && byte > 1 {
            return Err(FrameError::OverlongPrefix);
        }
        length |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(input: &[u8], max_bytes: usize) -> (Vec<Bytes>, Option<FrameError>) {
        let mut reader = FrameReader::new(input, max_bytes);
        let mut frames = Vec::new();
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error)),
            }
        }
    }

    #[test]
    fn stream_is_cut_at_its_prefixes() {
        let mut input = vec![0, 1, 7, 0x80, 0x02];
        input.extend([9; 256]);
        let (frames, error) = frames(&input, 256);
        assert!(error.is_none());
        assert_eq!(frames, [&[][..], &[7], &[9; 256]]);
    }

    #[test]
    fn frames_beyond_the_read_ahead_arrive_whole() {
        for bytes in [READ_AHEAD_BYTES - 1, READ_AHEAD_BYTES, 5 * READ_AHEAD_BYTES + 3] {
            let mut input = Vec::new();
            prost::encode_length_delimiter(bytes, &mut input).unwrap();
            input.extend((0..bytes).map(|index| u8::try_from(index % 251).unwrap()));
            let body = input[input.len() - bytes..].to_vec();
            input.extend([1, 42]);
            let (frames, error) = frames(&input, bytes);
            assert!(error.is_none());
            assert_eq!(frames, [body, vec![42]]);
        }
    }

    #[test]
    fn limit_is_inclusive_and_checked_before_the_body() {
        assert_eq!(frames(&[2, 1, 1], 2).0.len(), 1);
        let error = frames(&[3, 1, 1, 1], 2).1.unwrap();
        assert!(matches!(error, FrameError::TooLarge { bytes: 3, max_bytes: 2 }));
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let error = frames(&longest, usize::MAX >> 1).1.unwrap();
        assert!(matches!(error, FrameError::TooLarge { bytes: u64::MAX, .. }));
    }

    #[test]
    fn announced_size_reserves_nothing() {
        let mut input = Vec::new();
        prost::encode_length_delimiter(usize::MAX >> 1, &mut input).unwrap();
        input.extend([1, 2, 3]);
        assert!(matches!(frames(&input, usize::MAX).1, Some(FrameError::Truncated)));
    }

    #[test]
    fn overlong_prefixes_are_refused() {
        for last in [0x02, 0x80, 0xff] {
            let mut input = vec![0x80; 9];
            input.extend([last, 0x00]);
            assert!(matches!(frames(&input, 10).1, Some(FrameError::OverlongPrefix)));
        }
    }

    #[test]
    fn close_inside_a_frame_is_an_error() {
        for input in [&[0x80][..], &[2, 1], &[5]] {
            assert!(matches!(frames(input, 10).1, Some(FrameError::Truncated)));
        }
    }

    #[test]
    fn buffered_frame_is_seen_only_when_whole() {
        for (input, buffered) in [
            (&[1, 7, 1, 8][..], true),
            (&[1, 7, 2, 8], false),
            (&[1, 7, 0x80], false),
            (&[1, 7, 0], true),
            (&[1, 7], false),
        ] {
            let mut reader = FrameReader::new(input, 10);
            assert!(!reader.has_buffered_frame());
            assert_eq!(reader.next_frame().unwrap().unwrap(), [7][..]);
            assert_eq!(reader.has_buffered_frame(), buffered, "{input:?}");
        }
    }
}
