//! Linux.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use memmap2::MmapRaw;

use crate::error::OsError;
use crate::os::{Growth, Others};

pub(crate) const HAS_EVICTION: bool = true;
pub(crate) const HAS_RESIDENCY: bool = true;

/// The number of the advice to use huge pages, where there is one.
pub(crate) const ADVICE_HUGE_PAGES: Option<libc::c_int> = Some(libc::MADV_HUGEPAGE);

/// The number of the advice that pages are the first to go.
pub(crate) const ADVICE_COLD: Option<libc::c_int> = Some(libc::MADV_COLD);

/// The number of the advice to reclaim pages now. Unlike `MADV_DONTNEED` it never drops a byte that is nowhere else.
pub(crate) const ADVICE_RECLAIM: Option<libc::c_int> = Some(libc::MADV_PAGEOUT);

/// Drops clean pages that nobody has mapped from the page cache.
pub(crate) fn uncache(file: &File, offset: u64, len: usize) -> Result<(), OsError> {
    let too_far = |_| OsError::new("posix_fadvise", std::io::Error::from_raw_os_error(libc::EOVERFLOW));
    let offset = libc::off_t::try_from(offset).map_err(too_far)?;
    let len = libc::off_t::try_from(len).map_err(too_far)?;
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), offset, len, libc::POSIX_FADV_DONTNEED) } {
        0 => Ok(()),
        error => Err(OsError::new("posix_fadvise", std::io::Error::from_raw_os_error(error))),
    }
}

/// Shared memory without a name is shown again by its address.
#[derive(Debug)]
pub(crate) struct SharedSource;

#[expect(clippy::unnecessary_wraps, reason = "the same signature on every kernel")]
pub(crate) fn shared_source(_len: usize) -> Result<SharedSource, OsError> {
    Ok(SharedSource)
}

/// How a source is mapped: flags and descriptor.
pub(crate) fn map_source(_source: &SharedSource) -> (libc::c_int, libc::c_int) {
    (libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1)
}

/// Shows `len` bytes of a shared mapping at `target` as well, whose pages are the caller's to give away.
pub(crate) fn show_again(_source: &SharedSource, base: *mut u8, len: usize, target: *mut u8) -> Result<(), OsError> {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: an old length of 0 leaves the shared mapping at `base` where it is, and `target` is the caller's.
    let got = unsafe { libc::mremap(base.cast(), 0, len, flags, target.cast::<libc::c_void>()) };
    if got == libc::MAP_FAILED {
        return Err(OsError::last("mremap"));
    }
    Ok(())
}

/// Makes `file` at least `to` bytes long. `from` is its length now.
///
/// `fallocate(2)` and not glibc's `posix_fallocate`, which writes to every block where the file system cannot allocate.
pub(crate) fn extend(file: &File, from: u64, to: u64, growth: Growth, others: Others) -> Result<(), OsError> {
    if growth == Growth::Allocated {
        // The blocks first and the length when there are enough, so that a full disk leaves the length as it was.
        match allocate(file, libc::FALLOC_FL_KEEP_SIZE, from, to) {
            Err(error) if matches!(error.source.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {}
            Err(error) => {
                give_back(file);
                return Err(error);
            }
            Ok(()) => return lengthen(file, to, Others::Possible),
        }
    }
    lengthen(file, to, others)
}

fn lengthen(file: &File, to: u64, others: Others) -> Result<(), OsError> {
    // Allocating the last byte makes the file longer and, unlike ftruncate(2), never cuts what somebody appended. One block
    // is not a hole then.
    match others {
        Others::None => file.set_len(to).map_err(|error| OsError::new("ftruncate", error)),
        Others::Possible if allocate(file, 0, to - 1, to).is_ok() => Ok(()),
        Others::Possible => super::set_len_unless_longer(file, to),
    }
}

/// Frees blocks behind the end of the file. The error that made this necessary is the one to tell.
fn give_back(file: &File) {
    if let Ok(metadata) = file.metadata() {
        let _ = file.set_len(metadata.len());
    }
}

fn allocate(file: &File, mode: libc::c_int, from: u64, to: u64) -> Result<(), OsError> {
    let too_big = || OsError::new("fallocate", std::io::Error::from_raw_os_error(libc::EFBIG));
    let offset = libc::off_t::try_from(from).map_err(|_| too_big())?;
    let len = libc::off_t::try_from(to - from).map_err(|_| too_big())?;
    loop {
        // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
        if unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, len) } == 0 {
            return Ok(());
        }
        let error = OsError::last("fallocate");
        if error.source.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// `msync(MS_SYNC)` is `fdatasync` of the range here: data, length and the drive's cache.
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every kernel")]
pub(crate) fn after_sync(_file: &File) -> Result<(), OsError> {
    Ok(())
}

/// `mincore(2)` calls every page resident when the caller neither owns the file nor may write it (kernel 5.2 on), which
/// would be a lie. The same question is asked here first; in doubt the answer is "hidden".
pub(crate) fn hides_residency(file: &File) -> bool {
    // SAFETY: `geteuid` takes and touches nothing.
    let user = unsafe { libc::geteuid() };
    if file.metadata().is_ok_and(|metadata| metadata.uid() == user) {
        return false;
    }
    let Ok(path) = std::ffi::CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())) else { return true };
    // SAFETY: `path` is a NUL-terminated string that lives through the call.
    unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), libc::W_OK, libc::AT_EACCESS) != 0 }
}

