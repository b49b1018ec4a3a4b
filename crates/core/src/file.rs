//! A mapped file: mode, window, resize, flush and accounting on top of [`Region`].
//!
//! A file that grows past its region gets a longer one; the shorter regions stay alive as long as somebody uses them.
//! All regions of a read-write file are shared mappings of the same file, so a store through one is seen through all.
//! The file knows every region that is still alive (its generations), because a cut has to reach each of them.
//!
//! ```
//! # use mmap_io::{Create, MmapMode, OpenOptions};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
//! file.write(95, b"hello")?;
//! file.resize(4096)?;
//! file.flush()?;
//! assert_eq!(&std::fs::read(&path)?[94..101], b"\0hello\0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::ops::Range;
#[cfg(feature = "watch")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::error::{Error, OsError, Result};
use crate::faults::Faults;
use crate::flusher;
use crate::foreign::Foreign;
use crate::kept_advice::{self, KeptAdvice};
use crate::mutex::lock;
use crate::os::{self, Advice, Growth, Others, Sharing};
use crate::page_locks::PageLocks;
use crate::range;
use crate::region::{to_u64, Region, Residency};
use crate::status::SlotRef;

/// What a mapping may do with its file.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// std::fs::write(&path, "content")?;
/// for mode in [MmapMode::ReadWrite, MmapMode::CopyOnWrite] {
///     OpenOptions::new(mode).open(&path)?.write(0, b"C")?;
/// }
/// assert!(OpenOptions::new(MmapMode::ReadOnly).open(&path)?.write(0, b"C").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MmapMode {
    /// Reads. Stores into the memory are possible, stay in this mapping and never reach the file.
    ReadOnly,
    /// Reads and writes; stores reach the file and every other mapping of it.
    ReadWrite,
    /// Reads and writes; stores are seen through this mapping alone and never reach the file.
    CopyOnWrite,
}

impl MmapMode {
    pub(crate) fn sharing(self) -> Sharing {
        match self {
            Self::ReadWrite => Sharing::Shared,
            Self::ReadOnly | Self::CopyOnWrite => Sharing::Private,
        }
    }
}

/// Where and how a file is mapped; made by [`OpenOptions`](crate::open::OpenOptions).
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) mode: MmapMode,
    /// First mapped byte of the file.
    pub(crate) offset: u64,
    /// Whether the window ends where the file ends.
    pub(crate) reaches_end: bool,
    pub(crate) growth: Growth,
    /// The folder of a file that was just created: its entry there is brought to the device by the first flush.
    pub(crate) created_in: Option<PathBuf>,
    pub(crate) faults: Faults,
}

/// A file and its mapping; or memory without a file behind the same methods.
///
/// Dropping it releases the file. Regions that somebody still holds read zeros from then on (on Windows: the file's bytes,
/// until they are dropped).
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// file.write(95, b"hello")?;
/// let region = file.region();
/// drop(file);
/// # if cfg!(unix) {
/// let mut bytes = [9; 5];
/// region.read(95, &mut bytes)?;
/// assert_eq!(bytes, [0; 5]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedFile {
    /// `None` for memory without a file.
    file: Option<Arc<File>>,
    mode: MmapMode,
    offset: u64,
    reaches_end: bool,
    growth: Growth,
    slot: SlotRef,
    faults: Faults,
    regions: Mutex<Regions>,
    /// Held through a resize: there is one at a time.
    resizing: Mutex<()>,
    health: Mutex<Health>,
    locks: Mutex<PageLocks>,
    /// Where it was opened, whatever the working directory becomes. `None` for a file that was open already.
    #[cfg(feature = "watch")]
    path: Option<PathBuf>,
    leaves_memory: AtomicBool,
}

#[derive(Debug)]
struct Regions {
    current: Arc<Region>,
    /// Every region that may still be alive, the current one included.
    generations: Vec<Weak<Region>>,
    advice: KeptAdvice,
}

impl Regions {
    fn alive(&self) -> Vec<Arc<Region>> {
        self.generations.iter().filter_map(Weak::upgrade).collect()
    }
}

#[derive(Debug)]
struct Health {
    /// A failed sync of the background flusher that nobody was told yet.
    untold: Option<OsError>,
    /// The first failed sync. The kernel tells a write error once and calls the pages clean afterwards, so a later
    /// success would mean nothing.
    failed: Option<OsError>,
    unsynced_folder: Option<PathBuf>,
}

