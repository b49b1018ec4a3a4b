//! System calls on pages, all of which may be made in a signal handler.
//!
//! # Safety
//!
//! Every address below comes from a registered mapping and lies inside it: its owner keeps it mapped until the
//! registration is gone, and says which descriptor is its file's.
#![allow(unsafe_code, reason = "system calls on raw pages")]

use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::access::Access;

static PAGE: AtomicUsize = AtomicUsize::new(0);

/// Size of a page; asked for before the handler can run, so that it need not ask.
pub(crate) fn page_size() -> usize {
    match PAGE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: only reads its argument.
            let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(answer).unwrap_or(4096);
            PAGE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

pub(crate) fn round_up(bytes: usize) -> usize {
    let rest = page_size() - 1;
    bytes.saturating_add(rest) & !rest
}

/// Length of a file; `None` when it cannot be told.
pub(crate) fn file_len(fd: RawFd) -> Option<u64> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `status` outlives the call.
    if unsafe { libc::fstat(fd, status.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it is filled.
    let status = unsafe { status.assume_init() };
    u64::try_from(status.st_size).ok()
}

const ZERO: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
const BOTH: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Puts zero pages over registered ones.
pub(crate) fn put_zero_pages(address: usize, len: usize) -> bool {
    // SAFETY: see the module; `MAP_FIXED` replaces pages of the registered mapping alone.
    unsafe { libc::mmap(address as *mut _, len, BOTH, ZERO | libc::MAP_FIXED, -1, 0) != libc::MAP_FAILED }
}

/// Puts private pages of the file over registered ones.
pub(crate) fn put_private_pages(address: usize, len: usize, fd: RawFd, position: u64) -> bool {
    let Ok(position) = libc::off_t::try_from(position) else { return false };
    let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: see the module; as above.
    unsafe { libc::mmap(address as *mut _, len, BOTH, flags, fd, position) != libc::MAP_FAILED }
}

/// New zero pages at an address of the kernel's choice.
pub(crate) fn new_zero_pages(len: usize) -> Option<*mut u8> {
    // SAFETY: a new mapping replaces nothing.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), len, BOTH, ZERO, -1, 0) };
    (address != libc::MAP_FAILED).then_some(address.cast())
}

/// Whether a page can be accessed.
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code, reason = "only Linux tells"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    Fine,
    Lost,
    Unknown,
}

/// Tries an access without a signal.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn probe(address: usize, access: Option<Access>) -> Probe {
    let advice = match access {
        Some(Access::Read) => libc::MADV_POPULATE_READ,
        Some(Access::Write) => libc::MADV_POPULATE_WRITE,
        None => return Probe::Unknown,
    };
    // SAFETY: see the module; the advice accesses the page as the interrupted instruction did.
    if unsafe { libc::madvise(address as *mut _, page_size(), advice) } == 0 {
        return Probe::Fine;
    }
    // Kernels before 5.14 do not know the advice.
    if errno() == libc::EINVAL {
        Probe::Unknown
    } else {
        Probe::Lost
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn probe(_address: usize, _access: Option<Access>) -> Probe {
    Probe::Unknown
}

/// Fills memory of the guard's own from the file; what lies behind its end is zero. False when the file cannot be read.
///
/// # Safety
/// - `target` is valid for writes of `len` bytes, and not mapped from a file.
pub(crate) unsafe fn read_file(fd: RawFd, position: u64, target: *mut u8, len: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { target.write_bytes(0, len) };
    let mut done = 0;
    while done < len {
        let at = position.saturating_add(done as u64);
        let Ok(at) = libc::off_t::try_from(at) else { return false };
        // SAFETY: `done < len`, so the address lies inside the target.
        let rest = unsafe { target.add(done) };
        // SAFETY: the caller's promise.
        let read = unsafe { libc::pread(fd, rest.cast(), len - done, at) };
        match usize::try_from(read) {
            Ok(0) => return true,
            Ok(read) => done += read,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return false,
        }
    }
    true
}

fn errno_place() -> *mut libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "emscripten"))]
    // SAFETY: takes nothing; the place belongs to the thread.
    unsafe {
        libc::__errno_location()
    }
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: as above.
    unsafe {
        libc::__error()
    }
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    // SAFETY: as above.
    unsafe {
        libc::__errno()
    }
}

pub(crate) fn errno() -> libc::c_int {
    // SAFETY: the place is valid for the thread's life.
    unsafe { errno_place().read() }
}

pub(crate) fn set_errno(error: libc::c_int) {
    // SAFETY: as above.
    unsafe { errno_place().write(error) };
}
