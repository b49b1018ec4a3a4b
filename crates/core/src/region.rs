//! One stretch of mapped memory: what a view or a running task keeps alive.
//!
//! ```text
//!   base (start of a page)
//!   |<---- lead ---->|<-------------- len ------------->|
//!   +----------------+----------------------------------+--------+
//!   | bytes before   | the window's bytes               | rest of|
//!   | the window     |                                  | a page |
//!   +----------------+----------------------------------+--------+
//! ```
//!
//! A window may begin at any byte of the file; a mapping begins at a page. The bytes between are the lead. They keep the
//! alignment of an address the same as the alignment of its position in the file.
//!
//! ```
//! # use mmap_io::{Create, MmapMode, OpenOptions};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
//! let region = file.region();
//! region.write(10, b"hello")?;
//! assert_eq!(&std::fs::read(&path)?[9..16], b"\0hello\0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Safety
//!
//! `map` owns its pages until the region is dropped, so every address between `base` and `base + lead + len` can be read
//! and written while a reference to the region is held. Offsets come from `crate::range` alone.
#![allow(unsafe_code, reason = "copies between mapped memory and slices")]

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::Arc;

use mmap_io_guard::Words;

use crate::copy;
use crate::error::{Error, OsError, Result};
use crate::foreign::{Foreign, Keep};
use crate::guard::{Guard, Kept};
use crate::linger;
use crate::os::{self, Advice, Map, Sharing};
use crate::range;

/// Bytes of a cache line on most machines.
const CACHE_LINE: usize = 64;

/// Which pages of a range are in memory.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// if mmap_io::HAS_RESIDENCY {
///     file.touch(0, 100)?;
///     let residency = file.residency(10, 50)?;
///     assert_eq!((residency.map.len(), residency.resident_pages, residency.resident_bytes), (1, 1, 50));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residency {
    /// Size of a page in bytes.
    pub page_size: usize,
    /// One byte a page: 1 where the page is in memory.
    pub map: Vec<u8>,
    /// Pages that are in memory.
    pub resident_pages: usize,
    /// Bytes of the range (not of its pages) that are in memory.
    pub resident_bytes: u64,
}

/// A stretch of mapped memory. See the module's picture.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// let region = file.region();
/// std::thread::spawn(move || region.write(0, b"from a thread that keeps the memory")).join().unwrap()?;
/// assert!(std::fs::read(&path)?.starts_with(b"from a thread"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Region {
    /// `None` where lost pages are not repaired.
    guard: Option<Guard>,
    /// `None` for an empty region, which has no pages.
    map: Option<Map>,
    /// Position of `base` in the file.
    position: u64,
    lead: usize,
    len: usize,
    /// Bytes from `base` on, a whole number of pages, that are the file's. Zero pages lie over the rest.
    backed: AtomicUsize,
}

/// Where a window lies, in pages. See the module's picture.
struct Extent {
    position: u64,
    lead: usize,
    len: usize,
    mapped: usize,
}

impl Extent {
    fn of(offset: u64, len: u64) -> Result<Self, OsError> {
        let too_long = || OsError::new("mmap", std::io::ErrorKind::OutOfMemory.into());
        let lead = usize::try_from(offset % to_u64(os::page_size())).map_err(|_| too_long())?;
        let len = usize::try_from(len).map_err(|_| too_long())?;
        let mapped = lead.checked_add(len).filter(|bytes| isize::try_from(*bytes).is_ok()).ok_or_else(too_long)?;
        Ok(Self { position: offset - to_u64(lead), lead, len, mapped })
    }
}

impl Region {
    /// Maps `len` bytes of `file` from `offset` on, any byte offset.
    pub(crate) fn map(file: &File, offset: u64, len: u64, sharing: Sharing) -> Result<Self, OsError> {
        if len == 0 {
            return Ok(Self::empty(offset));
        }
        let Extent { position, lead, len, mapped } = Extent::of(offset, len)?;
        let map = with_room(|| Map::new(file, position, mapped, sharing))?;
        let backed = AtomicUsize::new(mapped.next_multiple_of(os::page_size()));
        Ok(Self { guard: None, map: Some(map), position, lead, len, backed })
    }

