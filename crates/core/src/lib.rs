//! Memory-mapped files.
//!
//! Three layers, each knowing only the one below it:
//!
//! - `os` (private): what the operating system does, one file per platform with the same functions and the same inner
//!   type, and a stub that answers "unsupported";
//! - [`region`]: one stretch of mapped memory behind an [`Arc`](std::sync::Arc); what a view or a running task keeps alive;
//! - [`file`](mod@file): the file behind it: mode, window, resize, flush, accounting.
//!
//! None of these hands out `&[u8]` over mapped memory: another process, another thread or JavaScript may store into it
//! at any moment. Bytes are copied in and out, or reached through a raw pointer that names its duties. [`search`] alone
//! makes such slices, inside, and says why that holds.
//!
//! [`MemoryMappedFile`] stands on them and does hand out slices: a [`MappedSlice`] holds a lock over its mapping, which keeps no
//! other mapping and no other process from writing.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! use mmap_io::MemoryMappedFile;
//!
//! let path = folder.path().join("counters");
//! let file = MemoryMappedFile::create_rw(&path, 4096)?;
//! file.update_region(8, b"hello")?;
//! file.flush()?;
//! assert_eq!(&std::fs::read(&path)?[8..13], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "advise")]
pub mod advise;
pub mod anonymous;
#[cfg(feature = "atomic")]
pub mod atomic;
mod copy;
pub mod error;
pub mod errors;
mod faults;
pub mod file;
pub mod flush;
mod flusher;
mod foreign;
mod guard;
mod heal;
#[cfg(feature = "hugepages")]
mod huge_pages;
mod integers;
#[cfg(feature = "iterator")]
pub mod iterator;
mod kept_advice;
mod ledger;
mod linger;
#[cfg(feature = "locking")]
pub mod lock;
pub mod manager;
mod memory;
pub mod mmap;
mod mutex;
pub mod open;
mod os;
mod page_locks;
mod page_runs;
mod paging;
mod range;
pub mod raw;
pub mod region;
pub mod search;
pub mod segment;
pub mod status;
pub mod utils;
pub mod version;
mod views;
#[cfg(feature = "watch")]
pub mod watch;

#[cfg(feature = "advise")]
pub use advise::MmapAdvice;
pub use anonymous::AnonymousMmap;
pub use error::{Error, OsError};
pub use errors::MmapIoError;
pub use faults::{on_fault, reinstall_guard, Told, HAS_GUARD};
pub use file::MappedFile;
pub use foreign::{Foreign, Keep};
#[cfg(feature = "iterator")]
pub use iterator::{ChunkIterator, PageIterator};
pub use linger::linger;
pub use manager::{copy_mmap, create_mmap, delete_mmap, flush, load_mmap, update_region, write_mmap};
pub use mmap::{MappedSlice, MappedSliceMut, MemoryMappedFile, MmapMode, TouchHint};
pub use open::{Create, OpenOptions};
pub use os::Advice;
pub use region::{Region, Residency};
pub use search::{Matches, Needle};
pub use version::Version;
#[cfg(feature = "watch")]
pub use watch::{ChangeEvent, ChangeKind, WatchHandle};

/// Whether [`MappedFile::evict`] really drops pages here.
///
/// ```
/// # if cfg!(target_os = "linux") {
/// assert!(mmap_io::HAS_EVICTION);
/// # }
/// ```
pub const HAS_EVICTION: bool = os::HAS_EVICTION;

/// Whether a file can be mapped over memory that somebody else owns.
///
/// ```
/// assert_eq!(mmap_io::CAN_MAP_OVER, cfg!(unix));
/// ```
pub const CAN_MAP_OVER: bool = os::CAN_MAP_OVER;

/// Whether this platform can tell which pages of a mapping are in memory.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// assert_eq!(file.residency(0, 100).is_ok(), mmap_io::HAS_RESIDENCY);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const HAS_RESIDENCY: bool = os::HAS_RESIDENCY;
