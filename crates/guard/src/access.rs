//! What the interrupted instruction was doing, as the kernel tells it.
//!
//! # Safety
//!
//! The third argument of a handler points to the kernel's `ucontext`, whose layout is fixed for each architecture. It is
//! read at offsets instead of by field, because each C library names the fields in its own way.
#![allow(unsafe_code, reason = "reads the kernel's record of the interrupted thread")]

use std::ffi::c_void;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// `None` where the kernel does not tell, or this file does not know how.
pub(crate) fn of_context(context: *const c_void) -> Option<Access> {
    if context.is_null() {
        return None;
    }
    let writes = writes(context.cast())?;
    Some(if writes { Access::Write } else { Access::Read })
}

/// `uc_mcontext` begins behind 40 bytes; the page fault's error code is its 20th word, with bit 1 for "write".
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every architecture")]
fn writes(context: *const u8) -> Option<bool> {
    const ERROR: usize = 40 + 19 * 8;
    // SAFETY: the word lies inside the record that the kernel passed.
    let place = unsafe { context.add(ERROR) };
    // SAFETY: as above.
    let error = unsafe { place.cast::<u64>().read_unaligned() };
    Some(error & 2 != 0)
}

/// Behind the registers come records of a magic number and a size each; one holds the syndrome, with bit 6 for "write".
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn writes(context: *const u8) -> Option<bool> {
    const RECORDS: usize = 176 + 288;
    const RECORDS_LEN: usize = 4096;
    const SYNDROME: u32 = 0x4553_5201;
    let word = |at: usize| {
        // SAFETY: `at` is below the length of the area for records, checked below.
        let place = unsafe { context.add(RECORDS + at) };
        // SAFETY: as above.
        unsafe { place.cast::<u32>().read_unaligned() }
    };
    let mut at = 0;
    while at + 16 <= RECORDS_LEN {
        let (magic, size) = (word(at), word(at + 4));
        if magic == SYNDROME {
            return Some(word(at + 8) & (1 << 6) != 0);
        }
        if magic == 0 || size < 8 {
            return None;
        }
        at += size as usize;
    }
    None
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn writes(_context: *const u8) -> Option<bool> {
    None
}
