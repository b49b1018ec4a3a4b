//! Lost pages of a mapped file: refusing what needs them, telling which they are, putting them back.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use mmap_io_guard::Words;

use crate::error::{Error, OsError, Result};
use crate::file::{MappedFile, MmapMode};
use crate::guard::Kept;
use crate::mutex::lock;
use crate::os;
use crate::range;
use crate::region::Region;

/// What a mapped file has for the case that pages are lost.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Whether lost pages are repaired.
    guarded: bool,
    /// Bytes of a mapping that reaches past the end of the file: those that the file had when it was mapped.
    past_end: Option<u64>,
    /// Regions that nobody uses any more and that hold stored bytes.
    kept: Arc<Kept>,
    /// The path of a file that is only read.
    path: Option<PathBuf>,
    /// What such a file was when it was mapped.
    baseline: Mutex<Option<Baseline>>,
    /// Flushes that failed with nobody to be told.
    failed_flushes: AtomicU32,
    heals: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Baseline {
    len: u64,
    modified: Option<SystemTime>,
}

impl Baseline {
    fn new(metadata: &Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Faults {
    pub(crate) fn new(
        guarded: bool,
        past_end: Option<u64>,
        path: Option<PathBuf>,
        read_only: Option<&Metadata>,
    ) -> Self {
        let baseline = Mutex::new(read_only.map(Baseline::new));
        Self {
            guarded,
            past_end,
            kept: Arc::default(),
            path,
            baseline,
            failed_flushes: AtomicU32::new(0),
            heals: AtomicU32::new(0),
        }
    }

    fn baseline(&self) -> MutexGuard<'_, Option<Baseline>> {
        // A whole value is put in: a panic cannot leave it half done.
        lock(&self.baseline)
    }

    /// Has a new region's lost pages repaired, where that was asked for.
    pub(crate) fn protect(&self, region: Region, file: &File, mode: MmapMode, words: &'static Words) -> Region {
        if self.guarded {
            region.protect(file, mode.sharing(), words, &self.kept)
        } else {
            region
        }
    }

    /// A flush failed that nobody waits for.
    pub(crate) fn note_failed_flush(&self) {
        self.failed_flushes.fetch_add(1, Ordering::AcqRel);
        mmap_io_guard::wake();
    }

    /// Regions that only this file knows.
    pub(crate) fn kept(&self) -> Vec<Arc<Region>> {
        self.kept.all()
    }
}

/// Lost pages, in bytes from the start of the mapping.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Lost {
    /// Behind the place where the file was cut.
    cut: Vec<Range<u64>>,
    /// Pages inside the file.
    inside: Vec<Range<u64>>,
    /// Pages of either kind that may hold bytes which were to reach the file.
    stored: Vec<Range<u64>>,
}

/// Whether lost pages can be repaired on this platform.
///
/// ```
/// assert_eq!(mmap_io::HAS_GUARD, cfg!(unix));
/// ```
pub const HAS_GUARD: bool = mmap_io_guard::is_supported();

/// Calls `listener` soon after pages were lost, and after a flush failed that nobody waits for, on a thread that only does
/// that. What is the matter, the files tell: see [`MappedFile::new_faults`]. Only the first listener of the process counts.
///
/// # Errors
/// When there is no descriptor or no thread to be had.
///
/// ```
/// mmap_io::on_fault(|| ())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on_fault(listener: impl Fn() + Send + 'static) -> std::io::Result<()> {
    mmap_io_guard::listen(listener)
}

/// Puts the guard's signal handler on top again, if it was ever installed: for programs that know of somebody who has installed
/// another. Opening and flushing does it, too. Tells whether it had to be done.
///
/// ```
/// assert!(!mmap_io::reinstall_guard(), "no file was opened with a guard");
/// ```
pub fn reinstall_guard() -> bool {
    mmap_io_guard::install_again()
}

/// What somebody was told of a file's faults.
///
/// ```
/// drop(mmap_io::Told::default());
/// ```
#[derive(Debug, Default)]
pub struct Told {
    faults: u32,
    failed_flushes: u32,
    heals: u32,
    lost: Lost,
}

/// What is in `ranges` and not in `others`; both are merged.
fn without(ranges: &[Range<u64>], others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut others = others.iter().peekable();
    for range in ranges {
        let mut start = range.start;
        while let Some(other) = others.peek().filter(|other| other.start < range.end) {
            if start < other.start {
                left.push(start..other.start);
            }
            start = start.max(other.end);
            if other.end > range.end {
                break;
            }
            others.next();
        }
        if start < range.end {
            left.push(start..range.end);
        }
    }
    left
}

fn status_of(file: &File) -> Result<Metadata> {
    Ok(file.metadata().map_err(|error| OsError::new("fstat", error))?)
}

