//! A mapping piece by piece. The length is that at the start of the walk.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
//! file.chunks_mut(40).for_each_mut(|offset, bytes| {
//!     bytes.fill(offset as u8);
//!     Ok(())
//! })?;
//! let firsts: Vec<u8> = file.chunks(40).map(|chunk| chunk[0]).collect();
//! assert_eq!(firsts, [0, 40, 80]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Safety
//!
//! A mutable piece is located through the lock that the walk holds alone, and is gone before the next one is made.
#![allow(unsafe_code, reason = "mutable pieces of mapped memory, guarded by the lock of the walk")]

use crate::errors::Result;
use crate::file::MappedFile;
use crate::memory::Shared;
use crate::mmap::{MappedSlice, MemoryMappedFile};
use crate::os;
use crate::region::to_u64;

/// The pieces of `len` bytes: where each begins and how long it is.
#[derive(Debug, Clone, Copy)]
struct Pieces {
    at: usize,
    len: usize,
    size: usize,
}

impl Pieces {
    /// A size of 0 gives none.
    fn new(len: usize, size: usize) -> Self {
        Self { at: if size == 0 { len } else { 0 }, len, size }
    }

    #[inline]
    fn left(&self) -> usize {
        (self.len - self.at).div_ceil(self.size.max(1))
    }
}

impl Iterator for Pieces {
    type Item = (u64, usize);

    #[inline]
    fn next(&mut self) -> Option<(u64, usize)> {
        let (start, size) = (self.at, self.size.min(self.len - self.at));
        self.at += size;
        (size > 0).then_some((to_u64(start), size))
    }
}

/// Pieces as zero-copy slices; made by [`MemoryMappedFile::chunks`]. Writers wait while it, or any piece of it, is alive.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// let mut chunks = file.chunks(30);
/// assert_eq!((chunks.len(), chunks.next().map(|chunk| chunk.len())), (4, Some(30)));
/// assert!(!file.try_update_region(0, b"x")?, "the iterator is alive");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ChunkIterator<'a> {
    lock: Shared<'a>,
    pieces: Pieces,
}

impl std::fmt::Debug for ChunkIterator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkIterator").field("left", &self.pieces.left()).finish_non_exhaustive()
    }
}

impl<'a> Iterator for ChunkIterator<'a> {
    type Item = MappedSlice<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (offset, len) = self.pieces.next()?;
        // In bounds: the lock of the iterator keeps the length.
        MappedSlice::new_or_copy(self.lock.memory(), offset, to_u64(len))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.pieces.left(), Some(self.pieces.left()))
    }
}

impl ExactSizeIterator for ChunkIterator<'_> {}

/// Pages as zero-copy slices; made by [`MemoryMappedFile::pages`].
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// assert_eq!(file.pages().map(|page| page.len()).sum::<usize>(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PageIterator<'a>(ChunkIterator<'a>);

impl<'a> Iterator for PageIterator<'a> {
    type Item = MappedSlice<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for PageIterator<'_> {}

/// Pieces as copies; made by [`MemoryMappedFile::chunks_owned`]. It holds no lock between them.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// for chunk in file.chunks_owned(50) {
///     let copy: Vec<u8> = chunk?;
///     file.update_region(0, &copy)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChunkIteratorOwned<'a> {
    file: &'a MemoryMappedFile,
    pieces: Pieces,
}

impl Iterator for ChunkIteratorOwned<'_> {
    type Item = Result<Vec<u8>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (offset, len) = self.pieces.next()?;
        Some(self.file.inner.memory.copy_out(offset, to_u64(len)))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.pieces.left(), Some(self.pieces.left()))
    }
}

impl ExactSizeIterator for ChunkIteratorOwned<'_> {}

/// Pages as copies; made by [`MemoryMappedFile::pages_owned`].
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// let pages: Result<Vec<Vec<u8>>, _> = file.pages_owned().collect();
/// assert_eq!(pages?.concat(), [0; 100]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PageIteratorOwned<'a>(ChunkIteratorOwned<'a>);

impl Iterator for PageIteratorOwned<'_> {
    type Item = Result<Vec<u8>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for PageIteratorOwned<'_> {}

/// Bytes lent to a callback. They count as written, as one write, when this is dropped: after the last store, so that a flush
/// beside the walk covers none of them, and also when the callback panics.
struct Lent<'a> {
    file: &'a MappedFile,
    bytes: u64,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.file.count_written(self.bytes);
    }
}

type Callback<'a, E> = dyn FnMut(u64, &mut [u8]) -> std::result::Result<(), E> + 'a;