    /// Has lost pages repaired from now on. The file stays open until the region is retired or dropped.
    pub(crate) fn protect(mut self, file: &File, sharing: Sharing, words: &'static Words, kept: &Arc<Kept>) -> Self {
        if let Some(map) = &self.map {
            let backed = *self.backed.get_mut();
            self.guard = Some(Guard::new(map, backed, file, self.position, sharing, words, kept));
        }
        self
    }

    /// The same for a window (`len` more than 0) that reaches past the end of the file, which has `file_len` bytes: zero
    /// pages lie behind the file's last page.
    pub(crate) fn map_past_end(
        file: &File,
        offset: u64,
        len: u64,
        file_len: u64,
        sharing: Sharing,
    ) -> Result<Self, OsError> {
        let Extent { position, lead, len, mapped } = Extent::of(offset, len)?;
        let map = with_room(|| Map::reserve(mapped, sharing))?;
        let rest = usize::try_from(file_len.saturating_sub(position)).unwrap_or(usize::MAX);
        let backed = rest.min(mapped).next_multiple_of(os::page_size());
        map.uncover(0..backed, file, position)?;
        Ok(Self { guard: None, map: Some(map), position, lead, len, backed: AtomicUsize::new(backed) })
    }

    /// Zero-filled memory without a file, `len` bytes (more than 0).
    pub(crate) fn anonymous(len: u64) -> Result<Self, OsError> {
        let fits = usize::try_from(len).ok().filter(|bytes| isize::try_from(*bytes).is_ok());
        let len = fits.ok_or_else(|| OsError::new("mmap", std::io::ErrorKind::OutOfMemory.into()))?;
        let map = with_room(|| Map::anonymous(len, false))?;
        Ok(Self { guard: None, map: Some(map), position: 0, lead: 0, len, backed: AtomicUsize::new(0) })
    }

    /// The bytes of `like`, in memory that somebody else owns. A region without a file takes the memory as it is.
    pub(crate) fn over(memory: Foreign, like: &Self, file: Option<&File>, sharing: Sharing) -> Result<Self, OsError> {
        let Self { position, lead, len, .. } = *like;
        let mapped = (lead + len).next_multiple_of(os::page_size());
        if memory.len() < mapped {
            return Err(OsError::new("mmap", std::io::ErrorKind::InvalidInput.into()));
        }
        let map = Map::of(memory.first(mapped), sharing)?;
        let backed = like.backed.load(Ordering::Acquire);
        if let Some(file) = file {
            map.uncover(0..backed, file, position)?;
        }
        let backed = AtomicUsize::new(backed);
        Ok(Self { guard: None, map: Some(map), position, lead, len, backed })
    }

    /// The memory, when it is somebody else's.
    fn foreign(&self) -> Option<&Foreign> {
        self.map.as_ref().and_then(Map::foreign)
    }

