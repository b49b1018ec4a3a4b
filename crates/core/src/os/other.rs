//! Other Unix systems: the portable calls only. Not a target of the package; kept compiling.

use std::fs::File;

use crate::error::OsError;
use crate::os::Growth;

pub(crate) const HAS_RESIDENCY: bool = true;

/// Makes `file` `to` bytes long, as a hole: there is no portable call that allocates.
pub(crate) fn extend(file: &File, _from: u64, to: u64, _growth: Growth) -> Result<(), OsError> {
    file.set_len(to).map_err(|error| OsError::new("ftruncate", error))
}

pub(crate) fn after_sync(file: &File) -> Result<(), OsError> {
    file.sync_all().map_err(|error| OsError::new("fsync", error))
}

pub(crate) fn hides_residency(_file: &File) -> bool {
    false
}