/// A resize whose checks have passed.
struct Resize<'a> {
    file: &'a File,
    /// Length of the mapping now.
    len: u64,
    new_len: u64,
    /// Length of the file now.
    actual: u64,
    /// Where the file is to end.
    new_end: u64,
}

impl MappedFile {
    pub(crate) fn new(file: Arc<File>, placement: Placement, region: Region) -> Self {
        Self::assemble(Some(file), placement, region)
    }

    /// Zero-filled memory of this process, `len` bytes. Flushing does nothing, resizing is unsupported. `huge_pages` is a hint.
    ///
    /// # Errors
    /// [`Error::ResizeFailed`] for a length of 0, [`Error::Io`].
    ///
    /// ```
    /// let memory = mmap_io::MappedFile::anonymous(4096, false)?;
    /// memory.write(10, b"hello")?;
    /// memory.flush()?;
    /// assert_eq!(memory.slot().pending(), 0);
    /// # Ok::<(), mmap_io::Error>(())
    /// ```
    pub fn anonymous(len: u64, huge_pages: bool) -> Result<Self> {
        if len == 0 {
            return Err(Error::ResizeFailed("the size must be greater than zero".into()));
        }
        let region = Region::anonymous(len).map_err(explain_map_failure)?;
        let placement = Placement {
            mode: MmapMode::ReadWrite,
            offset: 0,
            reaches_end: false,
            growth: Growth::Sparse,
            created_in: None,
            faults: Faults::new(false, None, None, None),
        };
        let memory = Self::assemble(None, placement, region);
        if huge_pages {
            // A hint: a kernel without huge pages refuses it, and the memory is as good.
            let _ = memory.advise(0, len, Advice::HugePages);
        }
        Ok(memory)
    }

    fn assemble(file: Option<Arc<File>>, placement: Placement, region: Region) -> Self {
        let Placement { mode, offset, reaches_end, growth, created_in, faults } = placement;
        let slot = SlotRef::take();
        let region = match &file {
            Some(file) => faults.protect(region, file, mode, slot.words()),
            None => region,
        };
        let current = Arc::new(region);
        slot.set_length(to_u64(current.len()));
        let generations = vec![Arc::downgrade(&current)];
        Self {
            file,
            mode,
            offset,
            reaches_end,
            growth,
            slot,
            faults,
            regions: Mutex::new(Regions { current, generations, advice: KeptAdvice::default() }),
            resizing: Mutex::new(()),
            health: Mutex::new(Health { untold: None, failed: None, unsynced_folder: created_in }),
            locks: Mutex::default(),
            #[cfg(feature = "watch")]
            path: None,
            leaves_memory: AtomicBool::new(false),
        }
    }

