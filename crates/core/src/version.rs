//! What tells one state of a mapped file from another, as far as its metadata say.
//!
//! ```
//! # use mmap_io::{Create, MmapMode, OpenOptions};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
//! let before = file.version()?;
//! file.resize(200)?;
//! assert_ne!(file.version()?, before);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{OsError, Result};
use crate::file::MappedFile;
use crate::os;

/// A state of a mapped file. Its text is the same as long as the state is.
///
/// Stores through a mapping change the modification time late, or never (tmpfs).
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// let version = file.version()?.ok_or("it has a file")?;
/// assert_eq!((version.file_len, version.offset, version.len), (100, 0, 100));
/// assert_eq!(version.to_string(), file.version()?.ok_or("it has a file")?.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let version = file.version()?.ok_or("it has a file")?;
    /// assert!(version.modified_nanos() > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert!(file.version()?.is_some());
    /// assert!(mmap_io::MappedFile::anonymous(100, false)?.version()?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
