//! Unix: `mmap(2)` and its family. What differs between kernels is in [`kernel`].
//!
//! # Safety
//!
//! A `Map` owns the pages `base .. base + len` from its creation to its drop. Every call below that is given an address
//! is given one inside that stretch, computed from a range that `crate::range` checked against `len`. Covering and
//! uncovering change what is behind the addresses, never whether they are mapped: a pointer into a live `Map` can be
//! read and written at any time, unless the file behind it was cut.
#![allow(unsafe_code, reason = "the system calls that memmap2 has no name for")]

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::{MmapOptions, MmapRaw};

#[cfg(feature = "watch")]
use super::FileId;
use super::{Access, Advice, Sharing};
use crate::error::OsError;
use crate::foreign::Foreign;

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")), path = "other.rs")]
mod kernel;

pub(crate) use kernel::{data_ranges, extend, touched_pages, HAS_EVICTION, HAS_RESIDENCY};

/// Pages of a file mapping can be covered by zero pages, so a closed file is released while views are still about.
pub(crate) const CAN_COVER: bool = true;

/// The error number for a folder where a file is wanted.
pub(crate) const IS_A_FOLDER: i32 = libc::EISDIR;

/// Size of a page in bytes.
pub(crate) fn page_size() -> usize {
    static CACHED: AtomicUsize = AtomicUsize::new(0);
    match CACHED.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: `sysconf` only reads its argument.
            let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(answer).unwrap_or(4096);
            CACHED.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// What offsets of mappings are multiples of.
pub(crate) fn offset_granularity() -> usize {
    page_size()
}

/// Opens a file. A FIFO or a device does not make the thread wait and does not become its terminal.
pub(crate) fn open(path: &Path, access: Access) -> Result<File, OsError> {
    OpenOptions::new()
        .read(access != Access::Write)
        .write(access != Access::Read)
        .create_new(access == Access::CreateNew)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| OsError::new("open", error))
}

/// `ftruncate(2)`, unless somebody has made the file longer in the meantime. The check and the call are two steps: what is
/// appended just between them is cut.
fn set_len_unless_longer(file: &File, len: u64) -> Result<(), OsError> {
    let now = file.metadata().map_err(|error| OsError::new("fstat", error))?.len();
    if now >= len {
        return Ok(());
    }
    file.set_len(len).map_err(|error| OsError::new("ftruncate", error))
}

/// What kind of thing it is, when it is neither a file nor a folder.
pub(crate) fn special_kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_char_device() {
        Some("a character device")
    } else if kind.is_block_device() {
        Some("a block device")
    } else {
        None
    }
}

/// Whether a file that tells a length of 0 has bytes all the same, as those in `/proc` do.
pub(crate) fn has_content(file: &File) -> Result<bool, OsError> {
    // At a position of its own: the caller of `OpenOptions::map` may share the file's.
    file.read_at(&mut [0], 0).map(|bytes| bytes > 0).map_err(|error| OsError::new("pread", error))
}

/// Number of the file in its file system.
pub(crate) fn file_number(_file: &File, metadata: &Metadata) -> u64 {
    metadata.ino()
}

/// Writes bytes at a position of the file.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], position: u64) -> Result<(), OsError> {
    file.write_all_at(bytes, position).map_err(|error| OsError::new("pwrite", error))
}

/// Whether the device can supply the byte at a position.
pub(crate) fn can_read_at(file: &File, position: u64) -> Result<(), OsError> {
    file.read_at(&mut [0], position).map(|_| ()).map_err(|error| OsError::new("pread", error))
}

/// Whether `path`, links followed, names the open file with these metadata.
pub(crate) fn names_file(path: &Path, _file: &File, metadata: &Metadata) -> io::Result<bool> {
    let named = std::fs::metadata(path)?;
    Ok((named.dev(), named.ino()) == (metadata.dev(), metadata.ino()))
}

/// Whether `path` still names the open file.
pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

/// Which file it is.
#[cfg(feature = "watch")]
pub(crate) fn file_id(file: &File) -> io::Result<FileId> {
    file.metadata().map(|metadata| FileId { device: metadata.dev(), number: metadata.ino() })
}

/// Which file or folder a path names, links followed.
#[cfg(feature = "watch")]
pub(crate) fn file_id_at(path: &Path) -> io::Result<FileId> {
    std::fs::metadata(path).map(|metadata| FileId { device: metadata.dev(), number: metadata.ino() })
}

/// Reads bytes from a position on, as many as there are.
#[cfg(feature = "watch")]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], position: u64) -> io::Result<usize> {
    file.read_at(bytes, position)
}