    /// Whether the memory is somebody else's.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
    /// # if !mmap_io::CAN_MAP_OVER {
    /// #     return Ok(());
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// assert!(file.map_over(memory)?.is_foreign());
    /// assert!(!file.region().is_foreign());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.foreign().is_some()
    }

    /// Keeps memory of somebody else once more, which the caller knows to be there.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
    /// # if !mmap_io::CAN_MAP_OVER {
    /// #     return Ok(());
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// let region = file.map_over(memory)?;
    /// region.sleep();
    /// region.wake(Box::new(Arc::clone(&owner)));
    /// assert_eq!(Arc::strong_count(&owner), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wake(&self, keep: Keep) {
        if let Some(memory) = self.foreign() {
            memory.wake(keep);
        }
    }

    /// Keeps memory of somebody else once less. It is not touched any more when nobody keeps it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
    /// # if !mmap_io::CAN_MAP_OVER {
    /// #     return Ok(());
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// let region = file.map_over(memory)?;
    /// region.sleep();
    /// assert_eq!(Arc::strong_count(&owner), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sleep(&self) {
        if let Some(memory) = self.foreign() {
            memory.sleep();
        }
    }

    /// Lets memory of somebody else go: its owner sees in it what is there now.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{AnonymousMmap, Create, Foreign, MmapMode, OpenOptions};
    /// # if !mmap_io::CAN_MAP_OVER {
    /// #     return Ok(());
    /// # }
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// # let owner = Arc::new(AnonymousMmap::new(64 << 10)?);
    /// # // SAFETY: whole pages that nobody else uses, there as long as one of the `Arc`s.
    /// # let memory = unsafe { Foreign::new(owner.as_mut_ptr(), 64 << 10, Box::new(Arc::clone(&owner))) };
    /// let region = file.map_over(memory)?;
    /// region.let_go();
    /// assert_eq!(Arc::strong_count(&owner), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn let_go(&self) {
        if let Some(memory) = self.foreign() {
            memory.let_go();
        }
    }

    /// Does something to pages, unless there are none: memory of somebody else that nobody keeps may be gone.
    pub(crate) fn while_there(&self, call: impl FnOnce(&Map) -> Result<(), OsError>) -> Result<(), OsError> {
        match (&self.map, self.foreign()) {
            (None, _) => Ok(()),
            (Some(map), None) => call(map),
            (Some(map), Some(memory)) => memory.while_kept(|| call(map)).unwrap_or(Ok(())),
        }
    }

    /// A region without pages.
    pub(crate) fn empty(position: u64) -> Self {
        Self { guard: None, map: None, position, lead: 0, len: 0, backed: AtomicUsize::new(0) }
    }

    /// First mapped byte: the start of the page that holds the window's first byte. Null when the region is empty.
    ///
    /// Valid for reads and writes of `lead() + len()` bytes while the region is alive. Other threads and processes may
    /// store there at any time, and reading a page that the file has lost raises a fault: no reference to the bytes may
    /// be made, and only a caller who lives with that may follow the pointer.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let region = OpenOptions::new(MmapMode::ReadOnly).offset(3).open(&path)?.region();
    /// assert_eq!(region.base().addr() % mmap_io::utils::page_size(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.map.as_ref().map_or(std::ptr::null_mut(), Map::base)
    }

    /// First byte of the window; the same rules as for [`base`](Self::base). Null when the region is empty.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).offset(3).open(&path)?;
    /// // SAFETY: the file keeps its region, and nobody else uses it.
    /// assert_eq!(unsafe { file.region().start().read() }, b't');
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        self.map.as_ref().map_or(std::ptr::null_mut(), |map| map.base().wrapping_add(self.lead))
    }

    /// Bytes between `base` and the window's first byte.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let region = OpenOptions::new(MmapMode::ReadOnly).offset(3).open(&path)?.region();
    /// assert_eq!((region.lead(), region.start().addr() - region.base().addr()), (3, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Bytes of the window that the region can hold. A file that was cut has fewer.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let region = file.region();
    /// file.resize(4096)?;
    /// assert_eq!((region.len(), file.region().len()), (100, 4096));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the region has no bytes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "")?;
    /// assert!(OpenOptions::new(MmapMode::ReadOnly).open(&path)?.region().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The map and the checked range in it, counted from `base`. `None` when there is nothing to do.
    fn select(&self, offset: u64, len: u64) -> Result<Option<(&Map, Range<usize>)>> {
        let range = range::check(offset, len, to_u64(self.len))?;
        Ok(self
            .map
            .as_ref()
            .filter(|_| !range.is_empty())
            .map(|map| (map, range.start + self.lead..range.end + self.lead)))
    }

    /// Copies bytes out, from `offset` of the window on. Concurrent stores may be seen in part.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]; `target` is untouched then.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let mut bytes = [9; 4];
    /// file.region().read(96, &mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, offset: u64, target: &mut [u8]) -> Result<()> {
        let Some((map, range)) = self.select(offset, to_u64(target.len()))? else { return Ok(()) };
        // SAFETY: `select` checked the range against this map.
        let source = unsafe { map.base().add(range.start) };
        // SAFETY: `source` is valid for `range.len() == target.len()` bytes while the map is borrowed.
        unsafe { copy::out(source, target) };
        Ok(())
    }

    /// Copies bytes in, at `offset` of the window. In a private mapping they stay in it.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.region().write(95, b"hello")?;
    /// assert!(std::fs::read(&path)?.ends_with(b"hello"));
    /// assert_eq!(file.slot().pending(), 0, "only the file's own write counts");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let Some((map, range)) = self.select(offset, to_u64(data.len()))? else { return Ok(()) };
        // SAFETY: `select` checked the range against this map.
        let target = unsafe { map.base().add(range.start) };
        // SAFETY: `target` is valid for `range.len() == data.len()` bytes while the map is borrowed, and mapped writable.
        unsafe { copy::into(target, data) };
        Ok(())
    }

    /// Clears the bytes behind byte `len` of the window up to the end of its page: they are no file's, yet can be stored to.
    pub(crate) fn clear_last_page(&self, len: u64) {
        let (Some(map), Ok(len)) = (&self.map, usize::try_from(len)) else { return };
        let end = self.lead + len.min(self.len);
        for at in end..end.next_multiple_of(os::page_size()) {
            // SAFETY: inside the last page of the window's first `len` bytes, which is mapped.
            let address = unsafe { map.base().add(at) };
            // SAFETY: as above; the file reaches into the page.
            unsafe { AtomicU8::from_ptr(address) }.store(0, Ordering::Relaxed);
        }
    }

    /// Writes a range back to the device and waits for it.
    pub(crate) fn sync(&self, offset: u64, len: u64, file: &File) -> Result<()> {
        match self.select(offset, len)? {
            Some((map, range)) => map.sync(range, file).map_err(Error::FlushFailed),
            None => Ok(()),
        }
    }

    /// Starts writing a range back to the device and does not wait.
    pub(crate) fn schedule(&self, offset: u64, len: u64, file: &File) -> Result<()> {
        match self.select(offset, len)? {
            Some((map, range)) => map.schedule(range, file, self.position).map_err(Error::FlushFailed),
            None => Ok(()),
        }
    }

    /// Tells the operating system how the pages of a range are going to be used.
    pub(crate) fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        match self.select(offset, len)? {
            Some((map, range)) => {
                let pages = range::pages(&range, os::page_size());
                let advise = |pages| map.advise(pages, advice);
                let advised = match &self.guard {
                    // What was stored into a replaced page is nowhere else.
                    Some(guard) if advice == Advice::DontNeed => guard.registration().around_replaced(pages, advise),
                    _ => advise(pages),
                };
                advised.map_err(Error::AdviceFailed)
            }
            None => Ok(()),
        }
    }

    /// Reads one byte of every page of a range, so that it is mapped.
    pub(crate) fn touch(&self, offset: u64, len: u64) -> Result<()> {
        let Some((map, range)) = self.select(offset, len)? else { return Ok(()) };
        let (base, page) = (map.base(), os::page_size());
        for (number, at) in range::pages(&range, page).step_by(page).enumerate() {
            // Each time another cache line of the page: all first bytes would share a few places of the cache and miss.
            let line = (number * CACHE_LINE) & (page - 1);
            // SAFETY: a byte of a page that holds a byte of the checked range.
            let address = unsafe { base.add(at + line) };
            // SAFETY: as above; a byte may be read at any time.
            unsafe { address.read_volatile() };
        }
        Ok(())
    }

    /// Drops the pages with these numbers from memory, as far as no byte is lost.
    pub(crate) fn evict(&self, pages: &Range<usize>, file: &File) -> Result<()> {
        let page = os::page_size();
        match &self.map {
            Some(map) => {
                map.evict(pages.start * page..pages.end * page, file, self.position).map_err(Error::AdviceFailed)
            }
            None => Ok(()),
        }
    }

    /// The pages of a range, as numbers counted from `base`.
    pub(crate) fn page_numbers(&self, offset: u64, len: u64) -> Result<Range<usize>> {
        let page = os::page_size();
        let Some((_, range)) = self.select(offset, len)? else { return Ok(0..0) };
        let pages = range::pages(&range, page);
        Ok(pages.start / page..pages.end / page)
    }

    /// The platform's map, for what is done to pages by number.
    pub(crate) fn as_map(&self) -> Option<&Map> {
        self.map.as_ref()
    }

    /// Position of `base` in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Which pages of a range are in memory.
    pub(crate) fn residency(&self, offset: u64, len: u64, file: Option<&File>) -> Result<Residency> {
        let page_size = os::page_size();
        let Some((map, range)) = self.select(offset, len)? else {
            return Ok(Residency { page_size, map: Vec::new(), resident_pages: 0, resident_bytes: 0 });
        };
        let pages = range::pages(&range, page_size);
        let first = pages.start;
        let map = map.residency(pages, file).map_err(|os| Error::Unsupported {
            message: "the operating system does not tell which pages of this file are in memory".into(),
            os: Some(os),
        })?;
        let bytes_of = |index: usize| {
            let start = first + index * page_size;
            (start + page_size).min(range.end) - start.max(range.start)
        };
        let resident = || map.iter().enumerate().filter(|(_, byte)| **byte == 1).map(|(index, _)| index);
        let (resident_pages, resident_bytes) =
            (resident().count(), resident().map(|index| to_u64(bytes_of(index))).sum());
        Ok(Residency { page_size, map, resident_pages, resident_bytes })
    }

    /// Puts zero pages over everything: the file is let go, the addresses stay. Where the operating system cannot do that
    /// (Windows, or no memory for the exchange) the file's pages stay until the region is dropped.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let region = file.region();
    /// file.write(0, b"hello")?;
    /// region.retire();
    /// # if cfg!(unix) {
    /// let mut bytes = [9; 5];
    /// region.read(0, &mut bytes)?;
    /// assert_eq!(bytes, [0; 5]);
    /// # }
    /// assert!(std::fs::read(&path)?.starts_with(b"hello"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retire(&self) {
        if os::CAN_COVER {
            // Nobody to tell, and nothing else to be done.
            let _ = self.while_there(|map| self.cover(map, 0..map.len().next_multiple_of(os::page_size())));
        }
        if let Some(guard) = &self.guard {
            guard.registration().orphan();
        }
    }

    /// Puts zero pages over what lies behind the page of byte `len` of the window, before the file is cut there.
    pub(crate) fn cover_after(&self, len: u64) -> Result<(), OsError> {
        let keep = self.pages_up_to(len);
        self.while_there(|map| match self.backed.load(Ordering::Acquire) {
            backed if keep < backed => self.cover(map, keep..backed),
            _ => Ok(()),
        })
    }

    /// `pages` end where the file's end, or further.
    fn cover(&self, map: &Map, pages: Range<usize>) -> Result<(), OsError> {
        let keep = pages.start;
        let cover = || map.cover(pages);
        match &self.guard {
            Some(guard) => guard.registration().cover(keep, cover)?,
            None => cover()?,
        }
        self.backed.store(keep, Ordering::Release);
        Ok(())
    }

    /// Maps the file again over zero pages, up to the page of byte `len` of the window. The file has these bytes.
    pub(crate) fn uncover_up_to(&self, len: u64, file: &File) -> Result<(), OsError> {
        let want = self.pages_up_to(len);
        self.while_there(|map| {
            let backed = self.backed.load(Ordering::Acquire);
            if backed < want {
                let uncover = || map.uncover(backed..want, file, self.position);
                match &self.guard {
                    Some(guard) => guard.registration().uncover(want, uncover)?,
                    None => uncover()?,
                }
                self.backed.store(want, Ordering::Release);
            }
            Ok(())
        })
    }

    /// Who repairs lost pages.
    pub(crate) fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    /// Bytes from `base` to the end of the page that holds the window's first `len` bytes, as far as the region goes.
    fn pages_up_to(&self, len: u64) -> usize {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.len);
        (self.lead + len).next_multiple_of(os::page_size())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.is_foreign() {
            // Its owner may have freed it already.
            return;
        }
        // Bytes that were stored into replaced pages wait for a heal, whoever made the views is gone or not.
        let Some(kept) = self.guard.as_ref().and_then(Guard::keeper) else { return };
        let backed = AtomicUsize::new(*self.backed.get_mut());
        let Self { position, lead, len, .. } = *self;
        let (guard, map) = (self.guard.take(), self.map.take());
        kept.push(Self { guard, map, position, lead, len, backed });
    }
}

