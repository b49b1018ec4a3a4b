//! When writes are flushed by themselves.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! use mmap_io::flush::FlushPolicy;
//!
//! let path = folder.path().join("f");
//! let file = MemoryMappedFile::builder(path).size(4096).flush_policy(FlushPolicy::EveryWrites(2)).create()?;
//! file.update_region(0, b"one")?;
//! file.update_region(3, b"two")?;
//! assert_eq!(file.pending_bytes(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::errors::Result;
use crate::file::MappedFile;

/// When writes made through a mapping are flushed by themselves. An explicit flush always flushes.
///
/// ```
/// use mmap_io::{flush::FlushPolicy, MemoryMappedFile};
///
/// let folder = tempfile::tempdir()?;
/// let builder = MemoryMappedFile::builder(folder.path().join("f")).size(4096).flush_policy(FlushPolicy::EveryBytes(8));
/// let file = builder.create()?;
/// file.update_region(0, b"12345")?;
/// assert_eq!(file.pending_bytes(), 5);
/// file.update_region(5, b"678")?;
/// assert_eq!(file.pending_bytes(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlushPolicy {
    /// Never.
    #[default]
    Never,
    /// Never; another name for it.
    Manual,
    /// After each write.
    Always,
    /// When this many bytes are pending. 0 is never.
    EveryBytes(usize),
    /// After this many writes. 0 is never.
    EveryWrites(usize),
    /// This often, when bytes are pending. 0 is never. An error is told by the next flush.
    EveryMillis(u64),
}

impl FlushPolicy {
    /// Flushes when the policy asks for it after a write.
    pub(crate) fn apply(self, file: &MappedFile) -> Result<()> {
        let due = match self {
            Self::Never | Self::Manual | Self::EveryMillis(_) | Self::EveryBytes(0) | Self::EveryWrites(0) => false,
            Self::Always => true,
            Self::EveryBytes(bytes) => file.slot().pending() >= crate::region::to_u64(bytes),
            Self::EveryWrites(writes) => file.slot().pending_writes() >= u32::try_from(writes).unwrap_or(u32::MAX),
        };
        if due {
            file.flush()?;
        }
        Ok(())
    }
}