/// A part of `within` each, in ascending order, neighbours joined.
fn merge(mut ranges: Vec<Range<u64>>, within: &Range<u64>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let range = range.start.max(within.start)..range.end.min(within.end);
        match merged.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

impl MappedFile {
    /// Runs `work` on a range that has no lost pages, neither before nor after.
    pub(crate) fn on_sound<T>(&self, offset: u64, len: u64, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.refuse_lost(offset, len)?;
        let done = work()?;
        self.refuse_lost(offset, len)?;
        Ok(done)
    }

    /// Fails when the range has lost pages: [`Error::Truncated`], [`Error::IoFault`].
    #[inline]
    pub(crate) fn refuse_lost(&self, offset: u64, len: u64) -> Result<()> {
        match self.slot().words().flags() {
            0 => Ok(()),
            _ => self.look_for_lost(offset, len),
        }
    }

    #[cold]
    fn look_for_lost(&self, offset: u64, len: u64) -> Result<()> {
        let Lost { cut, inside, .. } = self.lost(&(offset..offset.saturating_add(len)), false);
        match (cut.is_empty(), inside.is_empty()) {
            (false, _) => Err(Error::Truncated { ranges: cut }),
            (_, false) => Err(Error::IoFault { ranges: inside }),
            _ => Ok(()),
        }
    }

    /// Fails when stores into the range may not have reached the file, or will not.
    pub(crate) fn refuse_replaced(&self, offset: u64, len: u64) -> Result<()> {
        if self.slot().words().flags() == 0 {
            return Ok(());
        }
        let Lost { stored, .. } = self.lost(&(offset..offset.saturating_add(len)), true);
        if stored.is_empty() {
            return self.refuse_lost(offset, len);
        }
        Err(Error::LostWrites { ranges: stored, os: None })
    }

    /// Fails when the file does not reach to the end of the range. Gives its metadata.
    pub(crate) fn refuse_cut(&self, file: &File, offset: u64, len: u64) -> Result<Metadata> {
        let reaches = |metadata: &Metadata| metadata.len().saturating_sub(self.offset());
        let metadata = status_of(file)?;
        let end = offset.saturating_add(len).min(self.faults().past_end.unwrap_or(u64::MAX));
        if end <= offset || reaches(&metadata) >= end {
            return Ok(metadata);
        }
        // Perhaps a resize of our own is on its way.
        let _no_resize = self.no_resize();
        let metadata = status_of(file)?;
        let end = end.min(self.len());
        match reaches(&metadata) {
            reaches if reaches < end => Err(Error::Truncated { ranges: vec![reaches.max(offset)..end] }),
            _ => Ok(metadata),
        }
    }

    fn lost(&self, within: &Range<u64>, with_stored: bool) -> Lost {
        let within = within.start..within.end.min(self.len());
        let mut lost = Lost::default();
        for region in self.regions() {
            let found = region.lost();
            if with_stored && region.guard().is_some_and(|guard| guard.is_shared()) {
                lost.stored.extend(found.inside.iter().cloned());
                if !found.cut.is_empty() {
                    lost.stored.extend(region.stored_behind_cut());
                }
            }
            lost.inside.extend(found.inside);
            lost.cut.push(found.cut);
        }
        let Lost { cut, inside, stored } = lost;
        Lost { cut: merge(cut, &within), inside: merge(inside, &within), stored: merge(stored, &within) }
    }

    /// Whether the bytes are what they are taken for: fails when pages were lost, when the file was cut, and, on a read-only
    /// mapping, when the file has changed. One `fstat`, and one `stat` of the path on a read-only mapping.
    ///
    /// # Errors
    /// [`Error::LostWrites`], [`Error::Truncated`], [`Error::IoFault`], [`Error::Changed`], [`Error::Io`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).open(&path)?;
    /// assert!(file.check().is_ok());
    /// std::fs::OpenOptions::new().append(true).open(&path)?.set_len(100)?;
    /// assert!(matches!(file.check(), Err(mmap_io::Error::Changed(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        self.refuse_replaced(0, self.len())?;
        let Some(file) = self.file() else { return Ok(()) };
        let metadata = self.refuse_cut(file, 0, self.len())?;
        let Some(baseline) = *self.faults().baseline() else { return Ok(()) };
        let now = Baseline::new(&metadata);
        if now.len != baseline.len {
            return Err(Error::Changed("the file has another length than when it was mapped"));
        }
        if now.modified != baseline.modified {
            return Err(Error::Changed("the file was modified since it was mapped"));
        }
        let Some(path) = &self.faults().path else { return Ok(()) };
        match os::names_file(path, file, &metadata) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Changed("the path names another file than the one that is mapped")),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(Error::Changed("the path names no file any more"))
            }
            // A folder that may not be searched any more: nobody can tell.
            Err(_) => Ok(()),
        }
    }

    /// Fails when a range has lost pages: whoever reads the memory itself asks before and after.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::Truncated`], [`Error::IoFault`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert!(file.check_range(0, 100).is_ok() && file.check_range(0, 101).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_range(&self, offset: u64, len: u64) -> Result<()> {
        range::check(offset, len, self.len())?;
        self.refuse_lost(offset, len)
    }

    /// What has happened to pages since the last call with the same `told`: the cause for each range, and the ranges that
    /// may hold stored bytes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let mut told = mmap_io::Told::default();
    /// assert!(file.new_faults(&mut told).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new_faults(&self, told: &mut Told) -> Vec<Error> {
        let (faults, failed) = (self.slot().words().faults(), self.faults().failed_flushes.load(Ordering::Acquire));
        let heals = self.faults().heals.load(Ordering::Acquire);
        if heals != told.heals {
            // The same page can be lost again.
            told.lost = Lost::default();
        }
        let mut new = Vec::new();
        if failed != told.failed_flushes {
            new.push(Error::IoFault { ranges: vec![0..self.len()] });
        }
        if faults != told.faults {
            let now = self.lost(&(0..self.len()), true);
            let since = |now: &[Range<u64>], before: &[Range<u64>]| without(now, before);
            let (cut, inside) = (since(&now.cut, &told.lost.cut), since(&now.inside, &told.lost.inside));
            let stored = since(&now.stored, &told.lost.stored);
            let error =
                |ranges: Vec<_>, error: fn(Vec<Range<u64>>) -> Error| (!ranges.is_empty()).then(|| error(ranges));
            new.extend(error(cut, |ranges| Error::Truncated { ranges }));
            new.extend(error(inside, |ranges| Error::IoFault { ranges }));
            new.extend(error(stored, |ranges| Error::LostWrites { ranges, os: None }));
            told.lost = now;
        }
        (told.faults, told.failed_flushes, told.heals) = (faults, failed, heals);
        new
    }

    /// Puts lost pages back: bytes that were stored while there was no room are written once there is, and a file that was
    /// cut and has grown again is mapped again; what was stored behind the cut is given up. Nothing that others wrote is
    /// overwritten. After a failed sync the whole mapping is written anew. A read-only mapping takes the file as it is now.
    ///
    /// # Errors
    /// What [`check`](Self::check) still finds, with the operating system's error where there is one;
    /// [`Error::FlushFailed`] when a sync fails again.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).open(&path)?;
    /// std::fs::write(&path, "CONTENT")?;
    /// file.heal()?;
    /// file.check()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn heal(&self) -> Result<()> {
        let refused = self.put_back()?;
        self.sync_anew()?;
        if let (Some(file), true) = (self.file(), self.mode() == MmapMode::ReadOnly) {
            *self.faults().baseline() = Some(Baseline::new(&status_of(file)?));
        }
        self.check().map_err(|error| match error {
            Error::LostWrites { ranges, .. } => Error::LostWrites { ranges, os: refused },
            other => other,
        })
    }

    /// Tells why a page could not be put back.
    fn put_back(&self) -> Result<Option<OsError>> {
        let Some(file) = self.file() else { return Ok(None) };
        if self.slot().words().flags() == 0 {
            return Ok(None);
        }
        let _no_resize = self.no_resize();
        let mut refused = None;
        for region in self.regions() {
            if let Err(error) = region.put_back(file, self.mode()) {
                refused.get_or_insert(error);
            }
            self.restore(&region);
        }
        self.settle_flags();
        self.faults().kept.let_go();
        self.faults().heals.fetch_add(1, Ordering::AcqRel);
        Ok(refused)
    }

    /// Takes back the flags that hold for no region any more.
    pub(crate) fn settle_flags(&self) {
        let words = self.slot().words();
        let held = || {
            let flags = |region: &Arc<Region>| region.guard().map_or(0, |guard| guard.registration().flags());
            self.regions().iter().map(flags).fold(0, |all, flags| all | flags)
        };
        words.clear(!held());
        // A fault in between is told once more.
        match held() {
            0 => {}
            flags => words.note(flags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_subtracted_as_sets_of_bytes() {
        let bytes = |ranges: &[Range<u64>]| ranges.iter().cloned().flatten().collect::<Vec<u64>>();
        let a = [3..5, 5..9, 20..30, 1..4, 8..8];
        let merged = merge(a.to_vec(), &(2..25));
        assert_eq!(merged, [2..9, 20..25]);
        for others in [&[][..], &[0..40], &[2..3, 8..21], &[4..5, 6..7, 24..40], &[9..20], &[0..1, 30..31]] {
            let expected: Vec<u64> = bytes(&merged).into_iter().filter(|byte| !bytes(others).contains(byte)).collect();
            assert_eq!(bytes(&without(&merged, others)), expected, "{others:?}");
        }
    }
}
