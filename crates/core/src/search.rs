//! Searching the bytes of a mapped file.
//!
//! The file is looked at in pieces: a search can be stopped between two of them, and a backward search gets the speed of
//! the forward one, which alone has vector instructions. A piece begins before the last one ended by as many bytes as a
//! match may reach over the border.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("log");
//! # std::fs::write(&path, "INFO start\nERROR disk\nINFO stop\n")?;
//! use mmap_io::{file::MmapMode, Needle, OpenOptions};
//!
//! let log = OpenOptions::new(MmapMode::ReadOnly).open(&path)?;
//! let info = Needle::owned(b"INFO".to_vec()).unwrap();
//! assert_eq!(log.find_all(&info, 0..log.len(), 10, || false)?.offsets, [0, 22]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Safety
//!
//! `Haystack::bytes` is the one place in this crate that makes a `&[u8]` over memory which others may change meanwhile,
//! because `memchr` searches slices and copying each piece first would cost more than the search. A slice lives for one
//! call into `memchr`, inside of mapped memory that a reference to the region keeps mapped. What `memchr` reads decides
//! only what it compares next, never where it may read, and no position that it gives is used unchecked: bytes that change
//! during a search can make it miss a match, or tell one that is gone, and nothing else.
#![allow(unsafe_code, reason = "slices for memchr, for one call each")]

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem::{Finder, FinderBuilder, FinderRev};

use crate::error::{OsError, Result};
use crate::file::MappedFile;
use crate::range;
use crate::region::{to_u64, Region};

/// Bytes searched between two looks at whether to stop. A longer needle makes longer pieces.
const PIECE: usize = 1 << 20;

/// The first piece of a backward search: a match near its start is found without a look at a MiB.
const SMALL_PIECE: usize = 1 << 12;

/// Bytes to look for; never none.
///
/// ```
/// assert!(mmap_io::Needle::new(b"").is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Needle<'n>(Finder<'n>);

impl<'n> Needle<'n> {
    /// Looks for these bytes. `None` when there are none.
    ///
    /// ```
    /// let needle = mmap_io::Needle::new(b"\n").unwrap();
    /// # drop(needle);
    /// ```
    #[must_use]
    pub fn new(bytes: &'n [u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(Finder::new(bytes)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.needle()
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }
}

impl Needle<'static> {
    /// Looks for bytes of its own. `None` when there are none.
    ///
    /// ```
    /// let needle = mmap_io::Needle::owned(b"\r\n".to_vec()).unwrap();
    /// std::thread::spawn(move || drop(needle));
    /// ```
    #[must_use]
    pub fn owned(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(FinderBuilder::new().build_forward_owned(bytes)))
    }
}

/// What [`MappedFile::find_all`] has found.
///
/// ```
/// # let file = tempfile::tempfile()?;
/// # std::io::Write::write_all(&mut &file, b"abcabcabc")?;
/// # let file = mmap_io::OpenOptions::new(mmap_io::file::MmapMode::ReadOnly).map(file)?;
/// let needle = mmap_io::Needle::new(b"abc").unwrap();
/// let first = file.find_all(&needle, 0..9, 2, || false)?;
/// assert_eq!((&first.offsets[..], first.searched), (&[0, 3][..], 6));
/// let rest = file.find_all(&needle, first.searched..9, 2, || false)?;
/// assert_eq!((&rest.offsets[..], rest.searched), (&[6][..], 9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    /// Where they begin.
    pub offsets: Vec<u64>,
    /// Where a next search goes on: the end of the range when all of it was searched.
    pub searched: u64,
}

/// A range of a region, which it keeps mapped.
struct Haystack {
    region: Arc<Region>,
    range: Range<usize>,
}

impl Haystack {
    /// A part of the range. For one call into `memchr`: see the module.
    fn bytes(&self, part: Range<usize>) -> &[u8] {
        debug_assert!(self.range.start <= part.start && part.end <= self.range.end);
        if part.is_empty() {
            return &[];
        }
        // SAFETY: the range was checked against the region, and a part lies in it.
        let start = unsafe { self.region.start().add(part.start) };
        // SAFETY: as above, and `&self` keeps the bytes mapped. That others may store there is what the module's text is about.
        unsafe { std::slice::from_raw_parts(start, part.len()) }
    }

    /// The first match at `from` or later, unless `stop` says so. `from` moves to where the next search goes on.
    fn first(&self, needle: &Needle<'_>, from: &mut usize, mut stop: impl FnMut() -> bool) -> Option<usize> {
        let len = needle.len();
        while self.range.end.saturating_sub(*from) >= len {
            if stop() {
                return None;
            }
            let end = self.range.end.min(from.saturating_add(PIECE.max(len) + len - 1));
            let found = needle.0.find(self.bytes(*from..end)).map(|hit| *from + hit);
            if let Some(hit) = found.filter(|hit| hit + len <= end) {
                *from = hit + len;
                return Some(hit);
            }
            *from = end - (len - 1);
        }
        *from = self.range.end;
        None
    }

    /// The last match.
    fn last(&self, needle: &Needle<'_>) -> Option<usize> {
        let len = needle.len();
        let (mut end, mut piece) = (self.range.end, SMALL_PIECE.max(len));
        while end.saturating_sub(self.range.start) >= len {
            let at = end.saturating_sub(piece + len - 1).max(self.range.start);
            if needle.0.find(self.bytes(at..end)).is_some() {
                let found = FinderRev::new(needle.bytes()).rfind(self.bytes(at..end)).map(|hit| at + hit);
                if let Some(hit) = found.filter(|hit| hit + len <= end) {
                    return Some(hit);
                }
            }
            end = at + (len - 1);
            piece = (2 * piece).min(PIECE.max(len));
        }
        None
    }

