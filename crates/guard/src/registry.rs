//! Entering mappings into the table, and changing what is behind their pages while the handler may look at them.
//!
//! # Safety
//!
//! Whoever registers a mapping keeps it mapped, and its file open, until the registration is dropped (or
//! [orphaned](Registration::orphan), for the file). All changes to its pages go through the registration.
#![allow(unsafe_code, reason = "takes addresses that the caller vouches for")]

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::memory::{page_size, round_up};
use crate::page_set::PageSet;
use crate::repair::forget_pieces;
use crate::slot::{all, first_slots, more_slots, Slot, State, NOBODYS};
use crate::{handler, Addresses, Replaced, Sharing, Words};

/// What a registration needs of a file.
pub type FileHandle = File;

/// Whether the guard can keep this process alive.
#[must_use]
pub const fn is_supported() -> bool {
    true
}

/// Slots that are free; `None` before the first is taken.
static FREE: Mutex<Option<Vec<&'static Slot>>> = Mutex::new(None);

fn free() -> MutexGuard<'static, Option<Vec<&'static Slot>>> {
    // Slots are pushed and popped whole: a panic cannot leave the list half done.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_slot() -> &'static Slot {
    let mut free = free();
    let slots = free.get_or_insert_with(|| first_slots().collect());
    loop {
        match slots.pop() {
            Some(slot) => return slot,
            None => slots.extend(more_slots()),
        }
    }
}

/// Mappings over memory that somebody else can free.
static LENT: AtomicUsize = AtomicUsize::new(0);

/// Guards a mapping, which begins at `base` and at byte `position` of its file, and installs the handler.
///
/// # Safety
/// - `len` bytes from `base` on are mapped from `file`, readable and writable, in whole pages, and stay mapped until the
///   registration is dropped; [lent](Addresses::Lent) ones until then or until something else is mapped there.
/// - `file` stays open until then, or until [`Registration::orphan`].
/// - What is behind the pages is changed through the registration alone.
#[must_use]
pub unsafe fn register(
    base: *mut u8,
    len: usize,
    addresses: Addresses,
    file: &FileHandle,
    position: u64,
    sharing: Sharing,
    words: &'static Words,
) -> Registration {
    let _ = handler::install();
    let capacity = round_up(len);
    if LENT.load(Ordering::Acquire) > 0 {
        // What lay here is gone, or the pages could not be this mapping's.
        all().for_each(|slot| slot.give_way(base as usize, capacity));
    }
    if addresses == Addresses::Lent {
        LENT.fetch_add(1, Ordering::AcqRel);
    }
    let slot = take_slot();
    slot.enter(State {
        base: base as usize,
        capacity,
        fd: Some(file.as_raw_fd()),
        position,
        sharing,
        words,
        backed: capacity,
        tail: usize::MAX,
        cut: usize::MAX,
        inside: PageSet::new(capacity / page_size()),
        originals: None,
        repairs: 0,
        pieces: 0,
    });
    Registration { slot, addresses }
}

/// A guarded mapping. Dropping it ends the guard: after that nothing may touch the mapping but what it is unmapped with.
pub struct Registration {
    slot: &'static Slot,
    addresses: Addresses,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").finish_non_exhaustive()
    }
}

/// Bytes of whole pages as page numbers.
fn numbers(pages: &Range<usize>) -> Range<usize> {
    let page = page_size();
    debug_assert!(pages.start.is_multiple_of(page) && pages.end.is_multiple_of(page));
    pages.start / page..pages.end / page
}

