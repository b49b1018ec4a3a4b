//! What can go wrong, with the operating system's own words kept.
//!
//! ```
//! use mmap_io::{Error, MmapMode, OpenOptions};
//!
//! match OpenOptions::new(MmapMode::ReadOnly).open("no-such-file") {
//!     Err(Error::Io { os, .. }) => assert_eq!((os.call, os.source.kind()), ("open", std::io::ErrorKind::NotFound)),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::ops::Range;

/// Result of this crate's functions.
///
/// ```
/// fn length(path: &str) -> mmap_io::error::Result<u64> {
///     Ok(mmap_io::OpenOptions::new(mmap_io::MmapMode::ReadOnly).open(path)?.len())
/// }
/// assert!(length("no-such-file").is_err());
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed system call: its name and what the operating system said.
///
/// ```
/// let error = mmap_io::OsError { call: "open", source: std::io::ErrorKind::NotFound.into() };
/// assert_eq!(error.to_string(), "open: entity not found");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}")]
pub struct OsError {
    /// Name of the call that failed, e.g. `"open"`, `"mmap"`, `"fallocate"`.
    pub call: &'static str,
    /// The error it gave.
    #[source]
    pub source: io::Error,
}

impl OsError {
    pub(crate) fn new(call: &'static str, source: io::Error) -> Self {
        Self { call, source }
    }

    /// The last error of this thread, as the failure of `call`.
    pub(crate) fn last(call: &'static str) -> Self {
        Self::new(call, io::Error::last_os_error())
    }

    /// The same error once more: `io::Error` cannot be cloned, its number can.
    pub(crate) fn repeat(&self) -> Self {
        let source = match self.source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.source.kind(), self.source.to_string()),
        };
        Self::new(self.call, source)
    }
}

/// Every way in which an operation of this crate fails.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// use mmap_io::Error;
///
/// assert!(matches!(file.read(90, &mut [0; 20]), Err(Error::OutOfBounds { offset: 90, len: 20, total: 100 })));
/// assert!(matches!(file.resize(0), Err(Error::ResizeFailed(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a call.
    #[error("{os}{}", hint.map(|text| format!(" ({text})")).unwrap_or_default())]
    Io {
        /// The call and its error.
        os: OsError,
        /// What the caller can do about it, where something is known.
        hint: Option<&'static str>,
    },
    /// The mapping's mode does not allow the operation.
    #[error("{0}")]
    InvalidMode(&'static str),
    /// A range reaches past the end.
    #[error("range out of bounds: offset {offset} and length {len}, but there are {total} bytes")]
    OutOfBounds {
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
        /// Bytes there are.
        total: u64,
    },
    /// An atomic integer whose position in the file is no multiple of its size.
    #[error("offset {offset} is not aligned: its position in the file must be a multiple of {required}")]
    Misaligned {
        /// Size in bytes.
        required: u64,
        /// Offset asked for.
        offset: u64,
    },
    /// The data could not be brought to the device. Stays until the file is opened again.
    #[error("flush failed: {0}")]
    FlushFailed(OsError),
    /// A size that cannot be had.
    #[error("{0}")]
    ResizeFailed(String),
    /// The operating system refused a hint.
    #[error("advice failed: {0}")]
    AdviceFailed(OsError),
    /// Pages could not be locked into memory.
    #[error("lock failed: {0}")]
    LockFailed(OsError),
    /// Pages could not be unlocked.
    #[error("unlock failed: {0}")]
    UnlockFailed(OsError),
    /// The file cannot be watched, or not any longer.
    #[error("{message}{}", os.as_ref().map(|os| format!(" ({os})")).unwrap_or_default())]
    WatchFailed {
        /// What failed, and what to do about it.
        message: String,
        /// The operating system's error, where it gave one.
        os: Option<OsError>,
    },
    /// The file became shorter than the mapping: somebody else has cut it. The bytes read as zeros.
    #[error("the file was cut: {} gone; they come back with heal() when the file has them again", list(ranges))]
    Truncated {
        /// What is gone.
        ranges: Vec<Range<u64>>,
    },
    /// The operating system could not supply or store pages: a device error, or a full disk under a sparse file.
    #[error(
        "the operating system could not supply or store pages: {} replaced; heal() puts back what it can",
        list(ranges)
    )]
    IoFault {
        /// Which pages.
        ranges: Vec<Range<u64>>,
    },
    /// Pages of a writable mapping that may hold stored bytes are no file's: what was stored is in memory alone.
    #[error("stored bytes may not have reached the file: {} in memory alone{}; heal() writes what there is room for",
        list(ranges), os.as_ref().map(|os| format!(" ({os})")).unwrap_or_default())]
    LostWrites {
        /// Which pages.
        ranges: Vec<Range<u64>>,
        /// Why the last attempt to write them failed.
        os: Option<OsError>,
    },
    /// The file of a read-only mapping is not what it was.
    #[error("{0}; heal() takes it as it is now, opening it anew maps what the path names now")]
    Changed(&'static str),
    /// Not available for this file, on this platform or file system. The operating system's error where it gave one.
    #[error("{message}")]
    Unsupported {
        /// What is not available, and what to use instead.
        message: String,
        /// The operating system's error, where it gave one.
        os: Option<OsError>,
    },
}

/// The first few of some ranges, for a message.
fn list(ranges: &[Range<u64>]) -> String {
    const MOST: usize = 3;
    let named = ranges.iter().take(MOST).map(|range| format!("{}..{}", range.start, range.end));
    let mut text = format!("bytes {}", named.collect::<Vec<_>>().join(", "));
    if let Some(more @ 1..) = ranges.len().checked_sub(MOST) {
        text += &format!(" and {more} more ranges");
    }
    text + " are"
}

impl Error {
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into(), os: None }
    }
}

impl From<OsError> for Error {
    fn from(os: OsError) -> Self {
        Self::Io { os, hint: None }
    }
}
