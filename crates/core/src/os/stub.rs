//! A platform without memory-mapped files: everything compiles, opening answers "unsupported".

use std::convert::Infallible;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::{Access, Advice, Growth, Others, Sharing};
use crate::error::OsError;
use crate::foreign::Foreign;

pub(crate) const CAN_COVER: bool = false;
pub(crate) const HAS_EVICTION: bool = false;
pub(crate) const CAN_MAP_OVER: bool = false;
pub(crate) const HAS_RESIDENCY: bool = false;
pub(crate) const IS_A_FOLDER: i32 = 0;

fn unsupported(call: &'static str) -> OsError {
    OsError::new(call, io::ErrorKind::Unsupported.into())
}

pub(crate) fn page_size() -> usize {
    4096
}

pub(crate) fn offset_granularity() -> usize {
    page_size()
}

pub(crate) fn open(_path: &Path, _access: Access) -> Result<File, OsError> {
    Err(unsupported("open"))
}

pub(crate) fn special_kind(_metadata: &Metadata) -> Option<&'static str> {
    None
}

pub(crate) fn has_content(_file: &File) -> Result<bool, OsError> {
    Err(unsupported("pread"))
}

pub(crate) fn file_number(_file: &File, _metadata: &Metadata) -> u64 {
    0
}

pub(crate) fn names_file(_path: &Path, _file: &File, _metadata: &Metadata) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn write_all_at(_file: &File, _bytes: &[u8], _position: u64) -> Result<(), OsError> {
    Err(unsupported("pwrite"))
}

pub(crate) fn can_read_at(_file: &File, _position: u64) -> Result<(), OsError> {
    Err(unsupported("pread"))
}

pub(crate) fn data_ranges(_file: &File, range: Range<u64>) -> Vec<Range<u64>> {
    vec![range]
}

pub(crate) fn touched_pages(_address: usize, _pages: usize) -> Option<Vec<bool>> {
    None
}

pub(crate) fn is_same_file(_file: &File, _path: &Path) -> bool {
    false
}

#[cfg(feature = "watch")]
pub(crate) const NAMES_IGNORE_CASE: bool = false;

#[cfg(feature = "watch")]
pub(crate) const NO_WATCHES_LEFT: i32 = 0;

#[cfg(feature = "watch")]
pub(crate) fn is_too_many_open(_error: &io::Error) -> bool {
    false
}

#[cfg(feature = "watch")]
pub(crate) const HAS_ORDERED_EVENTS: bool = false;

#[cfg(feature = "watch")]
pub(crate) fn file_id(_file: &File) -> io::Result<super::FileId> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "watch")]
pub(crate) fn file_id_at(_path: &Path) -> io::Result<super::FileId> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "watch")]
pub(crate) fn read_at(_file: &File, _bytes: &mut [u8], _position: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn sync_parent_entry(_folder: &Path) -> Result<(), OsError> {
    Err(unsupported("fsync"))
}

pub(crate) fn extend(_file: &File, _from: u64, _to: u64, _growth: Growth, _others: Others) -> Result<(), OsError> {
    Err(unsupported("ftruncate"))
}

pub(crate) fn check_room(_len: usize) -> Result<(), OsError> {
    Err(unsupported("mmap"))
}

/// Cannot be made.
#[derive(Debug)]
pub(crate) struct SharedPages(Infallible);

impl SharedPages {
    pub(crate) fn new(_len: usize) -> Result<Self, OsError> {
        Err(unsupported("mmap"))
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match self.0 {}
    }

    pub(crate) fn show_in(&self, _memory: &Foreign) -> Result<(), OsError> {
        match self.0 {}
    }
}

/// Cannot be made.
#[derive(Debug)]
pub(crate) struct Map(Infallible);

impl Map {
    pub(crate) fn new(_file: &File, _offset: u64, _len: usize, _sharing: Sharing) -> Result<Self, OsError> {
        Err(unsupported("mmap"))
    }

    pub(crate) fn anonymous(_len: usize, _huge: bool) -> Result<Self, OsError> {
        Err(unsupported("mmap"))
    }

    pub(crate) fn reserve(_len: usize, _sharing: Sharing) -> Result<Self, OsError> {
        Err(unsupported("mmap"))
    }

    /// Cannot be done.
    pub(crate) fn of(_memory: Foreign, _sharing: Sharing) -> Result<Self, OsError> {
        Err(unsupported("mmap"))
    }

    /// Never somebody else's.
    pub(crate) fn foreign(&self) -> Option<&Foreign> {
        match self.0 {}
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match self.0 {}
    }

    pub(crate) fn len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn sync(&self, _range: Range<usize>, _file: &File) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn cover(&self, _pages: Range<usize>) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn uncover(&self, _pages: Range<usize>, _file: &File, _offset: u64) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn residency(&self, _pages: Range<usize>, _file: Option<&File>) -> Result<Vec<u8>, OsError> {
        match self.0 {}
    }

    pub(crate) fn read_only_twin(&self, _file: &File, _offset: u64) -> Result<Self, OsError> {
        match self.0 {}
    }

    pub(crate) fn locks_by_twin(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn schedule(&self, _range: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn advise(&self, _pages: Range<usize>, _advice: Advice) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn evict(&self, _pages: Range<usize>, _file: &File, _position: u64) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn lock(&self, _pages: Range<usize>) -> Result<(), OsError> {
        match self.0 {}
    }

    pub(crate) fn unlock(&self, _pages: Range<usize>) -> Result<(), OsError> {
        match self.0 {}
    }
}
