//! Pages kept in memory.
//!
//! Locking a page of a private writable map would copy it, and the copy stops following the file. So the pages of a private
//! map are locked through a twin: a shared, read-only map of the same bytes of the file.

use std::fs::File;
use std::ops::Range;

use crate::error::OsError;
use crate::ledger::Ledger;
use crate::os::{self, Map};
use crate::region::Region;

/// The locked pages of a file.
#[derive(Debug, Default)]
pub(crate) struct PageLocks {
    ledger: Ledger,
    twin: Option<Map>,
}

impl PageLocks {
    /// Locks the pages with these numbers once more. On failure none of them is locked more than before.
    pub(crate) fn lock(&mut self, region: &Region, file: Option<&File>, pages: &Range<usize>) -> Result<(), OsError> {
        let Some(map) = region.as_map() else { return Ok(()) };
        if let Some(file) = file.filter(|_| map.locks_by_twin() && self.twin.is_none()) {
            self.twin = Some(map.read_only_twin(file, region.position())?);
        }
        lock_all(self.twin.as_ref().unwrap_or(map), &self.ledger.unlocked(pages))?;
        self.ledger.add(pages);
        Ok(())
    }

    /// The parts of `pages` that are not locked.
    pub(crate) fn unlocked(&self, pages: &Range<usize>) -> Vec<Range<usize>> {
        self.ledger.unlocked(pages)
    }

    /// Unlocks the pages with these numbers once.
    pub(crate) fn unlock(&mut self, region: &Region, pages: &Range<usize>) -> Result<(), OsError> {
        let Some(map) = region.as_map() else { return Ok(()) };
        for freed in self.ledger.remove(pages) {
            self.twin.as_ref().unwrap_or(map).unlock(bytes_of(&freed))?;
        }
        if self.ledger.is_empty() {
            self.twin = None;
        }
        Ok(())
    }

    /// Locks the same pages of a new region. Both cannot be locked at once under a tight limit, so the old ones go first.
    pub(crate) fn carry_over(&mut self, old: &Region, new: &Region) -> Result<(), OsError> {
        let (Some(from), Some(to)) = (old.as_map(), new.as_map()) else { return Ok(()) };
        let end = from.len().min(to.len()).div_ceil(os::page_size());
        let locked = self.ledger.locked_before(end);
        for pages in &locked {
            from.unlock(bytes_of(pages))?;
        }
        lock_all(to, &locked).map_err(|error| match lock_all(from, &locked) {
            Ok(()) => error,
            Err(again) => again,
        })
    }

    /// Locks what is counted as locked once more at the operating system, after pages were mapped again in their place.
    pub(crate) fn lock_again(&self, region: &Region) {
        let Some(map) = region.as_map() else { return };
        for pages in self.ledger.locked_before(map.len().div_ceil(os::page_size())) {
            // They were locked a moment ago. The error that made this necessary is the one to tell.
            let _ = map.lock(bytes_of(&pages));
        }
    }

    /// The file was cut: pages behind the end are no longer locked.
    pub(crate) fn cut_after(&mut self, pages: usize) {
        self.ledger.forget_after(pages);
    }
}

fn lock_all(map: &Map, ranges: &[Range<usize>]) -> Result<(), OsError> {
    for (done, pages) in ranges.iter().enumerate() {
        if let Err(error) = map.lock(bytes_of(pages)) {
            // The kernel marks a range as locked before it brings its pages in: the one that failed, too.
            for pages in ranges.iter().take(done + 1) {
                // The failure to lock is the one to tell.
                let _ = map.unlock(bytes_of(pages));
            }
            return Err(error);
        }
    }
    Ok(())
}

fn bytes_of(pages: &Range<usize>) -> Range<usize> {
    pages.start * os::page_size()..pages.end * os::page_size()
}
