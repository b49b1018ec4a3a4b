//! Memory-mapped files.

mod builder;
mod file;
mod reader;
mod slice;

pub use crate::file::MmapMode;
pub(crate) use builder::check_size;
pub use builder::{MemoryMappedFileBuilder, TouchHint};
#[cfg(feature = "advise")]
pub(crate) use file::advice_error;
pub use file::MemoryMappedFile;
pub use reader::MmapReader;
pub use slice::{MappedSlice, MappedSliceMut};
