//! The published mapping of a file.
//!
//! # Safety
//!
//! The addresses in `memory` are those of the file's current region, which `file` keeps mapped as long as it lives; it is
//! exchanged by `resize` alone, with the lock of `memory` held alone.
#![allow(unsafe_code, reason = "raw pointers that callers ask for, and slices of memory that never changes")]

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::builder::{check_size, refuse_cow_without_feature};
use super::{MappedSlice, MappedSliceMut, MemoryMappedFileBuilder, MmapReader};
use crate::errors::{MmapIoError, Result};
use crate::file::{MappedFile, MmapMode};
use crate::flush::FlushPolicy;
use crate::memory::{Memory, Shared};
use crate::open::OpenOptions;
use crate::range;
use crate::region::to_u64;

/// A file mapped into memory. Clones share one mapping.
///
/// A live view (a [`MappedSlice`], an iterator, an atomic view) makes every write and `resize` wait, also one on the same
/// thread, which then waits for ever: drop the view first, or use the `try_` methods.
///
/// ```
/// use mmap_io::MemoryMappedFile;
///
/// let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 1024)?;
/// file.update_region(100, b"hello")?;
/// file.flush()?;
/// assert_eq!(file.as_slice(100, 5)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryMappedFile {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    path: PathBuf,
    policy: FlushPolicy,
    cow_writable: bool,
    /// For those who ask for the open file itself.
    descriptor: Arc<File>,
    pub(crate) memory: Memory,
    pub(crate) file: Arc<MappedFile>,
}

impl fmt::Debug for MemoryMappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, mode, len) = (self.path(), self.mode(), self.len());
        f.debug_struct("MemoryMappedFile").field("path", &path).field("mode", &mode).field("len", &len).finish()
    }
}

