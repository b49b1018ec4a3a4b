//! The operating system. Every platform file offers the same functions and the same inner type `Map`:
//! `unix.rs` (with `linux.rs`, `apple.rs` or `other.rs` for what differs between kernels), `windows.rs`, and `stub.rs`,
//! which answers "unsupported".

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(not(any(unix, windows)), path = "stub.rs")]
mod platform;

pub(crate) use platform::{
    can_read_at, check_room, data_ranges, extend, file_number, has_content, is_same_file, names_file,
    offset_granularity, open, page_size, special_kind, sync_parent_entry, touched_pages, write_all_at, Map,
    SharedPages, CAN_COVER, CAN_MAP_OVER, HAS_EVICTION, HAS_RESIDENCY, IS_A_FOLDER,
};

#[cfg(feature = "watch")]
pub(crate) use platform::{
    file_id, file_id_at, is_too_many_open, read_at, HAS_ORDERED_EVENTS, NAMES_IGNORE_CASE, NO_WATCHES_LEFT,
};

/// Which file or folder it is, whatever its name.
#[cfg(feature = "watch")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) number: u64,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// For reading.
    Read,
    /// For writing.
    Write,
    /// For reading and writing.
    ReadWrite,
    /// For reading and writing, created; fails when it exists.
    CreateNew,
}

/// What stores into a mapping mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// They reach the file and every other mapping of it.
    Shared,
    /// They stay in this mapping.
    Private,
}

/// What stands where growth puts new bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Blocks of the device, taken now; a full disk is an error now. A hole where the file system has no such call.
    Allocated,
    /// A hole, filled with blocks when it is first stored into.
    Sparse,
}

/// Whose bytes may be in a file that gets longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nobody else's: this call has created the file alone, or has just emptied it.
    None,
    /// Somebody may have appended since the length was read: the file must never become shorter.
    Possible,
}

/// How the pages of a range are going to be used.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
/// use mmap_io::Advice;
///
/// file.advise(0, 100, Advice::Sequential)?;
/// file.advise(0, 100, Advice::WillNeed)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// No particular way.
    Normal,
    /// Here and there: reading ahead does not help.
    Random,
    /// From start to end: read well ahead.
    Sequential,
    /// Soon: read it ahead now.
    WillNeed,
    /// Not soon: its pages may go. Bytes stored into a private mapping go with them.
    DontNeed,
    /// Not soon: its pages are the first to go when memory is short. Never changes bytes.
    Cold,
    /// In huge pages, where the kernel has some.
    HugePages,
}
