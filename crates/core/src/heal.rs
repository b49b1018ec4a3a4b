//! Putting lost pages of a region back.
//!
//! # Safety
//!
//! Pages are addressed in bytes from the base of a map, by numbers that the guard gave: they lie inside it.
#![allow(unsafe_code, reason = "copies between pages and memory of this process")]

use std::fs::File;
use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::OsError;
use crate::file::MmapMode;
use crate::guard::Guard;
use crate::os::{self, Map};
use crate::region::{to_u64, Region};

impl Region {
    /// Puts back what can be. Tells why a page could not be, if there is one.
    ///
    /// Only bytes that were stored through this region are written: what a page was when it was replaced tells which those
    /// are. A store that happens just while its page is put back may be overlooked.
    pub(crate) fn put_back(&self, file: &File, mode: MmapMode) -> Result<(), OsError> {
        match self.guard() {
            Some(guard) => self.while_there(|map| self.put_pages_back(guard, map, file, mode)),
            None => Ok(()),
        }
    }

    fn put_pages_back(&self, guard: &Guard, map: &Map, file: &File, mode: MmapMode) -> Result<(), OsError> {
        let file_len = file.metadata().map_err(|error| OsError::new("fstat", error))?.len();
        let reaches = usize::try_from(file_len.saturating_sub(self.position())).unwrap_or(usize::MAX);
        let uncover = |pages| map.uncover(pages, file, self.position());
        guard.registration().grown_again(reaches, uncover)?;
        let mut refused = Ok(());
        for pages in guard.registration().replaced().inside {
            for at in pages.step_by(os::page_size()).filter(|at| *at < reaches) {
                let put = Lost { region: self, guard, map, file, at, reaches }.put_back(mode);
                refused = refused.and(put);
            }
        }
        refused
    }

    /// Copies a page out of the map.
    pub(crate) fn copy_page(&self, at: usize, target: &mut [u8]) {
        let Some(map) = self.as_map() else { return };
        for (byte, at) in target.iter_mut().zip(at..) {
            *byte = byte_of(map, at).load(Ordering::Relaxed);
        }
    }

    /// Stores a byte of each page once more, so that the kernel writes the page again. The byte stays what it is.
    pub(crate) fn store_again(&self, file: &File) {
        let Some(map) = self.as_map() else { return };
        let all = self.position()..self.position().saturating_add(to_u64(map.len()));
        for data in os::data_ranges(file, all) {
            let in_map =
                |position: u64| usize::try_from(position - self.position()).unwrap_or(usize::MAX).min(map.len());
            for at in (in_map(data.start)..in_map(data.end)).step_by(os::page_size()) {
                let byte = byte_of(map, at);
                let mut value = byte.load(Ordering::Relaxed);
                // An exchange with the same value, which the compiler must not take for nothing. Somebody else's store in
                // between makes it fail, and is not undone.
                while let Err(now) =
                    byte.compare_exchange(value, black_box(value), Ordering::Relaxed, Ordering::Relaxed)
                {
                    value = now;
                }
            }
        }
    }
}

/// A byte of a map, counted from its base and inside of it.
fn byte_of(map: &Map, at: usize) -> &AtomicU8 {
    debug_assert!(at < map.len().next_multiple_of(os::page_size()));
    // SAFETY: see the module.
    let address = unsafe { map.base().add(at) };
    // SAFETY: mapped for reading and writing as long as the map is borrowed; atomic, as others use it as well.
    unsafe { AtomicU8::from_ptr(address) }
}

/// A replaced page inside the file.
struct Lost<'a> {
    region: &'a Region,
    guard: &'a Guard,
    map: &'a Map,
    file: &'a File,
    at: usize,
    /// Where the file ends now.
    reaches: usize,
}

impl Lost<'_> {
    fn position(&self, at: usize) -> u64 {
        self.region.position().saturating_add(to_u64(self.at + at))
    }

    fn now(&self) -> Vec<u8> {
        let mut bytes = vec![0; os::page_size()];
        self.region.copy_page(self.at, &mut bytes);
        bytes
    }

    fn put_back(&self, mode: MmapMode) -> Result<(), OsError> {
        let mut original = vec![0; os::page_size()];
        self.guard.registration().original(self.at, &mut original);
        let stored = self.now();
        let inside = self.map.len().min(self.reaches) - self.at;
        os::can_read_at(self.file, self.position(0))?;
        if self.guard.is_shared() {
            for run in differing(&original, &stored, inside) {
                let bytes = stored.get(run.clone()).unwrap_or_default();
                os::write_all_at(self.file, bytes, self.position(run.start))?;
            }
        }
        let last = self.now();
        let pages = self.at..self.at + os::page_size();
        let uncover = || self.map.uncover(pages.clone(), self.file, self.region.position());
        self.guard.registration().put_back(pages.clone(), uncover)?;
        // What was stored since it was written; in a private mapping that keeps stores, all that was stored.
        let written = match mode {
            MmapMode::ReadWrite => &stored,
            MmapMode::CopyOnWrite => &original,
            MmapMode::ReadOnly => &last,
        };
        for run in differing(written, &last, inside) {
            for (byte, at) in last.get(run.clone()).unwrap_or_default().iter().zip(run) {
                byte_of(self.map, self.at + at).store(*byte, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// Runs of bytes below `end` that are not the same.
fn differing<'a>(before: &'a [u8], after: &'a [u8], end: usize) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let differs = |at: usize| before.get(at) != after.get(at);
        let start = (at..end.min(after.len())).find(|at| differs(*at))?;
        let end = (start..end.min(after.len())).find(|at| !differs(*at)).unwrap_or(end.min(after.len()));
        at = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_differing_bytes_end_where_asked() {
        let runs = |a: &[u8], b: &[u8], end| differing(a, b, end).collect::<Vec<_>>();
        assert_eq!(runs(b"aaaaaa", b"abbaab", 6), [1..3, 5..6]);
        assert_eq!(runs(b"aaaaaa", b"bbbbbb", 4), [0..4]);
        assert!(runs(b"same", b"same", 9).is_empty());
    }
}
