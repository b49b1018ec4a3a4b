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
use std::ptr::NonNull;

use parking_lot::lock_api::{RawRwLock as _, RawRwLockRecursive as _};
use parking_lot::RawRwLock;

use crate::errors::{MmapIoError, Result};
use crate::range;
use crate::region::to_u64;
use crate::views::{Place, Views, NOWHERE};

/// First byte and length of the memory. Never null: a slice of no bytes has an address, too.
#[derive(Clone, Copy)]
struct Span {
    base: NonNull<u8>,
    len: usize,
}

impl Span {
    fn new(base: *mut u8, len: usize) -> Self {
        match NonNull::new(base) {
            Some(base) => Self { base, len },
            None => Self { base: NonNull::dangling(), len: 0 },
        }
    }
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
        Self { lock: RawRwLock::INIT, span: UnsafeCell::new(Span::new(base, len)), views: Views::default(), guarded }
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
    #[inline]
    pub(crate) fn try_shared(&self) -> Option<Shared<'_>> {
        (!self.guarded || self.lock.try_lock_shared_recursive()).then(|| Shared { memory: self })
    }

    /// Waits until no view is alive and nobody else writes.
    #[inline]
    pub(crate) fn exclusive(&self) -> Exclusive<'_> {
        self.lock.lock_exclusive();
        Exclusive { memory: self }
    }

    /// `None` while a view is alive or somebody writes.
    #[inline]
    pub(crate) fn try_exclusive(&self) -> Option<Exclusive<'_>> {
        self.lock.try_lock_exclusive().then(|| Exclusive { memory: self })
    }

    #[inline]
    fn span(&self) -> Span {
        // SAFETY: callers hold the lock in one way or the other, or the memory never moves; see the module.
        unsafe { *self.span.get() }
    }

    #[inline]
    fn locate(&self, offset: u64, len: u64) -> std::result::Result<(Range<usize>, *mut u8), Refusal> {
        let span = self.span();
        let total = to_u64(span.len);
        let Some(range) = range::fit(offset, len, total) else { return Err(Refusal::OutOfBounds { total }) };
        // SAFETY: the range was checked against the length of the span.
        let address = unsafe { span.base.add(range.start) };
        Ok((range, address.as_ptr()))
    }

    /// A view of bytes that are not [guarded](Self::is_guarded): nothing has to be held. The address is valid as long as the
    /// owner keeps the memory mapped.
    #[inline]
    pub(crate) fn view_unguarded(&self, offset: u64, len: u64) -> Result<(*const u8, usize)> {
        debug_assert!(!self.guarded);
        match self.locate(offset, len) {
            Ok((range, address)) => Ok((address, range.len())),
            Err(refusal) => Err(refusal.explain(offset, len)),
        }
    }

    /// Waits until nobody writes, and enters a view into the register. Words in and few words out: the code around it is
    /// compiled into the caller's crate.
    #[inline(never)]
    pub(crate) fn view(&self, offset: u64, len: u64) -> std::result::Result<(*const u8, Hold<'_>), Refusal> {
        self.shared().view(offset, len)
    }

    /// Whether the memory is ever written or moved.
    #[inline]
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Copies bytes out, with atomic loads where atomic views are alive.
    #[inline]
    pub(crate) fn copy_to(&self, offset: u64, target: &mut [u8]) -> Result<()> {
        let len = to_u64(target.len());
        let refused =
            if self.guarded { self.copy_guarded(offset, target) } else { self.copy_unguarded(offset, target) };
        match refused {
            None => Ok(()),
            Some(total) => Err(Refusal::OutOfBounds { total }.explain(offset, len)),
        }
    }

    /// Tells how many bytes there are when the range reaches past them.
    #[inline]
    fn copy_unguarded(&self, offset: u64, target: &mut [u8]) -> Option<u64> {
        match self.locate(offset, to_u64(target.len())) {
            // SAFETY: `source` is valid for the range, which is as long as the target, and nobody writes there.
            Ok((_, source)) => unsafe { source.copy_to_nonoverlapping(target.as_mut_ptr(), target.len()) },
            Err(_) => return Some(to_u64(self.span().len)),
        }
        None
    }

    /// The same with the lock.
    #[inline(never)]
    fn copy_guarded(&self, offset: u64, target: &mut [u8]) -> Option<u64> {
        let lock = self.shared();
        match self.locate(offset, to_u64(target.len())) {
            // SAFETY: `source` is valid for the range, which is as long as the target. A slice of somebody else does not
            // overlap mapped memory that can be written.
            Ok((range, source)) => unsafe {
                self.views.copy(range.start, target.len(), source, target.as_mut_ptr());
            },
            Err(_) => return Some(to_u64(lock.len())),
        }
        None
    }

    /// The same into new memory.
    #[cfg(any(feature = "bytes", feature = "iterator"))]
    pub(crate) fn copy_out(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let lock = self.shared();
        let (range, source) = lock.locate(offset, len)?;
        let mut copy = Vec::with_capacity(range.len());
        if self.guarded {
            // SAFETY: `source` is valid for the range, and the new memory has room for it.
            unsafe { self.views.copy(range.start, range.len(), source, copy.as_mut_ptr()) };
        } else {
            // SAFETY: as above, and nobody writes there.
            unsafe { source.copy_to_nonoverlapping(copy.as_mut_ptr(), range.len()) };
        }
        // SAFETY: these bytes were written just now.
        unsafe { copy.set_len(range.len()) };
        Ok(copy)
    }
}

