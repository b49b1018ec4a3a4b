//! What code below the mappings of this crate needs to know. The mapping types of the published crate's module of this name
//! are not here: [`Region`](crate::Region) and [`OpenOptions`](crate::OpenOptions) stand in their place.
//!
//! ```
//! let step = u64::try_from(mmap_io::raw::offset_granularity()?)?;
//! assert_eq!(mmap_io::utils::align_up(step + 1, step), 2 * step);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;

use crate::os;

/// Offsets of a mapping in its file are multiples of this many bytes at the operating system: the size of a page, on Windows
/// 64 KiB. This crate's own windows begin at any byte.
///
/// # Errors
/// None.
///
/// ```
/// assert!(mmap_io::raw::offset_granularity()?.is_power_of_two());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn offset_granularity() -> io::Result<usize> {
    Ok(os::offset_granularity())
}
