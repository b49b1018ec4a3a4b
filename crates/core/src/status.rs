//! Status slots: the few numbers about a mapped file that are read often and from several threads, JavaScript's included.
//!
//! They live in process-wide memory that is never given back, so that a thread may look at a slot without a lock and the
//! fault handler may write one. A slot is 64 bytes, one cache line:
//!
//! ```text
//! byte  0   u32   flags             what is the matter with the pages; 0 while healthy. See `mmap_io_guard::Words`
//!       4   u32   faults            repairs of lost pages, modulo 2^32
//!       8   f64   length            length of the mapping in bytes
//!      16   u32   written, low      bytes ever written through counting calls; two words, since JavaScript has no
//!      20   u32   written, high     fast 64-bit atomic: add to the low one, carry into the high one
//!      24   f64   flushed           how many of all bytes written the last flush of the whole covered
//!      32   u32   writes            counting calls, modulo 2^32
//!      36   u32   flushed writes    the value of `writes` that the last flush of the whole covered
//!      40   f64   written first     more bytes written: those that JavaScript counted through the object that opened the file,
//!                                  which alone stores here and so needs no atomic addition
//!      48         reserved
//! ```
//!
//! ```
//! # use mmap_io::{Create, MmapMode, OpenOptions};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
//! file.write(0, b"hello")?;
//! let number = file.slot().number();
//! let chunk = mmap_io::status::chunk(number / mmap_io::status::SLOTS_PER_CHUNK).ok_or("no chunk")?;
//! assert_eq!(chunk[number % mmap_io::status::SLOTS_PER_CHUNK].pending(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Safety
//!
//! Slots are made of atomics alone, so that their memory may be seen by other threads, by JavaScript and at several addresses.
#![allow(unsafe_code, reason = "slots in pages of the operating system")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use mmap_io_guard::Words;

use crate::error::{Error, Result};
use crate::foreign::Foreign;
use crate::mutex::lock;
use crate::os::SharedPages;
use crate::region::to_u64;

/// Slots per chunk. A chunk is handed to JavaScript as one buffer of 64 KiB.
///
/// ```
/// use mmap_io::status::{Slot, SLOTS_PER_CHUNK};
///
/// assert_eq!(SLOTS_PER_CHUNK * size_of::<Slot>(), 64 << 10);
/// ```
pub const SLOTS_PER_CHUNK: usize = 1024;

/// One status slot; the layout stands at the top of this module.
///
/// ```
/// let slot = mmap_io::status::Slot::default();
/// slot.add_written(5);
/// assert_eq!((slot.length(), slot.pending()), (0, 5));
/// ```
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Slot {
    words: Words,
    length: AtomicU64,
    written: [AtomicU32; 2],
    flushed: AtomicU64,
    writes: AtomicU32,
    flushed_writes: AtomicU32,
    written_first: AtomicU64,
    reserved: [AtomicU32; 4],
}

/// What a flush covers, read before it starts: what is written meanwhile stays counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    bytes: u64,
    writes: u32,
}

impl Slot {
    /// The slot as it is now, eight bytes at a time, for those who cannot look at its memory.
    ///
    /// ```
    /// let slot = mmap_io::status::Slot::default();
    /// slot.add_written(5);
    /// assert_eq!(slot.copy()[2], 5);
    /// ```
    #[must_use]
    pub fn copy(&self) -> [u64; 8] {
        let eights = std::ptr::from_ref(self).cast::<[AtomicU64; 8]>();
        // SAFETY: a slot is 64 bytes of atomics, aligned for these, and lives as long as `self`.
        let eights = unsafe { &*eights };
        std::array::from_fn(|at| eights.get(at).map_or(0, |eight| eight.load(Ordering::Acquire)))
    }

