//! Atomic integers in mapped memory, in the machine's byte order, shared with other threads and processes.
//!
//! ```
//! # use mmap_io::AnonymousMmap;
//! use std::sync::atomic::Ordering;
//!
//! let memory = AnonymousMmap::new(4096)?;
//! let counter = memory.atomic_u64(8)?;
//! counter.fetch_add(5, Ordering::Relaxed);
//! assert_eq!(counter.load(Ordering::Relaxed), 5);
//! # Ok::<(), mmap_io::MmapIoError>(())
//! ```
//!
//! # Safety
//!
//! A view's address was located, aligned and in bounds, through the lock that it holds, so it stays mapped; the register
//! keeps plain slices and atomics of the other width away from its bytes.
#![allow(unsafe_code, reason = "atomics over mapped memory, guarded by the lock they hold")]

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::errors::{MmapIoError, Result};
use crate::file::MappedFile;
use crate::memory::{Hold, Memory};
use crate::mmap::MemoryMappedFile;
use crate::range;
use crate::region::to_u64;

/// One atomic integer of a mapping. While it lives nobody writes to the mapping by other means or resizes it.
///
/// ```
/// # use mmap_io::AnonymousMmap;
/// # use std::sync::atomic::Ordering::Relaxed;
/// let memory = AnonymousMmap::new(4096)?;
/// let counter = memory.atomic_u32(0)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| counter.fetch_add(1, Relaxed));
///     scope.spawn(|| counter.fetch_add(1, Relaxed));
/// });
/// assert_eq!(counter.load(Relaxed), 2);
/// # Ok::<(), mmap_io::MmapIoError>(())
/// ```
pub struct AtomicView<'a, T> {
    elements: AtomicSliceView<'a, T>,
}

/// Atomic integers of a mapping, side by side.
///
/// ```
/// # use mmap_io::AnonymousMmap;
/// # use std::sync::atomic::Ordering::Relaxed;
/// let memory = AnonymousMmap::new(4096)?;
/// let counters = memory.atomic_u64_slice(0, 4)?;
/// counters.iter().for_each(|counter| counter.store(7, Relaxed));
/// assert_eq!((counters.len(), counters[3].load(Relaxed)), (4, 7));
/// # Ok::<(), mmap_io::MmapIoError>(())
/// ```
pub struct AtomicSliceView<'a, T> {
    address: *const T,
    count: usize,
    counted_in: Option<&'a MappedFile>,
    _hold: Hold<'a>,
}

// SAFETY: the lock is one that may be released on another thread; elements are only reached by shared reference.
unsafe impl<T: Sync> Send for AtomicView<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for AtomicView<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Send for AtomicSliceView<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for AtomicSliceView<'_, T> {}

impl<'a, T> AtomicSliceView<'a, T> {
    /// Checks alignment, bounds, then other views.
    fn new(memory: &'a Memory, offset: u64, count: usize, counted_in: Option<&'a MappedFile>) -> Result<Self> {
        let size = size_of::<T>();
        let required = to_u64(size);
        if !offset.is_multiple_of(required) {
            return Err(MmapIoError::Misaligned { required, offset });
        }
        let lock = memory.shared();
        let len = to_u64(count).saturating_mul(required);
        range::check_strictly(offset, len, to_u64(lock.len()))?;
        let (range, address) = lock.locate(offset, len)?;
        // A place for no elements is aligned as well as any.
        let address = if count == 0 { std::ptr::NonNull::<T>::dangling().as_ptr() } else { address.cast() };
        debug_assert!(address.is_aligned());
        match lock.view_atomic(&range, size) {
            Ok(hold) => Ok(Self { address, count, counted_in, _hold: hold }),
            Err(refusal) => Err(refusal.explain(offset, len)),
        }
    }
}

impl<T> Deref for AtomicSliceView<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: see the module.
        unsafe { std::slice::from_raw_parts(self.address, self.count) }
    }
}

