//! macOS and its relatives. Type-checked on Linux, run only by the hosted workflow.

use std::ffi::CString;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use memmap2::MmapRaw;

use crate::error::OsError;
use crate::os::{Growth, Others};

pub(crate) const HAS_EVICTION: bool = false;
pub(crate) const HAS_RESIDENCY: bool = true;

/// The number of the advice to use huge pages, where there is one.
pub(crate) const ADVICE_HUGE_PAGES: Option<libc::c_int> = None;

/// The number of the advice that pages are the first to go. It deactivates pages here and drops none.
pub(crate) const ADVICE_COLD: Option<libc::c_int> = Some(libc::MADV_DONTNEED);

/// The number of the advice to reclaim pages now.
pub(crate) const ADVICE_RECLAIM: Option<libc::c_int> = ADVICE_COLD;

#[expect(clippy::unnecessary_wraps, reason = "the same signature on every kernel")]
pub(crate) fn uncache(_file: &File, _offset: u64, _len: usize) -> Result<(), OsError> {
    Ok(())
}

/// Shared memory that has lost its name.
pub(crate) type SharedSource = OwnedFd;

pub(crate) fn shared_source(len: usize) -> Result<SharedSource, OsError> {
    let failed = || OsError::new("shm_open", std::io::Error::from_raw_os_error(libc::EOVERFLOW));
    let len = libc::off_t::try_from(len).map_err(|_| failed())?;
    let name = CString::new(format!("/mmap-io-{}", std::process::id())).map_err(|_| failed())?;
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    let fd = unsafe { libc::shm_open(name.as_ptr(), libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, 0o600) };
    if fd < 0 {
        return Err(OsError::last("shm_open"));
    }
    // SAFETY: the descriptor was made just now and is nobody else's.
    let source = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: as for `shm_open`.
    unsafe { libc::shm_unlink(name.as_ptr()) };
    // SAFETY: the descriptor is open.
    if unsafe { libc::ftruncate(source.as_raw_fd(), len) } != 0 {
        return Err(OsError::last("ftruncate"));
    }
    Ok(source)
}

/// How a source is mapped: flags and descriptor.
pub(crate) fn map_source(source: &SharedSource) -> (libc::c_int, libc::c_int) {
    (libc::MAP_SHARED, source.as_raw_fd())
}

/// Shows `len` bytes of a source at `target` as well, whose pages are the caller's to give away.
pub(crate) fn show_again(source: &SharedSource, _base: *mut u8, len: usize, target: *mut u8) -> Result<(), OsError> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    // SAFETY: `target` is the caller's, and the descriptor is open.
    let got = unsafe { libc::mmap(target.cast(), len, protection, flags, source.as_raw_fd(), 0) };
    if got == libc::MAP_FAILED {
        return Err(OsError::last("mmap"));
    }
    Ok(())
}

/// Makes `file` `to` bytes long. `from` is its length now.
pub(crate) fn extend(file: &File, from: u64, to: u64, growth: Growth, _others: Others) -> Result<(), OsError> {
    if growth == Growth::Allocated {
        let len = libc::off_t::try_from(to - from)
            .map_err(|_| OsError::new("fcntl", std::io::Error::from_raw_os_error(libc::EFBIG)))?;
        let mut request = libc::fstore_t {
            fst_flags: libc::F_ALLOCATEALL,
            fst_posmode: libc::F_PEOFPOSMODE,
            fst_offset: 0,
            fst_length: len,
            fst_bytesalloc: 0,
        };
        // SAFETY: the descriptor is open for as long as `file` is borrowed; `request` outlives the call.
        let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PREALLOCATE, &raw mut request) };
        if status == -1 {
            let error = OsError::last("fcntl");
            if !matches!(error.source.raw_os_error(), Some(libc::ENOTSUP | libc::EINVAL)) {
                return Err(error);
            }
        }
    }
    super::set_len_unless_longer(file, to)
}

/// `msync` stops at the drive's cache here.
pub(crate) fn after_sync(file: &File) -> Result<(), OsError> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_FULLFSYNC) } != -1 {
        return Ok(());
    }
    let error = OsError::last("fcntl");
    if matches!(error.source.raw_os_error(), Some(libc::ENOTSUP | libc::EINVAL)) {
        return file.sync_all().map_err(|error| OsError::new("fsync", error));
    }
    Err(error)
}

pub(crate) fn hides_residency(_file: &File) -> bool {
    false
}

/// Starts writing a range of a map back.
pub(crate) fn schedule(map: &MmapRaw, range: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
    map.flush_async_range(range.start, range.len()).map_err(|error| OsError::new("msync", error))
}

/// The parts of a range of the file that are no holes: here, all of it.
pub(crate) fn data_ranges(_file: &File, range: Range<u64>) -> Vec<Range<u64>> {
    vec![range]
}

/// Which pages of memory without a file were ever touched, where the kernel tells.
pub(crate) fn touched_pages(_address: usize, _pages: usize) -> Option<Vec<bool>> {
    None
}
