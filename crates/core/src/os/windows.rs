//! Windows: sections and views, through memmap2. Type-checked on Linux, run only by the hosted workflow.
//!
//! A view cannot be replaced in place here, so nothing can be covered: a closed file stays mapped until its last view is
//! gone, and a file with live views cannot be cut.
//!
//! # Safety
//!
//! Every call below is given an open handle and a structure that outlives it.
#![allow(unsafe_code, reason = "the system calls that std and memmap2 have no name for")]

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::mem::{size_of, MaybeUninit};
use std::ops::Range;
#[cfg(feature = "watch")]
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use memmap2::{MmapOptions, MmapRaw};
#[cfg(feature = "watch")]
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_BACKUP_SEMANTICS;
use windows_sys::Win32::Storage::FileSystem::{
    FileAllocationInfo, GetFileInformationByHandle, SetFileInformationByHandle, BY_HANDLE_FILE_INFORMATION,
    FILE_ALLOCATION_INFO,
};
use windows_sys::Win32::System::Memory::{PrefetchVirtualMemory, VirtualLock, VirtualUnlock, WIN32_MEMORY_RANGE_ENTRY};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

#[cfg(feature = "watch")]
use super::FileId;
use super::{Access, Advice, Growth, Others, Sharing};
use crate::error::OsError;
use crate::foreign::Foreign;

pub(crate) const CAN_COVER: bool = false;
pub(crate) const HAS_EVICTION: bool = true;
pub(crate) const CAN_MAP_OVER: bool = false;
pub(crate) const HAS_RESIDENCY: bool = false;
/// `ERROR_DIRECTORY`; opening a folder as a file fails before this is needed.
pub(crate) const IS_A_FOLDER: i32 = 267;

/// Size of a page in bytes.
pub(crate) fn page_size() -> usize {
    usize::try_from(system_info().dwPageSize).unwrap_or(4096)
}

/// What offsets of mappings are multiples of.
pub(crate) fn offset_granularity() -> usize {
    usize::try_from(system_info().dwAllocationGranularity).unwrap_or(65_536)
}

fn system_info() -> SYSTEM_INFO {
    let mut info = MaybeUninit::uninit();
    // SAFETY: the structure outlives the call.
    unsafe { GetSystemInfo(info.as_mut_ptr()) };
    // SAFETY: `GetSystemInfo` cannot fail and fills the whole structure.
    unsafe { info.assume_init() }
}

/// Opens a file.
pub(crate) fn open(path: &Path, access: Access) -> Result<File, OsError> {
    OpenOptions::new()
        .read(access != Access::Write)
        .write(access != Access::Read)
        .create_new(access == Access::CreateNew)
        .open(path)
        .map_err(|error| OsError::new("open", error))
}

/// Pipes and devices do not open as files here.
pub(crate) fn special_kind(_metadata: &Metadata) -> Option<&'static str> {
    None
}

/// A length of 0 is true here.
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
pub(crate) fn has_content(_file: &File) -> Result<bool, OsError> {
    Ok(false)
}

/// Number of the file in its file system.
pub(crate) fn file_number(file: &File, _metadata: &Metadata) -> u64 {
    identity(file).map_or(0, |(_volume, high, low)| (u64::from(high) << 32) | u64::from(low))
}

/// Writes bytes at a position of the file. No page of a mapping is ever lost here, so nothing needs it.
pub(crate) fn write_all_at(_file: &File, _bytes: &[u8], _position: u64) -> Result<(), OsError> {
    Err(OsError::new("WriteFile", io::ErrorKind::Unsupported.into()))
}

/// Whether the device can supply the byte at a position; as above.
pub(crate) fn can_read_at(_file: &File, _position: u64) -> Result<(), OsError> {
    Err(OsError::new("ReadFile", io::ErrorKind::Unsupported.into()))
}

/// The parts of a range of the file that are no holes: here, all of it.
pub(crate) fn data_ranges(_file: &File, range: Range<u64>) -> Vec<Range<u64>> {
    vec![range]
}

/// Which pages of memory without a file were ever touched: not told here.
pub(crate) fn touched_pages(_address: usize, _pages: usize) -> Option<Vec<bool>> {
    None
}

/// Whether `path`, links followed, names the open file.
pub(crate) fn names_file(path: &Path, file: &File, _metadata: &Metadata) -> io::Result<bool> {
    Ok(identity(file) == identity(&File::open(path)?))
}

/// Whether `path` still names the open file.
pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    let named = File::open(path).ok();
    match (identity(file), named.as_ref().and_then(identity)) {
        (Some(open), Some(named)) => open == named,
        _ => false,
    }
}

