//! The published error type.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
//! use mmap_io::MmapIoError;
//!
//! assert!(matches!(file.as_slice(90, 20), Err(MmapIoError::OutOfBounds { offset: 90, len: 20, total: 100 })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;

use crate::error::{Error, OsError};

/// Result of the published functions.
///
/// ```
/// fn length(path: &str) -> mmap_io::errors::Result<u64> {
///     Ok(mmap_io::MemoryMappedFile::open_ro(path)?.len())
/// }
/// assert!(length("no-such-file").is_err());
/// ```
pub type Result<T> = std::result::Result<T, MmapIoError>;

/// Everything that can go wrong.
///
/// The variants hold strings where the operating system's error has no place of its own; [`Error`] of the layer below
/// keeps it.
///
/// ```
/// use mmap_io::{MemoryMappedFile, MmapIoError};
///
/// match MemoryMappedFile::open_ro("no-such-file") {
///     Err(MmapIoError::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum MmapIoError {
    /// The operating system refused something.
    #[error("I/O error: {0}")]
    Io(#[from] io::Error),
    /// The mapping's mode does not allow the operation, or a live view does not.
    #[error("invalid access mode: {0}")]
    InvalidMode(&'static str),
    /// A range reaches past the end.
    #[error("range out of bounds: offset={offset}, len={len}, total={total}")]
    OutOfBounds {
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
        /// Bytes there are.
        total: u64,
    },
    /// The data could not be brought to the device.
    #[error("flush failed: {0}")]
    FlushFailed(String),
    /// A size that cannot be had.
    #[error("resize failed: {0}")]
    ResizeFailed(String),
    /// The operating system refused a hint.
    #[error("advice failed: {0}")]
    AdviceFailed(String),
    /// Pages could not be locked into memory.
    #[error("lock failed: {0}")]
    LockFailed(String),
    /// Pages could not be unlocked.
    #[error("unlock failed: {0}")]
    UnlockFailed(String),
    /// An atomic view at an offset that is no multiple of its size.
    #[error("atomic alignment error: required={required}, offset={offset}")]
    Misaligned {
        /// Alignment in bytes.
        required: u64,
        /// Offset asked for.
        offset: u64,
    },
    /// The file cannot be watched.
    #[error("watch failed: {0}")]
    WatchFailed(String),
}

impl From<OsError> for MmapIoError {
    fn from(os: OsError) -> Self {
        Self::Io(os.source)
    }
}

impl From<Error> for MmapIoError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Io { os, hint: None } => Self::Io(os.source),
            Error::Io { os, hint: Some(_) } => Self::Io(io::Error::new(os.source.kind(), message)),
            Error::InvalidMode(text) => Self::InvalidMode(text),
            Error::OutOfBounds { offset, len, total } => Self::OutOfBounds { offset, len, total },
            Error::Misaligned { required, offset } => Self::Misaligned { required, offset },
            Error::FlushFailed(os) => Self::FlushFailed(os.to_string()),
            Error::ResizeFailed(text) => Self::ResizeFailed(text),
            Error::AdviceFailed(os) => Self::AdviceFailed(os.to_string()),
            Error::LockFailed(os) => Self::LockFailed(os.to_string()),
            Error::UnlockFailed(os) => Self::UnlockFailed(os.to_string()),
            Error::WatchFailed { .. } => Self::WatchFailed(message),
            Error::Truncated { .. } => Self::Io(io::Error::new(io::ErrorKind::UnexpectedEof, message)),
            Error::IoFault { .. } | Error::LostWrites { .. } | Error::Changed(_) => Self::Io(io::Error::other(message)),
            Error::Unsupported { message, .. } => Self::Io(io::Error::new(io::ErrorKind::Unsupported, message)),
        }
    }
}
