//! From the handler, which may call nothing, to a thread that may: a byte in a pipe.
#![allow(unsafe_code, reason = "a write that a signal handler may make")]

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

/// The end to write to; -1 while nobody listens.
static PIPE: AtomicI32 = AtomicI32::new(-1);

static STARTING: Mutex<()> = Mutex::new(());

/// Calls the listener soon. May be called in a signal handler.
pub fn wake() {
    let pipe = PIPE.load(Ordering::Acquire);
    if pipe >= 0 {
        // A full pipe wakes the listener as well: it does not matter whether this byte goes in.
        // SAFETY: the descriptor stays open; the byte lives through the call.
        let _ = unsafe { libc::write(pipe, [0_u8].as_ptr().cast(), 1) };
    }
}

/// Calls `listener` soon after faults, on a thread that waits for them and for nothing else. Several faults may be told by
/// one call. Only the first listener of the process counts.
///
/// # Errors
/// When the pipe or the thread cannot be had.
pub fn listen(listener: impl Fn() + Send + 'static) -> io::Result<()> {
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if PIPE.load(Ordering::Acquire) >= 0 {
        return Ok(());
    }
    let (reader, writer) = io::pipe()?;
    set_nonblocking(&writer)?;
    std::thread::Builder::new().name("mmap-io guard".into()).spawn(move || run(reader, listener))?;
    PIPE.store(writer.into_raw_fd(), Ordering::Release);
    Ok(())
}

fn set_nonblocking(pipe: &PipeWriter) -> io::Result<()> {
    // SAFETY: takes an open descriptor and a number.
    let status = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    if status == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn run(mut pipe: PipeReader, listener: impl Fn()) {
    block_signals();
    // The other end is never closed: this loop ends with the process.
    while pipe.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {
        listener();
    }
}

/// The program's handlers are to run on the program's threads.
fn block_signals() {
    let mut all = std::mem::MaybeUninit::uninit();
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // A fault of this thread itself is still a fault.
    for signal in [libc::SIGBUS, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
        // SAFETY: the set was filled.
        unsafe { libc::sigdelset(all.as_mut_ptr(), signal) };
    }
    // SAFETY: the set outlives the call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut()) };
}