/// Opening and creating.
impl MemoryMappedFile {
    /// Creates the file, or empties it, gives it `size` zero bytes (a hole) and maps it read-write.
    ///
    /// # Errors
    /// `ResizeFailed` for a size of 0 or beyond 128 TiB, before the file system is touched; `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 4096)?;
    /// assert_eq!((file.len(), std::fs::metadata(&path)?.len()), (4096, 4096));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_rw<P: AsRef<Path>>(path: P, size: u64) -> Result<Self> {
        Self::builder(path).size(size).create()
    }

    /// Maps an existing file for reading. An empty file gives an empty mapping.
    ///
    /// # Errors
    /// `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::open_ro(&path)?;
    /// assert_eq!(file.as_slice(0, 7)?, b"content");
    /// assert!(file.update_region(0, b"C").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_ro<P: AsRef<Path>>(path: P) -> Result<Self> {
        Self::builder(path).open()
    }

    /// Maps an existing file for reading and writing.
    ///
    /// # Errors
    /// `ResizeFailed` for an empty file; `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// MemoryMappedFile::open_rw(&path)?.update_region(0, b"C")?;
    /// assert_eq!(std::fs::read(&path)?, b"Content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_rw<P: AsRef<Path>>(path: P) -> Result<Self> {
        Self::builder(path).mode(MmapMode::ReadWrite).open()
    }

    /// Maps an existing file privately, for reading.
    ///
    /// # Errors
    /// `ResizeFailed` for an empty file; `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::open_cow(&path)?;
    /// assert_eq!(file.as_slice(0, 7)?, b"content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "cow")]
    pub fn open_cow<P: AsRef<Path>>(path: P) -> Result<Self> {
        Self::builder(path).mode(MmapMode::CopyOnWrite).open()
    }

    /// Maps an existing file privately, for reading and writing: writes are seen through this mapping and its clones alone
    /// and never reach the file.
    ///
    /// # Errors
    /// As [`open_cow`](Self::open_cow).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::open_cow_writable(&path)?;
    /// file.update_region(0, b"C")?;
    /// assert_eq!((file.as_slice(0, 7)?.to_vec(), std::fs::read(&path)?), (b"Content".to_vec(), b"content".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "cow")]
    pub fn open_cow_writable<P: AsRef<Path>>(path: P) -> Result<Self> {
        Self::builder(path).mode(MmapMode::CopyOnWrite).cow_writable(true).open()
    }

    /// Opens a file for reading and writing, or creates it with `default_size` when it is missing or empty.
    ///
    /// # Errors
    /// `ResizeFailed` when a size is needed and `default_size` is none; `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// MemoryMappedFile::open_or_create(&path, 16)?.update_region(0, b"kept")?;
    /// assert_eq!(MemoryMappedFile::open_or_create(&path, 999)?.as_slice(0, 4)?, b"kept");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create<P: AsRef<Path>>(path: P, default_size: u64) -> Result<Self> {
        Self::builder(path).size(default_size).open_or_create()
    }

    /// Maps a file that is open already. `path` is only told by [`path`](Self::path) and watched.
    ///
    /// # Errors
    /// `ResizeFailed` for an empty file in another mode than read-only; `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let open = std::fs::File::open(&path)?;
    /// let file = MemoryMappedFile::from_file(open, mmap_io::MmapMode::ReadOnly, &path)?;
    /// assert_eq!(file.len(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file<P: AsRef<Path>>(file: File, mode: MmapMode, path: P) -> Result<Self> {
        refuse_cow_without_feature(mode)?;
        #[cfg_attr(not(feature = "watch"), expect(unused_mut, reason = "it is told its path to be watched"))]
        let mut file = OpenOptions::new(mode).map(file)?;
        #[cfg(feature = "watch")]
        file.opened_at(path.as_ref());
        Self::assemble(file, path.as_ref().to_path_buf(), FlushPolicy::Never, false)
    }

    /// Options one by one.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::builder(&path).size(4096).create_new()?;
    /// assert_eq!(file.path(), path);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder<P: AsRef<Path>>(path: P) -> MemoryMappedFileBuilder {
        MemoryMappedFileBuilder::new(path.as_ref())
    }

    pub(crate) fn assemble(file: MappedFile, path: PathBuf, policy: FlushPolicy, cow_writable: bool) -> Result<Self> {
        let descriptor = file.file().map(Arc::clone).ok_or(MmapIoError::InvalidMode("there is no file"))?;
        let region = file.region();
        let memory = Memory::new(region.start(), region.len(), file.mode() == MmapMode::ReadWrite || cow_writable);
        let file = Arc::new(file);
        if let FlushPolicy::EveryMillis(every @ 1..) = policy {
            file.flush_every(Duration::from_millis(every))?;
        }
        Ok(Self { inner: Arc::new(Inner { path, policy, cow_writable, descriptor, memory, file }) })
    }

    /// Takes the mapping apart and gives the file back; nothing is flushed.
    ///
    /// # Errors
    /// The mapping itself, when it has clones, or when no file descriptor is left to give the file back with.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let clone = file.clone();
    /// let file = file.unmap().unwrap_err();
    /// drop(clone);
    /// let file: std::fs::File = file.unmap().map_err(|_| "it has a clone")?;
    /// assert_eq!(file.metadata()?.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unmap(self) -> std::result::Result<File, Self> {
        if Arc::strong_count(&self.inner) > 1 {
            return Err(self);
        }
        // A duplicate: the background flusher may hold the mapping for a moment longer, which is no reason to fail.
        match self.inner.descriptor.try_clone() {
            Ok(file) => Ok(file),
            Err(_) => Err(self),
        }
    }
}