    /// What is the matter with the pages: 0 while healthy, 1 when the file was cut, 2 when the operating system could not
    /// supply or store a page, 3 for both.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert_eq!(file.slot().flags(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.words.flags()
    }

    /// Counts repairs of lost pages, modulo 2^32: no change during a read of the memory, no made-up zeros in it.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let before = file.slot().faults();
    /// // SAFETY: the file keeps its region.
    /// let byte = unsafe { file.region().start().read_volatile() };
    /// assert!(file.slot().faults() == before, "the byte is the file's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn faults(&self) -> u32 {
        self.words.faults()
    }

    /// Length of the mapping in bytes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.resize(5000)?;
    /// assert_eq!(file.slot().length(), 5000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn length(&self) -> u64 {
        from_f64(f64::from_bits(self.length.load(Ordering::Acquire)))
    }

    pub(crate) fn set_length(&self, length: u64) {
        self.length.store(to_f64(length).to_bits(), Ordering::Release);
    }

    /// Counts one write of `bytes` bytes.
    ///
    /// ```
    /// let slot = mmap_io::status::Slot::default();
    /// slot.add_written(5 << 32);
    /// slot.add_written(1);
    /// assert_eq!(slot.pending(), (5 << 32) + 1);
    /// ```
    pub fn add_written(&self, bytes: u64) {
        let [low, high] = &self.written;
        let (low_part, high_part) = split(bytes);
        let carry = u32::from(low.fetch_add(low_part, Ordering::AcqRel).checked_add(low_part).is_none());
        if high_part.wrapping_add(carry) != 0 {
            high.fetch_add(high_part.wrapping_add(carry), Ordering::AcqRel);
        }
        self.writes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn written(&self) -> Written {
        let [low, high] = &self.written;
        loop {
            let before = high.load(Ordering::Acquire);
            let low = low.load(Ordering::Acquire);
            if high.load(Ordering::Acquire) == before {
                let first = from_f64(f64::from_bits(self.written_first.load(Ordering::Acquire)));
                let bytes = ((u64::from(before) << 32) | u64::from(low)) + first;
                return Written { bytes, writes: self.writes.load(Ordering::Acquire) };
            }
        }
    }

    /// Marks what was counted up to `covered` as flushed. A slower flush that covers less takes nothing back.
    pub(crate) fn set_flushed(&self, covered: Written) {
        let newer = |bits| (from_f64(f64::from_bits(bits)) < covered.bytes).then(|| to_f64(covered.bytes).to_bits());
        if self.flushed.fetch_update(Ordering::AcqRel, Ordering::Acquire, newer).is_ok() {
            self.flushed_writes.store(covered.writes, Ordering::Release);
        }
    }

    /// Bytes counted as written since the last flush of the whole.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(0, b"hello")?;
    /// assert_eq!(file.slot().pending(), 5);
    /// file.flush()?;
    /// assert_eq!(file.slot().pending(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pending(&self) -> u64 {
        self.written().bytes.saturating_sub(from_f64(f64::from_bits(self.flushed.load(Ordering::Acquire))))
    }

    /// Counting calls since the last flush of the whole.
    pub(crate) fn pending_writes(&self) -> u32 {
        self.writes.load(Ordering::Acquire).wrapping_sub(self.flushed_writes.load(Ordering::Acquire))
    }

    fn clear(&self) {
        let Self { words, length, written: [low, high], flushed, writes, flushed_writes, written_first, reserved } =
            self;
        words.reset();
        for word in [low, high, writes, flushed_writes].into_iter().chain(reserved) {
            word.store(0, Ordering::Release);
        }
        length.store(0, Ordering::Release);
        flushed.store(0, Ordering::Release);
        written_first.store(0, Ordering::Release);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
fn split(bytes: u64) -> (u32, u32) {
    (bytes as u32, (bytes >> 32) as u32)
}

#[expect(clippy::cast_precision_loss, reason = "JavaScript reads it; byte counts stay below 2^53")]
fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "written by `to_f64`")]
fn from_f64(bytes: f64) -> u64 {
    bytes as u64
}

/// Slots for good, in memory that can be shown in other places where the operating system has such.
struct Chunk {
    slots: &'static [Slot],
    pages: Option<SharedPages>,
}

impl Chunk {
    fn new() -> Self {
        match SharedPages::new(SLOTS_PER_CHUNK * size_of::<Slot>()) {
            Ok(pages) => {
                // SAFETY: zeroed pages for good, of this length, are that many slots: a slot is made of atomics, which may
                // be zero, and a page is aligned for anything.
                let slots = unsafe { std::slice::from_raw_parts(pages.base().cast::<Slot>(), SLOTS_PER_CHUNK) };
                Self { slots, pages: Some(pages) }
            }
            Err(_) => {
                let slots: Vec<Slot> = (0..SLOTS_PER_CHUNK).map(|_| Slot::default()).collect();
                Self { slots: slots.leak(), pages: None }
            }
        }
    }
}

/// The chunks, which live as long as the process, and the numbers of the slots nobody uses.
struct Arena {
    chunks: Vec<Chunk>,
    free: Vec<usize>,
}

static ARENA: Mutex<Arena> = Mutex::new(Arena { chunks: Vec::new(), free: Vec::new() });

fn arena() -> MutexGuard<'static, Arena> {
    // Every change to the arena is one push or one pop: a panic cannot leave it half done.
    lock(&ARENA)
}

/// The slots of chunk `number`, or `None` where there is no such chunk yet.
///
/// ```
/// use mmap_io::status::{chunk, SLOTS_PER_CHUNK};
///
/// assert!(chunk(0).is_none_or(|slots| slots.len() == SLOTS_PER_CHUNK));
/// assert!(chunk(usize::MAX).is_none());
/// ```
pub fn chunk(number: usize) -> Option<&'static [Slot]> {
    arena().chunks.get(number).map(|chunk| chunk.slots)
}

