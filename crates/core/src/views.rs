//! The register of live views: plain and atomic views of the same bytes never coexist, nor do atomic views of different
//! element sizes. Without the feature `atomic` there is nothing to keep apart, and the register is empty code.
//!
//! # Safety
//!
//! [`Views::copy`] is called with the lock of the memory held shared: plain writers are out then, atomic views may be alive.
#![allow(unsafe_code, reason = "copies out of mapped memory, with atomic loads where atomic views are alive")]

use std::ops::Range;

/// Where a view is registered.
pub(crate) type Place = usize;

/// The place of a view that nothing can be in the way of.
pub(crate) const NOWHERE: Place = usize::MAX;

#[cfg(feature = "atomic")]
pub(crate) use tracked::Views;

#[cfg(not(feature = "atomic"))]
#[derive(Debug, Default)]
pub(crate) struct Views {}

#[cfg(not(feature = "atomic"))]
#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same signatures with and without the feature")]
impl Views {
    #[inline]
    pub(crate) fn enter_plain(&self, _range: &Range<usize>) -> Option<Place> {
        Some(NOWHERE)
    }

    #[inline]
    pub(crate) fn leave(&self, _place: Place) {}

    /// Copies bytes out.
    ///
    /// # Safety
    /// - `source` is valid for reads of `len` bytes, `target` for writes, and they do not overlap.
    /// - The lock of the memory is held shared.
    #[inline]
    pub(crate) unsafe fn copy(&self, _start: usize, len: usize, source: *const u8, target: *mut u8) {
        // SAFETY: the caller's duty.
        unsafe { source.copy_to_nonoverlapping(target, len) };
    }
}