/// What it is.
impl MemoryMappedFile {
    /// Length in bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> u64 {
        self.inner.file.len()
    }

    /// The same, as a result for symmetry with the fallible calls.
    ///
    /// # Errors
    /// None.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.current_len()?, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current_len(&self) -> Result<u64> {
        Ok(self.len())
    }

    /// Whether there are no bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "")?;
    /// assert!(MemoryMappedFile::open_ro(&path)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The path as it was given.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// assert_eq!(file.path(), path);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the mapping may do with its file.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.mode(), mmap_io::MmapMode::ReadWrite);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn mode(&self) -> MmapMode {
        self.inner.file.mode()
    }

    /// When writes are flushed by themselves.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.flush_policy(), mmap_io::flush::FlushPolicy::Never);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn flush_policy(&self) -> FlushPolicy {
        self.inner.policy
    }

    /// Bytes written since the last flush of the whole: by `update_region`, by mutable slices and `chunks_mut` (their
    /// length), by atomic views (their size, when dropped) and by [`as_mut_ptr`](Self::as_mut_ptr) (everything). Always 0
    /// for read-only and copy-on-write mappings.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(0, b"hello")?;
    /// file.as_slice_mut(50, 10)?.fill(1);
    /// assert_eq!(file.pending_bytes(), 15);
    /// file.flush()?;
    /// assert_eq!(file.pending_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        self.inner.file.slot().pending()
    }

    /// Whether a copy-on-write mapping can be written.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// assert!(MemoryMappedFile::open_cow_writable(&path)?.is_cow_writable());
    /// assert!(!MemoryMappedFile::open_cow(&path)?.is_cow_writable());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "cow")]
    #[must_use]
    pub fn is_cow_writable(&self) -> bool {
        self.inner.cow_writable
    }

    /// Whether the kernel backs the mapping with huge pages, where it tells (Linux).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.is_hugepage_backed().is_some(), cfg!(target_os = "linux"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "hugepages")]
    #[must_use]
    pub fn is_hugepage_backed(&self) -> Option<bool> {
        let lock = self.inner.memory.shared();
        let (_, address) = lock.locate(0, self.len()).ok()?;
        crate::huge_pages::is_backed(address.cast_const())
    }

    /// Address of the first byte.
    ///
    /// # Safety
    /// - The address is valid for [`len`](Self::len) bytes until the next resize or the drop of the last clone.
    /// - Bytes may change at any time: reading them races with every other user of the mapping.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// // SAFETY: the mapping lives, and nobody else uses its file.
    /// assert_eq!(unsafe { *file.as_ptr() }, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn as_ptr(&self) -> *const u8 {
        self.inner.memory.shared().base()
    }

    /// Address of the first byte, to write. The whole mapping counts as written.
    ///
    /// # Errors
    /// `InvalidMode` where the mapping cannot be written.
    ///
    /// # Safety
    /// - The address is valid for [`len`](Self::len) bytes until the next resize or the drop of the last clone.
    /// - Writing races with every other user of the mapping, live views included.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// // SAFETY: the mapping lives.
    /// let address = unsafe { file.as_mut_ptr() }?;
    /// // SAFETY: as above, and nobody else uses its file.
    /// unsafe { *address = 7 };
    /// assert_eq!((file.as_slice(0, 1)?[0], file.pending_bytes()), (7, 100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn as_mut_ptr(&self) -> Result<*mut u8> {
        self.assert_writable()?;
        let address = self.inner.memory.shared().base();
        self.inner.file.count_written(self.len());
        Ok(address)
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.mode() == MmapMode::ReadWrite || self.inner.cow_writable
    }

    pub(crate) fn assert_writable(&self) -> Result<()> {
        if self.is_writable() {
            return Ok(());
        }
        Err(MmapIoError::InvalidMode("the mapping cannot be written"))
    }

    /// All bytes of a mapping that this crate neither writes nor moves.
    pub(crate) fn unchanging_bytes(&self) -> Option<&[u8]> {
        if self.is_writable() {
            return None;
        }
        let (range, address) = self.inner.memory.shared().locate(0, self.len()).ok()?;
        // SAFETY: memory that is not writable is not moved either, so the address holds as long as `self`.
        Some(unsafe { std::slice::from_raw_parts(address, range.len()) })
    }
}