/// Starts writing a range back. `msync(MS_ASYNC)` does nothing here; this call really starts the device.
pub(crate) fn schedule(_map: &MmapRaw, range: Range<usize>, file: &File, position: u64) -> Result<(), OsError> {
    let too_far = || OsError::new("sync_file_range", std::io::Error::from_raw_os_error(libc::EOVERFLOW));
    let start = u64::try_from(range.start).ok().and_then(|start| position.checked_add(start)).ok_or_else(too_far)?;
    let offset = libc::off64_t::try_from(start).map_err(|_| too_far())?;
    let len = libc::off64_t::try_from(range.len()).map_err(|_| too_far())?;
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    let status = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    if status == 0 {
        return Ok(());
    }
    Err(OsError::last("sync_file_range"))
}

/// The parts of a range of the file that are no holes. All of it in doubt.
pub(crate) fn data_ranges(file: &File, range: Range<u64>) -> Vec<Range<u64>> {
    // Opened once more: looking for data moves a descriptor's position, which others may share.
    let Ok(file) = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())) else { return vec![range] };
    let seek = |from: u64, whence| {
        let from = libc::off64_t::try_from(from).ok()?;
        // SAFETY: the descriptor is open; no memory is passed.
        u64::try_from(unsafe { libc::lseek64(file.as_raw_fd(), from, whence) }).ok()
    };
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let Some(data) = seek(at, libc::SEEK_DATA) else {
            // ENXIO: no data from here on.
            if std::io::Error::last_os_error().raw_os_error() != Some(libc::ENXIO) {
                found.push(at..range.end);
            }
            break;
        };
        let end = seek(data, libc::SEEK_HOLE).unwrap_or(range.end).min(range.end);
        if data < end {
            found.push(data..end);
        }
        at = end.max(at + 1);
    }
    found
}

/// Which pages of memory without a file were ever touched.
pub(crate) fn touched_pages(address: usize, pages: usize) -> Option<Vec<bool>> {
    const ENTRY: usize = 8;
    const IN_MEMORY_OR_SWAPPED: u64 = 3 << 62;
    let mut entries = vec![0; pages.checked_mul(ENTRY)?];
    let position = u64::try_from(address / super::page_size() * ENTRY).ok()?;
    File::open("/proc/self/pagemap").ok()?.read_exact_at(&mut entries, position).ok()?;
    let (entries, _) = entries.as_chunks::<ENTRY>();
    Some(entries.iter().map(|entry| u64::from_ne_bytes(*entry) & IN_MEMORY_OR_SWAPPED != 0).collect())
}