/// Maps, and once more when emptied regions may hold the addresses that are missing.
fn with_room(map: impl Fn() -> Result<Map, OsError>) -> Result<Map, OsError> {
    linger::clear_old();
    map().or_else(|error| {
        if error.source.kind() == std::io::ErrorKind::OutOfMemory && linger::clear() {
            return map();
        }
        Err(error)
    })
}

/// Lossless: addresses have at most 64 bits on every supported platform.
#[inline]
pub(crate) fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn contents(mut file: &File) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_window_begins_at_any_byte_and_keeps_the_alignment_of_the_file() {
        let page = os::page_size();
        let bytes: Vec<u8> = (0..3 * page).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let file = file_of(&bytes);
        for offset in [0, 1, 7, page - 1, page, page + 1, 2 * page + 13] {
            let region = Region::map(&file, to_u64(offset), 100, Sharing::Shared).unwrap();
            assert_eq!(region.base() as usize % page, 0);
            assert_eq!(region.lead(), offset % page);
            let mut got = vec![0; 100];
            region.read(0, &mut got).unwrap();
            assert_eq!(got, bytes[offset..offset + 100]);
        }
    }

    #[test]
    fn a_store_into_a_private_region_never_reaches_the_file() {
        let file = file_of(b"original");
        let region = Region::map(&file, 0, 8, Sharing::Private).unwrap();
        region.write(0, b"scribble").unwrap();
        let mut got = [0; 8];
        region.read(0, &mut got).unwrap();
        assert_eq!(&got, b"scribble");
        assert_eq!(contents(&file), b"original");
    }

    #[test]
    fn a_retired_region_reads_zeros_and_lets_stores_go_nowhere() {
        if !os::CAN_COVER {
            return;
        }
        let file = file_of(b"original");
        let region = Region::map(&file, 0, 8, Sharing::Shared).unwrap();
        region.retire();
        let mut got = [1; 8];
        region.read(0, &mut got).unwrap();
        assert_eq!(got, [0; 8]);
        region.write(0, b"scribble").unwrap();
        assert_eq!(contents(&file), b"original");
    }

    #[test]
    fn covered_pages_read_zeros_and_come_back_with_the_file() {
        if !os::CAN_COVER {
            return;
        }
        let page = os::page_size();
        let file = file_of(&vec![7; 4 * page]);
        let region = Region::map(&file, 0, to_u64(4 * page), Sharing::Shared).unwrap();
        region.cover_after(to_u64(page + 1)).unwrap();
        let mut byte = [9];
        region.read(to_u64(2 * page - 1), &mut byte).unwrap();
        assert_eq!(byte, [7], "the page of the last kept byte stays");
        region.read(to_u64(2 * page), &mut byte).unwrap();
        assert_eq!(byte, [0]);
        region.uncover_up_to(to_u64(3 * page), &file).unwrap();
        region.read(to_u64(3 * page - 1), &mut byte).unwrap();
        assert_eq!(byte, [7]);
        region.read(to_u64(3 * page), &mut byte).unwrap();
        assert_eq!(byte, [0]);
        region.write(to_u64(2 * page), b"x").unwrap();
        assert_eq!(contents(&file)[2 * page], b'x', "an uncovered page is the file's again");
    }

    #[test]
    fn residency_counts_the_bytes_of_the_range_and_not_of_its_pages() {
        if !os::HAS_RESIDENCY {
            return;
        }
        let page = os::page_size();
        let file = file_of(&vec![1; 2 * page + 10]);
        let region = Region::map(&file, 0, to_u64(2 * page + 10), Sharing::Shared).unwrap();
        let all = region.residency(0, to_u64(2 * page + 10), Some(&file)).unwrap();
        assert_eq!((all.map.as_slice(), all.resident_bytes), ([1, 1, 1].as_slice(), to_u64(2 * page + 10)));
        let part = region.residency(to_u64(page - 1), 2, Some(&file)).unwrap();
        assert_eq!((part.map.len(), part.resident_pages, part.resident_bytes), (2, 2, 2));
        let none = region.residency(5, 0, Some(&file)).unwrap();
        assert_eq!((none.map.len(), none.resident_bytes), (0, 0));
    }

    #[test]
    fn an_out_of_bounds_copy_changes_nothing() {
        let file = file_of(b"12345678");
        let region = Region::map(&file, 0, 8, Sharing::Shared).unwrap();
        let mut target = [9; 4];
        assert!(matches!(region.read(5, &mut target), Err(Error::OutOfBounds { offset: 5, len: 4, total: 8 })));
        assert_eq!(target, [9; 4]);
        assert!(region.write(u64::MAX, b"x").is_err());
        assert_eq!(contents(&file), b"12345678");
    }
}