/// Whether `NAME` and `name` are one file, on most file systems.
#[cfg(feature = "watch")]
pub(crate) const NAMES_IGNORE_CASE: bool = cfg!(target_vendor = "apple");

/// The error number for a user who may not watch more.
#[cfg(feature = "watch")]
pub(crate) const NO_WATCHES_LEFT: i32 = libc::ENOSPC;

/// Whether a limit of open files was met.
#[cfg(feature = "watch")]
pub(crate) fn is_too_many_open(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Whether changes of a folder are told one by one and in their order.
#[cfg(feature = "watch")]
pub(crate) const HAS_ORDERED_EVENTS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Brings the names in `folder` to the device. A folder that may not be opened or is not there any more, or a file system
/// that does not sync folders, is no error: the operating system cannot promise more there.
pub(crate) fn sync_parent_entry(folder: &Path) -> Result<(), OsError> {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let folder = match File::open(folder) {
        Err(error) if matches!(error.kind(), PermissionDenied | NotFound | NotADirectory) => return Ok(()),
        opened => opened.map_err(|error| OsError::new("open", error))?,
    };
    match folder.sync_all() {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => {
            Err(OsError::new("fsync", error))
        }
        _ => Ok(()),
    }
}

/// Whether there are `len` bytes of free addresses: asked before a file is created or emptied for them.
pub(crate) fn check_room(len: usize) -> Result<(), OsError> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(OsError::last("mmap"));
    }
    // SAFETY: the mapping was made just now and nobody knows its address.
    unsafe { libc::munmap(address, len) };
    Ok(())
}

/// Zeroed pages, mapped for good, that can be shown at other addresses as well.
#[derive(Debug)]
pub(crate) struct SharedPages {
    base: *mut u8,
    len: usize,
    source: kernel::SharedSource,
}

// SAFETY: an address that is mapped for good is the same on every thread.
unsafe impl Send for SharedPages {}

impl SharedPages {
    /// `len` bytes: a multiple of the page size, more than 0.
    pub(crate) fn new(len: usize) -> Result<Self, OsError> {
        let source = kernel::shared_source(len)?;
        let (flags, fd) = kernel::map_source(&source);
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0) };
        if base == libc::MAP_FAILED {
            return Err(OsError::last("mmap"));
        }
        Ok(Self { base: base.cast(), len, source })
    }

    /// First byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Shows the pages in the place of memory that somebody else owns and that is as long.
    pub(crate) fn show_in(&self, memory: &Foreign) -> Result<(), OsError> {
        if memory.len() != self.len {
            return Err(OsError::new("mmap", io::ErrorKind::InvalidInput.into()));
        }
        kernel::show_again(&self.source, self.base, self.len, memory.base())
    }
}

/// A file can be mapped over memory that somebody else owns.
pub(crate) const CAN_MAP_OVER: bool = true;

/// A stretch of mapped pages of a file.
#[derive(Debug)]
pub(crate) struct Map {
    raw: Raw,
    sharing: Sharing,
}

#[derive(Debug)]
enum Raw {
    /// Unmapped when dropped.
    Own(MmapRaw),
    /// Unmapped by its owner. What is in it stays there when this is dropped.
    Foreign(Foreign),
}

