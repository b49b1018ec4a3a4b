//! Memory-mapped files.
//!
//! Three layers, each knowing only the one below it:
//!
//! - `os` (private): what the operating system does, one file per platform with the same functions and the same inner
//!   type, and a stub that answers "unsupported";
//! - [`region`]: one stretch of mapped memory behind an [`Arc`](std::sync::Arc); what a view or a running task keeps alive;
//! - [`file`](mod@file): the file behind it: mode, window, resize, flush, accounting.
//!
//! Nothing here hands out `&[u8]` over mapped memory: another process, another thread or JavaScript may store into it
//! at any moment. Bytes are copied in and out, or reached through a raw pointer that names its duties.

pub mod error;
pub mod file;
mod linger;
pub mod open;
mod os;
mod range;
pub mod region;
pub mod status;

pub use error::{Error, OsError, Result};
pub use file::{MappedFile, MmapMode};
pub use linger::linger;
pub use open::{Create, OpenOptions};
pub use region::{Region, Residency};

/// Size of a memory page in bytes, as the operating system tells it: 4096 on most machines, 16384 on Apple silicon.
#[must_use]
pub fn page_size() -> usize {
    os::page_size()
}

/// Whether this platform can tell which pages of a mapping are in memory.
pub const HAS_RESIDENCY: bool = os::HAS_RESIDENCY;
