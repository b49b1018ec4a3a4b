//! A file from a descriptor number of Node. The number is the caller's; what comes back is a duplicate of our own.
#![allow(unsafe_code, reason = "a descriptor is a bare number in JavaScript")]

use std::fs::File;
use std::io;

/// Duplicates descriptor `fd` of the host runtime.
#[cfg(unix)]
pub(crate) fn duplicate(fd: i32) -> io::Result<File> {
    use std::os::fd::BorrowedFd;

    if fd < 0 {
        return Err(io::Error::from_raw_os_error(9)); // EBADF everywhere
    }
    // SAFETY: the number is only passed to `fcntl(F_DUPFD_CLOEXEC)`, which refuses one that is not open; it is borrowed
    // for that call alone, on the thread that JavaScript runs on.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned().map(File::from)
}

/// Duplicates descriptor `fd` of the host runtime, whose C library holds the table: only the host can look a number up.
#[cfg(windows)]
pub(crate) fn duplicate(fd: i32) -> io::Result<File> {
    use std::os::windows::io::{BorrowedHandle, RawHandle};

    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};

    type Lookup = unsafe extern "C" fn(i32) -> RawHandle;
    const NOT_OPEN: i32 = 6;
    // SAFETY: a null name asks for the running program.
    let program = unsafe { GetModuleHandleW(std::ptr::null()) };
    // SAFETY: the name is NUL-terminated.
    let found = unsafe { GetProcAddress(program, c"uv_get_osfhandle".as_ptr().cast()) };
    let Some(function) = found else { return Err(io::ErrorKind::Unsupported.into()) };
    // SAFETY: libuv exports `uv_os_fd_t uv_get_osfhandle(int)`.
    let lookup = unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, Lookup>(function) };
    // SAFETY: it answers INVALID_HANDLE_VALUE for a number that is not open.
    let handle = unsafe { lookup(fd) };
    if handle.is_null() || handle as isize == -1 {
        return Err(io::Error::from_raw_os_error(NOT_OPEN));
    }
    // SAFETY: the handle was open a moment ago and is borrowed for this call alone.
    let borrowed = unsafe { BorrowedHandle::borrow_raw(handle) };
    borrowed.try_clone_to_owned().map(File::from)
}

/// Duplicates descriptor `fd` of the host runtime.
#[cfg(not(any(unix, windows)))]
pub(crate) fn duplicate(_fd: i32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}
