//! A part of a mapping under a name of its own.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! use std::sync::Arc;
//! use mmap_io::segment::{Segment, SegmentMut};
//!
//! let file = Arc::new(MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
//! SegmentMut::new(Arc::clone(&file), 10, 5)?.write(b"hello")?;
//! assert_eq!(Segment::new(file, 12, 3)?.as_slice()?, b"llo");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use crate::errors::{MmapIoError, Result};
use crate::mmap::{MappedSlice, MappedSliceMut, MemoryMappedFile};
use crate::range;
use crate::region::to_u64;

/// A range of a mapping, for reading. It is looked up anew at each use, so it follows a resize: cut off by a shrink it is
/// out of bounds, after a growth it works again.
///
/// ```
/// use std::sync::Arc;
/// use mmap_io::{segment::Segment, MemoryMappedFile};
///
/// let folder = tempfile::tempdir()?;
/// let file = Arc::new(MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
/// let segment = Segment::new(Arc::clone(&file), 10, 20)?;
/// file.resize(15)?;
/// assert!(!segment.is_valid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Segment {
    place: Place,
}

/// The same for writing.
///
/// ```
/// use std::sync::Arc;
/// use mmap_io::{segment::SegmentMut, MemoryMappedFile};
///
/// let folder = tempfile::tempdir()?;
/// let file = Arc::new(MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
/// let segment = SegmentMut::new(Arc::clone(&file), 10, 5)?;
/// segment.write(b"hello")?;
/// assert!(segment.write(b"longer than five").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SegmentMut {
    place: Place,
}

#[derive(Debug, Clone)]
struct Place {
    parent: Arc<MemoryMappedFile>,
    offset: u64,
    len: u64,
}

impl Place {
    fn new(parent: Arc<MemoryMappedFile>, offset: u64, len: u64) -> Result<Self> {
        range::check(offset, len, parent.len())?;
        Ok(Self { parent, offset, len })
    }

    fn is_valid(&self) -> bool {
        range::check(self.offset, self.len, self.parent.len()).is_ok()
    }
}

macro_rules! accessors {
    ($name:ident) => {
        /// A range of `parent`.
        ///
        /// # Errors
        /// `OutOfBounds`.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// file.resize(4096)?;
        /// assert!(segment.is_valid());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn new(parent: Arc<MemoryMappedFile>, offset: u64, len: u64) -> Result<Self> {
            Ok(Self { place: Place::new(parent, offset, len)? })
        }

        /// Bytes in the segment.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// assert_eq!(segment.len(), 20);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use]
        pub fn len(&self) -> u64 {
            self.place.len
        }

        /// Whether there are none.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// assert!(!segment.is_empty());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use]
        pub fn is_empty(&self) -> bool {
            self.place.len == 0
        }

        /// First byte, counted from the start of the mapping.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// assert_eq!(segment.offset(), 10);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use]
        pub fn offset(&self) -> u64 {
            self.place.offset
        }

        /// The mapping.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// assert_eq!(segment.parent().len(), 100);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use]
        pub fn parent(&self) -> &MemoryMappedFile {
            &self.place.parent
        }

        /// False while a shrink has cut the range off.
        ///
        /// ```
        /// # use std::sync::Arc;
        /// # let folder = tempfile::tempdir()?;
        /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
        #[doc = concat!("let segment = mmap_io::segment::", stringify!($name), "::new(Arc::clone(&file), 10, 20)?;")]
        /// file.resize(29)?;
        /// assert!(!segment.is_valid());
        /// file.resize(30)?;
        /// assert!(segment.is_valid());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use]
        pub fn is_valid(&self) -> bool {
            self.place.is_valid()
        }
    };
}

impl Segment {
    accessors!(Segment);

    /// Borrows the bytes.
    ///
    /// # Errors
    /// As [`MemoryMappedFile::as_slice`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let folder = tempfile::tempdir()?;
    /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
    /// let segment = mmap_io::segment::Segment::new(Arc::clone(&file), 10, 5)?;
    /// file.update_region(10, b"hello")?;
    /// assert_eq!(segment.as_slice()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_slice(&self) -> Result<MappedSlice<'_>> {
        self.place.parent.as_slice(self.place.offset, self.place.len)
    }
}

impl SegmentMut {
    accessors!(SegmentMut);

    /// Borrows the bytes to write.
    ///
    /// # Errors
    /// As [`MemoryMappedFile::as_slice_mut`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let folder = tempfile::tempdir()?;
    /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
    /// let segment = mmap_io::segment::SegmentMut::new(Arc::clone(&file), 10, 3)?;
    /// segment.as_slice_mut()?.fill(7);
    /// assert_eq!(file.as_slice(9, 5)?, [0, 7, 7, 7, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_slice_mut(&self) -> Result<MappedSliceMut<'_>> {
        self.place.parent.as_slice_mut(self.place.offset, self.place.len)
    }

    /// Stores bytes at the segment's start, then applies the flush policy.
    ///
    /// # Errors
    /// As [`MemoryMappedFile::update_region`]; `OutOfBounds` with offset 0 and the segment's length when the data is longer,
    /// and when a shrink has cut any part of the segment off.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let folder = tempfile::tempdir()?;
    /// # let file = Arc::new(mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?);
    /// let segment = mmap_io::segment::SegmentMut::new(Arc::clone(&file), 10, 5)?;
    /// segment.write(b"hello")?;
    /// assert!(segment.write(b"longer").is_err());
    /// assert_eq!(file.as_slice(10, 6)?, b"hello\0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, data: &[u8]) -> Result<()> {
        let Place { parent, offset, len } = &self.place;
        if data.is_empty() {
            return Ok(());
        }
        parent.assert_writable()?;
        let bytes = to_u64(data.len());
        if bytes > *len {
            return Err(MmapIoError::OutOfBounds { offset: 0, len: bytes, total: *len });
        }
        let mut lock = parent.inner.memory.exclusive();
        lock.locate(*offset, *len)?;
        lock.copy_from(*offset, data)?;
        drop(lock);
        parent.written(bytes)
    }
}