impl Registration {
    /// The flags of [`Words`] that hold for this mapping.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.slot.lock().flags()
    }

    /// The pages that are replaced.
    #[must_use]
    pub fn replaced(&self) -> Replaced {
        let state = self.slot.lock();
        let (page, end) = (page_size(), state.end());
        let mut inside = Vec::new();
        let mut rest = 0..end / page;
        while let Some(run) = state.inside.first_run(rest.clone()) {
            rest.start = run.end;
            inside.push(run.start * page..run.end * page);
        }
        let cut = if state.tail < state.backed { state.cut..state.backed } else { 0..0 };
        Replaced { inside, cut }
    }

    /// What the bytes from `at` on, of one replaced page, were when it was replaced.
    pub fn original(&self, at: usize, target: &mut [u8]) {
        let state = self.slot.lock();
        match state.originals {
            Some(originals) if at.saturating_add(target.len()) <= state.capacity => {
                // SAFETY: inside the copies, as was just checked.
                let source = unsafe { originals.add(at) };
                // SAFETY: as above; the target is a reference of somebody else's memory.
                unsafe { source.copy_to_nonoverlapping(target.as_mut_ptr(), target.len()) };
            }
            _ => target.fill(0),
        }
    }

    /// Runs `call`, which puts other memory in the place of everything from `from` on. It must not touch mapped memory, here
    /// and below: the handler waits meanwhile.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn cover<E>(&self, from: usize, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.slot.lock();
        call()?;
        let all = from..state.capacity;
        state.inside.remove(numbers(&all));
        state.backed = state.backed.min(from);
        forget_what_is_gone(&mut state);
        Ok(())
    }

    /// Runs `call`, which maps the file again where it was covered, up to `to`.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn uncover<E>(&self, to: usize, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.slot.lock();
        call()?;
        // A tail that reached to the end of what was backed ends there now.
        let was_backed = state.backed;
        if state.tail < was_backed {
            let tail = state.tail..was_backed;
            state.inside.insert(numbers(&tail));
        }
        state.tail = usize::MAX;
        state.backed = state.backed.max(to).min(state.capacity);
        Ok(())
    }

    /// Runs `call`, which maps the file again over replaced pages inside it.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn put_back<E>(&self, pages: Range<usize>, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.slot.lock();
        call()?;
        state.inside.remove(numbers(&pages));
        forget_what_is_gone(&mut state);
        Ok(())
    }

    /// The file that was cut reaches to byte `len` of the mapping again. Runs `call` with the replaced pages that it has
    /// again, to map it there.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn grown_again<E>(&self, len: usize, call: impl FnOnce(Range<usize>) -> Result<(), E>) -> Result<(), E> {
        let mut state = self.slot.lock();
        let pages = state.tail..round_up(len).min(state.backed);
        if !pages.is_empty() {
            call(pages.clone())?;
            state.inside.remove(numbers(&pages));
            state.tail = pages.end;
        }
        if state.tail < state.backed {
            state.cut = state.cut.max(len);
        }
        forget_what_is_gone(&mut state);
        Ok(())
    }

    /// Runs `call` for each part of `pages` that is the file's: for what must not be done to replaced pages.
    ///
    /// # Errors
    /// The first of `call`.
    pub fn around_replaced<E>(
        &self,
        pages: Range<usize>,
        mut call: impl FnMut(Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = self.slot.lock();
        let page = page_size();
        let mut rest = numbers(&(pages.start..pages.end.min(state.end())));
        while let Some(gap) = state.inside.first_gap(rest.clone()) {
            rest.start = gap.end;
            call(gap.start * page..gap.end * page)?;
        }
        Ok(())
    }

    /// The file is going to be closed while the mapping stays. Pages are still repaired, and nobody is told.
    pub fn orphan(&self) {
        let mut state = self.slot.lock();
        state.fd = None;
        state.words = &NOBODYS;
    }
}

/// Resets what counts replaced pages once there are none.
fn forget_what_is_gone(state: &mut State) {
    if state.tail >= state.backed {
        state.tail = usize::MAX;
        state.cut = usize::MAX;
    }
    if state.inside.is_empty() {
        forget_pieces(std::mem::take(&mut state.pieces));
        state.repairs = 0;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let state = self.slot.leave();
        if self.addresses == Addresses::Lent {
            LENT.fetch_sub(1, Ordering::AcqRel);
        }
        forget_pieces(state.pieces);
        if let Some(originals) = state.originals {
            // SAFETY: the guard's own memory of this length, which nobody knows any more.
            unsafe { libc::munmap(originals.cast(), state.capacity + page_size()) };
        }
        // The state's memory is freed here, after the lock.
        drop(state);
        if let Some(slots) = free().as_mut() {
            slots.push(self.slot);
        }
    }
}
