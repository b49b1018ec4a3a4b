//! Memory that somebody else owns, and lends to have a file mapped over it.
//!
//! The owner frees the memory when it likes, unless it is kept: every borrower who touches the addresses by himself, in whatever
//! thread, does so while a [`Keep`] is held, and leaves the memory alone when there is none.
//!
//! # Safety
//!
//! Whoever makes a [`Foreign`] promises what [`Foreign::new`] asks for; the lock around the keeps makes sure that none is let go
//! while [`Foreign::while_kept`] runs.
#![allow(unsafe_code, reason = "a pointer to memory that is used by several threads")]

use std::sync::{Mutex, MutexGuard};

use crate::mutex::lock;

/// Something that keeps the memory from being freed until it is dropped, which may happen on any thread.
///
/// ```
/// let keep: mmap_io::Keep = Box::new(std::sync::Arc::new("whatever owns the memory"));
/// ```
pub type Keep = Box<dyn Send + Sync>;

/// Memory that somebody else owns: whole pages, readable and writable.
///
/// ```
/// # use std::sync::Arc;
/// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
/// # if !mmap_io::CAN_MAP_OVER {
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
/// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
/// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
/// file.write(0, b"hello")?;
/// file.map_over(memory)?;
/// assert_eq!(owner.as_slice(0, 5)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Foreign {
    base: *mut u8,
    len: usize,
    keeps: Mutex<Vec<Keep>>,
}

// SAFETY: an address is the same on every thread, and what is done there is the duty of who does it.
unsafe impl Send for Foreign {}
// SAFETY: as above; the keeps have a lock.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// `len` bytes from `base` on.
    ///
    /// # Safety
    /// - `base` and `len` are multiples of the page size, and nothing else lies in these pages that anybody needs.
    /// - The pages stay mapped, and are nobody else's, while `keep`, or one that [`wake`](crate::Region::wake) is given, is held.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mmap_io::{AnonymousMmap, Foreign};
    ///
    /// let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn new(base: *mut u8, len: usize, keep: Keep) -> Self {
        Self { base, len, keeps: Mutex::new(vec![keep]) }
    }

    #[cfg_attr(not(unix), expect(dead_code, reason = "nothing can be mapped over it there"))]
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Bytes that can be mapped over.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Foreign};
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// assert_eq!(memory.len(), 64 << 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The first `len` bytes of it.
    pub(crate) fn first(self, len: usize) -> Self {
        Self { len: len.min(self.len), ..self }
    }

    /// Whether there are none.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Foreign};
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// assert!(!memory.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps the memory once more. The caller knows that it is not freed yet.
    pub(crate) fn wake(&self, keep: Keep) {
        self.keeps().push(keep);
    }

    /// Keeps the memory once less. With the last its owner alone decides how long it is there.
    pub(crate) fn sleep(&self) {
        let keep = self.keeps().pop();
        drop(keep);
    }

    /// Does not keep the memory any longer.
    pub(crate) fn let_go(&self) {
        let keeps = std::mem::take(&mut *self.keeps());
        drop(keeps);
    }

    /// Runs `call` while the memory is sure to be there; `None` when nobody keeps it.
    pub(crate) fn while_kept<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        let keeps = self.keeps();
        (!keeps.is_empty()).then(call)
    }

    fn keeps(&self) -> MutexGuard<'_, Vec<Keep>> {
        // Keeps are pushed and popped whole: a panic cannot leave the list half done.
        lock(&self.keeps)
    }
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { base, len, keeps: _ } = self;
        formatter.debug_struct("Foreign").field("base", base).field("len", len).finish_non_exhaustive()
    }
}