    /// Remembers where the file was opened.
    #[cfg(feature = "watch")]
    pub(crate) fn opened_at(&mut self, path: &Path) {
        self.path = Some(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()));
    }

    #[cfg(feature = "watch")]
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Length of the mapping in bytes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert_eq!(file.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn len(&self) -> u64 {
        self.slot.length()
    }

    /// Whether there are no bytes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert!(!file.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the mapping may do with its file.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert_eq!(file.mode(), MmapMode::ReadWrite);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn mode(&self) -> MmapMode {
        self.mode
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every region that is alive.
    pub(crate) fn regions(&self) -> Vec<Arc<Region>> {
        let mut alive = lock(&self.regions).alive();
        alive.extend(self.faults.kept());
        alive
    }

    /// Makes resizes wait.
    pub(crate) fn no_resize(&self) -> MutexGuard<'_, ()> {
        lock(&self.resizing)
    }

    /// First mapped byte of the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The numbers about this file that are read often.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(0, b"hello")?;
    /// assert_eq!((file.slot().length(), file.slot().pending()), (100, 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slot(&self) -> &SlotRef {
        &self.slot
    }

    /// The region that holds the whole mapping now. Whoever keeps it keeps its addresses mapped.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let before = file.region();
    /// file.resize(1 << 20)?;
    /// file.region().write(0, b"seen")?;
    /// let mut bytes = [0; 4];
    /// before.read(0, &mut bytes)?;
    /// assert_eq!(&bytes, b"seen");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn region(&self) -> Arc<Region> {
        Arc::clone(&lock(&self.regions).current)
    }

    /// Shows the mapping in memory that somebody else owns as well, which has room for `lead() + len()` bytes of the region.
    ///
    /// Stores go both ways, but for a private mapping: that one moves there, and its bytes are nowhere else from then on.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Unsupported`] where [`CAN_MAP_OVER`](crate::CAN_MAP_OVER) is false.
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
    /// file.write(0, b"hello")?;
    /// assert_eq!(owner.as_slice(0, 5)?, b"hello");
    /// owner.update_region(0, b"HELLO")?;
    /// assert!(std::fs::read(&path)?.starts_with(b"HELLO"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_over(&self, memory: Foreign) -> Result<Arc<Region>> {
        if !os::CAN_MAP_OVER {
            return Err(Error::unsupported("files cannot be mapped over other memory on this system"));
        }
        // The region must not be exchanged, nor the file cut, before the new one is known.
        let _no_resize = lock(&self.resizing);
        let current = self.region();
        let file = self.file.as_deref();
        let region = Region::over(memory, &current, file, self.mode.sharing()).map_err(explain_map_failure)?;
        let region = Arc::new(match file {
            Some(file) => self.faults.protect(region, file, self.mode, self.slot.words()),
            None => region,
        });
        if self.is_private() {
            self.carry_over(&current, &region)?;
        }
        let mut regions = lock(&self.regions);
        regions.advice.give(&region);
        regions.generations.retain(|region| region.strong_count() > 0);
        regions.generations.push(Arc::downgrade(&region));
        if self.is_private() {
            regions.current = Arc::clone(&region);
        }
        Ok(region)
    }

    /// Whether what is stored is in this mapping alone.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert!(!file.is_private());
    /// assert!(OpenOptions::new(MmapMode::CopyOnWrite).open(&path)?.is_private());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.file.is_none() || self.mode == MmapMode::CopyOnWrite
    }

    /// Brings memory of [`map_over`](Self::map_over) that was asleep to what the mapping shows now.
    ///
    /// # Errors
    /// [`Error::Io`].
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
    /// file.resize(5000)?;
    /// region.wake(Box::new(Arc::clone(&owner)));
    /// file.refresh(&region)?;
    /// file.write(0, b"hello")?;
    /// assert_eq!(owner.as_slice(0, 5)?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(&self, region: &Region) -> Result<()> {
        let _no_resize = lock(&self.resizing);
        let len = self.len();
        region.cover_after(len)?;
        match self.file.as_deref() {
            Some(file) => Ok(region.uncover_up_to(len, file)?),
            None => Ok(()),
        }
    }

    /// Memory that the mapping has moved to (see [`map_over`](Self::map_over)) is to keep what it shows when this is dropped.
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
    /// let file = OpenOptions::new(MmapMode::CopyOnWrite).open(&path)?;
    /// file.map_over(memory)?;
    /// file.write(0, b"hello")?;
    /// file.leave_memory();
    /// drop(file);
    /// assert_eq!(owner.as_slice(0, 5)?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leave_memory(&self) {
        self.leaves_memory.store(true, Ordering::Release);
    }

    /// Copies bytes out. Concurrent stores may be seen in part.
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
    /// file.read(96, &mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, offset: u64, target: &mut [u8]) -> Result<()> {
        let len = to_u64(target.len());
        range::check(offset, len, self.len())?;
        self.on_sound(offset, len, || self.region().read(offset, target))?;
        // The zeros in place of what was cut off meanwhile are no bytes.
        range::check(offset, len, self.len()).map(drop)
    }

    /// Copies bytes in and counts them as written.
    ///
    /// # Errors
    /// [`Error::InvalidMode`] on a read-only mapping, [`Error::OutOfBounds`]; nothing is written then.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(95, b"hello")?;
    /// assert!(file.write(96, b"hello").is_err());
    /// assert!(std::fs::read(&path)?.ends_with(b"\0hello"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.store(offset, data)?;
        self.count_written(to_u64(data.len()));
        Ok(())
    }

    /// Copies bytes in, for a caller who counts them as written by itself.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.store(0, b"hello")?;
    /// assert_eq!(file.slot().pending(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn store(&self, offset: u64, data: &[u8]) -> Result<()> {
        if self.mode == MmapMode::ReadOnly {
            return Err(Error::InvalidMode("a read-only mapping cannot be written"));
        }
        let len = to_u64(data.len());
        range::check(offset, len, self.len())?;
        self.on_sound(offset, len, || self.region().write(offset, data))
    }

    /// Which pages of a range are in memory.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]; [`Error::Unsupported`] where the operating system does not tell.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.touch(0, 100)?;
    /// if mmap_io::HAS_RESIDENCY {
    ///     assert_eq!(file.residency(0, 100)?.resident_bytes, 100);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn residency(&self, offset: u64, len: u64) -> Result<Residency> {
        range::check(offset, len, self.len())?;
        self.region().residency(offset, len, self.file.as_deref())
    }

    /// Brings everything stored so far to the device and waits for it; bytes stored meanwhile stay counted as pending.
    /// Nothing to do on read-only and copy-on-write mappings.
    ///
    /// # Errors
    /// [`Error::FlushFailed`]; a full disk or a device error stays, because the kernel tells it only once.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(0, b"hello")?;
    /// file.flush()?;
    /// assert_eq!(file.slot().pending(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) -> Result<()> {
        self.tell_untold()?;
        self.sync_whole()
    }

    /// Like [`flush`](Self::flush) for a range. The whole range counts as a flush of everything.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), and [`Error::OutOfBounds`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(0, b"hello")?;
    /// file.flush_range(0, 5)?;
    /// assert_eq!(file.slot().pending(), 5);
    /// file.flush_range(0, 100)?;
    /// assert_eq!(file.slot().pending(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_range(&self, offset: u64, len: u64) -> Result<()> {
        let total = self.len();
        range::check(offset, len, total)?;
        if offset == 0 && len == total {
            return self.flush();
        }
        self.tell_untold()?;
        self.sync(offset, len)
    }

    fn tell_untold(&self) -> Result<()> {
        let untold = lock(&self.health).untold.take();
        untold.map_or(Ok(()), |error| Err(Error::FlushFailed(error)))
    }

    fn sync_whole(&self) -> Result<()> {
        let covered = self.slot.written();
        self.sync(0, self.len())?;
        self.slot.set_flushed(covered);
        Ok(())
    }

    fn sync(&self, offset: u64, len: u64) -> Result<()> {
        let Some(file) = self.written_file() else { return Ok(()) };
        self.refuse_after_failure()?;
        crate::reinstall_guard();
        self.refuse_replaced(offset, len)?;
        self.refuse_cut(file, offset, len)?;
        let synced = self.region().sync(offset, len, file).and_then(|()| self.sync_folder());
        if let Err(Error::FlushFailed(error)) = &synced
            && is_lasting(error)
        {
            lock(&self.health).failed.get_or_insert_with(|| error.repeat());
        }
        synced?;
        self.refuse_replaced(offset, len)?;
        // A flush beside this one may have been told the error that belongs to both.
        self.refuse_after_failure()
    }

    /// Flushes every `interval` from now on, when bytes are pending, on a thread that all files share. The next flush tells
    /// an error. Nothing to do on read-only and copy-on-write mappings.
    ///
    /// # Errors
    /// [`Error::Io`] when the thread cannot be started.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// use std::{sync::Arc, thread, time::Duration};
    ///
    /// let file = Arc::new(file);
    /// file.flush_every(Duration::from_millis(1))?;
    /// file.write(0, b"hello")?;
    /// while file.slot().pending() > 0 {
    ///     thread::yield_now();
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_every(self: &Arc<Self>, interval: Duration) -> Result<()> {
        if self.written_file().is_some() {
            flusher::register(self, interval)?;
        }
        Ok(())
    }

    /// Flushes when bytes are pending, also after an error, which the next flush of somebody else tells.
    pub(crate) fn flush_in_background(&self) {
        if self.slot.pending() == 0 {
            return;
        }
        if let Err(Error::FlushFailed(error)) = self.sync_whole() {
            lock(&self.health).untold = Some(error);
            self.faults.note_failed_flush();
        }
    }

    /// Starts writing a range back to the device and does not wait; nothing counts as flushed. Nothing to do on read-only
    /// and copy-on-write mappings.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::FlushFailed`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.write(0, b"hello")?;
    /// file.schedule_flush(0, 100)?;
    /// assert_eq!(file.slot().pending(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schedule_flush(&self, offset: u64, len: u64) -> Result<()> {
        range::check(offset, len, self.len())?;
        match self.written_file() {
            Some(file) => self.region().schedule(offset, len, file),
            None => Ok(()),
        }
    }

    /// Counts bytes as written.
    pub(crate) fn count_written(&self, bytes: u64) {
        if self.written_file().is_some() && bytes > 0 {
            self.slot.add_written(bytes);
        }
    }

    /// The open file.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        self.file.as_ref()
    }

    /// The file that stores reach, if any.
    fn written_file(&self) -> Option<&File> {
        self.file.as_deref().filter(|_| self.mode == MmapMode::ReadWrite)
    }

    /// Reads one byte of every page of a range.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.touch(0, 100)?;
    /// assert!(file.touch(0, 101).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn touch(&self, offset: u64, len: u64) -> Result<()> {
        range::check(offset, len, self.len())?;
        self.on_sound(offset, len, || self.region().touch(offset, len))
    }

    /// Gives advice on the pages of a range. Advice on a way of use is given again when the file is mapped anew.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::AdviceFailed`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.advise(0, 100, mmap_io::Advice::Random)?;
    /// assert!(file.advise(0, 101, mmap_io::Advice::Random).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        range::check(offset, len, self.len())?;
        match advice {
            // There is nothing to read ahead.
            Advice::WillNeed if self.file.is_none() => return Ok(()),
            // Pages that are nowhere else.
            Advice::Cold if self.file.is_none() || self.mode == MmapMode::CopyOnWrite => return Ok(()),
            _ => {}
        }
        if len == 0 || matches!(advice, Advice::WillNeed | Advice::DontNeed | Advice::Cold) {
            return self.region().advise(offset, len, advice);
        }
        // One lock for both: such advice only sets flags, which takes no time.
        let mut regions = lock(&self.regions);
        let pages = regions.current.page_numbers(offset, len)?;
        kept_advice::give(&regions.current, &pages, advice).map_err(Error::AdviceFailed)?;
        for other in regions.alive().iter().filter(|region| region.is_foreign()) {
            // What the first was given holds for the file; a refusal here is about memory that shows it besides.
            let _ = kept_advice::give(other, &pages, advice);
        }
        regions.advice.keep(&pages, advice);
        Ok(())
    }

    /// Gives advice on everything, bytes of a later growth included.
    pub(crate) fn advise_for_good(&self, advice: Advice) -> Result<()> {
        self.advise(0, self.len(), advice)?;
        lock(&self.regions).advice.keep(&(0..usize::MAX), advice);
        Ok(())
    }

    /// Keeps the pages of a range in memory. Counted by page: overlapping locks need as many unlocks.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::LockFailed`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// if file.lock_pages(0, 100).is_ok() {
    ///     file.unlock_pages(0, 100)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_pages(&self, offset: u64, len: u64) -> Result<()> {
        // The region must not be exchanged between its look-up and the ledger's entry.
        let _no_resize = lock(&self.resizing);
        range::check(offset, len, self.len())?;
        let region = self.region();
        let pages = region.page_numbers(offset, len)?;
        lock(&self.locks).lock(&region, self.file.as_deref(), &pages).map_err(Error::LockFailed)
    }

    /// Lets the pages of a range go, once each. Pages that are not locked are left alone.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::UnlockFailed`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.unlock_pages(0, 100)?; // nothing is locked, so nothing changes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unlock_pages(&self, offset: u64, len: u64) -> Result<()> {
        // The region must not be exchanged between its look-up and the ledger's entry.
        let _no_resize = lock(&self.resizing);
        range::check(offset, len, self.len())?;
        let region = self.region();
        let pages = region.page_numbers(offset, len)?;
        lock(&self.locks).unlock(&region, &pages).map_err(Error::UnlockFailed)
    }

    /// The pages of a range that are not locked, as numbers.
    pub(crate) fn unlocked_pages(&self, region: &Region, offset: u64, len: u64) -> Result<Vec<Range<usize>>> {
        Ok(lock(&self.locks).unlocked(&region.page_numbers(offset, len)?))
    }

    /// After a failed sync: writes everything anew and forgets the failure when that succeeds.
    pub(crate) fn sync_anew(&self) -> Result<()> {
        let Some(file) = self.written_file().filter(|_| lock(&self.health).failed.is_some()) else { return Ok(()) };
        let _no_resize = self.no_resize();
        let region = self.region();
        region.store_again(file);
        region.sync(0, self.len(), file)?;
        let mut health = lock(&self.health);
        (health.failed, health.untold) = (None, None);
        Ok(())
    }

    fn refuse_after_failure(&self) -> Result<()> {
        match &lock(&self.health).failed {
            Some(first) => Err(Error::FlushFailed(first.repeat())),
            None => Ok(()),
        }
    }

    fn sync_folder(&self) -> Result<()> {
        let folder = lock(&self.health).unsynced_folder.clone();
        if let Some(folder) = folder {
            os::sync_parent_entry(&folder).map_err(Error::FlushFailed)?;
            lock(&self.health).unsynced_folder = None;
        }
        Ok(())
    }

    /// Makes the mapping `new_len` bytes long, and the file as long as the window's end then.
    ///
    /// Growing keeps every region valid; new bytes are zero. Shrinking makes the cut part of every region read as zeros
    /// before the file is cut. A file that others have made longer is never cut.
    ///
    /// # Errors
    /// [`Error::InvalidMode`] unless read-write; [`Error::ResizeFailed`] for a length of 0, or when others have made the
    /// file longer than the mapping that is to shrink, or (Windows) while a region is in use; [`Error::Unsupported`] for a
    /// window that does not end where the file ends; [`Error::Io`]. File, length and mapping are as before then.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// file.resize(5000)?;
    /// assert_eq!((file.len(), std::fs::metadata(&path)?.len()), (5000, 5000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&self, new_len: u64) -> Result<()> {
        let _one_at_a_time = lock(&self.resizing);
        let plan = self.plan_resize(new_len)?;
        if new_len >= plan.len {
            self.grow(&plan)?;
            self.slot.set_length(new_len);
            return Ok(());
        }
        // Before anything is cut: who reads meanwhile must not take the zeros there for bytes of the file.
        self.slot.set_length(new_len);
        self.shrink(&plan).inspect_err(|_| self.slot.set_length(plan.len))
    }

    /// The checks of [`resize`](Self::resize), with nothing done.
    ///
    /// # Errors
    /// Those that `resize` gives before it touches anything.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// assert!(file.check_resize(5000).is_ok() && file.check_resize(0).is_err());
    /// assert_eq!(file.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_resize(&self, new_len: u64) -> Result<()> {
        let _one_at_a_time = lock(&self.resizing);
        self.plan_resize(new_len).map(|_| ())
    }

    fn plan_resize(&self, new_len: u64) -> Result<Resize<'_>> {
        if self.mode != MmapMode::ReadWrite {
            return Err(Error::InvalidMode("only a read-write mapping can be resized"));
        }
        if new_len == 0 {
            return Err(Error::ResizeFailed("the new size must be greater than zero".into()));
        }
        let Some(file) = self.file.as_deref() else {
            return Err(Error::unsupported("memory without a file cannot be resized; make another and copy the bytes"));
        };
        if !self.reaches_end {
            return Err(Error::unsupported(
                "a window that does not reach the end of its file cannot be resized; open the file without a length",
            ));
        }
        let new_end = self.offset.checked_add(new_len).ok_or_else(|| {
            Error::ResizeFailed(format!("a size of {new_len} bytes from offset {} on is too large", self.offset))
        })?;
        let len = self.len();
        let end = self.offset.saturating_add(len);
        let actual = file.metadata().map_err(|error| OsError::new("fstat", error))?.len();
        if new_len < len && actual > end {
            return Err(Error::ResizeFailed(format!(
                "the file has grown to {actual} bytes since it was mapped up to byte {end}; shrinking would cut bytes \
                 that others appended"
            )));
        }
        // What is kept must be sound. A cut may take lost pages with it.
        self.refuse_lost(0, len.min(new_len))?;
        Ok(Resize { file, len, new_len, actual, new_end })
    }

    fn grow(&self, plan: &Resize<'_>) -> Result<()> {
        let Resize { file, new_len, actual, new_end, .. } = *plan;
        if new_end > actual {
            if actual == self.offset.saturating_add(self.len()) {
                // Views can store behind the end, into the rest of its page, and not every file system clears that.
                self.region().clear_last_page(self.len());
            }
            os::extend(file, actual, new_end, self.growth, Others::Possible)
                .and_then(|()| self.show(file, new_len))
                // Only what this call appended is taken back.
                .inspect_err(|_| cut_back(plan))
        } else {
            self.show(file, new_len)
        }
        .map_err(explain_map_failure)
    }

    /// Brings `new_len` bytes of the file, which are there, into the regions: the current one where it is long enough,
    /// else a new one.
    fn show(&self, file: &File, new_len: u64) -> Result<(), OsError> {
        let (current, alive) = (self.region(), self.regions());
        let longer = if to_u64(current.len()) < new_len {
            let region = Region::map(file, self.offset, new_len, self.mode.sharing())?;
            Some(Arc::new(self.faults.protect(region, file, self.mode, self.slot.words())))
        } else {
            None
        };
        let shown = alive.iter().try_for_each(|region| region.uncover_up_to(new_len, file));
        let shown = shown.and_then(|()| match &longer {
            Some(longer) => self.carry_over(&current, longer),
            None => {
                self.restore(&current);
                Ok(())
            }
        });
        if shown.is_err() {
            self.cover(&alive, self.len())?;
        }
        shown?;
        if let Some(longer) = longer {
            let mut regions = lock(&self.regions);
            // Once more: some may have been given to the old region since.
            regions.advice.give(&longer);
            regions.generations.retain(|region| region.strong_count() > 0);
            regions.generations.push(Arc::downgrade(&longer));
            regions.current = longer;
        }
        Ok(())
    }

    /// Gives a new region the advice and the locks of the old one.
    fn carry_over(&self, old: &Region, new: &Region) -> Result<(), OsError> {
        lock(&self.regions).advice.give(new);
        lock(&self.locks).carry_over(old, new)
    }

    /// Gives pages that were mapped again in their place what the zero pages over them took: advice and locks.
    pub(crate) fn restore(&self, region: &Region) {
        lock(&self.regions).advice.give(region);
        lock(&self.locks).lock_again(region);
    }

    fn cover(&self, regions: &[Arc<Region>], len: u64) -> Result<(), OsError> {
        regions.iter().try_for_each(|region| region.cover_after(len))
    }

    fn shrink(&self, plan: &Resize<'_>) -> Result<()> {
        if !os::CAN_COVER {
            return self.shrink_unmapped(plan);
        }
        let Resize { file, len, new_len, actual, new_end } = *plan;
        let alive = self.regions();
        let cut = self.cover(&alive, new_len).and_then(|()| {
            if new_end > actual {
                // Others have cut the file further already: this gives it the length that was asked for.
                os::extend(file, actual, new_end, self.growth, Others::Possible)
            } else {
                file.set_len(new_end).map_err(|error| OsError::new("ftruncate", error))
            }
        });
        if cut.is_ok() {
            self.forget_locks_after(new_len)?;
            self.settle_flags();
        } else {
            alive.iter().try_for_each(|region| region.uncover_up_to(len, file))?;
            self.restore(&self.region());
        }
        Ok(cut?)
    }

    /// Shrinks where the operating system cannot cut a mapped file: unmap, cut, map again.
    fn shrink_unmapped(&self, plan: &Resize<'_>) -> Result<()> {
        let Resize { file, len, new_len, new_end, .. } = *plan;
        let mut regions = lock(&self.regions);
        let others = regions.generations.iter().map(Weak::strong_count).sum::<usize>();
        if others > 1 {
            return Err(Error::ResizeFailed(
                "this system cannot cut a file while views of it are alive; pass detach: true, or drop the views and \
                 let running tasks end"
                    .into(),
            ));
        }
        let remap = |len| Region::map(file, self.offset, len, self.mode.sharing()).map(Arc::new);
        // The only reference is replaced, so the file is unmapped here.
        regions.current = remap(0)?;
        let cut = file.set_len(new_end).map_err(|error| OsError::new("SetEndOfFile", error));
        regions.current = remap(if cut.is_ok() { new_len } else { len })?;
        regions.generations = vec![Arc::downgrade(&regions.current)];
        drop(regions);
        if cut.is_ok() {
            self.forget_locks_after(new_len)?;
        }
        self.restore(&self.region());
        Ok(cut?)
    }

    /// Pages that were cut off are no longer locked.
    fn forget_locks_after(&self, len: u64) -> Result<()> {
        let pages = self.region().page_numbers(0, len)?;
        lock(&self.locks).cut_after(pages.end);
        Ok(())
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        let regions = self.regions.get_mut().unwrap_or_else(PoisonError::into_inner);
        let generations = std::mem::take(&mut regions.generations);
        let current = std::mem::replace(&mut regions.current, Arc::new(Region::empty(0)));
        if current.is_foreign() {
            if !self.leaves_memory.load(Ordering::Acquire) {
                current.retire();
            }
            current.let_go();
        }
        // When nobody else holds the current region, this unmaps it.
        drop(current);
        for region in generations.iter().filter_map(Weak::upgrade) {
            region.retire();
        }
    }
}

