//! Pages kept in memory.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
//! match file.lock_all() {
//!     Ok(()) => file.unlock_all()?,
//!     Err(refused) => assert!(matches!(refused, mmap_io::MmapIoError::LockFailed(_))),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::errors::Result;
use crate::mmap::MemoryMappedFile;

impl MemoryMappedFile {
    /// Keeps the pages of a range in memory. Counted by page: overlapping locks need as many unlocks. Locks hold after a
    /// resize.
    ///
    /// # Errors
    /// `OutOfBounds`; `LockFailed` when a limit (`RLIMIT_MEMLOCK`) or permission is in the way.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// if file.lock(0, 100).is_ok() {
    ///     file.unlock(0, 100)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&self, offset: u64, len: u64) -> Result<()> {
        let _lock = self.inner.memory.shared();
        Ok(self.inner.file.lock_pages(offset, len)?)
    }

    /// Lets the pages of a range go, once each. Pages that are not locked are left alone.
    ///
    /// # Errors
    /// `OutOfBounds`, `UnlockFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.unlock(0, 50)?; // nothing is locked, so nothing changes
    /// assert!(file.unlock(90, 11).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unlock(&self, offset: u64, len: u64) -> Result<()> {
        let _lock = self.inner.memory.shared();
        Ok(self.inner.file.unlock_pages(offset, len)?)
    }

    /// [`lock`](Self::lock) for everything.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// if file.lock_all().is_ok() {
    ///     file.unlock(0, 100)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_all(&self) -> Result<()> {
        // Held for the length to stay; taken once more inside.
        let _lock = self.inner.memory.shared();
        self.lock(0, self.len())
    }

    /// [`unlock`](Self::unlock) for everything.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.unlock_all()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unlock_all(&self) -> Result<()> {
        // Held for the length to stay; taken once more inside.
        let _lock = self.inner.memory.shared();
        self.unlock(0, self.len())
    }
}