#[cfg(feature = "atomic")]
mod tracked {
    use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, AtomicUsize, Ordering};

    use parking_lot::Mutex;

    use super::{Place, Range, NOWHERE};

    /// A view in the list.
    #[derive(Debug, Clone, Copy)]
    struct Entry {
        start: usize,
        end: usize,
        /// Bytes of an element; 0 for a plain view.
        element: usize,
        place: Place,
    }

    impl Entry {
        fn overlaps(&self, range: &Range<usize>) -> bool {
            self.start < range.end && range.start < self.end
        }
    }

    /// Places below it are those of the slots, the others those of entries of the list.
    const SLOTS: usize = 16;

    /// A plain view, or a copy that is being made. Plain views come and go often and seldom meet an atomic one: a slot is
    /// taken with one exchange and given back with two stores.
    #[derive(Debug, Default)]
    struct Slot {
        /// 0 while free, else one more than the first byte.
        start: AtomicUsize,
        /// 0 while nobody knows yet whether the slot stays taken, else the end, with [`COPY`].
        end: AtomicUsize,
    }

    /// Marks a slot whose owner is only copying: one may wait for it. No length has this bit.
    const COPY: usize = 1 << (usize::BITS - 1);

    impl Slot {
        #[inline]
        fn release(&self) {
            self.end.store(0, Ordering::Relaxed);
            self.start.store(0, Ordering::Release);
        }
    }

    /// Every live view. Plain views stand in a slot when there is one and no atomic view lives, all others in the list.
    ///
    /// Why a plain view and an atomic view of the same bytes cannot both come into being: the one takes its slot and then
    /// looks at `atomics`, the other raises `atomics` and then looks at the slots, all in the single order of sequentially
    /// consistent operations. So at least one sees the other; the plain view then gives its slot back and goes to the list,
    /// whose lock the atomic view holds until it is entered.
    #[derive(Debug, Default)]
    pub(crate) struct Views {
        slots: [Slot; SLOTS],
        /// Atomic views that are alive or about to be.
        atomics: AtomicUsize,
        list: Mutex<List>,
    }

    #[derive(Debug, Default)]
    struct List {
        entries: Vec<Entry>,
        made: usize,
    }

    impl Views {
        /// Enters a plain view. `None` while an atomic view overlaps the range.
        #[inline]
        pub(crate) fn enter_plain(&self, range: &Range<usize>) -> Option<Place> {
            if range.is_empty() {
                return Some(NOWHERE);
            }
            self.take_slot(range.start, range.end).or_else(|| self.list_plain(range))
        }

        #[cold]
        fn list_plain(&self, range: &Range<usize>) -> Option<Place> {
            Self::enter(&mut self.list.lock(), range, 0)
        }

        /// Enters an atomic view of elements of `size` bytes. `None` while a view of another kind overlaps the range.
        pub(crate) fn enter_atomic(&self, range: &Range<usize>, size: usize) -> Option<Place> {
            if range.is_empty() {
                return Some(NOWHERE);
            }
            let mut list = self.list.lock();
            self.atomics.fetch_add(1, Ordering::SeqCst);
            let place = if self.has_plain(range) { None } else { Self::enter(&mut list, range, size) };
            if place.is_none() {
                self.atomics.fetch_sub(1, Ordering::SeqCst);
            }
            place
        }

        fn enter(list: &mut List, range: &Range<usize>, element: usize) -> Option<Place> {
            if list.entries.iter().any(|other| other.element != element && other.overlaps(range)) {
                return None;
            }
            let place = SLOTS + list.made;
            list.made = (list.made + 1) % (NOWHERE - SLOTS);
            list.entries.push(Entry { start: range.start, end: range.end, element, place });
            Some(place)
        }

        /// Takes a view out.
        #[inline]
        pub(crate) fn leave(&self, place: Place) {
            match self.slots.get(place) {
                Some(slot) => slot.release(),
                None if place == NOWHERE => {}
                None => self.unlist(place),
            }
        }

        #[cold]
        fn unlist(&self, place: Place) {
            let mut list = self.list.lock();
            if let Some(index) = list.entries.iter().rposition(|entry| entry.place == place)
                && list.entries.swap_remove(index).element > 0
            {
                self.atomics.fetch_sub(1, Ordering::SeqCst);
            }
        }

        /// A slot, unless all are taken or an atomic view lives. `end` as it is going to stand in the slot.
        #[inline]
        fn take_slot(&self, start: usize, end: usize) -> Option<Place> {
            if self.atomics.load(Ordering::Relaxed) > 0 {
                return None;
            }
            let taken = start + 1;
            let (place, slot) = self.slots.iter().enumerate().find(|(_, slot)| {
                slot.start.load(Ordering::Relaxed) == 0
                    && slot.start.compare_exchange(0, taken, Ordering::SeqCst, Ordering::Relaxed).is_ok()
            })?;
            if self.atomics.load(Ordering::SeqCst) > 0 {
                slot.release();
                return None;
            }
            slot.end.store(end, Ordering::Release);
            Some(place)
        }

        /// Whether a plain view stands in a slot and overlaps the range. Asked after `atomics` was raised, so that no slot is
        /// taken for good any more; a copy of these bytes is waited for.
        fn has_plain(&self, range: &Range<usize>) -> bool {
            self.slots.iter().any(|slot| loop {
                let (start, end) = (slot.start.load(Ordering::SeqCst), slot.end.load(Ordering::Acquire));
                let apart = start > range.end || end & !COPY <= range.start;
                match (start, end) {
                    (0, _) => break false,
                    (_, 1..) if apart => break false,
                    (_, 1..COPY) => break true,
                    // Not decided yet, or a copy.
                    _ => std::thread::yield_now(),
                }
            })
        }

        /// Copies `len` bytes out, which begin at byte `start` of the memory. No atomic view of them can come into being
        /// meanwhile.
        ///
        /// # Safety
        /// - `source` is valid for reads of `len` bytes, `target` for writes, and they do not overlap.
        /// - The lock of the memory is held shared.
        #[inline]
        pub(crate) unsafe fn copy(&self, start: usize, len: usize, source: *const u8, target: *mut u8) {
            match self.take_slot(start, (start + len) | COPY) {
                Some(place) => {
                    // SAFETY: the caller's duty, and the slot keeps atomic views away.
                    unsafe { source.copy_to_nonoverlapping(target, len) };
                    self.leave(place);
                }
                None => {
                    // SAFETY: the caller's duty.
                    unsafe { self.copy_by_list(start, len, source, target) };
                }
            }
        }

        /// The same with the list locked.
        ///
        /// # Safety
        /// - As [`copy`](Self::copy).
        #[cold]
        unsafe fn copy_by_list(&self, start: usize, len: usize, source: *const u8, target: *mut u8) {
            /// Bytes copied with the list locked: a long copy must not make others wait for long.
            const PIECE: usize = 1 << 20;
            for done in (0..len).step_by(PIECE) {
                let piece = start + done..start + len.min(done + PIECE);
                // SAFETY: the piece lies within the range, for which the source is valid.
                let source = unsafe { source.add(done) };
                // SAFETY: the same of the target.
                let target = unsafe { target.add(done) };
                let list = self.list.lock();
                if list.entries.iter().any(|entry| entry.element > 0 && entry.overlaps(&piece)) {
                    // SAFETY: the target is valid for writes of the piece.
                    unsafe { target.write_bytes(0, piece.len()) };
                    // SAFETY: as above, and its bytes have a value now.
                    let target = unsafe { std::slice::from_raw_parts_mut(target, piece.len()) };
                    copy_beside_atomics(&list.entries, piece.start, source, target);
                } else {
                    // SAFETY: both are valid for the piece, and the lock keeps atomic views away.
                    unsafe { source.copy_to_nonoverlapping(target, piece.len()) };
                }
            }
        }
    }

    /// Copies element by element where atomic views are alive, byte by byte elsewhere. Both are atomic loads.
    fn copy_beside_atomics(entries: &[Entry], start: usize, source: *const u8, target: &mut [u8]) {
        let mut at = 0;
        while at < target.len() {
            let position = start + at;
            let view = entries.iter().find(|entry| entry.element > 0 && (entry.start..entry.end).contains(&position));
            let element = view.map_or(1, |entry| entry.element);
            // Elements lie at multiples of their size from the view's start. A copy may begin inside of one.
            let into = view.map_or(0, |entry| (position - entry.start) % element);
            let bytes = load(source.wrapping_add(at).wrapping_sub(into), element);
            let part = bytes.get(into..element).unwrap_or_default();
            for (target, byte) in target.iter_mut().skip(at).zip(part) {
                *target = *byte;
            }
            at += part.len().max(1);
        }
    }

    /// One atomic load of `size` bytes.
    fn load(address: *const u8, size: usize) -> [u8; 8] {
        let mut bytes = [0; 8];
        let (wide, narrow, byte);
        let loaded: &[u8] = match size {
            8 => {
                // SAFETY: a registered view of 8-byte elements has one at this address, aligned and mapped.
                wide = unsafe { AtomicU64::from_ptr(address.cast_mut().cast()) }.load(Ordering::SeqCst).to_ne_bytes();
                &wide
            }
            4 => {
                // SAFETY: the same for 4-byte elements.
                narrow = unsafe { AtomicU32::from_ptr(address.cast_mut().cast()) }.load(Ordering::SeqCst).to_ne_bytes();
                &narrow
            }
            _ => {
                // SAFETY: a byte inside the range that the caller checked.
                byte = unsafe { AtomicU8::from_ptr(address.cast_mut()) }.load(Ordering::Relaxed).to_ne_bytes();
                &byte
            }
        };
        bytes.iter_mut().zip(loaded).for_each(|(target, byte)| *target = *byte);
        bytes
    }
}