fn identity(file: &File) -> Option<(u32, u32, u32)> {
    let mut info = MaybeUninit::<BY_HANDLE_FILE_INFORMATION>::uninit();
    // SAFETY: the handle is open for as long as `file` is borrowed; the structure outlives the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: the call succeeded, so the structure is filled.
    let info = unsafe { info.assume_init() };
    Some((info.dwVolumeSerialNumber, info.nFileIndexHigh, info.nFileIndexLow))
}

/// Which file it is.
#[cfg(feature = "watch")]
pub(crate) fn file_id(file: &File) -> io::Result<FileId> {
    let (volume, high, low) = identity(file).ok_or_else(io::Error::last_os_error)?;
    Ok(FileId { device: volume.into(), number: u64::from(high) << 32 | u64::from(low) })
}

/// Which file or folder a path names, links followed. Opened without any right, which disturbs nobody.
#[cfg(feature = "watch")]
pub(crate) fn file_id_at(path: &Path) -> io::Result<FileId> {
    OpenOptions::new()
        .access_mode(0)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
        .and_then(|file| file_id(&file))
}

/// Reads bytes from a position on, as many as there are.
#[cfg(feature = "watch")]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], position: u64) -> io::Result<usize> {
    file.seek_read(bytes, position)
}

/// Whether `NAME` and `name` are one file, on most file systems.
#[cfg(feature = "watch")]
pub(crate) const NAMES_IGNORE_CASE: bool = true;

/// There is no such limit here: `ERROR_TOO_MANY_OPEN_FILES`.
#[cfg(feature = "watch")]
pub(crate) const NO_WATCHES_LEFT: i32 = 4;

/// Whether a limit of open files was met.
#[cfg(feature = "watch")]
pub(crate) fn is_too_many_open(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_WATCHES_LEFT)
}

/// A rename over a file is told as its removal first.
#[cfg(feature = "watch")]
pub(crate) const HAS_ORDERED_EVENTS: bool = false;

/// A directory's entries need no flush of their own here.
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
pub(crate) fn sync_parent_entry(_folder: &Path) -> Result<(), OsError> {
    Ok(())
}

/// Makes `file` `to` bytes long.
pub(crate) fn extend(file: &File, _from: u64, to: u64, growth: Growth, _others: Others) -> Result<(), OsError> {
    if growth == Growth::Allocated {
        let size = i64::try_from(to)
            .map_err(|_| OsError::new("SetFileInformationByHandle", io::Error::from(io::ErrorKind::FileTooLarge)))?;
        let request = FILE_ALLOCATION_INFO { AllocationSize: size };
        let length = u32::try_from(size_of::<FILE_ALLOCATION_INFO>()).unwrap_or(8);
        // SAFETY: the handle is open for as long as `file` is borrowed; `request` outlives the call.
        let done = unsafe {
            SetFileInformationByHandle(file.as_raw_handle(), FileAllocationInfo, (&raw const request).cast(), length)
        };
        if done == 0 {
            let error = OsError::last("SetFileInformationByHandle");
            if !matches!(error.source.raw_os_error(), Some(1 | 50 | 87 | 120)) {
                return Err(error);
            }
        }
    }
    let now = file.metadata().map_err(|error| OsError::new("GetFileInformationByHandle", error))?.len();
    if now >= to {
        return Ok(());
    }
    file.set_len(to).map_err(|error| OsError::new("SetEndOfFile", error))
}

/// Addresses are not limited apart from memory here.
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every platform")]
pub(crate) fn check_room(_len: usize) -> Result<(), OsError> {
    Ok(())
}

/// Cannot be made.
#[derive(Debug)]
pub(crate) struct SharedPages(std::convert::Infallible);

impl SharedPages {
    pub(crate) fn new(_len: usize) -> Result<Self, OsError> {
        Err(OsError::new("MapViewOfFile3", io::ErrorKind::Unsupported.into()))
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match self.0 {}
    }

    pub(crate) fn show_in(&self, _memory: &Foreign) -> Result<(), OsError> {
        match self.0 {}
    }
}

/// A view of a section of a file.
#[derive(Debug)]
pub(crate) struct Map {
    raw: MmapRaw,
}

