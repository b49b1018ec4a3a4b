//! Memory without a file.
//!
//! ```
//! # use mmap_io::AnonymousMmap;
//! let memory = AnonymousMmap::new(4096)?;
//! assert!(memory.as_slice(0, 4096)?.iter().all(|byte| *byte == 0));
//! # Ok::<(), mmap_io::MmapIoError>(())
//! ```
//!
//! # Safety
//!
//! The addresses in `memory` are those of `map`, which lives as long and is never exchanged.
#![allow(unsafe_code, reason = "raw pointers that callers ask for")]

use std::fmt;

use crate::errors::{MmapIoError, Result};
use crate::memory::Memory;
use crate::mmap::{check_size, MappedSlice, MappedSliceMut};
use crate::os::Map;
use crate::region::to_u64;

/// Zero-filled memory of this process, given back when dropped. The rules for views are those of
/// [`MemoryMappedFile`](crate::MemoryMappedFile).
///
/// ```
/// use mmap_io::AnonymousMmap;
///
/// let memory = AnonymousMmap::new(4096)?;
/// memory.update_region(10, b"hello")?;
/// assert_eq!(memory.as_slice(10, 5)?, b"hello");
/// # Ok::<(), mmap_io::MmapIoError>(())
/// ```
pub struct AnonymousMmap {
    memory: Memory,
    map: Map,
}

