//! Slices of mapped memory, with the lock that keeps them true.
//!
//! # Safety
//!
//! A slice's address was located through the lock that it holds, for the length that it tells, so it stays mapped and, for a
//! shared slice, unchanged until the lock is released, which happens when the slice is dropped.
#![allow(unsafe_code, reason = "slices over mapped memory, guarded by the lock they hold")]

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::errors::Result;
use crate::file::MappedFile;
use crate::memory::{Exclusive, Hold, Memory};
use crate::region::to_u64;

/// Bytes of a mapping, borrowed. While it lives nobody writes to the mapping or resizes it.
///
/// ```
/// use mmap_io::MemoryMappedFile;
///
/// let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 16)?;
/// file.update_region(0, b"hello")?;
/// assert_eq!(file.as_slice(0, 5)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MappedSlice<'a> {
    address: *const u8,
    len: usize,
    /// Holds what `address` points into.
    _backing: Backing<'a>,
}

enum Backing<'a> {
    /// Memory that never changes, kept mapped by what the slice borrows from.
    Unchanging,
    /// Memory that can change, but not while this is held.
    Held(#[expect(dead_code, reason = "lets go when dropped")] Hold<'a>),
    /// A copy, where an atomic view of the same bytes is alive.
    #[cfg(feature = "iterator")]
    Copied(#[expect(dead_code, reason = "owns the bytes")] Box<[u8]>),
}

// SAFETY: the lock is one that may be released on another thread, and the bytes do not change while it is held.
unsafe impl Send for MappedSlice<'_> {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for MappedSlice<'_> {}

impl<'a> MappedSlice<'a> {
    // The code of a read-only mapping is short, so that it becomes a part of the caller's; the other one is called.
    #[inline]
    pub(crate) fn new(memory: &'a Memory, offset: u64, len: u64) -> Result<Self> {
        if !memory.is_guarded() {
            let (address, len) = memory.view_unguarded(offset, len)?;
            return Ok(Self { address, len, _backing: Backing::Unchanging });
        }
        match memory.view(offset, len) {
            Ok((address, hold)) => Ok(Self::held(address, len, hold)),
            Err(refusal) => Err(refusal.explain(offset, len)),
        }
    }

    /// The same without waiting.
    pub(crate) fn try_new(memory: &'a Memory, offset: u64, len: u64) -> Result<Option<Self>> {
        let Some(lock) = memory.try_shared() else { return Ok(None) };
        match lock.view(offset, len) {
            Ok((address, hold)) => Ok(Some(Self::held(address, len, hold))),
            Err(refusal) => Err(refusal.explain(offset, len)),
        }
    }

    /// As a copy where an atomic view is in the way. `None` past the end.
    #[cfg(feature = "iterator")]
    #[inline]
    pub(crate) fn new_or_copy(memory: &'a Memory, offset: u64, len: u64) -> Option<Self> {
        if !memory.is_guarded() {
            return Self::new(memory, offset, len).ok();
        }
        match memory.view(offset, len) {
            Ok((address, hold)) => Some(Self::held(address, len, hold)),
            Err(_) => Self::new_copy(memory, offset, len),
        }
    }

    #[cfg(feature = "iterator")]
    #[cold]
    fn new_copy(memory: &Memory, offset: u64, len: u64) -> Option<Self> {
        let copy = memory.copy_out(offset, len).ok()?.into_boxed_slice();
        Some(Self { address: copy.as_ptr(), len: copy.len(), _backing: Backing::Copied(copy) })
    }

    /// `len` bytes at `address`, which are there as long as the hold.
    #[inline]
    fn held(address: *const u8, len: u64, hold: Hold<'a>) -> Self {
        // Lossless: so many bytes are mapped.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Self { address, len, _backing: Backing::Held(hold) }
    }

    /// The bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let slice = file.as_slice(0, 3)?;
    /// let bytes: &[u8] = slice.as_slice();
    /// assert_eq!(bytes, [0; 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: see the module.
        unsafe { std::slice::from_raw_parts(self.address, self.len) }
    }

    /// Bytes in the slice.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.as_slice(0, 3)?.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert!(file.as_slice(0, 0)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Deref for MappedSlice<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for MappedSlice<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for MappedSlice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl PartialEq for MappedSlice<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for MappedSlice<'_> {}

impl PartialEq<[u8]> for MappedSlice<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl PartialEq<&[u8]> for MappedSlice<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        self.as_slice() == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for MappedSlice<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.as_slice() == other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for MappedSlice<'_> {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.as_slice() == *other
    }
}

#[cfg(feature = "bytes")]
impl From<MappedSlice<'_>> for bytes::Bytes {
    /// Copies the bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let copy = bytes::Bytes::from(file.as_slice(0, 3)?);
    /// assert_eq!(&copy[..], [0; 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from(slice: MappedSlice<'_>) -> Self {
        Self::copy_from_slice(&slice)
    }
}

#[cfg(feature = "bytes")]
impl From<&MappedSlice<'_>> for bytes::Bytes {
    /// Copies the bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let copy = bytes::Bytes::from(&file.as_slice(0, 3)?);
    /// assert_eq!(&copy[..], [0; 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from(slice: &MappedSlice<'_>) -> Self {
        Self::copy_from_slice(slice)
    }
}

/// Bytes of a mapping, borrowed for writing. While it lives nobody else reads or writes the mapping. Its length counts as
/// written when it is dropped.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// file.as_slice_mut(10, 3)?[1] = 7;
/// assert_eq!((file.as_slice(10, 3)?.to_vec(), file.pending_bytes()), (vec![0, 7, 0], 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MappedSliceMut<'a> {
    address: *mut u8,
    len: usize,
    /// Where the bytes are counted.
    counted_in: Option<&'a MappedFile>,
    _lock: Exclusive<'a>,
}

// SAFETY: the lock is one that may be released on another thread, and nobody else reaches the bytes while it is held.
unsafe impl Send for MappedSliceMut<'_> {}
// SAFETY: a shared reference only reads.
unsafe impl Sync for MappedSliceMut<'_> {}

impl<'a> MappedSliceMut<'a> {
    #[inline]
    pub(crate) fn new(lock: Exclusive<'a>, offset: u64, len: u64, counted_in: Option<&'a MappedFile>) -> Result<Self> {
        let (range, address) = lock.locate(offset, len)?;
        Ok(Self { address, len: range.len(), counted_in, _lock: lock })
    }

    /// The bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.as_slice_mut(0, 5)?.as_mut().copy_from_slice(b"hello");
    /// assert_eq!(file.as_slice(0, 5)?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "the published name")]
    pub fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: see the module; the lock is held alone and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.address, self.len) }
    }

    /// Bytes in the slice.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.as_slice_mut(0, 3)?.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert!(file.as_slice_mut(0, 0)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Deref for MappedSliceMut<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: see the module.
        unsafe { std::slice::from_raw_parts(self.address, self.len) }
    }
}

impl DerefMut for MappedSliceMut<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.as_mut()
    }
}

impl fmt::Debug for MappedSliceMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Drop for MappedSliceMut<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(file) = self.counted_in {
            file.count_written(to_u64(self.len));
        }
    }
}