impl Map {
    /// Maps `len` bytes (more than 0) of `file` from `offset` on.
    pub(crate) fn new(file: &File, offset: u64, len: usize, sharing: Sharing) -> Result<Self, OsError> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(len);
        let raw = match sharing {
            Sharing::Shared => options.map_raw(file),
            // SAFETY: a private map may change when the file does; this crate never makes a reference to its bytes.
            Sharing::Private => unsafe { options.map_copy(file) }.map(MmapRaw::from),
        };
        raw.map(|raw| Self { raw }).map_err(|error| OsError::new("MapViewOfFile", error))
    }

    /// Zero-filled memory without a file, `len` bytes (more than 0). Large pages need a privilege and are not tried.
    pub(crate) fn anonymous(len: usize, _huge: bool) -> Result<Self, OsError> {
        let raw = MmapOptions::new().len(len).map_anon().map_err(|error| OsError::new("MapViewOfFile", error))?;
        Ok(Self { raw: raw.into() })
    }

    pub(crate) fn reserve(_len: usize, _sharing: Sharing) -> Result<Self, OsError> {
        Err(OsError::new("MapViewOfFile3", io::ErrorKind::Unsupported.into()))
    }

    /// Cannot be done.
    pub(crate) fn of(_memory: Foreign, _sharing: Sharing) -> Result<Self, OsError> {
        Err(OsError::new("mmap", io::ErrorKind::Unsupported.into()))
    }

    /// Never somebody else's.
    pub(crate) fn foreign(&self) -> Option<&Foreign> {
        None
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.raw.as_mut_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// `FlushViewOfFile`, then `FlushFileBuffers`: memmap2 does both.
    pub(crate) fn sync(&self, range: Range<usize>, _file: &File) -> Result<(), OsError> {
        self.raw.flush_range(range.start, range.len()).map_err(|error| OsError::new("FlushViewOfFile", error))
    }

    pub(crate) fn cover(&self, _pages: Range<usize>) -> Result<(), OsError> {
        Err(OsError::new("MapViewOfFile3", io::ErrorKind::Unsupported.into()))
    }

    pub(crate) fn uncover(&self, _pages: Range<usize>, _file: &File, _offset: u64) -> Result<(), OsError> {
        Err(OsError::new("MapViewOfFile3", io::ErrorKind::Unsupported.into()))
    }

    pub(crate) fn residency(&self, _pages: Range<usize>, _file: Option<&File>) -> Result<Vec<u8>, OsError> {
        Err(OsError::new("QueryWorkingSetEx", io::ErrorKind::Unsupported.into()))
    }

    /// Pages of a private view can be locked here.
    pub(crate) fn read_only_twin(&self, _file: &File, _offset: u64) -> Result<Self, OsError> {
        Err(OsError::new("MapViewOfFile", io::ErrorKind::Unsupported.into()))
    }

    pub(crate) fn locks_by_twin(&self) -> bool {
        false
    }

    /// `FlushViewOfFile` alone.
    pub(crate) fn schedule(&self, range: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
        self.raw.flush_async_range(range.start, range.len()).map_err(|error| OsError::new("FlushViewOfFile", error))
    }

    /// Only reading ahead exists here.
    pub(crate) fn advise(&self, pages: Range<usize>, advice: Advice) -> Result<(), OsError> {
        if advice != Advice::WillNeed {
            return Ok(());
        }
        let range = WIN32_MEMORY_RANGE_ENTRY {
            VirtualAddress: self.base().wrapping_add(pages.start).cast(),
            NumberOfBytes: pages.len().min(self.len().saturating_sub(pages.start)),
        };
        // SAFETY: the call takes and touches nothing.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: the range lies in this view; the structure outlives the call.
        if unsafe { PrefetchVirtualMemory(process, 1, &raw const range, 0) } == 0 {
            return Err(OsError::last("PrefetchVirtualMemory"));
        }
        Ok(())
    }

    /// Takes pages out of the working set; Windows decides when they leave memory. None of them is locked.
    pub(crate) fn evict(&self, pages: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
        const NOT_LOCKED: i32 = 158;
        match self.unlock(pages) {
            // Unlocking what is not locked does just this, and says so.
            Err(error) if error.source.raw_os_error() == Some(NOT_LOCKED) => Ok(()),
            evicted => evicted,
        }
    }

    pub(crate) fn lock(&self, pages: Range<usize>) -> Result<(), OsError> {
        let len = pages.len().min(self.len().saturating_sub(pages.start));
        // SAFETY: the range lies in this view.
        if unsafe { VirtualLock(self.base().wrapping_add(pages.start).cast(), len) } == 0 {
            return Err(OsError::last("VirtualLock"));
        }
        Ok(())
    }

    pub(crate) fn unlock(&self, pages: Range<usize>) -> Result<(), OsError> {
        let len = pages.len().min(self.len().saturating_sub(pages.start));
        // SAFETY: the range lies in this view.
        if unsafe { VirtualUnlock(self.base().wrapping_add(pages.start).cast(), len) } == 0 {
            return Err(OsError::last("VirtualUnlock"));
        }
        Ok(())
    }
}