impl fmt::Debug for AnonymousMmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnonymousMmap").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl AnonymousMmap {
    /// Memory of `size` bytes.
    ///
    /// # Errors
    /// `ResizeFailed` for a size of 0 or beyond 128 TiB; `Io`.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// assert_eq!(AnonymousMmap::new(5000)?.len(), 5000);
    /// assert!(AnonymousMmap::new(0).is_err());
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn new(size: u64) -> Result<Self> {
        Self::with(size, false)
    }

    /// The same in huge pages where the kernel has some (Linux), else in ordinary ones with a hint.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::with_huge_pages(4 << 20)?;
    /// memory.update_region(3 << 20, b"as good without them")?;
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[cfg(feature = "hugepages")]
    pub fn with_huge_pages(size: u64) -> Result<Self> {
        Self::with(size, true)
    }

    fn with(size: u64, huge: bool) -> Result<Self> {
        let too_large = |_| MmapIoError::ResizeFailed(format!("Size of {size} bytes exceeds the address space"));
        let len = usize::try_from(check_size(size, "Size")?).map_err(too_large)?;
        let map = Map::anonymous(len, huge)?;
        Ok(Self { memory: Memory::new(map.base(), len, true), map })
    }

    #[cfg(feature = "atomic")]
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Length in bytes.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// assert_eq!(AnonymousMmap::new(5000)?.len(), 5000);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u64 {
        to_u64(self.map.len())
    }

    /// Whether there are no bytes: never.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// assert!(!AnonymousMmap::new(1)?.is_empty());
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the kernel backs the memory with huge pages, where it tells (Linux).
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let answer = AnonymousMmap::new(4096)?.is_hugepage_backed();
    /// assert_eq!(answer.is_some(), cfg!(target_os = "linux"));
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[cfg(feature = "hugepages")]
    #[must_use]
    pub fn is_hugepage_backed(&self) -> Option<bool> {
        crate::huge_pages::is_backed(self.map.base())
    }

    /// Address of the first byte.
    ///
    /// # Safety
    /// - The address is valid for [`len`](Self::len) bytes while `self` lives.
    /// - Reading races with every other user of the memory.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(4096)?;
    /// // SAFETY: the memory lives, and nobody else uses it.
    /// assert_eq!(unsafe { *memory.as_ptr() }, 0);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[must_use]
    pub unsafe fn as_ptr(&self) -> *const u8 {
        self.map.base()
    }

    /// Address of the first byte, to write.
    ///
    /// # Safety
    /// - The address is valid for [`len`](Self::len) bytes while `self` lives.
    /// - Writing races with every other user of the memory, live views included.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(4096)?;
    /// // SAFETY: the memory lives, and nobody else uses it.
    /// unsafe { *memory.as_mut_ptr() = 7 };
    /// assert_eq!(memory.as_slice(0, 1)?, [7]);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    #[must_use]
    pub unsafe fn as_mut_ptr(&self) -> *mut u8 {
        self.map.base()
    }

    /// Borrows bytes. Waits while somebody writes.
    ///
    /// # Errors
    /// `OutOfBounds`; `InvalidMode` while an atomic view of these bytes is alive.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// assert_eq!(memory.as_slice(90, 10)?, [0; 10]);
    /// assert!(memory.as_slice(90, 11).is_err());
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn as_slice(&self, offset: u64, len: u64) -> Result<MappedSlice<'_>> {
        MappedSlice::new(&self.memory, offset, len)
    }

    /// The same without waiting: `None` while somebody writes.
    ///
    /// # Errors
    /// As [`as_slice`](Self::as_slice).
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// let writing = memory.as_mut_slice(0, 1)?;
    /// assert!(memory.try_as_slice(50, 1)?.is_none());
    /// drop(writing);
    /// assert!(memory.try_as_slice(50, 1)?.is_some());
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn try_as_slice(&self, offset: u64, len: u64) -> Result<Option<MappedSlice<'_>>> {
        MappedSlice::try_new(&self.memory, offset, len)
    }

    /// Borrows bytes to write. Waits until no other view is alive.
    ///
    /// # Errors
    /// `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// memory.as_mut_slice(10, 3)?.fill(7);
    /// assert_eq!(memory.as_slice(9, 5)?, [0, 7, 7, 7, 0]);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn as_mut_slice(&self, offset: u64, len: u64) -> Result<MappedSliceMut<'_>> {
        MappedSliceMut::new(self.memory.exclusive(), offset, len, None)
    }

    /// The same without waiting: `None` while a view is alive or somebody else writes.
    ///
    /// # Errors
    /// `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// let reading = memory.as_slice(0, 1)?;
    /// assert!(memory.try_as_mut_slice(50, 1)?.is_none());
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn try_as_mut_slice(&self, offset: u64, len: u64) -> Result<Option<MappedSliceMut<'_>>> {
        self.memory.try_exclusive().map(|lock| MappedSliceMut::new(lock, offset, len, None)).transpose()
    }

    /// Fills `buf` with bytes from `offset` on.
    ///
    /// # Errors
    /// `OutOfBounds`; `buf` is untouched then.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let mut bytes = [9; 4];
    /// AnonymousMmap::new(100)?.read_into(96, &mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn read_into(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.memory.copy_to(offset, buf)
    }

    /// Stores bytes. Waits until no view is alive.
    ///
    /// # Errors
    /// `OutOfBounds`; nothing is stored then.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// memory.update_region(95, b"hello")?;
    /// assert_eq!(memory.as_slice(95, 5)?, b"hello");
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn update_region(&self, offset: u64, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.memory.exclusive().copy_from(offset, data)
    }

    /// The same without waiting: false, and nothing stored, while a view is alive or somebody else writes.
    ///
    /// # Errors
    /// `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::AnonymousMmap;
    /// let memory = AnonymousMmap::new(100)?;
    /// let reading = memory.as_slice(0, 1)?;
    /// assert!(!memory.try_update_region(95, b"hello")?);
    /// drop(reading);
    /// assert!(memory.try_update_region(95, b"hello")?);
    /// # Ok::<(), mmap_io::MmapIoError>(())
    /// ```
    pub fn try_update_region(&self, offset: u64, data: &[u8]) -> Result<bool> {
        if data.is_empty() {
            return Ok(true);
        }
        let Some(mut lock) = self.memory.try_exclusive() else { return Ok(false) };
        lock.copy_from(offset, data)?;
        Ok(true)
    }
}
