//! Other Unix systems: the portable calls only. Not a target of the package; kept compiling.

use std::fs::File;
use std::ops::Range;

use memmap2::MmapRaw;

use crate::error::OsError;
use crate::os::{Growth, Others};

pub(crate) const HAS_EVICTION: bool = false;
pub(crate) const HAS_RESIDENCY: bool = true;

/// The number of the advice to use huge pages, where there is one.
pub(crate) const ADVICE_HUGE_PAGES: Option<libc::c_int> = None;

/// The number of the advice that pages are the first to go.
pub(crate) const ADVICE_COLD: Option<libc::c_int> = None;

/// The number of the advice to reclaim pages now.
pub(crate) const ADVICE_RECLAIM: Option<libc::c_int> = None;

#[expect(clippy::unnecessary_wraps, reason = "the same signature on every kernel")]
pub(crate) fn uncache(_file: &File, _offset: u64, _len: usize) -> Result<(), OsError> {
    Ok(())
}

pub(crate) type SharedSource = std::convert::Infallible;

pub(crate) fn shared_source(_len: usize) -> Result<SharedSource, OsError> {
    Err(OsError::new("mmap", std::io::ErrorKind::Unsupported.into()))
}

pub(crate) fn map_source(source: &SharedSource) -> (libc::c_int, libc::c_int) {
    match *source {}
}

pub(crate) fn show_again(source: &SharedSource, _base: *mut u8, _len: usize, _at: *mut u8) -> Result<(), OsError> {
    match *source {}
}

/// Makes `file` `to` bytes long, as a hole: there is no portable call that allocates.
pub(crate) fn extend(file: &File, _from: u64, to: u64, _growth: Growth, _others: Others) -> Result<(), OsError> {
    super::set_len_unless_longer(file, to)
}

pub(crate) fn after_sync(file: &File) -> Result<(), OsError> {
    file.sync_all().map_err(|error| OsError::new("fsync", error))
}

pub(crate) fn hides_residency(_file: &File) -> bool {
    false
}

/// Starts writing a range of a map back.
pub(crate) fn schedule(map: &MmapRaw, range: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
    map.flush_async_range(range.start, range.len()).map_err(|error| OsError::new("msync", error))
}

/// The parts of a range of the file that are no holes: here, all of it.
pub(crate) fn data_ranges(_file: &File, range: Range<u64>) -> Vec<Range<u64>> {
    vec![range]
}

/// Which pages of memory without a file were ever touched, where the kernel tells.
pub(crate) fn touched_pages(_address: usize, _pages: usize) -> Option<Vec<bool>> {
    None
}
