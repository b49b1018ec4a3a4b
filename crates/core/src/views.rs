//! The register of live views: plain and atomic views of the same bytes never coexist, nor do atomic views of different
//! element sizes. Without the feature `atomic` there is nothing to keep apart, and the register is empty code.
//!
//! # Safety
//!
//! [`Views::copy`] is given a source that is valid for the bytes of the target, by a caller who holds the lock of the memory
//! shared: plain writers are out then, atomic views may be alive.
#![allow(unsafe_code, reason = "copies out of mapped memory, with atomic loads where atomic views are alive")]

use std::ops::Range;

use crate::errors::Result;

/// A view's entry in the register; taken out when dropped.
pub(crate) struct Registration<'a> {
    #[cfg(feature = "atomic")]
    entry: Option<(&'a Views, tracked::Key)>,
    #[cfg(not(feature = "atomic"))]
    memory: std::marker::PhantomData<&'a Views>,
}

#[cfg(not(feature = "atomic"))]
#[derive(Debug, Default)]
pub(crate) struct Views {}

#[cfg(not(feature = "atomic"))]
impl Views {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature with and without the feature")]
    pub(crate) fn register_plain(&self, _range: &Range<usize>, _guarded: bool) -> Result<Registration<'_>> {
        Ok(Registration { memory: std::marker::PhantomData })
    }

    pub(crate) fn copy(&self, _range: &Range<usize>, source: *const u8, target: &mut [u8]) {
        // SAFETY: the source is valid for the target's bytes, see the module; a slice of our own does not overlap it.
        unsafe { std::ptr::copy_nonoverlapping(source, target.as_mut_ptr(), target.len()) };
    }
}

#[cfg(feature = "atomic")]
pub(crate) use tracked::Views;

#[cfg(feature = "atomic")]
impl Drop for Registration<'_> {
    fn drop(&mut self) {
        if let Some((views, key)) = self.entry.take() {
            views.remove(key);
        }
    }
}

#[cfg(feature = "atomic")]
mod tracked {
    use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};

    use parking_lot::Mutex;

    use super::{Range, Registration, Result};
    use crate::errors::MmapIoError;

    /// What identifies an entry: equal entries are interchangeable.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Key {
        start: usize,
        end: usize,
        /// Bytes of an element; 0 for a plain view.
        element: usize,
    }

    impl Key {
        fn overlaps(&self, range: &Range<usize>) -> bool {
            self.start < range.end && range.start < self.end
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Views(Mutex<Vec<Key>>);

    impl Views {
        #[inline]
        pub(crate) fn register_plain(&self, range: &Range<usize>, guarded: bool) -> Result<Registration<'_>> {
            // Memory that is not guarded has no atomic views.
            if range.is_empty() || !guarded {
                return Ok(Registration { entry: None });
            }
            self.register(range, 0, "a live atomic view overlaps the range; drop it first")
        }

        pub(crate) fn register_atomic(&self, range: &Range<usize>, size: usize) -> Result<Registration<'_>> {
            if range.is_empty() {
                return Ok(Registration { entry: None });
            }
            self.register(range, size, "a live view of another kind overlaps the range; drop it first")
        }

        fn register(&self, range: &Range<usize>, element: usize, refusal: &'static str) -> Result<Registration<'_>> {
            let key = Key { start: range.start, end: range.end, element };
            let mut keys = self.0.lock();
            if keys.iter().any(|other| other.element != element && other.overlaps(range)) {
                return Err(MmapIoError::InvalidMode(refusal));
            }
            keys.push(key);
            drop(keys);
            Ok(Registration { entry: Some((self, key)) })
        }

        pub(super) fn remove(&self, key: Key) {
            let mut keys = self.0.lock();
            if let Some(place) = keys.iter().rposition(|other| *other == key) {
                keys.swap_remove(place);
            }
        }

        /// Copies bytes out. The register is locked meanwhile, so that no atomic view of them can come into being.
        pub(crate) fn copy(&self, range: &Range<usize>, source: *const u8, target: &mut [u8]) {
            /// Bytes copied with the register locked: a long copy must not make others wait for long.
            const PIECE: usize = 1 << 20;
            for (index, piece) in target.chunks_mut(PIECE).enumerate() {
                let start = range.start + index * PIECE;
                let piece_range = start..start + piece.len();
                // SAFETY: the pieces lie within the target's length, for which the source is valid.
                let source = unsafe { source.add(index * PIECE) };
                let keys = self.0.lock();
                let atomic = keys.iter().find(|key| key.element > 0 && key.overlaps(&piece_range));
                match atomic {
                    None => {
                        // SAFETY: the source is valid for the piece; a slice of our own does not overlap it.
                        unsafe { std::ptr::copy_nonoverlapping(source, piece.as_mut_ptr(), piece.len()) };
                    }
                    Some(_) => copy_beside_atomics(&keys, start, source, piece),
                }
            }
        }
    }

    /// Copies element by element where atomic views are alive, byte by byte elsewhere. Both are atomic loads.
    fn copy_beside_atomics(keys: &[Key], start: usize, source: *const u8, target: &mut [u8]) {
        let mut at = 0;
        while at < target.len() {
            let position = start + at;
            let view = keys.iter().find(|key| key.element > 0 && (key.start..key.end).contains(&position));
            let element = view.map_or(1, |key| key.element);
            // Elements lie at multiples of their size from the view's start. A copy may begin inside of one.
            let into = view.map_or(0, |key| (position - key.start) % element);
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
