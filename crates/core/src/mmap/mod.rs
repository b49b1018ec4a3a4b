//! Memory-mapped files.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! use mmap_io::mmap::{MmapMode, TouchHint};
//!
//! let path = folder.path().join("f");
//! MemoryMappedFile::create_rw(&path, 4096)?.update_region(0, b"hello")?;
//! let file = MemoryMappedFile::builder(&path).mode(MmapMode::ReadOnly).touch_hint(TouchHint::Eager).open()?;
//! assert_eq!(file.as_slice(0, 5)?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod file;
mod reader;
mod slice;

pub use crate::file::MmapMode;
pub(crate) use builder::check_size;
pub use builder::{MemoryMappedFileBuilder, TouchHint};
pub use file::MemoryMappedFile;
pub use reader::MmapReader;
pub use slice::{MappedSlice, MappedSliceMut};
