//! macOS and its relatives. Type-checked on Linux, run only by the hosted workflow.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;

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
