//! Atomic integers in a mapping, for one call at a time.
//!
//! # Safety
//!
//! An address handed to a call was checked to be aligned and to lie inside the region, which is held until the call has
//! returned.
#![allow(unsafe_code, reason = "atomics over mapped memory")]

use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::file::{MappedFile, MmapMode};
use crate::range;
use crate::region::{to_u64, Region};

impl MappedFile {
    /// Calls `call` with the 64-bit integer at `offset`, in the machine's byte order. Nothing counts as written.
    ///
    /// # Errors
    /// [`Error::InvalidMode`] on a read-only mapping; [`Error::Misaligned`] when the integer's position in the file is no
    /// multiple of its size; [`Error::OutOfBounds`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// use std::sync::atomic::Ordering;
    ///
    /// assert_eq!(file.with_u64(8, |integer| integer.fetch_add(5, Ordering::SeqCst))?, 0);
    /// assert_eq!(file.with_u64(8, |integer| integer.load(Ordering::SeqCst))?, 5);
    /// assert!(file.with_u64(9, |_| ()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_u64<R>(&self, offset: u64, call: impl FnOnce(&AtomicU64) -> R) -> Result<R> {
        let (_region, address) = self.locate::<AtomicU64>(offset)?;
        // SAFETY: aligned, inside the region and held, see the module.
        Ok(call(unsafe { &*address }))
    }

    /// The same with the 32-bit integer at `offset`.
    ///
    /// # Errors
    /// As [`with_u64`](Self::with_u64).
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// use std::sync::atomic::Ordering;
    ///
    /// file.with_u32(96, |integer| integer.store(7, Ordering::SeqCst))?;
    /// assert_eq!(std::fs::read(&path)?[96..100], 7_u32.to_ne_bytes());
    /// assert!(file.with_u32(100, |_| ()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_u32<R>(&self, offset: u64, call: impl FnOnce(&AtomicU32) -> R) -> Result<R> {
        let (_region, address) = self.locate::<AtomicU32>(offset)?;
        // SAFETY: aligned, inside the region and held, see the module.
        Ok(call(unsafe { &*address }))
    }

    /// Where an integer lies, and what keeps it there.
    fn locate<T>(&self, offset: u64) -> Result<(Arc<Region>, *const T)> {
        if self.mode() == MmapMode::ReadOnly {
            return Err(Error::InvalidMode("a read-only mapping has no atomic integers"));
        }
        let region = self.region();
        let required = to_u64(size_of::<T>());
        // The lead keeps the alignment of the position in the file.
        if !offset.wrapping_add(to_u64(region.lead())).is_multiple_of(required) {
            return Err(Error::Misaligned { required, offset });
        }
        let range = range::check(offset, required, self.len().min(to_u64(region.len())))?;
        let address = region.start().wrapping_add(range.start).cast_const().cast::<T>();
        debug_assert!(address.is_aligned());
        Ok((region, address))
    }
}