/// Why there is no view.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The range reaches past the end.
    OutOfBounds {
        /// Bytes there are.
        total: u64,
    },
    /// A live view of the other kind overlaps the range.
    Overlap(&'static str),
}

impl Refusal {
    /// The error, told of a request.
    #[cold]
    pub(crate) fn explain(self, offset: u64, len: u64) -> MmapIoError {
        match self {
            Self::OutOfBounds { total } => MmapIoError::OutOfBounds { offset, len, total },
            Self::Overlap(message) => MmapIoError::InvalidMode(message),
        }
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
        self.memory.locate(offset, len).map_err(|refusal| refusal.explain(offset, len))
    }

    /// A plain view of a range; refused while an atomic view of these bytes is alive.
    #[inline]
    pub(crate) fn view(self, offset: u64, len: u64) -> std::result::Result<(*const u8, Hold<'a>), Refusal> {
        let (range, address) = self.memory.locate(offset, len)?;
        let entered = if self.memory.guarded { self.memory.views.enter_plain(&range) } else { Some(NOWHERE) };
        match entered {
            Some(place) => Ok((address, self.hold(place))),
            None => Err(Refusal::Overlap("a live atomic view overlaps the range; drop it first")),
        }
    }

    /// An atomic view of elements of `size` bytes; refused while a view of another kind is alive there.
    #[cfg(feature = "atomic")]
    pub(crate) fn view_atomic(self, range: &Range<usize>, size: usize) -> std::result::Result<Hold<'a>, Refusal> {
        match self.memory.views.enter_atomic(range, size) {
            Some(place) => Ok(self.hold(place)),
            None => Err(Refusal::Overlap("a live view of another kind overlaps the range; drop it first")),
        }
    }

    /// The memory whose lock it is.
    #[cfg(feature = "iterator")]
    #[inline]
    pub(crate) fn memory(&self) -> &'a Memory {
        self.memory
    }

    #[inline]
    fn hold(self, place: Place) -> Hold<'a> {
        let memory = self.memory;
        std::mem::forget(self);
        Hold { memory, place }
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

/// The lock, held shared, with a view's entry in the register.
pub(crate) struct Hold<'a> {
    memory: &'a Memory,
    place: Place,
}

impl Drop for Hold<'_> {
    #[inline]
    fn drop(&mut self) {
        let_go(self.memory, self.place);
    }
}

/// Words in, as with [`Memory::view`].
#[inline(never)]
fn let_go(memory: &Memory, place: Place) {
    // The entry goes before the lock.
    memory.views.leave(place);
    drop(Shared { memory });
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
    #[inline]
    pub(crate) fn locate(&self, offset: u64, len: u64) -> Result<(Range<usize>, *mut u8)> {
        self.memory.locate(offset, len).map_err(|refusal| refusal.explain(offset, len))
    }

    /// Copies bytes in.
    #[inline]
    pub(crate) fn copy_from(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let (_, target) = self.locate(offset, to_u64(data.len()))?;
        // SAFETY: `target` is valid for `data.len()` bytes, and with the lock held alone nobody else has a slice of them.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target, data.len()) };
        Ok(())
    }

    /// Moves the memory: no view is alive while the lock is held alone. `base` is as in [`Memory::new`].
    pub(crate) fn relocate(&mut self, base: *mut u8, len: usize) {
        // SAFETY: the lock is held alone, so nobody reads the span.
        unsafe { *self.memory.span.get() = Span::new(base, len) };
    }
}

impl Drop for Exclusive<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the lock was taken alone when this value was made.
        unsafe { self.memory.lock.unlock_exclusive() };
    }
}