/// Pieces to write; made by [`MemoryMappedFile::chunks_mut`].
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// file.chunks_mut(64).for_each_mut(|_, bytes| Ok(bytes.fill(1)))?;
/// assert_eq!(file.pending_bytes(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChunkIteratorMut<'a> {
    file: &'a MemoryMappedFile,
    size: usize,
}

impl ChunkIteratorMut<'_> {
    /// Calls `f` with the offset and the bytes of each piece, alone with the mapping for the whole walk. Then the flush
    /// policy is applied.
    ///
    /// A callback that uses the same mapping waits for ever.
    ///
    /// # Errors
    /// `InvalidMode` where the mapping cannot be written. The first error of `f` ends the walk and is returned; pieces before
    /// it stay written.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let failed = file.chunks_mut(10).for_each_mut(|offset, bytes| {
    ///     bytes.fill(1);
    ///     if offset == 20 { Err(mmap_io::MmapIoError::InvalidMode("enough")) } else { Ok(()) }
    /// });
    /// assert!(failed.is_err());
    /// assert_eq!(file.as_slice(29, 2)?, [1, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each_mut<F>(self, mut f: F) -> Result<()>
    where
        F: FnMut(u64, &mut [u8]) -> Result<()>,
    {
        self.walk(&mut f)?
    }

    /// The same with the callback's own error type.
    ///
    /// # Errors
    /// `InvalidMode` where the mapping cannot be written; inside, the first error of `f`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let result = file.chunks_mut(10).for_each_mut_legacy(|offset, _| if offset < 50 { Ok(()) } else { Err(offset) })?;
    /// assert_eq!(result, Err(50));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each_mut_legacy<F, E>(self, mut f: F) -> Result<std::result::Result<(), E>>
    where
        F: FnMut(u64, &mut [u8]) -> std::result::Result<(), E>,
    {
        self.walk(&mut f)
    }

    fn walk<E>(self, f: &mut Callback<'_, E>) -> Result<std::result::Result<(), E>> {
        self.file.assert_writable()?;
        let lock = self.file.inner.memory.exclusive();
        let mut lent = Lent { file: &self.file.inner.file, bytes: 0 };
        let mut result = Ok(());
        for (offset, len) in Pieces::new(lock.len(), self.size) {
            let (range, address) = lock.locate(offset, to_u64(len))?;
            lent.bytes += to_u64(range.len());
            // SAFETY: see the module.
            let bytes = unsafe { std::slice::from_raw_parts_mut(address, range.len()) };
            result = f(offset, bytes);
            if result.is_err() {
                break;
            }
        }
        let any = lent.bytes > 0;
        drop(lent);
        drop(lock);
        if any && result.is_ok() {
            self.file.written(0)?;
        }
        Ok(result)
    }
}

impl MemoryMappedFile {
    /// Pieces of `chunk_size` bytes, the last one shorter where it does not come out even. A size of 0 gives none.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 10)?;
    /// assert_eq!(file.chunks(4).map(|chunk| chunk.len()).collect::<Vec<_>>(), [4, 4, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn chunks(&self, chunk_size: usize) -> ChunkIterator<'_> {
        let lock = self.inner.memory.shared();
        let pieces = Pieces::new(lock.len(), chunk_size);
        ChunkIterator { lock, pieces }
    }

    /// Pieces of a page each.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.pages().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> PageIterator<'_> {
        PageIterator(self.chunks(os::page_size()))
    }

    /// Pieces as copies.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// let sizes: Vec<usize> = file.chunks_owned(60).map(|chunk| chunk.map_or(0, |bytes| bytes.len())).collect();
    /// assert_eq!(sizes, [60, 40]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn chunks_owned(&self, chunk_size: usize) -> ChunkIteratorOwned<'_> {
        let len = usize::try_from(self.len()).unwrap_or(usize::MAX);
        ChunkIteratorOwned { file: self, pieces: Pieces::new(len, chunk_size) }
    }

    /// Pages as copies.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// assert_eq!(file.pages_owned().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pages_owned(&self) -> PageIteratorOwned<'_> {
        PageIteratorOwned(self.chunks_owned(os::page_size()))
    }

    /// Pieces to write.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 10)?;
    /// file.chunks_mut(4).for_each_mut(|offset, bytes| {
    ///     bytes.fill(offset as u8);
    ///     Ok(())
    /// })?;
    /// assert_eq!(file.as_slice(7, 3)?, [4, 8, 8]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn chunks_mut(&self, chunk_size: usize) -> ChunkIteratorMut<'_> {
        ChunkIteratorMut { file: self, size: chunk_size }
    }
}