/// Shows chunk `number` in memory that somebody else owns, 64 KiB of it.
///
/// # Errors
/// [`Error::Unsupported`] where that cannot be done, [`Error::OutOfBounds`] where there is no such chunk yet.
///
/// ```
/// # use std::sync::Arc;
/// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
/// # if cfg!(not(target_os = "linux")) {
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
/// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
/// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
/// use mmap_io::status::{show_chunk, Slot, SLOTS_PER_CHUNK};
///
/// let (chunk, place) = (file.slot().number() / SLOTS_PER_CHUNK, file.slot().number() % SLOTS_PER_CHUNK);
/// show_chunk(chunk, &memory)?;
/// let length = u64::try_from(place * size_of::<Slot>() + 8)?;
/// assert_eq!(owner.as_slice(length, 8)?, 100_f64.to_ne_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn show_chunk(number: usize, memory: &Foreign) -> Result<()> {
    let arena = arena();
    let none = Error::OutOfBounds { offset: to_u64(number), len: 1, total: to_u64(arena.chunks.len()) };
    let pages = arena.chunks.get(number).ok_or(none)?.pages.as_ref();
    let cannot = || Error::unsupported("status slots cannot be shown twice on this system");
    pages.ok_or_else(cannot)?.show_in(memory).map_err(Error::from)
}

/// A slot in use. Goes back to the arena when dropped.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// let slot: &mmap_io::status::SlotRef = file.slot();
/// assert_eq!(slot.length(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SlotRef {
    number: usize,
    slot: &'static Slot,
}

impl SlotRef {
    pub(crate) fn take() -> Self {
        let mut arena = arena();
        loop {
            if let Some(number) = arena.free.pop() {
                let chunk = arena.chunks.get(number / SLOTS_PER_CHUNK);
                if let Some(slot) = chunk.and_then(|chunk| chunk.slots.get(number % SLOTS_PER_CHUNK)) {
                    slot.clear();
                    return Self { number, slot };
                }
            } else {
                let first = arena.chunks.len() * SLOTS_PER_CHUNK;
                arena.chunks.push(Chunk::new());
                arena.free.extend((first..first + SLOTS_PER_CHUNK).rev());
            }
        }
    }

    /// Number of the slot: chunk number times [`SLOTS_PER_CHUNK`], plus its place in the chunk.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let options = OpenOptions::new(MmapMode::ReadOnly);
    /// let (one, other) = (options.open(&path)?, options.open(&path)?);
    /// assert_ne!(one.slot().number(), other.slot().number());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }
}

impl SlotRef {
    /// The word that [`flags`](Slot::flags) reads. It belongs to another file when this one is gone, and stays readable.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let word = file.slot().fault_word();
    /// assert_eq!(word.load(std::sync::atomic::Ordering::Acquire), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fault_word(&self) -> &'static AtomicU32 {
        self.slot.words.flags_word()
    }

    /// The words that the fault guard writes.
    pub(crate) fn words(&self) -> &'static Words {
        &self.slot.words
    }
}

impl std::ops::Deref for SlotRef {
    type Target = Slot;

    #[inline]
    fn deref(&self) -> &Slot {
        self.slot
    }
}

impl Drop for SlotRef {
    fn drop(&mut self) {
        arena().free.push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_one_cache_line_with_the_documented_layout() {
        assert_eq!(std::mem::size_of::<Slot>(), 64);
        assert_eq!((std::mem::offset_of!(Slot, words), size_of::<Words>()), (0, 8));
        assert_eq!(std::mem::offset_of!(Slot, length), 8);
        assert_eq!(std::mem::offset_of!(Slot, written), 16);
        assert_eq!(std::mem::offset_of!(Slot, flushed), 24);
        assert_eq!(std::mem::offset_of!(Slot, writes), 32);
        assert_eq!(std::mem::offset_of!(Slot, flushed_writes), 36);
        assert_eq!(std::mem::offset_of!(Slot, written_first), 40);
    }

    #[test]
    fn written_carries_past_four_gibibytes() {
        let slot = SlotRef::take();
        slot.add_written(u64::from(u32::MAX));
        slot.add_written(2);
        slot.add_written(5 << 32);
        assert_eq!(slot.pending(), u64::from(u32::MAX) + 2 + (5 << 32));
    }

    #[test]
    fn what_the_first_holder_counts_is_flushed_with_the_rest() {
        let slot = SlotRef::take();
        slot.add_written(1);
        slot.written_first.store(to_f64(5 << 32).to_bits(), Ordering::Release);
        assert_eq!(slot.pending(), (5 << 32) + 1);
        slot.set_flushed(slot.written());
        slot.written_first.store(to_f64((5 << 32) + 7).to_bits(), Ordering::Release);
        assert_eq!(slot.pending(), 7);
    }

    #[test]
    fn what_is_written_during_a_flush_stays_pending() {
        let slot = SlotRef::take();
        slot.add_written(100);
        let covered = slot.written();
        slot.add_written(7);
        slot.set_flushed(covered);
        assert_eq!(slot.pending(), 7);
    }

    #[test]
    fn a_slower_flush_that_covers_less_takes_nothing_back() {
        let slot = SlotRef::take();
        slot.add_written(1);
        let early = slot.written();
        slot.add_written(2);
        slot.set_flushed(slot.written());
        slot.set_flushed(early);
        assert_eq!(slot.pending(), 0);
    }

    #[test]
    fn a_slot_comes_back_clean() {
        let slot = SlotRef::take();
        slot.set_length(9);
        slot.add_written(9);
        slot.written_first.store(to_f64(9).to_bits(), Ordering::Release);
        slot.clear();
        assert_eq!((slot.length(), slot.pending()), (0, 0));
    }
}