#[cfg(all(test, feature = "atomic"))]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn plain_and_atomic_views_exclude_each_other_where_they_overlap() {
        let views = Views::default();
        let plain = views.enter_plain(&(8..16)).unwrap();
        assert_eq!(views.enter_atomic(&(8..16), 8), None);
        let beside = views.enter_atomic(&(0..8), 8).unwrap();
        assert_eq!(views.enter_plain(&(7..9)), None, "one byte of the atomic view");
        assert_eq!(views.enter_atomic(&(4..8), 4), None, "another width");
        let same = views.enter_atomic(&(0..8), 8).unwrap();
        views.leave(plain);
        views.leave(same);
        let after = views.enter_atomic(&(8..16), 8).unwrap();
        views.leave(beside);
        views.leave(after);
        assert!(views.enter_plain(&(0..16)).is_some());
    }

    #[test]
    fn more_plain_views_than_there_are_slots_are_all_known() {
        let views = Views::default();
        let places: Vec<_> = (0..100).map(|at| views.enter_plain(&(8 * at..8 * at + 8)).unwrap()).collect();
        for at in 0..100 {
            assert_eq!(views.enter_atomic(&(8 * at..8 * at + 8), 8), None, "{at}");
        }
        assert!(views.enter_atomic(&(800..808), 8).is_some());
        for (at, place) in places.into_iter().enumerate() {
            views.leave(place);
            assert!(views.enter_atomic(&(8 * at..8 * at + 8), 8).is_some(), "{at}");
        }
    }

    #[test]
    fn of_an_atomic_and_a_plain_view_that_race_exactly_one_wins() {
        let views = Views::default();
        let barrier = Barrier::new(2);
        for round in 0..2000 {
            let (plain, atomic) = std::thread::scope(|scope| {
                let plain = scope.spawn(|| {
                    barrier.wait();
                    views.enter_plain(&(0..16))
                });
                barrier.wait();
                let atomic = views.enter_atomic(&(8..16), 8);
                (plain.join().unwrap(), atomic)
            });
            assert!(plain.is_some() != atomic.is_some(), "round {round}: {plain:?} {atomic:?}");
            plain.into_iter().chain(atomic).for_each(|place| views.leave(place));
        }
    }

    #[test]
    fn an_atomic_view_waits_for_a_copy_and_is_never_refused_for_it() {
        let views = Views::default();
        let bytes = vec![7_u8; 1 << 16];
        std::thread::scope(|scope| {
            let copies = scope.spawn(|| {
                for _ in 0..300 {
                    let mut copy = vec![0; bytes.len()];
                    // SAFETY: both are valid for the length; nobody writes.
                    unsafe { views.copy(0, bytes.len(), bytes.as_ptr(), copy.as_mut_ptr()) };
                    assert_eq!(copy, bytes);
                }
            });
            while !copies.is_finished() {
                views.leave(views.enter_atomic(&(64..128), 8).unwrap());
            }
        });
    }
}
