//! Hints on how a range is going to be used.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
//! file.advise(0, 100, mmap_io::MmapAdvice::Sequential)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::errors::Result;
use crate::mmap::{MemoryMappedFile, MmapMode};
use crate::os::Advice;

/// How a range is going to be used. On Windows only `WillNeed` has an effect.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// let bytes = file.len();
/// for advice in [mmap_io::MmapAdvice::Sequential, mmap_io::MmapAdvice::Normal] {
///     file.advise(0, bytes, advice)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MmapAdvice {
    /// No particular way.
    Normal,
    /// Here and there: reading ahead does not help.
    Random,
    /// From start to end: read well ahead.
    Sequential,
    /// Soon: read it ahead now.
    WillNeed,
    /// Not soon: its pages may go. On a writable copy-on-write mapping what was written there is lost.
    DontNeed,
}

impl From<MmapAdvice> for Advice {
    fn from(advice: MmapAdvice) -> Self {
        match advice {
            MmapAdvice::Normal => Self::Normal,
            MmapAdvice::Random => Self::Random,
            MmapAdvice::Sequential => Self::Sequential,
            MmapAdvice::WillNeed => Self::WillNeed,
            MmapAdvice::DontNeed => Self::DontNeed,
        }
    }
}

impl MemoryMappedFile {
    /// Gives the operating system a hint on a range, widened to pages. Advice on a way of use holds after a resize, too.
    ///
    /// # Errors
    /// `OutOfBounds`, `AdviceFailed`.
    ///
    /// ```
    /// # use mmap_io::{MemoryMappedFile, MmapAdvice};
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100_000)?;
    /// file.advise(5, 50_000, MmapAdvice::Random)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advise(&self, offset: u64, len: u64, advice: MmapAdvice) -> Result<()> {
        // Dropping the pages of a private mapping changes its bytes: no view may see that.
        let changes_bytes =
            advice == MmapAdvice::DontNeed && self.mode() == MmapMode::CopyOnWrite && self.is_writable();
        let _lock = changes_bytes.then(|| self.inner.memory.exclusive());
        Ok(self.inner.file.advise(offset, len, advice.into())?)
    }
}
