//! A region's registration with the fault guard, and what becomes of it.
//!
//! # Safety
//!
//! A guard is made of a region's own map, which the region drops after it. The file stays open as long as its `MappedFile`,
//! which retires every region that is alive before it lets the file go, and retiring makes the guard forget the file.
#![allow(unsafe_code, reason = "the guard is told raw addresses")]

use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use mmap_io_guard::{Addresses, Registration, Words};

use crate::mutex::lock;
use crate::os::{self, Map, Sharing};
use crate::region::{to_u64, Region};

/// Regions that nobody uses any more, whose replaced pages hold what was stored into them.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<Arc<Region>>>);

impl Kept {
    fn regions(&self) -> MutexGuard<'_, Vec<Arc<Region>>> {
        // Regions are pushed and taken whole: a panic cannot leave the list half done.
        lock(&self.0)
    }

    pub(crate) fn push(&self, region: Region) {
        self.regions().push(Arc::new(region));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Region>> {
        self.regions().clone()
    }

    /// Lets go the regions that have nothing more to keep.
    pub(crate) fn let_go(&self) {
        let mut all = std::mem::take(&mut *self.regions());
        all.retain(|region| region.guard().is_some_and(|guard| guard.registration.flags() != 0));
        self.regions().append(&mut all);
    }
}

/// The guard of one region.
#[derive(Debug)]
pub(crate) struct Guard {
    registration: Registration,
    sharing: Sharing,
    words: &'static Words,
    kept: Weak<Kept>,
}

/// Lost pages of a region, in bytes from the start of the window; possibly past its end.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// Pages inside the file.
    pub(crate) inside: Vec<Range<u64>>,
    /// Everything behind the place where the file was cut; empty when it was not.
    pub(crate) cut: Range<u64>,
}

impl Guard {
    pub(crate) fn new(
        map: &Map,
        backed: usize,
        file: &File,
        position: u64,
        sharing: Sharing,
        words: &'static Words,
        kept: &Arc<Kept>,
    ) -> Self {
        let kind = match sharing {
            Sharing::Shared => mmap_io_guard::Sharing::Shared,
            Sharing::Private => mmap_io_guard::Sharing::Private,
        };
        let (base, len) = (map.base(), map.len());
        let addresses = if map.foreign().is_some() { Addresses::Lent } else { Addresses::Own };
        // SAFETY: see the module.
        let registration = unsafe { mmap_io_guard::register(base, len, addresses, file, position, kind, words) };
        let nothing = || Ok::<_, std::convert::Infallible>(());
        let Ok(()) = registration.cover(backed, nothing);
        Self { registration, sharing, words, kept: Arc::downgrade(kept) }
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.sharing == Sharing::Shared
    }

    /// Who keeps the region when nobody else does: `None` when it need not be kept.
    pub(crate) fn keeper(&self) -> Option<Arc<Kept>> {
        let may_hold_stores = self.is_shared() && self.words.flags() != 0 && self.registration.flags() != 0;
        self.kept.upgrade().filter(|_| may_hold_stores)
    }
}

impl Region {
    /// The pages that were lost.
    pub(crate) fn lost(&self) -> Lost {
        let Some(guard) = self.guard() else { return Lost::default() };
        let replaced = guard.registration.replaced();
        let lead = self.lead();
        let from_start = |at: usize| to_u64(at.saturating_sub(lead));
        let inside = replaced.inside.into_iter().map(|range| from_start(range.start)..from_start(range.end));
        // What is behind the end of the file is behind the end of this region, too.
        let cut = if replaced.cut.is_empty() { 0..0 } else { from_start(replaced.cut.start)..u64::MAX };
        Lost { inside: inside.collect(), cut }
    }

    /// The pages behind the place where the file was cut that are not all zero: something was stored there.
    pub(crate) fn stored_behind_cut(&self) -> Vec<Range<u64>> {
        let mut stored = Vec::new();
        // Looking at pages does not fail.
        let _ = self.while_there(|map| {
            stored = self.stored_in(map);
            Ok(())
        });
        stored
    }

    fn stored_in(&self, map: &Map) -> Vec<Range<u64>> {
        let (Some(guard), page) = (self.guard(), os::page_size()) else { return Vec::new() };
        let cut = guard.registration.replaced().cut;
        // The page that the file still reaches into is its own.
        let first = cut.start.next_multiple_of(page);
        let pages = cut.end.saturating_sub(first) / page;
        let touched = os::touched_pages(map.base() as usize + first, pages);
        let was_touched =
            |number: usize| touched.as_ref().is_none_or(|touched| touched.get(number).is_none_or(|one| *one));
        let start = |number: usize| to_u64((first + number * page).saturating_sub(self.lead()));
        let stored = (0..pages).filter(|number| was_touched(*number) && !self.is_zero(first + number * page));
        stored.map(|number| start(number)..start(number + 1)).collect()
    }

    fn is_zero(&self, at: usize) -> bool {
        let mut bytes = vec![1; os::page_size()];
        self.copy_page(at, &mut bytes);
        bytes.iter().all(|byte| *byte == 0)
    }
}
