//! Mapped memory that is handed out as slices: a lock over the whole of it, and the register of live views.
//!
//! A slice promises that its bytes do not change under it, so while one is alive nobody writes: views hold the lock
//! shared, writers and resizing hold it alone. Shared locks are taken recursively, so that a thread which holds a view can
//! take another while a writer waits. Memory that is never written nor moved (a read-only mapping) needs none of this.
//!
//! # Safety
//!
//! `span` is read with the lock held in either way and changed with the lock held alone. The addresses in it stay mapped
//! while the owner of the `Memory` keeps its region, which it exchanges with the lock held alone.
#![allow(unsafe_code, reason = "slices over mapped memory, guarded by a lock")]

use std::cell::UnsafeCell;
use std::ops::Range;

use parking_lot::lock_api::{RawRwLock as _, RawRwLockRecursive as _};
use parking_lot::RawRwLock;

use crate::errors::Result;
use crate::range;
use crate::region::to_u64;
use crate::views::{Registration, Views};

/// First byte and length of the memory.
#[derive(Clone, Copy)]
struct Span {
    base: *mut u8,
    len: usize,
}

/// Mapped memory with its lock.
pub(crate) struct Memory {
    lock: RawRwLock,
    span: UnsafeCell<Span>,
    views: Views,
    /// False for memory that is never written and never moved.
    guarded: bool,
}

// SAFETY: the span is only reached through the lock; the memory behind it may be used from any thread.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// `base` is valid for `len` bytes as long as the owner keeps it mapped; null when there are none.
    pub(crate) fn new(base: *mut u8, len: usize, guarded: bool) -> Self {
        Self { lock: RawRwLock::INIT, span: UnsafeCell::new(Span { base, len }), views: Views::default(), guarded }
    }

    /// Waits until nobody writes.
    #[inline]
    pub(crate) fn shared(&self) -> Shared<'_> {
        if self.guarded {
            self.lock.lock_shared_recursive();
        }
        Shared { memory: self }
    }

    /// `None` while somebody writes.
    pub(crate) fn try_shared(&self) -> Option<Shared<'_>> {
        (!self.guarded || self.lock.try_lock_shared_recursive()).then(|| Shared { memory: self })
    }

    /// Waits until no view is alive and nobody else writes.
    pub(crate) fn exclusive(&self) -> Exclusive<'_> {
        self.lock.lock_exclusive();
        Exclusive { memory: self }
    }

    /// `None` while a view is alive or somebody writes.
    pub(crate) fn try_exclusive(&self) -> Option<Exclusive<'_>> {
        self.lock.try_lock_exclusive().then(|| Exclusive { memory: self })
    }

    #[inline]
    fn span(&self) -> Span {
        // SAFETY: callers hold the lock in one way or the other, or the memory never moves; see the module.
        unsafe { *self.span.get() }
    }

    #[inline]
    fn locate(&self, offset: u64, len: u64) -> Result<(Range<usize>, *mut u8)> {
        let span = self.span();
        let range = range::check(offset, len, to_u64(span.len))?;
        if range.is_empty() {
            return Ok((range, std::ptr::NonNull::<u8>::dangling().as_ptr()));
        }
        // SAFETY: the range was checked against the length of the span.
        let address = unsafe { span.base.add(range.start) };
        Ok((range, address))
    }
}

/// The lock, held shared.
pub(crate) struct Shared<'a> {
    memory: &'a Memory,
}

impl<'a> Shared<'a> {
    /// Bytes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.memory.span().len
    }

    /// Where a range lies. The address is valid while `self` is.
    #[inline]
    pub(crate) fn locate(&self, offset: u64, len: u64) -> Result<(Range<usize>, *mut u8)> {
        self.memory.locate(offset, len)
    }

    /// Enters a plain view of a range into the register; an error while an atomic view of these bytes is alive.
    #[inline]
    pub(crate) fn register_plain(&self, range: &Range<usize>) -> Result<Registration<'a>> {
        self.memory.views.register_plain(range, self.memory.guarded)
    }

    /// Enters an atomic view of elements of `size` bytes; an error while a view of another kind is alive there.
    #[cfg(feature = "atomic")]
    pub(crate) fn register_atomic(&self, range: &Range<usize>, size: usize) -> Result<Registration<'a>> {
        self.memory.views.register_atomic(range, size)
    }

    /// Copies bytes out, with atomic loads where atomic views are alive.
    pub(crate) fn copy_to(&self, offset: u64, target: &mut [u8]) -> Result<()> {
        let (range, source) = self.locate(offset, to_u64(target.len()))?;
        self.memory.views.copy(&range, source, target);
        Ok(())
    }

    /// Another lock of the same memory.
    #[cfg(feature = "iterator")]
    pub(crate) fn again(&self) -> Self {
        self.memory.shared()
    }
}

impl Drop for Shared<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.memory.guarded {
            // SAFETY: the lock was taken shared when this value was made.
            unsafe { self.memory.lock.unlock_shared() };
        }
    }
}

/// The lock, held alone.
pub(crate) struct Exclusive<'a> {
    memory: &'a Memory,
}

impl Exclusive<'_> {
    /// Bytes there are.
    #[cfg(feature = "iterator")]
    pub(crate) fn len(&self) -> usize {
        self.memory.span().len
    }

    /// Where a range lies. The address is valid while `self` is.
    pub(crate) fn locate(&self, offset: u64, len: u64) -> Result<(Range<usize>, *mut u8)> {
        self.memory.locate(offset, len)
    }

    /// Copies bytes in.
    pub(crate) fn copy_from(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let (_, target) = self.locate(offset, to_u64(data.len()))?;
        // SAFETY: `target` is valid for `data.len()` bytes, and with the lock held alone nobody else has a slice of them.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target, data.len()) };
        Ok(())
    }

    /// Moves the memory: no view is alive while the lock is held alone. `base` is as in [`Memory::new`].
    pub(crate) fn relocate(&mut self, base: *mut u8, len: usize) {
        // SAFETY: the lock is held alone, so nobody reads the span.
        unsafe { *self.memory.span.get() = Span { base, len } };
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        // SAFETY: the lock was taken alone when this value was made.
        unsafe { self.memory.lock.unlock_exclusive() };
    }
}
