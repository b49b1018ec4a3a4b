//! Linux.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use crate::error::OsError;
use crate::os::Growth;

pub(crate) const HAS_RESIDENCY: bool = true;

/// Makes `file` at least `to` bytes long. `from` is its length now.
///
/// `fallocate(2)` and not glibc's `posix_fallocate`, which writes to every block where the file system cannot allocate.
pub(crate) fn extend(file: &File, from: u64, to: u64, growth: Growth) -> Result<(), OsError> {
    if growth == Growth::Allocated {
        match allocate(file, from, to) {
            Err(error) if matches!(error.source.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {}
            done => return done,
        }
    }
    // Allocating the last byte makes the file longer and, unlike ftruncate(2), never cuts what somebody appended since
    // `from` was read. One block is not a hole then. A new file has nobody else's bytes.
    if from > 0 && allocate(file, to - 1, to).is_ok() {
        return Ok(());
    }
    file.set_len(to).map_err(|error| OsError::new("ftruncate", error))
}

fn allocate(file: &File, from: u64, to: u64) -> Result<(), OsError> {
    let too_big = || OsError::new("fallocate", std::io::Error::from_raw_os_error(libc::EFBIG));
    let offset = libc::off_t::try_from(from).map_err(|_| too_big())?;
    let len = libc::off_t::try_from(to - from).map_err(|_| too_big())?;
    loop {
        // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, len) } == 0 {
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