impl Map {
    /// Maps `len` bytes (more than 0) of `file` from `offset` on, which is a multiple of the page size. Readable and
    /// writable in both sharings; a shared one needs a file that is open for writing.
    pub(crate) fn new(file: &File, offset: u64, len: usize, sharing: Sharing) -> Result<Self, OsError> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(len);
        let raw = match sharing {
            Sharing::Shared => options.map_raw(file),
            Sharing::Private => {
                // Nothing is set aside for copies of pages that may never be made.
                options.no_reserve_swap();
                // SAFETY: a private map may change when the file does; this crate never makes a reference to its bytes.
                unsafe { options.map_copy(file) }.map(MmapRaw::from)
            }
        };
        raw.map(|raw| Self { raw: Raw::Own(raw), sharing }).map_err(|error| OsError::new("mmap", error))
    }

    /// Zero-filled memory without a file, `len` bytes (more than 0).
    pub(crate) fn anonymous(len: usize, huge: bool) -> Result<Self, OsError> {
        let failed = |error| OsError::new("mmap", error);
        if huge && let Ok(raw) = MmapOptions::new().len(len).huge(None).map_anon() {
            return Ok(Self { raw: Raw::Own(raw.into()), sharing: Sharing::Private });
        }
        let raw = MmapOptions::new().len(len).map_anon().map_err(failed)?;
        let map = Self { raw: Raw::Own(raw.into()), sharing: Sharing::Private };
        if huge {
            // A hint: without huge pages the memory is as good.
            let _ = map.advise(0..len.next_multiple_of(page_size()), Advice::HugePages);
        }
        Ok(map)
    }

    /// Zero pages, `len` bytes (more than 0), that take no memory, for a file to be mapped over.
    pub(crate) fn reserve(len: usize, sharing: Sharing) -> Result<Self, OsError> {
        let raw = MmapOptions::new().len(len).no_reserve_swap().map_anon();
        raw.map(|raw| Self { raw: Raw::Own(raw.into()), sharing }).map_err(|error| OsError::new("mmap", error))
    }

    /// Memory that somebody else owns, as it is.
    pub(crate) fn of(memory: Foreign, sharing: Sharing) -> Result<Self, OsError> {
        Ok(Self { raw: Raw::Foreign(memory), sharing })
    }

    /// The memory, when it is somebody else's.
    pub(crate) fn foreign(&self) -> Option<&Foreign> {
        match &self.raw {
            Raw::Own(_) => None,
            Raw::Foreign(memory) => Some(memory),
        }
    }

    /// First mapped byte; the start of a page.
    pub(crate) fn base(&self) -> *mut u8 {
        match &self.raw {
            Raw::Own(raw) => raw.as_mut_ptr(),
            Raw::Foreign(memory) => memory.base(),
        }
    }

    /// Bytes mapped, not rounded up to pages.
    pub(crate) fn len(&self) -> usize {
        match &self.raw {
            Raw::Own(raw) => raw.len(),
            Raw::Foreign(memory) => memory.len(),
        }
    }

    /// Writes the range back to the device and waits for it. Not for memory that somebody else owns, which is a second view
    /// of pages that are mapped here as well, or private.
    pub(crate) fn sync(&self, range: Range<usize>, file: &File) -> Result<(), OsError> {
        let Raw::Own(raw) = &self.raw else { return Ok(()) };
        raw.flush_range(range.start, range.len()).map_err(|error| OsError::new("msync", error))?;
        kernel::after_sync(file)
    }

    /// Puts anonymous zero pages over whole pages. What was behind them is let go; stores into them reach nothing.
    pub(crate) fn cover(&self, pages: Range<usize>) -> Result<(), OsError> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        self.replace(pages, flags, -1, 0)
    }

    /// Maps the file over whole pages again; `offset` is the file position of the map's first byte.
    pub(crate) fn uncover(&self, pages: Range<usize>, file: &File, offset: u64) -> Result<(), OsError> {
        let flags = match self.sharing {
            Sharing::Shared => libc::MAP_SHARED,
            Sharing::Private => libc::MAP_PRIVATE | libc::MAP_NORESERVE,
        };
        let position = offset.saturating_add(u64::try_from(pages.start).unwrap_or(u64::MAX));
        self.replace(pages, flags, file.as_raw_fd(), position)
    }

    fn replace(&self, pages: Range<usize>, flags: libc::c_int, fd: libc::c_int, offset: u64) -> Result<(), OsError> {
        let page = page_size();
        debug_assert!(pages.start.is_multiple_of(page) && pages.end <= self.len().next_multiple_of(page));
        if pages.is_empty() {
            return Ok(());
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let offset = libc::off_t::try_from(offset)
            .map_err(|_| OsError::new("mmap", io::Error::from_raw_os_error(libc::EOVERFLOW)))?;
        // SAFETY: `pages.start` is at most the length of this map.
        let address = unsafe { self.base().add(pages.start) };
        // SAFETY: the pages belong to this map (asserted above), so nothing of anybody else is replaced.
        let got = unsafe { libc::mmap(address.cast(), pages.len(), protection, flags | libc::MAP_FIXED, fd, offset) };
        if got == libc::MAP_FAILED {
            return Err(OsError::last("mmap"));
        }
        Ok(())
    }

    /// Maps the same bytes once more, shared and for reading only: pages of a private map cannot be locked without being
    /// copied.
    pub(crate) fn read_only_twin(&self, file: &File, offset: u64) -> Result<Self, OsError> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(self.len());
        let raw = options.map_raw_read_only(file).map_err(|error| OsError::new("mmap", error))?;
        Ok(Self { raw: Raw::Own(raw), sharing: Sharing::Shared })
    }

    /// Whether locking pages needs a [twin](Self::read_only_twin).
    pub(crate) fn locks_by_twin(&self) -> bool {
        self.sharing == Sharing::Private
    }

    /// Starts writing a range back and does not wait. `position` is the file position of the map's first byte.
    pub(crate) fn schedule(&self, range: Range<usize>, file: &File, position: u64) -> Result<(), OsError> {
        match &self.raw {
            Raw::Own(raw) => kernel::schedule(raw, range, file, position),
            Raw::Foreign(_) => Ok(()),
        }
    }

    /// Tells the kernel how whole pages are going to be used.
    pub(crate) fn advise(&self, pages: Range<usize>, advice: Advice) -> Result<(), OsError> {
        let number = match advice {
            Advice::Normal => libc::MADV_NORMAL,
            Advice::Random => libc::MADV_RANDOM,
            Advice::Sequential => libc::MADV_SEQUENTIAL,
            Advice::WillNeed => libc::MADV_WILLNEED,
            Advice::DontNeed => libc::MADV_DONTNEED,
            Advice::Cold => return kernel::ADVICE_COLD.map_or(Ok(()), |number| self.let_go(pages, number)),
            Advice::HugePages => match kernel::ADVICE_HUGE_PAGES {
                Some(number) => number,
                None => return Ok(()),
            },
        };
        // SAFETY: advice on pages of this map, and advice that discards bytes is only given by callers that may.
        self.on_pages(pages, "madvise", |address, len| unsafe { libc::madvise(address, len, number) })
    }

    /// Drops clean pages from memory and from the page cache. `position` is the file position of the map's first byte.
    pub(crate) fn evict(&self, pages: Range<usize>, file: &File, position: u64) -> Result<(), OsError> {
        if let Some(number) = kernel::ADVICE_RECLAIM {
            self.let_go(pages.clone(), number)?;
        }
        let start = u64::try_from(pages.start).unwrap_or(u64::MAX);
        kernel::uncache(file, position.saturating_add(start), pages.len())
    }

    /// Advice that pages are not needed, which loses no byte.
    fn let_go(&self, pages: Range<usize>, number: libc::c_int) -> Result<(), OsError> {
        // SAFETY: advice on pages of this map that discards nothing.
        let advised = self.on_pages(pages, "madvise", |address, len| unsafe { libc::madvise(address, len, number) });
        match advised {
            // A kernel that does not know the advice, or a page that `mlockall(2)` has locked: pages stay, as they may.
            Err(error) if error.source.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            advised => advised,
        }
    }

    /// Keeps whole pages in memory.
    pub(crate) fn lock(&self, pages: Range<usize>) -> Result<(), OsError> {
        // SAFETY: the pages belong to this map.
        self.on_pages(pages, "mlock", |address, len| unsafe { libc::mlock(address, len) })
    }

    /// Lets locked pages go.
    pub(crate) fn unlock(&self, pages: Range<usize>) -> Result<(), OsError> {
        // SAFETY: the pages belong to this map.
        self.on_pages(pages, "munlock", |address, len| unsafe { libc::munlock(address, len) })
    }

    fn on_pages(
        &self,
        pages: Range<usize>,
        name: &'static str,
        call: impl FnOnce(*mut libc::c_void, usize) -> libc::c_int,
    ) -> Result<(), OsError> {
        debug_assert!(pages.start.is_multiple_of(page_size()) && pages.end <= self.len().next_multiple_of(page_size()));
        // SAFETY: `pages.start` is at most the length of this map.
        let address = unsafe { self.base().add(pages.start) };
        if call(address.cast(), pages.len()) == 0 {
            return Ok(());
        }
        Err(OsError::last(name))
    }

    /// One byte a page of `pages`: 1 where the page is in memory.
    pub(crate) fn residency(&self, pages: Range<usize>, file: Option<&File>) -> Result<Vec<u8>, OsError> {
        if file.is_some_and(kernel::hides_residency) {
            return Err(OsError::new("mincore", io::Error::from_raw_os_error(libc::EPERM)));
        }
        let mut map = vec![0_u8; pages.len().div_ceil(page_size())];
        // SAFETY: `pages.start` is at most the length of this map.
        let address = unsafe { self.base().add(pages.start) };
        // SAFETY: the pages belong to this map, and `map` has one byte for each of them.
        let status = unsafe { libc::mincore(address.cast(), pages.len(), map.as_mut_ptr().cast()) };
        if status != 0 {
            return Err(OsError::last("mincore"));
        }
        for byte in &mut map {
            *byte &= 1;
        }
        Ok(map)
    }
}