/// Reading.
impl MemoryMappedFile {
    /// Borrows bytes. Waits while somebody writes.
    ///
    /// # Errors
    /// `OutOfBounds`; `InvalidMode` while an atomic view of these bytes is alive.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(95, b"hello")?;
    /// assert_eq!(file.as_slice(95, 5)?, b"hello");
    /// assert!(file.as_slice(95, 6).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn as_slice(&self, offset: u64, len: u64) -> Result<MappedSlice<'_>> {
        MappedSlice::new(&self.inner.memory, offset, len)
    }

    /// The same without waiting: `None` while somebody writes.
    ///
    /// # Errors
    /// As [`as_slice`](Self::as_slice).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let writing = file.as_slice_mut(0, 1)?;
    /// assert!(file.try_as_slice(50, 1)?.is_none());
    /// drop(writing);
    /// assert!(file.try_as_slice(50, 1)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_as_slice(&self, offset: u64, len: u64) -> Result<Option<MappedSlice<'_>>> {
        MappedSlice::try_new(&self.inner.memory, offset, len)
    }

    /// Borrows bytes of a mapping that cannot be written, without a guard.
    ///
    /// # Errors
    /// `OutOfBounds`; `InvalidMode` where the mapping can be written.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::open_ro(&path)?;
    /// let bytes: &[u8] = file.as_slice_bytes(0, 7)?;
    /// assert_eq!(bytes, b"content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_slice_bytes(&self, offset: u64, len: u64) -> Result<&[u8]> {
        let bytes = self.unchanging_bytes();
        let range = range::check(offset, len, bytes.map_or(self.len(), |bytes| to_u64(bytes.len())))?;
        let bytes = bytes.ok_or(MmapIoError::InvalidMode("the mapping can be written; use as_slice or read_into"))?;
        Ok(bytes.get(range).unwrap_or_default())
    }

    /// Fills `buf` with bytes from `offset` on. Waits while somebody writes.
    ///
    /// # Errors
    /// `OutOfBounds`; `buf` is untouched then.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let mut bytes = [9; 4];
    /// file.read_into(96, &mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn read_into(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.inner.memory.copy_to(offset, buf)?;
        Ok(self.inner.file.refuse_lost(offset, to_u64(buf.len()))?)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let copy: bytes::Bytes = file.read_bytes(0, 5)?;
    /// file.update_region(0, b"hello")?;
    /// assert_eq!(&copy[..], [0; 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "bytes")]
    pub fn read_bytes(&self, offset: u64, len: u64) -> Result<bytes::Bytes> {
        let bytes = self.inner.memory.copy_out(offset, len)?;
        self.inner.file.refuse_lost(offset, len)?;
        Ok(bytes.into())
    }

    /// A reader from the start on.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let text = std::io::read_to_string(MemoryMappedFile::open_ro(&path)?.reader())?;
    /// assert_eq!(text, "content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reader(&self) -> MmapReader<'_> {
        MmapReader::new(self)
    }

    /// Loads every page into memory by reading one byte of it.
    ///
    /// # Errors
    /// None.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.touch_pages()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn touch_pages(&self) -> Result<()> {
        let _lock = self.inner.memory.shared();
        Ok(self.inner.file.touch(0, self.len())?)
    }

    /// Loads the pages of a range.
    ///
    /// # Errors
    /// `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.touch_pages_range(50, 50)?;
    /// assert!(file.touch_pages_range(50, 51).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn touch_pages_range(&self, offset: u64, len: u64) -> Result<()> {
        let _lock = self.inner.memory.shared();
        Ok(self.inner.file.touch(offset, len)?)
    }

    /// Asks for the pages of a range to be read ahead, and returns at once.
    ///
    /// # Errors
    /// `OutOfBounds`, `AdviceFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.prefetch_range(50, 50)?;
    /// assert!(file.prefetch_range(50, 51).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prefetch_range(&self, offset: u64, len: u64) -> Result<()> {
        Ok(self.inner.file.advise(offset, len, crate::os::Advice::WillNeed)?)
    }
}