    fn count(&self, needle: &Needle<'_>) -> usize {
        // A single byte may be anywhere and everywhere: there is a count that does not stop at each.
        if let [byte] = needle.bytes() {
            return memchr::memchr_iter(*byte, self.bytes(self.range.clone())).count();
        }
        let mut from = self.range.start;
        std::iter::from_fn(|| self.first(needle, &mut from, || false)).count()
    }
}

impl MappedFile {
    fn haystack(&self, within: &Range<u64>) -> Result<Haystack> {
        let len = within.end.saturating_sub(within.start);
        range::check(within.start, len, self.len())?;
        let region = self.region();
        let range = range::check(within.start, len, to_u64(region.len()))?;
        Ok(Haystack { region, range })
    }

    /// Fails when what was searched had lost pages, or was cut off meanwhile. Looked at afterwards: a search through zeros
    /// does no harm, and a match before them is one.
    fn refuse_unsound(&self, searched: Range<u64>) -> Result<()> {
        let len = searched.end.saturating_sub(searched.start);
        range::check(searched.start, len, self.len())?;
        self.refuse_lost(searched.start, len)
    }

    /// Where the first match begins that lies in `within`.
    ///
    /// ```
    /// # let file = tempfile::tempfile()?;
    /// # std::io::Write::write_all(&mut &file, b"abcabcabc")?;
    /// # let file = mmap_io::OpenOptions::new(mmap_io::file::MmapMode::ReadOnly).map(file)?;
    /// # let needle = mmap_io::Needle::new(b"abc").unwrap();
    /// assert_eq!(file.find(&needle, 1..9)?, Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::Error::OutOfBounds); [`Truncated`](crate::Error::Truncated) and
    /// [`IoFault`](crate::Error::IoFault) when what was searched has lost pages.
    pub fn find(&self, needle: &Needle<'_>, within: Range<u64>) -> Result<Option<u64>> {
        let haystack = self.haystack(&within)?;
        let mut from = haystack.range.start;
        let hit = haystack.first(needle, &mut from, || false).map(to_u64);
        self.refuse_unsound(within.start..hit.map_or(within.end, |hit| hit + to_u64(needle.len())))?;
        Ok(hit)
    }

    /// Where the last match begins that lies in `within`.
    ///
    /// ```
    /// # let file = tempfile::tempfile()?;
    /// # std::io::Write::write_all(&mut &file, b"abcabcabc")?;
    /// # let file = mmap_io::OpenOptions::new(mmap_io::file::MmapMode::ReadOnly).map(file)?;
    /// # let needle = mmap_io::Needle::new(b"abc").unwrap();
    /// assert_eq!(file.find_last(&needle, 0..8)?, Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::Error::OutOfBounds); [`Truncated`](crate::Error::Truncated) and
    /// [`IoFault`](crate::Error::IoFault) when what was searched has lost pages.
    pub fn find_last(&self, needle: &Needle<'_>, within: Range<u64>) -> Result<Option<u64>> {
        let hit = self.haystack(&within)?.last(needle).map(to_u64);
        self.refuse_unsound(hit.unwrap_or(within.start)..within.end)?;
        Ok(hit)
    }

    /// How many matches lie in `within`, none of which overlaps the one before.
    ///
    /// ```
    /// # let file = tempfile::tempfile()?;
    /// # std::io::Write::write_all(&mut &file, b"abcabcabc")?;
    /// # let file = mmap_io::OpenOptions::new(mmap_io::file::MmapMode::ReadOnly).map(file)?;
    /// # let needle = mmap_io::Needle::new(b"abc").unwrap();
    /// assert_eq!(file.count_matches(&needle, 0..9)?, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::Error::OutOfBounds); [`Truncated`](crate::Error::Truncated) and
    /// [`IoFault`](crate::Error::IoFault) when what was searched has lost pages.
    pub fn count_matches(&self, needle: &Needle<'_>, within: Range<u64>) -> Result<u64> {
        let count = self.haystack(&within)?.count(needle);
        self.refuse_unsound(within)?;
        Ok(to_u64(count))
    }

    /// Where they begin: the first `limit` of them, or those found until `stop` says true, which is asked often.
    ///
    /// # Errors
    /// [`OutOfBounds`](crate::Error::OutOfBounds); [`Truncated`](crate::Error::Truncated) and
    /// [`IoFault`](crate::Error::IoFault) when what was searched has lost pages; [`Io`](crate::Error::Io) when there is no memory for so many.
    ///
    /// ```
    /// # let file = tempfile::tempfile()?;
    /// # std::io::Write::write_all(&mut &file, b"abcabcabc")?;
    /// # let file = mmap_io::OpenOptions::new(mmap_io::file::MmapMode::ReadOnly).map(file)?;
    /// # let needle = mmap_io::Needle::new(b"abc").unwrap();
    /// assert_eq!(file.find_all(&needle, 0..9, 2, || false)?.offsets, [0, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find_all(
        &self,
        needle: &Needle<'_>,
        within: Range<u64>,
        limit: usize,
        mut stop: impl FnMut() -> bool,
    ) -> Result<Matches> {
        let haystack = self.haystack(&within)?;
        let (mut offsets, mut from) = (Vec::new(), haystack.range.start);
        while offsets.len() < limit {
            let Some(hit) = haystack.first(needle, &mut from, &mut stop) else { break };
            offsets.try_reserve(1).map_err(|_| OsError::new("malloc", std::io::ErrorKind::OutOfMemory.into()))?;
            offsets.push(to_u64(hit));
        }
        let searched = to_u64(from);
        self.refuse_unsound(within.start..searched)?;
        Ok(Matches { offsets, searched })
    }
}
