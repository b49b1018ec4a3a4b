//! The table of guarded mappings, which the handler searches.
//!
//! It grows by chunks that are never given back, so that the handler can walk it at any time. A slot's span says where its
//! mapping lies and is read without the lock; everything else is read and changed with the slot's spin lock held.
//!
//! # Safety
//!
//! `state` is reached through [`Locked`] alone, of which there is one at a time. Whoever holds one outside the handler has
//! all signals blocked and touches no mapped memory: no handler can wait for a lock that its own thread holds.
#![allow(unsafe_code, reason = "a spin lock that a signal handler can take")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use crate::page_set::PageSet;
use crate::{Sharing, Words};

/// What is known of a guarded mapping.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) base: usize,
    /// Bytes mapped, in whole pages.
    pub(crate) capacity: usize,
    /// `None` when the file was closed and the mapping stays.
    pub(crate) fd: Option<RawFd>,
    /// File position of `base`.
    pub(crate) position: u64,
    pub(crate) sharing: Sharing,
    pub(crate) words: &'static Words,
    /// Bytes from `base` on that the owner has mapped from the file; other memory lies over the rest.
    pub(crate) backed: usize,
    /// Everything from here to `backed` is replaced, because the file was cut. `usize::MAX` while it was not.
    pub(crate) tail: usize,
    /// The byte where the file ended then.
    pub(crate) cut: usize,
    /// Pages that are replaced one by one. Those behind `tail` are kept as they are.
    pub(crate) inside: PageSet,
    /// What replaced pages began with, where that was not zeros: as long as the mapping, and one page more to read into.
    pub(crate) originals: Option<*mut u8>,
    /// Repairs of pages inside the file so far.
    pub(crate) repairs: usize,
    /// Pieces that the mapping was cut into by repairs, an upper bound.
    pub(crate) pieces: usize,
}

/// What a free slot holds.
pub(crate) static NOBODYS: Words = Words::new();

impl State {
    const fn free() -> Self {
        Self {
            base: 0,
            capacity: 0,
            fd: None,
            position: 0,
            sharing: Sharing::Private,
            words: &NOBODYS,
            backed: 0,
            tail: usize::MAX,
            cut: usize::MAX,
            inside: PageSet::none(),
            originals: None,
            repairs: 0,
            pieces: 0,
        }
    }

    /// Where the pages end that can be lost.
    pub(crate) fn end(&self) -> usize {
        self.tail.min(self.backed)
    }

    /// The flags that hold.
    pub(crate) fn flags(&self) -> u32 {
        let cut = if self.tail < self.backed { Words::TRUNCATED } else { 0 };
        cut | if self.inside.is_empty() { 0 } else { Words::IO_FAULT }
    }
}

pub(crate) struct Slot {
    /// 0: free. Written last when a mapping is entered, and first when it leaves.
    base: AtomicUsize,
    len: AtomicUsize,
    locked: AtomicBool,
    state: UnsafeCell<State>,
}

// SAFETY: the state is reached with the lock held alone; the pointer in it is to memory of the guard's own.
unsafe impl Sync for Slot {}

impl Slot {
    const fn free() -> Self {
        Self {
            base: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            locked: AtomicBool::new(false),
            state: UnsafeCell::new(State::free()),
        }
    }

    /// Whether the address lies in the mapping, as far as can be told without the lock.
    pub(crate) fn covers(&self, address: usize) -> bool {
        let base = self.base.load(Ordering::Acquire);
        base != 0 && address.checked_sub(base).is_some_and(|at| at < self.len.load(Ordering::Acquire))
    }

    /// Takes the lock in the handler, where all signals are blocked already.
    pub(crate) fn lock_in_handler(&self) -> Locked<'_> {
        self.spin();
        Locked { slot: self, signals: None }
    }

    /// Takes the lock anywhere else.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let signals = Some(Signals::block());
        self.spin();
        Locked { slot: self, signals }
    }

    fn spin(&self) {
        let mut tries = 0_u32;
        while self.locked.swap(true, Ordering::Acquire) {
            tries = tries.wrapping_add(1);
            if tries.is_multiple_of(64) {
                // SAFETY: takes and touches nothing.
                unsafe { libc::sched_yield() };
            }
            std::hint::spin_loop();
        }
    }

    /// Enters a mapping into a free slot.
    pub(crate) fn enter(&self, state: State) {
        let (base, len) = (state.base, state.capacity);
        *self.lock() = state;
        self.len.store(len, Ordering::Release);
        self.base.store(base, Ordering::Release);
    }

    /// Takes the mapping out of the table when it overlaps another, and leaves it the rest of its state.
    pub(crate) fn give_way(&self, base: usize, len: usize) {
        let overlaps = |own: usize, own_len| own != 0 && own < base + len && base < own + own_len;
        if overlaps(self.base.load(Ordering::Acquire), self.len.load(Ordering::Acquire)) {
            let locked = self.lock();
            if overlaps(locked.base, locked.capacity) {
                self.base.store(0, Ordering::Release);
            }
        }
    }

    /// Takes the mapping out, and gives what it had.
    pub(crate) fn leave(&self) -> State {
        let mut locked = self.lock();
        self.base.store(0, Ordering::Release);
        std::mem::replace(&mut locked, State::free())
    }
}

/// A slot's state, held alone.
pub(crate) struct Locked<'a> {
    slot: &'a Slot,
    /// Which signals to let through again.
    signals: Option<Signals>,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        // SAFETY: see the module.
        unsafe { &*self.slot.state.get() }
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        // SAFETY: see the module.
        unsafe { &mut *self.slot.state.get() }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.slot.locked.store(false, Ordering::Release);
        if let Some(signals) = self.signals.take() {
            signals.restore();
        }
    }
}

/// The signals that were blocked before all were.
struct Signals(libc::sigset_t);

impl Signals {
    fn block() -> Self {
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: fills the set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: both sets outlive the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: with valid arguments the call cannot fail, and it fills the set.
        Self(unsafe { before.assume_init() })
    }

    fn restore(self) {
        // SAFETY: the set outlives the call.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

const SLOTS: usize = 256;

struct Chunk {
    slots: [Slot; SLOTS],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Self { slots: [const { Slot::free() }; SLOTS], next: AtomicPtr::new(std::ptr::null_mut()) }
    }

    fn next(&self) -> Option<&'static Self> {
        // SAFETY: null, or a chunk that was leaked.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }
}

static FIRST: Chunk = Chunk::new();

fn chunks() -> impl Iterator<Item = &'static Chunk> {
    std::iter::successors(Some(&FIRST), |chunk| chunk.next())
}

/// The slot whose mapping holds an address.
pub(crate) fn find(address: usize) -> Option<&'static Slot> {
    all().find(|slot| slot.covers(address))
}

/// Every slot, free ones too.
pub(crate) fn all() -> impl Iterator<Item = &'static Slot> {
    chunks().flat_map(|chunk| &chunk.slots)
}

/// Appends a chunk of free slots. One thread at a time.
pub(crate) fn more_slots() -> impl Iterator<Item = &'static Slot> {
    let chunk: &'static Chunk = Box::leak(Box::new(Chunk::new()));
    if let Some(last) = chunks().last() {
        last.next.store(std::ptr::from_ref(chunk).cast_mut(), Ordering::Release);
    }
    chunk.slots.iter()
}

/// The slots of the first chunk.
pub(crate) fn first_slots() -> impl Iterator<Item = &'static Slot> {
    FIRST.slots.iter()
}