/// Writing.
impl MemoryMappedFile {
    /// Stores bytes, then applies the flush policy. Waits until no view is alive. No data is accepted in any mode.
    ///
    /// # Errors
    /// `InvalidMode` where the mapping cannot be written, `OutOfBounds`; nothing is stored then. `FlushFailed` when a flush
    /// that the policy asks for fails; the bytes are stored then.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(95, b"hello")?;
    /// assert!(file.update_region(96, b"hello").is_err());
    /// assert_eq!(file.as_slice(94, 6)?, b"\0hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update_region(&self, offset: u64, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.assert_writable()?;
        self.inner.memory.exclusive().copy_from(offset, data)?;
        self.inner.file.refuse_lost(offset, to_u64(data.len()))?;
        self.written(to_u64(data.len()))
    }

    /// The same without waiting: false, and nothing stored, while a view is alive or somebody else writes.
    ///
    /// # Errors
    /// As [`update_region`](Self::update_region).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let reading = file.as_slice(0, 1)?;
    /// assert!(!file.try_update_region(95, b"hello")?);
    /// drop(reading);
    /// assert!(file.try_update_region(95, b"hello")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_update_region(&self, offset: u64, data: &[u8]) -> Result<bool> {
        if data.is_empty() {
            return Ok(true);
        }
        self.assert_writable()?;
        let Some(mut lock) = self.inner.memory.try_exclusive() else { return Ok(false) };
        lock.copy_from(offset, data)?;
        drop(lock);
        self.inner.file.refuse_lost(offset, to_u64(data.len()))?;
        self.written(to_u64(data.len()))?;
        Ok(true)
    }

    /// Borrows bytes to write. Waits until no other view is alive. The length counts as written when the slice is dropped.
    ///
    /// # Errors
    /// `InvalidMode` where the mapping cannot be written, `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let mut bytes = file.as_slice_mut(10, 3)?;
    /// bytes.fill(7);
    /// drop(bytes); // as_slice would wait for it
    /// assert_eq!(file.as_slice(9, 5)?, [0, 7, 7, 7, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_slice_mut(&self, offset: u64, len: u64) -> Result<MappedSliceMut<'_>> {
        self.assert_writable()?;
        MappedSliceMut::new(self.inner.memory.exclusive(), offset, len, Some(&self.inner.file))
    }

    /// The same without waiting: `None` while a view is alive or somebody else writes.
    ///
    /// # Errors
    /// As [`as_slice_mut`](Self::as_slice_mut).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let reading = file.as_slice(0, 1)?;
    /// assert!(file.try_as_slice_mut(50, 1)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_as_slice_mut(&self, offset: u64, len: u64) -> Result<Option<MappedSliceMut<'_>>> {
        self.assert_writable()?;
        let lock = self.inner.memory.try_exclusive();
        lock.map(|lock| MappedSliceMut::new(lock, offset, len, Some(&self.inner.file))).transpose()
    }

    /// Counts a write and flushes when the policy asks for it.
    pub(crate) fn written(&self, bytes: u64) -> Result<()> {
        self.inner.file.count_written(bytes);
        if self.mode() == MmapMode::ReadWrite {
            self.inner.policy.apply(&self.inner.file)?;
        }
        Ok(())
    }

    /// Brings everything written to the device, and waits. Nothing to do on read-only and copy-on-write mappings.
    ///
    /// # Errors
    /// `FlushFailed`; a full disk or a device error stays, because the kernel tells it only once.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(0, b"hello")?;
    /// file.flush()?;
    /// assert_eq!(file.pending_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) -> Result<()> {
        Ok(self.inner.file.flush()?)
    }

    /// The same for a range. The whole range counts as a flush of everything; a part leaves
    /// [`pending_bytes`](Self::pending_bytes).
    ///
    /// # Errors
    /// As [`flush`](Self::flush), and `OutOfBounds`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(0, b"hello")?;
    /// file.flush_range(0, 5)?;
    /// assert_eq!(file.pending_bytes(), 5);
    /// file.flush_range(0, 100)?;
    /// assert_eq!(file.pending_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_range(&self, offset: u64, len: u64) -> Result<()> {
        Ok(self.inner.file.flush_range(offset, len)?)
    }

    /// Starts writing everything back and does not wait: not durable, nothing counts as flushed.
    ///
    /// # Errors
    /// `FlushFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(0, b"hello")?;
    /// file.schedule_flush()?;
    /// assert_eq!(file.pending_bytes(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schedule_flush(&self) -> Result<()> {
        loop {
            match self.schedule_flush_range(0, self.len()) {
                // The mapping shrank in between: look again.
                Err(MmapIoError::OutOfBounds { .. }) => {}
                scheduled => return scheduled,
            }
        }
    }

    /// The same for a range.
    ///
    /// # Errors
    /// `OutOfBounds`, `FlushFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.schedule_flush_range(50, 50)?;
    /// assert!(file.schedule_flush_range(50, 51).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schedule_flush_range(&self, offset: u64, len: u64) -> Result<()> {
        Ok(self.inner.file.schedule_flush(offset, len)?)
    }

    /// Whether the bytes are what they are taken for. See [`MappedFile::check`].
    ///
    /// # Errors
    /// `Io`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::open_ro(&path)?;
    /// file.check()?;
    /// std::fs::File::options().append(true).open(&path)?.set_len(100)?;
    /// assert!(file.check().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        Ok(self.inner.file.check()?)
    }

    /// Puts lost pages back. Waits until no view is alive. See [`MappedFile::heal`].
    ///
    /// # Errors
    /// `Io`, `FlushFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # if cfg!(unix) {
    /// std::fs::write(&path, vec![7; 100_000])?;
    /// let file = MemoryMappedFile::builder(&path).guard(true).open()?;
    /// std::fs::write(&path, "short")?;
    /// assert!(file.read_into(99_999, &mut [0]).is_err());
    /// std::fs::write(&path, vec![8; 100_000])?;
    /// file.heal()?;
    /// assert_eq!(file.as_slice(99_999, 1)?, b"\x08");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn heal(&self) -> Result<()> {
        let _lock = self.inner.memory.exclusive();
        Ok(self.inner.file.heal()?)
    }

    /// Gives the file and the mapping another length. Waits until no view is alive. New bytes are zero.
    ///
    /// # Errors
    /// `InvalidMode` unless read-write; `ResizeFailed` for a size of 0 or beyond 128 TiB, or when others have made the file
    /// longer and it is to shrink; `Io`. File and mapping are as before then.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// file.update_region(0, b"hello")?;
    /// file.resize(200)?;
    /// assert_eq!((file.len(), file.as_slice(0, 5)?.to_vec()), (200, b"hello".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&self, new_size: u64) -> Result<()> {
        if self.mode() != MmapMode::ReadWrite {
            return Err(MmapIoError::InvalidMode("only a read-write mapping can be resized"));
        }
        check_size(new_size, "New size")?;
        let mut lock = self.inner.memory.exclusive();
        let resized = self.inner.file.resize(new_size);
        let region = self.inner.file.region();
        lock.relocate(region.start(), usize::try_from(self.len()).unwrap_or(usize::MAX).min(region.len()));
        Ok(resized?)
    }
}

impl Shared<'_> {
    /// Address of the first byte; null when there is none.
    pub(crate) fn base(&self) -> *mut u8 {
        self.locate(0, to_u64(self.len())).map_or(std::ptr::null_mut(), |(_, address)| address)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for MemoryMappedFile {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.inner.descriptor.as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for MemoryMappedFile {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.inner.descriptor.as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsHandle for MemoryMappedFile {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.inner.descriptor.as_handle()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawHandle for MemoryMappedFile {
    fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
        self.inner.descriptor.as_raw_handle()
    }
}
