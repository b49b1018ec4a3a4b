//! Page maths and range checks.
//!
//! ```
//! use mmap_io::utils::{align_up, page_size};
//!
//! let page = page_size() as u64;
//! assert_eq!(align_up(page + 1, page), 2 * page);
//! ```

use crate::errors::Result;
use crate::{os, range};

/// Size of a memory page in bytes.
///
/// ```
/// assert!(mmap_io::utils::page_size().is_power_of_two());
/// ```
#[must_use]
pub fn page_size() -> usize {
    os::page_size()
}

/// The next multiple of `alignment` that is at least `value`; `u64::MAX` where there is none. An alignment of 0 changes
/// nothing.
///
/// ```
/// use mmap_io::utils::align_up;
///
/// assert_eq!(align_up(5000, 4096), 8192);
/// assert_eq!(align_up(5000, 0), 5000);
/// assert_eq!(align_up(u64::MAX, 4096), u64::MAX);
/// ```
#[must_use]
pub fn align_up(value: u64, alignment: u64) -> u64 {
    if alignment == 0 {
        return value;
    }
    value.checked_next_multiple_of(alignment).unwrap_or(u64::MAX)
}

/// Whether `len` bytes from `offset` on lie inside `total` bytes; the offset has to, also when there are no bytes.
///
/// # Errors
/// `OutOfBounds` when they do not.
///
/// ```
/// use mmap_io::utils::ensure_in_bounds;
///
/// assert!(ensure_in_bounds(4096, 1, 4096).is_err());
/// assert!(ensure_in_bounds(4096, 0, 4096).is_ok());
/// ```
pub fn ensure_in_bounds(offset: u64, len: u64, total: u64) -> Result<()> {
    range::check_strictly(offset, len, total)?;
    Ok(())
}

/// The same range as indices, start and end.
///
/// # Errors
/// `OutOfBounds` when the range does not lie inside `total` bytes.
///
/// ```
/// assert_eq!(mmap_io::utils::slice_range(10, 5, 100)?, (10, 15));
/// # Ok::<(), mmap_io::MmapIoError>(())
/// ```
pub fn slice_range(offset: u64, len: u64, total: u64) -> Result<(usize, usize)> {
    let range = range::check_strictly(offset, len, total)?;
    Ok((range.start, range.end))
}
