//! The Node addon: converts arguments, calls `mmap_io`, converts results. It has no semantics of its own.
//!
//! Functions that can fail answer with a value or a `Failure`; the TypeScript layer makes the error of it. Only
//! misuse of this binding and a caught panic are thrown.

#![allow(unreachable_pub, reason = "#[napi] items are exported to JavaScript, not to Rust")]

mod atomic;
mod buffer;
mod failure;
mod faults;
mod fd;
mod handles;
mod holder;
mod job;
mod manager;
mod mapping;
mod mutex;
mod number;
mod open;
mod overlay;
mod paging;
mod search;
mod shared_buffer;
mod watch;

use napi_derive::napi;

/// Size of a memory page in bytes.
#[napi(catch_unwind)]
pub fn page_size() -> u32 {
    u32::try_from(mmap_io::utils::page_size()).unwrap_or(u32::MAX)
}

/// Whether this platform can tell which pages of a mapping are in memory.
#[napi(catch_unwind)]
pub fn has_residency() -> bool {
    mmap_io::HAS_RESIDENCY
}

/// Whether `evict` really drops pages on this platform.
#[napi(catch_unwind)]
pub fn has_eviction() -> bool {
    mmap_io::HAS_EVICTION
}