impl<T> Deref for AtomicView<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: see the module; there is one element.
        unsafe { &*self.elements.address }
    }
}

impl<T> Drop for AtomicSliceView<'_, T> {
    fn drop(&mut self) {
        if let Some(file) = self.counted_in {
            file.count_written(to_u64(self.count * size_of::<T>()));
        }
    }
}

impl<T> std::fmt::Debug for AtomicSliceView<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AtomicSliceView").field("len", &self.count).finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for AtomicView<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AtomicView").finish_non_exhaustive()
    }
}

macro_rules! atomics {
    ($owner:ty, [$($example:literal),+], $self:ident, $memory:expr, $counted_in:expr, $check:expr) => {
        /// Atomic views. Checks run in the order mode, alignment, bounds, other live views.
        impl $owner {
            /// One 64-bit integer.
            ///
            /// # Errors
            /// `InvalidMode` where the memory cannot be written, or while a view of another kind is alive there;
            /// `Misaligned`; `OutOfBounds`.
            ///
            /// ```
            /// # use std::sync::atomic::Ordering::Relaxed;
            $(#[doc = $example])+
            /// let counter = memory.atomic_u64(8)?;
            /// assert_eq!((counter.fetch_add(5, Relaxed), counter.load(Relaxed)), (0, 5));
            /// assert!(memory.atomic_u64(4).is_err(), "not aligned");
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn atomic_u64(&$self, offset: u64) -> Result<AtomicView<'_, AtomicU64>> {
                Ok(AtomicView { elements: $self.atomic_u64_slice(offset, 1)? })
            }

            /// One 32-bit integer.
            ///
            /// # Errors
            /// As [`atomic_u64`](Self::atomic_u64).
            ///
            /// ```
            /// # use std::sync::atomic::Ordering::Relaxed;
            $(#[doc = $example])+
            /// let flag = memory.atomic_u32(4)?;
            /// assert_eq!(flag.swap(1, Relaxed), 0);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn atomic_u32(&$self, offset: u64) -> Result<AtomicView<'_, AtomicU32>> {
                Ok(AtomicView { elements: $self.atomic_u32_slice(offset, 1)? })
            }

            /// 64-bit integers side by side.
            ///
            /// # Errors
            /// As [`atomic_u64`](Self::atomic_u64).
            ///
            /// ```
            /// # use std::sync::atomic::Ordering::Relaxed;
            $(#[doc = $example])+
            /// let counters = memory.atomic_u64_slice(0, 3)?;
            /// counters[2].store(7, Relaxed);
            /// assert_eq!(counters.iter().map(|counter| counter.load(Relaxed)).sum::<u64>(), 7);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn atomic_u64_slice(&$self, offset: u64, count: usize) -> Result<AtomicSliceView<'_, AtomicU64>> {
                $check?;
                AtomicSliceView::new($memory, offset, count, $counted_in)
            }

            /// 32-bit integers side by side.
            ///
            /// # Errors
            /// As [`atomic_u64`](Self::atomic_u64).
            ///
            /// ```
            /// # use std::sync::atomic::Ordering::Relaxed;
            $(#[doc = $example])+
            /// assert_eq!(memory.atomic_u32_slice(4, 10)?.len(), 10);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn atomic_u32_slice(&$self, offset: u64, count: usize) -> Result<AtomicSliceView<'_, AtomicU32>> {
                $check?;
                AtomicSliceView::new($memory, offset, count, $counted_in)
            }
        }
    };
}

atomics!(
    MemoryMappedFile,
    [
        "# let folder = tempfile::tempdir()?;",
        "# let memory = mmap_io::MemoryMappedFile::create_rw(folder.path().join(\"f\"), 64)?;"
    ],
    self,
    &self.inner.memory,
    Some(&self.inner.file),
    self.assert_writable()
);
atomics!(
    crate::anonymous::AnonymousMmap,
    ["# let memory = mmap_io::AnonymousMmap::new(64)?;"],
    self,
    self.memory(),
    None,
    Result::Ok(())
);
