//! How an error of the core crosses to JavaScript.

use std::io::ErrorKind;
use std::ops::Range;

use mmap_io::{Error, OsError};
use napi_derive::napi;

use crate::number::from_bytes;

/// What went wrong. The TypeScript layer makes an `MmapIoError` of it.
#[napi(object)]
#[derive(Default)]
pub struct Failure {
    /// `kind` of the error.
    pub kind: String,
    pub message: String,
    /// Number of the operating system's error (positive), where it has the numbers of the platform's C library.
    pub errno: Option<i32>,
    /// Name of the operating system's error, where there is no such number.
    pub code: Option<String>,
    pub syscall: Option<String>,
    pub offset: Option<f64>,
    pub length: Option<f64>,
    pub total: Option<f64>,
    /// Lost pages.
    #[napi(ts_type = "Array<[offset: number, length: number]>")]
    pub ranges: Option<Vec<Vec<f64>>>,
}

impl Failure {
    fn new(kind: &str, message: impl ToString) -> Self {
        Self { kind: kind.into(), message: message.to_string(), ..Self::default() }
    }

    fn with(self, os: &OsError) -> Self {
        let (errno, code) = name_of(&os.source);
        Self { errno, code: code.map(Into::into), syscall: Some(os.call.into()), ..self }
    }

    fn over(self, ranges: &[Range<u64>]) -> Self {
        let pair = |range: &Range<u64>| vec![from_bytes(range.start), from_bytes(range.end - range.start)];
        Self { ranges: Some(ranges.iter().map(pair).collect()), ..self }
    }

    /// The mapping was closed while the call was on its way.
    pub(crate) fn closed() -> Self {
        Self::new("Closed", "the mapping is closed")
    }

    /// Nobody in this process holds a mapping with that id.
    pub(crate) fn not_shared() -> Self {
        Self::new("Closed", "every holder of the shared mapping has closed, or the handle is of another process")
    }

    /// The runtime refuses buffers over memory that is not its own.
    pub(crate) fn no_external_buffers() -> Self {
        Self::new("Unsupported", "this runtime does not allow external array buffers")
    }

    /// Only memory whose stores go to a file can be shown twice.
    pub(crate) fn no_shared_memory() -> Self {
        let message = "here a shared buffer can be had of a read-write mapping of a file alone; share() gives other threads the mapping itself";
        Self::new("Unsupported", message)
    }

    /// The bytes are in memory of one thread.
    pub(crate) fn bound_to_thread() -> Self {
        let message = "the private bytes of this mapping are in a WebAssembly.Memory of the thread that opened it; open it with view 'copy'";
        Self::new("Unsupported", message)
    }

    /// The runtime has no shared buffers over memory that is not its own.
    pub(crate) fn no_shared_buffers() -> Self {
        Self::new("Unsupported", "this runtime does not allow external shared array buffers")
    }
}

/// What is in the way of locking, nearly always.
const LOCK_LIMITS: &str = if cfg!(windows) {
    "a process can lock a little less than its minimum working set"
} else {
    "RLIMIT_MEMLOCK limits how much a process can lock; see `ulimit -l`"
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Io { os, hint } => Self::new("Io", hint.unwrap_or_default()).with(&os),
            Error::InvalidMode(_) => Self::new("InvalidMode", message),
            Error::OutOfBounds { offset, len, total } => Self {
                offset: Some(from_bytes(offset)),
                length: Some(from_bytes(len)),
                total: Some(from_bytes(total)),
                ..Self::new("OutOfBounds", message)
            },
            Error::Misaligned { offset, .. } => {
                Self { offset: Some(from_bytes(offset)), ..Self::new("Misaligned", message) }
            }
            Error::FlushFailed(os) => Self::new("FlushFailed", "").with(&os),
            Error::AdviceFailed(os) => Self::new("AdviceFailed", "").with(&os),
            Error::LockFailed(os) => Self::new("LockFailed", LOCK_LIMITS).with(&os),
            Error::UnlockFailed(os) => Self::new("UnlockFailed", "").with(&os),
            Error::ResizeFailed(_) => Self::new("ResizeFailed", message),
            Error::WatchFailed { message, os } => {
                let failure = Self::new("WatchFailed", message);
                match os {
                    Some(os) => failure.with(&os),
                    None => failure,
                }
            }
            Error::Truncated { ranges } => Self::new("Truncated", message).over(&ranges),
            Error::IoFault { ranges } => Self::new("IoFault", message).over(&ranges),
            Error::LostWrites { ranges, os } => {
                let failure = Self::new("LostWrites", message).over(&ranges);
                match os {
                    Some(os) => failure.with(&os),
                    None => failure,
                }
            }
            Error::Changed(_) => Self::new("Changed", message),
            Error::Unsupported { os, .. } => {
                let failure = Self::new("Unsupported", message);
                match os {
                    Some(os) => failure.with(&os),
                    None => failure,
                }
            }
            _ => Self::new("Io", message),
        }
    }
}

#[cfg(unix)]
fn name_of(error: &std::io::Error) -> (Option<i32>, Option<&'static str>) {
    match error.raw_os_error() {
        Some(number) => (Some(number), None),
        None => (None, name_of_kind(error.kind())),
    }
}

/// Windows' own numbers, by the names that libuv gives them.
#[cfg(windows)]
fn name_of(error: &std::io::Error) -> (Option<i32>, Option<&'static str>) {
    let name = match error.raw_os_error() {
        Some(2 | 3 | 15 | 123 | 126 | 161 | 206) => Some("ENOENT"),
        Some(4) => Some("EMFILE"),
        Some(5 | 740 | 1314) => Some("EPERM"),
        Some(6 | 1) => Some("EBADF"),
        Some(8 | 14 | 1453 | 1455) => Some("ENOMEM"),
        Some(19 | 32 | 33 | 231 | 1224) => Some("EBUSY"),
        Some(39 | 112) => Some("ENOSPC"),
        Some(50) => Some("ENOTSUP"),
        Some(80 | 183) => Some("EEXIST"),
        Some(87) => Some("EINVAL"),
        Some(223) => Some("EFBIG"),
        Some(267) => Some("ENOTDIR"),
        Some(1816) => Some("EDQUOT"),
        Some(21 | 23 | 27 | 29 | 30 | 31 | 1117) => Some("EIO"),
        Some(_) => Some("UNKNOWN"),
        None => name_of_kind(error.kind()),
    };
    (None, name)
}

#[cfg(not(any(unix, windows)))]
fn name_of(error: &std::io::Error) -> (Option<i32>, Option<&'static str>) {
    (None, name_of_kind(error.kind()))
}

/// Errors that the core makes itself have a kind and no number.
fn name_of_kind(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => Some("ENOENT"),
        ErrorKind::OutOfMemory => Some("ENOMEM"),
        ErrorKind::FileTooLarge => Some("EFBIG"),
        ErrorKind::InvalidInput => Some("EINVAL"),
        ErrorKind::Unsupported => Some("ENOTSUP"),
        _ => None,
    }
}