/// Takes back a growth whose bytes could not be mapped, unless somebody has appended more since.
fn cut_back(&Resize { file, actual, new_end, .. }: &Resize<'_>) {
    if file.metadata().is_ok_and(|now| now.len() == new_end) {
        // The first error is the one to tell; a file that stays too long is the same file with zeros appended.
        let _ = file.set_len(actual);
    }
}

/// Errors after which the kernel calls lost pages clean.
fn is_lasting(error: &OsError) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    // EIO has the same number, 5, on every Unix and no `ErrorKind`; on Windows 5 is "access denied", which lasts as well.
    matches!(error.source.kind(), StorageFull | QuotaExceeded) || error.source.raw_os_error() == Some(5)
}

/// "Out of memory" at `mmap` is seldom about memory.
pub(crate) fn explain_map_failure(os: OsError) -> Error {
    use std::io::ErrorKind::OutOfMemory;
    let hint = (os.call == "mmap" && os.source.kind() == OutOfMemory)
        .then_some("the limits that bite here are RLIMIT_AS, RLIMIT_DATA, vm.max_map_count and strict overcommit");
    // ENODEV has the same number on Linux and macOS: the file system has no mmap (sysfs, some FUSE file systems).
    if os.call == "mmap" && os.source.raw_os_error() == Some(19) {
        return Error::Unsupported {
            message: "the file system cannot map this file; read it instead".into(),
            os: Some(os),
        };
    }
    Error::Io { os, hint }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::open::{Create, OpenOptions};

    /// How many pages of the maps of this file are locked, and how many are advised to be used at random.
    fn locked_and_random(name: &str) -> (usize, usize) {
        let (mut pages, mut counts) = (None, (0, 0));
        for line in std::fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            if let Some((start, end)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')) {
                let address = |text| usize::from_str_radix(text, 16).unwrap();
                pages = line.ends_with(name).then(|| (address(end) - address(start)) / os::page_size());
            } else if let (Some(pages), Some(flags)) = (pages, line.strip_prefix("VmFlags:")) {
                let has = |flag| flags.split(' ').any(|other| other == flag);
                counts.0 += if has("lo") { pages } else { 0 };
                counts.1 += if has("rr") { pages } else { 0 };
            }
        }
        counts
    }

    /// What Windows does is tried here, where it can be seen.
    #[test]
    fn shrinking_by_mapping_anew_keeps_locks_and_advice() {
        let folder = tempfile::tempdir().unwrap();
        let page = to_u64(os::page_size());
        let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(8 * page);
        let file = options.open(folder.path().join("shrunk by mapping anew")).unwrap();
        let told = || locked_and_random("shrunk by mapping anew");
        file.advise(page, 5 * page, Advice::Random).unwrap();
        file.lock_pages(2 * page, 5 * page).unwrap();
        // Sanitizers put a function that does nothing in the place of `mlock`.
        let locks = told().0 > 0;
        let shrink = |len| {
            let plan = file.plan_resize(len).unwrap();
            file.shrink_unmapped(&plan).unwrap();
            file.slot.set_length(len);
        };
        shrink(4 * page);
        assert_eq!(told(), (if locks { 2 } else { 0 }, 3));
        file.resize(8 * page).unwrap();
        assert_eq!(told(), (if locks { 2 } else { 0 }, 5), "pages that were cut off are no longer locked");
    }
}
