//! What tells one state of a mapped file from another, as far as its metadata say.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{OsError, Result};
use crate::file::MappedFile;
use crate::os;

/// A state of a mapped file. Its text is the same as long as the state is.
///
/// Stores through a mapping change the modification time late, or never (tmpfs).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Number of the file in its file system.
    pub number: u64,
    /// Bytes of the file.
    pub file_len: u64,
    /// When its bytes were last changed.
    pub modified: SystemTime,
    /// First mapped byte of the file.
    pub offset: u64,
    /// Bytes mapped.
    pub len: u64,
}

impl Version {
    /// Nanoseconds between 1970 and the last change; negative before.
    #[must_use]
    pub fn modified_nanos(&self) -> i128 {
        let nanos = |duration: std::time::Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        match self.modified.duration_since(UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, file_len, offset, len, .. } = *self;
        write!(f, "{number:x}-{file_len:x}-{:x}", self.modified_nanos())?;
        if (offset, len) == (0, file_len) {
            return Ok(());
        }
        write!(f, "-{offset:x}-{len:x}")
    }
}

impl MappedFile {
    /// The state of the file now; `None` for memory without a file. One system call.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn version(&self) -> Result<Option<Version>> {
        let failed = |error| OsError::new("fstat", error);
        let Some(file) = self.file() else { return Ok(None) };
        let metadata = file.metadata().map_err(failed)?;
        Ok(Some(Version {
            number: os::file_number(file, &metadata),
            file_len: metadata.len(),
            modified: metadata.modified().map_err(failed)?,
            offset: self.offset(),
            len: self.len(),
        }))
    }
}
